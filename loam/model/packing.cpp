#include "loam/model/packing.h"

#include <algorithm>
#include <numeric>

#include "loam/base/error.h"

namespace loam {

int64_t TokenRow::learned() const {
  int64_t n = 0;
  for (size_t i = 1; i < learn.size(); ++i) n += learn[i] != 0;
  return n;
}

bool trim_row(TokenRow& row, int64_t time, bool& cut) {
  LOAM_ASSERT(row.ids.size() == row.learn.size());
  size_t end = row.ids.size();
  while (end > 1 && row.learn[end - 1] == 0) --end;
  cut = static_cast<int64_t>(end) > time + 1;
  if (cut) end = static_cast<size_t>(time + 1);
  while (end > 1 && row.learn[end - 1] == 0) --end;
  row.ids.resize(end);
  row.learn.resize(end);
  return end > 1;
}

std::vector<PackedSequence> pack_rows(std::span<const int32_t> lengths, std::span<const int32_t> order, int64_t time, int64_t open) {
  struct Bin {
    PackedSequence rows;
    int64_t left;
  };
  std::vector<Bin> bins;
  std::vector<PackedSequence> out;
  auto give = [&](size_t b) {
    out.push_back(std::move(bins[b].rows));
    bins.erase(bins.begin() + static_cast<int64_t>(b));
  };
  for (const int32_t row : order) {
    const int64_t length = lengths[static_cast<size_t>(row)];
    LOAM_ASSERT(length > 0 && length <= time);
    size_t best = bins.size();
    for (size_t b = 0; b < bins.size(); ++b) {
      if (bins[b].left >= length && (best == bins.size() || bins[b].left < bins[best].left)) best = b;
    }
    if (best == bins.size()) bins.push_back({{}, time});
    bins[best].rows.push_back(row);
    bins[best].left -= length;
    if (bins[best].left == 0) {
      give(best);
    } else if (static_cast<int64_t>(bins.size()) > open) {
      size_t fullest = 0;
      for (size_t b = 1; b < bins.size(); ++b) {
        if (bins[b].left < bins[fullest].left) fullest = b;
      }
      give(fullest);
    }
  }
  while (!bins.empty()) give(0);
  return out;
}

PackedBatch lay_out(std::span<const TokenRow> rows, std::span<const PackedSequence> sequences, int64_t time, int32_t padding, bool whole, int64_t batch) {
  PackedBatch out;
  out.batch = std::max<int64_t>(batch, static_cast<int64_t>(sequences.size()));
  out.time = time;
  const auto n = static_cast<size_t>(out.batch * time);
  out.ids.assign(n, padding);
  out.positions.assign(n, 0);
  out.starts.resize(n);
  out.targets.assign(n, -1);
  for (size_t i = 0; i < n; ++i) out.starts[i] = static_cast<int32_t>(i % static_cast<size_t>(time));
  for (size_t s = 0; s < sequences.size(); ++s) {
    int64_t at = 0;
    for (const int32_t number : sequences[s]) {
      const TokenRow& row = rows[static_cast<size_t>(number)];
      const int64_t length = whole ? static_cast<int64_t>(row.ids.size()) : row.places();
      LOAM_ASSERT(length > 0 && at + length <= time);
      for (int64_t i = 0; i < length; ++i) {
        const size_t place = s * static_cast<size_t>(time) + static_cast<size_t>(at + i), next = static_cast<size_t>(i) + 1;
        out.ids[place] = row.ids[static_cast<size_t>(i)];
        out.positions[place] = static_cast<int32_t>(i);
        out.starts[place] = static_cast<int32_t>(at);
        if (whole || row.learn[next] == 0) continue;
        out.targets[place] = row.ids[next];
        ++out.learned;
      }
      at += length;
      out.ends.push_back(static_cast<int64_t>(s) * time + at - 1);
    }
  }
  return out;
}

std::vector<RowBatch> batch_rows(std::span<const int32_t> lengths, int64_t places, int64_t context) {
  std::vector<int32_t> order(lengths.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return lengths[static_cast<size_t>(a)] > lengths[static_cast<size_t>(b)]; });
  std::vector<RowBatch> out;
  std::vector<int64_t> left;  // in each sequence of the last batch
  int64_t most = 0;
  for (const int32_t row : order) {
    const int64_t length = lengths[static_cast<size_t>(row)];
    LOAM_ASSERT(length > 0 && length <= context);
    size_t best = left.size();
    for (size_t s = 0; s < left.size(); ++s) {
      if (left[s] >= length && (best == left.size() || left[s] < left[best])) best = s;
    }
    if (best == left.size()) {
      if (out.empty() || static_cast<int64_t>(left.size()) == most) {
        out.push_back({{}, std::min(context, (length + 15) / 16 * 16)});
        left.clear();
        most = std::max<int64_t>(1, places / out.back().time);
      }
      best = left.size();
      out.back().sequences.emplace_back();
      left.push_back(out.back().time);
    }
    out.back().sequences[best].push_back(row);
    left[best] -= length;
  }
  return out;
}

TokenBatch BatchBuffers::load(const PackedBatch& batch) {
  rows_ = batch.batch * batch.time;
  if (rows_ > capacity_) {
    capacity_ = rows_;
    ints_ = backend_.allocate(4 * rows_);
    floats_ = backend_.allocate(2 * rows_);
  }
  host_.clear();
  for (const auto* part : {&batch.ids, &batch.positions, &batch.starts, &batch.targets}) host_.insert(host_.end(), part->begin(), part->end());
  backend_.upload(ints_.ints(), host_.data(), 4 * rows_);
  TokenBatch out;
  out.batch = batch.batch;
  out.time = batch.time;
  out.ids = ints_.ints();
  out.positions = ints_.ints() + rows_;
  out.starts = ints_.ints() + 2 * rows_;
  return out;
}

}  // namespace loam

#include "loam/stages/finetune/split.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>
#include <unordered_map>

#include "loam/artifacts/labelled_data.h"
#include "loam/base/error.h"
#include "loam/base/hash.h"
#include "loam/base/random.h"
#include "loam/base/threads.h"

namespace loam {
namespace {

constexpr int64_t kBands = 16, kBandRows = 8, kHashes = kBands * kBandRows;
constexpr size_t kShingleWords = 3;
constexpr size_t kMostShingles = 4096;  // of one text: enough to know it by
constexpr size_t kMostCompared = 8;     // texts of one bucket that a newcomer is compared with

/// Hashes of a text's word triples, ascending, each once; shorter texts are one shingle.
std::vector<uint64_t> shingles(std::string_view form) {
  std::vector<uint64_t> out;
  std::vector<size_t> starts = {0};
  for (size_t i = 0; i < form.size(); ++i) {
    if (form[i] == ' ') starts.push_back(i + 1);
  }
  if (form.empty()) return out;
  if (starts.size() < kShingleWords) return {hash64(form)};
  for (size_t w = 0; w + kShingleWords <= starts.size() && out.size() < kMostShingles; ++w) {
    const size_t end = w + kShingleWords < starts.size() ? starts[w + kShingleWords] - 1 : form.size();
    out.push_back(hash64(form.substr(starts[w], end - starts[w])));
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

double jaccard(const std::vector<uint64_t>& a, const std::vector<uint64_t>& b) {
  size_t i = 0, j = 0, shared = 0;
  while (i < a.size() && j < b.size()) {
    if (a[i] == b[j]) {
      ++shared, ++i, ++j;
    } else if (a[i] < b[j]) {
      ++i;
    } else {
      ++j;
    }
  }
  const size_t all = a.size() + b.size() - shared;
  return all > 0 ? static_cast<double>(shared) / static_cast<double>(all) : 1;
}

int32_t root(std::vector<int32_t>& parent, int32_t i) {
  while (parent[static_cast<size_t>(i)] != i) {
    parent[static_cast<size_t>(i)] = parent[static_cast<size_t>(parent[static_cast<size_t>(i)])];
    i = parent[static_cast<size_t>(i)];
  }
  return i;
}

void join(std::vector<int32_t>& parent, int32_t a, int32_t b) {
  a = root(parent, a), b = root(parent, b);
  parent[static_cast<size_t>(std::max(a, b))] = std::min(a, b);  // the first row stays the group's name
}

}  // namespace

const char* part_name(Part part) { return part == Part::train ? "train" : part == Part::validation ? "validation" : "test"; }

int64_t Split::count(Part part) const { return std::count(parts.begin(), parts.end(), part); }

std::vector<int32_t> duplicate_groups(std::span<const std::string_view> texts, double near_duplicate) {
  const auto n = static_cast<int64_t>(texts.size());
  require_input(n <= INT32_MAX, n, " rows are more than can be split");
  std::vector<int32_t> parent(texts.size());
  std::iota(parent.begin(), parent.end(), 0);
  std::vector<std::vector<uint64_t>> sets(texts.size());
  std::vector<uint64_t> whole(texts.size()), bands(static_cast<size_t>(n * kBands));
  parallel_for(n, [&](int64_t i) {
    const std::string form = compared_form(texts[static_cast<size_t>(i)]);
    // A text without words is compared by its bytes.
    whole[static_cast<size_t>(i)] = form.empty() ? hash64(texts[static_cast<size_t>(i)], 1) : hash64(form);
    if (near_duplicate > 1) return;
    auto& set = sets[static_cast<size_t>(i)];
    set = shingles(form);
    std::array<uint64_t, kHashes> least;
    least.fill(~uint64_t{0});
    for (const uint64_t s : set) {
      for (size_t k = 0; k < kHashes; ++k) least[k] = std::min(least[k], mix64(s ^ (0x9e3779b97f4a7c15ull * (k + 1))));
    }
    for (int64_t b = 0; b < kBands; ++b) {
      uint64_t h = static_cast<uint64_t>(b);
      for (int64_t r = 0; r < kBandRows; ++r) h = mix64(h ^ least[static_cast<size_t>(b * kBandRows + r)]);
      bands[static_cast<size_t>(i * kBands + b)] = h;
    }
  });
  std::unordered_map<uint64_t, int32_t> first_with;
  for (int64_t i = 0; i < n; ++i) {
    const auto [it, fresh] = first_with.emplace(whole[static_cast<size_t>(i)], static_cast<int32_t>(i));
    if (!fresh) join(parent, it->second, static_cast<int32_t>(i));
  }
  if (near_duplicate <= 1) {
    std::vector<std::pair<uint64_t, int32_t>> bucket(texts.size());
    for (int64_t b = 0; b < kBands; ++b) {
      for (int64_t i = 0; i < n; ++i) bucket[static_cast<size_t>(i)] = {bands[static_cast<size_t>(i * kBands + b)], static_cast<int32_t>(i)};
      std::sort(bucket.begin(), bucket.end());
      for (size_t begin = 0; begin < bucket.size();) {
        size_t end = begin;
        std::vector<int32_t> seen;  // one of each group in this bucket
        while (end < bucket.size() && bucket[end].first == bucket[begin].first) {
          const int32_t i = bucket[end++].second;
          bool known = sets[static_cast<size_t>(i)].empty();
          for (size_t k = 0; k < seen.size() && !known; ++k) {
            if (root(parent, seen[k]) == root(parent, i)) {
              known = true;
            } else if (jaccard(sets[static_cast<size_t>(seen[k])], sets[static_cast<size_t>(i)]) >= near_duplicate) {
              join(parent, seen[k], i);
              known = true;
            }
          }
          if (!known && seen.size() < kMostCompared) seen.push_back(i);
        }
        begin = end;
      }
    }
  }
  for (int64_t i = 0; i < n; ++i) parent[static_cast<size_t>(i)] = root(parent, static_cast<int32_t>(i));
  return parent;
}

Split make_split(std::span<const SplitRow> rows, const SplitConfig& config) {
  require(config.validation >= 0 && config.test >= 0 && config.validation + config.test < 1, "the validation share ", config.validation,
          " and the test share ", config.test, " must be 0 or more and leave rows to learn from");
  Split out;
  std::vector<std::string_view> texts;
  for (const auto& row : rows) texts.push_back(row.text);
  out.group = duplicate_groups(texts, config.near_duplicate);
  out.parts.assign(rows.size(), Part::train);

  struct Group {
    uint64_t order;
    int32_t first;
    int64_t size = 0;
  };
  std::map<int32_t, Group> groups;
  std::map<int32_t, bool> contradicts;
  const uint64_t key = stream_key(config.seed, "finetune.split");
  for (size_t i = 0; i < rows.size(); ++i) {
    const int32_t g = out.group[i];
    auto [it, fresh] = groups.try_emplace(g);
    if (fresh) it->second = {hash64(rows[static_cast<size_t>(g)].text, key), g, 0};
    ++it->second.size;
    out.duplicates += !fresh;
    contradicts[g] = contradicts[g] || rows[i].label != rows[static_cast<size_t>(g)].label;
  }
  std::map<std::string_view, std::vector<Group>> strata;  // by the label of the group's first row
  for (const auto& [g, group] : groups) {
    strata[rows[static_cast<size_t>(g)].label].push_back(group);
    out.contradictions += contradicts[g];
  }
  std::map<int32_t, Part> part_of;
  for (auto& [label, members] : strata) {
    std::sort(members.begin(), members.end(), [](const Group& a, const Group& b) { return a.order != b.order ? a.order < b.order : a.first < b.first; });
    int64_t all = 0;
    for (const auto& group : members) all += group.size;
    auto wanted = [all, groups_here = members.size()](double share) {
      if (share <= 0) return int64_t{0};
      const auto rounded = static_cast<int64_t>(std::llround(share * static_cast<double>(all)));
      return groups_here >= 3 ? std::max<int64_t>(1, rounded) : rounded;
    };
    std::array<std::pair<Part, int64_t>, 2> open = {{{Part::test, wanted(config.test)}, {Part::validation, wanted(config.validation)}}};
    for (const auto& group : members) {
      for (auto& [part, room] : open) {
        if (room <= 0 || group.size > room) continue;
        part_of[group.first] = part;
        room -= group.size;
        break;
      }
    }
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    if (const auto it = part_of.find(out.group[i]); it != part_of.end()) out.parts[i] = it->second;
  }
  return out;
}

}  // namespace loam

#include "loam/infer/session.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "loam/base/error.h"
#include "loam/base/stop.h"

namespace loam {
namespace {

constexpr int64_t kPromptPiece = 512;  // tokens read at once: bounds the activations of a long prompt

}  // namespace

Session::Session(Transformer& model)
    : model_(model),
      cache_(model.config(), model.backend(), model.config().context),
      device_logits_(model.backend().allocate(model.head_rows())) {
  require(model.config().labels.empty(), "this model is a classifier: it labels texts (loam classify) and writes none");
  logits_.resize(static_cast<size_t>(model.head_rows()));
}

void Session::read(std::span<const int32_t> ids) {
  for (size_t at = 0; at < ids.size(); at += static_cast<size_t>(kPromptPiece)) {
    const auto n = static_cast<int64_t>(std::min(ids.size() - at, static_cast<size_t>(kPromptPiece)));
    const ConstMat hidden = model_.forward_cached(ids.data() + at, n, cache_);
    if (at + static_cast<size_t>(n) < ids.size()) continue;
    const Mat out(device_logits_.floats(), 1, model_.head_rows());
    model_.logits(out, hidden.range(n - 1, 1));
    model_.backend().download(logits_.data(), out.data, out.cols);
  }
}

void Session::feed(std::span<const int32_t> ids) {
  for (int32_t id : ids)
    require(id >= 0 && id < model_.config().vocab, "token ", id, " is outside the model's vocabulary of ",
            model_.config().vocab);
  if (ids.empty()) return;
  const int64_t context = model_.config().context;
  ids_.insert(ids_.end(), ids.begin(), ids.end());
  if (cache_.size() + static_cast<int64_t>(ids.size()) <= context) {
    read(ids);
    return;
  }
  forgot_ = true;
  const int64_t keep = std::min<int64_t>(size(), std::max<int64_t>(1, context / 2));
  ids_.erase(ids_.begin(), ids_.end() - keep);
  cache_.truncate(0);
  read(ids_);
}

void Session::rewind(int64_t size) {
  require(size >= 0 && size <= this->size() && !forgot_, "a session of ", this->size(), " tokens cannot go back to ",
          size);
  ids_.resize(static_cast<size_t>(size));
  cache_.truncate(std::max<int64_t>(0, size - 1));
  if (size > 0) read(std::span<const int32_t>(ids_).last(1));  // the logits after it
}

namespace {

/// The logits with all but those of `ids` at minus infinity.
std::vector<float> only(const std::vector<float>& logits, std::span<const int32_t> ids) {
  std::vector<float> out(logits.size(), -std::numeric_limits<float>::infinity());
  for (int32_t id : ids) {
    if (id < static_cast<int64_t>(logits.size())) out[static_cast<size_t>(id)] = logits[static_cast<size_t>(id)];
  }
  return out;
}

}  // namespace

int64_t generate(Session& session, std::span<const int32_t> prompt, int64_t max_tokens, const SampleSettings& settings,
                 std::span<const int32_t> stops, const std::function<bool(int32_t)>& each,
                 std::span<const int32_t> first) {
  require(!prompt.empty() || session.size() > 0, "there is nothing to continue: the prompt has no tokens");
  Sampler sampler(settings);
  session.feed(prompt);
  for (int64_t n = 0; n < max_tokens; ++n) {
    stop_if_requested("what was written so far stands");
    const int32_t id = sampler.draw(n == 0 && !first.empty() ? only(session.logits(), first) : session.logits());
    if (std::find(stops.begin(), stops.end(), id) != stops.end()) return n;
    if (!each(id)) return n + 1;
    if (n + 1 < max_tokens) session.feed({&id, 1});
  }
  return max_tokens;
}

std::vector<double> token_log_probs(Transformer& model, std::span<const int32_t> ids, int64_t stride) {
  const Backend& backend = model.backend();
  const int64_t context = model.config().context, n = static_cast<int64_t>(ids.size());
  require(stride >= 0 && stride <= context, "--stride ", stride, " is not in 0..", context, " (the model's context)");
  if (stride == 0) stride = context;
  for (int32_t id : ids)
    require(id >= 0 && id < model.config().vocab, "token ", id, " is outside the model's vocabulary of ",
            model.config().vocab);
  std::vector<double> out(static_cast<size_t>(n), std::nan(""));
  const int64_t longest = std::min(context, std::max<int64_t>(1, n - 1));
  model.plan(1, longest, false);
  const Buffer ints = backend.allocate(3 * longest), floats = backend.allocate(longest);
  std::vector<int32_t> host(static_cast<size_t>(3 * longest));
  std::vector<float> losses(static_cast<size_t>(longest));
  int64_t done = 1;  // tokens before it have their log probability (or are the first)
  while (done < n) {
    // The window predicts tokens up to `end`, from at most `context` tokens before.
    const int64_t end = std::min(n, done == 1 ? 1 + context : done + stride),
                  begin = std::max<int64_t>(0, end - 1 - context), length = end - 1 - begin;
    for (int64_t t = 0; t < length; ++t) {
      host[static_cast<size_t>(t)] = ids[static_cast<size_t>(begin + t)];
      host[static_cast<size_t>(length + t)] = begin + t + 1 >= done ? ids[static_cast<size_t>(begin + t + 1)] : -1;
      host[static_cast<size_t>(2 * length + t)] = static_cast<int32_t>(t);
    }
    backend.upload(ints.ints(), host.data(), 3 * length);
    TokenBatch batch;
    batch.batch = 1;
    batch.time = length;
    batch.ids = ints.ints();
    batch.positions = ints.ints() + 2 * length;
    const ConstMat hidden = model.forward(batch);
    model.losses(Vec(floats.floats(), length), hidden, ints.ints() + length);
    backend.download(losses.data(), floats.floats(), length);
    for (int64_t t = 0; t < length; ++t) {
      if (begin + t + 1 >= done)
        out[static_cast<size_t>(begin + t + 1)] = -static_cast<double>(losses[static_cast<size_t>(t)]);
    }
    done = end;
  }
  return out;
}

}  // namespace loam

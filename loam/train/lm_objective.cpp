#include "loam/train/lm_objective.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "loam/base/error.h"
#include "loam/base/random.h"

namespace loam {

WindowOrder::WindowOrder(int64_t tokens, int64_t context, uint64_t seed) : tokens_(tokens), context_(context), seed_(stream_key(seed, "windows")) {
  require_input(tokens >= context + 1, "the training split has ", tokens, " tokens; a window of --context ", context, " needs ", context + 1);
  // One window less than fits, so that every shift below `context` leaves room; but at least one.
  windows_ = std::max<int64_t>(1, (tokens - context) / context);
}

int64_t WindowOrder::begin(int64_t index) const {
  const int64_t epoch = index / windows_;
  const uint64_t key = random_bits(seed_, static_cast<uint64_t>(epoch));
  const int64_t room = tokens_ - (windows_ * context_ + 1);
  const int64_t shift = epoch == 0 ? 0 : static_cast<int64_t>(random_bits(key, 1) % static_cast<uint64_t>(std::min(room, context_ - 1) + 1));
  return shift + Permutation(windows_, key).at(index % windows_) * context_;
}

SplitLoss evaluate_split(Transformer& model, const TokenSplit& split, int64_t context, int64_t rows) {
  SplitLoss total;
  const int64_t n = split.token_count();
  if (n < 2) return total;
  const Backend& backend = model.backend();
  context = std::min(context, n - 1);
  const int64_t windows = (n - 1 + context - 1) / context, at_once = std::max<int64_t>(1, std::min(windows, rows / context));
  model.plan(at_once, context, false);
  const int64_t most = at_once * context;
  const Buffer ints = backend.allocate(3 * most), floats = backend.allocate(most);
  std::vector<int32_t> host(static_cast<size_t>(3 * most)), window(static_cast<size_t>(context + 1));
  std::vector<float> losses(static_cast<size_t>(most));
  for (int64_t first = 0; first < windows; first += at_once) {
    const int64_t count = std::min(at_once, windows - first);
    const int64_t used = count * context;
    for (int64_t w = 0; w < count; ++w) {
      const int64_t begin = (first + w) * context, length = std::min(context, n - 1 - begin);
      split.copy(begin, length + 1, window.data());
      for (int64_t t = 0; t < context; ++t) {
        const auto at = static_cast<size_t>(w * context + t);
        host[at] = t < length ? window[static_cast<size_t>(t)] : 0;
        host[static_cast<size_t>(used) + at] = t < length ? window[static_cast<size_t>(t + 1)] : -1;  // past the end: not counted
        host[static_cast<size_t>(2 * used) + at] = static_cast<int32_t>(t);
      }
      total.tokens += length;
    }
    backend.upload(ints.ints(), host.data(), 3 * used);
    TokenBatch batch;
    batch.batch = count;
    batch.time = context;
    batch.ids = ints.ints();
    batch.positions = ints.ints() + 2 * used;
    const ConstMat hidden = model.forward(batch);
    backend.head().loss(Vec(floats.floats(), used), {}, {}, hidden, model.head(), ints.ints() + used, {});
    backend.download(losses.data(), floats.floats(), used);
    for (int64_t i = 0; i < used; ++i) total.nats += static_cast<double>(losses[static_cast<size_t>(i)]);
  }
  return total;
}

LmObjective::LmObjective(const TokenSet& tokens, const LmSettings& settings, std::function<std::string(Transformer&)> sampler)
    : tokens_(tokens), settings_(settings), order_(tokens.train().token_count(), settings.context, settings.seed), sampler_(std::move(sampler)) {
  if (settings_.micro_batch <= 0) settings_.micro_batch = settings_.batch;
}

StepLoss LmObjective::accumulate(Transformer& model, int64_t step) {
  const Backend& backend = model.backend();
  const int64_t T = settings_.context, whole = settings_.batch * T;
  model.plan(settings_.micro_batch, T, true);
  const int64_t most = settings_.micro_batch * T;
  if (device_ints_.bytes() == 0) {
    device_ints_ = backend.allocate(3 * most);
    device_floats_ = backend.allocate(2 * most);
    host_.resize(static_cast<size_t>(3 * most));
    losses_.resize(static_cast<size_t>(most));
    window_.resize(static_cast<size_t>(T + 1));
    // Every token counts the same, however the batch is cut: the mean is over the whole of it.
    backend.elementwise().fill(Vec(device_floats_.floats() + most, most), 1.0f / static_cast<float>(whole));
  }
  StepLoss result;
  for (int64_t first = 0; first < settings_.batch; first += settings_.micro_batch) {
    const int64_t count = std::min(settings_.micro_batch, settings_.batch - first), used = count * T;
    for (int64_t b = 0; b < count; ++b) {
      tokens_.train().copy(order_.begin(step * settings_.batch + first + b), T + 1, window_.data());
      for (int64_t t = 0; t < T; ++t) {
        host_[static_cast<size_t>(b * T + t)] = window_[static_cast<size_t>(t)];
        host_[static_cast<size_t>(used + b * T + t)] = window_[static_cast<size_t>(t + 1)];
        host_[static_cast<size_t>(2 * used + b * T + t)] = static_cast<int32_t>(t);
      }
    }
    backend.upload(device_ints_.ints(), host_.data(), 3 * used);
    TokenBatch batch;
    batch.batch = count;
    batch.time = T;
    batch.ids = device_ints_.ints();
    batch.positions = device_ints_.ints() + 2 * used;
    batch.dropout = model.config().dropout > 0;
    batch.dropout_key = random_bits(stream_key(settings_.seed, "dropout"), static_cast<uint64_t>(step));
    batch.first_row = first * T;
    const ConstMat hidden = model.forward(batch);
    backend.head().loss(Vec(device_floats_.floats(), used), model.hidden_gradient(), model.head_gradient(), hidden, model.head(), device_ints_.ints() + used,
                        ConstVec(device_floats_.floats() + most, used));
    model.backward(batch);
    backend.download(losses_.data(), device_floats_.floats(), used);
    for (int64_t i = 0; i < used; ++i) result.loss += static_cast<double>(losses_[static_cast<size_t>(i)]);
  }
  result.loss /= static_cast<double>(whole);
  result.tokens = whole;
  return result;
}

Json LmObjective::evaluate(Transformer& model) {
  if (tokens_.val().token_count() < 2) return Json::object();
  const SplitLoss loss = evaluate_split(model, tokens_.val(), settings_.context, settings_.micro_batch * settings_.context);
  return {{"val_loss", loss.nats / static_cast<double>(loss.tokens)},
          {"bits_per_byte", loss.nats / std::numbers::ln2 / static_cast<double>(std::max<int64_t>(1, tokens_.val().text_bytes()))}};
}

Json LmObjective::origin(int64_t step) const {
  Json windows = Json::array();
  for (int64_t b = 0; b < settings_.batch; ++b) windows.push_back(order_.begin(step * settings_.batch + b));
  return {{"split", "train"}, {"tokens_a_window", settings_.context + 1}, {"windows", std::move(windows)}};
}

double LmObjective::flops(const Transformer& model, int64_t tokens) const {
  return training_flops_per_token(model.config(), settings_.context) * static_cast<double>(tokens);
}

}  // namespace loam

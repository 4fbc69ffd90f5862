#include "loam/stages/finetune/instruct/objective.h"

#include <algorithm>
#include <cmath>

#include "loam/base/error.h"
#include "loam/base/random.h"

namespace loam {

AnswerLoss answer_loss(Transformer& model, const std::vector<TokenRow>& rows, int64_t places) {
  AnswerLoss total;
  const Backend& backend = model.backend();
  const int64_t vocab = model.head().rows;
  std::vector<int32_t> lengths;
  for (const auto& row : rows) lengths.push_back(static_cast<int32_t>(row.places()));
  BatchBuffers buffers(backend);
  // Logits of a few rows at a time: the whole batch's would not be small.
  const int64_t piece = std::max<int64_t>(1, (int64_t{1} << 20) / vocab);
  const Buffer logits = backend.allocate(piece * vocab);
  std::vector<float> host(static_cast<size_t>(piece * vocab));
  for (const auto& group : batch_rows(lengths, places, model.config().context)) {
    const PackedBatch packed = lay_out(rows, group.sequences, group.time, static_cast<int32_t>(model.config().eos));
    model.plan(packed.batch, packed.time, /*training=*/false);
    const ConstMat hidden = model.forward(buffers.load(packed));
    const int64_t n = packed.batch * packed.time;
    for (int64_t first = 0; first < n; first += piece) {
      const int64_t count = std::min(piece, n - first);
      const auto* targets = packed.targets.data() + first;
      if (std::all_of(targets, targets + count, [](int32_t t) { return t < 0; })) continue;
      const Mat out(logits.floats(), count, vocab);
      backend.matmul().nt(out, hidden.range(first, count), model.head());
      backend.head().log_softmax(out);
      backend.download(host.data(), logits.floats(), count * vocab);
      for (int64_t i = 0; i < count; ++i) {
        if (targets[i] < 0) continue;
        const float* row = host.data() + i * vocab;
        ++total.tokens;
        total.nats -= static_cast<double>(row[targets[i]]);
        total.right += std::max_element(row, row + vocab) - row == targets[i];
      }
    }
  }
  return total;
}

AnswerObjective::AnswerObjective(const std::vector<TokenRow>& train, const std::vector<TokenRow>& validation, AnswerObjectiveSettings settings, const Backend& backend,
                                 std::function<Json(Transformer&)> scorer, std::function<std::string(Transformer&)> sampler)
    : train_(train), validation_(validation), settings_(std::move(settings)), scorer_(std::move(scorer)), sampler_(std::move(sampler)), buffers_(backend) {
  if (settings_.micro_batch <= 0 || settings_.micro_batch > settings_.batch) settings_.micro_batch = settings_.batch;
  for (const auto& row : train_) lengths_.push_back(static_cast<int32_t>(row.places()));
}

void AnswerObjective::pack_epoch(int64_t epoch) {
  const auto n = static_cast<int64_t>(train_.size());
  const Permutation shuffle(n, random_bits(stream_key(settings_.seed, "finetune.instruct.order"), static_cast<uint64_t>(epoch)));
  std::vector<int32_t> order;
  for (int64_t i = 0; i < n; ++i) order.push_back(static_cast<int32_t>(shuffle.at(i)));
  packed_ = pack_rows(lengths_, order, settings_.context);
  // The packer gives full sequences first: mixed again, so that a batch is not all long rows.
  Random random(random_bits(stream_key(settings_.seed, "finetune.instruct.mix"), static_cast<uint64_t>(epoch)), "mix");
  random.shuffle(std::span(packed_));
  packed_epoch_ = epoch;
}

const PackedSequence& AnswerObjective::sequence(int64_t index) {
  int64_t epoch = 0;
  for (;; ++epoch) {
    if (static_cast<size_t>(epoch) + 1 == ends_.size()) {
      pack_epoch(epoch);
      ends_.push_back(ends_.back() + static_cast<int64_t>(packed_.size()));
    }
    if (index < ends_[static_cast<size_t>(epoch) + 1]) break;
  }
  if (packed_epoch_ != epoch) pack_epoch(epoch);
  return packed_[static_cast<size_t>(index - ends_[static_cast<size_t>(epoch)])];
}

int64_t AnswerObjective::steps(double epochs) {
  const auto whole = static_cast<int64_t>(epochs);
  double sequences = 0;
  for (int64_t e = 0; e <= whole; ++e) {
    if (static_cast<size_t>(e) + 1 >= ends_.size()) {
      pack_epoch(e);
      ends_.push_back(ends_.back() + static_cast<int64_t>(packed_.size()));
    }
    const auto count = static_cast<double>(ends_[static_cast<size_t>(e) + 1] - ends_[static_cast<size_t>(e)]);
    sequences += e < whole ? count : count * (epochs - static_cast<double>(whole));
  }
  return std::max<int64_t>(1, static_cast<int64_t>(std::ceil(sequences / static_cast<double>(settings_.batch) - 1e-9)));
}

StepLoss AnswerObjective::accumulate(Transformer& model, int64_t step) {
  const Backend& backend = model.backend();
  std::vector<PackedSequence> sequences;
  int64_t learned = 0;
  for (int64_t b = 0; b < settings_.batch; ++b) {
    sequences.push_back(sequence(step * settings_.batch + b));
    for (const int32_t row : sequences.back()) learned += train_[static_cast<size_t>(row)].learned();
  }
  model.plan(settings_.micro_batch, settings_.context, /*training=*/true);
  StepLoss result;
  for (int64_t first = 0; first < settings_.batch; first += settings_.micro_batch) {
    const int64_t count = std::min(settings_.micro_batch, settings_.batch - first);
    const PackedBatch packed = lay_out(train_, std::span(sequences).subspan(static_cast<size_t>(first), static_cast<size_t>(count)), settings_.context,
                                       static_cast<int32_t>(model.config().eos));
    const int64_t n = packed.batch * packed.time;
    TokenBatch batch = buffers_.load(packed);
    batch.dropout = model.config().dropout > 0;
    batch.dropout_key = random_bits(stream_key(settings_.seed, "dropout"), static_cast<uint64_t>(step));
    batch.first_row = first * settings_.context;
    backend.elementwise().fill(buffers_.weights(), 1.0f / static_cast<float>(learned));
    const ConstMat hidden = model.forward(batch);
    backend.head().loss(buffers_.losses(), model.hidden_gradient(), model.head_gradient(), hidden, model.head(), buffers_.targets(), buffers_.weights());
    model.backward(batch);
    losses_.resize(static_cast<size_t>(n));
    backend.download(losses_.data(), buffers_.losses().data, n);
    for (const float loss : losses_) result.loss += static_cast<double>(loss);
    result.tokens += n;
  }
  result.loss /= static_cast<double>(learned);
  return result;
}

Json AnswerObjective::evaluate(Transformer& model) {
  if (validation_.empty()) return Json::object();
  const AnswerLoss loss = answer_loss(model, validation_, settings_.micro_batch * settings_.context);
  const double n = static_cast<double>(std::max<int64_t>(1, loss.tokens));
  Json out = {{"val_loss", loss.nats / n}, {"val_accuracy", static_cast<double>(loss.right) / n}};
  if (scorer_) out.update(scorer_(model));
  return out;
}

double AnswerObjective::flops(const Transformer& model, int64_t tokens) const {
  return training_flops_per_token(model.config(), settings_.context) * static_cast<double>(tokens);
}

}  // namespace loam

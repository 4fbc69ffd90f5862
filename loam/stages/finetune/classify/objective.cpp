#include "loam/stages/finetune/classify/objective.h"

#include <algorithm>
#include <cmath>

#include "loam/base/error.h"
#include "loam/base/random.h"
#include "loam/infer/text_classifier.h"

namespace loam {

ClassObjective::ClassObjective(const ClassRows& train, const ClassRows& validation, ClassObjectiveSettings settings, const Backend& backend)
    : train_(train), validation_(validation), settings_(std::move(settings)), buffers_(backend) {
  greater_is_better(settings_.metric);  // refuses unknown names
}

int64_t ClassObjective::steps(double epochs) const {
  return std::max<int64_t>(1, static_cast<int64_t>(std::ceil(epochs * static_cast<double>(train_.size()) / static_cast<double>(settings_.batch))));
}

ClassObjective::StepRows ClassObjective::rows_of(int64_t step) const {
  StepRows out;
  const int64_t n = train_.size();
  const uint64_t key = stream_key(settings_.seed, "finetune.classify.order");
  std::vector<int32_t> rows, lengths, order;
  for (int64_t i = 0; i < settings_.batch; ++i) {
    const int64_t at = step * settings_.batch + i;
    const int64_t row = Permutation(n, random_bits(key, static_cast<uint64_t>(at / n))).at(at % n);
    rows.push_back(static_cast<int32_t>(row));
    lengths.push_back(static_cast<int32_t>(train_.texts[static_cast<size_t>(row)].ids.size()));
    order.push_back(static_cast<int32_t>(i));
  }
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return lengths[static_cast<size_t>(a)] > lengths[static_cast<size_t>(b)]; });
  const int64_t longest = lengths[static_cast<size_t>(order[0])];
  out.time = std::min(settings_.context, (longest + 15) / 16 * 16);
  out.sequences = pack_rows(lengths, order, out.time, settings_.batch);
  for (auto& sequence : out.sequences) {  // from the step's numbers to the data's
    for (auto& item : sequence) item = rows[static_cast<size_t>(item)];
  }
  return out;
}

int64_t ClassObjective::most_places(int64_t steps) const {
  int64_t most = 0;
  for (int64_t step = 0; step < steps; ++step) {
    const StepRows rows = rows_of(step);
    most = std::max(most, static_cast<int64_t>(rows.sequences.size()) * rows.time);
  }
  return most;
}

StepLoss ClassObjective::accumulate(Transformer& model, int64_t step) {
  const Backend& backend = model.backend();
  const StepRows rows = rows_of(step);
  PackedBatch packed = lay_out(train_.texts, rows.sequences, rows.time, static_cast<int32_t>(model.config().eos), /*whole=*/true);
  const int64_t n = packed.batch * packed.time;
  weights_.assign(static_cast<size_t>(n), 0);
  losses_.resize(static_cast<size_t>(n));
  double all = 0;
  size_t next = 0;
  for (const auto& sequence : rows.sequences) {
    for (const int32_t row : sequence) {
      const int32_t target = train_.classes[static_cast<size_t>(row)];
      const auto end = static_cast<size_t>(packed.ends[next++]);
      packed.targets[end] = target;
      weights_[end] = settings_.weights[static_cast<size_t>(target)];
      all += static_cast<double>(weights_[end]);
    }
  }
  for (auto& w : weights_) w = static_cast<float>(static_cast<double>(w) / all);
  model.plan(packed.batch, packed.time, /*training=*/true);
  TokenBatch batch = buffers_.load(packed);
  batch.dropout = model.config().dropout > 0;
  batch.dropout_key = random_bits(stream_key(settings_.seed, "dropout"), static_cast<uint64_t>(step));
  backend.upload(buffers_.weights().data, weights_.data(), n);
  const ConstMat hidden = model.forward(batch);
  backend.head().loss(buffers_.losses(), model.hidden_gradient(), model.head_gradient(), hidden, model.head(), buffers_.targets(), buffers_.weights());
  model.backward(batch);
  backend.download(losses_.data(), buffers_.losses().data, n);
  StepLoss result;
  for (size_t i = 0; i < losses_.size(); ++i) result.loss += static_cast<double>(losses_[i]) * static_cast<double>(weights_[i]);
  result.tokens = n;
  return result;
}

std::vector<Prediction> predict_rows(Transformer& model, const ClassRows& rows, int64_t places) {
  auto scores = label_scores(model, rows.texts, places);
  std::vector<Prediction> out(rows.texts.size());
  for (size_t i = 0; i < out.size(); ++i) out[i] = {rows.classes[i], std::move(scores[i])};
  return out;
}

Json ClassObjective::evaluate(Transformer& model) {
  if (validation_.size() == 0) return Json::object();
  const auto predictions = predict_rows(model, validation_, settings_.batch * settings_.context);
  const int64_t classes = std::max<int64_t>(static_cast<int64_t>(model.config().labels.size()), *std::max_element(validation_.classes.begin(), validation_.classes.end()) + 1);
  Json out = {{"val_loss", classification_metric("log_loss", predictions, classes)}};
  for (const char* name : {"accuracy", "macro_f1", "mcc"}) out[name] = classification_metric(name, predictions, classes);
  if (!out.contains(settings_.metric)) out[settings_.metric] = classification_metric(settings_.metric, predictions, classes);
  return out;
}

double ClassObjective::flops(const Transformer& model, int64_t tokens) const {
  // Attention is counted for the widest texts; most are shorter, and its share is small.
  return training_flops_per_token(model.config(), settings_.context) * static_cast<double>(tokens);
}

}  // namespace loam

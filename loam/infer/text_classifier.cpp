#include "loam/infer/text_classifier.h"

#include <algorithm>
#include <cmath>

#include "loam/base/error.h"
#include "loam/base/json.h"

namespace loam {

std::vector<int32_t> classifier_ids(const Tokenizer& tokenizer, std::string_view text, int64_t limit, bool keep_start, bool* cut) {
  std::vector<int32_t> ids = tokenizer.prefix_ids();
  const auto prefix = static_cast<int64_t>(ids.size());
  tokenizer.encode(text, ids);
  const int64_t over = static_cast<int64_t>(ids.size()) - limit;
  if (cut != nullptr) *cut = over > 0;
  if (over > 0) {
    const int64_t from = keep_start ? limit : std::min(prefix, limit);
    ids.erase(ids.begin() + from, ids.begin() + from + over);
  }
  if (ids.empty()) ids.push_back(tokenizer.eot_id());
  return ids;
}

std::vector<std::vector<float>> label_scores(Transformer& model, std::span<const TokenRow> rows, int64_t places) {
  const auto labels = static_cast<int64_t>(model.config().labels.size());
  const Backend& backend = model.backend();
  std::vector<std::vector<float>> out(rows.size());
  std::vector<int32_t> lengths;
  for (const auto& row : rows) lengths.push_back(static_cast<int32_t>(row.ids.size()));
  BatchBuffers buffers(backend);
  Buffer logits;
  std::vector<float> host;
  const auto padding = static_cast<int32_t>(model.config().eos);
  for (const auto& group : batch_rows(lengths, places, model.config().context)) {
    const PackedBatch packed = lay_out(rows, group.sequences, group.time, padding, /*whole=*/true);
    model.plan(packed.batch, packed.time, /*training=*/false);
    const int64_t n = packed.batch * packed.time;
    const ConstMat hidden = model.forward(buffers.load(packed));
    if (logits.bytes() < 4 * n * labels) logits = backend.allocate(n * labels);
    const Mat all(logits.floats(), n, labels);
    model.logits(all, hidden);
    backend.head().log_softmax(all);
    host.resize(static_cast<size_t>(n * labels));
    backend.download(host.data(), logits.floats(), n * labels);
    size_t next = 0;
    for (const auto& sequence : group.sequences) {
      for (const int32_t row : sequence) {
        const float* from = host.data() + packed.ends[next++] * labels;
        auto& scores = out[static_cast<size_t>(row)];
        for (int64_t k = 0; k < labels; ++k) scores.push_back(std::exp(from[k]));
      }
    }
  }
  return out;
}

TextClassifier::TextClassifier(const std::filesystem::path& folder) : TextClassifier(open_for_answers(folder), folder) {}

TextClassifier::TextClassifier(OpenedModel open, const std::filesystem::path& folder) : model_(std::move(open.model)), tokenizer_(std::move(open.tokenizer)) {
  require_input(!model_->config().labels.empty(), folder, " is a language model without labels, no classifier (loam finetune classify makes one of it)");
  const Json& settings = tokenizer_.config();
  const int64_t context = model_->config().context;
  limit_ = std::clamp<int64_t>(get_int(settings, "model_max_length", context), 1, context);
  keep_start_ = get_string(settings, "truncation_side", "right") != "left";
}

std::vector<std::vector<float>> TextClassifier::classify(std::span<const std::string> texts) {
  std::vector<TokenRow> rows;
  for (const auto& text : texts) {
    bool cut = false;
    rows.push_back({classifier_ids(tokenizer_, text, limit_, keep_start_, &cut), {}});
    cut_ += cut;
  }
  return label_scores(*model_, rows, 4096);
}

}  // namespace loam

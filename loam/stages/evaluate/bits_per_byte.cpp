// How well a model predicts text: bits per byte, with an interval.
#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "loam/artifacts/tokens.h"
#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/hash.h"
#include "loam/base/stop.h"
#include "loam/infer/session.h"
#include "loam/metrics/scores_json.h"
#include "loam/stages/evaluate/tasks.h"

namespace loam {
namespace {

constexpr int64_t kFewDocuments = 30;  // below, stretches of text are resampled instead of documents

/// Nats and bytes by unit of resampling.
struct Units {
  std::vector<double> nats, bytes;
  const char* what = "documents";
};

struct Measured {
  double nats = 0, bytes = 0;
  int64_t tokens = 0, documents = 0;
  Units documents_units, windows_units;
};

/// Windows that share one token, as pre-training's own evaluation reads them.
Measured measure(Subject& subject, const std::function<void(int64_t, int64_t, int32_t*)>& copy, int64_t count, int32_t eot, Progress& progress) {
  Measured m;
  const int64_t context = subject.model->config().context, piece = 16 * context;
  std::vector<int32_t> ids;
  auto add = [&](Units& units, bool fresh, double nats, double bytes) {
    if (fresh || units.nats.empty()) units.nats.push_back(0), units.bytes.push_back(0);
    units.nats.back() += nats;
    units.bytes.back() += bytes;
  };
  for (int64_t begin = 0; begin + 1 < count; begin += piece) {
    stop_if_requested("nothing was written");
    const int64_t length = std::min(piece + 1, count - begin);
    ids.resize(static_cast<size_t>(length));
    copy(begin, length, ids.data());
    if (begin == 0) m.documents = ids[0] == eot;
    const auto log_probs = token_log_probs(*subject.model, ids);
    for (int64_t i = 1; i < length; ++i) {
      const int32_t id = ids[static_cast<size_t>(i)];
      const double nats = -log_probs[static_cast<size_t>(i)];
      const double bytes = subject.tokenizer.is_special(id) ? 0 : static_cast<double>(subject.tokenizer.bytes(id).size());
      m.documents += id == eot;
      m.nats += nats;
      m.bytes += bytes;
      ++m.tokens;
      add(m.documents_units, id == eot, nats, bytes);
      add(m.windows_units, (begin + i - 1) % context == 0, nats, bytes);
    }
    progress.update(begin + length, count, "tokens");
  }
  m.windows_units.what = "windows";
  return m;
}

}  // namespace

TaskScores score_bits_per_byte(Subject& subject, const std::string& path, const TaskOptions& options, Progress& progress, std::vector<ArtifactInput>& inputs) {
  require_input(!subject.classifier(), subject.folder, " is a classifier; bits per byte are a language model's");
  std::string where = path;
  if (where.empty()) {
    for (const auto& input : subject.inputs) {
      if (input.kind == "tokens" && is_artifact(input.path)) where = input.path;
    }
    require(!where.empty(), "say what to predict: --task bits_per_byte=FOLDER, a tokens folder, or a text file");
  }
  const int32_t eot = subject.tokenizer.eot_id();
  Measured m;
  TaskScores out;
  out.name = "bits_per_byte";
  out.dataset = where;
  int64_t words = 0;
  if (is_artifact(where)) {
    const TokenSet tokens = TokenSet::open(where);
    inputs.push_back(tokens.artifact().as_input());
    require_input(sha256_file(tokens.folder() / "tokenizer.json") == sha256_file(subject.folder / "tokenizer.json"), where, " was made with another tokenizer than ", subject.folder,
                  "; give the text itself");
    require_input(tokens.val().token_count() > 1, where, " has no val part (--val-fraction 0)");
    m = measure(subject, [&](int64_t begin, int64_t count, int32_t* to) { tokens.val().copy(begin, count, to); }, tokens.val().token_count(), eot, progress);
  } else {
    const std::string text = read_file(where, int64_t{1} << 31);
    require_input(!text.empty(), where, " is empty");
    inputs.push_back(file_input(where));
    std::vector<int32_t> ids = {eot};
    subject.tokenizer.encode(text, ids);
    bool space = true;
    for (const char c : text) {
      const bool now = c == ' ' || (c >= '\t' && c <= '\r');
      words += space && !now;
      space = now;
    }
    m = measure(subject, [&](int64_t begin, int64_t count, int32_t* to) { std::copy_n(ids.begin() + begin, count, to); }, static_cast<int64_t>(ids.size()), eot, progress);
  }
  const Units& units = m.documents >= kFewDocuments ? m.documents_units : m.windows_units;
  auto ratio = [&](std::span<const int32_t> rows, double* to) {
    double nats = 0, bytes = 0;
    for (const int32_t r : rows) {
      nats += units.nats[static_cast<size_t>(r)];
      bytes += units.bytes[static_cast<size_t>(r)];
    }
    to[0] = nats / std::numbers::ln2 / std::max(1.0, bytes);
  };
  const Interval interval = bootstrap_intervals(static_cast<int64_t>(units.nats.size()), 1, ratio, {.seed = options.seed})[0];
  const double bits = m.nats / std::numbers::ln2 / std::max(1.0, m.bytes);
  out.output_type = "loglikelihood_rolling";
  out.examples = out.original = m.documents;
  out.metrics.push_back({"bits_per_byte", bits, (interval.high - interval.low) / 3.92, false});
  out.metrics.push_back({"byte_perplexity", std::exp2(bits), {}, false});
  if (words > 0) out.metrics.push_back({"word_perplexity", std::exp(m.nats / static_cast<double>(words)), {}, false});
  out.detail = {{"bits_per_byte", to_json(Estimate{bits, interval, 0})}, {"resampled", units.what}, {"tokens", m.tokens}, {"bytes", m.bytes}, {"documents", m.documents},
                {"nats_a_token", m.nats / static_cast<double>(std::max<int64_t>(1, m.tokens))}};
  return out;
}

}  // namespace loam

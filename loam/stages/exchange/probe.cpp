#include "loam/stages/exchange/probe.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "loam/base/error.h"
#include "loam/base/stop.h"
#include "loam/infer/session.h"

namespace loam {
namespace {

constexpr int64_t kLongestPrompt = 48, kContinued = 16;

int32_t first_choice(const float* logits, int64_t count) { return static_cast<int32_t>(std::max_element(logits, logits + count) - logits); }

std::vector<int32_t> continue_greedily(Transformer& model, const std::vector<int32_t>& prompt) {
  const int64_t room = std::min(kContinued, model.config().context - static_cast<int64_t>(prompt.size()));
  std::vector<int32_t> out;
  if (room < 1) return out;
  Session session(model);
  session.feed(prompt);
  while (static_cast<int64_t>(out.size()) < room) {
    out.push_back(first_choice(session.logits().data(), static_cast<int64_t>(session.logits().size())));
    if (static_cast<int64_t>(out.size()) < room) session.feed({&out.back(), 1});
  }
  return out;
}

}  // namespace

const std::vector<std::string>& probe_texts() {
  static const std::vector<std::string> kTexts = {
      "Once upon a time, there was a little girl named Lily. She loved to play outside in the",
      "The capital of France is Paris, and the capital of Italy is",
      "def add(a, b):\n    return a + b\n\nprint(add(2, 3))\n",
      "In 1969, 3.14159 and 1,234,567.89 were numbers; 12 + 30 =",
      "Le caf\u00e9 \u00e9tait ferm\u00e9. \u041f\u0440\u0438\u0432\u0435\u0442! \u4f60\u597d\uff0c\u4e16\u754c \U0001f600",
      "  two spaces,\ta tab\n\n\nand three line ends",
      "User: What is the opposite of hot?\nAssistant:",
  };
  return kTexts;
}

std::vector<std::vector<int32_t>> probe_prompts(const Tokenizer& tokenizer, int64_t context) {
  std::vector<std::vector<int32_t>> out;
  for (const std::string& text : probe_texts()) {
    std::vector<int32_t> ids = tokenizer.prefix_ids();
    tokenizer.encode(text, ids);
    ids.resize(std::min(ids.size(), static_cast<size_t>(std::min(kLongestPrompt, context))));
    out.push_back(std::move(ids));
  }
  return out;
}

Answers answers_of(Transformer& model, const std::vector<std::vector<int32_t>>& prompts) {
  const Backend& backend = model.backend();
  const bool classifier = !model.config().labels.empty();
  Answers out;
  out.vocab = model.head_rows();
  model.plan(1, std::min(kLongestPrompt, model.config().context), false);
  for (size_t i = 0; i < prompts.size(); ++i) {
    stop_if_requested("nothing was left behind");
    const auto& prompt = prompts[i];
    const auto time = static_cast<int64_t>(prompt.size());
    std::vector<int32_t> host(prompt);
    for (int64_t t = 0; t < time; ++t) host.push_back(static_cast<int32_t>(t));
    const Buffer ints = backend.allocate(2 * time), floats = backend.allocate(time * out.vocab);
    backend.upload(ints.ints(), host.data(), 2 * time);
    TokenBatch batch;
    batch.batch = 1;
    batch.time = time;
    batch.ids = ints.ints();
    batch.positions = ints.ints() + time;
    const ConstMat hidden = model.forward(batch);
    const int64_t rows = classifier ? 1 : time;
    model.logits(Mat(floats.floats(), rows, out.vocab), hidden.range(time - rows, rows));
    std::vector<float> logits(static_cast<size_t>(rows * out.vocab));
    backend.download(logits.data(), floats.floats(), rows * out.vocab);
    require_input(std::all_of(logits.begin(), logits.end(), [](float x) { return std::isfinite(x); }), "the model's answer to the text \"", probe_texts()[i].substr(0, 24),
                  "...\" is no number: its weights are damaged");
    out.logits.push_back(std::move(logits));
    if (!classifier) out.greedy.push_back(continue_greedily(model, prompt));
  }
  return out;
}

Agreement compare(const Answers& a, const Answers& b) {
  Agreement out;
  const int64_t common = std::min(a.vocab, b.vocab);
  double spreads = 0, all_squares = 0;
  for (size_t i = 0; i < a.logits.size(); ++i) {
    const int64_t rows = static_cast<int64_t>(a.logits[i].size()) / a.vocab;
    for (int64_t r = 0; r < rows; ++r) {
      const float *x = a.logits[i].data() + r * a.vocab, *y = b.logits[i].data() + r * b.vocab;
      double sum = 0, squares = 0;
      for (int64_t v = 0; v < common; ++v) {
        const double difference = static_cast<double>(x[v]) - static_cast<double>(y[v]);
        out.largest = std::max(out.largest, std::fabs(difference));
        all_squares += difference * difference;
        sum += x[v];
        squares += static_cast<double>(x[v]) * x[v];
      }
      const auto n = static_cast<double>(common);
      spreads += std::sqrt(std::max(0.0, squares / n - sum / n * sum / n));
      ++out.positions;
      if (first_choice(x, common) == first_choice(y, common)) ++out.same_first;
    }
  }
  if (out.positions > 0) {
    out.spread = spreads / static_cast<double>(out.positions);
    out.rms = std::sqrt(all_squares / static_cast<double>(out.positions * common));
  }
  for (size_t i = 0; i < std::min(a.greedy.size(), b.greedy.size()); ++i) {
    const auto &x = a.greedy[i], &y = b.greedy[i];
    const size_t n = std::min(x.size(), y.size());
    out.greedy_tokens += static_cast<int64_t>(n);
    out.same_greedy += std::mismatch(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(n), y.begin()).first - x.begin();
  }
  return out;
}

Json to_json(const Agreement& found) {
  return {{"largest_logit_difference", found.largest},
          {"rms_logit_difference", found.rms},
          {"logit_spread", found.spread},
          {"positions", found.positions},
          {"same_first_choice", found.same_first},
          {"greedy_tokens", found.greedy_tokens},
          {"same_greedy_tokens", found.same_greedy},
          {"greedy_agreement", found.positions > 0 ? static_cast<double>(found.same_first) / static_cast<double>(found.positions) : 1.0}};
}

std::string to_text(const Agreement& found) {
  return fmt::format("largest logit difference {:.3g} ({:.2g} % of the logits' spread of {:.3g}; root mean square {:.2g} %), the same first choice at {} of {} positions, {} of {} tokens of greedy texts the same", found.largest,
                     100 * found.in_spreads(), found.spread, 100 * found.rms_in_spreads(), found.same_first, found.positions, found.same_greedy, found.greedy_tokens);
}

}  // namespace loam

// loam score: how likely does a model find a text?
#include <cmath>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <numbers>

#include "cli/verbs.h"
#include "loam/base/files.h"
#include "loam/infer/open.h"
#include "loam/infer/session.h"

namespace loam {
namespace {

struct ScoreConfig {
  int64_t stride = 0;
  static void fields(auto&& f) { f("stride", &ScoreConfig::stride, "tokens a window goes on by, in texts longer than the context; 0: the context"); }
  void validate() const {}
};

Json score_text(Transformer& model, const Tokenizer& tokenizer, const std::string& text, int64_t stride) {
  std::vector<int32_t> ids = tokenizer.prefix_ids();
  tokenizer.encode(text, ids);
  const std::vector<double> log_probs = token_log_probs(model, ids, stride);
  double nll = 0;
  int64_t bytes = 0;
  Json values = Json::array();
  for (size_t i = 0; i < ids.size(); ++i) {
    if (i == 0) {
      values.push_back(nullptr);
      continue;
    }
    values.push_back(log_probs[i]);
    nll -= log_probs[i];
    bytes += static_cast<int64_t>(tokenizer.bytes(ids[i]).size());
  }
  return {{"tokens", ids}, {"logprobs", std::move(values)}, {"nll", nll}, {"bits_per_byte", bytes > 0 ? Json(nll / std::numbers::ln2 / static_cast<double>(bytes)) : Json(nullptr)}};
}

}  // namespace

void add_score(Cli& cli) {
  Verb& verb = cli.add("score", "log probabilities of a text's tokens, as JSON lines", "echo \"All is well.\" | loam score run/base -");
  auto path = verb.positional("model", "a model folder or a .gguf file");
  auto file = verb.positional("file", "the text; - or nothing: standard input", false);
  auto lines = verb.flag("lines", "each line is a text");
  auto config = verb.config<ScoreConfig>("score");
  verb.run([=](Run& run) {
    const OpenedModel open = open_for_answers(*path);
    for (const auto& warning : open.warnings) run.progress().warn(warning);
    require(open.model->config().labels.empty(), *path, " is a classifier; score wants a language model");
    const std::string input = file->empty() || *file == "-" ? std::string(std::istreambuf_iterator<char>(std::cin), {}) : read_file(*file);
    double nll = 0;
    int64_t documents = 0, tokens = 0;
    auto one = [&](const std::string& text) {
      const Json row = score_text(*open.model, open.tokenizer, text, config->stride);
      std::cout << to_line(row) << "\n";
      nll += row["nll"].get<double>();
      tokens += static_cast<int64_t>(row["tokens"].size());
      ++documents;
    };
    if (!*lines) {
      one(input);
    } else {
      for (size_t at = 0; at < input.size();) {
        const size_t end = std::min(input.find('\n', at), input.size());
        one(input.substr(at, end - at));
        at = end + 1;
      }
    }
    return report({{"documents", documents}, {"tokens", tokens}, {"nll", nll}});
  });
}

}  // namespace loam

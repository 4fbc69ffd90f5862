// Two forms of one model side by side: do they cut text alike and answer alike?
//
//   Verified found = verify_forms("runs/x/base", "base-q4.gguf", 0, progress);     // or "http://127.0.0.1:8080/v1"
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "loam/base/error.h"
#include "loam/base/progress.h"
#include "loam/stages/exchange/probe.h"

namespace loam {

struct VerifyConfig {
  double tolerance = 0;
  static void fields(auto&& f) {
    f("tolerance", &VerifyConfig::tolerance, "largest difference that passes: of logits, in their spreads; of a server's log probabilities, in nats; 0: what the coarser number type allows");
  }
  void validate() const { require(tolerance >= 0, "--tolerance ", tolerance, " must not be negative"); }
};

struct Verified {
  std::string first, second;         ///< what they are: "hf, F32 21"
  bool by_server = false;            ///< then `agreement` has greedy tokens alone, and the difference is of log probabilities
  Agreement agreement;
  double largest_logprob_difference = 0;
  int64_t compared_logprobs = 0;
  double allowed = 0;
  std::vector<std::string> differences;  ///< beyond numbers: ids of a text, a chat template, ids that end an answer
  bool same() const { return differences.empty(); }
};

/// `a` and `b`: a model folder (loam's or Hugging Face's), a GGUF file, or (one of them) an OpenAI-style address. Logits
/// are compared at every token of the probe texts; with an address the greedy continuations and their log probabilities.
/// Differences over the tolerance are among `differences`. Throws Error{input} for what is no model, Error{device} for an
/// address that cannot be reached.
Verified verify_forms(const std::string& a, const std::string& b, const VerifyConfig& config, Progress& progress);

}  // namespace loam

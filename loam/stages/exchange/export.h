// Model folders to other programs' files, each reopened and compared before it is called done.
//
//   ExportConfig config{.format = "gguf", .type = "q4_k"};
//   ExportedModel made = export_model("runs/x/base", config, "base.gguf", /*force=*/false, progress);
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "loam/base/error.h"
#include "loam/base/progress.h"
#include "loam/stages/exchange/probe.h"

namespace loam {

struct ExportConfig {
  std::string format, type;
  static void fields(auto&& f) {
    f("format", &ExportConfig::format, "hf: a Hugging Face folder; gguf: one file for llama.cpp and its kin");
    f("type", &ExportConfig::type, "numbers: f32, f16 or bf16; for gguf also q8_0, q4_0 or q4_k. Nothing: as the model has them");
  }
  void validate() const { require(format == "hf" || format == "gguf", "--format ", format.empty() ? "is missing" : format, ": wanted hf or gguf"); }
};

struct ExportedModel {
  std::string type;              ///< as written: "q4_k"
  int64_t bytes = 0;
  std::vector<std::string> files;
  Agreement agreement;           ///< of the reopened files with the model
  double allowed = 0;            ///< the most that Agreement::in_spreads() may be for the type
};

/// The most that the largest difference of logits may be, in their spreads, when all numbers are rounded to `type`.
double allowed_spreads(const std::string& type);
/// The same for the root of their mean square: one number that is far off can be chance, all of them being off is not.
double allowed_rms(const std::string& type);

/// The ids that end a text, and those that the chat template ends an answer with.
std::vector<int64_t> with_turn_ends(std::vector<int64_t> stops, const Tokenizer& tokenizer);

/// Writes the folder or file `out`, with tokenizer, special tokens, chat template, ids that end an answer, and where the
/// model came from (hashes of what it was made from). Then reads it again as import does, and compares: the tokenizer on
/// the probe texts, the stop ids, the logits. What was found is stored: in `verify.json` of a folder, in
/// `<file>.verify.json` beside a file. Throws Error{input} if a difference is over what the type allows, or where the form
/// cannot hold the model; then nothing is left at `out`.
ExportedModel export_model(const std::filesystem::path& folder, const ExportConfig& config, const std::filesystem::path& out, bool force, Progress& progress);

}  // namespace loam

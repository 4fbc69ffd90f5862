// Other programs' tokenizer files in and out.
//
//   ImportedTokenizer made = import_tokenizer({"encoder.json", "vocab.bpe"}, "", out_folder, force);
//   export_tokenizer(Tokenizer::load(folder), "tiktoken", "mine.tiktoken");
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "loam/artifacts/manifest.h"
#include "loam/text/tokenizer.h"

namespace loam {

struct ImportedTokenizer {
  Artifact artifact;
  std::string format;  ///< "hf", "gpt2", "tiktoken", "gguf", "sentencepiece" or "llama2c"
  Tokenizer tokenizer;
};

/// Files of one tokenizer, told apart by what is in them: tokenizer.json (and the tokenizer_config.json beside it);
/// vocab.json or encoder.json with merges.txt or vocab.bpe; .tiktoken, which needs `pattern`; GGUF; SentencePiece's .model;
/// llama2.c's tokenizer.bin; a folder with one of these. Throws Error{input} for what is none of them.
ImportedTokenizer import_tokenizer(const std::vector<std::string>& files, const std::string& pattern, const std::filesystem::path& out, bool force);

/// format "hf" writes tokenizer.json and tokenizer_config.json into the folder `path`, "gpt2" vocab.json and merges.txt,
/// "tiktoken" the file `path`. Names of the files written. Throws Error{usage} for another format or a path that exists
/// without `force`, Error{input} where the form cannot hold the tokenizer.
std::vector<std::string> export_tokenizer(const Tokenizer& tokenizer, const std::string& format, const std::filesystem::path& path, bool force);

}  // namespace loam

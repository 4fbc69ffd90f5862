#include "loam/stages/exchange/exchange_tokenizer.h"

#include <algorithm>
#include <optional>

#include "loam/base/error.h"
#include "loam/base/fields.h"
#include "loam/base/files.h"
#include "loam/formats/gguf.h"
#include "loam/infer/gguf_tokenizer.h"
#include "loam/text/sentencepiece.h"
#include "loam/text/tokenizer_formats.h"
#include "loam/text/tokenizer_json.h"

namespace loam {
namespace {

constexpr int64_t kLargest = int64_t{1} << 29;

enum class Kind { tokenizer_json, vocab, merges, tiktoken, gguf, sentencepiece, llama2c };
constexpr size_t kKinds = 7;

Kind kind_of(const fs::path& file, const std::string& bytes) {
  const std::string name = file.filename().string(), ending = file.extension().string();
  if (bytes.starts_with("GGUF")) return Kind::gguf;
  const size_t first = bytes.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && bytes[first] == '{') {
    // A tokenizer.json has a "model"; a vocabulary may have a token of that name, but with a number.
    const size_t model = bytes.find("\"model\"");
    const size_t value = model == std::string::npos ? model : bytes.find_first_not_of(": \t\r\n", model + 7);
    const bool whole = (value != std::string::npos && bytes[value] == '{') || name == "tokenizer.json";
    return whole ? Kind::tokenizer_json : Kind::vocab;
  }
  if (ending == ".tiktoken" || looks_like_tiktoken(bytes)) return Kind::tiktoken;
  if (ending == ".model") return Kind::sentencepiece;
  if (ending == ".bin") return Kind::llama2c;
  if (ending == ".bpe" || ending == ".txt" || bytes.starts_with("#version")) return Kind::merges;
  fail(ErrorKind::input, file, " is no tokenizer file that loam reads: tokenizer.json, vocab.json or encoder.json with merges.txt or vocab.bpe, .tiktoken, .gguf, SentencePiece's .model, llama2.c's .bin");
}

/// A folder stands for the files in it.
std::vector<fs::path> spelled_out(const std::vector<std::string>& files) {
  std::vector<fs::path> out;
  for (const fs::path file : files) {
    if (!fs::is_directory(file)) {
      out.push_back(file);
      continue;
    }
    if (fs::exists(file / "tokenizer.json")) {
      out.push_back(file / "tokenizer.json");
      continue;
    }
    if (fs::exists(file / "tokenizer.model")) {
      out.push_back(file / "tokenizer.model");
      continue;
    }
    const size_t before = out.size();
    for (const char* name : {"vocab.json", "encoder.json", "merges.txt", "vocab.bpe"}) {
      if (fs::exists(file / name)) out.push_back(file / name);
    }
    require_input(out.size() > before, file, " holds neither tokenizer.json nor tokenizer.model nor vocab.json and merges.txt");
  }
  return out;
}

}  // namespace

ImportedTokenizer import_tokenizer(const std::vector<std::string>& files, const std::string& pattern, const fs::path& out_folder, bool force) {
  std::optional<fs::path> found[kKinds];
  std::string bytes[kKinds];
  std::vector<ArtifactInput> inputs;
  for (const fs::path& file : spelled_out(files)) {
    std::string text = is_gguf(file) ? "GGUF" : read_file(file, kLargest);  // a model's weights are not read for its tokenizer
    const auto kind = static_cast<size_t>(kind_of(file, text));
    require(!found[kind], file, " is a second file of the kind of ", found[kind].value_or(fs::path()), "; wanted the files of one tokenizer");
    found[kind] = file;
    bytes[kind] = std::move(text);
    inputs.push_back(file_input(file));
  }
  const auto has = [&](Kind kind) { return found[static_cast<size_t>(kind)].has_value(); };
  const auto text = [&](Kind kind) -> const std::string& { return bytes[static_cast<size_t>(kind)]; };
  const auto path = [&](Kind kind) { return *found[static_cast<size_t>(kind)]; };
  TokenizerParts parts;
  std::string format;
  try {
    for (const Kind whole : {Kind::gguf, Kind::sentencepiece, Kind::llama2c}) {
      if (!has(whole)) continue;
      require(inputs.size() == 1, path(whole), " is a whole tokenizer; leave the other files out");
      require(pattern.empty(), "--pattern: ", path(whole), " brings its own");
    }
    if (has(Kind::tokenizer_json)) {
      require(inputs.size() == 1, path(Kind::tokenizer_json), " is a whole tokenizer; leave the other files out");
      require(pattern.empty(), "--pattern: tokenizer.json brings its own");
      format = "hf";
      parts = parts_from_text(text(Kind::tokenizer_json), path(Kind::tokenizer_json).string());
      const fs::path config = path(Kind::tokenizer_json).parent_path() / "tokenizer_config.json";
      if (fs::exists(config)) {
        parts.config = read_json(config, int64_t{1} << 26);
        require_input(parts.config.is_object(), config, " is not a JSON object");
        inputs.push_back(file_input(config));
      }
    } else if (has(Kind::gguf)) {
      format = "gguf";
      parts = parts_from_gguf(GgufFile(path(Kind::gguf)));
    } else if (has(Kind::sentencepiece)) {
      format = "sentencepiece";
      parts = parts_from_sentencepiece(text(Kind::sentencepiece));
    } else if (has(Kind::llama2c)) {
      format = "llama2c";
      parts = parts_from_llama2c(text(Kind::llama2c));
    } else if (has(Kind::tiktoken)) {
      require(inputs.size() == 1, path(Kind::tiktoken), " is a whole tokenizer; leave the other files out");
      require(!pattern.empty(), path(Kind::tiktoken), " does not say how text is cut; give --pattern gpt2, cl100k, o200k, llama3 or a regular expression");
      format = "tiktoken";
      parts = parts_from_tiktoken(text(Kind::tiktoken), pattern);
    } else {
      require_input(has(Kind::vocab), path(Kind::merges), " holds merges; the vocabulary, vocab.json or encoder.json, is missing");
      require_input(has(Kind::merges), path(Kind::vocab), " holds a vocabulary; the merges, merges.txt or vocab.bpe, are missing");
      require(pattern.empty() || pattern == "gpt2", "--pattern ", pattern, ": vocab.json and merges.txt are GPT-2's form, with its pattern");
      format = "gpt2";
      parts = parts_from_gpt2(text(Kind::vocab), text(Kind::merges));
    }
    if (parts.config.empty() && format != "hf") parts.config = own_config(Tokenizer(parts));
    ImportedTokenizer made{{}, format, Tokenizer(std::move(parts))};
    ArtifactWriter out(out_folder, "tokenizer", {{"imported", format}, {"pattern", pattern}}, inputs, force);
    save_tokenizer(made.tokenizer, out.folder());
    out.promise("tokenizer.json");
    out.promise("tokenizer_config.json");
    Json specials = Json::array();
    for (const auto& token : made.tokenizer.added()) specials.push_back(token.content);
    made.artifact = out.finish({{"vocab_size", made.tokenizer.vocab_size()}, {"merges", made.tokenizer.parts().merges.size()}, {"special_tokens", specials}});
    return made;
  } catch (Error& e) {
    e.during("importing ", inputs.empty() ? std::string("nothing") : inputs[0].path);
    throw;
  }
}

std::vector<std::string> export_tokenizer(const Tokenizer& tokenizer, const std::string& format, const fs::path& path, bool force) {
  std::vector<std::pair<fs::path, std::string>> files;
  if (format == "hf") {
    files = {{path / "tokenizer.json", to_pretty(parts_to_json(tokenizer.parts()))}, {path / "tokenizer_config.json", to_pretty(tokenizer.config())}};
  } else if (format == "gpt2") {
    const Gpt2Files made = gpt2_files(tokenizer.parts());
    files = {{path / "vocab.json", made.vocab_json}, {path / "merges.txt", made.merges_txt}};
  } else if (format == "tiktoken") {
    files = {{path, tiktoken_text(tokenizer.parts())}};
  } else {
    const std::string near = nearest_name(format, {"hf", "gpt2", "tiktoken"});
    fail(ErrorKind::usage, "--format ", format, " is not known", near.empty() ? "" : "; did you mean " + near + "?", " (hf, tiktoken, gpt2)");
  }
  std::vector<std::string> names;
  for (const auto& [file, text] : files) require(force || !fs::exists(file), file, " exists; choose another --out, or give --force to replace it");
  for (const auto& [file, text] : files) {
    if (!file.parent_path().empty()) make_folder(file.parent_path());
    write_file(file, text);
    names.push_back(file.string());
  }
  return names;
}

}  // namespace loam

#include "loam/infer/gguf_tokenizer.h"

#include <algorithm>
#include <unordered_map>

#include "loam/base/error.h"
#include "loam/text/sentencepiece.h"
#include "loam/text/tokenizer_json.h"

namespace loam {
namespace {

constexpr const char* kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr const char* kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kO200k =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kTekken =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|)"
    R"(\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kDigits = "digits";  // each number character alone

/// What llama.cpp's names of pre-tokenizers mean: regular expressions, one after the other. The first name of a list of
/// equals is the one that is written.
struct Pre {
  const char* name;
  std::vector<std::string> patterns;
  bool whole_pieces_first = false;
};
const std::vector<Pre>& known_pres() {
  static const std::vector<Pre> kKnown = {
      {"gpt-2", {kGpt2}},
      {"mpt", {kGpt2}},
      {"olmo", {kGpt2}},
      {"phi-2", {kGpt2}},
      {"jais", {kGpt2}},
      {"llama-bpe", {kLlama3}, true},
      {"llama3", {kLlama3}, true},
      {"llama-v3", {kLlama3}, true},
      {"dbrx", {kLlama3}},
      {"smaug-bpe", {kLlama3}},
      {"qwen2", {kQwen2}},
      {"deepseek-r1-qwen", {kQwen2}},
      {"stablelm2", {kQwen2}},
      {"smollm", {kDigits, kGpt2}},
      {"starcoder", {kDigits, kGpt2}},
      {"refact", {kDigits, kGpt2}},
      {"command-r", {kDigits, kGpt2}},
      {"gpt-4o", {kO200k}},
      {"llama4", {kO200k}},
      {"tekken", {kTekken}, true},
      {"deepseek-coder", {R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)", "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+", kDigits}},
      {"falcon", {R"([\p{P}\$\+<=>\^~\|`]+)", kGpt2, "[0-9][0-9][0-9]"}},
  };
  return kKnown;
}

Json pre_tokenizer_json(const Pre& pre) {
  Json steps = Json::array();
  for (const std::string& pattern : pre.patterns) {
    if (pattern == kDigits) {
      steps.push_back({{"type", "Digits"}, {"individual_digits", true}});
    } else {
      steps.push_back({{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}});
    }
  }
  steps.push_back({{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}});
  return {{"type", "Sequence"}, {"pretokenizers", steps}};
}

const Pre& pre_by_name(const std::string& name) {
  std::string names;
  for (const Pre& pre : known_pres()) {
    if (pre.name == name) return pre;
    names += (names.empty() ? "" : ", ") + std::string(pre.name);
  }
  fail(ErrorKind::input, "its pre-tokenizer (tokenizer.ggml.pre) is \"", name, "\", which loam does not know (", names, "); import the model's Hugging Face folder, whose tokenizer.json says the rule");
}

TokenizerParts byte_level_parts(const GgufFile& file, const std::vector<std::string>& tokens, const std::vector<int64_t>& kinds) {
  TokenizerParts parts;
  const Pre& pre = pre_by_name(file.text("tokenizer.ggml.pre", "gpt-2"));
  parts.pre_tokenizer = PreTokenizer::from_json(pre_tokenizer_json(pre));
  parts.whole_pieces_first = pre.whole_pieces_first;
  parts.tokens.resize(tokens.size());
  std::unordered_map<std::string_view, int32_t> ids;
  for (size_t id = 0; id < tokens.size(); ++id) {
    const int64_t kind = kinds.empty() ? int64_t{ScoredPiece::normal} : kinds[id];
    require_input(!tokens[id].empty(), "token ", id, " has no text");
    if (kind == ScoredPiece::unused) continue;
    if (kind != ScoredPiece::normal && kind != ScoredPiece::byte) {
      AddedToken token;
      token.id = static_cast<int32_t>(id);
      token.content = tokens[id];
      token.special = kind != ScoredPiece::user_defined;
      parts.added.push_back(std::move(token));
      continue;
    }
    parts.tokens[id] = printable_to_bytes(tokens[id]).value_or(tokens[id]);
    require_input(ids.emplace(tokens[id], static_cast<int32_t>(id)).second, "token ", id, ", \"", tokens[id], "\", is there twice");
  }
  require_input(file.has("tokenizer.ggml.merges"), "it has no tokenizer.ggml.merges");
  std::string both;
  for (const std::string& merge : file.texts("tokenizer.ggml.merges")) {
    // The first character may be a space by itself, never here: spaces are written as U+0120.
    const size_t space = merge.find(' ', 1);
    require_input(space != std::string::npos && space + 1 < merge.size(), "merge ", parts.merges.size(), ", \"", merge, "\", is no pair");
    const std::string_view left = std::string_view(merge).substr(0, space), right = std::string_view(merge).substr(space + 1);
    both.assign(left).append(right);
    const auto a = ids.find(left), b = ids.find(right), c = ids.find(both);
    require_input(a != ids.end() && b != ids.end() && c != ids.end(), "merge ", parts.merges.size(), ", \"", merge, "\", names a token that is not in the vocabulary");
    parts.merges.push_back({a->second, b->second, c->second});
  }
  return parts;
}

/// T5's kind: log probabilities, and SentencePiece's normalizer. Where it makes one space of several, llama.cpp puts one before
/// the first word whatever add_space_prefix says (llm_tokenizer_ugm::normalize).
TokenizerParts unigram_parts(const GgufFile& file, const std::vector<ScoredPiece>& pieces) {
  const bool squeeze = file.boolean("tokenizer.ggml.remove_extra_whitespaces", true), prefix = squeeze || file.boolean("tokenizer.ggml.add_space_prefix", true);
  TokenizerParts parts = parts_from_scored(pieces, prefix ? CharacterRules::Prefix::first : CharacterRules::Prefix::none, /*unigram=*/true);
  for (const int64_t byte : file.integers("tokenizer.ggml.precompiled_charsmap")) {
    require_input(byte >= -128 && byte <= 255, "its tokenizer.ggml.precompiled_charsmap holds ", byte, ", which is no byte");
    parts.characters->charsmap += static_cast<char>(byte);
  }
  parts.characters->squeeze = parts.characters->strip_end = squeeze;
  return parts;
}

TokenizerParts character_parts(const GgufFile& file, const std::vector<std::string>& tokens, const std::vector<int64_t>& kinds) {
  const std::vector<double>& scores = file.numbers("tokenizer.ggml.scores");
  require_input(scores.size() == tokens.size(), "it has ", tokens.size(), " tokens and ", scores.size(), " tokenizer.ggml.scores");
  require_input(!kinds.empty(), "it has no tokenizer.ggml.token_type");
  std::vector<ScoredPiece> pieces(tokens.size());
  for (size_t id = 0; id < tokens.size(); ++id) pieces[id] = {tokens[id], scores[id], static_cast<ScoredPiece::Kind>(kinds[id])};
  if (file.text("tokenizer.ggml.model") == "t5") return unigram_parts(file, pieces);
  return parts_from_scored(pieces, file.boolean("tokenizer.ggml.add_space_prefix", true) ? CharacterRules::Prefix::always : CharacterRules::Prefix::none);
}

/// -1 where the file says none: absent, or all bits set.
int64_t special_id(const GgufFile& file, const char* key) {
  const int64_t id = file.integer(std::string("tokenizer.ggml.") + key, -1);
  return id == UINT32_MAX ? -1 : id;
}

}  // namespace

TokenizerParts parts_from_gguf(const GgufFile& file) try {
  require_input(file.has("tokenizer.ggml.model"), "it holds no tokenizer (tokenizer.ggml.model)");
  const std::string model = file.text("tokenizer.ggml.model");
  require_input(model == "gpt2" || model == "llama" || model == "t5", "its tokenizer is of the kind \"", model,
                "\"; loam reads gpt2 (byte-level BPE), llama (SentencePiece's BPE) and t5 (SentencePiece's unigram)");
  const std::vector<std::string>& tokens = file.texts("tokenizer.ggml.tokens");
  const std::vector<int64_t>& kinds = file.integers("tokenizer.ggml.token_type");
  require_input(!tokens.empty() && tokens.size() <= size_t{1} << 22, "it has ", tokens.size(), " tokenizer.ggml.tokens");
  require_input(kinds.empty() || kinds.size() == tokens.size(), "it has ", tokens.size(), " tokens and ", kinds.size(), " tokenizer.ggml.token_type");
  for (size_t id = 0; id < kinds.size(); ++id) require_input(kinds[id] >= 1 && kinds[id] <= 6, "token ", id, " is of the unknown kind ", kinds[id]);
  const bool bytes = model == "gpt2";
  TokenizerParts parts = bytes ? byte_level_parts(file, tokens, kinds) : character_parts(file, tokens, kinds);
  const int64_t bos = special_id(file, "bos_token_id"), eos = special_id(file, "eos_token_id");
  const bool add_bos = file.boolean("tokenizer.ggml.add_bos_token", model == "llama") && bos >= 0;
  // Byte-level vocabularies of before token kinds: the special tokens are then known by their numbers alone.
  for (const int64_t id : {bos, eos, special_id(file, "padding_token_id"), special_id(file, "eot_token_id")}) {
    if (id < 0) continue;
    require_input(static_cast<size_t>(id) < tokens.size(), "a special token has the id ", id, "; there are ", tokens.size(), " tokens");
    const bool added = std::any_of(parts.added.begin(), parts.added.end(), [&](const AddedToken& t) { return t.id == id; });
    if (added) continue;
    AddedToken token;
    token.id = static_cast<int32_t>(id);
    token.content = tokens[static_cast<size_t>(id)];
    parts.added.push_back(std::move(token));
  }
  set_special_ids(parts, bos, eos, special_id(file, "padding_token_id"), add_bos);
  const std::string chat = file.text("tokenizer.chat_template", "");
  if (!chat.empty()) parts.config["chat_template"] = chat;
  return parts;
} catch (Error& e) {
  e.during("the tokenizer of ", file.path());
  throw;
}

namespace {

std::string pre_name(const TokenizerParts& parts) {
  const Json written = parts.pre_tokenizer.to_json();
  for (const Pre& pre : known_pres()) {
    if (PreTokenizer::from_json(pre_tokenizer_json(pre)).to_json() == written && pre.whole_pieces_first == parts.whole_pieces_first) return pre.name;
  }
  // cl100k without whole pieces first is what "dbrx" stands for; other patterns have no name there.
  fail(ErrorKind::input, "GGUF names pre-tokenizers, and has no name for this one: ", to_line(written), "; readers would cut text in another way");
}

int64_t id_of(const Tokenizer& tokenizer, const char* key) {
  const Json& value = tokenizer.config().contains(key) ? tokenizer.config()[key] : Json();
  const std::string name = value.is_string() ? value.get<std::string>() : value.is_object() ? get_string(value, "content", "") : "";
  return tokenizer.special(name).value_or(-1);
}

/// The end of the text, of a turn, of a message.
void put_stops(GgufMetadata& metadata, const Tokenizer& tokenizer, std::vector<int64_t> stops) {
  require_input(stops.size() <= 3, "GGUF has names for three ids that end an answer; this model has ", stops.size());
  const auto first = [&](int64_t id) {
    if (const auto at = std::find(stops.begin(), stops.end(), id); at != stops.end()) std::rotate(stops.begin(), at, at + 1);
  };
  for (const char* turn_end : {"<|im_end|>", "<|eot_id|>"}) first(tokenizer.special(turn_end).value_or(-1));
  first(id_of(tokenizer, "eos_token"));
  const char* const kNames[] = {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"};
  for (size_t i = 0; i < stops.size(); ++i) metadata.emplace_back(kNames[i], stops[i]);
}

}  // namespace

void add_tokenizer_metadata(GgufMetadata& metadata, const Tokenizer& tokenizer, int64_t vocab, const std::vector<int64_t>& stops) {
  const TokenizerParts& parts = tokenizer.parts();
  const auto put = [&](const std::string& key, GgufValue value) { metadata.emplace_back("tokenizer." + key, std::move(value)); };
  std::vector<ScoredPiece> pieces;
  if (parts.characters) {
    require_input(!parts.unigram && parts.characters->charsmap.empty() && !parts.characters->squeeze && !parts.characters->strip_end,
                  "loam's models in GGUF have byte-level or SentencePiece BPE vocabularies; this one is a unigram model, or normalizes text: --format hf keeps it whole");
    require_input(parts.characters->prefix != CharacterRules::Prefix::first && !parts.characters->unless_space,
                  "GGUF has no word for a tokenizer that puts a space before a text only where none stands, or not behind special tokens");
    pieces = scored_pieces(parts);
  } else {
    require_input(!parts.normalize_nfc || pre_name(parts) == "qwen2", "GGUF has no word for a tokenizer that normalizes text (NFC) first");
    pieces.resize(static_cast<size_t>(tokenizer.vocab_size()));
    for (size_t id = 0; id < parts.tokens.size(); ++id) pieces[id].text = bytes_to_printable(parts.tokens[id]);
    for (const AddedToken& token : parts.added) pieces[static_cast<size_t>(token.id)] = {token.content, 0, token.special ? ScoredPiece::control : ScoredPiece::user_defined};
  }
  require_input(static_cast<int64_t>(pieces.size()) <= vocab, "the tokenizer has ", pieces.size(), " ids, the model's token table ", vocab, " rows");
  pieces.resize(static_cast<size_t>(vocab));
  std::vector<std::string> tokens;
  std::vector<int64_t> kinds;
  std::vector<double> scores;
  for (size_t id = 0; id < pieces.size(); ++id) {
    if (pieces[id].text.empty()) pieces[id] = {cat("[PAD", id, "]"), 0, ScoredPiece::unused};
    tokens.push_back(pieces[id].text);
    kinds.push_back(pieces[id].kind);
    scores.push_back(pieces[id].score);
  }
  put("ggml.model", std::string(parts.characters ? "llama" : "gpt2"));
  put("ggml.pre", parts.characters ? std::string("default") : pre_name(parts));
  put("ggml.tokens", std::move(tokens));
  if (parts.characters) put("ggml.scores", std::move(scores));
  put("ggml.token_type", std::move(kinds));
  if (!parts.characters) {
    std::vector<std::string> merges;
    for (const Merge& m : parts.merges) {
      merges.push_back(bytes_to_printable(parts.tokens[static_cast<size_t>(m.left)]) + " " + bytes_to_printable(parts.tokens[static_cast<size_t>(m.right)]));
    }
    put("ggml.merges", std::move(merges));
  }
  const int64_t bos = parts.prefix.empty() ? id_of(tokenizer, "bos_token") : parts.prefix.front();
  if (bos >= 0) put("ggml.bos_token_id", bos);
  put_stops(metadata, tokenizer, stops);
  if (parts.characters && parts.characters->unknown >= 0) put("ggml.unknown_token_id", int64_t{parts.characters->unknown});
  if (const int64_t pad = id_of(tokenizer, "pad_token"); pad >= 0) put("ggml.padding_token_id", pad);
  put("ggml.add_bos_token", !parts.prefix.empty());
  put("ggml.add_eos_token", false);
  if (parts.characters) put("ggml.add_space_prefix", parts.characters->prefix != CharacterRules::Prefix::none);
  if (const std::string chat = tokenizer.chat_template(); !chat.empty()) put("chat_template", chat);
}

}  // namespace loam

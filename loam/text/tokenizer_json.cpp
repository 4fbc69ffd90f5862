#include "loam/text/tokenizer_json.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/text/chat_template.h"
#include "loam/text/sentencepiece.h"
#include "loam/text/unigram_json.h"
#include "loam/text/unicode.h"

namespace loam {
namespace {

/// The code point that shows each byte: itself where it prints, else the next free one from U+0100 on.
constexpr std::array<char32_t, 256> shown_bytes() {
  std::array<char32_t, 256> out = {};
  char32_t free = 0x100;
  for (char32_t b = 0; b < 256; ++b) {
    const bool prints = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
    out[b] = prints ? b : free++;
  }
  return out;
}
constexpr std::array<char32_t, 256> kShown = shown_bytes();

std::array<int16_t, 0x180> bytes_shown() {
  std::array<int16_t, 0x180> out;
  out.fill(-1);
  for (size_t b = 0; b < 256; ++b) out[kShown[b]] = static_cast<int16_t>(b);
  return out;
}

const Json& part(const Json& json, const char* key) {
  static const Json kNull;
  return json.contains(key) ? json[key] : kNull;
}

/// Reads a tokenizer.json with the vocabulary and the merges as lists: as JSON values a large vocabulary takes seconds.
/// Everything else becomes an ordinary value, in which those two are empty.
class Reader : public nlohmann::json_sax<Json> {
 public:
  explicit Reader(Json& rest) : dom_(rest, false) {}
  std::vector<std::pair<std::string, int64_t>> vocab;
  std::vector<std::pair<std::string, std::string>> merges;
  bool has_vocab = false, has_merges = false;
  std::string error;

  bool null() override { return inside() ? odd() : dom_.null(); }
  bool boolean(bool value) override { return inside() ? odd() : dom_.boolean(value); }
  bool number_integer(number_integer_t value) override { return inside() ? number(value) : dom_.number_integer(value); }
  bool number_unsigned(number_unsigned_t value) override {
    return inside() ? number(value > static_cast<uint64_t>(kMaxVocab) ? kMaxVocab : static_cast<int64_t>(value)) : dom_.number_unsigned(value);
  }
  bool number_float(number_float_t value, const string_t& text) override { return inside() ? odd() : dom_.number_float(value, text); }
  bool string(string_t& text) override {
    if (!inside()) return dom_.string(text);
    if (part_ == Part::vocab) return odd();
    if (pair_) {
      if (words_ == 2) return odd();
      (words_++ == 0 ? merges.back().first : merges.back().second) = std::move(text);
      return true;
    }
    const size_t space = text.find(' ');
    if (space == std::string::npos) return refuse("its merge " + std::to_string(merges.size()) + ", \"" + text + "\", is no pair");
    merges.emplace_back(text.substr(0, space), text.substr(space + 1));
    return true;
  }
  bool binary(binary_t&) override { return odd(); }
  bool start_object(size_t size) override {
    if (inside()) return odd();
    if (depth_ == 2 && path_[0] == "model" && path_[1] == "vocab") part_ = Part::vocab, has_vocab = true;
    return deeper() && dom_.start_object(size);
  }
  bool key(string_t& text) override {
    if (part_ == Part::vocab) {
      vocab.emplace_back(std::move(text), -1);
      return true;
    }
    if (depth_ <= 2) path_[depth_ - 1] = text;
    return dom_.key(text);
  }
  bool end_object() override {
    part_ = Part::none;
    --depth_;
    return dom_.end_object();
  }
  bool start_array(size_t size) override {
    if (part_ == Part::vocab || pair_) return odd();
    if (part_ == Part::merges) {
      pair_ = true;
      words_ = 0;
      merges.emplace_back();
      return true;
    }
    if (depth_ == 2 && path_[0] == "model" && path_[1] == "merges") part_ = Part::merges, has_merges = true;
    return deeper() && dom_.start_array(size);
  }
  bool end_array() override {
    if (pair_) {
      pair_ = false;
      return words_ == 2 || odd();
    }
    part_ = Part::none;
    --depth_;
    return dom_.end_array();
  }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& e) override { return refuse(std::string("it is not valid JSON, or was cut off: ") + e.what()); }

 private:
  enum class Part { none, vocab, merges };
  bool inside() const { return part_ != Part::none; }
  bool deeper() { return ++depth_ <= 64 || refuse("it nests deeper than a tokenizer.json does"); }  // values are copied recursively
  bool number(int64_t value) {
    if (part_ != Part::vocab || vocab.back().second >= 0) return odd();
    if (value < 0 || value >= kMaxVocab) return refuse("its vocabulary gives \"" + vocab.back().first + "\" an id outside 0 to " + std::to_string(kMaxVocab - 1));
    vocab.back().second = value;
    return true;
  }
  bool odd() {
    return refuse(part_ == Part::vocab ? "its vocabulary gives \"" + (vocab.empty() ? std::string() : vocab.back().first) + "\" no whole number"
                                       : "its merge " + std::to_string(merges.empty() ? 0 : merges.size() - 1) + " is no pair of texts");
  }
  bool refuse(const std::string& why) {
    error = why;
    return false;
  }

  nlohmann::detail::json_sax_dom_parser<Json> dom_;
  Part part_ = Part::none;
  bool pair_ = false;
  int words_ = 0;
  size_t depth_ = 0;
  std::string path_[2];
};

/// A normalizer that leaves text alone, or form C.
bool reads_nfc(const Json& json) {
  if (json.is_null()) return false;
  const std::string type = get_string(json, "type");
  if (type == "NFC") return true;
  if (type == "Sequence" && part(json, "normalizers").is_array()) {
    bool nfc = false;
    for (const Json& step : json["normalizers"]) nfc = reads_nfc(step) || nfc;
    return nfc;
  }
  fail(ErrorKind::input, "its normalizer ", type, " is not supported; loam reads none and NFC");
}

bool is_space_sign(const Json& json) { return json.is_string() && json.get<std::string>() == "\u2581"; }

/// SentencePiece's kind as Hugging Face writes it: {Prepend "▁", Replace " " by "▁"} and no pre-tokenizer, or a Metaspace.
void reads_character_rules(const Json& normalizer, const Json& pre_tokenizer, CharacterRules& rules) {
  rules.prefix = CharacterRules::Prefix::none;
  bool replaces = false;
  std::vector<Json> steps;
  if (!normalizer.is_null() && get_string(normalizer, "type") == "Sequence" && part(normalizer, "normalizers").is_array()) {
    for (const Json& step : normalizer["normalizers"]) steps.push_back(step);
  } else if (!normalizer.is_null()) {
    steps.push_back(normalizer);
  }
  for (const Json& step : steps) {
    const std::string type = get_string(step, "type");
    if (type == "Prepend" && is_space_sign(part(step, "prepend"))) {
      rules.prefix = CharacterRules::Prefix::always;
    } else if (type == "Replace" && part(part(step, "pattern"), "String") == " " && is_space_sign(part(step, "content"))) {
      replaces = true;
    } else {
      fail(ErrorKind::input, "its normalizer ", type, " is not supported in a BPE over characters; loam reads Prepend and Replace of \u2581");
    }
  }
  if (pre_tokenizer.is_null()) {
    require_input(replaces, "its BPE over characters has no rule that writes spaces as \u2581");
    return;
  }
  const std::string type = get_string(pre_tokenizer, "type");
  // Gemma's: nothing is left to split once spaces are replaced.
  if (type == "Split" && replaces && part(part(pre_tokenizer, "pattern"), "String") == " ") return;
  require_input(type == "Metaspace" && !replaces, "its pre_tokenizer ", type, " is not supported in a BPE over characters; loam reads none and Metaspace");
  require_input(is_space_sign(part(pre_tokenizer, "replacement")), "its Metaspace writes spaces as ", to_line(part(pre_tokenizer, "replacement")), ", not as \u2581");
  require_input(!get_bool(pre_tokenizer, "split", true), "its Metaspace splits words, so that merges depend on it; loam reads \"split\": false");
  const std::string scheme = get_string(pre_tokenizer, "prepend_scheme", get_bool(pre_tokenizer, "add_prefix_space", true) ? "always" : "never");
  require_input(scheme == "always" || scheme == "first" || scheme == "never", "its Metaspace has the prepend_scheme ", scheme);
  rules.prefix = scheme == "always" ? CharacterRules::Prefix::always : scheme == "first" ? CharacterRules::Prefix::first : CharacterRules::Prefix::none;
  rules.unless_space = true;
}

/// What writes `rules` in Hugging Face's form.
void write_character_rules(const CharacterRules& rules, Json& json) {
  const Json sign = "\u2581", prepend = {{"type", "Prepend"}, {"prepend", sign}}, replace = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", sign}};
  const bool prefix = rules.prefix != CharacterRules::Prefix::none;
  if (prefix && (rules.unless_space || rules.prefix == CharacterRules::Prefix::first)) {
    json["normalizer"] = nullptr;
    json["pre_tokenizer"] = {{"type", "Metaspace"}, {"replacement", sign}, {"prepend_scheme", rules.prefix == CharacterRules::Prefix::first ? "first" : "always"}, {"split", false}};
  } else {
    json["normalizer"] = prefix ? Json{{"type", "Sequence"}, {"normalizers", {prepend, replace}}} : replace;
    json["pre_tokenizer"] = nullptr;
  }
  Json decoders = Json::array({Json{{"type", "Replace"}, {"pattern", {{"String", sign}}}, {"content", " "}}, Json{{"type", "ByteFallback"}}, Json{{"type", "Fuse"}}});
  if (prefix) decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  json["decoder"] = {{"type", "Sequence"}, {"decoders", decoders}};
}

/// Ids that the post-processor puts before a single text.
std::vector<int32_t> reads_prefix(const Json& json, const std::vector<AddedToken>& added) {
  std::vector<int32_t> out;
  if (json.is_null()) return out;
  const std::string type = get_string(json, "type");
  if (type == "ByteLevel") return out;
  if (type == "Sequence" && part(json, "processors").is_array()) {
    for (const Json& step : json["processors"]) {
      for (const int32_t id : reads_prefix(step, added)) out.push_back(id);
    }
    return out;
  }
  require_input(type == "TemplateProcessing" && part(json, "single").is_array(),
                "its post_processor ", type, " is not supported; loam reads ByteLevel and TemplateProcessing");
  for (const Json& item : json["single"]) {
    if (item.contains("Sequence")) break;
    const std::string name = item.contains("SpecialToken") ? get_string(item["SpecialToken"], "id") : "";
    const auto found = std::find_if(added.begin(), added.end(), [&](const AddedToken& t) { return t.content == name; });
    require_input(found != added.end(), "its post_processor names the token \"", name, "\", which is not among the added tokens");
    out.push_back(found->id);
  }
  return out;
}

}  // namespace

std::string bytes_to_printable(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) {
    const char32_t c = kShown[static_cast<unsigned char>(byte)];
    if (c < 0x80) {
      out += static_cast<char>(c);
    } else {
      out += static_cast<char>(0xc0 | c >> 6);
      out += static_cast<char>(0x80 | (c & 63));
    }
  }
  return out;
}

std::optional<std::string> printable_to_bytes(std::string_view text) {
  static const std::array<int16_t, 0x180> kBytes = bytes_shown();
  std::string out;
  const char* end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    const Char c = read_char(at, end);
    if (c.code >= kBytes.size() || kBytes[c.code] < 0) return std::nullopt;
    out += static_cast<char>(kBytes[c.code]);
    at += c.bytes;
  }
  return out;
}

TokenizerParts parts_from_text(std::string_view text, std::string_view where) {
  Json json;
  Reader reader(json);
  const bool whole = Json::sax_parse(text, &reader);
  require_input(whole, where, ": ", reader.error);
  require_input(json.is_object(), where, " holds a ", json.type_name(), ", not an object");
  require_input(json.contains("model") && json["model"].is_object(), where, " has no \"model\": it is no tokenizer.json");

  TokenizerParts parts;
  const Json& model = json["model"];
  const std::string type = get_string(model, "type", "BPE");
  require_input(type == "BPE" || type == "Unigram", "its model is a ", type, "; loam reads BPE and Unigram");
  const bool unigram = type == "Unigram", characters = unigram || get_bool(model, "byte_fallback", false);
  require_input(part(model, "continuing_subword_prefix").is_null() || get_string(model, "continuing_subword_prefix").empty(), "it has a continuing_subword_prefix, which byte-level BPE has not");
  require_input(part(model, "end_of_word_suffix").is_null() || get_string(model, "end_of_word_suffix").empty(), "it has an end_of_word_suffix, which byte-level BPE has not");
  parts.whole_pieces_first = get_bool(model, "ignore_merges", false);
  if (unigram) {
    parts.characters.emplace();  // read below, with its vocabulary
  } else if (characters) {
    reads_character_rules(part(json, "normalizer"), part(json, "pre_tokenizer"), parts.characters.emplace());
  } else {
    parts.normalize_nfc = reads_nfc(part(json, "normalizer"));
    require_input(!part(json, "pre_tokenizer").is_null(), "it has no pre_tokenizer: a BPE over characters has byte_fallback, a byte-level one has ByteLevel");
    parts.pre_tokenizer = PreTokenizer::from_json(json["pre_tokenizer"]);
  }

  std::unordered_set<int64_t> added_ids;
  const Json& added_tokens = part(json, "added_tokens");
  require_input(added_tokens.is_null() || added_tokens.is_array(), "its added_tokens are ", added_tokens.type_name(), ", not a list");
  for (const Json& item : added_tokens) {
    AddedToken token;
    const int64_t id = get_int(item, "id");
    require_input(id >= 0 && id < kMaxVocab, "an added token has the id ", id);
    added_ids.insert(id);
    token.id = static_cast<int32_t>(id);
    token.content = get_string(item, "content");
    token.special = get_bool(item, "special", false);
    token.lstrip = get_bool(item, "lstrip", false);
    token.rstrip = get_bool(item, "rstrip", false);
    require_input(!get_bool(item, "single_word", false), "its added token ", token.content, " is a single_word, which is not supported");
    parts.added.push_back(std::move(token));
  }

  if (unigram) {
    read_unigram(json, parts);
    parts.prefix = reads_prefix(part(json, "post_processor"), parts.added);
    return parts;
  }
  require_input(reader.has_vocab, "its model has no \"vocab\"");
  require_input(reader.has_merges, "its model has no \"merges\"");
  int64_t largest = -1;
  for (const auto& [token, id] : reader.vocab) {
    if (added_ids.count(id) == 0) largest = std::max(largest, id);
  }
  parts.tokens.resize(static_cast<size_t>(largest + 1));
  std::unordered_map<std::string_view, int32_t> ids;  // of the reader's texts
  ids.reserve(reader.vocab.size());
  for (const auto& [token, id] : reader.vocab) {
    if (added_ids.count(id) > 0) continue;
    std::string& bytes = parts.tokens[static_cast<size_t>(id)];
    require_input(bytes.empty(), "its vocabulary gives the id ", id, " twice");
    if (const int byte = characters ? byte_of_name(token) : -1; byte >= 0) {
      parts.characters->bytes[static_cast<size_t>(byte)] = static_cast<int32_t>(id);
      bytes = std::string(1, static_cast<char>(byte));
      continue;
    }
    bytes = characters ? spaces_from_signs(token) : printable_to_bytes(token).value_or(token);
    require_input(ids.emplace(token, static_cast<int32_t>(id)).second, "its vocabulary has the token \"", token, "\" twice");
  }
  parts.merges.reserve(reader.merges.size());
  std::string both;
  for (const auto& [left, right] : reader.merges) {
    both.assign(left).append(right);
    const auto a = ids.find(left), b = ids.find(right), c = ids.find(both);
    require_input(a != ids.end() && b != ids.end() && c != ids.end(), "its merge ", parts.merges.size(), ", ", left, " ", right,
                  ", names a token that is not in the vocabulary");
    parts.merges.push_back({a->second, b->second, c->second});
  }
  if (characters && part(model, "unk_token").is_string()) {
    const std::string unknown = get_string(model, "unk_token");
    for (const AddedToken& token : parts.added) {
      if (token.content == unknown) parts.characters->unknown = token.id;
    }
  }
  parts.prefix = reads_prefix(part(json, "post_processor"), parts.added);
  return parts;
}

Json parts_to_json(const TokenizerParts& parts) {
  Json json;
  json["version"] = "1.0";
  json["truncation"] = nullptr;
  json["padding"] = nullptr;
  json["added_tokens"] = Json::array();
  for (const AddedToken& token : parts.added) {
    json["added_tokens"].push_back({{"id", token.id}, {"content", token.content}, {"single_word", false}, {"lstrip", token.lstrip},
                                    {"rstrip", token.rstrip}, {"normalized", false}, {"special", token.special}});
  }
  const bool characters = parts.characters.has_value();
  json["normalizer"] = parts.normalize_nfc ? Json{{"type", "NFC"}} : Json();
  json["pre_tokenizer"] = characters ? Json() : parts.pre_tokenizer.to_json();
  const Json byte_level = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  json["post_processor"] = characters ? Json() : byte_level;
  if (!parts.prefix.empty()) {
    Json single = Json::array(), pair = Json::array(), tokens = Json::object();
    const auto add_prefix = [&](Json& list, int type) {
      for (const int32_t id : parts.prefix) {
        const auto found = std::find_if(parts.added.begin(), parts.added.end(), [&](const AddedToken& t) { return t.id == id; });
        require_input(found != parts.added.end(), "the prefix token ", id, " is no added token");
        list.push_back({{"SpecialToken", {{"id", found->content}, {"type_id", type}}}});
        tokens[found->content] = {{"id", found->content}, {"ids", {id}}, {"tokens", {found->content}}};
      }
      list.push_back({{"Sequence", {{"id", type == 0 ? "A" : "B"}, {"type_id", type}}}});
    };
    add_prefix(single, 0);
    add_prefix(pair, 0);
    add_prefix(pair, 1);
    const Json from_template = {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", tokens}};
    json["post_processor"] = characters ? from_template : Json{{"type", "Sequence"}, {"processors", {byte_level, from_template}}};
  }
  json["decoder"] = byte_level;
  if (parts.unigram) {
    write_unigram(parts, json);
    return json;
  }
  if (characters) write_character_rules(*parts.characters, json);
  Json vocab = Json::object();
  auto& entries = static_cast<std::vector<std::pair<const std::string, Json>>&>(vocab.get_ref<Json::object_t&>());
  entries.reserve(parts.tokens.size());
  std::vector<std::string> shown(parts.tokens.size());
  // An added token among the others' ids must stand here too, or Hugging Face's reader gives it another id.
  std::vector<const AddedToken*> within(parts.tokens.size());
  for (const AddedToken& token : parts.added) {
    if (static_cast<size_t>(token.id) < within.size()) within[static_cast<size_t>(token.id)] = &token;
  }
  for (size_t id = 0; id < parts.tokens.size(); ++id) {
    shown[id] = characters ? signs_from_spaces(parts.tokens[id]) : bytes_to_printable(parts.tokens[id]);
    if (shown[id].empty() && within[id] != nullptr) shown[id] = within[id]->content;
  }
  for (size_t byte = 0; characters && byte < 256; ++byte) {
    if (const int32_t id = parts.characters->bytes[byte]; id >= 0) shown[static_cast<size_t>(id)] = name_of_byte(static_cast<int>(byte));
  }
  for (size_t id = 0; id < shown.size(); ++id) {
    if (!shown[id].empty()) entries.emplace_back(shown[id], id);  // not vocab[...], which looks through all that is there
  }
  // As pairs where a token holds a space, as texts "left right", which older readers know too, elsewhere.
  const bool pairs = std::any_of(shown.begin(), shown.end(), [](const std::string& token) { return token.find(' ') != std::string::npos; });
  Json merges = Json::array();
  for (const Merge& m : parts.merges) {
    const std::string &left = shown[static_cast<size_t>(m.left)], &right = shown[static_cast<size_t>(m.right)];
    merges.push_back(pairs ? Json::array({left, right}) : Json(left + " " + right));
  }
  Json unknown;
  if (characters && parts.characters->unknown >= 0) {
    for (const AddedToken& token : parts.added) {
      if (token.id == parts.characters->unknown) unknown = token.content;
    }
  }
  json["model"] = {{"type", "BPE"}, {"dropout", nullptr}, {"unk_token", unknown}, {"continuing_subword_prefix", nullptr},
                   {"end_of_word_suffix", nullptr}, {"fuse_unk", characters}, {"byte_fallback", characters},
                   {"ignore_merges", parts.whole_pieces_first}, {"vocab", std::move(vocab)}, {"merges", std::move(merges)}};
  return json;
}

Json own_config(const Tokenizer& tokenizer) {
  const std::string end(tokenizer.bytes(tokenizer.eot_id()));
  Json added = Json::object();
  for (const AddedToken& token : tokenizer.added()) {
    added[std::to_string(token.id)] = {{"content", token.content}, {"lstrip", token.lstrip}, {"normalized", false},
                                       {"rstrip", token.rstrip}, {"single_word", false}, {"special", token.special}};
  }
  return {{"tokenizer_class", "PreTrainedTokenizerFast"}, {"added_tokens_decoder", added}, {"bos_token", end}, {"eos_token", end},
          {"pad_token", end}, {"unk_token", nullptr}, {"add_bos_token", false}, {"add_prefix_space", false},
          {"clean_up_tokenization_spaces", false}, {"model_max_length", 1000000000}, {"chat_template", ChatTemplate(tokenizer).jinja()}};
}

void save_tokenizer(const Tokenizer& tokenizer, const std::filesystem::path& folder) {
  write_file(folder / "tokenizer.json", to_pretty(parts_to_json(tokenizer.parts())));
  write_file(folder / "tokenizer_config.json", to_pretty(tokenizer.config()));
}

}  // namespace loam

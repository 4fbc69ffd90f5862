#include "loam/text/unigram_json.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "loam/base/error.h"
#include "loam/text/base64.h"
#include "loam/text/sentencepiece.h"

namespace loam {
namespace {

constexpr const char* kSign = "\u2581";
constexpr const char* kRuns = " {2,}";
constexpr size_t kMostPieces = size_t{1} << 22;

const Json& member(const Json& json, const char* key) {
  static const Json kNull;
  return json.is_object() && json.contains(key) ? json[key] : kNull;
}

/// The steps of a Sequence, or the one that there is.
std::vector<Json> steps_of(const Json& json, const char* list) {
  if (json.is_null()) return {};
  if (get_string(json, "type") != "Sequence") return {json};
  require_input(member(json, list).is_array(), "its Sequence has no list \"", list, "\"");
  std::vector<Json> out;
  for (const Json& step : json[list]) out.push_back(step);
  return out;
}

void read_normalizer(const Json& json, CharacterRules& rules) {
  for (const Json& step : steps_of(json, "normalizers")) {
    const std::string type = get_string(step, "type");
    if (type == "Precompiled") {
      const std::string text = get_string(step, "precompiled_charsmap", "");
      require_input(rules.charsmap.empty() && !rules.squeeze && !rules.strip_end, "its normalizer Precompiled is not the first of its steps");
      if (text.empty()) continue;
      const auto bytes = from_base64(text);
      require_input(bytes.has_value(), "its precompiled_charsmap is no base64");
      rules.charsmap = *bytes;
    } else if (type == "Strip") {
      rules.strip_end = get_bool(step, "strip_right", true);
    } else if (type == "Replace" && member(member(step, "pattern"), "Regex") == kRuns) {
      const Json& content = member(step, "content");
      require_input(content == " " || content == kSign, "its normalizer Replace writes runs of spaces as ", to_line(content));
      rules.squeeze = true;
    } else {
      fail(ErrorKind::input, "its normalizer ", type, " is not supported in a unigram model; loam reads Precompiled, Strip, and Replace of \"", kRuns, "\"");
    }
  }
}

/// Does it cut at spaces?
bool read_pre_tokenizer(const Json& json, CharacterRules& rules) {
  rules.prefix = CharacterRules::Prefix::none;
  bool splits = false, metaspace = false;
  for (const Json& step : steps_of(json, "pretokenizers")) {
    const std::string type = get_string(step, "type");
    require_input(!metaspace, "its pre_tokenizer has a step ", type, " after Metaspace");
    if (type == "WhitespaceSplit") {
      rules.white_as_space = rules.squeeze = rules.strip_end = splits = true;
      continue;
    }
    require_input(type == "Metaspace", "its pre_tokenizer ", type, " is not supported in a unigram model; loam reads Metaspace and WhitespaceSplit");
    metaspace = true;
    require_input(member(step, "replacement") == kSign, "its Metaspace writes spaces as ", to_line(member(step, "replacement")), ", not as ", kSign);
    const std::string scheme = get_string(step, "prepend_scheme", get_bool(step, "add_prefix_space", true) ? "always" : "never");
    require_input(scheme == "always" || scheme == "first" || scheme == "never", "its Metaspace has the prepend_scheme ", scheme);
    require_input(scheme != "never" || !rules.white_as_space, "its Metaspace puts no space before words, so that their ends are lost");
    rules.prefix = scheme == "always" ? CharacterRules::Prefix::always : scheme == "first" ? CharacterRules::Prefix::first : CharacterRules::Prefix::none;
    rules.unless_space = true;
    splits = splits || get_bool(step, "split", true);
  }
  require_input(metaspace, "its unigram model has no Metaspace that writes spaces as ", kSign);
  return splits;
}

}  // namespace

void read_unigram(const Json& json, TokenizerParts& parts) {
  CharacterRules& rules = *parts.characters;
  read_normalizer(member(json, "normalizer"), rules);
  const bool splits = read_pre_tokenizer(member(json, "pre_tokenizer"), rules);

  const Json &model = json["model"], &vocab = member(model, "vocab");
  require_input(vocab.is_array() && !vocab.empty() && vocab.size() <= kMostPieces, "its unigram model has no list \"vocab\" of up to ", kMostPieces, " pieces");
  const int64_t unknown = get_int(model, "unk_id");
  require_input(unknown >= 0 && unknown < static_cast<int64_t>(vocab.size()), "its unk_id is ", unknown, "; there are ", vocab.size(), " pieces");
  rules.unknown = static_cast<int32_t>(unknown);
  const bool fallback = get_bool(model, "byte_fallback", false);
  std::unordered_set<int64_t> added;
  for (const AddedToken& token : parts.added) added.insert(token.id);
  std::unordered_set<std::string_view> seen;
  parts.tokens.resize(vocab.size());
  parts.unigram.emplace().words_alone = splits;
  parts.unigram->scores.resize(vocab.size());
  for (size_t id = 0; id < vocab.size(); ++id) {
    const Json& pair = vocab[id];
    require_input(pair.is_array() && pair.size() == 2 && pair[0].is_string() && pair[1].is_number(), "its piece ", id, " is no text with a score: ", to_line(pair).substr(0, 200));
    const std::string& text = pair[0].get_ref<const std::string&>();
    parts.unigram->scores[id] = pair[1].get<double>();
    require_input(seen.insert(text).second, "its vocabulary has the piece \"", text, "\" twice");
    if (added.count(static_cast<int64_t>(id)) > 0) continue;
    if (static_cast<int64_t>(id) == unknown) {
      AddedToken token;
      token.id = rules.unknown;
      token.content = text;
      parts.added.push_back(std::move(token));
      continue;
    }
    if (const int byte = fallback ? byte_of_name(text) : -1; byte >= 0) {
      rules.bytes[static_cast<size_t>(byte)] = static_cast<int32_t>(id);
      parts.tokens[id] = std::string(1, static_cast<char>(byte));
      continue;
    }
    parts.tokens[id] = spaces_from_signs(text);
  }
}

void write_unigram(const TokenizerParts& parts, Json& json) {
  const CharacterRules& rules = *parts.characters;
  Json normalizers = Json::array();
  if (!rules.charsmap.empty()) normalizers.push_back({{"type", "Precompiled"}, {"precompiled_charsmap", to_base64(rules.charsmap)}});
  if (rules.strip_end) normalizers.push_back({{"type", "Strip"}, {"strip_left", false}, {"strip_right", true}});
  if (rules.squeeze) normalizers.push_back({{"type", "Replace"}, {"pattern", {{"Regex", kRuns}}}, {"content", " "}});
  json["normalizer"] = normalizers.empty() ? Json() : Json{{"type", "Sequence"}, {"normalizers", normalizers}};
  const char* const scheme = rules.prefix == CharacterRules::Prefix::always ? "always" : rules.prefix == CharacterRules::Prefix::first ? "first" : "never";
  const Json metaspace = {{"type", "Metaspace"}, {"replacement", kSign}, {"prepend_scheme", scheme}, {"split", parts.unigram->words_alone}};
  json["pre_tokenizer"] = rules.white_as_space ? Json{{"type", "Sequence"}, {"pretokenizers", {Json{{"type", "WhitespaceSplit"}}, metaspace}}} : metaspace;
  json["decoder"] = metaspace;

  std::vector<std::string> texts(parts.unigram->scores.size());
  for (size_t id = 0; id < texts.size(); ++id) texts[id] = signs_from_spaces(parts.tokens[id]);
  bool fallback = false;
  for (size_t byte = 0; byte < 256; ++byte) {
    if (rules.bytes[byte] < 0) continue;
    texts[static_cast<size_t>(rules.bytes[byte])] = name_of_byte(static_cast<int>(byte));
    fallback = true;
  }
  for (const AddedToken& token : parts.added) {
    if (static_cast<size_t>(token.id) < texts.size() && texts[static_cast<size_t>(token.id)].empty()) texts[static_cast<size_t>(token.id)] = token.content;
  }
  Json vocab = Json::array();
  for (size_t id = 0; id < texts.size(); ++id) {
    // Ids are places: what has no text keeps its place under a name that no text contains.
    vocab.push_back(Json::array({texts[id].empty() ? "<unused" + std::to_string(id) + ">" : texts[id], parts.unigram->scores[id]}));
  }
  json["model"] = {{"type", "Unigram"}, {"unk_id", rules.unknown}, {"vocab", std::move(vocab)}, {"byte_fallback", fallback}};
}

}  // namespace loam

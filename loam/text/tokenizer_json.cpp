#include "loam/text/tokenizer_json.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/text/chat_template.h"
#include "loam/text/unicode.h"

namespace loam {
namespace {

constexpr int64_t kMaxVocab = int64_t{1} << 22;  // ids beyond are a mistake, not a vocabulary

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

/// How deep brackets nest, outside strings.
int64_t nesting(std::string_view text) {
  int64_t depth = 0, deepest = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      deepest = std::max(deepest, ++depth);
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return deepest;
}

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
  // Json's objects keep their order in a list, where 100,000 keys take minutes: the vocabulary goes through a map.
  require_input(nesting(text) <= 64, where, " nests deeper than a tokenizer.json does");  // JSON is copied recursively
  nlohmann::json all;
  try {
    all = nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception& e) {
    fail(ErrorKind::input, where, " is not valid JSON, or was cut off: ", e.what());
  }
  require_input(all.is_object(), where, " holds a ", all.type_name(), ", not an object");
  require_input(all.contains("model") && all["model"].is_object(), where, " has no \"model\": it is no tokenizer.json");
  const nlohmann::json vocab = std::exchange(all["model"]["vocab"], nullptr);
  const nlohmann::json merges = std::exchange(all["model"]["merges"], nullptr);
  const nlohmann::json added_tokens = all.contains("added_tokens") ? std::exchange(all["added_tokens"], nullptr) : nullptr;
  const Json json = Json::parse(all.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));

  TokenizerParts parts;
  const Json& model = json["model"];
  const std::string type = get_string(model, "type", "BPE");
  require_input(type == "BPE", "its model is a ", type, "; loam reads byte-level BPE");
  require_input(!get_bool(model, "byte_fallback", false), "its BPE works on characters with byte_fallback (SentencePiece's kind); loam reads byte-level BPE");
  require_input(part(model, "continuing_subword_prefix").is_null() || get_string(model, "continuing_subword_prefix").empty(), "it has a continuing_subword_prefix, which byte-level BPE has not");
  require_input(part(model, "end_of_word_suffix").is_null() || get_string(model, "end_of_word_suffix").empty(), "it has an end_of_word_suffix, which byte-level BPE has not");
  parts.whole_pieces_first = get_bool(model, "ignore_merges", false);
  parts.normalize_nfc = reads_nfc(part(json, "normalizer"));
  require_input(!part(json, "pre_tokenizer").is_null(), "it has no pre_tokenizer: only byte-level BPE is read");
  parts.pre_tokenizer = PreTokenizer::from_json(json["pre_tokenizer"]);

  std::unordered_set<int64_t> added_ids;
  for (const nlohmann::json& map_item : added_tokens) {
    const Json item = map_item;
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

  require_input(vocab.is_object(), "its model has no \"vocab\"");
  int64_t largest = -1;
  for (const auto& [token, id] : vocab.items()) {
    require_input(id.is_number_integer() && id.get<int64_t>() >= 0 && id.get<int64_t>() < kMaxVocab, "its vocabulary gives \"", token, "\" the id ", id.dump());
    largest = std::max(largest, id.get<int64_t>());
  }
  parts.tokens.resize(static_cast<size_t>(largest + 1));
  std::unordered_map<std::string, int32_t> ids;
  for (const auto& [token, json_id] : vocab.items()) {
    const auto id = static_cast<int32_t>(json_id.get<int64_t>());
    if (added_ids.count(id) > 0) continue;
    std::string& bytes = parts.tokens[static_cast<size_t>(id)];
    require_input(bytes.empty(), "its vocabulary gives the id ", id, " twice");
    bytes = printable_to_bytes(token).value_or(token);
    ids.emplace(token, id);
  }

  while (!parts.tokens.empty() && parts.tokens.back().empty()) parts.tokens.pop_back();  // ids of added tokens

  require_input(merges.is_array(), "its model has no \"merges\"");
  parts.merges.reserve(merges.size());
  for (const nlohmann::json& merge : merges) {
    std::string left, right;
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      left = merge[0].get<std::string>(), right = merge[1].get<std::string>();
    } else {
      const std::string both = merge.is_string() ? merge.get<std::string>() : "";
      const size_t space = both.find(' ');
      require_input(space != std::string::npos, "its merge ", parts.merges.size(), " is ", merge.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), ", not a pair");
      left = both.substr(0, space), right = both.substr(space + 1);
    }
    const auto a = ids.find(left), b = ids.find(right), c = ids.find(left + right);
    require_input(a != ids.end() && b != ids.end() && c != ids.end(), "its merge ", parts.merges.size(), ", ", left, " ", right,
                  ", names a token that is not in the vocabulary");
    parts.merges.push_back({a->second, b->second, c->second});
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
  json["normalizer"] = parts.normalize_nfc ? Json{{"type", "NFC"}} : Json();
  json["pre_tokenizer"] = parts.pre_tokenizer.to_json();
  const Json byte_level = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  json["post_processor"] = byte_level;
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
    json["post_processor"] = {{"type", "Sequence"}, {"processors", {byte_level, from_template}}};
  }
  json["decoder"] = byte_level;
  Json vocab = Json::object();
  auto& entries = static_cast<std::vector<std::pair<const std::string, Json>>&>(vocab.get_ref<Json::object_t&>());
  entries.reserve(parts.tokens.size());
  std::vector<std::string> shown(parts.tokens.size());
  for (size_t id = 0; id < parts.tokens.size(); ++id) {
    if (parts.tokens[id].empty()) continue;
    shown[id] = bytes_to_printable(parts.tokens[id]);
    entries.emplace_back(shown[id], id);  // not vocab[...], which looks through all that is there
  }
  Json merges = Json::array();
  for (const Merge& m : parts.merges) merges.push_back(shown[static_cast<size_t>(m.left)] + " " + shown[static_cast<size_t>(m.right)]);
  json["model"] = {{"type", "BPE"}, {"dropout", nullptr}, {"unk_token", nullptr}, {"continuing_subword_prefix", nullptr},
                   {"end_of_word_suffix", nullptr}, {"fuse_unk", false}, {"byte_fallback", false},
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

#include "loam/text/tokenizer_formats.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <unordered_map>

#include "loam/base/error.h"
#include "loam/text/base64.h"
#include "loam/text/tokenizer_json.h"

namespace loam {
namespace {

constexpr size_t kMaxTokenBytes = 4096;

/// Calls line(text, number) for each line, from 1, without its line end.
template <class F>
void for_lines(std::string_view text, F&& line) {
  for (int64_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    std::string_view one = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!one.empty() && one.back() == '\r') one.remove_suffix(1);
    line(one, number);
  }
}

/// The two tokens that a token is merged from: what is left of its bytes when all merges of lower rank are done. None if
/// that is not two: then no merge makes it (it comes only as a whole piece).
std::optional<std::pair<int32_t, int32_t>> parents(const std::string& token, int32_t rank, const std::unordered_map<std::string, int32_t>& ranks) {
  std::vector<std::string> parts;
  for (const char byte : token) parts.emplace_back(1, byte);
  while (parts.size() > 2) {
    int32_t best = rank;
    size_t at = 0;
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      const auto found = ranks.find(parts[i] + parts[i + 1]);
      if (found != ranks.end() && found->second < best) best = found->second, at = i;
    }
    if (best == rank) return std::nullopt;
    parts[at] += parts[at + 1];
    parts.erase(parts.begin() + static_cast<int64_t>(at) + 1);
  }
  const auto left = ranks.find(parts[0]), right = ranks.find(parts[1]);
  if (left == ranks.end() || right == ranks.end()) return std::nullopt;
  return std::pair(left->second, right->second);
}

/// The special tokens of the encodings that are published with this pattern and this many ranks.
std::vector<AddedToken> known_specials(const std::string& pattern, int64_t ranks) {
  std::vector<AddedToken> out;
  const auto add = [&](int64_t id, const std::string& content) { out.push_back({static_cast<int32_t>(id), content}); };
  if (pattern == "gpt2" && (ranks == 50256 || ranks == 50281)) {  // r50k, p50k: the second has a hole there
    add(50256, "<|endoftext|>");
  } else if (pattern == "cl100k" && ranks == 100256) {
    add(100257, "<|endoftext|>");
    add(100258, "<|fim_prefix|>");
    add(100259, "<|fim_middle|>");
    add(100260, "<|fim_suffix|>");
    add(100276, "<|endofprompt|>");
  } else if (pattern == "o200k" && ranks == 199998) {
    add(199999, "<|endoftext|>");
    add(200018, "<|endofprompt|>");
  } else if (pattern == "llama3" && ranks == 128000) {
    int reserved = 0;
    for (int64_t i = 0; i < 256; ++i) {
      const std::string name = i == 0 ? "begin_of_text" : i == 1 ? "end_of_text" : i == 6 ? "start_header_id" : i == 7 ? "end_header_id" : i == 9 ? "eot_id" : "reserved_special_token_" + std::to_string(reserved++);
      add(ranks + i, "<|" + name + "|>");
    }
  } else {
    add(ranks, "<|endoftext|>");
  }
  return out;
}

}  // namespace

TokenizerParts parts_from_gpt2(std::string_view vocab_json, std::string_view merges_txt) {
  nlohmann::json vocab;
  try {
    vocab = nlohmann::json::parse(vocab_json);
  } catch (const nlohmann::json::exception& e) {
    fail(ErrorKind::input, "the vocabulary is not valid JSON, or was cut off: ", e.what());
  }
  require_input(vocab.is_object() && !vocab.empty(), "the vocabulary is no JSON object of tokens and ids");
  int64_t largest = 0;
  for (const auto& [token, id] : vocab.items()) {
    require_input(id.is_number_integer() && id.get<int64_t>() >= 0 && id.get<int64_t>() < kMaxVocab, "the vocabulary gives \"", token, "\" no id that is a number from 0 on");
    largest = std::max(largest, id.get<int64_t>());
  }
  TokenizerParts parts;
  parts.pre_tokenizer = PreTokenizer::from_pattern("gpt2");
  parts.tokens.resize(static_cast<size_t>(largest + 1));
  std::unordered_map<std::string, int32_t> ids;
  for (const auto& [token, json_id] : vocab.items()) {
    const auto id = static_cast<int32_t>(json_id.get<int64_t>());
    if (token == "<|endoftext|>") {
      parts.added.push_back({id, token});
      continue;
    }
    std::string& bytes = parts.tokens[static_cast<size_t>(id)];
    require_input(bytes.empty(), "the vocabulary gives the id ", id, " twice");
    bytes = printable_to_bytes(token).value_or(token);
    ids.emplace(token, id);
  }
  while (!parts.tokens.empty() && parts.tokens.back().empty()) parts.tokens.pop_back();
  for_lines(merges_txt, [&](std::string_view line, int64_t number) {
    if (line.empty() || (number == 1 && line.starts_with("#version"))) return;
    const size_t space = line.find(' ');
    require_input(space != std::string_view::npos && line.find(' ', space + 1) == std::string_view::npos, "line ", number, " of the merges, \"", line.substr(0, 80), "\", is no pair");
    const std::string left(line.substr(0, space)), right(line.substr(space + 1));
    const auto a = ids.find(left), b = ids.find(right), c = ids.find(left + right);
    require_input(a != ids.end() && b != ids.end() && c != ids.end(), "line ", number, " of the merges, \"", line.substr(0, 80), "\", names a token that is not in the vocabulary");
    parts.merges.push_back({a->second, b->second, c->second});
  });
  return parts;
}

TokenizerParts parts_from_tiktoken(std::string_view text, const std::string& pattern) {
  TokenizerParts parts;
  parts.pre_tokenizer = PreTokenizer::from_pattern(pattern);
  parts.whole_pieces_first = true;
  std::unordered_map<std::string, int32_t> ranks;
  int64_t largest = -1;
  for_lines(text, [&](std::string_view line, int64_t number) {
    if (line.empty()) return;
    const size_t space = line.find(' ');
    const auto bytes = from_base64(line.substr(0, space));
    int64_t rank = -1;
    if (space != std::string_view::npos) {
      const auto [stop, code] = std::from_chars(line.data() + space + 1, line.data() + line.size(), rank);
      if (code != std::errc() || stop != line.data() + line.size()) rank = -1;
    }
    require_input(bytes && rank >= 0 && rank < kMaxVocab, "line ", number, ", \"", line.substr(0, 60), "\", is no base64 and rank");
    require_input(bytes->size() <= kMaxTokenBytes, "line ", number, " has a token of ", bytes->size(), " bytes; the most is ", kMaxTokenBytes);
    require_input(ranks.emplace(*bytes, static_cast<int32_t>(rank)).second, "line ", number, " has a token that was there before");
    largest = std::max(largest, rank);
    if (static_cast<int64_t>(parts.tokens.size()) <= rank) parts.tokens.resize(static_cast<size_t>(rank + 1));
    require_input(parts.tokens[static_cast<size_t>(rank)].empty(), "line ", number, " has the rank ", rank, ", which another token has");
    parts.tokens[static_cast<size_t>(rank)] = *bytes;
  });
  require_input(largest >= 0, "it holds no ranks");
  for (size_t id = 0; id < parts.tokens.size(); ++id) {
    if (parts.tokens[id].size() < 2) continue;
    const auto rank = static_cast<int32_t>(id);
    if (const auto pair = parents(parts.tokens[id], rank, ranks)) parts.merges.push_back({pair->first, pair->second, rank});
  }
  parts.added = known_specials(pattern, largest + 1);
  return parts;
}

bool looks_like_tiktoken(std::string_view text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  const size_t space = line.find(' ');
  return space != std::string_view::npos && from_base64(line.substr(0, space)).has_value() && line.size() > space + 1 && line[space + 1] >= '0' && line[space + 1] <= '9';
}

std::string tiktoken_text(const TokenizerParts& parts) {
  require_input(!parts.characters, "a .tiktoken file holds byte-level vocabularies; this one is SentencePiece's kind");
  require_input(!parts.normalize_nfc, "a .tiktoken file cannot say that text is normalized (NFC) first");
  std::string out;
  for (size_t id = 0; id < parts.tokens.size(); ++id) {
    if (!parts.tokens[id].empty()) out += to_base64(parts.tokens[id]) + " " + std::to_string(id) + "\n";
  }
  // What a reader of ranks makes of it must be what these merges make: else it would cut some texts in another way.
  std::vector<Merge> read = parts_from_tiktoken(out, "gpt2").merges;
  if (read != parts.merges) {
    size_t at = 0;
    while (at < read.size() && at < parts.merges.size() && read[at] == parts.merges[at]) ++at;
    fail(ErrorKind::input, "a .tiktoken file orders merges by id; here they are in another order, from merge ", at, " on: it would give other tokens");
  }
  return out;
}

Gpt2Files gpt2_files(const TokenizerParts& parts) {
  require_input(!parts.characters, "vocab.json and merges.txt hold byte-level vocabularies; this one is SentencePiece's kind");
  require_input(parts.pre_tokenizer.to_json() == PreTokenizer::from_pattern("gpt2").to_json(),
                "readers of vocab.json and merges.txt cut text by GPT-2's pattern; this tokenizer has another one");
  require_input(!parts.normalize_nfc, "vocab.json and merges.txt cannot say that text is normalized (NFC) first");
  Gpt2Files out;
  std::vector<std::pair<int32_t, std::string>> entries;
  std::vector<std::string> shown(parts.tokens.size());
  for (size_t id = 0; id < parts.tokens.size(); ++id) {
    shown[id] = bytes_to_printable(parts.tokens[id]);
    if (!shown[id].empty()) entries.emplace_back(static_cast<int32_t>(id), shown[id]);
  }
  for (const auto& token : parts.added) entries.emplace_back(token.id, token.content);
  std::sort(entries.begin(), entries.end());
  for (const auto& [id, token] : entries) out.vocab_json += (out.vocab_json.empty() ? "{" : ", ") + Json(token).dump() + ": " + std::to_string(id);
  out.vocab_json += "}\n";
  out.merges_txt = "#version: 0.2\n";
  for (const Merge& m : parts.merges) out.merges_txt += shown[static_cast<size_t>(m.left)] + " " + shown[static_cast<size_t>(m.right)] + "\n";
  return out;
}

}  // namespace loam

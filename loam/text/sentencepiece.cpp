#include "loam/text/sentencepiece.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <unordered_map>

#include "loam/base/error.h"
#include "loam/text/unicode.h"

namespace loam {
namespace {

constexpr double kMostSplits = 4e9;  // bytes looked at while merges are made; real vocabularies take some 10^7
constexpr size_t kMostPieces = size_t{1} << 22;

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  while (!text.empty()) {
    const size_t at = text.find(from);
    out += text.substr(0, at);
    if (at == std::string_view::npos) break;
    out += to;
    text.remove_prefix(at + from.size());
  }
  return out;
}

/// All pairs of mergeable tokens that join to one, by the score of what they make.
std::vector<Merge> merges_of(const std::vector<std::string>& tokens, const std::vector<ScoredPiece>& pieces) {
  std::unordered_map<std::string_view, int32_t> ids;
  double work = 0;
  for (size_t id = 0; id < pieces.size(); ++id) {
    if (pieces[id].kind != ScoredPiece::normal) continue;
    ids.emplace(tokens[id], static_cast<int32_t>(id));
    work += static_cast<double>(tokens[id].size()) * static_cast<double>(tokens[id].size());
  }
  require_input(work <= kMostSplits, "its pieces are too long to be a vocabulary (", work, " bytes to look at while merges are made; the most is ", kMostSplits, ")");
  std::vector<Merge> merges;
  for (size_t id = 0; id < pieces.size(); ++id) {
    if (pieces[id].kind != ScoredPiece::normal) continue;
    const std::string_view whole = tokens[id];
    for (size_t cut = 1; cut < whole.size(); ++cut) {
      if ((static_cast<unsigned char>(whole[cut]) & 0xc0) == 0x80) continue;  // inside a character
      const auto left = ids.find(whole.substr(0, cut)), right = ids.find(whole.substr(cut));
      if (left != ids.end() && right != ids.end()) merges.push_back({left->second, right->second, static_cast<int32_t>(id)});
    }
  }
  std::stable_sort(merges.begin(), merges.end(), [&](const Merge& a, const Merge& b) { return pieces[static_cast<size_t>(a.result)].score > pieces[static_cast<size_t>(b.result)].score; });
  return merges;
}

}  // namespace

std::string spaces_from_signs(std::string_view text) { return replaced(text, kSpaceSign, " "); }
std::string signs_from_spaces(std::string_view text) { return replaced(text, " ", kSpaceSign); }

int byte_of_name(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return -1;
  int value = 0;
  for (const char c : text.substr(3, 2)) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (digit < 0) return -1;
    value = 16 * value + digit;
  }
  return value;
}

std::string name_of_byte(int byte) {
  constexpr char digits[] = "0123456789ABCDEF";
  return std::string("<0x") + digits[byte / 16 & 15] + digits[byte & 15] + ">";
}

TokenizerParts parts_from_scored(const std::vector<ScoredPiece>& pieces, CharacterRules::Prefix prefix, bool unigram) {
  require_input(!pieces.empty() && pieces.size() <= kMostPieces, "it holds ", pieces.size(), " pieces");
  TokenizerParts parts;
  parts.characters.emplace();
  parts.characters->prefix = prefix;
  parts.tokens.resize(pieces.size());
  std::unordered_map<std::string_view, size_t> seen;
  for (size_t id = 0; id < pieces.size(); ++id) {
    const ScoredPiece& piece = pieces[id];
    require_input(!piece.text.empty(), "piece ", id, " has no text");
    require_input(std::isfinite(piece.score), "piece ", id, ", \"", piece.text, "\", has the score ", piece.score);
    const auto [before, fresh] = seen.emplace(piece.text, id);
    require_input(fresh, "pieces ", before->second, " and ", id, " are both \"", piece.text, "\"");
    const auto number = static_cast<int32_t>(id);
    switch (piece.kind) {
      case ScoredPiece::normal: parts.tokens[id] = spaces_from_signs(piece.text); break;
      case ScoredPiece::byte: {
        const int byte = byte_of_name(piece.text);
        require_input(byte >= 0, "piece ", id, ", \"", piece.text, "\", is said to be a byte");
        require_input(parts.characters->bytes[static_cast<size_t>(byte)] < 0, "piece ", id, " is the byte ", piece.text, " once more");
        parts.characters->bytes[static_cast<size_t>(byte)] = number;
        parts.tokens[id] = std::string(1, static_cast<char>(byte));
        break;
      }
      case ScoredPiece::unused: break;
      default: {
        AddedToken token;
        token.id = number;
        token.content = piece.kind == ScoredPiece::user_defined ? spaces_from_signs(piece.text) : piece.text;
        token.special = piece.kind != ScoredPiece::user_defined;
        if (piece.kind == ScoredPiece::unknown) {
          require_input(parts.characters->unknown < 0, "pieces ", parts.characters->unknown, " and ", id, " are both for what is unknown");
          parts.characters->unknown = number;
          parts.config["unk_token"] = piece.text;
        }
        parts.added.push_back(std::move(token));
      }
    }
  }
  parts.config["merge_order"] = "sentencepiece";
  if (unigram) {
    parts.unigram.emplace();
    for (const ScoredPiece& piece : pieces) parts.unigram->scores.push_back(piece.score);
    return parts;
  }
  parts.merges = merges_of(parts.tokens, pieces);
  return parts;
}

std::vector<ScoredPiece> scored_pieces(const TokenizerParts& parts) {
  require_input(parts.characters.has_value(), "a byte-level tokenizer has no scored pieces");
  size_t size = parts.tokens.size();
  for (const AddedToken& token : parts.added) size = std::max(size, static_cast<size_t>(token.id) + 1);
  std::vector<ScoredPiece> pieces(size);
  for (size_t id = 0; id < parts.tokens.size(); ++id) pieces[id].text = signs_from_spaces(parts.tokens[id]);
  // A piece's score: minus the rank of the first merge that makes it; single characters come after all of them.
  std::vector<bool> scored(size, false);
  double rank = 0;
  for (const Merge& m : parts.merges) {
    const auto id = static_cast<size_t>(m.result);
    if (!scored[id]) pieces[id].score = -rank++;
    scored[id] = true;
  }
  for (size_t id = 0; id < parts.tokens.size(); ++id) {
    if (!scored[id] && !parts.tokens[id].empty()) pieces[id].score = -rank;
  }
  for (int byte = 0; byte < 256; ++byte) {
    if (const int32_t id = parts.characters->bytes[static_cast<size_t>(byte)]; id >= 0) pieces[static_cast<size_t>(id)] = {name_of_byte(byte), 0, ScoredPiece::byte};
  }
  for (const AddedToken& token : parts.added) {
    const bool unknown = token.id == parts.characters->unknown;
    pieces[static_cast<size_t>(token.id)] = {token.content, 0, unknown ? ScoredPiece::unknown : token.special ? ScoredPiece::control : ScoredPiece::user_defined};
  }
  for (size_t id = 0; id < size; ++id) {
    if (pieces[id].text.empty()) pieces[id] = {"<unused" + std::to_string(id) + ">", 0, ScoredPiece::unused};
  }
  return pieces;
}

void set_special_ids(TokenizerParts& parts, int64_t bos, int64_t eos, int64_t pad, bool add_bos) {
  // A model may end texts with a token that its vocabulary lists as an ordinary one: there it becomes a special one.
  const auto name_of = [&](int64_t id, const char* what) -> std::string {
    for (AddedToken& token : parts.added) {
      if (token.id == id) {
        token.special = true;
        return token.content;
      }
    }
    fail(ErrorKind::input, "its ", what, " is id ", id, ", which is no special token of the vocabulary");
  };
  if (bos >= 0) parts.config["bos_token"] = name_of(bos, "BOS token");
  if (eos >= 0) parts.config["eos_token"] = name_of(eos, "EOS token");
  if (pad >= 0) parts.config["pad_token"] = name_of(pad, "padding token");
  require_input(bos >= 0 || !add_bos, "a BOS is to be put before texts, but there is none");
  parts.config["add_bos_token"] = add_bos;
  if (add_bos) parts.prefix = {static_cast<int32_t>(bos)};
}

// ---- llama2.c ----

TokenizerParts parts_from_llama2c(std::string_view bytes) {
  std::vector<ScoredPiece> pieces;
  require_input(bytes.size() >= 12, "it has ", bytes.size(), " bytes; llama2.c's form takes more");
  for (size_t at = 4; at < bytes.size();) {
    require_input(bytes.size() - at >= 8, "it ends inside token ", pieces.size());
    float score;
    int32_t length;
    std::memcpy(&score, bytes.data() + at, 4);
    std::memcpy(&length, bytes.data() + at + 4, 4);
    require_input(length >= 0 && static_cast<size_t>(length) <= bytes.size() - at - 8, "token ", pieces.size(), " is said to have ", length, " bytes; ", bytes.size() - at - 8, " are left");
    pieces.push_back({std::string(bytes.substr(at + 8, static_cast<size_t>(length))), score, ScoredPiece::normal});
    at += 8 + static_cast<size_t>(length);
  }
  require_input(pieces.size() >= 259, "it holds ", pieces.size(), " tokens; llama2.c's form begins with 3 special ones and 256 bytes");
  const char* const names[] = {"<unk>", "<s>", "</s>"};
  for (size_t id = 0; id < 3; ++id) {
    require_input(pieces[id].text.find(names[id]) != std::string::npos, "token ", id, " is \"", pieces[id].text, "\", not ", names[id]);
    pieces[id] = {names[id], 0, id == 0 ? ScoredPiece::unknown : ScoredPiece::control};
  }
  for (size_t byte = 0; byte < 256; ++byte) {
    require_input(byte_of_name(pieces[3 + byte].text) == static_cast<int>(byte), "token ", 3 + byte, " is \"", pieces[3 + byte].text, "\", not the byte ", name_of_byte(static_cast<int>(byte)));
    pieces[3 + byte].kind = ScoredPiece::byte;
  }
  TokenizerParts parts = parts_from_scored(pieces, CharacterRules::Prefix::always);
  set_special_ids(parts, 1, 2, -1, true);
  return parts;
}

// ---- .model ----

namespace {

/// A field of a protocol buffer message (protobuf.dev, "Encoding"): its number, and its value as a number or as bytes.
struct Field {
  uint64_t number = 0, value = 0;
  std::string_view bytes;
};

class Message {
 public:
  explicit Message(std::string_view bytes) : bytes_(bytes) {}
  bool next(Field& field) {
    if (bytes_.empty()) return false;
    const uint64_t tag = varint();
    field = {};
    field.number = tag >> 3;
    switch (tag & 7) {
      case 0: field.value = varint(); break;
      case 1: field.bytes = take(8); break;
      case 2: field.bytes = take(varint()); break;
      case 5: field.bytes = take(4); break;
      default: fail(ErrorKind::input, "it is no SentencePiece model: field ", field.number, " is of the kind ", tag & 7);
    }
    return true;
  }

 private:
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      value |= static_cast<uint64_t>(byte & 127) << shift;
      if (byte < 128) return value;
    }
    fail(ErrorKind::input, "it is no SentencePiece model: a number has more than 64 bits");
  }
  std::string_view take(uint64_t count) {
    require_input(count <= bytes_.size(), "it is no SentencePiece model, or cut off: ", count, " bytes wanted, ", bytes_.size(), " are left");
    const std::string_view out = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return out;
  }
  std::string_view bytes_;
};

ScoredPiece read_piece(std::string_view bytes) {
  ScoredPiece piece;
  Message message(bytes);
  for (Field f; message.next(f);) {
    if (f.number == 1) piece.text = f.bytes;
    if (f.number == 2 && f.bytes.size() == 4) {
      float score;
      std::memcpy(&score, f.bytes.data(), 4);
      piece.score = score;
    }
    if (f.number == 3) {
      require_input(f.value >= 1 && f.value <= 6, "the piece \"", piece.text, "\" is of the unknown kind ", f.value);
      piece.kind = static_cast<ScoredPiece::Kind>(f.value);
    }
  }
  return piece;
}

}  // namespace

TokenizerParts parts_from_sentencepiece(std::string_view bytes) {
  std::vector<ScoredPiece> pieces;
  uint64_t model_type = 1, bos = 1, eos = 2;  // what the format means by silence
  int64_t pad = -1;
  bool dummy_prefix = true, squeeze = true, suffix = false;
  std::string_view charsmap;
  Message model(bytes);
  for (Field part; model.next(part);) {
    Message inner(part.bytes);
    if (part.number == 1) {
      require_input(pieces.size() < kMostPieces, "it holds more than ", kMostPieces, " pieces");
      pieces.push_back(read_piece(part.bytes));
    } else if (part.number == 2) {
      for (Field f; inner.next(f);) {
        if (f.number == 3) model_type = f.value;
        if (f.number == 24) suffix = f.value != 0;
        if (f.number == 41) bos = f.value;
        if (f.number == 42) eos = f.value;
        if (f.number == 43) pad = static_cast<int32_t>(f.value);
      }
    } else if (part.number == 3) {
      for (Field f; inner.next(f);) {
        if (f.number == 2) charsmap = f.bytes;
        if (f.number == 3) dummy_prefix = f.value != 0;
        if (f.number == 4) squeeze = f.value != 0;
      }
    }
  }
  require_input(!pieces.empty(), "it holds no pieces: it is no SentencePiece model");
  require_input(model_type == 1 || model_type == 2, "it is a ", model_type == 3 ? "word" : "character", " model; SentencePiece's BPE and unigram models are read");
  require_input(model_type == 1 || charsmap.empty(), "it is a BPE that normalizes text by a table of ", charsmap.size(), " bytes; BPE models with the normalizer \"identity\" are read");
  require_input(model_type == 1 || !squeeze, "it is a BPE that takes runs of spaces as one (remove_extra_whitespaces); models that keep them are read");
  require_input(!suffix, "it puts the sign of a space behind words (treat_whitespace_as_suffix), which loam does not");
  const auto prefix = !dummy_prefix ? CharacterRules::Prefix::none : model_type == 1 ? CharacterRules::Prefix::first : CharacterRules::Prefix::always;
  TokenizerParts parts = parts_from_scored(pieces, prefix, model_type == 1);
  parts.characters->charsmap = charsmap;
  parts.characters->squeeze = parts.characters->strip_end = squeeze;
  const auto id = [](uint64_t value) { return static_cast<int64_t>(static_cast<int32_t>(value)); };
  set_special_ids(parts, id(bos), id(eos), pad, id(bos) >= 0);
  return parts;
}

}  // namespace loam

#include "loam/text/tokenizer.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <unordered_map>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/text/nfc.h"
#include "loam/text/normal_form.h"
#include "loam/text/sentencepiece.h"
#include "loam/text/tokenizer_json.h"
#include "loam/text/unicode.h"

namespace loam {
namespace {

/// Some vocabularies (DeepSeek's) list bytes that no UTF-8 text holds as added tokens only, by their printable form:
/// those stand for such a byte too, or it could not be encoded at all.
void lend_bytes(TokenizerParts& parts) {
  std::array<bool, 256> has = {};
  for (const std::string& token : parts.tokens) {
    if (token.size() == 1) has[static_cast<unsigned char>(token[0])] = true;
  }
  for (const AddedToken& token : parts.added) {
    if (token.id < 0 || token.id >= 1 << 22 || token.content.size() > 2) continue;
    const auto byte = printable_to_bytes(token.content);
    if (!byte || byte->size() != 1 || has[static_cast<unsigned char>((*byte)[0])]) continue;
    if (parts.tokens.size() <= static_cast<size_t>(token.id)) parts.tokens.resize(static_cast<size_t>(token.id) + 1);
    if (parts.tokens[static_cast<size_t>(token.id)].empty()) parts.tokens[static_cast<size_t>(token.id)] = *byte;
  }
}

}  // namespace

struct Tokenizer::Inside {
  TokenizerParts parts;
  std::optional<Bpe> bpe;          // or
  std::optional<Unigram> unigram;  // this
  CharsMap charsmap;
  int64_t vocab_size = 0;
  std::vector<const AddedToken*> added_by_id;           // by id, null for others
  std::unordered_map<std::string, int32_t> special_ids;
  std::optional<int32_t> eot;
  /// Added tokens by their first byte, longest first: [0] always recognised, [1] with the special ones.
  std::array<std::array<std::vector<const AddedToken*>, 256>, 2> by_first;
  std::array<bool, 2> any = {};
  mutable std::mutex mutex;
  mutable std::vector<std::unique_ptr<Bpe::Scratch>> idle;  // one for each thread that ever encoded at once

  /// No token has a space behind something else: then merges never cross the place before a space, and words can be
  /// encoded one by one.
  bool words_apart = false;

  explicit Inside(TokenizerParts given) : parts(std::move(given)) {
    if (parts.unigram) {
      require_input(parts.characters && parts.merges.empty(), "a unigram model has rules for characters, and no merges");
      unigram.emplace(parts.tokens, *parts.unigram, parts.characters->bytes, parts.characters->unknown);
    } else if (parts.characters) {
      bpe.emplace(parts.tokens, parts.merges, *parts.characters);
    } else {
      bpe.emplace(parts.tokens, parts.merges, parts.whole_pieces_first);
    }
    if (parts.characters) charsmap = CharsMap(parts.characters->charsmap);
    words_apart = std::all_of(parts.tokens.begin(), parts.tokens.end(), [](const std::string& token) {
      const size_t word = token.find_first_not_of(' ');
      return word == std::string::npos || token.find(' ', word) == std::string::npos;
    });
  }

  /// A scratch for the time of one call.
  struct Borrowed {
    const Inside& from;
    std::unique_ptr<Bpe::Scratch> scratch;
    explicit Borrowed(const Inside& owner) : from(owner) {
      const std::lock_guard lock(from.mutex);
      if (!from.idle.empty()) {
        scratch = std::move(from.idle.back());
        from.idle.pop_back();
      }
      if (!scratch) scratch = std::make_unique<Bpe::Scratch>();
    }
    ~Borrowed() {
      const std::lock_guard lock(from.mutex);
      from.idle.push_back(std::move(scratch));
    }
    Borrowed(const Borrowed&) = delete;
    Borrowed& operator=(const Borrowed&) = delete;
  };

  void encode_ordinary(std::string_view text, Bpe::Scratch& scratch, std::vector<int32_t>& ids) const {
    const char* end = text.data() + text.size();
    std::string_view pieces[Bpe::kBatch];
    size_t n = 0;
    parts.pre_tokenizer.split(text, [&](std::string_view piece) {
      pieces[n++] = piece;
      if (n == Bpe::kBatch) bpe->encode(std::span(pieces, std::exchange(n, size_t{0})), end, scratch, ids);
    });
    bpe->encode(std::span(pieces, n), end, scratch, ids);
  }

  /// Texts of vocabularies that normalize: characters replaced, white space made one.
  std::string normalized(std::string_view text, bool begins_text, bool ends_text) const {
    const CharacterRules& rules = *parts.characters;
    std::string out = rules.charsmap.empty() ? std::string(text) : charsmap.normalized(text);
    if (rules.white_as_space) out = white_as_spaces(out);
    if (rules.squeeze || rules.strip_end) out = squeezed(out, rules.squeeze, begins_text, rules.strip_end && ends_text);
    return out;
  }

  /// SentencePiece's way, for what stands between added tokens.
  void encode_characters(std::string_view text, bool begins_text, bool ends_text, Bpe::Scratch& scratch, std::vector<int32_t>& ids) const {
    const CharacterRules& rules = *parts.characters;
    std::string normal;
    if (!rules.charsmap.empty() || rules.white_as_space || rules.squeeze || rules.strip_end) {
      normal = normalized(text, begins_text, ends_text);
      text = normal;
    }
    if (text.empty()) return;
    std::string spaced;
    bool prefix = rules.prefix == CharacterRules::Prefix::always || (rules.prefix == CharacterRules::Prefix::first && begins_text);
    if (rules.unless_space && (text.front() == ' ' || text.starts_with(kSpaceSign))) prefix = false;
    if (prefix || text.find(kSpaceSign) != std::string_view::npos) {
      spaced.reserve(text.size() + 1);
      if (prefix) spaced += ' ';
      while (!text.empty()) {
        const size_t at = std::min(text.find(kSpaceSign), text.size());
        spaced += text.substr(0, at);
        if (at < text.size()) spaced += ' ';
        text.remove_prefix(std::min(at + kSpaceSign.size(), text.size()));
      }
      text = spaced;
    }
    if (unigram) {
      for (size_t at = 0; at < text.size();) {
        const size_t stop = parts.unigram->words_alone ? std::min(text.find(' ', at + 1), text.size()) : text.size();
        unigram->encode(text.substr(at, stop - at), ids);
        at = stop;
      }
      return;
    }
    const char* const end = text.data() + text.size();
    for (size_t at = 0; at < text.size();) {
      size_t stop = text.size();
      if (words_apart) {
        const size_t word = std::min(text.find_first_not_of(' ', at), text.size());
        stop = std::min(text.find(' ', word), text.size());
      }
      bpe->encode(text.substr(at, stop - at), end, scratch, ids);
      at = stop;
    }
  }

  /// SentencePiece's space before a text that begins with one of its user-defined symbols, which are pieces to it.
  void encode_lone_prefix(std::vector<int32_t>& ids) const {
    if (unigram && parts.unigram->floats && parts.characters->prefix != CharacterRules::Prefix::none) unigram->encode(" ", ids);
  }

  /// The added token at text[at], the longest; null if none.
  const AddedToken* added_at(std::string_view text, size_t at, size_t which) const {
    for (const AddedToken* token : by_first[which][static_cast<unsigned char>(text[at])]) {
      if (text.substr(at, token->content.size()) == token->content) return token;
    }
    return nullptr;
  }
};

Tokenizer::Tokenizer(TokenizerParts parts) {
  const bool as_sentencepiece = get_string(parts.config, "merge_order", "") == "sentencepiece";
  if (parts.characters) parts.characters->equal_ranks = as_sentencepiece;
  if (parts.unigram && as_sentencepiece) {
    parts.unigram->floats = true;
    parts.characters->unless_space = false;  // tokenizer.json's Metaspace cannot say so
  }
  if (!parts.characters) lend_bytes(parts);
  require_input(parts.tokens.size() <= size_t{1} << 26, "a vocabulary of ", parts.tokens.size(), " tokens; the most is 2^22");
  for (const Merge& merge : parts.merges) {
    const auto text = [&](int32_t id) { return id >= 0 && static_cast<size_t>(id) < parts.tokens.size() ? std::string_view(parts.tokens[static_cast<size_t>(id)]) : std::string_view(); };
    const std::string_view left = text(merge.left), right = text(merge.right), both = text(merge.result);
    require_input(!left.empty() && !right.empty() && both.size() == left.size() + right.size() && both.starts_with(left) && both.ends_with(right),
                  "the merge of ids ", merge.left, " and ", merge.right, " into ", merge.result, " does not fit the vocabulary");
  }
  std::sort(parts.added.begin(), parts.added.end(), [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  auto in = std::make_shared<Inside>(std::move(parts));
  const TokenizerParts& p = in->parts;
  in->vocab_size = static_cast<int64_t>(p.tokens.size());
  for (const AddedToken& token : p.added) {
    require_input(token.id >= 0 && token.id < 1 << 22, "the added token ", token.content, " has the id ", token.id);
    require_input(!token.content.empty(), "the added token ", token.id, " has no text");
    in->vocab_size = std::max<int64_t>(in->vocab_size, token.id + 1);
  }
  in->added_by_id.resize(static_cast<size_t>(in->vocab_size));
  for (const AddedToken& token : p.added) {
    const AddedToken*& slot = in->added_by_id[static_cast<size_t>(token.id)];
    require_input(slot == nullptr, "two added tokens have the id ", token.id);
    slot = &token;
    require_input(in->special_ids.emplace(token.content, token.id).second || !token.special, "the added token ", token.content, " is there twice");
    for (size_t which = token.special ? 1 : 0; which < 2; ++which) {
      in->by_first[which][static_cast<unsigned char>(token.content[0])].push_back(&token);
      in->any[which] = true;
    }
  }
  for (auto& table : in->by_first) {
    for (auto& list : table) {
      std::stable_sort(list.begin(), list.end(), [](auto* a, auto* b) { return a->content.size() > b->content.size(); });
    }
  }
  const Json& eos = p.config.contains("eos_token") ? p.config["eos_token"] : Json();
  const std::string eos_name = eos.is_string() ? eos.get<std::string>() : eos.is_object() ? get_string(eos, "content", "") : "";
  for (const std::string& name : {std::string("<|endoftext|>"), std::string("<|end_of_text|>"), eos_name}) {
    if (const auto found = in->special_ids.find(name); found != in->special_ids.end() && !in->eot) in->eot = found->second;
  }
  in_ = std::move(in);
}

Tokenizer Tokenizer::load(const std::filesystem::path& folder_or_file) {
  const bool folder = fs::is_directory(folder_or_file);
  const fs::path file = folder ? folder_or_file / "tokenizer.json" : folder_or_file;
  require_input(fs::exists(file), "there is no ", file, folder ? "; `loam tokenizer import` makes one of other files" : "");
  try {
    TokenizerParts parts = parts_from_text(read_file(file, int64_t{1} << 29), "tokenizer.json");
    const fs::path config = file.parent_path() / "tokenizer_config.json";
    if (fs::exists(config)) {
      parts.config = read_json(config, int64_t{1} << 26);
      require_input(parts.config.is_object(), config, " is not a JSON object");
    }
    // Newer folders keep the template in a file of its own, which then counts.
    const fs::path chat = file.parent_path() / "chat_template.jinja";
    if (fs::exists(chat)) parts.config["chat_template"] = read_file(chat, int64_t{1} << 20);
    return Tokenizer(std::move(parts));
  } catch (Error& e) {
    e.during("tokenizer ", file);
    throw;
  }
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, Specials specials) const {
  std::vector<int32_t> ids;
  ids.reserve(text.size() / 3 + 8);
  encode(text, ids, specials);
  return ids;
}

void Tokenizer::encode(std::string_view text, std::vector<int32_t>& ids, Specials specials) const {
  const Inside::Borrowed borrowed(*in_);
  Bpe::Scratch& scratch = *borrowed.scratch;
  std::string normal;
  const auto ordinary = [&](std::string_view part, bool begins_text, bool ends_text) {
    if (in_->parts.normalize_nfc && !is_nfc(part)) {
      normal = to_nfc(part);
      part = normal;
    }
    if (in_->parts.characters) {
      in_->encode_characters(part, begins_text, ends_text, scratch, ids);
    } else {
      in_->encode_ordinary(part, scratch, ids);
    }
  };
  const size_t which = specials == Specials::recognise ? 1 : 0;
  if (!in_->any[which]) return ordinary(text, true, true);
  size_t done = 0;
  for (size_t at = 0; at < text.size();) {
    const AddedToken* token = in_->added_at(text, at, which);
    if (token == nullptr) {
      ++at;
      continue;
    }
    std::string_view before = text.substr(done, at - done);
    if (at == 0 && !token->special) in_->encode_lone_prefix(ids);
    // Hugging Face normalizes what stands between tokens by itself; to SentencePiece its own symbols are part of the text.
    const bool ends = token->special || !(in_->parts.unigram && in_->parts.unigram->floats);
    const auto is_space = [](char c) { return class_of(static_cast<unsigned char>(c)) & kSpace && static_cast<unsigned char>(c) < 128; };
    while (token->lstrip && !before.empty() && is_space(before.back())) before.remove_suffix(1);
    ordinary(before, done == 0, ends);
    ids.push_back(token->id);
    at += token->content.size();
    while (token->rstrip && at < text.size() && is_space(text[at])) ++at;
    done = at;
  }
  ordinary(text.substr(done), done == 0, true);
}

std::string Tokenizer::decode(std::span<const int32_t> ids) const {
  std::string out;
  bool begins = puts_space();
  for (const int32_t id : ids) {
    require_input(has(id), "there is no token ", id, " in a vocabulary of ", vocab_size());
    const std::string_view token = bytes(id);
    const bool special = is_special(id);
    out += begins && !special && token.starts_with(' ') ? token.substr(1) : token;
    begins = begins && special;
  }
  return out;
}

bool Tokenizer::puts_space() const { return in_->parts.characters && in_->parts.characters->prefix != CharacterRules::Prefix::none; }

int64_t Tokenizer::vocab_size() const { return in_->vocab_size; }

bool Tokenizer::has(int64_t id) const {
  return id >= 0 && id < vocab_size() && (is_special(static_cast<int32_t>(id)) || !bytes(static_cast<int32_t>(id)).empty());
}

std::string_view Tokenizer::bytes(int32_t id) const {
  if (id < 0 || id >= vocab_size()) return {};
  const auto at = static_cast<size_t>(id);
  if (in_->added_by_id[at] != nullptr) return in_->added_by_id[at]->content;
  return at < in_->parts.tokens.size() ? std::string_view(in_->parts.tokens[at]) : std::string_view();
}

bool Tokenizer::is_special(int32_t id) const {
  return id >= 0 && id < vocab_size() && in_->added_by_id[static_cast<size_t>(id)] != nullptr && in_->added_by_id[static_cast<size_t>(id)]->special;
}

std::optional<int32_t> Tokenizer::special(std::string_view content) const {
  const auto found = in_->special_ids.find(std::string(content));
  return found == in_->special_ids.end() ? std::nullopt : std::optional(found->second);
}

const std::vector<AddedToken>& Tokenizer::added() const { return in_->parts.added; }

int32_t Tokenizer::eot_id() const {
  require_input(in_->eot.has_value(), "the tokenizer has no end-of-text token: neither <|endoftext|> nor an eos_token in tokenizer_config.json");
  return *in_->eot;
}

const std::vector<int32_t>& Tokenizer::prefix_ids() const { return in_->parts.prefix; }
const TokenizerParts& Tokenizer::parts() const { return in_->parts; }
const Json& Tokenizer::config() const { return in_->parts.config; }

std::string Tokenizer::chat_template() const {
  const Json& config = in_->parts.config;
  if (!config.contains("chat_template")) return "";
  const Json& given = config["chat_template"];
  if (given.is_string()) return given.get<std::string>();
  // Several by name: the one called "default".
  for (const Json& each : given.is_array() ? given : Json::array()) {
    if (each.is_object() && get_string(each, "name", "") == "default") return get_string(each, "template", "");
  }
  return "";
}

std::string StreamDecoder::add(int32_t id) {
  require_input(tokenizer_.has(id), "there is no token ", id, " in a vocabulary of ", tokenizer_.vocab_size());
  const bool special = tokenizer_.is_special(id);
  std::string_view bytes = tokenizer_.bytes(id);
  if (begins_text_ && !special && tokenizer_.puts_space() && bytes.starts_with(' ')) bytes.remove_prefix(1);
  begins_text_ = begins_text_ && special;
  if (!special || show_special_) held_ += bytes;
  const size_t whole = whole_chars(held_);
  std::string out = held_.substr(0, whole);
  held_.erase(0, whole);
  return out;
}

std::string StreamDecoder::rest() { return std::exchange(held_, std::string()); }

}  // namespace loam

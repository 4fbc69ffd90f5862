// The tokenizer at run time: byte-level BPE, exact for any bytes; or, imported, SentencePiece's BPE over
// characters or unigram model.
//
//   const Tokenizer tok = Tokenizer::load("run/tokenizer");     // a folder with tokenizer.json, or that file
//   std::vector<int32_t> ids = tok.encode("Hello <|endoftext|>");                      // special tokens are text
//   std::vector<int32_t> ids = tok.encode(prompt, Specials::recognise);               // ... or themselves
//   std::string bytes = tok.decode(ids);                                              // the same bytes again
//
//   StreamDecoder out(tok);
//   for (int32_t id : answer) std::cout << out.add(id);     // whole characters only
//   std::cout << out.rest();
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "loam/base/json.h"
#include "loam/text/bpe.h"
#include "loam/text/pretokenizer.h"
#include "loam/text/unigram.h"

namespace loam {

/// A token beside the merges: Hugging Face's "added token".
struct AddedToken {
  int32_t id = 0;
  std::string content;
  bool special = true;  ///< a control token, recognised on request; otherwise a word that is always recognised
  bool lstrip = false, rstrip = false;  ///< takes the white space before, after it along (and loses it)
};

/// Everything a tokenizer is made of.
struct TokenizerParts {
  std::vector<std::string> tokens;  ///< bytes by id; "" where only an added token, or nothing, has the id. A space is a
                                    ///< space, also where files write "\u2581"
  std::vector<Merge> merges;        ///< in order of rank
  std::vector<AddedToken> added;    ///< ascending ids
  PreTokenizer pre_tokenizer;
  bool whole_pieces_first = false;  ///< tiktoken's rule, `ignore_merges`
  bool normalize_nfc = false;       ///< Unicode form C before anything else: then decoding gives that form
  std::optional<CharacterRules> characters;  ///< SentencePiece's kind; then there is no pre_tokenizer
  std::optional<UnigramRules> unigram;        ///< with `characters`: pieces by their scores; then there are no merges
  std::vector<int32_t> prefix;      ///< put before each text by those who ask for it (a BOS), see prefix_ids()
  Json config = Json::object();     ///< tokenizer_config.json
};

/// What to do with text that looks like a special token.
enum class Specials { as_text, recognise };

/// Immutable and cheap to copy; every function may be called from any thread.
class Tokenizer {
 public:
  /// Throws Error{input}: no tokenizer.json there, cut off, not byte-level BPE; the message names the file.
  static Tokenizer load(const std::filesystem::path& folder_or_file);
  /// Throws Error{input} if the parts do not fit together.
  explicit Tokenizer(TokenizerParts parts);

  std::vector<int32_t> encode(std::string_view text, Specials specials = Specials::as_text) const;
  /// Appends to `ids`.
  void encode(std::string_view text, std::vector<int32_t>& ids, Specials specials = Specials::as_text) const;
  /// Throws Error{input} for an id outside the vocabulary. The space that encode() put before a text is taken away again.
  std::string decode(std::span<const int32_t> ids) const;

  /// Does encode() put a space before a text (SentencePiece's way)?
  bool puts_space() const;

  /// One more than the largest id; an imported vocabulary may have holes.
  int64_t vocab_size() const;
  bool has(int64_t id) const;
  /// The bytes a token stands for; a special token's are its name. Valid as long as the tokenizer or a copy of it is.
  std::string_view bytes(int32_t id) const;
  bool is_special(int32_t id) const;
  /// The id of a special token by its text.
  std::optional<int32_t> special(std::string_view content) const;
  const std::vector<AddedToken>& added() const;

  /// What separates documents: <|endoftext|> where there is one, else what tokenizer_config.json calls eos_token.
  /// Throws Error{input} if there is neither.
  int32_t eot_id() const;
  /// Tokens that this tokenizer's makers put before each text (Llama's BOS); none in our own. Whoever scores or continues
  /// a text puts them first; encode() does not.
  const std::vector<int32_t>& prefix_ids() const;
  const TokenizerParts& parts() const;
  /// tokenizer_config.json; a JSON object, empty where there was none.
  const Json& config() const;
  /// The chat template of tokenizer_config.json, "" if none.
  std::string chat_template() const;

 private:
  struct Inside;
  std::shared_ptr<const Inside> in_;
};

/// Turns ids into text as they come; what it gives never ends inside a UTF-8 character.
class StreamDecoder {
 public:
  /// `begins_text`: nothing stands before the first id; then the space that encode() puts before a text is left out.
  explicit StreamDecoder(Tokenizer tokenizer, bool show_special = false, bool begins_text = false)
      : tokenizer_(std::move(tokenizer)), show_special_(show_special), begins_text_(begins_text) {}
  /// The characters that are complete now. Special tokens give nothing, or their name with show_special.
  std::string add(int32_t id);
  /// What is left, complete or not.
  std::string rest();

 private:
  Tokenizer tokenizer_;
  bool show_special_, begins_text_;
  std::string held_;
};

}  // namespace loam

// English words as the field's filters count them: the rules of spaCy's blank English tokenizer, which datatrove uses, so
// that word counts, n-grams and near-duplicate signatures agree with its.
//
//   for (const Word& word : english_words(text)) use(text.substr(word.begin, word.bytes));
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace loam {

/// A piece of the text; never empty, never with white space in it.
struct Word {
  int64_t begin;       ///< byte offset
  int32_t bytes;
  int32_t characters;  ///< code points
};

/// Between white space, punctuation is cut off at both ends and in the middle, contractions are taken apart ("don't" is
/// "do" and "n't"), abbreviations, smileys and addresses kept whole. `text` is UTF-8; a word has less than 2^31 bytes.
std::vector<Word> english_words(std::string_view text);
/// The same into a vector that is cleared first: no allocation once it is large enough.
void english_words(std::string_view text, std::vector<Word>& out);

/// Unicode's sentence terminals (Sentence_Terminal, with the five Khmer ones of earlier versions): 159 in Unicode 15.
bool is_sentence_terminal(char32_t c);
/// What datatrove's text.py lists as punctuation and control characters.
bool is_listed_punctuation(char32_t c);

/// How many sentences spaCy's rule-based sentencizer finds: a sentence ends with a word that is one sentence terminal (of
/// those it lists) before the next word that is no punctuation. 0 for a text without words.
int64_t count_english_sentences(std::string_view text);
/// The same of a stretch whose words are known; their places are in `text`.
int64_t count_english_sentences(std::string_view text, std::span<const Word> words);

}  // namespace loam

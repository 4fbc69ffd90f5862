// Unigram models (Kudo 2018): of all ways to cut a text into pieces the one with the highest sum of log probabilities.
//
//   const Unigram unigram(tokens, rules);
//   unigram.encode(text, ids);                  // appends
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace loam {

/// What a unigram model has beside its tokens.
struct UnigramRules {
  std::vector<double> scores;  ///< by id, natural logs; those of tokens without text do not count
  bool floats = false;  ///< kept sums are rounded to 32 bits, as SentencePiece's: it decides between equally good ways
  bool words_alone = false;  ///< each word, with the space before it, is a text of its own: Metaspace's "split"
  bool operator==(const UnigramRules&) const = default;
};

class Unigram {
 public:
  /// tokens: texts by id; empty ones, and those of `bytes`, are no pieces. `bytes`: the tokens of single bytes, -1: none;
  /// what no piece covers becomes those of its bytes, or, where one is missing, `unknown`, once for a run of them.
  /// Throws Error{input}: a score that is no number, no unknown token, texts without bound.
  Unigram(const std::vector<std::string>& tokens, const UnigramRules& rules, const std::array<int32_t, 256>& bytes, int32_t unknown);

  /// Appends. Time and memory are linear in the text, times the longest piece; memory is that of the longest stretch in
  /// which pieces overlap. Of equal sums the one with the earlier (longer) last piece is taken, as SentencePiece does.
  void encode(std::string_view text, std::vector<int32_t>& ids) const;

 private:
  /// Children of a node, by byte: open addressing over (node, byte).
  struct Slot {
    uint64_t key;
    int32_t node;
  };
  int32_t child(int32_t node, unsigned char byte) const {
    const uint64_t key = static_cast<uint64_t>(static_cast<uint32_t>(node)) << 8 | byte;
    for (uint64_t at = hash(key);; at = (at + 1) & mask_) {
      if (slots_[at].key == key) return slots_[at].node;
      if (slots_[at].key == kEmpty) return -1;
    }
  }
  uint64_t hash(uint64_t key) const { return (key * 0x9e3779b97f4a7c15ull) >> shift_; }
  int32_t add_child(int32_t node, unsigned char byte);
  void grow();
  struct End {
    double score = 0;
    int64_t start = -1;  ///< of the last piece; -1: no way leads here yet
    int32_t id = -1;
  };
  struct Way;  ///< the stretch of text that is not settled yet
  void settle(Way& way, int64_t at, std::vector<int32_t>& ids) const;
  void emit(std::string_view text, int32_t id, bool& unknown_before, std::vector<int32_t>& ids) const;

  static constexpr uint64_t kEmpty = ~uint64_t{0};
  std::vector<Slot> slots_;
  uint64_t mask_;
  int shift_;
  std::vector<int32_t> ids_;       ///< by node: the piece that ends there, -1 if none
  std::vector<double> scores_;     ///< by id
  bool floats_;
  std::array<int32_t, 256> bytes_;
  int32_t unknown_;
  double kept(double sum) const { return floats_ ? static_cast<double>(static_cast<float>(sum)) : sum; }
  double unknown_score_ = 0;
};

}  // namespace loam

// The words that the rules make an exception of: contractions, abbreviations, smileys.
#include <array>
#include <initializer_list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "loam/base/error.h"
#include "loam/text/english_classes.h"
#include "loam/text/english_words.h"

namespace loam::english {
namespace {

using Pieces = std::initializer_list<std::string_view>;

/// Lengths of the exceptions with certain first and last bytes: nearly all words are told apart by these alone.
size_t slot_of(std::string_view word) { return (static_cast<unsigned char>(word.front()) * 29u + static_cast<unsigned char>(word.back())) & 2047u; }

/// A number by which an exception is found: of its bytes, at most 40.
uint32_t key_of(std::string_view word) {
  uint32_t h = static_cast<uint32_t>(word.size());
  for (const char c : word) h = (h ^ static_cast<unsigned char>(c)) * 0x01000193u;
  return h ^ h >> 15;
}

struct Table {
  std::unordered_map<std::string, Exception> words;
  std::array<uint64_t, 2048> lengths = {};
  std::array<std::pair<std::string_view, const Exception*>, 4096> found = {};   // by key, at most half full

  void add(Pieces pieces) {
    std::string whole;
    Exception e;
    for (const std::string_view piece : pieces) {
      e.bytes[e.pieces++] = static_cast<uint8_t>(piece.size());
      whole += piece;
    }
    words[whole] = e;
  }


  static std::string titled(std::string word) {
    word[0] = static_cast<char>(word[0] - 32);
    return word;
  }

  /// "he'll" and "hell": with the apostrophe, and without it as people type it.
  void contraction(const std::string& word, std::string_view ending) {
    for (const std::string& w : {word, titled(word)}) {
      add({w, "'" + std::string(ending)});
      add({w, ending});
    }
  }
  void contraction(const std::string& word, std::string_view second, std::string_view third) {
    for (const std::string& w : {word, titled(word)}) {
      add({w, "'" + std::string(second), third == "a" ? "a" : "'" + std::string(third)});
      add({w, second, third});
    }
  }

  Table() {
    contraction("i", "m");
    contraction("i", "m", "a");
    for (const char* word : {"i", "you", "he", "she", "it", "we", "they"}) {
      contraction(word, "ll");
      contraction(word, "ll", "ve");
      contraction(word, "d");
      contraction(word, "d", "ve");
    }
    for (const char* word : {"i", "you", "we", "they"}) contraction(word, "ve");
    for (const char* word : {"you", "we", "they"}) contraction(word, "re");
    for (const char* word : {"he", "she", "it"}) contraction(word, "s");
    for (const std::string word : {"who", "what", "when", "where", "why", "how", "there", "that", "this", "these", "those"}) {
      if (word != "these" && word != "those") contraction(word, "s");
      contraction(word, "ll");
      contraction(word, "ll", "ve");
      if (word != "that" && word != "this") {
        contraction(word, "re");
        contraction(word, "ve");
      }
      contraction(word, "d");
      contraction(word, "d", "ve");
    }
    auto negation = [this](const std::string& word, bool perfect) {
      for (const std::string& w : {word, titled(word)}) {
        add({w, "n't"});
        add({w, "nt"});
        if (!perfect) continue;
        add({w, "n't", "'ve"});
        add({w, "nt", "ve"});
      }
    };
    for (const char* word : {"ca", "could", "do", "does", "did", "had", "may", "might", "must", "need", "ought", "sha", "should", "wo", "would"}) negation(word, true);
    for (const char* word : {"could", "might", "must", "should", "would"}) contraction(word, "ve");
    for (const char* word : {"ai", "are", "is", "was", "were", "have", "has", "dare"}) negation(word, false);
    for (const std::string word : {"doin", "goin", "nothin", "nuthin", "ol", "somethin", "lovin", "havin"}) {
      for (const std::string& w : {word, titled(word)}) {
        add({w});
        add({w + "'"});
      }
    }
    for (const std::string word : {"em", "ll", "nuff"}) {
      add({word});
      add({"'" + word});
    }
    for (int hour = 1; hour <= 12; ++hour) {
      for (const char* half : {"a.m.", "am", "p.m.", "pm"}) add({std::to_string(hour), half});
    }
    for (const Pieces& pieces : std::initializer_list<Pieces>{
             {"y'", "all"}, {"y", "all"}, {"how", "'d", "'y"}, {"How", "'d", "'y"}, {"not", "'ve"}, {"not", "ve"}, {"Not", "'ve"}, {"Not", "ve"}, {"can", "not"}, {"Can", "not"}, {"gon", "na"}, {"Gon", "na"},
             {"got", "ta"}, {"Got", "ta"}, {"let", "'s"}, {"Let", "'s"}, {"c'm", "on"}, {"C'm", "on"}, {"°", "c", "."}, {"°", "f", "."}, {"°", "k", "."}, {"°", "C", "."}, {"°", "F", "."}, {"°", "K", "."}}) {
      add(pieces);
    }
    for (const char* whole : {"'S", "'s", "‘S", "‘s", "and/or", "w/o", "'re", "'Cause", "'cause", "'cos", "'Cos", "'coz", "'Coz", "'cuz", "'Cuz", "'bout", "ma'am", "Ma'am", "o'clock", "O'clock",
                              "Mt.", "Ak.", "Ala.", "Apr.", "Ariz.", "Ark.", "Aug.", "Calif.", "Colo.", "Conn.", "Dec.", "Del.", "Feb.", "Fla.", "Ga.", "Ia.", "Id.", "Ill.", "Ind.", "Jan.", "Jul.", "Jun.", "Kan.",
                              "Kans.", "Ky.", "La.", "Mar.", "Mass.", "Mich.", "Minn.", "Miss.", "N.C.", "N.D.", "N.H.", "N.J.", "N.M.", "N.Y.", "Neb.", "Nebr.", "Nev.", "Nov.", "Oct.", "Okla.", "Ore.", "Pa.",
                              "S.C.", "Sep.", "Sept.", "Tenn.", "Va.", "Wash.", "Wis.", "'d", "a.m.", "Adm.", "Bros.", "co.", "Co.", "Corp.", "D.C.", "Dr.", "e.g.", "E.g.", "E.G.", "Gen.", "Gov.", "i.e.", "I.e.",
                              "I.E.", "Inc.", "Jr.", "Ltd.", "Md.", "Messrs.", "Mo.", "Mont.", "Mr.", "Mrs.", "Ms.", "p.m.", "Ph.D.", "Prof.", "Rep.", "Rev.", "Sen.", "St.", "vs.", "v.s.",
                              "\\t", "\\n", "—", "'", "\\\")", "<space>", "''", "C++", "ä.", "ö.", "ü.",
                              ":)", ":-)", ":))", ":-))", ":)))", ":-)))", "(:", "(-:", "=)", "(=", ":]", ":-]", "[:", "[-:", "[=", "=]", ":o)", "(o:", ":}", ":-}", "8)", "8-)", "(-8", ";)", ";-)", "(;", "(-;",
                              ":(", ":-(", ":((", ":-((", ":(((", ":-(((", "):", ")-:", "=(", ">:(", ":')", ":'-)", ":'(", ":'-(", ":/", ":-/", "=/", "=|", ":|", ":-|", "]=", "=[", ":1", ":P", ":-P", ":p", ":-p",
                              ":O", ":-O", ":o", ":-o", ":0", ":-0", ":()", ">:o", ":*", ":-*", ":3", ":-3", "=3", ":>", ":->", ":X", ":-X", ":x", ":-x", ":D", ":-D", ";D", ";-D", "=D", "xD", "XD", "xDD", "XDD",
                              "8D", "8-D", "^_^", "^__^", "^___^", ">.<", ">.>", "<.<", "._.", ";_;", "-_-", "-__-", "v.v", "V.V", "v_v", "V_V", "o_o", "o_O", "O_o", "O_O", "0_o", "o_0", "0_0", "o.O", "O.o", "O.O",
                              "o.o", "0.0", "o.0", "0.o", "@_@", "<3", "<33", "<333", "</3", "(^_^)", "(-_-)", "(._.)", "(>_<)", "(*_*)", "(¬_¬)", "ಠ_ಠ", "ಠ︵ಠ", "(ಠ_ಠ)", "¯\\(ツ)/¯", "(╯°□°）╯︵┻━┻", "><(((*>"}) {
      add({whole});
    }
    for (char c = 'a'; c <= 'z'; ++c) add({std::string(1, c) + "."});
    for (const char* word : {"Ill", "ill", "Its", "its", "Hell", "hell", "Shell", "shell", "Shed", "shed", "were", "Were", "Well", "well", "Whore", "whore"}) words.erase(word);
    typographic();
    LOAM_ASSERT(2 * words.size() <= found.size());
    for (const auto& [word, exception] : words) {
      lengths[slot_of(word)] |= uint64_t{1} << word.size();
      size_t at = key_of(word) % found.size();
      while (found[at].second != nullptr) at = (at + 1) % found.size();
      found[at] = {word, &exception};
    }
  }

  /// Each again with the curved apostrophe.
  void typographic() {
    const auto plain = words;
    for (const auto& [word, exception] : plain) {
      std::string other;
      Exception e = exception;
      size_t at = 0;
      for (int i = 0; i < exception.pieces; ++i) {
        const size_t before = other.size();
        for (const size_t end = at + exception.bytes[i]; at < end; ++at) word[at] == '\'' ? other += "\u2019" : other += word[at];
        e.bytes[i] = static_cast<uint8_t>(other.size() - before);
      }
      if (other != word) words[other] = e;
    }
  }
};

}  // namespace

const Exception* find_exception(std::string_view word) {
  static const Table table;
  if (word.empty() || word.size() > kLongestException || (table.lengths[slot_of(word)] >> word.size() & 1) == 0) return nullptr;
  for (size_t at = key_of(word) % table.found.size();; at = (at + 1) % table.found.size()) {
    const auto& [known, exception] = table.found[at];
    if (exception == nullptr || known == word) return exception;
  }
}

}  // namespace loam::english

#include "loam/metrics/overlap.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>

namespace loam {
namespace {

constexpr double kTiny = 1e-16;

/// White space as Python's str.split() sees it.
bool is_space(uint32_t c) {
  return (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
         c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

/// Code points without white space; a byte that is no UTF-8 stands for itself.
std::u32string letters(std::string_view text) {
  std::u32string out;
  for (size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    const size_t length = c < 0x80 ? 1 : (c & 0xe0) == 0xc0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : (c & 0xf8) == 0xf0 ? 4 : 1;
    char32_t code = c;
    if (length > 1 && i + length <= text.size()) {
      code = c & (0xffu >> (length + 1));
      for (size_t k = 1; k < length; ++k) code = (code << 6) | (static_cast<unsigned char>(text[i + k]) & 0x3fu);
      i += length;
    } else {
      ++i;
    }
    if (!is_space(code)) out += code;
  }
  return out;
}

template <class Text>
std::unordered_map<Text, int64_t> grams(const Text& text, size_t n) {
  std::unordered_map<Text, int64_t> out;
  for (size_t i = 0; i + n <= text.size(); ++i) ++out[text.substr(i, n)];
  return out;
}

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> out;
  size_t i = 0;
  while (i < text.size()) {
    while (i < text.size() && is_space(static_cast<unsigned char>(text[i])) && static_cast<unsigned char>(text[i]) < 0x80) ++i;
    size_t end = i;
    while (end < text.size() && !(static_cast<unsigned char>(text[end]) < 0x80 && is_space(static_cast<unsigned char>(text[end])))) ++end;
    if (end > i) out.emplace_back(text.substr(i, end - i));
    i = end;
  }
  return out;
}

using WordGrams = std::map<std::vector<std::string>, int64_t>;

WordGrams word_grams(const std::vector<std::string>& words, size_t n) {
  WordGrams out;
  for (size_t i = 0; i + n <= words.size(); ++i) {
    ++out[std::vector<std::string>(words.begin() + static_cast<int64_t>(i), words.begin() + static_cast<int64_t>(i + n))];
  }
  return out;
}

int64_t shared_grams(const WordGrams& a, const WordGrams& b) {
  int64_t sum = 0;
  for (const auto& [gram, times] : a) {
    if (const auto it = b.find(gram); it != b.end()) sum += std::min(times, it->second);
  }
  return sum;
}

std::vector<std::string> rouge_words(std::string_view text) {
  std::vector<std::string> out;
  std::string word;
  for (const char ch : text) {
    const char c = ch >= 'A' && ch <= 'Z' ? static_cast<char>(ch + 32) : ch;
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      word += c;
    } else if (!word.empty()) {
      out.push_back(std::move(word));
      word.clear();
    }
  }
  if (!word.empty()) out.push_back(std::move(word));
  return out;
}

RougeScore rouge_of(int64_t shared, int64_t hypothesis, int64_t reference) {
  RougeScore out;
  if (hypothesis > 0) out.precision = static_cast<double>(shared) / static_cast<double>(hypothesis);
  if (reference > 0) out.recall = static_cast<double>(shared) / static_cast<double>(reference);
  if (out.precision + out.recall > 0) out.f1 = 2 * out.precision * out.recall / (out.precision + out.recall);
  return out;
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
}

}  // namespace

bool exact_match(std::string_view hypothesis, std::string_view reference) {
  auto trimmed = [](std::string_view text) {
    const size_t begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) return std::string_view();
    return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
  };
  return trimmed(hypothesis) == trimmed(reference);
}

ChrfCounts& ChrfCounts::operator+=(const ChrfCounts& other) {
  for (size_t i = 0; i < kOrder; ++i) {
    hypothesis[i] += other.hypothesis[i];
    reference[i] += other.reference[i];
    shared[i] += other.shared[i];
  }
  return *this;
}

double ChrfCounts::score(double beta, bool smoothed) const {
  const double factor = beta * beta;
  double smooth_sum = 0, precision_sum = 0, recall_sum = 0;
  int64_t orders = 0;
  for (size_t i = 0; i < kOrder; ++i) {
    const double precision = hypothesis[i] > 0 ? static_cast<double>(shared[i]) / static_cast<double>(hypothesis[i]) : kTiny;
    const double recall = reference[i] > 0 ? static_cast<double>(shared[i]) / static_cast<double>(reference[i]) : kTiny;
    const double below = factor * precision + recall;
    smooth_sum += below > 0 ? (1 + factor) * precision * recall / below : kTiny;
    if (hypothesis[i] > 0 && reference[i] > 0) {
      precision_sum += precision;
      recall_sum += recall;
      ++orders;
    }
  }
  if (smoothed) return 100 * smooth_sum / kOrder;
  if (orders == 0 || precision_sum + recall_sum == 0) return 0;
  const double precision = precision_sum / static_cast<double>(orders), recall = recall_sum / static_cast<double>(orders);
  return 100 * (1 + factor) * precision * recall / (factor * precision + recall);
}

ChrfCounts chrf_counts(std::string_view hypothesis, std::string_view reference) {
  ChrfCounts out;
  const std::u32string h = letters(hypothesis), r = letters(reference);
  for (size_t n = 1; n <= ChrfCounts::kOrder; ++n) {
    const auto ours = grams(h, n), wanted = grams(r, n);
    int64_t shared = 0;
    for (const auto& [gram, times] : ours) {
      if (const auto it = wanted.find(gram); it != wanted.end()) shared += std::min(times, it->second);
    }
    const int64_t total = h.size() >= n ? static_cast<int64_t>(h.size() - n + 1) : 0;
    const int64_t wanted_total = r.size() >= n ? static_cast<int64_t>(r.size() - n + 1) : 0;
    out.hypothesis[n - 1] = wanted_total > 0 ? total : 0;  // nothing is held against an order the reference lacks
    out.reference[n - 1] = wanted_total;
    out.shared[n - 1] = shared;
  }
  return out;
}

std::string tokenize_13a(std::string_view text) {
  std::string line(text);
  replace_all(line, "<skipped>", "");
  replace_all(line, "-\n", "");
  replace_all(line, "\n", " ");
  replace_all(line, "&quot;", "\"");
  replace_all(line, "&amp;", "&");
  replace_all(line, "&lt;", "<");
  replace_all(line, "&gt;", ">");
  line = " " + line + " ";
  auto digit = [](char c) { return c >= '0' && c <= '9'; };
  auto apart = [](char c) {  // ASCII punctuation other than ' , - .
    return (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') || (c >= '(' && c <= '+') || (c >= ':' && c <= '@') || c == '/';
  };
  std::string spaced;
  for (const char c : line) {
    if (apart(c)) spaced += {' ', c, ' '};
    else spaced += c;
  }
  // Each rule as one left-to-right pass of non-overlapping matches, as a regular expression's substitution works.
  std::string after;
  for (size_t i = 0; i < spaced.size(); ++i) {  // a period or comma, unless a digit precedes
    if (i + 1 < spaced.size() && !digit(spaced[i]) && (spaced[i + 1] == '.' || spaced[i + 1] == ',')) {
      after += {spaced[i], ' ', spaced[i + 1], ' '};
      ++i;
    } else {
      after += spaced[i];
    }
  }
  std::string before;
  for (size_t i = 0; i < after.size(); ++i) {  // a period or comma, unless a digit follows
    if (i + 1 < after.size() && (after[i] == '.' || after[i] == ',') && !digit(after[i + 1])) {
      before += {' ', after[i], ' ', after[i + 1]};
      ++i;
    } else {
      before += after[i];
    }
  }
  std::string dashed;
  for (size_t i = 0; i < before.size(); ++i) {  // a dash after a digit
    if (i + 1 < before.size() && digit(before[i]) && before[i + 1] == '-') {
      dashed += {before[i], ' ', '-', ' '};
      ++i;
    } else {
      dashed += before[i];
    }
  }
  std::string out;
  for (const auto& word : split_words(dashed)) out += (out.empty() ? "" : " ") + word;
  return out;
}

BleuCounts& BleuCounts::operator+=(const BleuCounts& other) {
  for (size_t i = 0; i < kOrder; ++i) {
    hypothesis[i] += other.hypothesis[i];
    shared[i] += other.shared[i];
  }
  hypothesis_words += other.hypothesis_words;
  reference_words += other.reference_words;
  return *this;
}

BleuCounts bleu_counts(std::string_view hypothesis, std::span<const std::string> references) {
  BleuCounts out;
  const auto ours = split_words(tokenize_13a(hypothesis));
  out.hypothesis_words = static_cast<int64_t>(ours.size());
  std::vector<std::vector<std::string>> wanted;
  for (const auto& reference : references) wanted.push_back(split_words(tokenize_13a(reference)));
  int64_t nearest = -1;
  for (const auto& words : wanted) {  // the closest length, the shorter of two as close
    const auto length = static_cast<int64_t>(words.size());
    const int64_t off = std::abs(length - out.hypothesis_words), best = std::abs(nearest - out.hypothesis_words);
    if (nearest < 0 || off < best || (off == best && length < nearest)) nearest = length;
  }
  out.reference_words = std::max<int64_t>(nearest, 0);
  for (size_t n = 1; n <= BleuCounts::kOrder; ++n) {
    WordGrams most;
    for (const auto& words : wanted) {
      for (const auto& [gram, times] : word_grams(words, n)) most[gram] = std::max(most[gram], times);
    }
    out.hypothesis[n - 1] = std::max<int64_t>(0, out.hypothesis_words - static_cast<int64_t>(n) + 1);
    out.shared[n - 1] = shared_grams(word_grams(ours, n), most);
  }
  return out;
}

double BleuCounts::score() const {
  if (shared[0] == 0) return 0;
  double logs = 0, smooth = 1;
  for (size_t i = 0; i < kOrder; ++i) {
    if (hypothesis[i] == 0) return 0;
    double precision = static_cast<double>(shared[i]) / static_cast<double>(hypothesis[i]);
    if (shared[i] == 0) {
      smooth *= 2;
      precision = 1 / (smooth * static_cast<double>(hypothesis[i]));
    }
    logs += std::log(precision) / kOrder;
  }
  const double ratio = static_cast<double>(reference_words) / static_cast<double>(hypothesis_words);
  return 100 * std::exp(logs) * (ratio > 1 ? std::exp(1 - ratio) : 1);
}

RougeScore rouge_n(std::string_view hypothesis, std::string_view reference, int64_t n) {
  const auto ours = word_grams(rouge_words(hypothesis), static_cast<size_t>(n)), wanted = word_grams(rouge_words(reference), static_cast<size_t>(n));
  int64_t a = 0, b = 0;
  for (const auto& [gram, times] : ours) a += times;
  for (const auto& [gram, times] : wanted) b += times;
  return rouge_of(shared_grams(ours, wanted), a, b);
}

RougeScore rouge_l(std::string_view hypothesis, std::string_view reference) {
  const auto ours = rouge_words(hypothesis), wanted = rouge_words(reference);
  std::vector<int64_t> row(wanted.size() + 1);  // lengths of common subsequences, a row of the table at a time
  for (const auto& word : ours) {
    int64_t corner = 0;
    for (size_t j = 1; j <= wanted.size(); ++j) {
      const int64_t above = row[j];
      row[j] = word == wanted[j - 1] ? corner + 1 : std::max(above, row[j - 1]);
      corner = above;
    }
  }
  return rouge_of(row.back(), static_cast<int64_t>(ours.size()), static_cast<int64_t>(wanted.size()));
}

}  // namespace loam

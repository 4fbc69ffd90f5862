#include "loam/stages/collect/personal.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <optional>

#include "loam/base/characters.h"
#include "loam/base/hash.h"
#include "loam/text/python_text.h"
#include "loam/text/unicode.h"

namespace loam {
namespace {

bool is_word(char c) { return is_digit(c) || is_letter(c); }
bool local_char(char c) { return is_word(c) || std::string_view("!#$%&'*+/=?^_`{|}~-").find(c) != std::string_view::npos; }

/// Whether the character that ends before `at` is of a word (\w).
bool word_before(std::string_view text, size_t at) {
  if (at == 0) return false;
  size_t from = at - 1;
  while (from > 0 && (static_cast<unsigned char>(text[from]) & 0xC0) == 0x80) --from;
  if (text[from] == '_') return true;
  const Char c = read_char(text.data() + from, text.data() + text.size());
  return c.code != kInvalid && is_python_alnum(c.code);
}

struct Found {
  size_t from, to;
};

/// Length of an octet at `at` as the expression takes it: 0 if there is none.
size_t octet(std::string_view text, size_t at, size_t limit) {
  // 25[0-5] | 2[0-4]d | [01]?d?d: the longest that these give, at most `limit` digits.
  size_t n = 0;
  while (n < 3 && at + n < text.size() && is_digit(text[at + n])) ++n;
  n = std::min(n, limit);
  if (n == 3 && (text[at] > '2' || (text[at] == '2' && (text[at + 1] > '5' || (text[at + 1] == '5' && text[at + 2] > '5'))))) n = 2;
  return n;
}

std::optional<Found> ip_at(std::string_view text, size_t at) {
  size_t end = at;
  for (int part = 0; part < 4; ++part) {
    const size_t n = octet(text, end, 3);
    if (n == 0) return std::nullopt;
    end += n;
    if (part == 3) break;
    if (end >= text.size() || text[end] != '.') return std::nullopt;  // fewer digits are followed by a digit: no better
    ++end;
  }
  return Found{at, end};
}

/// Parsed strictly (no leading zeros) and globally routable: not in the special registries (IANA; Python's ipaddress).
bool is_public(std::string_view address) {
  uint32_t value = 0;
  for (size_t at = 0; at <= address.size();) {
    const size_t end = std::min(address.find('.', at), address.size());
    const std::string_view part = address.substr(at, end - at);
    if (part.size() > 1 && part[0] == '0') return false;
    uint32_t number = 0;
    for (const char c : part) number = number * 10 + static_cast<uint32_t>(c - '0');
    value = value << 8 | number;
    at = end + 1;
  }
  struct Net {
    uint32_t base;
    int bits;
  };
  static constexpr Net kKept[] = {{0, 8}, {10u << 24, 8}, {100u << 24 | 64u << 16, 10}, {127u << 24, 8}, {169u << 24 | 254u << 16, 16}, {172u << 24 | 16u << 16, 12}, {192u << 24, 29}, {192u << 24 | 170, 31},
                                  {192u << 24 | 2u << 8, 24}, {192u << 24 | 168u << 16, 16}, {198u << 24 | 18u << 16, 15}, {198u << 24 | 51u << 16 | 100u << 8, 24}, {203u << 24 | 113u << 8, 24}, {240u << 24, 4}};
  return std::none_of(std::begin(kKept), std::end(kKept), [&](const Net& net) { return (value ^ net.base) >> (32 - net.bits) == 0; });
}

/// label.label...: where it ends; `at` if there are not two labels.
size_t host_end(std::string_view text, size_t at) {
  size_t end = at;
  int labels = 0;
  for (size_t p = at;;) {
    size_t q = p;
    while (q < text.size() && (is_word(text[q]) || text[q] == '-')) ++q;
    size_t last = q;
    while (last > p && text[last - 1] == '-') --last;
    if (last == p || !is_word(text[p])) break;
    ++labels;
    if (labels > 1) end = last;
    if (last != q || q >= text.size() || text[q] != '.') break;
    p = q + 1;
  }
  return end;
}

/// The address around the "@" at `sign`, its local part not before `from`.
std::optional<Found> email_at(std::string_view text, size_t sign, size_t from) {
  size_t end = host_end(text, sign + 1);
  if (end == sign + 1 && end < text.size() && text[end] == '[') {
    const auto ip = ip_at(text, end + 1);
    if (!ip || ip->to >= text.size() || text[ip->to] != ']') return std::nullopt;
    end = ip->to + 1;
  }
  if (end == sign + 1) return std::nullopt;
  size_t begin = std::string_view::npos;
  for (size_t at = sign; at > from;) {
    --at;
    const char c = text[at];
    if (c == '.') {
      if (at + 1 == sign || text[at + 1] == '.') break;
      continue;
    }
    if (!local_char(c)) break;
    const bool word = is_word(c) || c == '_';
    if (word_before(text, at) != word) begin = at;
  }
  return begin == std::string_view::npos ? std::nullopt : std::optional(Found{begin, end});
}

/// Digits from `at` on, perhaps with single separators between them; `digits` gets them alone.
size_t digit_run(std::string_view text, size_t at, std::string_view separators, size_t most, std::string& digits) {
  digits.clear();
  size_t end = at;
  for (size_t p = at; p < text.size() && digits.size() < most;) {
    if (is_digit(text[p])) {
      digits += text[p++];
      end = p;
    } else if (!digits.empty() && separators.find(text[p]) != std::string_view::npos && p + 1 < text.size() && is_digit(text[p + 1])) {
      ++p;
    } else {
      break;
    }
  }
  return end;
}

bool luhn(const std::string& digits) {
  int sum = 0;
  for (size_t i = 0; i < digits.size(); ++i) {
    int d = digits[digits.size() - 1 - i] - '0';
    if (i % 2 == 1) d = d > 4 ? 2 * d - 9 : 2 * d;
    sum += d;
  }
  return sum % 10 == 0;
}

bool edge_before(std::string_view text, size_t at) { return !word_before(text, at) && (at == 0 || (text[at - 1] != '.' && text[at - 1] != '-' && text[at - 1] != '/')); }
bool edge_behind(std::string_view text, size_t at) {
  if (at >= text.size()) return true;
  if (is_word(text[at]) || text[at] == '_' || static_cast<unsigned char>(text[at]) >= 0x80) return false;
  return !((text[at] == '.' || text[at] == '-' || text[at] == '/') && at + 1 < text.size() && is_digit(text[at + 1]));
}

std::optional<Found> card_at(std::string_view text, size_t at) {
  if (!is_digit(text[at]) || text[at] < '2' || text[at] > '6' || !edge_before(text, at)) return std::nullopt;
  std::string digits;
  const size_t end = digit_run(text, at, " -", 20, digits);
  if (digits.size() < 13 || digits.size() > 19 || !edge_behind(text, end)) return std::nullopt;
  const int two = (digits[0] - '0') * 10 + digits[1] - '0';
  // American Express and Diners, Visa, Mastercard (two ranges), Discover and UnionPay, Maestro, JCB.
  const bool issuer = two == 34 || two == 37 || two == 36 || two == 38 || two == 30 || two == 35 || digits[0] == '4' || (two >= 51 && two <= 55) || (two >= 22 && two <= 27) || digits[0] == '6' || two == 50 || two >= 56;
  if (!issuer || digits.find_first_not_of(digits[0]) == std::string::npos || !luhn(digits)) return std::nullopt;
  return Found{at, end};
}

std::optional<Found> iban_at(std::string_view text, size_t at) {
  auto upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (at + 15 > text.size() || !upper(text[at]) || !upper(text[at + 1]) || !is_digit(text[at + 2]) || !is_digit(text[at + 3]) || !edge_before(text, at)) return std::nullopt;
  std::string all;
  size_t end = at;
  std::optional<Found> best;
  for (size_t p = at; p < text.size() && all.size() < 34;) {
    if (upper(text[p]) || is_digit(text[p])) {
      all += text[p++];
      end = p;
    } else if (text[p] == ' ' && all.size() % 4 == 0 && p + 1 < text.size() && (upper(text[p + 1]) || is_digit(text[p + 1]))) {
      ++p;
      continue;
    } else {
      break;
    }
    if (all.size() < 15 || !edge_behind(text, end)) continue;
    int rest = 0;
    for (size_t i = 0; i < all.size(); ++i) {
      const char c = all[(i + 4) % all.size()];
      rest = is_digit(c) ? (rest * 10 + c - '0') % 97 : (rest * 100 + c - 'A' + 10) % 97;
    }
    if (rest == 1) best = Found{at, end};
  }
  return best;
}

std::optional<Found> phone_at(std::string_view text, size_t at) {
  std::string digits;
  if (text[at] == '+') {
    if (at + 1 >= text.size() || text[at + 1] < '1' || text[at + 1] > '9' || !edge_before(text, at)) return std::nullopt;
    // Brackets around an area code: "+44 (0) 20 7946 0000" is read with them left out.
    size_t end = at + 1;
    bool open = false;
    size_t separators = 0;
    for (size_t p = at + 1; p < text.size() && digits.size() < 16; ++p) {
      const char c = text[p];
      if (is_digit(c)) {
        digits += c;
        end = p + 1;
        separators = 0;
      } else if ((c == ' ' || c == '-' || c == '.' || c == '/') && separators < 2) {
        ++separators;
      } else if (c == '(' && !open && separators < 2) {
        open = true;
        ++separators;
      } else if (c == ')' && open) {
        open = false;
      } else {
        break;
      }
    }
    if (digits.size() < 8 || digits.size() > 15 || !edge_behind(text, end)) return std::nullopt;
    return Found{at, end};
  }
  const bool bracket = text[at] == '(';
  if (!bracket && (text[at] < '2' || text[at] > '9')) return std::nullopt;
  if (!edge_before(text, at)) return std::nullopt;
  size_t p = at + (bracket ? 1 : 0);
  auto three = [&](bool first) {
    if (p + 3 > text.size() || !is_digit(text[p]) || !is_digit(text[p + 1]) || !is_digit(text[p + 2]) || (first && text[p] < '2')) return false;
    p += 3;
    return true;
  };
  auto separator = [&] {
    if (p < text.size() && (text[p] == '-' || text[p] == '.' || text[p] == ' ')) {
      ++p;
      return true;
    }
    return false;
  };
  if (!three(true)) return std::nullopt;
  if (bracket) {
    if (p >= text.size() || text[p] != ')') return std::nullopt;
    ++p;
    separator();
  } else if (!separator()) {
    return std::nullopt;
  }
  if (!three(true) || !separator()) return std::nullopt;
  if (p + 4 > text.size() || !std::all_of(text.begin() + static_cast<int64_t>(p), text.begin() + static_cast<int64_t>(p) + 4, is_digit) || !edge_behind(text, p + 4)) return std::nullopt;
  return Found{at, p + 4};
}

std::string example(Personal kind, std::string_view value) {
  const uint64_t h = hash64(value, 0x70657273);
  static constexpr const char* kMails[] = {"email@example.com", "firstname.lastname@example.org"};
  static constexpr const char* kIps[] = {"22.214.171.124", "126.96.36.199", "188.8.131.52", "184.108.40.206", "220.127.116.11", "18.104.22.168"};
  static constexpr const char* kIbans[] = {"GB33BUKB20201555555555", "DE75512108001245126199", "FR7630006000011234567890189"};
  static constexpr const char* kCards[] = {"4111 1111 1111 1111", "5555 5555 5555 4444", "3782 822463 10005", "6011 1111 1111 1117"};
  switch (kind) {
    case Personal::email: return kMails[h % 2];
    case Personal::ip: return kIps[h % 6];
    case Personal::phone: return fmt::format("{}555-01{:02}", value.starts_with('+') ? "+1 202-" : "202-", h % 100);
    case Personal::iban: return kIbans[h % 3];
    case Personal::card: return kCards[h % 4];
  }
  return "";
}

/// Replaces what `find` finds from left to right. find(text, from): the next one at or behind `from`.
template <class Find>
void replace_all(Masked& masked, Personal kind, const std::function<std::string(Personal, std::string_view)>& replacement, Find&& find) {
  std::string out;
  size_t done = 0;
  int64_t count = 0;
  const std::string_view text = masked.text;
  while (const auto found = find(text, done)) {
    out += text.substr(done, found->from - done);
    out += replacement(kind, text.substr(found->from, found->to - found->from));
    done = found->to;
    ++count;
  }
  if (count == 0) return;
  out += text.substr(done);
  masked.counts[static_cast<size_t>(kind)] = count;
  masked.text = std::move(out);
}

/// The first place at or behind `from` where `at(text, place)` finds something; only places with a byte of `begins` are tried.
template <class At>
std::optional<Found> first_place(std::string_view text, size_t from, bool (*begins)(char), At&& at) {
  for (size_t p = from; p < text.size(); ++p) {
    if (!begins(text[p])) continue;
    if (const auto found = at(text, p)) return found;
  }
  return std::nullopt;
}

}  // namespace

const char* personal_name(Personal kind) {
  static constexpr const char* kNames[] = {"email", "ip", "phone", "iban", "card"};
  return kNames[static_cast<size_t>(kind)];
}

int64_t Masked::all() const { return std::accumulate(counts.begin(), counts.end(), int64_t{0}); }

Masked mask_personal(std::string_view text) { return mask_personal(text, example); }

Masked mask_personal(std::string_view text, const std::function<std::string(Personal, std::string_view)>& replacement) {
  Masked masked;
  masked.text = text;
  if (text.find('@') != std::string_view::npos) {
    replace_all(masked, Personal::email, replacement, [](std::string_view t, size_t from) -> std::optional<Found> {
      for (size_t sign = t.find('@', from); sign != std::string_view::npos; sign = t.find('@', sign + 1)) {
        if (const auto found = email_at(t, sign, from)) return found;
      }
      return std::nullopt;
    });
  }
  if (text.find_first_of("0123456789") == std::string_view::npos) return masked;
  replace_all(masked, Personal::ip, replacement, [](std::string_view t, size_t from) -> std::optional<Found> {
    for (size_t at = from; at < t.size();) {
      const auto found = is_digit(t[at]) ? ip_at(t, at) : std::nullopt;
      if (found && is_public(t.substr(found->from, found->to - found->from))) return found;
      at = found ? found->to : at + 1;
    }
    return std::nullopt;
  });
  replace_all(masked, Personal::iban, replacement, [](std::string_view t, size_t from) { return first_place(t, from, [](char c) { return c >= 'A' && c <= 'Z'; }, iban_at); });
  replace_all(masked, Personal::card, replacement, [](std::string_view t, size_t from) { return first_place(t, from, is_digit, card_at); });
  replace_all(masked, Personal::phone, replacement, [](std::string_view t, size_t from) { return first_place(t, from, [](char c) { return is_digit(c) || c == '+' || c == '('; }, phone_at); });
  return masked;
}

}  // namespace loam

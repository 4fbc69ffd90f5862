// What points to a person, replaced by what points to nobody: e-mail addresses, public IPv4 addresses, telephone numbers,
// bank accounts and cards.
//
//   Masked masked = mask_personal(text);   // the same value becomes the same replacement, in every document and run
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace loam {

enum class Personal { email, ip, phone, iban, card };
inline constexpr size_t kPersonalKinds = 5;
const char* personal_name(Personal kind);  ///< "email", "ip"...

struct Masked {
  std::string text;
  std::array<int64_t, kPersonalKinds> counts = {};  ///< replaced, of each kind
  int64_t all() const;
};

/// Addresses as datatrove's expressions find them: RFC-like local part, "@", dotted host or bracketed IPv4; IPv4 only where
/// it is globally routable. IBANs by length and checksum (ISO 13616, mod 97), card numbers of 13 to 19 digits by their
/// first digits and Luhn's checksum; telephone numbers as +COUNTRY with 8 to 15 digits, or North American with separators.
/// Replacements are names and numbers that standards keep free for examples, chosen by a hash of the value.
Masked mask_personal(std::string_view text);
/// With replacements of the caller's.
Masked mask_personal(std::string_view text, const std::function<std::string(Personal, std::string_view)>& replacement);

}  // namespace loam

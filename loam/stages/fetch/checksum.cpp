#include "loam/stages/fetch/checksum.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "loam/base/characters.h"
#include "loam/base/error.h"
#include "loam/formats/bytes.h"

namespace loam {
namespace {

constexpr std::pair<const char*, size_t> kKinds[] = {{"md5", 32}, {"sha1", 40}, {"sha256", 64}};

class Digest {
 public:
  explicit Digest(const std::string& kind) : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    const EVP_MD* algorithm = EVP_get_digestbyname(kind.c_str());
    if (algorithm == nullptr || EVP_DigestInit_ex(context_.get(), algorithm, nullptr) != 1) fail(ErrorKind::internal, "no digest ", kind);
  }
  void add(std::string_view bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }
  std::string hex() {
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    EVP_DigestFinal_ex(context_.get(), bytes, &size);
    std::string out;
    for (unsigned int i = 0; i < size; ++i) {
      out += "0123456789abcdef"[bytes[i] >> 4];
      out += "0123456789abcdef"[bytes[i] & 15];
    }
    return out;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

std::string hex_of_base32(std::string_view digits) {
  std::string out;
  unsigned bits = 0, held = 0;
  for (const char c : digits) {
    unsigned value = 0;
    if (c >= 'A' && c <= 'Z') {
      value = static_cast<unsigned>(c - 'A');
    } else if (c >= '2' && c <= '7') {
      value = static_cast<unsigned>(c - '2') + 26;
    } else {
      return "";
    }
    held = (held << 5 | value) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    const unsigned byte = held >> bits & 255;
    out += "0123456789abcdef"[byte >> 4];
    out += "0123456789abcdef"[byte & 15];
  }
  return out;
}

Checksum parse_checksum(std::string_view text) {
  Checksum out;
  const size_t colon = text.find(':');
  std::string digits(colon == std::string_view::npos ? text : text.substr(colon + 1));
  if (colon != std::string_view::npos) out.kind = ascii_lower(text.substr(0, colon));
  if (out.kind == "sha1" && digits.size() == 32) {
    digits = hex_of_base32(digits);
    require(!digits.empty(), "\"", text, "\" is no checksum: not base 32");
  }
  digits = ascii_lower(digits);
  for (const auto& [kind, size] : kKinds) {
    if (out.kind.empty() && digits.size() == size) out.kind = kind;
    if (out.kind == kind && digits.size() == size && is_hex(digits)) {
      out.hex = digits;
      return out;
    }
  }
  fail(ErrorKind::usage, "\"", text.substr(0, 100), "\" is no checksum; wanted sha256:, sha1: or md5: and hex digits");
}

std::string checksum_of(const std::filesystem::path& file, const std::string& kind) {
  Digest digest(kind);
  const ReadBytes read = open_stored(file);
  std::vector<char> buffer(1 << 20);
  while (const int64_t n = read(buffer.data(), static_cast<int64_t>(buffer.size()))) digest.add({buffer.data(), static_cast<size_t>(n)});
  return digest.hex();
}

std::string checksum_of_bytes(std::string_view bytes, const std::string& kind) {
  Digest digest(kind);
  digest.add(bytes);
  return digest.hex();
}

}  // namespace loam

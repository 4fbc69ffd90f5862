// Hashes: SHA-256 for what is promised, a fast 64-bit one for tables and splits.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace loam {

/// Lower-case hex SHA-256 of bytes.
std::string sha256(std::string_view bytes);
/// Of a whole file, streamed. Throws Error{input} if it cannot be read.
std::string sha256_file(const std::filesystem::path& file);

/// SHA-256 over several pieces.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void add(std::string_view bytes);
  std::string hex();  ///< once, at the end

 private:
  void* context_;
};

/// Finalizer of splitmix64 (Steele, Lea & Flood 2014): a bijection of 64-bit integers that mixes well.
constexpr uint64_t mix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

/// A stable 64-bit hash of bytes: same on every machine and in every version, so it may decide splits.
uint64_t hash64(std::string_view bytes, uint64_t seed = 0);

}  // namespace loam

#include "loam/stages/collect/quality.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/hash.h"
#include "loam/formats/utf8.h"
#include "loam/stages/collect/words.h"
#include "loam/text/python_text.h"
#include "loam/text/unicode.h"

namespace loam {
namespace {

constexpr int64_t kQualityReads = 64 << 10;
constexpr std::string_view kMark = "LOAMQUAL";
constexpr int64_t kFormat = 1;
constexpr size_t kHeader = 8 + 3 * 8 + 8;

template <class T>
T take(std::string_view& bytes) {
  T out;
  std::memcpy(&out, bytes.data(), sizeof out);
  bytes.remove_prefix(sizeof out);
  return out;
}

}  // namespace

void quality_features(std::string_view text, const QualityFeatures& how, std::vector<uint32_t>& out) {
  out.clear();
  const std::string low = lowered(utf8_prefix(text, kQualityReads));
  const auto mask = static_cast<uint32_t>((int64_t{1} << how.bits) - 1);
  std::string word;
  uint64_t before = 0;
  int64_t words = 0;
  auto end_word = [&] {
    if (word.empty()) return;
    const uint64_t hash = hash64(word);
    word.clear();
    ++words;
    out.push_back(static_cast<uint32_t>(hash) & mask);
    if (before != 0) out.push_back(static_cast<uint32_t>(mix64(before * 0x9e3779b97f4a7c15ull ^ hash)) & mask);
    before = hash;
  };
  for (const char *at = low.data(), *end = at + low.size(); at < end && words < how.words;) {
    const Char c = read_char(at, end);
    const bool of_word = (class_of(c.code) & (kLetter | kNumber | kUpperish | kLowerish)) != 0;
    if (!of_word || stands_alone(c.code)) end_word();
    if (of_word) {
      if (c.code >= '0' && c.code <= '9') {
        word += '0';
      } else {
        word.append(at, static_cast<size_t>(c.bytes));
      }
      if (stands_alone(c.code)) end_word();
    }
    at += c.bytes;
  }
  if (words < how.words) end_word();
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
}

double QualityModel::score_features(const std::vector<uint32_t>& features) const {
  if (features.empty()) return 1 / (1 + std::exp(-bias_));
  double sum = 0;
  for (const uint32_t f : features) sum += static_cast<double>(weights_[f]);
  return 1 / (1 + std::exp(-(bias_ + sum / std::sqrt(static_cast<double>(features.size())))));
}

double QualityModel::score(std::string_view text) const {
  thread_local std::vector<uint32_t> features;
  quality_features(text, how_, features);
  return score_features(features);
}

std::string QualityModel::bytes() const {
  std::string out(kMark);
  for (const int64_t value : {kFormat, how_.bits, how_.words}) out.append(reinterpret_cast<const char*>(&value), sizeof value);
  out.append(reinterpret_cast<const char*>(&bias_), sizeof bias_);
  out.append(reinterpret_cast<const char*>(weights_.data()), weights_.size() * sizeof(float));
  return out;
}

QualityModel QualityModel::load(const std::filesystem::path& path) {
  const fs::path file = fs::is_directory(path) ? path / "quality.bin" : path;
  const std::string bytes = read_file(file, int64_t{1} << 28);
  std::string_view rest = bytes;
  require_input(rest.size() > kHeader && rest.starts_with(kMark), file, " is no quality model; `loam quality train` makes one");
  rest.remove_prefix(kMark.size());
  const auto format = take<int64_t>(rest);
  require_input(format == kFormat, file, ": its format is ", format, ", this loam reads ", kFormat);
  QualityFeatures how;
  how.bits = take<int64_t>(rest);
  how.words = take<int64_t>(rest);
  const auto bias = take<double>(rest);
  require_input(how.bits >= 8 && how.bits <= 24 && how.words >= 1 && rest.size() == (size_t{4} << how.bits), file, " has ", bytes.size(), " bytes, which its header does not tell of");
  std::vector<float> weights(size_t{1} << how.bits);
  std::memcpy(weights.data(), rest.data(), rest.size());
  require_input(std::isfinite(bias) && std::all_of(weights.begin(), weights.end(), [](float w) { return std::isfinite(w); }), file, " has weights that are no numbers");
  return QualityModel(how, std::move(weights), bias);
}

double pareto_draw(std::string_view id, double alpha) {
  const double u = static_cast<double>(mix64(hash64(id, 0x7061726574)) >> 11) * 0x1p-53;  // [0, 1)
  return std::pow(1 - u, -1 / alpha) - 1;
}

}  // namespace loam

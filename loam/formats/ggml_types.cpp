#include "loam/formats/ggml_types.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "loam/base/error.h"

namespace loam {
namespace {

using Byte = unsigned char;

float half_at(const Byte* at) {
  uint16_t h;
  std::memcpy(&h, at, 2);
  return half_to_float(h);
}

void put_half(Byte* at, float value) {
  const uint16_t h = float_to_half(value);
  std::memcpy(at, &h, 2);
}

float finite(float scale, int64_t block) {
  require_input(std::isfinite(scale), "the scale of its block ", block, " is ", scale);
  return scale;
}

// ---- blocks of 32 ----

void read_q8_0(const Byte* in, float* x, int64_t block) {
  const float d = finite(half_at(in), block);
  for (int j = 0; j < 32; ++j) x[j] = d * static_cast<float>(static_cast<int8_t>(in[2 + j]));
}

void read_q4_0(const Byte* in, float* x, int64_t block) {
  const float d = finite(half_at(in), block);
  for (int j = 0; j < 16; ++j) {
    x[j] = d * static_cast<float>((in[2 + j] & 15) - 8);
    x[j + 16] = d * static_cast<float>((in[2 + j] >> 4) - 8);
  }
}

void read_q4_1(const Byte* in, float* x, int64_t block) {
  const float d = finite(half_at(in), block), m = finite(half_at(in + 2), block);
  for (int j = 0; j < 16; ++j) {
    x[j] = d * static_cast<float>(in[4 + j] & 15) + m;
    x[j + 16] = d * static_cast<float>(in[4 + j] >> 4) + m;
  }
}

/// The fifth bit of number `j` of a block.
int fifth_bit(const Byte* bits, int j) { return (bits[j / 8] >> (j % 8) & 1) << 4; }

void read_q5_0(const Byte* in, float* x, int64_t block) {
  const float d = finite(half_at(in), block);
  for (int j = 0; j < 16; ++j) {
    x[j] = d * static_cast<float>(((in[6 + j] & 15) | fifth_bit(in + 2, j)) - 16);
    x[j + 16] = d * static_cast<float>(((in[6 + j] >> 4) | fifth_bit(in + 2, j + 16)) - 16);
  }
}

void read_q5_1(const Byte* in, float* x, int64_t block) {
  const float d = finite(half_at(in), block), m = finite(half_at(in + 2), block);
  for (int j = 0; j < 16; ++j) {
    x[j] = d * static_cast<float>((in[8 + j] & 15) | fifth_bit(in + 4, j)) + m;
    x[j + 16] = d * static_cast<float>((in[8 + j] >> 4) | fifth_bit(in + 4, j + 16)) + m;
  }
}

void write_q8_0(const float* x, Byte* out) {
  float most = 0;
  for (int j = 0; j < 32; ++j) most = std::max(most, std::fabs(x[j]));
  put_half(out, most / 127);
  const float d = half_at(out), inverse = d > 0 ? 1 / d : 0;
  for (int j = 0; j < 32; ++j) out[2 + j] = static_cast<Byte>(static_cast<int8_t>(std::clamp(std::nearbyint(x[j] * inverse), -127.0f, 127.0f)));
}

void write_q4_0(const float* x, Byte* out) {
  float most = 0;  // with its sign: the larger end takes the -8 that the smaller end has no use for
  for (int j = 0; j < 32; ++j) {
    if (std::fabs(x[j]) > std::fabs(most)) most = x[j];
  }
  put_half(out, most / -8);
  const float d = half_at(out), inverse = d != 0 ? 1 / d : 0;
  const auto level = [&](float v) { return static_cast<int>(std::clamp(std::nearbyint(v * inverse) + 8, 0.0f, 15.0f)); };
  for (int j = 0; j < 16; ++j) out[2 + j] = static_cast<Byte>(level(x[j]) | level(x[j + 16]) << 4);
}

void write_q4_1(const float* x, Byte* out) {
  const auto [low, high] = std::minmax_element(x, x + 32);
  put_half(out, (*high - *low) / 15);
  put_half(out + 2, *low);
  const float d = half_at(out), m = half_at(out + 2), inverse = d > 0 ? 1 / d : 0;
  const auto level = [&](float v) { return static_cast<int>(std::clamp(std::nearbyint((v - m) * inverse), 0.0f, 15.0f)); };
  for (int j = 0; j < 16; ++j) out[4 + j] = static_cast<Byte>(level(x[j]) | level(x[j + 16]) << 4);
}

// ---- q4_k: 256 numbers in eight groups of 32, each with a 6-bit scale and minimum ----

/// Scale and minimum of group `g`: groups 0-3 have the low 6 bits of their bytes; 4-7 nibbles of the last four bytes and
/// the two high bits of the first eight.
std::pair<int, int> packed_at(const Byte* packed, int g) {
  if (g < 4) return {packed[g] & 63, packed[g + 4] & 63};
  return {(packed[g + 4] & 15) | (packed[g - 4] >> 6) << 4, (packed[g + 4] >> 4) | (packed[g] >> 6) << 4};
}

void pack_at(Byte* packed, int g, int scale, int minimum) {
  if (g < 4) {
    packed[g] = static_cast<Byte>(packed[g] | scale);
    packed[g + 4] = static_cast<Byte>(packed[g + 4] | minimum);
  } else {
    packed[g + 4] = static_cast<Byte>((scale & 15) | (minimum & 15) << 4);
    packed[g - 4] = static_cast<Byte>(packed[g - 4] | (scale >> 4) << 6);
    packed[g] = static_cast<Byte>(packed[g] | (minimum >> 4) << 6);
  }
}

void read_q4_k(const Byte* in, float* x, int64_t block) {
  const float d = finite(half_at(in), block), m = finite(half_at(in + 2), block);
  for (int g = 0; g < 8; ++g) {
    const auto [scale, minimum] = packed_at(in + 4, g);
    const float by = d * static_cast<float>(scale), from = m * static_cast<float>(minimum);
    const Byte* q = in + 16 + g / 2 * 32;
    for (int j = 0; j < 32; ++j) x[32 * g + j] = by * static_cast<float>(g % 2 == 0 ? q[j] & 15 : q[j] >> 4) - from;
  }
}

struct Levels {
  float scale = 0, minimum = 0;  ///< x = scale q - minimum, both at least 0
};

/// The line with the least squared error for 32 numbers at levels 0 to 15: levels are tried for a row of scales around
/// the widest, and for each the best line is solved for.
Levels best_line(const float* x) {
  const auto [lowest, highest] = std::minmax_element(x, x + 32);
  const float low = std::min(*lowest, 0.0f), high = std::max(*highest, low);
  Levels best{(high - low) / 15, -low};
  if (high == low) return {0, -low};
  float least = INFINITY;
  for (int step = -10; step <= 10; ++step) {
    const float inverse = (15 + 0.1f * static_cast<float>(step)) / (high - low);
    float sum_q = 0, sum_qq = 0, sum_x = 0, sum_qx = 0;
    float q[32];
    for (int j = 0; j < 32; ++j) {
      q[j] = std::clamp(std::nearbyint((x[j] - low) * inverse), 0.0f, 15.0f);
      sum_q += q[j], sum_qq += q[j] * q[j], sum_x += x[j], sum_qx += q[j] * x[j];
    }
    const float determinant = 32 * sum_qq - sum_q * sum_q;
    if (determinant <= 0) continue;
    Levels line{(32 * sum_qx - sum_q * sum_x) / determinant, (sum_q * sum_qx - sum_qq * sum_x) / determinant};
    if (line.minimum < 0) line = {sum_qx / sum_qq, 0};
    if (line.scale <= 0) continue;
    float error = 0;
    for (int j = 0; j < 32; ++j) {
      const float off = line.scale * q[j] - line.minimum - x[j];
      error += off * off;
    }
    if (error < least) least = error, best = line;
  }
  return best;
}

void write_q4_k(const float* x, Byte* out) {
  Levels lines[8];
  float scale = 0, minimum = 0;
  for (int g = 0; g < 8; ++g) {
    lines[g] = best_line(x + 32 * g);
    scale = std::max(scale, lines[g].scale);
    minimum = std::max(minimum, lines[g].minimum);
  }
  std::memset(out, 0, 144);
  put_half(out, scale / 63);
  put_half(out + 2, minimum / 63);
  const float d = half_at(out), m = half_at(out + 2);
  const auto six_bits = [](float value, float by) { return by > 0 ? static_cast<int>(std::clamp(std::nearbyint(value / by), 0.0f, 63.0f)) : 0; };
  for (int g = 0; g < 8; ++g) {
    const int s = six_bits(lines[g].scale, d), n = six_bits(lines[g].minimum, m);
    pack_at(out + 4, g, s, n);
    const float by = d * static_cast<float>(s), from = m * static_cast<float>(n);
    Byte* q = out + 16 + g / 2 * 32;
    for (int j = 0; j < 32; ++j) {
      const int level = by > 0 ? static_cast<int>(std::clamp(std::nearbyint((x[32 * g + j] + from) / by), 0.0f, 15.0f)) : 0;
      q[j] = static_cast<Byte>(q[j] | (g % 2 == 0 ? level : level << 4));
    }
  }
}

// ---- q6_k: 256 numbers in sixteen groups of 16, each with an 8-bit scale ----

/// Where number `n` of a block has its low nibble and its two high bits.
struct Q6Place {
  int low_byte, low_shift, high_byte, high_shift;
};
Q6Place q6_place(int n) {
  const int half = n / 128, quarter = n % 128 / 32, l = n % 32;
  return {64 * half + 32 * (quarter % 2) + l, quarter < 2 ? 0 : 4, 32 * half + l, 2 * quarter};
}

void read_q6_k(const Byte* in, float* x, int64_t block) {
  const Byte *low = in, *high = in + 128, *scales = in + 192;
  const float d = finite(half_at(in + 208), block);
  for (int n = 0; n < 256; ++n) {
    const Q6Place p = q6_place(n);
    const int q = ((low[p.low_byte] >> p.low_shift & 15) | (high[p.high_byte] >> p.high_shift & 3) << 4) - 32;
    x[n] = d * static_cast<float>(static_cast<int8_t>(scales[n / 16])) * static_cast<float>(q);
  }
}

/// The scale (of either sign) with the least squared error for 16 numbers at levels -32 to 31.
float best_scale(const float* x) {
  float most = 0;
  for (int j = 0; j < 16; ++j) {
    if (std::fabs(x[j]) > std::fabs(most)) most = x[j];
  }
  if (most == 0) return 0;
  float best = most / -32, least = INFINITY;
  for (int step = -9; step <= 9; ++step) {
    const float inverse = -(32 + 0.1f * static_cast<float>(step)) / most;
    float sum_qq = 0, sum_qx = 0;
    float q[16];
    for (int j = 0; j < 16; ++j) {
      q[j] = std::clamp(std::nearbyint(x[j] * inverse), -32.0f, 31.0f);
      sum_qq += q[j] * q[j], sum_qx += q[j] * x[j];
    }
    const float scale = sum_qx / sum_qq;
    float error = 0;
    for (int j = 0; j < 16; ++j) error += (scale * q[j] - x[j]) * (scale * q[j] - x[j]);
    if (error < least) least = error, best = scale;
  }
  return best;
}

void write_q6_k(const float* x, Byte* out) {
  float scales[16], most = 0;
  for (int g = 0; g < 16; ++g) {
    scales[g] = best_scale(x + 16 * g);
    if (std::fabs(scales[g]) > std::fabs(most)) most = scales[g];
  }
  std::memset(out, 0, 210);
  put_half(out + 208, most / -128);
  const float d = half_at(out + 208);
  for (int g = 0; g < 16; ++g) {
    const int scale = d != 0 ? static_cast<int>(std::clamp(std::nearbyint(scales[g] / d), -128.0f, 127.0f)) : 0;
    out[192 + g] = static_cast<Byte>(static_cast<int8_t>(scale));
    const float by = d * static_cast<float>(scale);
    for (int n = 16 * g; n < 16 * g + 16; ++n) {
      const int q = (by != 0 ? static_cast<int>(std::clamp(std::nearbyint(x[n] / by), -32.0f, 31.0f)) : 0) + 32;
      const Q6Place p = q6_place(n);
      out[p.low_byte] = static_cast<Byte>(out[p.low_byte] | (q & 15) << p.low_shift);
      out[128 + p.high_byte] = static_cast<Byte>(out[128 + p.high_byte] | (q >> 4) << p.high_shift);
    }
  }
}

}  // namespace

const GgmlTraits* ggml_traits(uint32_t type) {
  static constexpr GgmlTraits kF32{"F32", 1, 4}, kF16{"F16", 1, 2}, kBF16{"BF16", 1, 2}, kQ80{"Q8_0", 32, 34}, kQ40{"Q4_0", 32, 18}, kQ41{"Q4_1", 32, 20}, kQ50{"Q5_0", 32, 22},
      kQ51{"Q5_1", 32, 24}, kQ4K{"Q4_K", 256, 144}, kQ6K{"Q6_K", 256, 210};
  switch (static_cast<GgmlType>(type)) {
    case GgmlType::f32: return &kF32;
    case GgmlType::f16: return &kF16;
    case GgmlType::bf16: return &kBF16;
    case GgmlType::q8_0: return &kQ80;
    case GgmlType::q4_0: return &kQ40;
    case GgmlType::q4_1: return &kQ41;
    case GgmlType::q5_0: return &kQ50;
    case GgmlType::q5_1: return &kQ51;
    case GgmlType::q4_k: return &kQ4K;
    case GgmlType::q6_k: return &kQ6K;
  }
  return nullptr;
}

void to_floats(GgmlType type, std::span<const std::byte> bytes, std::span<float> out) {
  const GgmlTraits& traits = *ggml_traits(static_cast<uint32_t>(type));
  const auto count = static_cast<int64_t>(out.size());
  require_input(count % traits.block == 0 && static_cast<int64_t>(bytes.size()) == count / traits.block * traits.bytes, bytes.size(), " bytes of ", traits.name, " for ", count,
                " numbers");
  const auto* in = reinterpret_cast<const Byte*>(bytes.data());
  if (type == GgmlType::f32) {
    if (!out.empty()) std::memcpy(out.data(), in, bytes.size());
    return;
  }
  for (int64_t b = 0; b < count / traits.block; ++b) {
    const Byte* block = in + b * traits.bytes;
    float* x = out.data() + b * traits.block;
    uint16_t word;
    switch (type) {
      case GgmlType::f32: break;
      case GgmlType::f16: *x = half_at(block); break;
      case GgmlType::bf16: std::memcpy(&word, block, 2), *x = bfloat_to_float(word); break;
      case GgmlType::q8_0: read_q8_0(block, x, b); break;
      case GgmlType::q4_0: read_q4_0(block, x, b); break;
      case GgmlType::q4_1: read_q4_1(block, x, b); break;
      case GgmlType::q5_0: read_q5_0(block, x, b); break;
      case GgmlType::q5_1: read_q5_1(block, x, b); break;
      case GgmlType::q4_k: read_q4_k(block, x, b); break;
      case GgmlType::q6_k: read_q6_k(block, x, b); break;
    }
  }
}

std::vector<std::byte> from_floats(GgmlType type, std::span<const float> values) {
  const GgmlTraits& traits = *ggml_traits(static_cast<uint32_t>(type));
  const auto count = static_cast<int64_t>(values.size());
  require(count % traits.block == 0, count, " numbers are no multiple of ", traits.name, "'s block of ", traits.block);
  std::vector<std::byte> bytes(static_cast<size_t>(count / traits.block * traits.bytes));
  if (traits.block > 1) {
    for (int64_t i = 0; i < count; ++i) {
      require_input(std::fabs(values[static_cast<size_t>(i)]) <= 65504, "its number ", i, " is ", values[static_cast<size_t>(i)], ", which ", traits.name, " cannot hold");
    }
  }
  auto* out = reinterpret_cast<Byte*>(bytes.data());
  if (type == GgmlType::f32) {
    if (count > 0) std::memcpy(out, values.data(), bytes.size());
    return bytes;
  }
  for (int64_t b = 0; b < count / traits.block; ++b) {
    const float* x = values.data() + b * traits.block;
    Byte* block = out + b * traits.bytes;
    uint16_t word;
    switch (type) {
      case GgmlType::f16: put_half(block, *x); break;
      case GgmlType::bf16: word = float_to_bfloat(*x), std::memcpy(block, &word, 2); break;
      case GgmlType::q8_0: write_q8_0(x, block); break;
      case GgmlType::q4_0: write_q4_0(x, block); break;
      case GgmlType::q4_1: write_q4_1(x, block); break;
      case GgmlType::q4_k: write_q4_k(x, block); break;
      case GgmlType::q6_k: write_q6_k(x, block); break;
      default: fail(ErrorKind::usage, "numbers are not written as ", traits.name);
    }
  }
  return bytes;
}

}  // namespace loam

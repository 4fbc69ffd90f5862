// Views of weights in the type they are stored in: read by products, never written, and of no use to training.
//
//   StoredMat w(NumberType::q8_0, rows, cols, numbers, scales);
//   int64_t bytes = stored_size(NumberType::q8_0, rows, cols).numbers;
//
// The numbers are those of the file, bit for bit; their order is made for the kernels. Rows go in panels of 16, so that one
// vector holds the same place of 16 rows (the last panel is filled up with zeros), and each panel lies in one piece:
//
//   f16, bf16   for each column: 16 numbers of 2 bytes
//   q8_0        for each block of 32 columns, 8 quads of 4 columns: 16 times 4 bytes, each the number plus 128
//   q4_0        for each block of 32 columns, 4 pairs of quads: 16 times 4 bytes; low halves are columns 4i to 4i + 3, high
//               halves those 16 columns on; each is the number plus 8
//   scales      of q8_0 and q4_0, by themselves: for each block of a panel 16 halves (IEEE 754 binary16)
//   q4_k        as q4_0, without the plus 8; a number stands for scale * q - minimum
//   q6_k        as q8_0, plus 32; the two halves of a block have scales of their own
//   factors     of q4_k and q6_k: for each block of a panel 16 scales and 16 minima, or 16 scales of each half, multiplied out
//               to floats, which hold them exactly: 6 bits a number in memory, where the file has 4.5, and 10 for 6.6
#pragma once

#include <cstddef>
#include <cstdint>

namespace loam {

enum class NumberType : uint8_t { f32, f16, bf16, q8_0, q4_0, q4_k, q6_k };

constexpr int64_t kPanelRows = 16;
constexpr int64_t kBlock = 32;        ///< columns that share a scale
constexpr int64_t kSuperBlock = 256;  ///< columns that share what the scales of q4_k and q6_k are multiplied by

[[gnu::always_inline]] constexpr bool in_blocks(NumberType type) { return type >= NumberType::q8_0; }
[[gnu::always_inline]] constexpr bool in_super_blocks(NumberType type) { return type >= NumberType::q4_k; }
[[gnu::always_inline]] constexpr bool in_nibbles(NumberType type) { return type == NumberType::q4_0 || type == NumberType::q4_k; }
/// What the columns must be a multiple of.
[[gnu::always_inline]] constexpr int64_t block_columns(NumberType type) { return in_super_blocks(type) ? kSuperBlock : in_blocks(type) ? kBlock : 1; }

/// rows x cols numbers; cols is a multiple of block_columns(). The pointers are 64-byte aligned.
struct StoredMat {
  NumberType type = NumberType::f32;
  int64_t rows = 0, cols = 0;
  const std::byte* numbers = nullptr;
  const uint16_t* scales = nullptr;  ///< of q8_0 and q4_0; (panels, cols / kBlock, 16)
  const float* factors = nullptr;    ///< of q4_k and q6_k; (panels, cols / kBlock, 2, 16)

  explicit operator bool() const { return numbers != nullptr; }
  int64_t panels() const { return (rows + kPanelRows - 1) / kPanelRows; }
  int64_t blocks() const { return cols / kBlock; }
};

/// Bytes of one panel's numbers.
[[gnu::always_inline]] constexpr int64_t panel_bytes(NumberType type, int64_t cols) {
  switch (type) {
    case NumberType::f32: return kPanelRows * cols * 4;
    case NumberType::f16:
    case NumberType::bf16: return kPanelRows * cols * 2;
    case NumberType::q8_0:
    case NumberType::q6_k: return kPanelRows * cols;
    case NumberType::q4_0:
    case NumberType::q4_k: return kPanelRows * cols / 2;
  }
  return 0;
}

struct StoredSize {
  int64_t numbers, scales;  ///< bytes, each rounded up to 64; scales or factors
};
[[gnu::always_inline]] constexpr StoredSize stored_size(NumberType type, int64_t rows, int64_t cols) {
  const int64_t panels = (rows + kPanelRows - 1) / kPanelRows;
  const int64_t scales = !in_blocks(type) ? 0 : panels * (cols / kBlock) * kPanelRows * (in_super_blocks(type) ? 8 : 2);
  return {(panels * panel_bytes(type, cols) + 63) / 64 * 64, (scales + 63) / 64 * 64};
}

/// The view of rows x cols numbers whose memory, of stored_size(), begins at `memory`.
[[gnu::always_inline]] inline StoredMat stored_view(NumberType type, int64_t rows, int64_t cols, const std::byte* memory) {
  StoredMat m{type, rows, cols, memory, nullptr, nullptr};
  const std::byte* behind = memory + stored_size(type, rows, cols).numbers;
  if (in_super_blocks(type)) {
    m.factors = reinterpret_cast<const float*>(behind);
  } else if (in_blocks(type)) {
    m.scales = reinterpret_cast<const uint16_t*>(behind);
  }
  return m;
}

}  // namespace loam

// safetensors: named tensors in one file (github.com/huggingface/safetensors, README "Format").
//
//   SafetensorsFile file("model.safetensors");              // maps it and checks the whole header
//   for (const auto& t : file.tensors()) ... file.bytes(t) ...
//
//   SafetensorsWriter out("model.safetensors", layout);     // the header first, from names, types and shapes
//   out.write(t.name, floats...);                           // in the layout's order
//   out.commit();
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "loam/base/files.h"

namespace loam {

struct TensorInfo {
  std::string name, dtype;      ///< "F32", "F16", "BF16"... as the format spells it
  std::vector<int64_t> shape;
  int64_t begin = 0, end = 0;   ///< bytes, from the end of the header

  int64_t count() const {
    int64_t n = 1;
    for (int64_t d : shape) n *= d;
    return n;
  }
};

/// Bytes of one number of a dtype; 0 for a name the format does not have.
int64_t safetensors_dtype_bytes(const std::string& dtype);

class SafetensorsFile {
 public:
  /// Throws Error{input} naming the file: header over the end or over 100 MB, not JSON, a name twice, a shape that
  /// overflows or does not fit its bytes, tensors that overlap, leave holes or end past the file.
  explicit SafetensorsFile(const fs::path& path);
  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  std::span<const std::byte> bytes(const TensorInfo& tensor) const;
  const fs::path& path() const { return file_.path(); }

 private:
  MappedFile file_;
  int64_t data_begin_ = 0;
  std::vector<TensorInfo> tensors_;
};

class SafetensorsWriter {
 public:
  /// begin and end of `layout` are ignored and laid out in order. `metadata` goes into __metadata__, and "format" as
  /// transformers wants it.
  SafetensorsWriter(const fs::path& path, std::vector<TensorInfo> layout, const std::map<std::string, std::string>& metadata = {});
  /// The next tensor's bytes; may come in several pieces.
  void write(const void* bytes, int64_t count) { file_.write(bytes, count); }
  void commit();

 private:
  AtomicFile file_;
  int64_t whole_ = 0;
};

}  // namespace loam

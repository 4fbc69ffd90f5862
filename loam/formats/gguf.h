// GGUF, the file of llama.cpp and its kin: metadata by key, and tensors of plain or quantised numbers
// (github.com/ggml-org/ggml, docs/gguf.md). Versions 2 and 3, little-endian.
//
//   const GgufFile file("model.gguf");                       // maps it and checks the whole header
//   int64_t layers = file.integer("llama.block_count");
//   for (const auto& t : file.tensors()) ... file.bytes(t) ...
//
//   GgufWriter out("model.gguf", metadata, layout);          // header first, then each tensor's bytes in order
//   out.write(bytes, count); ... out.commit();
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "loam/base/files.h"
#include "loam/formats/ggml_types.h"

namespace loam {

/// A value of the metadata: a number, a text, or a list of numbers or texts. Integers of any width become int64_t;
/// one over 2^63 - 1 is refused.
using GgufValue = std::variant<int64_t, double, bool, std::string, std::vector<int64_t>, std::vector<double>, std::vector<std::string>>;

struct GgufTensor {
  std::string name;
  std::vector<int64_t> shape;  ///< slowest first: (rows, columns), as everywhere else here; the file has them the other way
  GgmlType type = GgmlType::f32;
  int64_t begin = 0, size = 0; ///< bytes, from the start of the data

  int64_t count() const {
    int64_t n = 1;
    for (const int64_t d : shape) n *= d;
    return n;
  }
};

/// Whether it is a file that begins as GGUF does.
bool is_gguf(const fs::path& file);

class GgufFile {
 public:
  /// Throws Error{input} naming the file and the key or tensor: no GGUF, another version or byte order, counts and lengths
  /// over the file's end, lists in lists or far longer than vocabularies are, a key or tensor twice, a shape that overflows
  /// or is no multiple of the type's block, an unknown type, an offset that is not aligned, tensors that overlap, leave
  /// holes or end past the file.
  explicit GgufFile(const fs::path& path);

  const fs::path& path() const { return file_.path(); }
  int version() const { return version_; }
  const std::vector<GgufTensor>& tensors() const { return tensors_; }
  const GgufTensor* find(std::string_view name) const;
  std::span<const std::byte> bytes(const GgufTensor& tensor) const;

  const std::map<std::string, GgufValue>& metadata() const { return metadata_; }
  bool has(const std::string& key) const { return metadata_.count(key) > 0; }
  /// Throw Error{input} naming the key if it is absent or of another kind; with a default only for another kind.
  int64_t integer(const std::string& key) const;
  int64_t integer(const std::string& key, int64_t otherwise) const;
  double number(const std::string& key, double otherwise) const;
  bool boolean(const std::string& key, bool otherwise) const;
  std::string text(const std::string& key) const;
  std::string text(const std::string& key, const std::string& otherwise) const;
  /// Empty if absent.
  const std::vector<std::string>& texts(const std::string& key) const;
  const std::vector<double>& numbers(const std::string& key) const;
  const std::vector<int64_t>& integers(const std::string& key) const;

 private:
  const GgufValue* value(const std::string& key) const;
  void read_header();
  void check_places(int64_t alignment) const;
  MappedFile file_;
  int version_ = 0;
  int64_t data_begin_ = 0;
  std::map<std::string, GgufValue> metadata_;
  std::vector<GgufTensor> tensors_;
  std::map<std::string, size_t, std::less<>> places_;  ///< of the tensors, by name
};

/// What goes into the metadata, in order; integers as uint32 (lists as int32), numbers as float32, as readers expect them.
using GgufMetadata = std::vector<std::pair<std::string, GgufValue>>;

class GgufWriter {
 public:
  /// Sizes and offsets of `layout` are worked out here. Throws Error{io}.
  GgufWriter(const fs::path& path, const GgufMetadata& metadata, std::vector<GgufTensor> layout);
  /// All bytes of the next tensor.
  void write(const void* bytes, int64_t count);
  void commit();

 private:
  AtomicFile file_;
  std::vector<GgufTensor> layout_;
  size_t next_ = 0;
};

}  // namespace loam

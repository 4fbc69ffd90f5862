#include "loam/formats/gguf.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "loam/base/error.h"

namespace loam {
namespace {

constexpr int64_t kDefaultAlignment = 32, kMaxName = 1024;
// Far over what models have. In memory a value takes some times its bytes in the file: so that stays within bounds.
constexpr int64_t kMostPairs = 1 << 16, kMostTensors = 1 << 20, kMostInLists = 1 << 25;
enum ValueType : uint32_t { u8 = 0, i8, u16, i16, u32, i32, f32, boolean_type, string_type, array_type, u64, i64, f64 };

/// Bytes of a value of fixed size; 0 for texts, lists and unknown types.
int64_t width_of(uint32_t type) {
  switch (type) {
    case u8: case i8: case boolean_type: return 1;
    case u16: case i16: return 2;
    case u32: case i32: case f32: return 4;
    case u64: case i64: case f64: return 8;
    default: return 0;
  }
}

/// Reads forward; every read is checked against the end of the file first.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : bytes_(bytes) {}
  int64_t at() const { return static_cast<int64_t>(at_); }
  int64_t left() const { return static_cast<int64_t>(bytes_.size() - at_); }
  template <class T>
  T fixed() {
    need(sizeof(T));
    T value;
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }
  std::string text() {
    const auto length = fixed<uint64_t>();
    need(length);
    std::string out(bytes_.substr(at_, length));
    at_ += length;
    return out;
  }
  /// A count of things that take at least `least` bytes each: more than fit into the rest of the file are a lie.
  int64_t count(int64_t least, const char* of) {
    const auto n = fixed<uint64_t>();
    require_input(n <= static_cast<uint64_t>(left() / least), "at byte ", at() - 8, ": ", n, " ", of, ", but only ", left(), " bytes are left");
    return static_cast<int64_t>(n);
  }
  int64_t list_count(int64_t least, const char* of) {
    const int64_t n = count(least, of);
    in_lists_ += n;
    require_input(in_lists_ <= kMostInLists, "its lists hold over ", kMostInLists, " values, ", n, " of them here; no model has as many");
    return n;
  }

 private:
  void need(uint64_t bytes) const {
    require_input(bytes <= bytes_.size() - at_, "at byte ", at_, ": ", bytes, " bytes wanted, ", bytes_.size() - at_, " are left (cut off, or damaged)");
  }
  std::string_view bytes_;
  size_t at_ = 0;
  int64_t in_lists_ = 0;
};

int64_t read_integer(Cursor& in, uint32_t type) {
  switch (type) {
    case u8: return in.fixed<uint8_t>();
    case i8: return in.fixed<int8_t>();
    case u16: return in.fixed<uint16_t>();
    case i16: return in.fixed<int16_t>();
    case u32: return in.fixed<uint32_t>();
    case i32: return in.fixed<int32_t>();
    case i64: return in.fixed<int64_t>();
    case boolean_type: return in.fixed<uint8_t>() != 0 ? 1 : 0;
    default: {
      const auto value = in.fixed<uint64_t>();
      require_input(value <= static_cast<uint64_t>(INT64_MAX), "the number ", value, " is over 2^63 - 1");
      return static_cast<int64_t>(value);
    }
  }
}

double read_real(Cursor& in, uint32_t type) { return type == f32 ? static_cast<double>(in.fixed<float>()) : in.fixed<double>(); }

GgufValue read_list(Cursor& in) {
  const auto type = in.fixed<uint32_t>();
  if (type == string_type) {
    const int64_t n = in.list_count(8, "texts of a list");
    std::vector<std::string> out;
    out.reserve(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i) out.push_back(in.text());
    return out;
  }
  require_input(type != array_type, "it is a list of lists");
  require_input(width_of(type) > 0, "it is a list of values of the unknown type ", type);
  const int64_t n = in.list_count(width_of(type), "numbers of a list");
  if (type == f32 || type == f64) {
    std::vector<double> out(static_cast<size_t>(n));
    for (auto& x : out) x = read_real(in, type);
    return out;
  }
  std::vector<int64_t> out(static_cast<size_t>(n));
  for (auto& x : out) x = read_integer(in, type);
  return out;
}

GgufValue read_value(Cursor& in) {
  const auto type = in.fixed<uint32_t>();
  if (type == string_type) return in.text();
  if (type == array_type) return read_list(in);
  require_input(width_of(type) > 0, "its type ", type, " is unknown");
  if (type == boolean_type) return in.fixed<uint8_t>() != 0;
  if (type == f32 || type == f64) return read_real(in, type);
  return read_integer(in, type);
}

GgufTensor read_tensor(Cursor& in, int64_t alignment) {
  GgufTensor t;
  t.name = in.text();
  try {
    require_input(!t.name.empty() && static_cast<int64_t>(t.name.size()) <= kMaxName, "its name has ", t.name.size(), " bytes");
    const auto dimensions = in.fixed<uint32_t>();
    require_input(dimensions <= 4, "it has ", dimensions, " dimensions; the format has 4 at most");
    int64_t count = 1;
    for (uint32_t i = 0; i < dimensions; ++i) {
      const auto d = in.fixed<uint64_t>();
      require_input(d <= static_cast<uint64_t>(INT64_MAX) && !__builtin_mul_overflow(count, static_cast<int64_t>(d), &count), "its shape overflows 64 bits");
      t.shape.insert(t.shape.begin(), static_cast<int64_t>(d));
    }
    int64_t other_way = 1;  // a dimension of 0 hides an overflow behind it, but not to who multiplies from the other end
    for (const int64_t d : t.shape) require_input(!__builtin_mul_overflow(other_way, d, &other_way), "its shape overflows 64 bits");
    const auto type = in.fixed<uint32_t>();
    const GgmlTraits* traits = ggml_traits(type);
    require_input(traits != nullptr, "its type is number ", type, ", which is not read here (F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q6_K are)");
    t.type = static_cast<GgmlType>(type);
    const int64_t row = t.shape.empty() ? 1 : t.shape.back();
    require_input(row % traits->block == 0, "its rows of ", row, " are no multiple of ", traits->name, "'s block of ", traits->block);
    require_input(!__builtin_mul_overflow(count / traits->block, traits->bytes, &t.size), "its bytes overflow 64 bits");
    const auto offset = in.fixed<uint64_t>();
    require_input(offset <= static_cast<uint64_t>(INT64_MAX) && static_cast<int64_t>(offset) % alignment == 0, "its offset ", offset, " is no multiple of ", alignment);
    t.begin = static_cast<int64_t>(offset);
    return t;
  } catch (Error& e) {
    e.during("tensor ", t.name.substr(0, 200));
    throw;
  }
}

int64_t aligned(int64_t at, int64_t alignment) { return (at + alignment - 1) / alignment * alignment; }

}  // namespace

bool is_gguf(const fs::path& file) {
  return fs::is_regular_file(file) && fs::file_size(file) >= 4 && MappedFile(file).text().starts_with("GGUF");
}

GgufFile::GgufFile(const fs::path& path) try : file_(path) {
  read_header();
} catch (Error& e) {
  e.during("reading ", path);
  throw;
}

void GgufFile::read_header() {
  Cursor in(file_.text());
  require_input(!file_.text().starts_with("version https://git-lfs"), "it is Git LFS's note of where the file is, not the file; `git lfs pull` fetches it");
  require_input(file_.size() >= 24 && file_.text().starts_with("GGUF"), "it is no GGUF file (", file_.size(), " bytes, which do not begin with \"GGUF\" and a header)");
  in.fixed<uint32_t>();
  const auto version = in.fixed<uint32_t>();
  require_input((version & 0xffff) != 0, "it is in big-endian byte order; convert it on the machine that wrote it");
  require_input(version == 2 || version == 3, "it has GGUF version ", version, "; 2 and 3 are read here");
  version_ = static_cast<int>(version);
  // A tensor's entry takes 8 (name) + 4 + 4 + 8 bytes at least, a pair of the metadata 8 + 4 + 1.
  const auto tensors = in.fixed<uint64_t>();
  require_input(tensors <= static_cast<uint64_t>(std::min(kMostTensors, in.left() / 24)), "it says that it has ", tensors, " tensors, in a file of ", file_.size(), " bytes");
  const int64_t pairs = in.count(13, "pairs of metadata");
  require_input(pairs <= kMostPairs, "it has ", pairs, " pairs of metadata; the most that is read is ", kMostPairs);
  for (int64_t i = 0; i < pairs; ++i) {
    const std::string key = in.text();
    try {
      require_input(!key.empty() && key.size() <= 65535, "a key has ", key.size(), " bytes");
      require_input(metadata_.emplace(key, read_value(in)).second, "the key is there twice");
    } catch (Error& e) {
      e.during("metadata ", key.substr(0, 200));
      throw;
    }
  }
  const int64_t alignment = integer("general.alignment", kDefaultAlignment);
  require_input(alignment >= 1 && alignment <= 1 << 20 && std::has_single_bit(static_cast<uint64_t>(alignment)), "general.alignment is ", alignment, ", no power of two up to 2^20");
  for (uint64_t i = 0; i < tensors; ++i) tensors_.push_back(read_tensor(in, alignment));
  data_begin_ = aligned(in.at(), alignment);
  for (size_t i = 0; i < tensors_.size(); ++i) {
    require_input(places_.emplace(tensors_[i].name, i).second, "tensor ", tensors_[i].name, " is there twice");
  }
  check_places(alignment);
}

void GgufFile::check_places(int64_t alignment) const {
  std::vector<const GgufTensor*> sorted;
  for (const auto& t : tensors_) sorted.push_back(&t);
  std::sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) { return std::pair(a->begin, a->size) < std::pair(b->begin, b->size); });
  const int64_t data_bytes = std::max<int64_t>(0, file_.size() - data_begin_);
  int64_t at = 0;
  for (const GgufTensor* t : sorted) {
    require_input(t->begin >= at, "tensor ", t->name, " begins at byte ", t->begin, " of the data, inside another, which ends at ", at);
    require_input(t->begin == aligned(at, alignment), "tensor ", t->name, " begins at byte ", t->begin, " of the data, the one before it ends at ", at, ": between them is a hole (wanted ",
                  aligned(at, alignment), ")");
    require_input(!__builtin_add_overflow(t->begin, t->size, &at) && at <= data_bytes, "tensor ", t->name, " wants ", t->size, " bytes from byte ", t->begin,
                  " of the data on; the file holds ", data_bytes, " bytes of data (cut off, or damaged)");
  }
}

const GgufTensor* GgufFile::find(std::string_view name) const {
  const auto it = places_.find(name);
  return it == places_.end() ? nullptr : &tensors_[it->second];
}

std::span<const std::byte> GgufFile::bytes(const GgufTensor& tensor) const {
  return file_.bytes().subspan(static_cast<size_t>(data_begin_ + tensor.begin), static_cast<size_t>(tensor.size));
}

const GgufValue* GgufFile::value(const std::string& key) const {
  const auto it = metadata_.find(key);
  return it == metadata_.end() ? nullptr : &it->second;
}

namespace {

template <class T>
const T& as(const GgufValue& value, const std::string& key, const char* wanted) {
  const T* held = std::get_if<T>(&value);
  require_input(held != nullptr, "the metadata ", key, " is no ", wanted);
  return *held;
}

}  // namespace

int64_t GgufFile::integer(const std::string& key) const {
  const GgufValue* v = value(key);
  require_input(v != nullptr, path(), " has no metadata ", key);
  return as<int64_t>(*v, key, "whole number");
}
int64_t GgufFile::integer(const std::string& key, int64_t otherwise) const {
  const GgufValue* v = value(key);
  return v == nullptr ? otherwise : as<int64_t>(*v, key, "whole number");
}
double GgufFile::number(const std::string& key, double otherwise) const {
  const GgufValue* v = value(key);
  if (v == nullptr) return otherwise;
  if (const auto* whole = std::get_if<int64_t>(v)) return static_cast<double>(*whole);
  return as<double>(*v, key, "number");
}
bool GgufFile::boolean(const std::string& key, bool otherwise) const {
  const GgufValue* v = value(key);
  return v == nullptr ? otherwise : as<bool>(*v, key, "truth value");
}
std::string GgufFile::text(const std::string& key) const {
  const GgufValue* v = value(key);
  require_input(v != nullptr, path(), " has no metadata ", key);
  return as<std::string>(*v, key, "text");
}
std::string GgufFile::text(const std::string& key, const std::string& otherwise) const {
  const GgufValue* v = value(key);
  return v == nullptr ? otherwise : as<std::string>(*v, key, "text");
}
const std::vector<std::string>& GgufFile::texts(const std::string& key) const {
  static const std::vector<std::string> none;
  const GgufValue* v = value(key);
  return v == nullptr ? none : as<std::vector<std::string>>(*v, key, "list of texts");
}
const std::vector<double>& GgufFile::numbers(const std::string& key) const {
  static const std::vector<double> none;
  const GgufValue* v = value(key);
  return v == nullptr ? none : as<std::vector<double>>(*v, key, "list of numbers");
}
const std::vector<int64_t>& GgufFile::integers(const std::string& key) const {
  static const std::vector<int64_t> none;
  const GgufValue* v = value(key);
  return v == nullptr ? none : as<std::vector<int64_t>>(*v, key, "list of whole numbers");
}

// ---- writing ----

namespace {

class Bytes {
 public:
  template <class T>
  void fixed(T value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof(T));
  }
  void text(std::string_view s) {
    fixed<uint64_t>(s.size());
    out += s;
  }
  void value(const GgufValue& v) {
    if (const auto* whole = std::get_if<int64_t>(&v)) {
      fixed<uint32_t>(u32);
      fixed(static_cast<uint32_t>(*whole));
    } else if (const auto* real = std::get_if<double>(&v)) {
      fixed<uint32_t>(f32);
      fixed(static_cast<float>(*real));
    } else if (const auto* truth = std::get_if<bool>(&v)) {
      fixed<uint32_t>(boolean_type);
      fixed<uint8_t>(*truth ? 1 : 0);
    } else if (const auto* string = std::get_if<std::string>(&v)) {
      fixed<uint32_t>(string_type);
      text(*string);
    } else {
      fixed<uint32_t>(array_type);
      list(v);
    }
  }
  std::string out;

 private:
  void list(const GgufValue& v) {
    if (const auto* wholes = std::get_if<std::vector<int64_t>>(&v)) {
      fixed<uint32_t>(i32);
      fixed<uint64_t>(wholes->size());
      for (const int64_t x : *wholes) fixed(static_cast<int32_t>(x));
    } else if (const auto* reals = std::get_if<std::vector<double>>(&v)) {
      fixed<uint32_t>(f32);
      fixed<uint64_t>(reals->size());
      for (const double x : *reals) fixed(static_cast<float>(x));
    } else {
      const auto& strings = std::get<std::vector<std::string>>(v);
      fixed<uint32_t>(string_type);
      fixed<uint64_t>(strings.size());
      for (const auto& s : strings) text(s);
    }
  }
};

}  // namespace

GgufWriter::GgufWriter(const fs::path& path, const GgufMetadata& metadata, std::vector<GgufTensor> layout) : file_(path), layout_(std::move(layout)) {
  Bytes head;
  head.out = "GGUF";
  head.fixed<uint32_t>(3);
  head.fixed<uint64_t>(layout_.size());
  head.fixed<uint64_t>(metadata.size());
  for (const auto& [key, value] : metadata) {
    head.text(key);
    head.value(value);
  }
  int64_t at = 0;
  for (auto& t : layout_) {
    const GgmlTraits& traits = *ggml_traits(static_cast<uint32_t>(t.type));
    t.begin = at;
    t.size = t.count() / traits.block * traits.bytes;
    at = aligned(at + t.size, kDefaultAlignment);
    head.text(t.name);
    head.fixed(static_cast<uint32_t>(t.shape.size()));
    for (auto d = t.shape.rbegin(); d != t.shape.rend(); ++d) head.fixed(static_cast<uint64_t>(*d));
    head.fixed(static_cast<uint32_t>(t.type));
    head.fixed(static_cast<uint64_t>(t.begin));
  }
  head.out.resize(static_cast<size_t>(aligned(static_cast<int64_t>(head.out.size()), kDefaultAlignment)), '\0');
  file_.write(head.out);
}

void GgufWriter::write(const void* bytes, int64_t count) {
  if (next_ == layout_.size() || count != layout_[next_].size) fail(ErrorKind::internal, "a GGUF file was given ", count, " bytes for tensor ", next_);
  file_.write(bytes, count);
  const std::string gap(static_cast<size_t>(aligned(count, kDefaultAlignment) - count), '\0');
  file_.write(gap);
  ++next_;
}

void GgufWriter::commit() {
  if (next_ != layout_.size()) fail(ErrorKind::internal, "a GGUF file was given ", next_, " of ", layout_.size(), " tensors");
  file_.commit();
}

}  // namespace loam

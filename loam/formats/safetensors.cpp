#include "loam/formats/safetensors.h"

#include <algorithm>
#include <cstring>

#include "loam/base/error.h"
#include "loam/base/json.h"

namespace loam {
namespace {

constexpr int64_t kMaxHeader = 100'000'000;  // the format's own limit

constexpr size_t kMostDimensions = 64;

/// Reads the header member by member: as JSON values a hostile header of 100 MB would take gigabytes.
class HeaderReader : public nlohmann::json_sax<Json> {
 public:
  std::vector<TensorInfo> tensors;
  std::string error;

  bool null() override { return odd("null"); }
  bool boolean(bool value) override { return odd(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override { return value < 0 ? odd(std::to_string(value)) : number(static_cast<uint64_t>(value)); }
  bool number_unsigned(number_unsigned_t value) override { return number(value); }
  bool number_float(number_float_t, const string_t& text) override { return odd(text); }
  bool string(string_t& text) override {
    if (place_ == Place::metadata) return true;
    if (place_ != Place::tensor || member_ != dtype) return odd("a text");
    if (safetensors_dtype_bytes(text) == 0) return refuse(cat("dtype \"", text.substr(0, 100), "\" is none of the format's"));
    tensors.back().dtype = std::move(text);
    return true;
  }
  bool binary(binary_t&) override { return odd("bytes"); }
  bool start_object(size_t) override {
    if (place_ == Place::outside) return place_ = Place::top, true;
    if (place_ != Place::top) return odd("an object");
    place_ = metadata_ ? Place::metadata : Place::tensor;
    if (!metadata_) tensors.emplace_back().name = std::move(name_), seen_ = 0;
    return true;
  }
  bool key(string_t& text) override {
    if (place_ == Place::metadata) return true;
    if (place_ == Place::top) {
      metadata_ = text == "__metadata__";
      name_ = std::move(text);
      return true;
    }
    member_ = text == "dtype" ? dtype : text == "shape" ? shape : text == "data_offsets" ? offsets : 0;
    if (member_ == 0) return refuse(cat("it has a member \"", text.substr(0, 100), "\", which the format does not"));
    if ((seen_ & member_) != 0) return refuse(cat("\"", text, "\" is there twice"));
    seen_ |= member_;
    return true;
  }
  bool end_object() override {
    if (place_ == Place::top) return place_ = Place::outside, true;
    const bool good = place_ == Place::metadata || whole();
    place_ = Place::top;
    return good;
  }
  bool start_array(size_t) override {
    if (place_ != Place::tensor || (member_ != shape && member_ != offsets)) return odd("a list");
    place_ = Place::list;
    count_ = 0;
    return true;
  }
  bool end_array() override {
    place_ = Place::tensor;
    return member_ == shape || count_ == 2 || refuse("\"data_offsets\" is not a pair");
  }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& e) override {
    error = cat("its header is not valid JSON: ", e.what());
    return false;
  }

 private:
  enum class Place { outside, top, metadata, tensor, list };
  enum : int { dtype = 1, shape = 2, offsets = 4 };

  bool number(uint64_t value) {
    if (place_ != Place::list) return odd(std::to_string(value));
    TensorInfo& t = tensors.back();
    if (value > static_cast<uint64_t>(INT64_MAX)) return refuse(cat(member_ == shape ? "its shape holds " : "an offset is ", value, ", over 2^63 - 1"));
    if (member_ == shape) {
      t.shape.push_back(static_cast<int64_t>(value));
      return t.shape.size() <= kMostDimensions || refuse(cat("it has over ", kMostDimensions, " dimensions"));
    }
    if (++count_ > 2) return refuse("\"data_offsets\" is not a pair");
    (count_ == 1 ? t.begin : t.end) = static_cast<int64_t>(value);
    return true;
  }
  /// The tensor that ends here.
  bool whole() {
    const TensorInfo& t = tensors.back();
    for (const auto& [bit, what] : {std::pair{dtype, "dtype"}, {shape, "shape"}, {offsets, "data_offsets"}}) {
      if ((seen_ & bit) == 0) return refuse(cat("\"", what, "\" is missing"));
    }
    int64_t bytes = safetensors_dtype_bytes(t.dtype);
    for (const int64_t d : t.shape) {
      if (__builtin_mul_overflow(bytes, d, &bytes)) return refuse("its shape overflows 64 bits");
    }
    return (t.begin <= t.end && t.end - t.begin == bytes) || refuse(cat("its offsets span ", t.end - t.begin, " bytes, its shape wants ", bytes));
  }
  bool odd(const std::string& found) {
    if (place_ == Place::outside) return refuse(cat("its header is ", found, ", not an object"));
    if (place_ == Place::metadata) return refuse(cat("its __metadata__ holds ", found, ", not texts alone"));
    if (place_ == Place::top) return refuse(cat("\"", name_.substr(0, 200), "\" is ", found, ", not an object"));
    if (place_ == Place::list) return refuse(cat(member_ == shape ? "its shape holds " : "an offset is ", found));
    return refuse(cat(member_ == dtype ? "\"dtype\"" : member_ == shape ? "\"shape\"" : "\"data_offsets\"", " is ", found));
  }
  bool refuse(const std::string& why) {
    const bool inside = place_ == Place::tensor || place_ == Place::list;
    error = inside ? cat("tensor ", tensors.back().name.substr(0, 200), ": ", why) : why;
    return false;
  }

  Place place_ = Place::outside;
  bool metadata_ = false;
  std::string name_;
  int member_ = 0, seen_ = 0, count_ = 0;
};

void refuse_twice(const std::vector<TensorInfo>& tensors) {
  std::vector<std::string_view> names;
  for (const auto& t : tensors) names.push_back(t.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  require_input(twice == names.end(), "its header names ", twice == names.end() ? std::string_view() : *twice, " twice");
}

/// Every byte of the data belongs to one tensor.
void refuse_gaps(const std::vector<TensorInfo>& tensors, int64_t data_bytes) {
  std::vector<const TensorInfo*> sorted;
  for (const auto& t : tensors) sorted.push_back(&t);
  std::sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) { return std::pair(a->begin, a->end) < std::pair(b->begin, b->end); });
  int64_t at = 0;
  for (const TensorInfo* t : sorted) {
    require_input(t->begin == at, "tensor ", t->name, " begins at byte ", t->begin, " of the data, the one before it ends at ", at, t->begin < at ? ": they overlap" : ": between them is a hole");
    require_input(t->end <= data_bytes, "tensor ", t->name, " wants bytes ", t->begin, " to ", t->end, " of the data, the file holds ", data_bytes, " (cut off, or not whole)");
    at = t->end;
  }
  require_input(at == data_bytes, "its tensors take ", at, " bytes, the file holds ", data_bytes, ": the rest belongs to none");
}

}  // namespace

int64_t safetensors_dtype_bytes(const std::string& dtype) {
  if (dtype == "F64" || dtype == "I64" || dtype == "U64") return 8;
  if (dtype == "F32" || dtype == "I32" || dtype == "U32") return 4;
  if (dtype == "F16" || dtype == "BF16" || dtype == "I16" || dtype == "U16") return 2;
  if (dtype == "BOOL" || dtype == "U8" || dtype == "I8" || dtype == "F8_E4M3" || dtype == "F8_E5M2") return 1;
  return 0;
}

SafetensorsFile::SafetensorsFile(const fs::path& path) try : file_(path) {
  require_input(file_.size() >= 8, "it has ", file_.size(), " bytes; the header's length alone takes 8");
  require_input(!file_.text().starts_with("version https://git-lfs"), "it is Git LFS's note of where the file is, not the file; `git lfs pull` fetches it");
  uint64_t length = 0;
  std::memcpy(&length, file_.bytes().data(), 8);
  require_input(length <= kMaxHeader && static_cast<int64_t>(length) <= file_.size() - 8, "its header says ", length, " bytes, the file has ", file_.size());
  const std::string_view header = file_.text().substr(8, length);
  require_input(!header.empty() && header.front() == '{', "its header does not begin with '{'");
  data_begin_ = 8 + static_cast<int64_t>(length);
  HeaderReader reader;
  require_input(Json::sax_parse(header, &reader), reader.error);
  tensors_ = std::move(reader.tensors);
  refuse_twice(tensors_);
  refuse_gaps(tensors_, file_.size() - data_begin_);
} catch (Error& e) {
  e.during("reading ", path);
  throw;
}

std::span<const std::byte> SafetensorsFile::bytes(const TensorInfo& tensor) const {
  return file_.bytes().subspan(static_cast<size_t>(data_begin_ + tensor.begin), static_cast<size_t>(tensor.end - tensor.begin));
}

SafetensorsWriter::SafetensorsWriter(const fs::path& path, std::vector<TensorInfo> layout, const std::map<std::string, std::string>& metadata) : file_(path) {
  Json header;
  header["__metadata__"] = {{"format", "pt"}};
  for (const auto& [key, value] : metadata) header["__metadata__"][key] = value;
  int64_t at = 0;
  for (auto& t : layout) {
    const int64_t bytes = t.count() * safetensors_dtype_bytes(t.dtype);
    header[t.name] = {{"dtype", t.dtype}, {"shape", t.shape}, {"data_offsets", {at, at + bytes}}};
    at += bytes;
  }
  std::string text = to_line(header);
  text.resize((text.size() + 7) / 8 * 8, ' ');  // the data begins aligned
  const uint64_t length = text.size();
  file_.write(&length, 8);
  file_.write(text);
  whole_ = file_.size() + at;
}

void SafetensorsWriter::commit() {
  if (file_.size() != whole_) fail(ErrorKind::internal, "a safetensors file was given ", file_.size(), " bytes of ", whole_);
  file_.commit();
}

}  // namespace loam

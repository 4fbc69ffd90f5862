#include "loam/formats/safetensors.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "loam/base/error.h"
#include "loam/base/json.h"

namespace loam {
namespace {

constexpr int64_t kMaxHeader = 100'000'000;  // the format's own limit

TensorInfo read_entry(const std::string& name, const Json& value) try {
  TensorInfo t;
  t.name = name;
  t.dtype = get_string(value, "dtype");
  const int64_t width = safetensors_dtype_bytes(t.dtype);
  require_input(width > 0, "dtype \"", t.dtype, "\" is none of the format's");
  require_input(value.contains("shape") && value["shape"].is_array(), "\"shape\" is missing");
  int64_t bytes = width;
  for (const Json& d : value["shape"]) {
    require_input(d.is_number_integer() && d.get<int64_t>() >= 0, "its shape holds ", to_line(d));
    t.shape.push_back(d.get<int64_t>());
    require_input(!__builtin_mul_overflow(bytes, t.shape.back(), &bytes), "its shape overflows 64 bits");
  }
  require_input(value.contains("data_offsets") && value["data_offsets"].is_array() && value["data_offsets"].size() == 2, "\"data_offsets\" is not a pair");
  for (const Json& o : value["data_offsets"]) require_input(o.is_number_integer() && o.get<int64_t>() >= 0, "an offset is ", to_line(o));
  t.begin = value["data_offsets"][0].get<int64_t>();
  t.end = value["data_offsets"][1].get<int64_t>();
  require_input(t.begin <= t.end && t.end - t.begin == bytes, "its offsets span ", t.end - t.begin, " bytes, its shape wants ", bytes);
  return t;
} catch (Error& e) {
  e.during("tensor ", name);
  throw;
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
  uint64_t length = 0;
  std::memcpy(&length, file_.bytes().data(), 8);
  require_input(length <= kMaxHeader && static_cast<int64_t>(length) <= file_.size() - 8, "its header says ", length, " bytes, the file has ", file_.size());
  const std::string_view header = file_.text().substr(8, length);
  require_input(!header.empty() && header.front() == '{', "its header does not begin with '{'");
  data_begin_ = 8 + static_cast<int64_t>(length);
  // A key that stands twice would be merged silently: names are collected while parsing.
  std::set<std::string> seen;
  std::string twice;
  const auto note_keys = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth == 1 && event == Json::parse_event_t::key && !seen.insert(parsed.get<std::string>()).second) twice = parsed.get<std::string>();
    return depth < 8;
  };
  Json json;
  try {
    json = Json::parse(header, note_keys);
  } catch (const nlohmann::json::exception& e) {
    fail(ErrorKind::input, "its header is not valid JSON: ", e.what());
  }
  require_input(twice.empty(), "its header names ", twice, " twice");
  for (const auto& [name, value] : json.items()) {
    if (name != "__metadata__") tensors_.push_back(read_entry(name, value));
  }
  std::vector<const TensorInfo*> sorted;
  for (const auto& t : tensors_) sorted.push_back(&t);
  std::sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) { return std::pair(a->begin, a->end) < std::pair(b->begin, b->end); });
  int64_t at = 0;
  for (const TensorInfo* t : sorted) {
    require_input(t->begin == at, "tensor ", t->name, " begins at byte ", t->begin, " of the data, the one before it ends at ", at);
    at = t->end;
  }
  require_input(data_begin_ + at == file_.size(), "its tensors take ", at, " bytes, the file holds ", file_.size() - data_begin_, " (cut off, or not whole)");
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

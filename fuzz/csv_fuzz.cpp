// The CSV reader on any bytes, handed over in pieces of any size: Error{input} or records, and the same whatever the pieces.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "loam/base/error.h"
#include "loam/formats/csv.h"

namespace {

std::vector<std::string> read_all(std::string_view text, int64_t step, loam::CsvOptions options) {
  std::vector<std::string> flat;
  try {
    loam::ReadBytes all = loam::read_text(text);
    loam::CsvReader table([&](char* into, int64_t limit) { return all(into, std::min(limit, step)); }, "fuzz", options);
    flat = table.columns();
    std::vector<std::string> fields;
    while (table.next(fields)) {
      flat.insert(flat.end(), fields.begin(), fields.end());
      flat.push_back("<end>");
    }
  } catch (const loam::Error& e) {
    if (e.kind() != loam::ErrorKind::input) std::abort();
    flat.push_back(e.what());
  }
  return flat;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  loam::CsvOptions options;
  options.header = data[0] & 1 ? loam::CsvHeader::none : loam::CsvHeader::first_record;
  options.delimiter = data[0] & 2 ? '\t' : '\0';
  options.field_limit_bytes = 1 << 12;
  options.field_limit_count = 256;
  if (read_all(text, 1 << 16, options) != read_all(text, 1 + data[1] % 7, options)) std::abort();
  return 0;
}

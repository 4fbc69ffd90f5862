// Rows of JSON, JSON lines and tables from any bytes, in pieces of any size, and each form of labelled data read from
// them: Error{input} or rows, and the same rows whatever the pieces.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "loam/base/error.h"
#include "loam/formats/labelled.h"
#include "loam/formats/rows.h"

namespace {

loam::RowReader open(std::string_view text, int64_t step, const std::string& name) {
  loam::ReadBytes all = loam::read_text(text);
  return loam::RowReader([all, step](char* into, int64_t limit) mutable { return all(into, std::min(limit, step)); }, name,
                         {.row_limit_bytes = 1 << 12});
}

template <class F>
std::string told(F f) {
  std::string out;
  try {
    f(out);
  } catch (const loam::Error& e) {
    if (e.kind() != loam::ErrorKind::input) std::abort();
    out += e.what();
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const char* name = data[0] % 4 == 0 ? "t.json" : data[0] % 4 == 1 ? "t.jsonl" : data[0] % 4 == 2 ? "t.csv" : "t";
  auto rows = [&](int64_t step) {
    return told([&](std::string& out) {
      loam::RowReader reader = open(text, step, name);
      loam::Json row;
      while (reader.next(row)) out += loam::to_line(row) + "\n";
      out += reader.first_fault();
    });
  };
  if (rows(1 << 16) != rows(1 + data[1] % 7)) std::abort();
  told([&](std::string&) {
    loam::InstructionReader reader(open(text, 1 << 16, name), name, {});
    while (auto row = reader.next()) {
      if (row->turns.empty() || row->turns.back().role != "assistant") std::abort();
    }
  });
  return 0;
}

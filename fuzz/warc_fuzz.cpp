// Web archives, their gzip members and HTTP bodies, on any bytes: no record past its limit, every byte looked at once.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "loam/base/error.h"
#include "loam/base/spare_work.h"
#include "loam/formats/gzip_members.h"
#include "loam/formats/http.h"
#include "loam/formats/warc.h"

namespace {

/// All members; `early`: as threads that help unpack them. And what was said of them.
std::string unpacked(std::string_view bytes, bool early, loam::GzipDamage damage) {
  loam::SpareWork spare(3);
  loam::GzipMembers in(loam::read_text(bytes), early ? &spare : nullptr, damage);
  std::string out, block(4096, '\0');
  for (int damages = 0;; ++damages) {
    if (damages > 1000) std::abort();
    try {
      while (const int64_t n = in.read(block.data(), static_cast<int64_t>(block.size()))) {
        if (out.size() < (size_t{16} << 20)) out.append(block, 0, static_cast<size_t>(n));
        spare.help();
      }
      break;
    } catch (const loam::Error& e) {
      if (damage == loam::GzipDamage::passed || e.kind() != loam::ErrorKind::input || e.what() != in.damage()) std::abort();
    }
    if (!in.go_on()) break;
  }
  return out + in.damage();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  constexpr int64_t kLimit = 4096;
  for (const loam::GzipDamage damage : {loam::GzipDamage::passed, loam::GzipDamage::thrown}) {
    if (unpacked(bytes, false, damage) != unpacked(bytes, true, damage)) std::abort();
  }
  loam::GzipMembers packed(loam::read_text(bytes));
  for (const bool gzip : {false, true}) {
    loam::WarcReader reader(gzip ? loam::ReadBytes([&](char* to, int64_t n) { return packed.read(to, n); }) : loam::read_text(bytes), kLimit);
    loam::WarcRecord record;
    size_t records = 0;
    while (reader.next(record)) {
      if (record.body.size() > static_cast<size_t>(kLimit)) std::abort();
      if (!gzip && ++records > size) std::abort();
      const loam::HttpAnswer answer = loam::read_http(record.body);
      if (loam::http_body(std::string_view(record.body).substr(static_cast<size_t>(answer.head_bytes)), answer, kLimit).size() > static_cast<size_t>(kLimit)) std::abort();
    }
  }
  return 0;
}

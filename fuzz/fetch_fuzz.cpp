// rooms: fetch
// What servers and lists say to fetch: robots.txt, addresses, names, captures, checksums.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "loam/base/error.h"
#include "loam/stages/fetch/catalogues.h"
#include "loam/stages/fetch/checksum.h"
#include "loam/stages/fetch/file_names.h"
#include "loam/stages/fetch/plan.h"
#include "loam/stages/fetch/robots.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t half = text.find('\n');
  const loam::Robots robots = loam::parse_robots(text, "loam");
  robots.allows(text.substr(0, half));
  robots.delay();
  const std::string name = loam::safe_name(text);
  if (name.empty() || name[0] == '.' || name.find('/') != std::string::npos || name.size() > 220) std::abort();
  const std::string path = loam::safe_path(text);
  if (path.starts_with('/') || path.find("..") == 0 || path.find("/../") != std::string::npos) std::abort();
  const std::string tidy = loam::tidy_address(text);
  if (!tidy.empty() && loam::tidy_address(tidy) != tidy) std::abort();
  loam::name_of_address(text);
  loam::origin_of(text);
  loam::path_of(text);
  if (const auto capture = loam::parse_capture(text)) loam::parse_capture(capture->line());
  try {
    loam::parse_checksum(text);
  } catch (const loam::Error&) {
  }
  try {
    loam::parse_fetch_word(std::string(text));
  } catch (const loam::Error&) {
  }
  return 0;
}

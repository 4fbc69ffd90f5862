// Books: Gutenberg's plain texts, and EPUBs. The first byte chooses.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/formats/epub.h"
#include "loam/formats/gutenberg.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 2 == 0) {
    loam::begins_as_gutenberg(bytes);
    const loam::GutenbergBook book = loam::read_gutenberg(std::string(bytes));
    if (book.text.size() > bytes.size() + 1) std::abort();
    return 0;
  }
  static const std::filesystem::path file = std::filesystem::temp_directory_path() / ("loam_book_fuzz_" + std::to_string(::getpid()));
  loam::write_file(file, bytes);
  try {
    for (const std::string& chapter : loam::read_epub(file, 1 << 20).chapters) loam::epub_matter(chapter);
  } catch (const loam::Error& e) {
    if (e.kind() != loam::ErrorKind::input) std::abort();
  }
  return 0;
}

// safetensors on any bytes: Error, or tensors that lie inside the file.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "loam/base/error.h"
#include "loam/formats/finite.h"
#include "loam/formats/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const int memory = memfd_create("safetensors", 0);
  if (ftruncate(memory, 0) != 0 || pwrite(memory, data, size, 0) != static_cast<ssize_t>(size)) return 0;
  try {
    const loam::SafetensorsFile file("/proc/self/fd/" + std::to_string(memory));
    unsigned sum = 0;
    for (const auto& tensor : file.tensors()) {
      for (const std::byte byte : file.bytes(tensor)) sum += static_cast<unsigned>(byte);
      for (const uint16_t exponent : {uint16_t{0x7c00}, uint16_t{0x7f80}}) {
        const int64_t at = loam::first_not_finite_half(file.bytes(tensor), exponent);
        if (at >= static_cast<int64_t>(file.bytes(tensor).size() / 2)) std::abort();
      }
    }
    if (sum == 1u << 31) std::abort();  // never with inputs this small: the reading is not to be left out
  } catch (const loam::Error& e) {
    if (e.kind() != loam::ErrorKind::input) std::abort();
  }
  return 0;
}

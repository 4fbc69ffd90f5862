// GGUF on any bytes: Error, or a file whose every tensor can be read.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "loam/base/error.h"
#include "loam/formats/gguf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const int memory = memfd_create("gguf", 0);
  if (ftruncate(memory, 0) != 0 || pwrite(memory, data, size, 0) != static_cast<ssize_t>(size)) return 0;
  try {
    const loam::GgufFile file("/proc/self/fd/" + std::to_string(memory));
    for (const auto& tensor : file.tensors()) {
      std::vector<float> values(static_cast<size_t>(tensor.count()));
      try {
        loam::to_floats(tensor.type, file.bytes(tensor), values);
      } catch (const loam::Error& e) {
        if (e.kind() != loam::ErrorKind::input) std::abort();
      }
    }
  } catch (const loam::Error& e) {
    if (e.kind() != loam::ErrorKind::input) std::abort();
  }
  return 0;
}

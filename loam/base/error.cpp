#include "loam/base/error.h"

namespace loam {

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage: return 2;
    case ErrorKind::input: return 3;
    case ErrorKind::io: return 4;
    case ErrorKind::resource: return 5;
    case ErrorKind::device: return 6;
    case ErrorKind::internal: return 70;
    case ErrorKind::interrupted: return 130;
  }
  return 70;
}

const char* kind_name(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage: return "usage";
    case ErrorKind::input: return "input";
    case ErrorKind::io: return "io";
    case ErrorKind::resource: return "resource";
    case ErrorKind::device: return "device";
    case ErrorKind::internal: return "internal";
    case ErrorKind::interrupted: return "interrupted";
  }
  return "internal";
}

void assertion_failed(const char* condition, const char* file, int line) {
  fail(ErrorKind::internal, "assertion ", condition, " does not hold at ", file, ":", line);
}

}  // namespace loam

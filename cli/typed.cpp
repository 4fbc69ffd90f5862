#include "cli/typed.h"

#include <cerrno>
#include <utility>

namespace loam {

std::string as_typed(std::string command, const std::string& program) {
  if (program.find('/') == std::string::npos || program.find(' ') != std::string::npos) return command;
  for (size_t at = 0; (at = command.find("loam ", at)) != std::string::npos;) {
    const bool begins = at == 0 || (at >= 2 && command.compare(at - 2, 2, "| ") == 0);
    if (begins) command.replace(at, 4, program);
    at += begins ? program.size() : 4;
  }
  return command;
}

std::string as_typed(std::string command) { return as_typed(std::move(command), program_invocation_name); }

}  // namespace loam

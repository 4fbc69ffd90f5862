// Hints as the user would type them: a program started as build/release/loam is not found as "loam".
#pragma once

#include <string>

namespace loam {

/// "loam" at the start of a command, or after a pipe, as `program`, where that names a folder; else as it stands.
std::string as_typed(std::string command, const std::string& program);
/// The same with the name this program was started by.
std::string as_typed(std::string command);

}  // namespace loam

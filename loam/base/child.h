// Work in a process of its own: what it took and left in memory goes with it, and its crash is a message, not the caller's.
//
//   const std::string said = in_child("training", [&] { return to_line(train()); });
#pragma once

#include <functional>
#include <string>

namespace loam {

/// Forks, runs `work` in the child, and returns the text it returned. Signals that ask the caller to stop (SIGINT, SIGTERM,
/// SIGUSR1) or to pause (SIGTSTP) go to the child meanwhile; if the caller dies, so does the child. The caller's team of
/// threads is sent home first: no other thread of it may run. An Error of the child is thrown here with its kind and text.
/// Throws Error{resource} naming `what` if no process could be made or a signal ended it (SIGKILL: most often the system, for want
/// of memory).
std::string in_child(const std::string& what, const std::function<std::string()>& work);

}  // namespace loam

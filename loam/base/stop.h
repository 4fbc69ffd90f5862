// Ctrl-C and SIGTERM: long work asks now and then, saves its state and leaves with exit code 130.
//
//   install_stop_signals();                       // cli/main.cpp, once
//   if (stop_requested()) { save(); fail_interrupted("saved at step ", step); }
#pragma once

#include "loam/base/error.h"

namespace loam {

/// SIGINT and SIGTERM set the flag; a third one ends the process at once. SIGUSR1 asks long training to come to a good
/// end soon (wrap_up_requested).
void install_stop_signals();
bool stop_requested();

/// "End well, and soon": asked for by SIGUSR1, or, while interrupt_wraps_up(true) holds, by the first Ctrl-C, which then
/// does not set the stop flag (the second one does).
bool wrap_up_requested();
void interrupt_wraps_up(bool on);
void request_wrap_up(bool on = true);
/// From here on these signals, and SIGTSTP and SIGCONT, are for the process `child`, in a process group of its own; 0: for this
/// one again (child.h).
void forward_stop_signals(int child);
/// Sets or clears the flag, for tests and for callers that handled it.
void request_stop(bool on = true);

template <class... Parts>
[[noreturn]] void fail_interrupted(const Parts&... parts) {
  fail(ErrorKind::interrupted, parts...);
}

/// Throws Error{interrupted} if a stop was asked for; `state` says what stands, such as "nothing was written".
inline void stop_if_requested(const char* state) {
  if (stop_requested()) fail_interrupted("stopped on request; ", state);
}

}  // namespace loam

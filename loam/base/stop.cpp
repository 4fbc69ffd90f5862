#include "loam/base/stop.h"

#include <csignal>
#include <unistd.h>

namespace loam {
namespace {

volatile std::sig_atomic_t requests = 0, wrap_up = 0, interrupt_is_soft = 0;

void on_signal(int number) {
  if (number == SIGINT && interrupt_is_soft != 0 && wrap_up == 0) {
    wrap_up = 1;
    return;
  }
  requests = requests + 1;
  if (requests >= 3) ::_exit(130);
}

void on_wrap_up(int) { wrap_up = 1; }

}  // namespace

void install_stop_signals() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  action.sa_handler = on_wrap_up;
  ::sigaction(SIGUSR1, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

bool stop_requested() { return requests > 0; }
void request_stop(bool on) { requests = on ? 1 : 0; }
bool wrap_up_requested() { return wrap_up != 0; }
void interrupt_wraps_up(bool on) { interrupt_is_soft = on ? 1 : 0; }
void request_wrap_up(bool on) { wrap_up = on ? 1 : 0; }

}  // namespace loam

#include "loam/base/stop.h"

#include <csignal>
#include <unistd.h>

namespace loam {
namespace {

volatile std::sig_atomic_t requests = 0;

void on_signal(int) {
  requests = requests + 1;
  if (requests >= 3) ::_exit(130);
}

}  // namespace

void install_stop_signals() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

bool stop_requested() { return requests > 0; }
void request_stop(bool on) { requests = on ? 1 : 0; }

}  // namespace loam

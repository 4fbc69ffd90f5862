#include "loam/base/stop.h"

#include <csignal>
#include <unistd.h>

namespace loam {
namespace {

volatile std::sig_atomic_t requests = 0, wrap_up = 0, interrupt_is_soft = 0;
volatile std::sig_atomic_t working_child = 0;  // a process id: signals are for it, if there is one

bool child_took(int number) {
  if (working_child == 0) return false;
  ::kill(working_child, number);
  return true;
}

void on_signal(int number) {
  if (child_took(number)) return;
  if (number == SIGINT && interrupt_is_soft != 0 && wrap_up == 0) {
    wrap_up = 1;
    return;
  }
  requests = requests + 1;
  if (requests >= 3) ::_exit(130);
}

void on_wrap_up(int number) {
  if (!child_took(number)) wrap_up = 1;
}

void on_pause(int) {
  ::kill(working_child, SIGSTOP);
  ::raise(SIGSTOP);
}

void on_go_on(int) { ::kill(working_child, SIGCONT); }

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

void forward_stop_signals(int child) {
  working_child = child;
  struct sigaction action = {};
  action.sa_handler = child != 0 ? on_pause : SIG_DFL;
  ::sigaction(SIGTSTP, &action, nullptr);
  action.sa_handler = child != 0 ? on_go_on : SIG_DFL;
  ::sigaction(SIGCONT, &action, nullptr);
}

bool stop_requested() { return requests > 0; }
void request_stop(bool on) { requests = on ? 1 : 0; }
bool wrap_up_requested() { return wrap_up != 0; }
void interrupt_wraps_up(bool on) { interrupt_is_soft = on ? 1 : 0; }
void request_wrap_up(bool on) { wrap_up = on ? 1 : 0; }

}  // namespace loam

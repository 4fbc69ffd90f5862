#include "loam/base/child.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <new>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/stop.h"
#include "loam/base/threads.h"

namespace loam {
namespace {

constexpr char kReturned = 'r', kThrown = 'e';  // the first byte of what a child says; after kThrown, the kind

std::string read_all(int from) {
  std::string out;
  std::array<char, 4096> block;
  for (;;) {
    const ssize_t n = ::read(from, block.data(), block.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return out;
    out.append(block.data(), static_cast<size_t>(n));
  }
}

std::string thrown(ErrorKind kind, const char* message) { return std::string{kThrown, static_cast<char>('0' + static_cast<int>(kind))} + message; }

[[noreturn]] void be_child(int to, const std::function<std::string()>& work) {
  std::string said;
  try {
    said = kReturned + work();
  } catch (const Error& e) {
    said = thrown(e.kind(), e.what());
  } catch (const std::bad_alloc&) {
    said = thrown(ErrorKind::resource, "out of memory");
  } catch (const std::exception& e) {
    said = thrown(ErrorKind::internal, e.what());
  }
  std::cout.flush();
  std::fflush(nullptr);
  // What the caller has open, and its exit handlers, are the caller's.
  try {
    write_all(to, said, "the pipe to the caller");
  } catch (const Error&) {
    ::_exit(1);
  }
  ::_exit(0);
}

}  // namespace

std::string in_child(const std::string& what, const std::function<std::string()>& work) {
  set_threads(threads());  // a fork copies the calling thread alone
  std::cout.flush();
  std::fflush(nullptr);
  std::array<int, 2> ends;
  if (::pipe(ends.data()) != 0) fail(ErrorKind::resource, "no pipe for ", what, ": ", std::strerror(errno));
  const pid_t parent = ::getpid();
  // Held back until it is settled whose they are.
  sigset_t ours, before;
  sigemptyset(&ours);
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) sigaddset(&ours, signal);
  ::sigprocmask(SIG_BLOCK, &ours, &before);
  const pid_t child = ::fork();
  if (child < 0) {
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    ::close(ends[0]);
    ::close(ends[1]);
    fail(ErrorKind::resource, "no process for ", what, ": ", std::strerror(errno));
  }
  if (child == 0) {
    ::close(ends[0]);
    ::setpgid(0, 0);  // a terminal's Ctrl-C comes once, from the caller
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);  // it died before that call
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    be_child(ends[1], work);
  }
  ::close(ends[1]);
  forward_stop_signals(child);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  const std::string said = read_all(ends[0]);
  ::close(ends[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  forward_stop_signals(0);
  if (!said.empty() && said[0] == kReturned) return said.substr(1);
  if (said.size() >= 2 && said[0] == kThrown) throw Error(static_cast<ErrorKind>(said[1] - '0'), said.substr(2));
  if (WIFEXITED(status) && WEXITSTATUS(status) == exit_code(ErrorKind::interrupted)) fail_interrupted(what, " was stopped at once");
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    if (signal == SIGKILL) fail(ErrorKind::resource, what, " was killed (SIGKILL); most often the system does so when memory runs out");
    fail(ErrorKind::internal, what, " ended by signal ", signal, " (", ::strsignal(signal), ")");
  }
  fail(ErrorKind::internal, what, " ended without a word");
}

}  // namespace loam

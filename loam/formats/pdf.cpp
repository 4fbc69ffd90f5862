#include "loam/formats/pdf.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "loam/base/error.h"
#include "loam/base/files.h"

namespace loam {
namespace {

constexpr size_t kLongPdfLine = 40;      // shorter lines are headings, verses, cells: they stay apart
constexpr size_t kSaidBytes = 200;    // of what pdftotext complained

struct PdfPipe {
  int number = -1;
  ~PdfPipe() { close(); }
  void close() {
    if (number >= 0) ::close(std::exchange(number, -1));
  }
};

void limit_to(int what, int64_t value) {
  const rlimit both = {static_cast<rlim_t>(value), static_cast<rlim_t>(value)};
  ::setrlimit(static_cast<__rlimit_resource>(what), &both);
}

/// The child, between fork and exec: only what is safe there.
[[noreturn]] void become_pdftotext(const char* program, int pdf, int text, int said, pid_t parent, const PdfLimits& limits) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(126);
  if (::dup2(pdf, 0) < 0 || ::dup2(text, 1) < 0 || ::dup2(said, 2) < 0) ::_exit(126);
  limit_to(RLIMIT_CPU, limits.cpu_seconds);
  limit_to(RLIMIT_AS, limits.memory_bytes);
  limit_to(RLIMIT_FSIZE, 0);   // it has no business writing files
  limit_to(RLIMIT_CORE, 0);
  limit_to(RLIMIT_NPROC, 0);   // nor starting programs
  char name[] = "pdftotext", quiet[] = "-nopgbrk", encoding[] = "-enc", utf8[] = "UTF-8", ends[] = "-eol", unix_ends[] = "unix", in[] = "/dev/stdin", out[] = "-";
  char* const words[] = {name, quiet, encoding, utf8, ends, unix_ends, in, out, nullptr};
  char path[] = "PATH=/usr/bin:/bin", locale[] = "LC_ALL=C.UTF-8";
  char* const environment[] = {path, locale, nullptr};
  ::execve(program, words, environment);
  ::_exit(127);
}

void pipe_of(PdfPipe& from, PdfPipe& to) {
  std::array<int, 2> ends;
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail(ErrorKind::resource, "no pipe for pdftotext: ", std::strerror(errno));
  from.number = ends[0];
  to.number = ends[1];
}

bool is_pdf_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\f'; }

}  // namespace

bool begins_as_pdf(std::string_view head) { return head.substr(0, 1024).find("%PDF-") != std::string_view::npos; }

const std::string& pdf_program() {
  static const std::string found = [] {
    const char* path = std::getenv("PATH");
    std::string_view rest = path == nullptr ? "/usr/bin:/bin" : path;
    while (!rest.empty()) {
      const size_t end = std::min(rest.find(':'), rest.size());
      const std::string file = std::string(rest.substr(0, end)) + "/pdftotext";
      if (file[0] == '/' && ::access(file.c_str(), X_OK) == 0) return file;
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return std::string();
  }();
  return found;
}

std::string pdf_text(std::string_view pdf, const PdfLimits& limits) {
  require_input(!pdf_program().empty(), "pdftotext is not installed (package poppler-utils)");
  PdfPipe file{::memfd_create("pdf", MFD_CLOEXEC)};
  if (file.number < 0) fail(ErrorKind::resource, "no memory file for a PDF: ", std::strerror(errno));
  write_all(file.number, pdf, "a PDF in memory");
  ::lseek(file.number, 0, SEEK_SET);
  PdfPipe text, text_end, said, said_end;
  pipe_of(text, text_end);
  pipe_of(said, said_end);
  const char* program = pdf_program().c_str();
  const pid_t parent = ::getpid(), child = ::fork();
  if (child < 0) fail(ErrorKind::resource, "no process for pdftotext: ", std::strerror(errno));
  if (child == 0) become_pdftotext(program, file.number, text_end.number, said_end.number, parent, limits);
  text_end.close();
  said_end.close();
  std::string out, complaint, over;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(limits.wall_seconds);
  std::array<char, 64 << 10> block;
  std::array<pollfd, 2> ends = {pollfd{text.number, POLLIN, 0}, pollfd{said.number, POLLIN, 0}};
  while (ends[0].fd >= 0 || ends[1].fd >= 0) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
    if (left <= 0) over = cat("pdftotext took longer than ", limits.wall_seconds, " seconds");
    if (static_cast<int64_t>(out.size()) > limits.text_bytes) over = cat("its text is longer than ", limits.text_bytes, " bytes");
    if (!over.empty()) break;
    if (::poll(ends.data(), ends.size(), static_cast<int>(std::min<int64_t>(left, 1000))) < 0 && errno != EINTR) break;
    for (pollfd& end : ends) {
      if (end.fd < 0 || end.revents == 0) continue;
      const ssize_t n = ::read(end.fd, block.data(), block.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) {
        end.fd = -1;
      } else if (end.fd == text.number) {
        out.append(block.data(), static_cast<size_t>(n));
      } else if (complaint.size() < kSaidBytes) {
        complaint.append(block.data(), std::min(static_cast<size_t>(n), kSaidBytes - complaint.size()));
      }
    }
  }
  if (!over.empty()) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  require_input(over.empty(), over);
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    if (signal == SIGXCPU || signal == SIGKILL) fail(ErrorKind::input, "pdftotext took longer than ", limits.cpu_seconds, " seconds of processor time");
    fail(ErrorKind::input, "pdftotext ended by signal ", signal, " (", ::strsignal(signal), ")");
  }
  const int code = WEXITSTATUS(status);
  if (code != 0 && out.find_first_not_of(" \n\t\f") == std::string::npos) {
    fail(ErrorKind::input, code == 127 ? "pdftotext cannot be started" : "pdftotext cannot read it", complaint.empty() ? "" : ": " + complaint.substr(0, complaint.find('\n')));
  }
  return reflowed(out);
}

std::string reflowed(std::string_view lines) {
  std::string out;
  bool joins = false;  // the line before was long enough to go on in the next
  while (!lines.empty()) {
    const size_t end = std::min(lines.find('\n'), lines.size());
    std::string_view line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 1, lines.size()));
    while (!line.empty() && is_pdf_space(line.front())) line.remove_prefix(1);
    while (!line.empty() && is_pdf_space(line.back())) line.remove_suffix(1);
    if (line.empty()) {
      joins = false;
      if (!out.empty() && !out.ends_with("\n\n")) out += out.ends_with('\n') ? "\n" : "\n\n";
      continue;
    }
    const auto lower = [](char c) { return c >= 'a' && c <= 'z'; };
    const bool item = line.starts_with("- ") || line.starts_with("* ") || line.starts_with("\xE2\x80\xA2");
    if (joins && !item) {
      if (out.size() > 1 && out.back() == '-' && lower(out[out.size() - 2]) && lower(line.front())) {
        out.pop_back();  // a divided word
      } else {
        out += ' ';
      }
    } else if (!out.empty() && !out.ends_with('\n')) {
      out += '\n';
    }
    out += line;
    joins = line.size() >= kLongPdfLine;
  }
  while (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

}  // namespace loam

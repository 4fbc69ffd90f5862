#include "loam/base/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace loam {

TerminalProgress::TerminalProgress(bool quiet)
    : quiet_(quiet), terminal_(::isatty(STDERR_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr), began_(std::chrono::steady_clock::now()) {}

TerminalProgress::~TerminalProgress() { clear_line(); }

void TerminalProgress::clear_line() {
  if (line_open_) std::fputs("\r\033[K", stderr);
  line_open_ = false;
}

void TerminalProgress::note(std::string_view line) {
  if (quiet_) return;
  clear_line();
  fmt::print(stderr, "{}\n", line);
}

void TerminalProgress::warn(std::string_view line) {
  clear_line();
  fmt::print(stderr, "loam: note: {}\n", line);
}

bool TerminalProgress::due() {
  const auto now = std::chrono::steady_clock::now();
  const auto gap = terminal_ ? std::chrono::milliseconds(120) : std::chrono::milliseconds(10000);
  if (last_.time_since_epoch().count() == 0) last_ = terminal_ ? now - gap : now;  // plain output: nothing in the first seconds
  if (now - last_ < gap) return false;
  last_ = now;
  return true;
}

void TerminalProgress::status(std::string_view line) {
  if (quiet_ || !due()) return;
  if (terminal_) {
    fmt::print(stderr, "\r\033[K{}", line);
    line_open_ = true;
  } else {
    fmt::print(stderr, "{}\n", line);
  }
}

void TerminalProgress::update(int64_t done, int64_t total, std::string_view what) {
  if (quiet_) return;
  const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  if (total > 0) {
    const double share = static_cast<double>(done) / static_cast<double>(total);
    const auto filled = static_cast<size_t>(share * 24.0);
    status(fmt::format("[{:<24}] {:3.0f} %  {} of {} {}  {}", std::string(filled < 24 ? filled : 24, '#'), 100.0 * share,
                       with_commas(done), with_commas(total), what, human_time(elapsed)));
  } else {
    status(fmt::format("{} {}  {}", with_commas(done), what, human_time(elapsed)));
  }
}

double seconds_now() {
  static const auto start = std::chrono::steady_clock::now();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::string with_commas(int64_t n) {
  std::string digits = std::to_string(n < 0 ? -n : n);
  for (auto at = static_cast<int64_t>(digits.size()) - 3; at > 0; at -= 3) digits.insert(static_cast<size_t>(at), 1, ',');
  if (n < 0) digits.insert(digits.begin(), '-');
  return digits;
}

namespace {

std::string scaled(double value, std::initializer_list<const char*> units) {
  auto unit = units.begin();
  while (value >= 999.5 && unit + 1 != units.end()) {
    value /= 1000.0;
    ++unit;
  }
  return unit == units.begin() ? fmt::format("{:.0f}{}", value, *unit) : fmt::format("{:.{}f}{}", value, value < 99.95 ? 1 : 0, *unit);
}

}  // namespace

std::string human_bytes(double bytes) { return scaled(bytes, {" B", " kB", " MB", " GB", " TB", " PB"}); }
std::string human_count(double count) { return scaled(count, {"", "k", "M", "B", "T"}); }

std::string human_time(double seconds) {
  const auto s = static_cast<int64_t>(seconds + 0.5);
  if (seconds < 9.95) return fmt::format("{:.1f}s", seconds);
  if (s < 60) return fmt::format("{}s", s);
  if (s < 3600) return fmt::format("{}m{:02}s", s / 60, s % 60);
  if (s < 48 * 3600) return fmt::format("{}h{:02}m", s / 3600, s / 60 % 60);
  return fmt::format("{}d{:02}h", s / 86400, s / 3600 % 24);
}

}  // namespace loam

// What long work says while it runs. Work hands over facts; the caller chose who shows them.
//
//   progress.note("12,408 documents from 3 sources");
//   progress.update(done, total, "documents");   // cheap; shown a few times a second
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace loam {

/// The receiver of progress; this base class shows nothing.
class Progress {
 public:
  virtual ~Progress() = default;
  /// A lasting line.
  virtual void note(std::string_view /*line*/) {}
  /// A lasting line about something that is not as it should be; shown even with --quiet.
  virtual void warn(std::string_view /*line*/) {}
  /// Where the work stands; total 0: unknown. Overwritten by the next one.
  virtual void update(int64_t /*done*/, int64_t /*total*/, std::string_view /*what*/) {}
  /// A transient line of the caller's own making (training steps).
  virtual void status(std::string_view /*line*/) {}
  /// Somebody is watching: a terminal.
  virtual bool live() const { return false; }
};

/// To stderr: a live line on a terminal, a plain line every few seconds otherwise.
class TerminalProgress : public Progress {
 public:
  explicit TerminalProgress(bool quiet);
  ~TerminalProgress() override;
  void note(std::string_view line) override;
  void warn(std::string_view line) override;
  void update(int64_t done, int64_t total, std::string_view what) override;
  void status(std::string_view line) override;
  bool live() const override { return terminal_; }

 private:
  bool due();
  void clear_line();
  bool quiet_, terminal_, line_open_ = false;
  std::chrono::steady_clock::time_point last_{}, began_;
};

/// Seconds since the program began its work, from a steady clock.
double seconds_now();

std::string with_commas(int64_t n);        ///< 12,408
std::string human_bytes(double bytes);     ///< 1.5 GB (powers of 1000)
std::string human_count(double count);     ///< 12.4k, 3.1M
std::string human_time(double seconds);    ///< 42s, 3m05s, 2h10m

}  // namespace loam

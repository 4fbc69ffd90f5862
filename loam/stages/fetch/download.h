// One file over HTTP, whole or not at all: begun transfers go on where they stopped, and what came is checked.
//
//   Downloader downloader(settings, gate);
//   downloader.fetch(item, out / "part-0", out / "books" / "11.txt");
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "loam/stages/fetch/checksum.h"
#include "loam/stages/fetch/client.h"

namespace loam {

/// A file of the plan.
struct FetchItem {
  std::string source;                    ///< name of the source it belongs to
  std::string file;                      ///< where it goes, below the source's folder
  std::vector<std::string> addresses;    ///< tried in order where one is not found (404, 410)
  int64_t bytes = -1;                    ///< -1: not known
  Checksum checksum;
  bool hub = false;                      ///< the first address is the model hub's: its token goes along
};

/// What keeps a file from being had, as a value: other files may still come.
struct FetchTrouble {
  bool network = false;   ///< may go well another time
  std::string text;       ///< with the address
};

struct Patience {
  int64_t retries = 8;             ///< in a row, without so much as a MiB between
  double first_wait = 1;           ///< seconds before the first retry; doubled each time, to 60
  double longest_wait = 300;       ///< what a server may ask for with Retry-After
};

/// Seconds before retry number `attempt` (from 0): first_wait doubled each time up to 60, times 0.5 to 1 by `key`, so that
/// several do not come at once.
double back_off(const Patience& patience, int64_t attempt, uint64_t key);

/// What small answers are read with: all of a body in memory, retries included.
struct SmallAnswer {
  long status = 0;
  std::string body, link, trouble;   ///< link: the Link header
  std::string address;               ///< where it was in the end
};

class Downloader {
 public:
  Downloader(const ClientSettings& client, const Patience& patience, HostGate& gate);

  /// Makes `file` whole. `part` grows meanwhile and stays where this is interrupted or fails; "<part>.json" beside it says
  /// what it is a part of. `admit` hears the size (-1: not known) before the first byte and may refuse: then the trouble is
  /// "". Progress: `came(bytes)`. Returns none when done.
  /// Throws Error{io} if it cannot be written, Error{interrupted}.
  std::optional<FetchTrouble> fetch(const FetchItem& item, const std::filesystem::path& part, const std::filesystem::path& file, const std::function<bool(int64_t)>& admit, const std::function<void(int64_t)>& came);

  /// A body of at most `limit` bytes; redirects followed. Troubles and statuses that stay after the retries are told, not
  /// thrown. `delay`: seconds between requests to that host; `public_only` as of Question.
  SmallAnswer read(const std::string& url, int64_t limit, const std::vector<std::string>& headers = {}, double delay = 0, bool public_only = false);

  Client& client() { return client_; }
  HostGate& gate() { return gate_; }
  const Patience& patience() const { return patience_; }

 private:
  struct Part;
  enum class Turn { done, again, later, next_address, failed };
  Turn attempt(const FetchItem& item, const std::string& address, Part& part, const std::function<bool(int64_t)>& admit, const std::function<void(int64_t)>& came, Answer& last, std::string& trouble);
  Client client_;
  Patience patience_;
  HostGate& gate_;
};

}  // namespace loam

// dictd dictionaries: entries one after the other in NAME.dict (often packed, .dict.dz), their places in NAME.index.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "loam/formats/lines.h"

namespace loam {

struct DictPlace {
  std::string headword;
  int64_t offset = 0, bytes = 0;
};

/// The places an index names, by offset, each once (several headwords may share an entry: the first is kept), without
/// the entries about the dictionary itself (00-database-...). Lines that are no index lines are skipped.
std::vector<DictPlace> read_dict_index(std::string_view text);

struct DictEntry {
  std::string headword, text;
};

/// Entries in order. With an index, exactly those it names; without one, an entry begins at each line that is not
/// indented. Entries that overlap one given before, and those over the limit, are left out. Holds one entry.
class DictReader {
 public:
  DictReader(ReadBytes source, std::vector<DictPlace> index, int64_t limit_bytes);
  bool next(DictEntry& entry);

 private:
  bool next_line_entry(DictEntry& entry);
  ReadBytes source_;
  std::vector<DictPlace> index_;
  size_t at_ = 0;
  int64_t offset_ = 0, limit_;
  LineReader lines_;
  std::string held_;
};

}  // namespace loam

#include "loam/stages/collect/near_pass.h"

#include <charconv>
#include <optional>

#include "loam/artifacts/corpus.h"
#include "loam/base/error.h"
#include "loam/base/stop.h"
#include "loam/formats/lines.h"
#include "loam/formats/utf8.h"
#include "loam/formats/zstd.h"

namespace loam {
namespace {

constexpr int64_t kLongestRow = int64_t{2} << 30;

}  // namespace

void each_row(const fs::path& file, const std::function<void(std::string_view)>& take) {
  ZstdFileReader in(file);
  LineReader lines([&in](char* to, int64_t room) { return in.read(to, room); }, kLongestRow);
  std::string_view line;
  while (lines.next(line)) take(line);
}

std::string renumbered_row(std::string_view row, const std::function<Json(int64_t)>& number_of) {
  // Quotes inside strings are escaped: these are found only where they are meant.
  for (const std::string_view mark : {std::string_view(",\"reason\":\"duplicate\",\"value\":"), std::string_view(",\"reason\":\"near_duplicate\",\"value\":")}) {
    const size_t at = row.find(mark);
    if (at == std::string_view::npos) continue;
    int64_t number = -1;
    const char* const digits = row.data() + at + mark.size();
    const auto [stop, code] = std::from_chars(digits, row.data() + row.size(), number);
    if (code != std::errc() || number < 0) break;  // null: the other is in another corpus
    return cat(row.substr(0, at + mark.size()), to_line(number_of(number)), row.substr(static_cast<size_t>(stop - row.data())));
  }
  return std::string(row);
}

void write_without_near(const fs::path& from, const fs::path& to, const std::vector<std::string>& names, const NearClusters& clusters, const fs::path& scratch,
                        const std::function<void(const NearDrop&)>& dropped, Progress& progress) {
  // Where each document that stays will stand.
  NumberTable numbers(scratch / "numbers.table", clusters.documents());
  uint32_t count = 0;
  for (int64_t d = 0; d < clusters.documents(); ++d) {
    numbers[d] = count;
    count += clusters.first_of(d) == d;
  }
  auto number_of = [&](int64_t document) {
    const uint32_t first = clusters.first_of(document);
    return first == kElsewhere ? Json() : Json(numbers[first]);
  };
  const size_t parts = names.size() / 2;
  int64_t document = 0;
  for (size_t part = 0; part < parts; ++part) {
    stop_if_requested("the same command goes on from there");
    const std::string &kept_name = names[part], &ledger_name = names[parts + part];
    // A part that an earlier run finished is the same; what was dropped of it is counted again.
    std::optional<ZstdFileWriter> kept, ledger;
    if (!fs::exists(to / kept_name)) kept.emplace(to / kept_name);
    if (!fs::exists(to / ledger_name)) ledger.emplace(to / ledger_name);
    each_row(from / kept_name, [&](std::string_view row) {
      const int64_t number = document++;
      const uint32_t first = clusters.first_of(number);
      if (first == number) {
        if (kept) kept->write(row);
        return;
      }
      const Json d = parse_json(row, (from / kept_name).string());
      const std::string text = get_string(d, "text");
      dropped({get_string(d, "source"), d.at("metadata").value("file", std::string()), d.at("metadata"), static_cast<int64_t>(text.size()), count_code_points(text)});
      if (ledger) ledger->write(dropped_row({get_string(d, "id"), get_string(d, "source"), get_string(d, "url", ""), "near_duplicate", number_of(number), nullptr, text, get_string(d, "created", ""), d.at("metadata")}));
    });
    if (kept) kept->commit();
    each_row(from / ledger_name, [&](std::string_view row) {
      if (ledger) ledger->write(renumbered_row(row, number_of));
    });
    if (ledger) ledger->commit();
    progress.update(static_cast<int64_t>(part) + 1, static_cast<int64_t>(parts), "parts");
  }
}

}  // namespace loam

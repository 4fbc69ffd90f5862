// Which rows of a data set count, how much of a text, and the names of the tasks.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "loam/base/error.h"
#include "loam/base/random.h"
#include "loam/stages/evaluate/tasks.h"

namespace loam {

const std::vector<std::string>& task_names() {
  static const std::vector<std::string> kNames = {"bits_per_byte", "classify", "answers", "translation", "sentiment", "summary"};
  return kNames;
}

std::string shortened(const Tokenizer& tokenizer, const std::string& text, int64_t limit) {
  std::vector<int32_t> ids = tokenizer.encode(text);
  if (static_cast<int64_t>(ids.size()) <= limit) return text;
  ids.resize(static_cast<size_t>(limit));
  return tokenizer.decode(ids);
}

std::vector<int32_t> rows_to_score(const Subject& subject, const std::vector<uint64_t>& keys, const TaskOptions& options, int64_t limit, const std::string& what, Progress& progress) {
  std::vector<int32_t> rows;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (options.all_rows || !subject.seen.contains(keys[i])) rows.push_back(static_cast<int32_t>(i));
  }
  const auto seen = static_cast<int64_t>(keys.size() - rows.size());
  if (seen > 0) progress.note(fmt::format("{}: {} of {} rows were seen while {} was tuned; the other {} count", what, with_commas(seen), with_commas(static_cast<int64_t>(keys.size())),
                                          subject.folder.filename().string(), with_commas(static_cast<int64_t>(rows.size()))));
  require_input(!rows.empty(), what, ": ", keys.empty() ? "there are no rows" : cat("all ", keys.size(), " rows were seen while ", subject.folder, " was tuned; give others, or --all-rows to score it on what it knows"));
  if (limit > 0 && static_cast<int64_t>(rows.size()) > limit) {
    Random random(options.seed, "evaluate.rows");
    random.shuffle(std::span(rows));
    rows.resize(static_cast<size_t>(limit));
    std::sort(rows.begin(), rows.end());
  }
  return rows;
}

}  // namespace loam

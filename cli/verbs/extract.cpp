// loam extract: the main text of files.
#include <fmt/format.h>

#include <iostream>

#include "cli/verbs.h"
#include "loam/base/files.h"
#include "loam/base/stop.h"
#include "loam/base/threads.h"
#include "loam/stages/collect/extract.h"

namespace loam {
namespace {

struct FileText {
  std::string path, text, title, date, language, url, format, error;
};

struct ExtractFlags {
  ReaderConfig reader;
  ExtractConfig extract;
};

/// All documents of a file as one text.
FileText text_of(const std::string& path, const ExtractFlags& flags) {
  FileText out;
  out.path = path;
  RecordReader reader(path, path, /*named=*/true, flags.reader);
  RawRecord record;
  while (reader.next(record)) {
    Extracted made = extract_record(record, flags.extract);
    if (out.format.empty()) out.format = kind_label(record.kind);
    if (!made.reason.empty()) {
      if (out.error.empty() && made.reason != "empty") out.error = made.reason + (made.value.is_null() ? "" : ": " + (made.value.is_string() ? made.value.get<std::string>() : to_line(made.value)));
      continue;
    }
    if (!out.text.empty()) out.text += "\n\n";
    out.text += made.document.text;
    auto take = [](std::string& to, const std::string& value) {
      if (to.empty()) to = value;
    };
    take(out.title, made.title);
    take(out.date, made.document.created);
    take(out.language, made.language);
    take(out.url, made.document.url);
  }
  return out;
}

Json as_json(const FileText& file) {
  Json json = {{"text", file.text}, {"title", file.title}, {"date", file.date}, {"language", file.language}, {"url", file.url}, {"path", file.path}, {"format", file.format}};
  if (!file.error.empty()) json["error"] = file.error;
  return json;
}

std::vector<std::string> paths_in(const std::string& list) {
  std::vector<std::string> paths;
  const std::string text = read_file(list);
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) paths.push_back(std::move(line));
    at = end + 1;
  }
  return paths;
}

Report extract(const std::vector<std::string>& files, const std::string& list, const ExtractFlags& flags, bool json, Progress& progress) {
  std::vector<std::string> paths = files;
  const bool listed = !list.empty();
  if (listed) {
    const auto more = paths_in(list);
    paths.insert(paths.end(), more.begin(), more.end());
  }
  require(!paths.empty(), "no files were named; wanted FILE... or --list FILE");
  const bool lines = listed || (json && paths.size() > 1);
  int64_t bytes = 0, failed = 0;
  std::string first_error;
  Json last;
  constexpr size_t kRound = 64;  // files at a time, so that texts do not pile up
  for (size_t begin = 0; begin < paths.size(); begin += kRound) {
    stop_if_requested("what was printed stands");
    const size_t end = std::min(paths.size(), begin + kRound);
    std::vector<FileText> texts(end - begin);
    parallel_for(static_cast<int64_t>(texts.size()), [&](int64_t i) { texts[static_cast<size_t>(i)] = text_of(paths[begin + static_cast<size_t>(i)], flags); });
    for (const FileText& file : texts) {
      bytes += static_cast<int64_t>(file.text.size());
      if (!file.error.empty() && file.text.empty()) {
        ++failed;
        if (first_error.empty()) first_error = file.path + ": " + file.error;
      }
      if (!file.error.empty()) progress.warn(file.path + ": " + file.error);
      if (lines) {
        std::cout << to_line(as_json(file)) << "\n";
      } else if (json) {
        last = as_json(file);
      } else {
        std::cout << file.text;
        if (!file.text.empty() && !file.text.ends_with('\n')) std::cout << "\n";
      }
    }
    if (!std::cout) fail(ErrorKind::io, "cannot write to standard output");
  }
  std::cout.flush();
  if (failed == static_cast<int64_t>(paths.size())) fail(ErrorKind::input, "nothing could be read: ", first_error);
  if (!lines && json) return report(std::move(last));
  return report({{"files", paths.size()}, {"failed", failed}, {"bytes", bytes}});
}

}  // namespace

void add_extract(Cli& cli) {
  Verb& verb = cli.add("extract", "the main text of files, on stdout", "loam extract page.html --json");
  auto files = verb.positionals("files", "any file that collect reads", /*required=*/false);
  auto list = verb.text("list", "a file of paths, one a line: prints a JSON line for each, in order");
  auto format = verb.text("format", "read the files as this (see collect --help); found out if not given");
  auto column = verb.text("text-column", "where tables and JSON rows have their text");
  auto whole = verb.flag("whole-page", "all visible text of HTML pages, not only the main part");
  auto mode = verb.text("main-text", "how a page's main text is found: balanced (default), precision, recall");
  verb.run([=](Run& run) {
    ExtractFlags flags;
    if (!format->empty()) kind_named(*format);
    flags.reader.format = *format;
    flags.reader.text_column = flags.extract.text_column = *column;
    flags.extract.whole_page = *whole;
    if (!mode->empty()) flags.extract.main_text = text_mode_named(*mode);
    return extract(*files, *list, flags, run.flags().json, run.progress());
  });
}

}  // namespace loam

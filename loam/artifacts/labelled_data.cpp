#include "loam/artifacts/labelled_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "loam/artifacts/corpus.h"
#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/hash.h"
#include "loam/base/memory.h"

namespace loam {
namespace {

/// Counts the bytes held and refuses once they are too many.
class Held {
 public:
  void add(size_t bytes) {
    bytes_ += static_cast<int64_t>(bytes);
    if (bytes_ > limit_) {
      fail(ErrorKind::resource, "the labelled texts take more than ", limit_ >> 20, " MiB, half of the free memory; tune on a part of them");
    }
  }

 private:
  int64_t bytes_ = 0, limit_ = available_memory_bytes() / 2;
};

void take_counts(DataSummary& summary, const RowCounts& counts) {
  summary.skipped += counts.skipped;
  summary.redecoded += counts.redecoded;
  if (summary.first_fault.empty()) summary.first_fault = counts.first_fault;
}

/// A document's columns.
Json document_columns(const Document& d) {
  Json row = {{"text", d.text}, {"source", d.source}, {"id", d.id}, {"url", d.url}, {"created", d.created}};
  for (const auto& [key, value] : d.metadata.items()) {
    if (!row.contains(key)) row[key] = value;
  }
  return row;
}

/// "LABEL=PATH", if it is one and no file has that name.
bool split_label(const std::string& path, std::string& label, std::string& rest) {
  const size_t equals = path.find('=');
  if (equals == std::string::npos || equals == 0 || fs::exists(path)) return false;
  label = path.substr(0, equals);
  rest = path.substr(equals + 1);
  return label.find('/') == std::string::npos;
}

void require_there(const std::string& path) {
  require_input(fs::exists(path), path, ": there is no such file or folder");
}

void load_corpus_classes(ClassData& data, const std::string& path, const ClassOptions& options, const std::string& fixed_label, Held& held) {
  const Artifact corpus = open_artifact(path, "corpus");
  data.summary.inputs.push_back(corpus.as_input());
  const std::string label = options.label_column.empty() ? "source" : options.label_column;
  const std::vector<std::string> texts = options.text_columns.empty() ? std::vector<std::string>{"text"} : options.text_columns;
  RowCounts counts;
  int64_t number = 0;
  CorpusReader reader(corpus);
  while (auto document = reader.next()) {
    const Json row = document_columns(*document);
    ++number;
    ClassRow out;
    out.number = number;
    out.label = fixed_label.empty() ? member_text(row, label).value_or("") : fixed_label;
    if (number == 1) {
      for (const auto& column : texts) {
        require_input(row.contains(column), path, ": there is no column \"", column, "\"; a document has ", member_list(row), " (--text-column)");
      }
      require_input(!fixed_label.empty() || row.contains(label), path, ": there is no column \"", label, "\"; a document has ", member_list(row), " (--label-column)");
    }
    for (const auto& column : texts) {
      const auto part = member_text(row, column);
      if (part && !part->empty()) out.text += (out.text.empty() ? "" : "\n") + *part;
    }
    if (out.label.empty() || out.text.find_first_not_of(" \t\r\n") == std::string::npos) {
      ++counts.skipped;
      if (counts.first_fault.empty()) counts.first_fault = cat(path, ": ", document->id, " has no ", out.label.empty() ? label : texts[0]);
      continue;
    }
    held.add(out.text.size() + out.label.size() + sizeof(ClassRow));
    data.rows.push_back(std::move(out));
  }
  take_counts(data.summary, counts);
  data.summary.described.push_back(cat(path, ": a corpus, ", number, " documents: text from \"", texts[0], "\", ",
                                       fixed_label.empty() ? "labels from \"" + label + "\"" : "all labelled \"" + fixed_label + "\""));
}

/// Text files of a folder below, in the order of their names.
std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> out;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path().filename().string()[0] != '.') out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

bool holds_rows(const fs::path& file) {
  const std::string ending = without_compression(file).extension().string();
  return ending == ".jsonl" || ending == ".ndjson" || ending == ".json" || ending == ".csv" || ending == ".tsv";
}

/// Every row of `path` with one label.
void load_labelled_path(ClassData& data, const std::string& path, const ClassOptions& options, const std::string& label, Held& held) {
  require_there(path);
  if (is_artifact(path)) {
    load_corpus_classes(data, path, options, label, held);
    return;
  }
  std::vector<fs::path> files = fs::is_directory(path) ? files_below(path) : std::vector<fs::path>{path};
  require_input(!files.empty(), path, " is an empty folder");
  int64_t rows = 0, number = 0;
  RowCounts counts;
  Sha256 all;  // of the files' names and hashes: one input, however many they are
  for (const auto& file : files) {
    all.add(sha256_file(file) + "  " + file.lexically_relative(path).string() + "\n");
    if (!holds_rows(file)) {
      ClassRow row{read_file(file, int64_t{64} << 20), label, ++number};
      if (row.text.find('\0') != std::string::npos || row.text.find_first_not_of(" \t\r\n") == std::string::npos) {
        ++counts.skipped;
        if (counts.first_fault.empty()) counts.first_fault = cat(file, ": it is empty or no text");
        continue;
      }
      counts.redecoded += !to_utf8(row.text);
      held.add(row.text.size() + sizeof(ClassRow));
      data.rows.push_back(std::move(row));
      ++rows;
      continue;
    }
    RowReader reader(file);
    Json json;
    std::string column;
    while (reader.next(json)) {
      ++number;
      if (column.empty()) {
        for (const char* name : {"text", "message", "content", "body"}) {
          if (column.empty() && options.text_columns.empty() && json.is_object() && json.contains(name)) column = name;
        }
        if (!options.text_columns.empty()) column = options.text_columns[0];
        require_input(!column.empty() && json.is_object() && json.contains(column), file, ": which column holds the text? There are ", member_list(json), " (--text-column)");
      }
      const auto text = member_text(json, column);
      if (!text || text->find_first_not_of(" \t\r\n") == std::string::npos) {
        ++counts.skipped;
        if (counts.first_fault.empty()) counts.first_fault = cat(reader.place(), ": it has no text");
        continue;
      }
      held.add(text->size() + sizeof(ClassRow));
      data.rows.push_back({*text, label, number});
      ++rows;
    }
    counts.skipped += reader.skipped();
    counts.redecoded += reader.redecoded();
    if (counts.first_fault.empty()) counts.first_fault = reader.first_fault();
  }
  data.summary.inputs.push_back({path, "file", files.size() == 1 ? sha256_file(files[0]) : all.hex()});
  data.summary.described.push_back(cat(path, ": ", rows, " texts labelled \"", label, "\""));
  take_counts(data.summary, counts);
}

}  // namespace

std::string compared_form(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char ch : text) {
    const auto c = static_cast<unsigned char>(ch);
    if (c >= 'A' && c <= 'Z') {
      out += static_cast<char>(c + 32);
    } else if (c >= '0' && c <= '9') {
      if (out.empty() || out.back() != '0') out += '0';
    } else if ((c >= 'a' && c <= 'z') || c >= 0x80) {
      out += ch;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

uint64_t text_key(std::string_view text) {
  const std::string form = compared_form(text);
  return form.empty() ? hash64(text, 1) : hash64(form);
}

std::string split_text(const std::vector<SplitLine>& lines) {
  std::string out;
  for (const auto& line : lines) out += fmt::format("{}\t{:016x}\t{}\n", line.part, line.key, line.number);
  return out;
}

std::vector<SplitLine> read_split(const fs::path& file) {
  const std::string text = read_file(file);
  CsvReader reader(read_text(text), file.string(), {.delimiter = '\t', .quotes = CsvQuotes::off, .header = CsvHeader::none});
  std::vector<SplitLine> out;
  std::vector<std::string> fields;
  while (reader.next(fields)) {
    char* key_end = nullptr;
    char* number_end = nullptr;
    require_input(fields.size() == 3, file, ":", reader.line(), ": wanted part, key and number, found ", fields.size(), " fields");
    const uint64_t key = std::strtoull(fields[1].c_str(), &key_end, 16);
    const int64_t number = std::strtoll(fields[2].c_str(), &number_end, 10);
    require_input(*key_end == '\0' && *number_end == '\0', file, ":", reader.line(), ": wanted part, key and number");
    out.push_back({fields[0], key, number});
  }
  return out;
}

std::string dialogue_text(const std::vector<Turn>& turns, bool answers) {
  std::string out;
  for (const auto& turn : turns) {
    if (turn.role == "assistant" && !answers) continue;
    if (turn.role != "system") out += (out.empty() ? "" : "\n") + turn.content;
  }
  return out;
}

ClassData load_class_data(const std::vector<std::string>& paths, const ClassOptions& options) {
  require(!paths.empty(), "no labelled data is given (--data)");
  ClassData data;
  Held held;
  for (const auto& path : paths) {
    std::string label, rest;
    if (split_label(path, label, rest)) {
      load_labelled_path(data, rest, options, label, held);
      continue;
    }
    require_there(path);
    if (is_artifact(path)) {
      load_corpus_classes(data, path, options, "", held);
      continue;
    }
    require_input(!fs::is_directory(path), path, " is a folder without a manifest; wanted a file of rows, a corpus (loam collect makes one), or LABEL=", path);
    ClassReader reader(path, options);
    while (auto row = reader.next()) {
      held.add(row->text.size() + row->label.size() + sizeof(ClassRow));
      data.rows.push_back(std::move(*row));
    }
    data.summary.described.push_back(cat(path, ": ", reader.described()));
    data.summary.inputs.push_back(file_input(path));
    take_counts(data.summary, reader.counts());
  }
  return data;
}

DialogueData load_dialogues(const std::vector<std::string>& paths, const InstructionOptions& options) {
  require(!paths.empty(), "no instruction data is given (--data)");
  DialogueData data;
  Held held;
  auto keep = [&](InstructionRow row) {
    for (const auto& turn : row.turns) held.add(turn.role.size() + turn.content.size() + sizeof(Turn));
    data.rows.push_back(std::move(row));
  };
  for (const auto& path : paths) {
    require_there(path);
    if (is_artifact(path)) {
      const Artifact corpus = open_artifact(path, "corpus");
      data.summary.inputs.push_back(corpus.as_input());
      CorpusReader reader(corpus);
      RowForm form = RowForm::columns;
      RowCounts counts;
      int64_t number = 0;
      while (auto document = reader.next()) {
        const Json row = document_columns(*document);
        if (++number == 1) form = dialogue_form(row, options, path);
        std::string why;
        if (auto turns = make_dialogue(row, form, options, why)) {
          keep({std::move(*turns), number});
          continue;
        }
        ++counts.skipped;
        if (counts.first_fault.empty()) counts.first_fault = cat(path, ": ", document->id, ": ", why);
      }
      take_counts(data.summary, counts);
      data.summary.described.push_back(cat(path, ": a corpus, ", number, " documents"));
      continue;
    }
    require_input(!fs::is_directory(path), path, " is a folder without a manifest; wanted a file of rows, or a corpus (loam collect makes one)");
    InstructionReader reader(path, options);
    while (auto row = reader.next()) keep(std::move(*row));
    data.summary.described.push_back(cat(path, ": ", reader.described()));
    data.summary.inputs.push_back(file_input(path));
    take_counts(data.summary, reader.counts());
  }
  return data;
}

}  // namespace loam

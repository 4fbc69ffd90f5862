#include "cli/survey.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "loam/base/characters.h"
#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/progress.h"
#include "loam/formats/labelled.h"

namespace loam {
namespace {

constexpr int64_t kRowsSeen = 2000;
constexpr size_t kMostLabels = 200;

/// "a.csv.gz" -> ".csv"
std::string inner_extension(const fs::path& file) {
  fs::path name = ascii_lower(file.filename().string());
  for (const char* packed : {".gz", ".bz2", ".xz", ".zst"}) {
    if (name.extension() == packed) name = name.stem();
  }
  return name.extension().string();
}

bool may_be_table(const std::string& extension) {
  return extension == ".csv" || extension == ".tsv" || extension == ".json" || extension == ".jsonl" || extension == ".ndjson";
}

bool may_be_text(const std::string& extension) {
  static const std::set<std::string> known = {"", ".txt", ".text", ".md", ".markdown", ".rst", ".pod", ".htm", ".html", ".xhtml", ".eml", ".mbox", ".po", ".mo", ".tar", ".tgz", ".zip", ".dict", ".dz"};
  return known.count(extension) != 0;
}

/// Texts and labels in columns that have such names, or in a bare table of two. Throws Error{input} if there are none.
void look_for_labels(const fs::path& file, FoundTable& found) {
  ClassReader labelled(file);
  found.described = labelled.described();
  found.text_column = labelled.text_columns().front();
  std::set<std::string> labels;
  while (found.rows_seen < kRowsSeen && labels.size() <= kMostLabels) {
    const auto one = labelled.next();
    if (!one) break;
    ++found.rows_seen;
    labels.insert(one->label);
  }
  // Labels repeat; a column in which most rows differ is something else that has a label's name.
  if (labels.size() >= 2 && labels.size() <= kMostLabels && static_cast<int64_t>(labels.size()) * 2 <= found.rows_seen) {
    found.use = TableUse::labels;
    found.label_column = labelled.label_column();
    found.labels.assign(labels.begin(), labels.end());
  }
}

/// A language by its two letters, as translators name their columns; "" if it is none of the commonest.
std::string language_of(const std::string& column) {
  static const std::map<std::string, std::string> known = {{"en", "English"}, {"fr", "French"}, {"de", "German"}, {"es", "Spanish"}, {"it", "Italian"}, {"pt", "Portuguese"}, {"nl", "Dutch"},
                                                           {"pl", "Polish"}, {"ru", "Russian"}, {"uk", "Ukrainian"}, {"cs", "Czech"}, {"sv", "Swedish"}, {"tr", "Turkish"}, {"ar", "Arabic"},
                                                           {"hi", "Hindi"}, {"zh", "Chinese"}, {"ja", "Japanese"}, {"ko", "Korean"}};
  const auto it = known.find(ascii_lower(column));
  return it == known.end() ? "" : it->second;
}

/// Columns with names of the user's own, told apart by what stands in them: one of long texts and one of few words that
/// come back again and again are texts and labels; two of texts that differ are questions and answers. Leaves `found` as
/// it is if they are neither.
void guess_columns(const fs::path& file, FoundTable& found) {
  struct Column {
    std::string name;
    int64_t filled = 0, characters = 0;
    std::set<std::string> values;
    double mean() const { return filled > 0 ? static_cast<double>(characters) / static_cast<double>(filled) : 0; }
  };
  std::vector<Column> columns;
  RowReader rows(file);
  int64_t seen = 0;
  for (Json row; seen < kRowsSeen && rows.next(row) && row.is_object(); ++seen) {
    for (const auto& [name, value] : row.items()) {
      if (!value.is_string() || value.get_ref<const std::string&>().empty()) continue;
      auto it = std::find_if(columns.begin(), columns.end(), [&, key = name](const Column& column) { return column.name == key; });
      if (it == columns.end()) it = columns.insert(columns.end(), Column{name, 0, 0, {}});
      const auto& text = value.get_ref<const std::string&>();
      ++it->filled;
      it->characters += static_cast<int64_t>(text.size());
      if (it->values.size() <= kMostLabels && text.size() <= 60) it->values.insert(text);
    }
  }
  std::erase_if(columns, [&](const Column& column) { return 2 * column.filled < seen; });
  if (columns.size() < 2 || seen < 8) return;
  const auto longest = std::max_element(columns.begin(), columns.end(), [](const Column& a, const Column& b) { return a.mean() < b.mean(); });
  const Column* label = nullptr;
  for (const Column& column : columns) {
    const auto different = static_cast<int64_t>(column.values.size());
    const bool repeats = different >= 2 && different <= 50 && different * 4 <= column.filled && column.mean() <= 40;
    if (&column != &*longest && repeats && (label == nullptr || different < static_cast<int64_t>(label->values.size()))) label = &column;
  }
  found.rows_seen = seen;
  if (label != nullptr && longest->mean() > 2 * label->mean()) {
    found.use = TableUse::labels;
    found.text_column = longest->name;
    found.label_column = label->name;
    found.labels.assign(label->values.begin(), label->values.end());
    found.described = cat(rows.described(), ": text from \"", longest->name, "\", labels from \"", label->name, "\"");
  } else if (columns.size() == 2 && columns[0].mean() >= 4 && columns[1].mean() >= 4) {
    const std::string from = language_of(columns[0].name), to = language_of(columns[1].name);
    found.use = TableUse::answers;
    found.prompt = (from.empty() || to.empty() ? "" : "Translate to " + to + ": ") + "{" + columns[0].name + "}";
    found.answer = "{" + columns[1].name + "}";
    found.described = cat(rows.described(), ": \"", columns[0].name, "\" asks, \"", columns[1].name, "\" answers");
  }
}

/// What a file of rows is good for, by its first rows; none if it has none that can be read.
std::optional<FoundTable> look_at_table(const fs::path& file) {
  FoundTable found;
  found.path = file;
  try {
    RowReader rows(file);
    Json row;
    if (!rows.next(row) || !row.is_object()) return std::nullopt;
    found.described = rows.described();
    if (const auto form = recognise_form(row)) {
      found.use = *form == RowForm::preference ? TableUse::preferences : TableUse::answers;
      do ++found.rows_seen;
      while (found.rows_seen < kRowsSeen && rows.next(row));
      return found;
    }
    try {
      look_for_labels(file, found);
    } catch (const Error&) {  // no column has a label's name
    }
    if (found.use == TableUse::texts) guess_columns(file, found);
    return found;
  } catch (const Error&) {
    return std::nullopt;  // no rows, or none with labels: collect may read it as text
  }
}

std::string source_name(const fs::path& path) {
  std::string name = path.stem().string();
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-' && c != '_') c = '-';
  }
  return name.empty() || name == "-" ? "texts" : ascii_lower(name);
}

class Surveyor {
 public:
  void add(const fs::path& path) {
    require_input(fs::exists(path), "there is no ", path);
    if (!fs::is_directory(path)) {
      file(path, source_name(path), path);
      return;
    }
    // Each folder below is a source of its own; the files beside them are another.
    fs::path named = path;
    if (!named.has_filename()) named = named.parent_path();
    if (named.filename() == "." || named.filename() == "..") named = fs::canonical(named);
    std::error_code ignored;
    std::vector<fs::path> children;
    for (auto it = fs::directory_iterator(path, fs::directory_options::skip_permission_denied, ignored); it != fs::directory_iterator(); it.increment(ignored)) {
      if (it->path().filename().string()[0] != '.') children.push_back(it->path());
    }
    std::sort(children.begin(), children.end());
    const bool has_folders = std::any_of(children.begin(), children.end(), [&](const fs::path& p) { return fs::is_directory(p, ignored); });
    for (const fs::path& child : children) {
      if (!fs::is_directory(child, ignored)) {
        file(child, has_folders ? source_name(named) + "-files" : source_name(named), has_folders ? fs::path() : path);
        continue;
      }
      for (auto it = fs::recursive_directory_iterator(child, fs::directory_options::skip_permission_denied, ignored); it != fs::recursive_directory_iterator(); it.increment(ignored)) {
        if (it->is_regular_file(ignored)) file(it->path(), source_name(child), child);
      }
    }
  }

  Survey take() {
    for (auto& [key, texts] : texts_) found_.texts.push_back(texts);
    require_input(!found_.texts.empty() || !found_.tables.empty(), "nothing there that loam reads: no text, page, mail, table or JSON", passed_over_ == 0 ? "" : cat("; ", passed_over_, " other files"));
    return std::move(found_);
  }

 private:
  /// `source`: the folder the file counts to; empty: the file itself.
  void file(const fs::path& path, const std::string& name, const fs::path& source) {
    const std::string extension = inner_extension(path);
    std::error_code ignored;
    if (may_be_table(extension) && tables_looked_ < kMostTables) {
      ++tables_looked_;
      if (auto table = look_at_table(path); table && table->use != TableUse::texts) {
        found_.tables.push_back(std::move(*table));
        return;
      }
    } else if (!may_be_text(extension)) {
      if (++passed_over_ <= 5) found_.passed_over.push_back(path.string());
      return;
    }
    const fs::path key = source.empty() ? path : source;
    FoundTexts& texts = texts_[key.string()];
    texts.name = name;
    texts.path = key;
    ++texts.files;
    texts.bytes += static_cast<int64_t>(fs::file_size(path, ignored));
  }

  static constexpr int64_t kMostTables = 200;  // a folder of a million JSON files is not looked into one by one
  Survey found_;
  std::map<std::string, FoundTexts> texts_;
  int64_t passed_over_ = 0, tables_looked_ = 0;
};

/// A TOML string.
std::string toml_string(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string one_of(const std::vector<std::string>& words, size_t most) {
  std::string out;
  for (size_t i = 0; i < std::min(words.size(), most); ++i) out += (i == 0 ? "" : ", ") + words[i];
  return words.size() > most ? out + ", ..." : out;
}

}  // namespace

int64_t Survey::text_bytes() const {
  int64_t sum = 0;
  for (const FoundTexts& one : texts) sum += one.bytes;
  return sum;
}

int64_t vocabulary_for(int64_t text_bytes) {
  if (text_bytes < 200'000) return 512;
  if (text_bytes < 5'000'000) return 2048;
  if (text_bytes < 100'000'000) return 4096;
  if (text_bytes < 1'000'000'000) return 16384;
  return 32768;
}

Survey survey(const std::vector<fs::path>& paths) {
  Surveyor surveyor;
  for (const fs::path& path : paths) surveyor.add(path);
  return surveyor.take();
}

std::string recipe_for(const Survey& found, const std::string& name, double minutes) {
  const FoundTable* labels = nullptr;
  const FoundTable* answers = nullptr;
  for (const FoundTable& table : found.tables) {
    if (table.use == TableUse::labels && labels == nullptr) labels = &table;
    if (table.use == TableUse::answers && answers == nullptr) answers = &table;
  }
  const double share = labels != nullptr && answers != nullptr ? 0.5 : labels != nullptr || answers != nullptr ? 0.65 : 1;
  const double base_minutes = std::max(0.1, std::round(minutes * share * 10) / 10), tuning_minutes = std::max(0.1, std::round(minutes * (1 - share) / (labels != nullptr && answers != nullptr ? 2 : 1) * 10) / 10);
  std::string out = fmt::format("# A path from your files to a model, written by loam init. Change what you like, then:\n#\n"
                                "#   loam run {0}.toml --dry      # what would be done, and how long it takes\n"
                                "#   loam run {0}.toml            # runs/{0}/, with report.html at the end\n#\n"
                                "# A section is a verb and its flags (loam VERB --help); \"@name\" is the folder that section wrote.\n"
                                "# What was done is not done again; change a section and it is, with what depends on it.\n\nname = \"{0}\"\n",
                                name);
  std::string tries;
  if (labels != nullptr) tries += "  'echo \"some text\" | loam classify @classifier -',\n";
  if (answers != nullptr) tries += "  'loam chat @answers',\n";
  out += fmt::format("try = [\n  'loam generate @base --prompt \"The \"',\n{}]\n", tries);
  out += "\n# Sources to clean documents. NAME=PATH: files, folders, patterns; a NAME given twice is one source.\n[corpus]\nverb = \"collect\"\nsources = [\n";
  for (const FoundTexts& one : found.texts) {
    out += fmt::format("  {},  # {} file{}, {}\n", toml_string(one.name + "=" + one.path.string()), with_commas(one.files), one.files == 1 ? "" : "s", human_bytes(static_cast<double>(one.bytes)));
  }
  if (found.texts.empty()) {
    const FoundTable& table = labels != nullptr ? *labels : found.tables.front();
    out += fmt::format("  {},  # no texts of their own were found: the table's are read\n", toml_string("table=" + table.path.string()));
  }
  out += "]\npreset = \"clean\"  # none: all as read; dedup: each text once; clean: running text; gopher: long English prose\n";
  const int64_t bytes = found.text_bytes();
  out += fmt::format("\n# The vocabulary. {} of text fill about {} tokens; chat adds the marks of a dialogue.\n[tokenizer]\nverb = \"tokenizer train\"\n"
                     "corpus = [\"@corpus\"]\nvocab_size = {}\nchat = true\n",
                     bytes > 0 ? human_bytes(static_cast<double>(bytes)) : "So little", vocabulary_for(bytes), vocabulary_for(bytes));
  out += "\n# Documents to tokens; val_fraction of the documents are kept out of training, to measure on.\n[tokens]\nverb = \"tokenize\"\ncorpus = [\"@corpus\"]\ntokenizer = \"@tokenizer\"\nval_fraction = 0.05\n";
  if (found.texts.size() > 1) {
    std::string mix;
    for (const FoundTexts& one : found.texts) mix += (mix.empty() ? "" : ",") + one.name + "=1";
    out += "# mix = " + toml_string(mix) + "  # how much of each source: weights; without it each comes once\n";
  }
  out += fmt::format("\n# A language model from nothing, fitted to this machine and this many minutes. More is better, up to hours and days.\n[base]\nverb = \"pretrain\"\ntokens = \"@tokens\"\nminutes = {:g}\n", base_minutes);
  if (labels != nullptr) {
    out += fmt::format("\n# A classifier from {}: {} rows looked at, labels {}.\n[classifier]\nverb = \"finetune classify\"\nbase = \"@base\"\ndata = [{}]\ntext_column = [{}]\nlabel_column = {}\nminutes = {:g}\n",
                       labels->described, with_commas(labels->rows_seen), one_of(labels->labels, 6), toml_string(labels->path.string()), toml_string(labels->text_column), toml_string(labels->label_column), tuning_minutes);
  } else {
    out += "\n# A classifier, once there is a table of texts and labels (CSV, TSV, JSON lines):\n# [classifier]\n# verb = \"finetune classify\"\n# base = \"@base\"\n# data = [\"labelled.csv\"]\n# text_column = [\"text\"]\n# label_column = \"label\"\n# minutes = 3\n";
  }
  if (answers != nullptr) {
    out += fmt::format("\n# A model that answers, from {}: {} rows looked at.\n[answers]\nverb = \"finetune instruct\"\nbase = \"@base\"\ndata = [{}]\n{}minutes = {:g}\n", answers->described, with_commas(answers->rows_seen),
                       toml_string(answers->path.string()),
                       answers->prompt.empty() ? "" : fmt::format("prompt = {}  # a template over the columns\nanswer = {}\n", toml_string(answers->prompt), toml_string(answers->answer)), tuning_minutes);
  } else {
    out += "\n# A model that answers, once there are questions with answers (rows such as {\"instruction\", \"output\"}):\n# [answers]\n# verb = \"finetune instruct\"\n# base = \"@base\"\n# data = [\"answers.jsonl\"]\n# minutes = 3\n";
  }
  return out;
}

}  // namespace loam

// What lies in a user's folder, seen from a first look at its files: texts to learn from, tables of labels, questions
// with answers. `loam init` writes a recipe from it.
//
//   Survey found = survey({"family/"});
//   std::string recipe = recipe_for(found, "family");
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace loam {

enum class TableUse { labels, answers, preferences, texts };

/// A file of rows and what it can teach.
struct FoundTable {
  std::filesystem::path path;
  TableUse use = TableUse::texts;
  std::string described;     ///< "CSV, 2 columns: text from ..., labels from ..."
  std::string text_column, label_column;
  std::string prompt, answer;  ///< templates over the columns, where the rows' form does not name itself
  int64_t rows_seen = 0;     ///< of the first ones
  std::vector<std::string> labels;  ///< those seen, sorted
};

struct FoundTexts {
  std::string name;          ///< the source's: a folder's name, or "texts"
  std::filesystem::path path;
  int64_t files = 0, bytes = 0;
};

struct Survey {
  std::vector<FoundTexts> texts;
  std::vector<FoundTable> tables;
  std::vector<std::string> passed_over;  ///< files of kinds no stage reads, and why; the first of them

  int64_t text_bytes() const;
};

/// Files are told by their names and first rows; nothing is read as a whole. Throws Error{input} for a path that is not
/// there or folders that hold nothing loam reads.
Survey survey(const std::vector<std::filesystem::path>& paths);

/// A recipe with a section for each use that was found, and the others as comments.
std::string recipe_for(const Survey& found, const std::string& name, double minutes);

/// A vocabulary that so much text can fill: each merge should be seen often.
int64_t vocabulary_for(int64_t text_bytes);

}  // namespace loam

// Labelled data from wherever a user keeps it: files of rows, corpora, folders of texts; several at once.
//
//   ClassData mails = load_class_data({"mails.csv"}, {.label_column = "label"});
//   ClassData mails = load_class_data({"runs/x/corpus"}, {.label_column = "source"});    // what `loam collect` wrote
//   ClassData mails = load_class_data({"ham=mails/ham", "spam=mails/spam.jsonl"}, {});   // LABEL=PATH
//   DialogueData pairs = load_dialogues({"pairs.tsv"}, {.prompt = "Translate to French: {en}", .answer = "{fr}"});
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "loam/artifacts/manifest.h"
#include "loam/formats/labelled.h"

namespace loam {

/// What loading found, for messages and manifests.
struct DataSummary {
  std::vector<std::string> described;  ///< a line for each path: "mails.csv: CSV, 2 columns: text from ..."
  std::vector<ArtifactInput> inputs;
  int64_t skipped = 0, redecoded = 0;
  std::string first_fault;             ///< of the skipped rows
};

struct ClassData {
  std::vector<ClassRow> rows;
  DataSummary summary;
};

struct DialogueData {
  std::vector<InstructionRow> rows;
  DataSummary summary;
};

/// Rows of all `paths`, in order. A path is a file of rows, a corpus folder (its columns are text, source, id, url,
/// created and the members of its metadata, by name), or LABEL=PATH: every row of the path has that label; PATH may then
/// also be a text file (one row) or a folder of them.
/// Throws Error{input}: nothing there, a missing column (naming those there are), what the readers throw;
/// Error{resource} once the texts take more than half of the memory that is free.
ClassData load_class_data(const std::vector<std::string>& paths, const ClassOptions& options);

/// Dialogues of all `paths`: files of rows, or corpora (by templates over their columns). Throws likewise.
DialogueData load_dialogues(const std::vector<std::string>& paths, const InstructionOptions& options);

/// The words a text is compared by: lower-case ASCII, numbers as "0", single spaces.
std::string compared_form(std::string_view text);
/// A hash of the compared form; of the bytes where that is empty. What says "the same text" between data sets.
uint64_t text_key(std::string_view text);
/// Which part of a tuned model's data each row went to: `split.tsv` in its folder, a line a row in the order of loading:
/// part (train, validation, test), the text's key in hex, the row's number in its file.
struct SplitLine {
  std::string part;
  uint64_t key = 0;
  int64_t number = 0;
};
std::string split_text(const std::vector<SplitLine>& lines);
/// Throws Error{input} naming file and line if it is none.
std::vector<SplitLine> read_split(const std::filesystem::path& file);

/// The turns' contents one after the other, as one text to compare by. `answers`: the assistant's too.
std::string dialogue_text(const std::vector<Turn>& turns, bool answers);

}  // namespace loam

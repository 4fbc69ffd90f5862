// Labelled data: dialogues to learn answers from, texts with labels, and pairs of a better and a worse answer.
//
//   InstructionReader rows("train.jsonl");             // the form is recognised: rows.described() says which
//   while (auto row = rows.next()) use(row->turns);    // the last turn is the assistant's
//
//   ClassReader mails("mails.csv", {.text_columns = {"text"}, .label_column = "label"});
//   while (auto row = mails.next()) use(row->text, row->label);
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loam/formats/rows.h"

namespace loam {

/// One turn of a dialogue; roles are "system", "user", "assistant", "tool", or what the file says.
struct Turn {
  std::string role, content;
};

/// The forms rows come in. `columns` is a template over columns: a prompt and an answer made from any fields.
enum class RowForm { alpaca, messages, sharegpt, prompt_completion, preference, columns, classification };

const char* form_name(RowForm form);
/// By the names --form takes: alpaca, messages, sharegpt, prompt, preference. Throws Error{usage} with the nearest.
RowForm form_named(const std::string& name);

/// The form of a row by its members, if it is one of those that names itself (neither columns nor classification).
std::optional<RowForm> recognise_form(const Json& row);

struct InstructionRow {
  std::vector<Turn> turns;  ///< at least one assistant turn; the last turn is one
  int64_t number = 0;       ///< in its file, from 1
};

struct PreferenceRow {
  std::vector<Turn> prompt;
  std::string chosen, rejected;
  int64_t number = 0;
};

struct ClassRow {
  std::string text, label;
  int64_t number = 0;
};

struct InstructionOptions {
  std::string form = {};             ///< a name of form_named(); "" recognises it from the first row
  std::string prompt = {}, answer = {};   ///< templates such as "Translate to French: {en}" and "{fr}"; both or neither
  std::string system = {};           ///< put first where a row has no system turn
};

/// A row's turns in a form, checked and with options.system in front: nothing if it is a bad one, and why it is.
std::optional<std::vector<Turn>> make_dialogue(const Json& row, RowForm form, const InstructionOptions& options, std::string& why);

/// The form that options and a first row ask for. Throws Error{input} naming what is there if it is none of dialogues,
/// Error{usage} if the options do not go together.
RowForm dialogue_form(const Json& first_row, const InstructionOptions& options, const std::string& name);

/// What a reader of rows counted; bad rows are skipped, the first one's reason kept.
struct RowCounts {
  int64_t rows = 0, skipped = 0, redecoded = 0;
  std::string first_fault;
};

/// Dialogues of one file. Bad rows (no answer, wrong types) are skipped and counted.
/// Throws Error{input} if no form is recognised (naming the members there are) or the file is preference data, and
/// what RowReader throws. Throws Error{usage} if only one of the templates is given.
class InstructionReader {
 public:
  explicit InstructionReader(const std::filesystem::path& file, InstructionOptions options = {});
  InstructionReader(RowReader rows, std::string name, InstructionOptions options);
  std::optional<InstructionRow> next();
  RowForm form() const { return form_; }
  std::string described() const;  ///< "alpaca rows (instruction, input, output), a JSON array"; "" rows: "no rows"
  RowCounts counts() const;

 private:
  RowReader rows_;
  std::string name_;
  InstructionOptions options_;
  RowForm form_ = RowForm::alpaca;
  std::optional<Json> first_;
  bool empty_ = false;
  RowCounts counts_;
};

/// Preference rows of one file ({prompt, chosen, rejected} in its known spellings); the rest as InstructionReader.
class PreferenceReader {
 public:
  explicit PreferenceReader(const std::filesystem::path& file);
  std::optional<PreferenceRow> next();
  RowCounts counts() const;

 private:
  RowReader rows_;
  RowCounts counts_;
};

struct ClassOptions {
  std::vector<std::string> text_columns = {};  ///< joined with a line end; empty: recognised by name
  std::string label_column = {};               ///< empty: recognised by name
  std::string header = "auto";            ///< auto, yes, no: does a table's first record name its columns
};

/// Texts and labels of one file. Columns can be named by their number ("1") where a table has no header; `auto` takes
/// the first record as one unless the columns asked for, or a bare two-column table, say otherwise.
/// Rows without text or label are skipped and counted. Throws Error{input} naming the columns that are there if one is
/// missing, and what RowReader throws.
class ClassReader {
 public:
  explicit ClassReader(const std::filesystem::path& file, ClassOptions options = {});
  std::optional<ClassRow> next();
  const std::vector<std::string>& text_columns() const { return options_.text_columns; }
  const std::string& label_column() const { return options_.label_column; }
  std::string described() const;  ///< "CSV, 2 columns: text from \"text\", labels from \"label\""
  RowCounts counts() const;

 private:
  RowReader rows_;
  std::string name_;
  ClassOptions options_;
  std::optional<Json> first_;
  RowCounts counts_;
};

/// Fills "{column}" by the row's members. Throws Error{input} naming the columns there are if one is missing; "{{" and
/// "}}" are braces. Text, numbers, true and false are taken; null is "".
std::string fill_template(std::string_view text, const Json& row);

/// A member as text: strings, numbers, true and false; none for null, absent, lists and objects.
std::optional<std::string> member_text(const Json& row, std::string_view key);

/// The names of a row's members, for messages: "a", "b" and "c".
std::string member_list(const Json& row);

}  // namespace loam

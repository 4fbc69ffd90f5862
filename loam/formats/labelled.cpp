#include "loam/formats/labelled.h"

#include <algorithm>
#include <array>
#include <set>

#include "loam/base/error.h"
#include "loam/base/fields.h"

namespace loam {
namespace {

constexpr std::array<std::string_view, 3> kAnswerNames = {"output", "response", "answer"};
constexpr std::array<std::string_view, 4> kCompletionNames = {"completion", "response", "answer", "output"};

/// The first of `names` that a row has.
template <size_t N>
std::optional<std::string_view> first_member(const Json& row, const std::array<std::string_view, N>& names) {
  for (const auto name : names) {
    if (row.contains(name)) return name;
  }
  return std::nullopt;
}

bool is_list(const Json& row, const char* key) { return row.contains(key) && row.at(key).is_array(); }

std::string role_of(std::string role) {
  if (role == "human" || role == "prompter") return "user";
  if (role == "gpt" || role == "chatgpt" || role == "bing" || role == "bard" || role == "model" || role == "function_call") return "assistant";
  if (role == "observation" || role == "function" || role == "function_response") return "tool";
  return role;
}

/// A turn's content: a text, or a list of {type: text} parts.
std::optional<std::string> content_of(const Json& content) {
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array()) return std::nullopt;
  std::string all;
  for (const auto& part : content) {
    if (part.is_string()) {
      all += part.get<std::string>();
    } else if (part.is_object() && part.contains("text") && part["text"].is_string()) {
      all += part["text"].get<std::string>();
    } else {
      return std::nullopt;
    }
  }
  return all;
}

/// Thrown inside this file alone: why one row is skipped.
struct BadRow {
  std::string why;
};

/// {role, content} or {from, value} turns.
std::vector<Turn> turns_of(const Json& list) {
  if (!list.is_array()) throw BadRow{"its turns are no list"};
  std::vector<Turn> turns;
  for (const auto& item : list) {
    const char* role = item.is_object() && item.contains("role") ? "role" : "from";
    const char* content = item.is_object() && item.contains("content") ? "content" : "value";
    if (!item.is_object() || !item.contains(role) || !item[role].is_string()) throw BadRow{"a turn has no role"};
    auto text = item.contains(content) ? content_of(item[content]) : std::nullopt;
    if (!text) throw BadRow{"a turn has no text"};
    turns.push_back({role_of(item[role].get<std::string>()), std::move(*text)});
  }
  return turns;
}

std::string text_or_bad(const Json& row, std::string_view key) {
  auto text = member_text(row, key);
  if (!text) throw BadRow{cat("\"", key, "\" holds no text")};
  return std::move(*text);
}

void add_history(std::vector<Turn>& turns, const Json& row) {
  if (!is_list(row, "history")) return;
  for (const auto& pair : row["history"]) {
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string()) throw BadRow{"\"history\" is no list of pairs"};
    turns.push_back({"user", pair[0].get<std::string>()});
    turns.push_back({"assistant", pair[1].get<std::string>()});
  }
}

/// The user's turn of an alpaca row: the instruction, then the input after an empty line.
std::vector<Turn> alpaca_prompt(const Json& row) {
  std::vector<Turn> turns;
  if (const auto system = member_text(row, "system"); system && !system->empty()) turns.push_back({"system", *system});
  add_history(turns, row);
  std::string ask = text_or_bad(row, "instruction");
  if (const auto input = member_text(row, "input"); input && !input->empty()) ask += (ask.empty() ? "" : "\n\n") + *input;
  turns.push_back({"user", std::move(ask)});
  return turns;
}

/// Whether {prompt, ...} holds a text or turns.
std::vector<Turn> prompt_turns(const Json& prompt) {
  if (prompt.is_array()) return turns_of(prompt);
  if (!prompt.is_string()) throw BadRow{"\"prompt\" holds no text"};
  return {{"user", prompt.get<std::string>()}};
}

/// An answer that is a text, a turn, or a list whose last turn it is.
std::string answer_of(const Json& value, const char* key) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_object()) return turns_of(Json::array({value})).at(0).content;
  if (value.is_array() && !value.empty()) return turns_of(value).back().content;
  throw BadRow{cat("\"", key, "\" holds no answer")};
}

std::vector<Turn> dialogue_of(const Json& row, RowForm form, const InstructionOptions& options) {
  if (form == RowForm::messages && row.is_array()) return turns_of(row);
  if (!row.is_object()) throw BadRow{"it is no object"};
  switch (form) {
    case RowForm::alpaca: {
      auto turns = alpaca_prompt(row);
      const auto answer = first_member(row, kAnswerNames);
      if (!answer) throw BadRow{"it has no \"output\""};
      turns.push_back({"assistant", text_or_bad(row, *answer)});
      return turns;
    }
    case RowForm::messages:
    case RowForm::sharegpt: {
      const char* key = form == RowForm::messages ? "messages" : "conversations";
      if (!row.contains(key)) throw BadRow{cat("it has no \"", key, "\"")};
      auto turns = turns_of(row[key]);
      if (const auto system = member_text(row, "system"); system && !system->empty() && (turns.empty() || turns[0].role != "system")) {
        turns.insert(turns.begin(), {"system", *system});
      }
      return turns;
    }
    case RowForm::prompt_completion: {
      const char* ask = row.contains("prompt") ? "prompt" : "question";
      if (!row.contains(ask)) throw BadRow{"it has no \"prompt\""};
      auto turns = prompt_turns(row[ask]);
      const auto answer = first_member(row, kCompletionNames);
      if (!answer) throw BadRow{"it has no \"completion\""};
      if (row.at(*answer).is_array()) {
        for (auto& turn : turns_of(row.at(*answer))) turns.push_back(std::move(turn));
      } else {
        turns.push_back({"assistant", text_or_bad(row, *answer)});
      }
      return turns;
    }
    case RowForm::columns: return {{"user", fill_template(options.prompt, row)}, {"assistant", fill_template(options.answer, row)}};
    default: break;
  }
  fail(ErrorKind::internal, "a dialogue of form ", form_name(form));
}

/// Drops what follows the last answer and checks that there is one.
void check_dialogue(std::vector<Turn>& turns) {
  while (!turns.empty() && turns.back().role != "assistant") turns.pop_back();
  const bool any = std::any_of(turns.begin(), turns.end(), [](const Turn& t) { return t.role == "assistant" && !t.content.empty(); });
  if (!any) throw BadRow{"it has no answer"};
}

constexpr std::array<std::string_view, 9> kLabelNames = {"label", "labels", "category", "class", "target", "sentiment", "intent", "topic", "kind"};
constexpr std::array<std::string_view, 12> kTextNames = {"text",   "message", "sentence", "content", "body",  "review",
                                                         "mail",   "email",   "document", "tweet",   "query", "comment"};

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return (x | 0x20) == (y | 0x20); });
}

template <size_t N>
std::string find_name(const std::vector<std::string>& columns, const std::array<std::string_view, N>& names) {
  for (const auto name : names) {
    for (const auto& column : columns) {
      if (same_word(column, name)) return column;
    }
  }
  return "";
}

bool is_number(std::string_view text) { return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos; }

bool has(const std::vector<std::string>& columns, const std::string& name) {
  return std::find(columns.begin(), columns.end(), name) != columns.end();
}

std::string quoted_list(const std::vector<std::string>& names) {
  std::string out;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i == 40) return out + cat(" and ", names.size() - i, " more");
    out += (i == 0 ? "\"" : i + 1 == names.size() ? " and \"" : ", \"") + names[i] + "\"";
  }
  return out.empty() ? "none" : out;
}

/// Opens a table so that its header is treated as the options, or the columns asked for, say.
RowReader open_table(const std::filesystem::path& file, const ClassOptions& options) {
  require(options.header == "auto" || options.header == "yes" || options.header == "no", "header is \"", options.header, "\", not auto, yes or no");
  if (options.header == "no") return RowReader(file, {.header = CsvHeader::none});
  RowReader rows(file);
  if (options.header == "yes" || rows.format() != RowFormat::csv) return rows;
  std::vector<std::string> asked = options.text_columns;
  if (!options.label_column.empty()) asked.push_back(options.label_column);
  const auto& columns = rows.columns();
  const auto numbered = [&](const std::string& name) { return is_number(name) && name.size() < 6 && std::stoul(name) <= columns.size(); };
  const bool by_number = !asked.empty() && std::all_of(asked.begin(), asked.end(), numbered) &&
                         !std::all_of(asked.begin(), asked.end(), [&](const auto& name) { return has(columns, name); });
  const bool bare = asked.empty() && columns.size() == 2 && find_name(columns, kLabelNames).empty() && find_name(columns, kTextNames).empty();
  if (by_number || bare) return RowReader(file, {.header = CsvHeader::none});
  return rows;
}

/// Of a two-column table without names: the column with the fewer different values in its first records holds labels.
std::string fewer_values(const std::filesystem::path& file, const std::vector<std::string>& columns) {
  RowReader rows(file, {.header = CsvHeader::none});
  std::array<std::set<std::string>, 2> seen;
  Json row;
  for (int i = 0; i < 500 && rows.next(row); ++i) {
    for (size_t k = 0; k < 2; ++k) seen[k].insert(member_text(row, columns[k]).value_or(""));
  }
  return columns[seen[1].size() < seen[0].size() ? 1 : 0];
}

}  // namespace

const char* form_name(RowForm form) {
  switch (form) {
    case RowForm::alpaca: return "alpaca";
    case RowForm::messages: return "messages";
    case RowForm::sharegpt: return "sharegpt";
    case RowForm::prompt_completion: return "prompt";
    case RowForm::preference: return "preference";
    case RowForm::columns: return "columns";
    case RowForm::classification: return "classification";
  }
  return "?";
}

RowForm form_named(const std::string& name) {
  std::vector<std::string> known;
  for (const RowForm form : {RowForm::alpaca, RowForm::messages, RowForm::sharegpt, RowForm::prompt_completion, RowForm::preference}) {
    if (name == form_name(form)) return form;
    known.emplace_back(form_name(form));
  }
  const std::string near = nearest_name(name, known);
  fail(ErrorKind::usage, "there is no form \"", name, "\"", near.empty() ? "" : "; did you mean \"" + near + "\"?", " (", quoted_list(known), ")");
}

std::optional<std::string> member_text(const Json& row, std::string_view key) {
  if (!row.is_object() || !row.contains(key)) return std::nullopt;
  const Json& value = row.at(key);
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() || value.is_boolean()) return to_line(value);
  return std::nullopt;
}

std::string member_list(const Json& row) {
  if (!row.is_object()) return cat("none (a row is ", row.type_name(), ")");
  std::vector<std::string> names;
  for (const auto& [key, value] : row.items()) names.push_back(key);
  return quoted_list(names);
}

std::string fill_template(std::string_view text, const Json& row) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c == '{' || c == '}') && i + 1 < text.size() && text[i + 1] == c) {
      out += c;
      ++i;
    } else if (c == '{') {
      const size_t end = text.find('}', i);
      require(end != std::string_view::npos, "the template \"", text, "\" opens a { that never closes ({{ is a brace)");
      const std::string key(text.substr(i + 1, end - i - 1));
      require_input(row.is_object() && row.contains(key), "the template \"", text, "\" asks for a column \"", key, "\"; there are ", member_list(row));
      if (!row.at(key).is_null()) {
        const auto value = member_text(row, key);
        require_input(value.has_value(), "the column \"", key, "\" of the template holds no text");
        out += *value;
      }
      i = end;
    } else {
      require(c != '}', "the template \"", text, "\" has a } without a { (}} is a brace)");
      out += c;
    }
  }
  return out;
}

std::optional<RowForm> recognise_form(const Json& row) {
  if (row.is_array()) return !row.empty() && row[0].is_object() && row[0].contains("role") ? std::optional(RowForm::messages) : std::nullopt;
  if (!row.is_object()) return std::nullopt;
  if (row.contains("chosen") && row.contains("rejected")) return RowForm::preference;
  if (is_list(row, "messages")) return RowForm::messages;
  if (is_list(row, "conversations")) return RowForm::sharegpt;
  if (row.contains("instruction") && first_member(row, kAnswerNames)) return RowForm::alpaca;
  if ((row.contains("prompt") || row.contains("question")) && first_member(row, kCompletionNames)) return RowForm::prompt_completion;
  return std::nullopt;
}

RowForm dialogue_form(const Json& row, const InstructionOptions& options, const std::string& name) {
  require(options.prompt.empty() == options.answer.empty(), "a prompt template and an answer template go together");
  RowForm form = RowForm::columns;
  if (!options.prompt.empty()) {
    require(options.form.empty(), "a form and a prompt template exclude each other");
  } else if (!options.form.empty()) {
    form = form_named(options.form);
  } else {
    const auto found = recognise_form(row);
    require_input(found.has_value(), name, ": no known form of instruction data; its rows have ", member_list(row),
                  "; wanted instruction and output, messages, conversations, or prompt and completion"
                  " (or say --prompt and --answer, templates over the columns, such as \"Translate: {en}\" and \"{fr}\")");
    form = *found;
  }
  require_input(form != RowForm::preference, name, " holds preference pairs (chosen, rejected), not answers to learn");
  return form;
}

std::optional<std::vector<Turn>> make_dialogue(const Json& row, RowForm form, const InstructionOptions& options, std::string& why) {
  try {
    auto turns = dialogue_of(row, form, options);
    check_dialogue(turns);
    if (!options.system.empty() && turns[0].role != "system") turns.insert(turns.begin(), {"system", options.system});
    return turns;
  } catch (const BadRow& bad) {
    why = bad.why;
    return std::nullopt;
  }
}

InstructionReader::InstructionReader(const std::filesystem::path& file, InstructionOptions options)
    : InstructionReader(RowReader(file), file.string(), std::move(options)) {}

InstructionReader::InstructionReader(RowReader rows, std::string name, InstructionOptions options)
    : rows_(std::move(rows)), name_(std::move(name)), options_(std::move(options)) {
  Json row;
  if (!rows_.next(row)) {
    empty_ = true;
    return;
  }
  form_ = dialogue_form(row, options_, name_);
  first_ = std::move(row);
}

std::optional<InstructionRow> InstructionReader::next() {
  Json row;
  for (;;) {
    if (first_) {
      row = std::move(*first_);
      first_.reset();
    } else if (empty_ || !rows_.next(row)) {
      return std::nullopt;
    }
    std::string why;
    if (auto turns = make_dialogue(row, form_, options_, why)) {
      ++counts_.rows;
      return InstructionRow{std::move(*turns), rows_.number()};
    }
    ++counts_.skipped;
    if (counts_.first_fault.empty()) counts_.first_fault = cat(rows_.place(), ": ", why);
  }
}

std::string InstructionReader::described() const {
  if (empty_) return cat("no rows, ", rows_.described());
  switch (form_) {
    case RowForm::alpaca: return cat("alpaca rows (instruction, input, output), ", rows_.described());
    case RowForm::messages: return cat("dialogues (messages), ", rows_.described());
    case RowForm::sharegpt: return cat("dialogues (sharegpt conversations), ", rows_.described());
    case RowForm::prompt_completion: return cat("prompts and completions, ", rows_.described());
    case RowForm::columns: return cat("\"", options_.prompt, "\" -> \"", options_.answer, "\", ", rows_.described());
    default: return rows_.described();
  }
}

namespace {

RowCounts merged(RowCounts counts, const RowReader& rows) {
  counts.skipped += rows.skipped();
  counts.redecoded = rows.redecoded();
  if (counts.first_fault.empty()) counts.first_fault = rows.first_fault();
  return counts;
}

}  // namespace

RowCounts InstructionReader::counts() const { return merged(counts_, rows_); }

PreferenceReader::PreferenceReader(const std::filesystem::path& file) : rows_(file) {}

std::optional<PreferenceRow> PreferenceReader::next() {
  Json row;
  while (rows_.next(row)) {
    try {
      if (!row.is_object() || !row.contains("chosen") || !row.contains("rejected")) throw BadRow{"it has no \"chosen\" and \"rejected\""};
      PreferenceRow out;
      out.number = rows_.number();
      if (row.contains("prompt")) {
        out.prompt = prompt_turns(row["prompt"]);
      } else if (row.contains("conversations")) {
        out.prompt = turns_of(row["conversations"]);
      } else if (row.contains("instruction")) {
        out.prompt = alpaca_prompt(row);
      } else if (row["chosen"].is_array() && row["chosen"].size() > 1) {
        out.prompt = turns_of(row["chosen"]);
        out.prompt.pop_back();  // both answers repeat the dialogue before them
      } else {
        throw BadRow{"it has no prompt"};
      }
      out.chosen = answer_of(row["chosen"], "chosen");
      out.rejected = answer_of(row["rejected"], "rejected");
      ++counts_.rows;
      return out;
    } catch (const BadRow& bad) {
      ++counts_.skipped;
      if (counts_.first_fault.empty()) counts_.first_fault = cat(rows_.place(), ": ", bad.why);
    }
  }
  return std::nullopt;
}

RowCounts PreferenceReader::counts() const { return merged(counts_, rows_); }

ClassReader::ClassReader(const std::filesystem::path& file, ClassOptions options)
    : rows_(open_table(file, options)), name_(file.string()), options_(std::move(options)) {
  Json row;
  const bool any = rows_.next(row);
  if (any) first_ = row;
  std::vector<std::string> columns = rows_.columns();
  if (columns.empty() && any && row.is_object()) {
    for (const auto& [key, value] : row.items()) columns.push_back(key);
  }
  if (!any && columns.empty()) return;  // the caller says that there are no rows
  auto& text = options_.text_columns;
  auto& label = options_.label_column;
  const bool numbered = columns.size() == 2 && columns[0] == "1" && columns[1] == "2";
  if (label.empty()) {
    label = numbered ? (text.size() == 1 ? columns[text[0] == columns[0] ? 1 : 0] : fewer_values(file, columns)) : find_name(columns, kLabelNames);
    require_input(!label.empty(), name_, ": which column holds the label? There are ", quoted_list(columns), " (--label-column)");
  }
  if (text.empty()) {
    std::string found = find_name(columns, kTextNames);
    if (found.empty() && columns.size() == 2) found = columns[columns[0] == label ? 1 : 0];
    require_input(!found.empty(), name_, ": which column holds the text? There are ", quoted_list(columns), " (--text-column)");
    text = {found};
  }
  require_input(has(columns, label), name_, ": there is no column \"", label, "\"; there are ", quoted_list(columns), " (--label-column)");
  for (const auto& name : text) {
    require_input(has(columns, name), name_, ": there is no column \"", name, "\"; there are ", quoted_list(columns), " (--text-column)");
    require_input(name != label, name_, ": the column \"", name, "\" cannot be both the text and the label");
  }
}

std::optional<ClassRow> ClassReader::next() {
  Json row;
  for (;;) {
    if (first_) {
      row = std::move(*first_);
      first_.reset();
    } else if (!rows_.next(row)) {
      return std::nullopt;
    }
    ClassRow out;
    out.number = rows_.number();
    std::string why;
    const auto label = member_text(row, options_.label_column);
    if (!label || label->find_first_not_of(" \t\r\n") == std::string::npos) {
      why = "it has no label";
    } else {
      const size_t begin = label->find_first_not_of(" \t\r\n"), end = label->find_last_not_of(" \t\r\n");
      out.label = label->substr(begin, end - begin + 1);
    }
    for (const auto& column : options_.text_columns) {
      const auto part = member_text(row, column);
      if (!part || part->empty()) continue;
      if (!out.text.empty()) out.text += '\n';
      out.text += *part;
    }
    if (why.empty() && out.text.find_first_not_of(" \t\r\n") == std::string::npos) why = "it has no text";
    if (why.empty()) {
      ++counts_.rows;
      return out;
    }
    ++counts_.skipped;
    if (counts_.first_fault.empty()) counts_.first_fault = cat(rows_.place(), ": ", why);
  }
}

std::string ClassReader::described() const {
  if (options_.text_columns.empty()) return cat("no rows, ", rows_.described());
  std::string texts;
  for (const auto& column : options_.text_columns) texts += (texts.empty() ? "\"" : " and \"") + column + "\"";
  return cat(rows_.described(), ": text from ", texts, ", labels from \"", options_.label_column, "\"");
}

RowCounts ClassReader::counts() const { return merged(counts_, rows_); }

}  // namespace loam

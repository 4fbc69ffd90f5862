// A report as blocks of plain text, numbers and pictures; written out as one HTML page and as Markdown.
// Text in blocks is never markup: the writers escape it.
#pragma once

#include <string>
#include <variant>
#include <vector>

namespace loam {

struct Paragraph {
  std::string text;
  bool note = false;  ///< smaller: a caveat, a definition
};

/// A number one should see first, with what it is.
struct Fact {
  std::string value, label, detail;
};
struct Facts {
  std::vector<Fact> facts;
};

struct Cell {
  std::string text;
  bool code = false, strong = false;
  int shade = -1;       ///< 0..100: how dark behind the text (a confusion table's share); -1: none
  std::string anchor = {};  ///< an id for links to this cell; "" for none
};
struct Table {
  std::string caption;
  std::vector<std::string> columns;
  std::vector<bool> numeric;  ///< per column: right-aligned; may be shorter than columns
  std::vector<std::vector<Cell>> rows;
  bool row_headers = true;    ///< the first cell of a row names it
  bool even = false;          ///< columns of one width, over the whole page: running text to be read side by side
};

struct Figure {
  std::string svg, caption;
  bool narrow = false;  ///< two narrow ones stand side by side where there is room
};

/// Text made by a model, or read by it: always set apart from our own words.
struct Sample {
  std::string label;        ///< "step 400, 1.2M tokens"
  std::string prompt, text; ///< shown one after the other; the prompt fainter
};
struct Samples {
  std::vector<Sample> samples;
};

struct Commands {
  std::vector<std::string> lines;
};

using Block = std::variant<Paragraph, Facts, Table, Figure, Samples, Commands>;

struct DocSection {
  std::string id, title;
  std::vector<Block> blocks;
};

struct ReportPage {
  std::string title, about, footer;
  std::vector<DocSection> sections;
};

std::string to_html(const ReportPage& document);
std::string to_markdown(const ReportPage& document);

}  // namespace loam

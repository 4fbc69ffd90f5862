#include "loam/report/document.h"

#include <fmt/format.h>

#include "loam/report/html.h"
#include "loam/report/style.h"

namespace loam {
namespace {

bool numeric(const Table& table, size_t column) { return column < table.numeric.size() && table.numeric[column]; }

struct HtmlWriter {
  std::string out;

  void operator()(const Paragraph& p) { out += fmt::format("<p{}>{}</p>\n", p.note ? " class=\"note\"" : "", escape_html(p.text)); }

  void operator()(const Facts& facts) {
    out += "<dl class=\"facts\">";
    for (const Fact& fact : facts.facts) {
      out += fmt::format("<div><dt>{}</dt><dd>{}", escape_html(fact.label), escape_html(fact.value));
      if (!fact.detail.empty()) out += fmt::format("<div class=\"detail\" style=\"padding:0\">{}</div>", escape_html(fact.detail));
      out += "</dd></div>";
    }
    out += "</dl>\n";
  }

  void operator()(const Table& table) {
    if (table.rows.empty()) return;
    // A region that may scroll sideways must be reachable by keyboard.
    out += fmt::format("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{}\"><table{}>", escape_html(table.caption.empty() ? "table" : table.caption),
                       table.even ? " class=\"even\"" : "");
    if (!table.caption.empty()) out += "<caption>" + escape_html(table.caption) + "</caption>";
    out += "<thead><tr>";
    for (size_t c = 0; c < table.columns.size(); ++c) {
      out += fmt::format("<th scope=\"col\"{}>{}</th>", numeric(table, c) ? " class=\"n\"" : "", escape_html(table.columns[c]));
    }
    out += "</tr></thead><tbody>";
    for (const auto& row : table.rows) {
      out += "<tr>";
      for (size_t c = 0; c < row.size(); ++c) {
        const Cell& cell = row[c];
        std::string text = escape_html(cell.text);
        if (cell.code) text = "<code>" + text + "</code>";
        if (cell.strong) text = "<strong>" + text + "</strong>";
        const bool header = c == 0 && table.row_headers;
        std::string attributes = header ? " scope=\"row\"" : "";
        if (cell.shade >= 0) {
          attributes += fmt::format(" class=\"shaded\" style=\"background:rgba(var(--shade),{:.2f})\"", 0.04 + 0.5 * cell.shade / 100.0);
        } else if (numeric(table, c)) {
          attributes += " class=\"n\"";
        } else if (!cell.code && cell.text.size() > 24) {
          attributes += " class=\"long\"";  // not squeezed to a word a line where the page is narrow
        }
        if (!cell.anchor.empty()) attributes += fmt::format(" id=\"{}\"", escape_html(cell.anchor));
        out += fmt::format("<{0}{1}>{2}</{0}>", header ? "th" : "td", attributes, text);
      }
      out += "</tr>";
    }
    out += "</tbody></table></div>\n";
  }

  void operator()(const Figure& figure) {
    if (figure.svg.empty()) return;
    out += "<figure><div class=\"scroll\" style=\"margin:0\">" + figure.svg + "</div>";
    if (!figure.caption.empty()) out += "<figcaption>" + escape_html(figure.caption) + "</figcaption>";
    out += "</figure>\n";
  }

  void operator()(const Samples& samples) {
    out += "<div class=\"samples\">";
    for (const Sample& sample : samples.samples) {
      out += "<figure class=\"sample\"><figcaption>" + escape_html(sample.label) + "</figcaption><blockquote dir=\"auto\">";
      if (!sample.prompt.empty()) out += "<span class=\"prompt\">" + escape_html(sample.prompt) + "</span>";
      out += escape_html(sample.text) + "</blockquote></figure>";
    }
    out += "</div>\n";
  }

  void operator()(const Commands& commands) {
    out += "<pre class=\"commands\">";
    for (const std::string& line : commands.lines) out += "<span>" + escape_html(line) + "</span>\n";
    out += "</pre>\n";
  }
};

struct MarkdownWriter {
  std::string out;

  void operator()(const Paragraph& p) { out += escape_markdown(p.text) + "\n\n"; }

  void operator()(const Facts& facts) {
    for (const Fact& fact : facts.facts) {
      out += fmt::format("- {}: **{}**{}\n", escape_markdown(fact.label), escape_markdown(fact.value), fact.detail.empty() ? "" : " (" + escape_markdown(fact.detail) + ")");
    }
    out += "\n";
  }

  void operator()(const Table& table) {
    if (table.rows.empty()) return;
    if (!table.caption.empty()) out += escape_markdown(table.caption) + "\n\n";
    out += "|";
    for (const std::string& column : table.columns) out += " " + escape_markdown(column) + " |";
    out += "\n|";
    for (size_t c = 0; c < table.columns.size(); ++c) out += numeric(table, c) ? " ---: |" : " --- |";
    out += "\n";
    for (const auto& row : table.rows) {
      out += "|";
      for (const Cell& cell : row) out += " " + (cell.strong ? "**" + escape_markdown(cell.text) + "**" : escape_markdown(cell.text)) + " |";
      out += "\n";
    }
    out += "\n";
  }

  void operator()(const Figure& figure) {
    if (!figure.svg.empty() && !figure.caption.empty()) out += "_Figure in the HTML page:_ " + escape_markdown(figure.caption) + "\n\n";
  }

  void operator()(const Samples& samples) {
    for (const Sample& sample : samples.samples) {
      out += "- " + escape_markdown(sample.label) + ": " + (sample.prompt.empty() ? "" : "_" + escape_markdown(sample.prompt) + "_ ") + escape_markdown(sample.text) + "\n";
    }
    out += "\n";
  }

  void operator()(const Commands& commands) {
    for (const std::string& line : commands.lines) out += "    " + line + "\n";  // code: Markdown reads nothing in it
    out += "\n";
  }
};

}  // namespace

std::string to_html(const ReportPage& document) {
  HtmlWriter writer;
  // No script and nothing from elsewhere: the policy makes a browser hold the page to that, whatever its texts contain.
  writer.out = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
      "<meta name=\"color-scheme\" content=\"light dark\"><title>{0}</title><style>{1}</style></head>\n<body><header><h1>{0}</h1>",
      escape_html(document.title), kReportStyle);
  if (!document.about.empty()) writer.out += "<p class=\"about\">" + escape_html(document.about) + "</p>";
  writer.out += "<nav aria-label=\"Sections\"><ul>";
  for (const DocSection& section : document.sections) {
    if (!section.title.empty()) writer.out += fmt::format("<li><a href=\"#{}\">{}</a></li>", escape_html(section.id), escape_html(section.title));
  }
  writer.out += "</ul></nav></header>\n<main>\n";
  for (const DocSection& section : document.sections) {
    writer.out += fmt::format("<section id=\"{}\"{}>", escape_html(section.id), section.title.empty() ? "" : fmt::format(" aria-labelledby=\"h-{}\"", escape_html(section.id)));
    if (!section.title.empty()) writer.out += fmt::format("<h2 id=\"h-{}\">{}</h2>\n", escape_html(section.id), escape_html(section.title));
    bool in_pair = false;
    for (const Block& block : section.blocks) {
      const Figure* figure = std::get_if<Figure>(&block);
      const bool narrow = figure != nullptr && figure->narrow && !figure->svg.empty();
      if (narrow != in_pair) writer.out += narrow ? "<div class=\"pair\">" : "</div>\n";
      in_pair = narrow;
      std::visit(writer, block);
    }
    if (in_pair) writer.out += "</div>\n";
    writer.out += "</section>\n";
  }
  writer.out += "</main>\n<footer><p>" + escape_html(document.footer) + "</p></footer></body></html>\n";
  return writer.out;
}

std::string to_markdown(const ReportPage& document) {
  MarkdownWriter writer;
  writer.out = "# " + escape_markdown(document.title) + "\n\n";
  if (!document.about.empty()) writer.out += escape_markdown(document.about) + "\n\n";
  for (const DocSection& section : document.sections) {
    if (!section.title.empty()) writer.out += "## " + escape_markdown(section.title) + "\n\n";
    for (const Block& block : section.blocks) std::visit(writer, block);
  }
  writer.out += "---\n\n" + escape_markdown(document.footer) + "\n";
  return writer.out;
}

}  // namespace loam

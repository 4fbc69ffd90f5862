#include "loam/report/flow.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "loam/base/progress.h"
#include "loam/report/html.h"

namespace loam {

std::vector<FlowBox> flow_layout(const PathData& path) {
  const size_t n = path.made.size();
  std::vector<FlowBox> boxes(n);
  std::vector<std::vector<size_t>> children(n);
  for (size_t i = 0; i < n; ++i) {
    for (const size_t parent : path.made[i].parents) {
      boxes[i].column = std::max(boxes[i].column, boxes[parent].column + 1);
      children[parent].push_back(i);
    }
  }
  // What only feeds late stages stands beside them, not at the far left.
  for (size_t i = n; i-- > 0;) {
    if (children[i].empty() || !path.made[i].parents.empty()) continue;
    int nearest = boxes[children[i][0]].column;
    for (const size_t child : children[i]) nearest = std::min(nearest, boxes[child].column);
    boxes[i].column = std::max(boxes[i].column, nearest - 1);
  }
  std::set<std::pair<int, int>> taken;
  for (size_t i = 0; i < n; ++i) {
    int row = 0;
    if (!path.made[i].parents.empty()) {
      row = boxes[path.made[i].parents[0]].row;
      for (const size_t parent : path.made[i].parents) row = std::min(row, boxes[parent].row);
    } else if (i > 0) {
      for (size_t j = 0; j < i; ++j) row = std::max(row, boxes[j].row + 1);
    }
    if (path.made[i].artifact.kind == "tokenizer") ++row;  // the corpus goes past it to the tokens
    while (taken.count({boxes[i].column, row}) != 0) ++row;
    boxes[i].row = row;
    taken.insert({boxes[i].column, row});
  }
  return boxes;
}

std::string headline(const Artifact& artifact) {
  auto count = [&](std::initializer_list<const char*> keys) -> double {
    for (const char* key : keys) {
      const auto it = artifact.counts.find(key);
      if (it != artifact.counts.end() && it->is_number()) return it->get<double>();
    }
    return -1;
  };
  std::vector<std::string> parts;
  auto add = [&](double value, const std::string& text) {
    if (value >= 0) parts.push_back(text);
  };
  if (artifact.kind == "corpus") {
    const double documents = count({"documents"}), bytes = count({"bytes"});
    add(documents, with_commas(static_cast<int64_t>(documents)) + " documents");
    add(bytes, human_bytes(bytes));
  } else if (artifact.kind == "tokenizer") {
    const double size = count({"vocab_size", "vocabulary", "tokens"});
    add(size, with_commas(static_cast<int64_t>(size)) + " tokens");
  } else if (artifact.kind == "tokens") {
    const double train = count({"train_tokens", "tokens"});
    add(train, human_count(train) + " tokens");
  } else if (artifact.kind == "model") {
    const double parameters = count({"parameters", "params"});
    add(parameters, human_count(parameters) + " parameters");
  } else if (artifact.kind == "pairs") {
    const double pairs = count({"train"});
    add(pairs, with_commas(static_cast<int64_t>(pairs)) + " pairs");
  }
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : ", ") + part;
  return out;
}

std::string flow_picture(const PathData& path) {
  if (path.made.empty()) return "";
  constexpr double kWide = 172, kHigh = 58, kGapX = 44, kGapY = 20, kMargin = 6;
  const std::vector<FlowBox> boxes = flow_layout(path);
  int columns = 0, rows = 0;
  for (const FlowBox& box : boxes) {
    columns = std::max(columns, box.column + 1);
    rows = std::max(rows, box.row + 1);
  }
  auto left = [&](size_t i) { return kMargin + boxes[i].column * (kWide + kGapX); };
  auto middle = [&](size_t i) { return kMargin + boxes[i].row * (kHigh + kGapY) + kHigh / 2; };
  const double width = 2 * kMargin + columns * kWide + (columns - 1) * kGapX, height = 2 * kMargin + rows * kHigh + (rows - 1) * kGapY;
  std::string description;
  for (const MadeArtifact& made : path.made) {
    description += made.name + " (" + made.artifact.kind + ")";
    for (size_t p = 0; p < made.parents.size(); ++p) description += (p == 0 ? " from " : " and ") + path.made[made.parents[p]].name;
    description += "; ";
  }
  std::string out = fmt::format("<svg class=\"flow\" viewBox=\"0 0 {0:.0f} {1:.0f}\" style=\"min-width:{2:.0f}px;max-width:{0:.0f}px\" role=\"img\" aria-label=\"{3}\">"
                                "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">"
                                "<path d=\"M0 0.5 7.5 4 0 7.5z\"/></marker></defs>",
                                width, height, width * 0.72, escape_html(description));
  for (size_t i = 0; i < path.made.size(); ++i) {
    for (const size_t parent : path.made[i].parents) {
      // Along the parent's row to the last gap, then over to the child.
      const double x1 = left(parent) + kWide, y1 = middle(parent), x2 = left(i) - 2, y2 = middle(i);
      const double turn = std::max(x1, x2 - kGapX + 4);
      out += fmt::format("<path class=\"edge\" marker-end=\"url(#tip)\" d=\"M{:.1f} {:.1f} H{:.1f} C{:.1f} {:.1f} {:.1f} {:.1f} {:.1f} {:.1f}\"/>", x1, y1, turn,
                         turn + (x2 - turn) * 0.55, y1, turn + (x2 - turn) * 0.45, y2, x2, y2);
    }
  }
  for (size_t i = 0; i < path.made.size(); ++i) {
    const MadeArtifact& made = path.made[i];
    const double x = left(i), y = middle(i) - kHigh / 2;
    out += fmt::format("<a href=\"#artifact-{0}\"><g class=\"box k-{1}\"><rect x=\"{2:.1f}\" y=\"{3:.1f}\" width=\"{4}\" height=\"{5}\" rx=\"7\"/>"
                       "<text class=\"kind\" x=\"{6:.1f}\" y=\"{7:.1f}\">{8}</text><text class=\"name\" x=\"{6:.1f}\" y=\"{9:.1f}\">{10}</text>"
                       "<text class=\"fact\" x=\"{6:.1f}\" y=\"{11:.1f}\">{12}</text></g></a>",
                       escape_html(made.name), escape_html(made.artifact.kind), x, y, kWide, kHigh, x + 11, y + 16, escape_html(made.artifact.kind), y + 33,
                       escape_html(shorten(made.name, 20)), y + 49, escape_html(shorten(headline(made.artifact), 28)));
  }
  return out + "</svg>";
}

}  // namespace loam

#include "loam/report/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "loam/base/progress.h"
#include "loam/report/html.h"

namespace loam {
namespace {

constexpr size_t kMostPoints = 600;

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();
  void add(double v) {
    low = std::min(low, v);
    high = std::max(high, v);
  }
  bool empty() const { return low > high; }
  void widen() {
    if (low == high) {
      const double by = low == 0 ? 1 : std::abs(low) * 0.1;
      low -= by;
      high += by;
    }
  }
};

/// Finite points in order of x, thinned by keeping the mean of each stretch.
std::vector<std::pair<double, double>> seen_points(const Series& series) {
  std::vector<std::pair<double, double>> all;
  for (size_t i = 0; i < std::min(series.x.size(), series.y.size()); ++i) {
    if (std::isfinite(series.x[i]) && std::isfinite(series.y[i])) all.emplace_back(series.x[i], series.y[i]);
  }
  if (all.size() <= kMostPoints || series.points) return all;
  std::vector<std::pair<double, double>> out;
  for (size_t piece = 0; piece < kMostPoints; ++piece) {
    const size_t begin = piece * all.size() / kMostPoints, end = (piece + 1) * all.size() / kMostPoints;
    double x = 0, y = 0;
    for (size_t i = begin; i < end; ++i) {
      x += all[i].first;
      y += all[i].second;
    }
    out.emplace_back(x / static_cast<double>(end - begin), y / static_cast<double>(end - begin));
  }
  return out;
}

std::string text_at(double x, double y, const char* anchor, const std::string& words, const char* extra = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}</text>", x, y, anchor, extra, escape_html(words));
}

std::string open_svg(int width, int height, const std::string& title, const std::string& description) {
  return fmt::format("<svg class=\"chart\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\"><title>{}</title>", width, height,
                     escape_html(title + (description.empty() ? "" : ": " + description)), escape_html(title));
}

}  // namespace

std::string unit_text(double value, Unit unit) {
  switch (unit) {
    case Unit::count: return human_count(value);
    case Unit::seconds: return value == 0 ? "0" : human_time(value);
    case Unit::percent: return fmt::format("{:g}%", std::round(value * 1e6) / 1e4);
    case Unit::plain: break;
  }
  return fmt::format("{:g}", std::abs(value) < 1e-12 ? 0.0 : std::round(value * 1e9) / 1e9);
}

std::vector<double> nice_ticks(double low, double high, int wanted) {
  if (!(high > low) || !std::isfinite(low) || !std::isfinite(high)) return {low};
  const double rough = (high - low) / std::max(1, wanted);
  const double magnitude = std::pow(10, std::floor(std::log10(rough)));
  double step = magnitude * 10;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (magnitude * factor >= rough * 0.999) {
      step = magnitude * factor;
      break;
    }
  }
  std::vector<double> out;
  const double first = std::floor(low / step + 1e-9);
  for (int64_t i = 0; i < 100; ++i) {
    out.push_back((first + static_cast<double>(i)) * step);
    if (out.back() >= high - step * 1e-9) break;
  }
  return out;
}

std::vector<double> smoothed(const std::vector<double>& values, double keep) {
  std::vector<double> out;
  double mean = 0, weight = 0;
  for (const double value : values) {
    if (std::isfinite(value)) {
      mean = keep * mean + (1 - keep) * value;
      weight = keep * weight + (1 - keep);
    }
    out.push_back(weight > 0 ? mean / weight : value);
  }
  return out;
}

std::string line_chart(const std::vector<Series>& series, const ChartFrame& frame) {
  Range xs, ys;
  std::vector<std::vector<std::pair<double, double>>> points;
  for (const Series& one : series) {
    points.push_back(seen_points(one));
    for (const auto& [x, y] : points.back()) {
      xs.add(x);
      if (!one.faint) ys.add(y);
    }
  }
  if (ys.empty()) {
    for (const auto& line : points) {
      for (const auto& point : line) ys.add(point.second);
    }
  }
  if (xs.empty()) return "";
  xs.widen();
  ys.widen();
  if (frame.y_low) ys.low = *frame.y_low;
  if (frame.y_high) ys.high = *frame.y_high;
  const std::vector<double> y_ticks = nice_ticks(ys.low, ys.high, 5);
  ys.low = std::min(ys.low, y_ticks.front());
  ys.high = std::max(ys.high, y_ticks.back());
  const double left = 52, right = frame.width - 14.0, top = 14, bottom = frame.height - 44.0;
  auto px = [&](double x) { return left + (x - xs.low) / (xs.high - xs.low) * (right - left); };
  auto py = [&](double y) { return bottom - (std::clamp(y, ys.low, ys.high) - ys.low) / (ys.high - ys.low) * (bottom - top); };

  std::string description;
  for (size_t s = 0; s < series.size(); ++s) {
    if (series[s].faint || points[s].empty()) continue;
    description += fmt::format("{}{} from {} to {}", description.empty() ? "" : "; ", series[s].name, unit_text(points[s].front().second, frame.y_unit),
                               unit_text(points[s].back().second, frame.y_unit));
  }
  std::string out = open_svg(frame.width, frame.height, frame.title, description);
  out += "<g class=\"axis\">";
  for (const double tick : y_ticks) {
    out += fmt::format("<line x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>", left, right, py(tick), py(tick));
    out += text_at(left - 8, py(tick) + 4, "end", unit_text(tick, frame.y_unit));
  }
  for (const double tick : nice_ticks(xs.low, xs.high, 6)) {
    if (tick < xs.low - (xs.high - xs.low) * 1e-6 || tick > xs.high + (xs.high - xs.low) * 1e-6) continue;
    out += text_at(px(tick), bottom + 18, "middle", unit_text(tick, frame.x_unit));
  }
  out += text_at((left + right) / 2, frame.height - 6.0, "middle", frame.x_label, " class=\"label\"");
  out += fmt::format("<text class=\"label\" transform=\"translate(12 {:.1f}) rotate(-90)\" text-anchor=\"middle\">{}</text></g>", (top + bottom) / 2,
                     escape_html(frame.y_label));
  for (size_t s = 0; s < series.size(); ++s) {
    const auto& line = points[s];
    if (line.empty()) continue;
    const std::string style = fmt::format("c{}{}", series[s].colour, series[s].faint ? " faint" : "");
    if (!series[s].points && line.size() > 1) {
      out += fmt::format("<polyline class=\"{}\" points=\"", style);
      for (const auto& [x, y] : line) out += fmt::format("{:.1f},{:.1f} ", px(x), py(y));
      out += "\"/>";
    } else {
      for (const auto& [x, y] : line) {
        out += fmt::format("<circle class=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.5\"><title>{}: {} at {}</title></circle>", style, px(x), py(y),
                           escape_html(series[s].name), unit_text(y, frame.y_unit), unit_text(x, frame.x_unit));
      }
    }
  }
  out += "</svg>";
  // The legend is text beside the picture: it wraps, and screen readers meet it once.
  std::string legend;
  for (size_t s = 0; s < series.size(); ++s) {
    if (series[s].faint || points[s].empty()) continue;
    legend += fmt::format("<li><span class=\"key c{}\"></span>{}</li>", series[s].colour, escape_html(series[s].name));
  }
  if (series.size() > 1) out += "<ul class=\"legend\">" + legend + "</ul>";
  return out;
}

std::string interval_chart(const std::vector<IntervalRow>& rows, double low, double high, Unit unit, const std::string& title) {
  if (rows.empty() || !(high > low)) return "";
  const int row_height = 30, width = 640;
  size_t longest = 0;
  for (const IntervalRow& row : rows) longest = std::max(longest, row.label.size());
  const double left = std::min(240.0, 20 + 7.2 * static_cast<double>(longest)), right = width - 70.0;
  const double bottom = 10.0 + row_height * static_cast<double>(rows.size());
  auto px = [&](double v) { return left + (std::clamp(v, low, high) - low) / (high - low) * (right - left); };
  std::string description;
  for (const IntervalRow& row : rows) description += fmt::format("{}{} {}", description.empty() ? "" : "; ", row.label, unit_text(row.value, unit));
  std::string out = open_svg(width, static_cast<int>(bottom) + 26, title, description);
  out += "<g class=\"axis\">";
  for (const double tick : nice_ticks(low, high, 5)) {
    if (tick < low - 1e-12 || tick > high + 1e-12) continue;
    out += fmt::format("<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"6\" y2=\"{1:.1f}\"/>", px(tick), bottom);
    out += text_at(px(tick), bottom + 18, "middle", unit_text(tick, unit));
  }
  out += "</g>";
  for (size_t i = 0; i < rows.size(); ++i) {
    const IntervalRow& row = rows[i];
    const double y = 10 + row_height * (static_cast<double>(i) + 0.5);
    out += text_at(left - 10, y + 4, "end", shorten(row.label, 32));
    if (row.low && row.high) {
      out += fmt::format("<line class=\"bar c{}\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"><title>{} to {}</title></line>", row.colour,
                         px(*row.low), px(*row.high), y, y, unit_text(*row.low, unit), unit_text(*row.high, unit));
    }
    if (row.chance) {
      out += fmt::format("<line class=\"chance\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.1f}\" y2=\"{2:.1f}\"><title>chance: {3}</title></line>",
                         px(*row.chance), y - 9, y + 9, unit_text(*row.chance, unit));
    }
    out += fmt::format("<circle class=\"c{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4.5\"/>", row.colour, px(row.value), y);
    out += text_at(right + 10, y + 4, "start", unit == Unit::percent ? fmt::format("{:.1f}%", 100 * row.value) : fmt::format("{:.3g}", row.value));
  }
  return out + "</svg>";
}

std::string calibration_chart(const std::vector<CalibrationBin>& bins, const std::string& title) {
  int64_t total = 0;
  for (const CalibrationBin& bin : bins) total += bin.count;
  if (total == 0) return "";
  const int size = 300;
  const double left = 48, right = size - 12.0, top = 12, bottom = size - 44.0;
  auto px = [&](double v) { return left + v * (right - left); };
  auto py = [&](double v) { return bottom - v * (bottom - top); };
  std::string out = open_svg(size, size, title, "predicted probability against observed share");
  out += "<g class=\"axis\">";
  for (const double tick : {0.0, 0.25, 0.5, 0.75, 1.0}) {
    out += fmt::format("<line x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>", left, right, py(tick), py(tick));
    out += text_at(left - 8, py(tick) + 4, "end", unit_text(tick, Unit::percent));
    out += text_at(px(tick), bottom + 18, "middle", unit_text(tick, Unit::percent));
  }
  out += text_at((left + right) / 2, size - 6.0, "middle", "probability given", " class=\"label\"");
  out += fmt::format("<text class=\"label\" transform=\"translate(12 {:.1f}) rotate(-90)\" text-anchor=\"middle\">share that was right</text></g>",
                     (top + bottom) / 2);
  out += fmt::format("<line class=\"diagonal\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>", px(0), py(0), px(1), py(1));
  for (const CalibrationBin& bin : bins) {
    if (bin.count == 0) continue;
    const double radius = 3 + 11 * std::sqrt(static_cast<double>(bin.count) / static_cast<double>(total));
    out += fmt::format("<circle class=\"c1 bubble\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\"><title>{} given {}: {} were right</title></circle>",
                       px(std::clamp(bin.predicted, 0.0, 1.0)), py(std::clamp(bin.observed, 0.0, 1.0)), radius, with_commas(bin.count),
                       unit_text(bin.predicted, Unit::percent), unit_text(bin.observed, Unit::percent));
  }
  return out + "</svg>";
}

}  // namespace loam

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

/// Finite points in order of x, thinned by keeping the mean of each stretch; their logarithms to 10 on such an axis.
std::vector<std::pair<double, double>> seen_points(const Series& series, const ChartFrame& frame) {
  std::vector<std::pair<double, double>> all;
  for (size_t i = 0; i < std::min(series.x.size(), series.y.size()); ++i) {
    const double x = frame.x_log ? std::log10(series.x[i]) : series.x[i], y = frame.y_log ? std::log10(series.y[i]) : series.y[i];
    if (std::isfinite(x) && std::isfinite(y)) all.emplace_back(x, y);
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

using Line = std::vector<std::pair<double, double>>;

/// The stretches of a line that lie between two heights, cut where they cross them.
std::vector<Line> between(const Line& line, double low, double high) {
  std::vector<Line> out;
  Line now;
  auto leave = [&] {
    if (!now.empty()) out.push_back(std::move(now));
    now.clear();
  };
  for (size_t i = 0; i < line.size(); ++i) {
    const auto [x, y] = line[i];
    const bool inside = y >= low && y <= high;
    if (i > 0) {
      const auto [from_x, from_y] = line[i - 1];
      const bool was_inside = from_y >= low && from_y <= high;
      if (inside != was_inside) {
        const double edge = (inside ? from_y : y) > high ? high : low;
        now.emplace_back(from_x + (x - from_x) * (edge - from_y) / (y - from_y), edge);
        if (!inside) leave();
      }
    }
    if (inside) now.emplace_back(x, y);
  }
  leave();
  return out;
}

std::string text_at(double x, double y, const char* anchor, const std::string& words, const char* extra = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}</text>", x, y, anchor, extra, escape_html(words));
}

/// Places of an axis of logarithms to 10: powers of ten over decades, else round numbers between.
std::vector<double> log_ticks(double low, double high) {
  std::vector<double> out;
  if (high - low >= 1.5) {
    const double step = std::max(1.0, std::ceil((high - low) / 8));
    for (double power = std::ceil(low - 1e-9); power <= high + 1e-9; power += step) out.push_back(power);
    return out;
  }
  for (const double tick : nice_ticks(std::pow(10, low), std::pow(10, high), 5)) {
    if (tick > 0) out.push_back(std::log10(tick));
  }
  return out;
}

/// The number at a place of an axis.
std::string axis_text(double place, Unit unit, bool log) {
  if (!log) return unit_text(place, unit);
  const double value = std::pow(10, place);
  if (value >= 1e6 && unit == Unit::plain) {
    const double power = std::floor(place + 1e-9);
    return fmt::format("{:.3g}e{:.0f}", value / std::pow(10, power), power);
  }
  return unit == Unit::plain ? fmt::format("{:.4g}", value) : unit_text(value, unit);
}

std::string open_svg(int width, int height, const std::string& title, const std::string& description) {
  return fmt::format("<svg class=\"chart\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\"><title>{}</title>", width, height,
                     escape_html(title + (description.empty() ? "" : ": " + description)), escape_html(title));
}

}  // namespace

std::string unit_text(double value, Unit unit) {
  switch (unit) {
    case Unit::count: return human_count(value);
    case Unit::seconds:
      if (value >= 60 && value < 3600 && std::fmod(value, 60) == 0) return fmt::format("{:g} min", value / 60);
      return value == 0 ? "0" : human_time(value);
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

std::vector<double> time_ticks(double low, double high, int wanted) {
  if (!(high > low) || !std::isfinite(low) || !std::isfinite(high)) return {low};
  const double rough = (high - low) / std::max(1, wanted);
  for (const double step : {1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 43200.0, 86400.0}) {
    if (step < rough * 0.999) continue;
    std::vector<double> out;
    for (double tick = std::floor(low / step) * step; out.empty() || out.back() < high; tick += step) out.push_back(tick);
    return rough < 0.5 ? nice_ticks(low, high, wanted) : out;
  }
  return nice_ticks(low, high, wanted);
}

std::vector<double> smoothed(const std::vector<double>& values, int64_t window) {
  const auto n = static_cast<int64_t>(values.size());
  std::vector<double> sum(values.size() + 1, 0), count(values.size() + 1, 0), out;
  for (size_t i = 0; i < values.size(); ++i) {
    const bool there = std::isfinite(values[i]);
    sum[i + 1] = sum[i] + (there ? values[i] : 0);
    count[i + 1] = count[i] + (there ? 1 : 0);
  }
  for (int64_t i = 0; i < n; ++i) {
    const int64_t reach = std::max<int64_t>(0, std::min({(window - 1) / 2, i, n - 1 - i}));
    const auto begin = static_cast<size_t>(i - reach), end = static_cast<size_t>(i + reach + 1);
    const double many = count[end] - count[begin];
    out.push_back(many > 0 ? (sum[end] - sum[begin]) / many : values[static_cast<size_t>(i)]);
  }
  return out;
}

std::string line_chart(const std::vector<Series>& series, const ChartFrame& frame) {
  Range xs, ys;
  std::vector<std::vector<std::pair<double, double>>> points;
  for (const Series& one : series) {
    points.push_back(seen_points(one, frame));
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
  if (frame.y_low) ys.low = frame.y_log ? std::log10(*frame.y_low) : *frame.y_low;
  if (frame.y_high) ys.high = frame.y_log ? std::log10(*frame.y_high) : *frame.y_high;
  std::vector<double> y_ticks = frame.y_log ? log_ticks(ys.low, ys.high) : nice_ticks(ys.low, ys.high, 5);
  if (y_ticks.empty()) y_ticks = {ys.low, ys.high};
  ys.low = std::min(ys.low, y_ticks.front());
  ys.high = std::max(ys.high, y_ticks.back());
  size_t widest = 0;
  for (const double tick : y_ticks) widest = std::max(widest, axis_text(tick, frame.y_unit, frame.y_log).size());
  const double left = 32 + 6.6 * static_cast<double>(std::max<size_t>(widest, 3)), right = frame.width - 18.0, top = 14, bottom = frame.height - 44.0;
  auto px = [&](double x) { return left + (x - xs.low) / (xs.high - xs.low) * (right - left); };
  auto py = [&](double y) { return bottom - (std::clamp(y, ys.low, ys.high) - ys.low) / (ys.high - ys.low) * (bottom - top); };

  std::string description;
  for (size_t s = 0; s < series.size(); ++s) {
    if (series[s].faint || points[s].empty()) continue;
    description += fmt::format("{}{} from {} to {}", description.empty() ? "" : "; ", series[s].name, axis_text(points[s].front().second, frame.y_unit, frame.y_log),
                               axis_text(points[s].back().second, frame.y_unit, frame.y_log));
  }
  std::string out = open_svg(frame.width, frame.height, frame.title, description);
  out += "<g class=\"axis\">";
  for (const double tick : y_ticks) {
    out += fmt::format("<line x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>", left, right, py(tick), py(tick));
    out += text_at(left - 8, py(tick) + 4, "end", axis_text(tick, frame.y_unit, frame.y_log));
  }
  for (const double tick : frame.x_log ? log_ticks(xs.low, xs.high) : frame.x_unit == Unit::seconds ? time_ticks(xs.low, xs.high, 6) : nice_ticks(xs.low, xs.high, 6)) {
    if (tick < xs.low - (xs.high - xs.low) * 1e-6 || tick > xs.high + (xs.high - xs.low) * 1e-6) continue;
    out += text_at(px(tick), bottom + 18, "middle", axis_text(tick, frame.x_unit, frame.x_log));
  }
  out += text_at((left + right) / 2, frame.height - 6.0, "middle", frame.x_label, " class=\"label\"");
  out += fmt::format("<text class=\"label\" transform=\"translate(12 {:.1f}) rotate(-90)\" text-anchor=\"middle\">{}</text></g>", (top + bottom) / 2,
                     escape_html(frame.y_label));
  for (size_t s = 0; s < series.size(); ++s) {
    const auto& line = points[s];
    if (line.empty()) continue;
    const std::string style = fmt::format("c{}{}", series[s].colour, series[s].faint ? " faint" : "");
    if (!series[s].points && line.size() > 1) {
      for (const Line& stretch : between(line, ys.low, ys.high)) {
        out += fmt::format("<polyline class=\"{}\" points=\"", style);
        for (const auto& [x, y] : stretch) out += fmt::format("{:.1f},{:.1f} ", px(x), py(y));
        out += "\"/>";
      }
    } else {
      for (const auto& [x, y] : line) {
        out += fmt::format("<circle class=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.5\"><title>{}: {} at {}</title></circle>", style, px(x), py(y),
                           escape_html(series[s].name), axis_text(y, frame.y_unit, frame.y_log), axis_text(x, frame.x_unit, frame.x_log));
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

std::string funnel_chart(const std::vector<FunnelRow>& rows, const std::string& title) {
  int64_t most = 0;
  size_t longest = 0;
  for (const FunnelRow& row : rows) {
    most = std::max(most, row.left + row.taken);
    longest = std::max(longest, row.label.size());
  }
  if (most == 0) return "";
  const int row_height = 26, width = 640;
  const double left = std::min(220.0, 20 + 6.6 * static_cast<double>(longest)), right = width - 130.0;
  auto px = [&](int64_t count) { return (right - left) * static_cast<double>(count) / static_cast<double>(most); };
  std::string description;
  for (const FunnelRow& row : rows) description += fmt::format("{}{}: {} left", description.empty() ? "" : "; ", row.label, with_commas(row.left));
  std::string out = open_svg(width, 8 + row_height * static_cast<int>(rows.size()), title, description);
  for (size_t i = 0; i < rows.size(); ++i) {
    const FunnelRow& row = rows[i];
    const double y = 4 + row_height * static_cast<double>(i);
    out += text_at(left - 10, y + 17, "end", shorten(row.label, 32));
    out += fmt::format("<rect class=\"c1\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{}\"/>", left, y + 4, px(row.left), row_height - 8);
    if (row.taken > 0) {
      // What was taken can be a few of many: never thinner than the eye sees.
      out += fmt::format("<rect class=\"c2\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{}\"/>", left + px(row.left), y + 4, std::max(1.5, px(row.taken)), row_height - 8);
    }
    out += text_at(right + 8, y + 17, "start", row.taken > 0 ? fmt::format("{}  (-{})", with_commas(row.left), with_commas(row.taken)) : with_commas(row.left));
  }
  return out + "</svg>";
}

std::string count_chart(const std::vector<CountRow>& rows, const std::string& title) {
  int64_t most = 0;
  size_t longest = 0;
  std::string description;
  for (const CountRow& row : rows) {
    most = std::max(most, row.count);
    longest = std::max(longest, row.label.size());
    description += fmt::format("{}{}: {}", description.empty() ? "" : "; ", row.label, with_commas(row.count));
  }
  if (most == 0) return "";
  const int row_height = 22, width = 420;
  const double left = std::min(180.0, 20 + 6.6 * static_cast<double>(longest)), right = width - 80.0;
  std::string out = open_svg(width, 8 + row_height * static_cast<int>(rows.size()), title, description);
  for (size_t i = 0; i < rows.size(); ++i) {
    const double y = 4 + row_height * static_cast<double>(i), length = (right - left) * static_cast<double>(rows[i].count) / static_cast<double>(most);
    out += text_at(left - 10, y + 15, "end", shorten(rows[i].label, 26));
    out += fmt::format("<rect class=\"c1\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{}\"/>", left, y + 3, rows[i].count > 0 ? std::max(1.0, length) : 0.0, row_height - 6);
    out += text_at(left + length + 8, y + 15, "start", with_commas(rows[i].count));
  }
  return out + "</svg>";
}

std::string calibration_chart(const std::vector<CalibrationBin>& bins, const std::string& title) {
  int64_t total = 0;
  double least = 0.9;
  for (const CalibrationBin& bin : bins) {
    total += bin.count;
    if (bin.count > 0) least = std::min(least, bin.predicted);
  }
  if (total == 0) return "";
  const int width = 560, height = 270;
  const double low = std::clamp(std::floor(least * 10) / 10, 0.0, 0.9);
  const double left = 58, right = width - 24.0, top = 20, bottom = height - 44.0;
  auto px = [&](double v) { return left + (v - low) / (1 - low) * (right - left); };
  auto py = [&](double v) { return bottom - v * (bottom - top); };
  std::string out = open_svg(width, height, title, "predicted probability against observed share");
  out += "<g class=\"axis\">";
  for (const double tick : {0.0, 0.25, 0.5, 0.75, 1.0}) {
    out += fmt::format("<line x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>", left, right, py(tick), py(tick));
    out += text_at(left - 8, py(tick) + 4, "end", unit_text(tick, Unit::percent));
  }
  for (const double tick : nice_ticks(low, 1, 5)) out += text_at(px(tick), bottom + 18, "middle", unit_text(tick, Unit::percent));
  out += text_at((left + right) / 2, height - 6.0, "middle", "probability given", " class=\"label\"");
  out += fmt::format("<text class=\"label\" transform=\"translate(12 {:.1f}) rotate(-90)\" text-anchor=\"middle\">share that was right</text></g>",
                     (top + bottom) / 2);
  out += fmt::format("<line class=\"diagonal\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>", px(low), py(low), px(1), py(1));
  for (const CalibrationBin& bin : bins) {
    if (bin.count == 0) continue;
    const double radius = 3 + 11 * std::sqrt(static_cast<double>(bin.count) / static_cast<double>(total));
    out += fmt::format("<circle class=\"c1 bubble\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\"><title>{} given {}: {} were right</title></circle>",
                       px(std::clamp(bin.predicted, low, 1.0)), py(std::clamp(bin.observed, 0.0, 1.0)), radius, with_commas(bin.count),
                       unit_text(bin.predicted, Unit::percent), unit_text(bin.observed, Unit::percent));
  }
  return out + "</svg>";
}

}  // namespace loam

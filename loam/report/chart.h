// Pictures of numbers as inline SVG: no script, colours from the page's style (light and dark), a text alternative each.
//
//   ChartFrame frame{"Loss", "tokens", "nats a token"};
//   std::string svg = line_chart({{"training", steps, losses}}, frame);
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace loam {

enum class Unit { plain, count, seconds, percent };

/// One line (or cloud of points). `colour` 1..6 names a colour of the page's style.
struct Series {
  std::string name;
  std::vector<double> x, y;
  int colour = 1;
  bool points = false;  ///< marks instead of a line
  bool faint = false;   ///< in the background: a noisy line behind its smooth one
};

struct ChartFrame {
  std::string title = {}, x_label = {}, y_label = {};
  Unit x_unit = Unit::plain, y_unit = Unit::plain;
  int width = 640, height = 280;
  std::optional<double> y_low = {}, y_high = {};  ///< the axis's ends; from the data if absent
  bool x_log = false, y_log = false;  ///< logarithmic axes: what is not above 0 is left out
};

/// Lines over a common pair of axes. NaN and infinities are left out; long series are thinned to what can be seen.
/// "" if no series has a point.
std::string line_chart(const std::vector<Series>& series, const ChartFrame& frame);

/// A value with its interval on a common scale, one below the other.
struct IntervalRow {
  std::string label;
  double value = 0;
  std::optional<double> low = {}, high = {};
  std::optional<double> chance = {};  ///< what guessing reaches: a tick
  int colour = 1;
};
std::string interval_chart(const std::vector<IntervalRow>& rows, double low, double high, Unit unit, const std::string& title);

/// How many are left after each step, one bar below the other; what a step took away is the bar's lighter end.
struct FunnelRow {
  std::string label;
  int64_t left = 0, taken = 0;
};
std::string funnel_chart(const std::vector<FunnelRow>& rows, const std::string& title);

/// How many there are of each, one bar below the other.
struct CountRow {
  std::string label;
  int64_t count = 0;
};
std::string count_chart(const std::vector<CountRow>& rows, const std::string& title);

/// Predicted probability against observed share, with the diagonal of a calibrated one; a bin's area is its count. The
/// axis of the predicted begins at the tenth below the least of them.
struct CalibrationBin {
  double predicted = 0, observed = 0;
  int64_t count = 0;
};
std::string calibration_chart(const std::vector<CalibrationBin>& bins, const std::string& title);

/// Steps of 1, 2 or 5 times a power of ten from at or below `low` to at or above `high`, about `wanted` of them.
std::vector<double> nice_ticks(double low, double high, int wanted);

/// The same for seconds: steps that are whole seconds, minutes or hours. Ticks below `low` and above `high` included.
std::vector<double> time_ticks(double low, double high, int wanted);

/// Each value's mean with its neighbours, `window` of them in all where there are as many on both sides, fewer towards
/// the ends: never behind the values, as a mean over the past alone would be. Holes are left out of the means.
std::vector<double> smoothed(const std::vector<double>& values, int64_t window);

std::string unit_text(double value, Unit unit);

}  // namespace loam

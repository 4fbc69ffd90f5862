#include "loam/metrics/scaling_law.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "loam/base/error.h"
#include "loam/base/random.h"

namespace loam {
namespace {

using Numbers = ScalingLaw::Numbers;
enum : size_t { kE, kA, kAlpha, kB, kBeta };  // places in Numbers

constexpr double kHuber = 1e-3;  // Hoffmann et al. 2022, appendix D.3
constexpr int64_t kReplicates = 200;
constexpr int64_t kFewestRows = 7, kFewestSizes = 3;

/// Rows as the fit sees them: logarithms, those of N and D (or C) around their means, so that A and B are losses at the
/// middle of the data and do not swing with the exponents.
struct Logs {
  ScalingLaw::Form form;
  std::vector<double> n, d, loss;
  double n_mean = 0, d_mean = 0;

  Logs(ScalingLaw::Form f, std::span<const ScalingRow> rows) : form(f) {
    for (const ScalingRow& row : rows) {
      n.push_back(std::log(f == ScalingLaw::Form::power ? row.flops : row.parameters));
      d.push_back(std::log(row.tokens));
      loss.push_back(std::log(row.loss));
    }
    n_mean = centre(n);
    d_mean = centre(d);
  }
  size_t size() const { return loss.size(); }
  size_t free_numbers() const { return form == ScalingLaw::Form::power ? 2 : 5; }

 private:
  static double centre(std::vector<double>& values) {
    double mean = 0;
    for (const double v : values) mean += v / static_cast<double>(values.size());
    for (double& v : values) v -= mean;
    return mean;
  }
};

/// log L of the law at logarithms n and d, and its gradient by the five numbers.
double log_loss(ScalingLaw::Form form, const Numbers& x, double n, double d, Numbers* gradient) {
  if (form == ScalingLaw::Form::power) {
    if (gradient != nullptr) *gradient = {0, 1, -n, 0, 0};
    return x[kA] - x[kAlpha] * n;
  }
  const double terms[3] = {x[kE], x[kA] - x[kAlpha] * n, x[kB] - x[kBeta] * d};
  const double most = std::max({terms[0], terms[1], terms[2]});
  const double parts[3] = {std::exp(terms[0] - most), std::exp(terms[1] - most), std::exp(terms[2] - most)};
  const double sum = parts[0] + parts[1] + parts[2];
  if (gradient != nullptr) *gradient = {parts[0] / sum, parts[1] / sum, -n * parts[1] / sum, parts[2] / sum, -d * parts[2] / sum};
  return most + std::log(sum);
}

double huber(double r) { return std::abs(r) <= kHuber ? 0.5 * r * r : kHuber * (std::abs(r) - 0.5 * kHuber); }

double law_objective(const Logs& rows, const std::vector<double>& losses, const Numbers& x) {
  double sum = 0;
  for (size_t i = 0; i < rows.size(); ++i) sum += huber(log_loss(rows.form, x, rows.n[i], rows.d[i], nullptr) - losses[i]);
  return sum;
}

struct Box {
  Numbers low, high;
  Numbers clamped(Numbers x) const {
    for (size_t i = 0; i < x.size(); ++i) x[i] = std::clamp(x[i], low[i], high[i]);
    return x;
  }
};

/// What a law may be: no term above the losses seen, exponents between a near-standstill and the square.
Box box_of(const Logs& rows) {
  const auto [least, most] = std::minmax_element(rows.loss.begin(), rows.loss.end());
  if (rows.form == ScalingLaw::Form::power) return {{0, *least - 1, -1, 0, 0}, {0, *most + 1, 2, 0, 0}};
  return {{*least - 5, *least - 7, 0.02, *least - 7, 0.02}, {*least, *most, 2, *most, 2}};
}

/// Solves the symmetric, positive definite system in place of `right`; false if it is not positive definite.
bool solve(std::array<Numbers, 5> m, Numbers& right) {
  for (size_t i = 0; i < 5; ++i) {
    for (size_t j = 0; j < i; ++j) {
      const double factor = m[i][j] / m[j][j];
      for (size_t k = j; k < 5; ++k) m[i][k] -= factor * m[j][k];
      right[i] -= factor * right[j];
    }
    if (!(m[i][i] > 0)) return false;
  }
  for (size_t i = 5; i-- > 0;) {
    for (size_t k = i + 1; k < 5; ++k) right[i] -= m[i][k] * right[k];
    right[i] /= m[i][i];
  }
  return true;
}

struct Found {
  Numbers x;
  double value;
};

/// Levenberg-Marquardt on Huber's function, as reweighted least squares; every step is kept inside the box and taken only
/// if it lowers the sum. Deterministic.
Found descend(const Logs& rows, const std::vector<double>& losses, const Box& box, const Numbers& start) {
  Found best{box.clamped(start), 0};
  best.value = law_objective(rows, losses, best.x);
  double damping = 1e-3;
  for (int step = 0; step < 200 && damping < 1e12; ++step) {
    std::array<Numbers, 5> normal = {};
    Numbers right = {};
    for (size_t i = 0; i < rows.size(); ++i) {
      Numbers g;
      const double r = log_loss(rows.form, best.x, rows.n[i], rows.d[i], &g) - losses[i];
      const double weight = std::abs(r) <= kHuber ? 1.0 : kHuber / std::abs(r);
      for (size_t a = 0; a < 5; ++a) {
        right[a] -= weight * g[a] * r;
        for (size_t b = 0; b < 5; ++b) normal[a][b] += weight * g[a] * g[b];
      }
    }
    // A number at the edge of the box, and drawn outwards, is held there.
    for (size_t a = 0; a < 5; ++a) {
      const bool held = (best.x[a] <= box.low[a] && right[a] <= 0) || (best.x[a] >= box.high[a] && right[a] >= 0);
      if (!held) continue;
      for (size_t b = 0; b < 5; ++b) normal[a][b] = normal[b][a] = 0;
      normal[a][a] = 1;
      right[a] = 0;
    }
    bool lower = false;
    while (!lower && damping < 1e12) {
      std::array<Numbers, 5> damped = normal;
      for (size_t a = 0; a < 5; ++a) damped[a][a] += damping * (normal[a][a] + 1e-9);
      Numbers move = right;
      if (solve(damped, move)) {
        Numbers x = best.x;
        for (size_t a = 0; a < 5; ++a) x[a] += move[a];
        x = box.clamped(x);
        const double value = law_objective(rows, losses, x);
        if (value < best.value) {
          lower = true;
          const bool settled = best.value - value < 1e-13 * (best.value + 1e-12);
          best = {x, value};
          damping = std::max(1e-12, damping * 0.3);
          if (settled) return best;
          break;
        }
      }
      damping *= 4;
    }
  }
  return best;
}

std::vector<Numbers> starts_for(const Logs& rows) {
  const auto [least, most] = std::minmax_element(rows.loss.begin(), rows.loss.end());
  const double middle = std::exp(0.5 * (*least + *most));
  std::vector<Numbers> starts;
  if (rows.form == ScalingLaw::Form::power) return {{0, std::log(middle), 0.1, 0, 0}};
  for (const double floor_share : {0.1, 0.5, 0.85}) {
    const double floor = floor_share * std::exp(*least), rest = std::log((middle - floor) / 2);
    for (const double alpha : {0.15, 0.4, 0.8}) {
      for (const double beta : {0.15, 0.4, 0.8}) starts.push_back({std::log(floor), rest, alpha, rest, beta});
    }
  }
  return starts;
}

/// Numbers around the rows' means as those of the law itself.
Numbers uncentred(const Logs& rows, Numbers x) {
  x[kA] += x[kAlpha] * rows.n_mean;
  x[kB] += x[kBeta] * rows.d_mean;
  return x;
}

/// Why the rows cannot tell N's part from D's; "" if they can.
std::string what_is_missing(std::span<const ScalingRow> rows) {
  const Logs logs(ScalingLaw::Form::chinchilla, rows);
  std::vector<double> sizes;
  for (const ScalingRow& row : rows) sizes.push_back(row.parameters);
  std::sort(sizes.begin(), sizes.end());
  const auto different = std::unique(sizes.begin(), sizes.end()) - sizes.begin();
  if (std::ssize(rows) < kFewestRows) return fmt::format("{} runs are fewer than the {} that E + A/N^a + B/D^b needs", rows.size(), kFewestRows);
  if (different < kFewestSizes) return fmt::format("{} sizes are fewer than the {} that E + A/N^a + B/D^b needs", different, kFewestSizes);
  double nn = 0, dd = 0, nd = 0;
  for (size_t i = 0; i < logs.size(); ++i) {
    nn += logs.n[i] * logs.n[i];
    dd += logs.d[i] * logs.d[i];
    nd += logs.n[i] * logs.d[i];
  }
  if (!(dd > 0) || nd * nd > 0.98 * nn * dd) return "parameters and tokens rise together: E + A/N^a + B/D^b cannot tell them apart";
  return "";
}

Found best_fit(const Logs& logs, const Box& box) {
  Found best{{}, 1e300};
  for (const Numbers& start : starts_for(logs)) {
    const Found found = descend(logs, logs.loss, box, start);
    if (found.value < best.value) best = found;
  }
  return best;
}

/// An exponent that ran to the edge of what it may be was not found, and would be wrong by more the further out it is asked.
/// "" if none did.
std::string at_the_edge(const Numbers& x, const Box& box) {
  for (const auto& [index, what] : {std::pair{kAlpha, "parameters"}, {kBeta, "tokens"}}) {
    if (x[index] <= box.low[index] || x[index] >= box.high[index]) return fmt::format("the runs do not tell how the loss falls with {} (an exponent of {:g} fits best, the edge of what is tried)", what, x[index]);
  }
  return "";
}

/// The law of a fit, and how sure it is: a bootstrap of the residuals.
ScalingLaw with_replicates(ScalingLaw::Form form, std::string why, const Logs& logs, const Box& box, const Found& best, uint64_t seed) {
  ScalingLaw law;
  law.form = form;
  law.why = std::move(why);
  law.numbers = uncentred(logs, best.x);

  const size_t freedom = logs.size() > logs.free_numbers() ? logs.size() - logs.free_numbers() : 0;
  if (freedom == 0) return law;
  std::vector<double> fitted, residuals;
  double squares = 0;
  for (size_t i = 0; i < logs.size(); ++i) {
    fitted.push_back(log_loss(law.form, best.x, logs.n[i], logs.d[i], nullptr));
    residuals.push_back(logs.loss[i] - fitted.back());
    squares += residuals.back() * residuals.back();
  }
  law.noise = std::sqrt(squares / static_cast<double>(freedom));
  const double widen = std::sqrt(static_cast<double>(logs.size()) / static_cast<double>(freedom));
  Random random(seed, "scaling_law.bootstrap");
  for (int64_t k = 0; k < kReplicates; ++k) {
    std::vector<double> losses = fitted;
    for (double& loss : losses) loss += widen * residuals[static_cast<size_t>(random.below(std::ssize(residuals)))];
    // From the law itself and from a start far from it: the first is mostly right, and the second finds the other valley.
    Found found = descend(logs, losses, box, best.x);
    const Found other = descend(logs, losses, box, starts_for(logs)[static_cast<size_t>(k) % starts_for(logs).size()]);
    if (other.value < found.value) found = other;
    law.replicates.push_back(uncentred(logs, found.x));
  }
  return law;
}

}  // namespace

double ScalingLaw::loss(const ScalingRow& at) const {
  return std::exp(log_loss(form, numbers, std::log(form == Form::power ? at.flops : at.parameters), std::log(at.tokens), nullptr));
}

LossBand ScalingLaw::expect(const ScalingRow& at) const {
  LossBand band{loss(at)};
  if (replicates.empty()) return band;
  const double n = std::log(form == Form::power ? at.flops : at.parameters), d = std::log(at.tokens);
  std::vector<double> losses;
  for (size_t i = 0; i < replicates.size(); ++i) {
    losses.push_back(std::exp(log_loss(form, replicates[i], n, d, nullptr) + noise * static_cast<double>(normal01(0x1add, i))));
  }
  std::sort(losses.begin(), losses.end());
  band.interval = Interval{std::min(band.value, quantile(losses, 0.025)), std::max(band.value, quantile(losses, 0.975))};
  return band;
}

std::string ScalingLaw::formula() const {
  if (form == Form::power) return fmt::format("L = {:.4g} / C^{:.4f}", std::exp(numbers[kA]), numbers[kAlpha]);
  return fmt::format("L = {:.4g} + {:.4g} / N^{:.3f} + {:.4g} / D^{:.3f}", std::exp(numbers[kE]), std::exp(numbers[kA]), numbers[kAlpha], std::exp(numbers[kB]), numbers[kBeta]);
}

ScalingLaw fit_scaling_law(std::span<const ScalingRow> rows, uint64_t seed) {
  for (const ScalingRow& row : rows) {
    for (const double value : {row.parameters, row.tokens, row.flops, row.loss}) {
      require_input(std::isfinite(value) && value > 0, "a run of ", row.parameters, " parameters, ", row.tokens, " tokens and ", row.flops, " operations with loss ", row.loss,
                    " cannot enter a scaling law: all must be above 0");
    }
  }
  const auto [least, most] = std::minmax_element(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.flops < b.flops; });
  require_input(rows.size() >= 2 && most->flops > 1.05 * least->flops, "a scaling law needs at least two runs of different compute");

  std::string missing = what_is_missing(rows);
  if (missing.empty()) {
    const Logs logs(ScalingLaw::Form::chinchilla, rows);
    const Box box = box_of(logs);
    const Found best = best_fit(logs, box);
    missing = at_the_edge(best.x, box);
    if (missing.empty()) return with_replicates(ScalingLaw::Form::chinchilla, "E + A/N^a + B/D^b (Hoffmann et al. 2022)", logs, box, best, seed);
  }
  const Logs logs(ScalingLaw::Form::power, rows);
  const Box box = box_of(logs);
  return with_replicates(ScalingLaw::Form::power, missing + "; a plain power of the compute instead", logs, box, best_fit(logs, box), seed);
}

Json to_json(const ScalingLaw& law, bool with_replicates) {
  Json json = {{"form", law.form == ScalingLaw::Form::power ? "power" : "chinchilla"}, {"formula", law.formula()}, {"why", law.why}, {"noise", law.noise}};
  auto numbers = [](const Numbers& x) { return Json{x[kE], x[kA], x[kAlpha], x[kB], x[kBeta]}; };
  json["numbers"] = numbers(law.numbers);
  if (law.form == ScalingLaw::Form::chinchilla) json["E"] = std::exp(law.numbers[kE]);
  json["A"] = std::exp(law.numbers[kA]);
  json["alpha"] = law.numbers[kAlpha];
  if (law.form == ScalingLaw::Form::chinchilla) json["B"] = std::exp(law.numbers[kB]), json["beta"] = law.numbers[kBeta];
  if (with_replicates) {
    json["replicates"] = Json::array();
    for (const Numbers& x : law.replicates) json["replicates"].push_back(numbers(x));
  }
  return json;
}

ScalingLaw scaling_law_from_json(const Json& json) {
  auto numbers = [](const Json& from, const char* where) {
    require_input(from.is_array() && from.size() == 5, where, " of the scaling law: wanted five numbers");
    Numbers x = {};
    for (size_t i = 0; i < 5; ++i) {
      require_input(from[i].is_number() && std::isfinite(from[i].get<double>()), where, " of the scaling law: wanted five finite numbers");
      x[i] = from[i].get<double>();
    }
    return x;
  };
  ScalingLaw law;
  const std::string form = get_string(json, "form");
  require_input(form == "chinchilla" || form == "power", "the scaling law's form is \"", form, "\"; wanted chinchilla or power");
  law.form = form == "power" ? ScalingLaw::Form::power : ScalingLaw::Form::chinchilla;
  law.why = get_string(json, "why", "");
  law.noise = get_number(json, "noise");
  law.numbers = numbers(json.value("numbers", Json()), "numbers");
  for (const Json& one : json.value("replicates", Json::array())) law.replicates.push_back(numbers(one, "replicates"));
  return law;
}

}  // namespace loam

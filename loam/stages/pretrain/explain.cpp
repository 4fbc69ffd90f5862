#include "loam/stages/pretrain/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "loam/artifacts/tokens.h"
#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/progress.h"
#include "loam/text/tokenizer.h"

namespace loam {
namespace {

std::vector<Json> rows_of(const fs::path& file) {
  std::vector<Json> rows;
  if (!fs::exists(file)) return rows;
  const std::string text = read_file(file);
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    if (end == std::string::npos) break;  // the run is being written, or was killed here
    rows.push_back(parse_json(text.substr(at, end - at), file.string()));
    at = end + 1;
  }
  return rows;
}

/// Means of a member over the first, middle and last tenth of the rows that have it as a number.
struct Course {
  std::vector<double> values;
  double mean(double from, double to) const {
    const auto n = static_cast<double>(values.size());
    const auto begin = static_cast<size_t>(from * n), end = std::max(begin + 1, static_cast<size_t>(to * n));
    double sum = 0;
    for (size_t i = begin; i < std::min(end, values.size()); ++i) sum += values[i];
    return sum / static_cast<double>(std::min(end, values.size()) - begin);
  }
  double median() const {
    std::vector<double> sorted = values;
    std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2), sorted.end());
    return sorted[sorted.size() / 2];
  }
};
Course course(const std::vector<Json>& rows, const char* key) {
  Course c;
  for (const Json& row : rows) {
    if (row.contains(key) && row[key].is_number()) c.values.push_back(row[key].get<double>());
  }
  return c;
}

/// The beginnings of the windows of an incident's batch, as text, where the run's tokens are still there.
std::string batch_text(const fs::path& run, const Json& incident) {
  const Json batch = incident.value("batch", Json());
  const fs::path plan = run / "state" / "plan.json";
  if (!batch.is_object() || !batch.contains("windows") || batch["windows"].empty() || !fs::exists(plan)) return "";
  const fs::path folder = read_json(plan).value("tokens", "");
  if (folder.empty() || !is_artifact(folder)) return "";
  const TokenSet tokens = TokenSet::open(folder);
  const Tokenizer tokenizer = Tokenizer::load(folder);
  std::string out;
  for (size_t i = 0; i < std::min<size_t>(3, batch["windows"].size()); ++i) {
    const auto begin = batch["windows"][i].get<int64_t>();
    const int64_t count = std::min<int64_t>(24, tokens.train().token_count() - begin);
    if (begin < 0 || count <= 0) continue;
    std::vector<int32_t> ids(static_cast<size_t>(count));
    tokens.train().copy(begin, count, ids.data());
    std::string text = tokenizer.decode(ids);
    for (char& c : text) {
      if (static_cast<unsigned char>(c) < 32) c = ' ';
    }
    out += fmt::format("{}token {}: \"{}...\"", out.empty() ? "" : "; ", with_commas(begin), text);
  }
  return out;
}

/// Of an incident's parameters, which stand out.
struct Blame {
  int64_t not_finite_parameters = 0, not_finite_numbers = 0;
  std::string first_not_finite, largest;
  double largest_share = 0;  ///< of the squared gradient norm
  bool weights_bad = false;
};
Blame blame(const Json& incident) {
  Blame b;
  double total = 0, most = 0;
  for (const Json& p : incident.value("parameters", Json::array())) {
    const auto bad = p.value("not_finite", int64_t{0});
    if (bad > 0) {
      ++b.not_finite_parameters;
      b.not_finite_numbers += bad;
      b.first_not_finite = p.value("name", "");  // the last one of the model is the first one of the backward pass
      if (p.contains("norm") && p["norm"].is_null()) b.weights_bad = true;
    }
    if (p.contains("grad_norm") && p["grad_norm"].is_number()) {
      const double square = std::pow(p["grad_norm"].get<double>(), 2);
      total += square;
      if (square > most) {
        most = square;
        b.largest = p.value("name", "");
      }
    }
  }
  b.largest_share = total > 0 ? most / total : 0;
  return b;
}

Finding about_incident(const fs::path& run, const Json& incident, double peak_rate) {
  Finding f;
  f.trouble = true;
  f.steps = {incident.value("step", int64_t{0})};
  const std::string what = incident.value("what", "");
  const double rate = incident.value("lr", 0.0);
  auto number = [&](const char* key) { return incident.contains(key) && incident[key].is_number() ? fmt::format("{:.4g}", incident[key].get<double>()) : std::string("not finite"); };
  f.what = fmt::format("step {}: {}; loss {}, gradient norm {}, rate {:.2e}; {}", with_commas(f.steps[0]), what, number("loss"), number("grad_norm"), rate, incident.value("action", ""));
  const Blame b = blame(incident);
  const bool high_rate = rate > 0.5 * peak_rate;
  if (what == "not finite" && b.weights_bad) {
    f.cause = fmt::format("the weights themselves hold numbers that are not finite ({}): an update before this one broke them, or the memory did", b.first_not_finite);
    f.advice = "the run goes back to a snapshot by itself; if it happens again at other steps, test the machine's memory";
  } else if (what == "not finite" && b.not_finite_numbers == 1) {
    f.cause = fmt::format("one single number of the gradient of {} is not finite, all others are: that is what a fault of memory looks like, not what mathematics makes", b.first_not_finite);
    f.advice = "nothing, if it stays alone; else test the machine's memory";
  } else if (what == "not finite") {
    f.cause = fmt::format("{} numbers in {} parameters are not finite, first of all in {} (the nearest to the loss): the loss or an activation overflowed",
                          with_commas(b.not_finite_numbers), b.not_finite_parameters, b.first_not_finite);
    f.advice = high_rate ? "a lower --lr, or a longer --warmup-steps" : "look at its batch";
  } else if (what == "diverged") {
    f.cause = fmt::format("the loss settled above where the run began, at {:.0f} % of the peak rate: the learning rate is too high for this shape and batch", 100 * rate / std::max(peak_rate, 1e-30));
    f.advice = fmt::format("--lr {:.1e}, or a longer --warmup-steps", rate / 2);
  } else if (b.largest_share > 0.9) {
    f.cause = fmt::format("{:.0f} % of the squared gradient norm is in {} alone", 100 * b.largest_share, b.largest);
    f.advice = high_rate ? "a lower --lr or --clip 0.5" : "look at its batch: rare tokens, or one repeated many times";
  } else {
    f.cause = "the whole gradient grew alike: the batch is unlike the text before it";
    f.advice = "look at its batch; if the text is as it should be, nothing: the step was left out";
  }
  const std::string text = batch_text(run, incident);
  if (!text.empty()) f.what += "; its batch began with " + text;
  return f;
}

}  // namespace

std::vector<Finding> explain_run(const fs::path& run) {
  require_input(fs::exists(run / "metrics.jsonl"), run.string(), " holds no metrics.jsonl: it is not the folder of a training run");
  const std::vector<Json> rows = rows_of(run / "metrics.jsonl"), incidents = rows_of(run / "incidents.jsonl");
  std::vector<Finding> findings;
  const Course loss = course(rows, "loss"), rate = course(rows, "lr"), speed = course(rows, "tokens_per_s"), held_out = course(rows, "val_loss"), norms = course(rows, "grad_norm");
  require_input(!loss.values.empty(), run.string(), "/metrics.jsonl has no step yet");
  const int64_t steps = rows.back().value("step", int64_t{0});
  const double peak = *std::max_element(rate.values.begin(), rate.values.end());

  Finding course_of_loss;
  const double begin = loss.mean(0, 0.02), end = loss.mean(0.95, 1);
  course_of_loss.what = fmt::format("{} steps; training loss {:.3f} at first, {:.3f} in the end; {} steps left out", with_commas(steps), begin, end, incidents.size());
  if (end > begin - 0.02 * std::abs(begin) && loss.values.size() > 50) {
    course_of_loss.trouble = true;
    course_of_loss.cause = "the loss did not fall: the rate is far too high or far too low, or the text is noise";
    course_of_loss.advice = fmt::format("--lr {:.1e} and --lr {:.1e}, a hundred steps each", peak / 4, peak * 4);
  }
  findings.push_back(course_of_loss);

  // Alike incidents close together are one story.
  for (size_t i = 0; i < incidents.size();) {
    Finding f = about_incident(run, incidents[i], peak);
    size_t j = i + 1;
    while (j < incidents.size() && incidents[j].value("what", "") == incidents[i].value("what", "") && incidents[j].value("step", int64_t{0}) - f.steps.back() <= 5) {
      f.steps.push_back(incidents[j++].value("step", int64_t{0}));
    }
    if (f.steps.size() > 1) f.what += fmt::format("; and so until step {} ({} steps; at the last one: {})", with_commas(f.steps.back()), f.steps.size(), incidents[j - 1].value("action", ""));
    findings.push_back(std::move(f));
    i = j;
  }

  if (held_out.values.size() >= 4) {
    const auto best = std::min_element(held_out.values.begin(), held_out.values.end());
    const double rise = held_out.values.back() - *best;
    if (rise > 0.02 * *best && loss.mean(0.8, 1) < loss.mean(0.5, 0.7)) {
      findings.push_back({fmt::format("the held-out loss rose from {:.3f} to {:.3f} while the training loss went on falling", *best, held_out.values.back()),
                          "the model learns its text by heart", "more text, fewer steps, or --dropout 0.1", true, {}});
    }
  }
  if (norms.values.size() > 100) {
    const double late = Course{{norms.values.end() - static_cast<std::ptrdiff_t>(norms.values.size() / 4), norms.values.end()}}.median();
    if (late > 5) {
      findings.push_back({fmt::format("the gradient norm is {:.1f} in the last quarter: every step is cut by --clip", late), "the rate is too high, or the batch too small", "a lower --lr or a larger --batch", true, {}});
    }
  }
  if (speed.values.size() > 40) {
    const double fast = speed.median(), slow_share = static_cast<double>(std::count_if(speed.values.begin(), speed.values.end(), [&](double x) { return x < 0.6 * fast; })) / static_cast<double>(speed.values.size());
    if (slow_share > 0.05) {
      findings.push_back({fmt::format("{:.0f} % of the steps ran below 0.6 times the median of {} tokens/s", 100 * slow_share, human_count(fast)), "another program had the machine at times", "", false, {}});
    }
  }
  return findings;
}

Json to_json(const Finding& f) { return {{"what", f.what}, {"cause", f.cause}, {"advice", f.advice}, {"trouble", f.trouble}, {"steps", f.steps}}; }

}  // namespace loam

// How base models learned: loss against tokens and seconds, held-out bits per byte, speed, samples on the way.
#include <fmt/format.h>

#include <algorithm>

#include "loam/base/files.h"
#include "loam/report/chart.h"
#include "loam/report/flow.h"
#include "loam/report/html.h"
#include "loam/report/report.h"

namespace loam {
namespace {

bool is_base(const MadeArtifact& made) {
  return made.artifact.kind == "model" && (made.verb == "pretrain" || made.verb.empty()) && fs::exists(made.artifact.path("metrics.jsonl"));
}

std::vector<Series> loss_series(const Curve& loss, const Curve& held_out, const std::vector<double> Curve::*x) {
  std::vector<Series> out;
  if (!loss.empty()) {
    out.push_back({"training, each step", loss.*x, loss.value, 1, false, true});
    // Smoothed over about a fiftieth of the run, so that short and long runs read alike.
    const double keep = 1 - 1 / std::max(1.0, static_cast<double>(loss.value.size()) / 50);
    out.push_back({"training", loss.*x, smoothed(loss.value, keep), 1});
  }
  if (!held_out.empty()) out.push_back({"held out", held_out.*x, held_out.value, 2});
  return out;
}

/// A range that the start's height does not flatten: from the least to the loss after a twentieth of the run.
std::optional<double> top_of(const Curve& loss) {
  if (loss.value.size() < 40) return std::nullopt;
  return loss.value[loss.value.size() / 20] * 1.02;
}

}  // namespace

DocSection training_section(const PathData& path) {
  DocSection section{"training", "Pre-training", {}};
  for (const MadeArtifact& made : path.made) {
    if (!is_base(made)) continue;
    const Metrics metrics(made.artifact.path("metrics.jsonl"));
    const Curve loss = metrics.curve("loss"), held_out = metrics.curve("val_loss"), bits = metrics.curve("bits_per_byte");
    if (loss.empty() && held_out.empty()) continue;
    std::string summary = fmt::format("{}: {}", made.name, headline(made.artifact));
    if (!loss.empty()) {
      summary += fmt::format("; {} steps over {} tokens in {}", with_commas(static_cast<int64_t>(loss.step.back())), human_count(loss.tokens.back()), human_time(loss.seconds.back()));
    }
    if (!bits.empty()) summary += fmt::format("; held-out text at {:.3f} bits a byte, from {:.3f} at the first look", bits.value.back(), bits.value.front());
    section.blocks.push_back(Paragraph{summary + "."});
    ChartFrame frame{"Loss against tokens", "training tokens", "nats a token", Unit::count, Unit::plain, 560, 270, std::nullopt, top_of(loss)};
    section.blocks.push_back(Figure{line_chart(loss_series(loss, held_out, &Curve::tokens), frame), "Loss against tokens read.", true});
    frame.title = "Loss against time";
    frame.x_label = "seconds of training";
    frame.x_unit = Unit::seconds;
    section.blocks.push_back(Figure{line_chart(loss_series(loss, held_out, &Curve::seconds), frame), "The same against time.", true});
    if (bits.value.size() > 1) {
      ChartFrame bits_frame{"Held-out bits per byte", "training tokens", "bits a byte", Unit::count, Unit::plain, 560, 230, std::nullopt, std::nullopt};
      section.blocks.push_back(Figure{line_chart({{"bits per byte", bits.tokens, bits.value, 2}}, bits_frame),
                                      "Bits a byte of held-out text: what a perfect compressor with this model would need.", true});
    }
    const Curve speed = metrics.curve("tokens_per_s");
    if (speed.value.size() > 1) {
      ChartFrame speed_frame{"Speed", "seconds of training", "tokens a second", Unit::seconds, Unit::count, 560, 230, 0.0, std::nullopt};
      section.blocks.push_back(Figure{line_chart({{"tokens a second", speed.seconds, speed.value, 3}}, speed_frame), "Speed of the training step.", true});
    }
    Samples samples;
    std::vector<Json> rows = read_json_lines(made.artifact.path("samples.jsonl"), 10000);
    for (const Json& row : metrics.all()) {
      if (row.contains("sample")) rows.push_back(row);
    }
    constexpr size_t kMost = 8;
    for (size_t i = 0; i < std::min(rows.size(), kMost); ++i) {
      const Json& row = rows[rows.size() <= kMost ? i : i * (rows.size() - 1) / (kMost - 1)];
      const std::string text = get_string(row, "text", get_string(row, "sample", ""));
      if (text.empty()) continue;
      std::string label = fmt::format("step {}", with_commas(get_int(row, "step", int64_t{0})));
      if (row.contains("tokens")) label += fmt::format(", {} tokens", human_count(get_number(row, "tokens", 0.0)));
      samples.samples.push_back({label, get_string(row, "prompt", ""), shorten(text, 500)});
    }
    if (!samples.samples.empty()) {
      section.blocks.push_back(Paragraph{"What it wrote on the way, unedited:"});
      section.blocks.push_back(std::move(samples));
    }
  }
  return section;
}

}  // namespace loam

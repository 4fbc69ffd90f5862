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
    // Smoothed over about a fortieth of the run, so that short and long runs read alike.
    out.push_back({"training", loss.*x, smoothed(loss.value, static_cast<int64_t>(loss.value.size()) / 40), 1});
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
    const double floor = get_number(made.artifact.counts, "floor_bits_per_byte", 0.0);
    if (!bits.empty() && floor > 0) summary += fmt::format(". An order-3 byte model of the same text needs {:.3f}, {:.2f} times as many", floor, floor / bits.value.back());
    if (made.artifact.counts.value("shortened", false)) summary += ". The machine slowed down while it trained, so the cooldown began earlier than planned";
    section.blocks.push_back(Paragraph{summary + "."});
    ChartFrame frame{"Loss against tokens", "training tokens", "nats a token", Unit::count, Unit::plain, 560, 270, std::nullopt, top_of(loss)};
    section.blocks.push_back(Figure{line_chart(loss_series(loss, held_out, &Curve::tokens), frame),
                                    "Loss against tokens read. Held-out documents count as they are, the training text as it was mixed: the two lines need not meet.", true});
    frame.title = "Loss against time";
    frame.x_label = "time";
    frame.x_unit = Unit::seconds;
    section.blocks.push_back(Figure{line_chart(loss_series(loss, held_out, &Curve::seconds), frame), "The same against time.", true});
    if (bits.value.size() > 1) {
      ChartFrame bits_frame{"Held-out bits per byte", "training tokens", "bits a byte", Unit::count, Unit::plain, 560, 230, std::nullopt, std::nullopt};
      std::vector<Series> lines = {{"held out", bits.tokens, bits.value, 2}};
      if (floor > 0) lines.push_back({"order-3 byte model", {bits.tokens.front(), bits.tokens.back()}, {floor, floor}, 6});
      section.blocks.push_back(Figure{line_chart(lines, bits_frame),
                                      "Bits a byte of held-out text: what a perfect compressor with this model would need of them.", true});
    }
    const Curve speed = metrics.curve("tokens_per_s");
    if (speed.value.size() > 1) {
      ChartFrame speed_frame{"Speed", "time", "tokens a second", Unit::seconds, Unit::count, 560, 230, 0.0, std::nullopt};
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

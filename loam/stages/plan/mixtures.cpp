#include "loam/stages/plan/mixtures.h"

#include <fmt/format.h>

#include <cmath>

#include "loam/base/error.h"
#include "loam/base/fields.h"
#include "loam/base/progress.h"

namespace loam {

const std::vector<MixturePreset>& published_mixtures() {
  static const std::vector<MixturePreset> presets = {
      // Brown et al. 2020, "Language Models are Few-Shot Learners", table 2.2.
      {"gpt3",
       "GPT-3 (Brown et al. 2020, table 2.2)",
       300e9,
       {{"Common Crawl (filtered)", 410e9, 0.60, 0.44},
        {"WebText2", 19e9, 0.22, 2.9},
        {"Books1", 12e9, 0.08, 1.9},
        {"Books2", 55e9, 0.08, 0.43},
        {"Wikipedia", 3e9, 0.03, 3.4}},
       {}},
  };
  return presets;
}

double MixturePreset::weight_sum() const {
  double sum = 0;
  for (const MixtureSource& source : sources) sum += source.weight;
  return sum;
}

const MixturePreset& find_mixture(std::string_view name) {
  std::vector<std::string> names;
  for (const MixturePreset& preset : published_mixtures()) {
    if (preset.name == name) return preset;
    names.push_back(preset.name);
  }
  std::string all;
  for (const std::string& known : names) all += (all.empty() ? "" : ", ") + known;
  const std::string near = nearest_name(name, names);
  fail(ErrorKind::usage, "there is no mixture \"", std::string(name), "\"", near.empty() ? "" : "; did you mean " + near + "?", " (known: ", all, ")");
}

std::vector<MixtureRow> mixture_rows(const MixturePreset& preset, double tokens) {
  std::vector<MixtureRow> rows;
  const double sum = preset.weight_sum();
  for (const MixtureSource& source : preset.sources) {
    const double share = source.weight / sum;
    rows.push_back({&source, share, share * tokens, share * tokens / source.tokens});
  }
  return rows;
}

namespace {

/// What a reader would stumble over: weights that are not a whole, epochs that do not follow from them.
std::vector<std::string> mixture_notes(const MixturePreset& preset) {
  std::vector<std::string> notes;
  const double sum = preset.weight_sum();
  if (std::abs(sum - 1) > 1e-6) {
    notes.push_back(fmt::format("the published weights add up to {:.0f} %: they were rounded; shares here are weights over their sum", 100 * sum));
  }
  std::string unlike;
  int64_t count = 0;
  for (const MixtureRow& row : mixture_rows(preset, preset.paper_tokens)) {
    const double published = row.source->paper_epochs;
    if (published <= 0 || std::abs(row.epochs / published - 1) <= 0.1) continue;
    unlike += fmt::format("{}{} (published {:g}, from its weight {:.2f})", unlike.empty() ? "" : " and ", row.source->name, published, row.epochs);
    ++count;
  }
  if (count > 0) {
    notes.push_back(fmt::format("{} of the published epochs do{} not follow from weight x tokens / size: {}", count, count == 1 ? "es" : "", unlike));
  }
  for (const char* note : preset.notes) notes.emplace_back(note);
  return notes;
}

}  // namespace

Json mixture_json(const MixturePreset& preset, double tokens) {
  Json out = {{"preset", preset.name}, {"title", preset.title}, {"tokens", tokens}, {"weight_sum", std::round(preset.weight_sum() * 1e9) / 1e9}, {"mixture", Json::array()}};
  for (const MixtureRow& row : mixture_rows(preset, tokens)) {
    Json line = {{"name", row.source->name}, {"tokens", row.source->tokens}, {"weight", row.source->weight}, {"epochs", row.epochs},
                 {"share", row.share}, {"drawn_tokens", row.drawn_tokens}};
    if (row.source->paper_epochs > 0) line["paper_epochs"] = row.source->paper_epochs;
    out["mixture"].push_back(std::move(line));
  }
  out["notes"] = mixture_notes(preset);
  return out;
}

std::vector<std::string> mixture_lines(const MixturePreset& preset, double tokens) {
  std::vector<std::string> out = {fmt::format("{}, {} tokens", preset.title, human_count(tokens)),
                                  fmt::format("{:<26} {:>10} {:>8} {:>10} {:>8} {:>12}", "source", "tokens", "weight", "drawn", "epochs", "published")};
  for (const MixtureRow& row : mixture_rows(preset, tokens)) {
    const std::string published = row.source->paper_epochs > 0 ? fmt::format("{:g}", row.source->paper_epochs) : "";
    out.push_back(fmt::format("{:<26} {:>10} {:>7.0f}% {:>10} {:>8.2f} {:>12}", row.source->name, human_count(row.source->tokens), 100 * row.source->weight,
                              human_count(row.drawn_tokens), row.epochs, published));
  }
  out.push_back(fmt::format("{:<26} {:>10} {:>7.0f}% {:>10}", "all", "", 100 * preset.weight_sum(), human_count(tokens)));
  for (const std::string& note : mixture_notes(preset)) out.push_back("note: " + note);
  return out;
}

}  // namespace loam

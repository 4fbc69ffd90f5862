// Which runs a ladder has.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "loam/base/fields.h"
#include "loam/stages/ladder/ladder.h"

namespace loam {
namespace {

constexpr double kDefaultRatio = 20;  // Hoffmann et al. 2022
constexpr double kLeastRatio = 5;     // below it the next larger size is not worth its minutes
constexpr double kMostEpochs = 4;     // past it repeats teach little (Muennighoff et al. 2023), and the law would bend
constexpr size_t kRungs = 4, kFewestRungs = 3;

/// "a,b" and repeated flags alike.
std::vector<std::string> split_commas(const std::vector<std::string>& texts) {
  std::vector<std::string> out;
  for (const std::string& text : texts) {
    for (size_t at = 0; at <= text.size();) {
      const size_t end = std::min(text.find(',', at), text.size());
      if (end > at) out.push_back(text.substr(at, end - at));
      at = end + 1;
    }
  }
  return out;
}

std::vector<ModelSize> sizes_of(const LadderConfig& config) {
  std::vector<ModelSize> sizes;
  for (const std::string& text : split_commas(config.rungs)) sizes.push_back(parse_size(text, "--rungs"));
  return sizes;
}

std::vector<double> lengths_of(const LadderConfig& config) {
  if (config.lengths.empty()) return {0.25, 0.5, 1};
  std::vector<double> shares;
  for (const std::string& text : split_commas(config.lengths)) {
    const double share = parse_number(text, "--lengths");
    require(share > 0 && share <= 1, "--lengths ", text, ": shares of the full length are above 0 and at most 1");
    shares.push_back(share);
  }
  std::sort(shares.begin(), shares.end());
  shares.erase(std::unique(shares.begin(), shares.end()), shares.end());
  return shares;
}

ModelSize next_size(const std::vector<ModelSize>& rungs, LadderTrainer& trainer) {
  int64_t largest = 0;
  for (const ModelSize& size : rungs) largest = std::max(largest, trainer.facts(size).parameters);
  for (const ModelSize& size : usual_sizes()) {
    if (static_cast<double>(trainer.facts(size).parameters) > 1.3 * static_cast<double>(largest)) return size;
  }
  fail(ErrorKind::usage, "the largest rung is as large as any size known here; name the size to foretell: --target LAYERSxCHANNELS");
}

/// Seconds that one token a parameter takes over all runs, and seconds that do not depend on the length.
struct Price {
  double per_ratio = 0, fixed = 0;
};

Price price_of(const std::vector<ModelSize>& rungs, const ModelSize& target, const std::vector<double>& lengths, LadderTrainer& trainer, const std::function<double(const ModelSize&)>& rate) {
  double shares = 0;
  for (const double share : lengths) shares += share;
  Price price;
  auto add = [&](const ModelSize& size, double full_runs, double runs) {
    price.per_ratio += full_runs * static_cast<double>(trainer.facts(size).parameters) / rate(size);
    // Evaluating is a forward alone, about a third of a step; writing a model and its start take a moment too.
    price.fixed += runs * (static_cast<double>(trainer.validation_tokens()) / (3 * rate(size)) + 0.2);
  };
  for (const ModelSize& size : rungs) add(size, shares, static_cast<double>(lengths.size()));
  add(target, 1, 1);
  return price;
}

}  // namespace

void LadderConfig::validate() const {
  require(minutes || !rungs.empty(), "say how much: --minutes (fits sizes and lengths to this machine), or --rungs 2x64,3x96,4x128");
  require(!minutes || (*minutes > 0 && *minutes < 1e6), "--minutes must be above 0");
  require(!(minutes && ratio), "--minutes and --ratio both give the lengths: give one");
  require(!ratio || (*ratio > 0 && *ratio < 1e5), "--ratio must be above 0 tokens a parameter");
  require(family == "llama" || family == "gpt2" || family == "loam", "--family is \"", family, "\"; there are llama, gpt2 and loam");
  require(optimizer == "muon" || optimizer == "adamw", "--optimizer is \"", optimizer, "\"; there are muon and adamw");
  require(context >= 1, "--context must be at least 1");
  require(!batch || *batch >= 1, "--batch must be at least 1");
  require(save_minutes > 0, "--save-minutes must be above 0");
  require(target.empty() || !rungs.empty(), "--target names the size after --rungs: give those too");
  const std::vector<ModelSize> sizes = sizes_of(*this);
  require(rungs.empty() || sizes.size() >= 2, "--rungs: a law needs at least two sizes");
  for (size_t i = 0; i < sizes.size(); ++i) {
    for (size_t j = 0; j < i; ++j) require(!(sizes[i] == sizes[j]), "--rungs names ", sizes[i].name(), " twice");
  }
  if (!target.empty()) {
    const ModelSize size = parse_size(target, "--target");
    for (const ModelSize& rung : sizes) require(!(rung == size), "--target ", target, " is one of the rungs: what is foretold must not be known");
  }
  lengths_of(*this);
}

ModelSize parse_size(const std::string& text, const char* flag) {
  const size_t cross = text.find('x');
  require(cross != std::string::npos && cross > 0, flag, " ", text, ": wanted LAYERSxCHANNELS, such as 3x96");
  const ModelSize size{parse_count(text.substr(0, cross), flag), parse_count(text.substr(cross + 1), flag)};
  require(size.layers >= 1 && size.layers <= 1000, flag, " ", text, ": layers are 1 to 1000");
  require(size.channels >= 32 && size.channels <= 65536 && size.channels % (size.channels >= 384 ? 64 : 32) == 0, flag, " ", text,
          ": channels are a multiple of 32, of 64 from 384 on: heads are that wide");
  return size;
}

std::string PlannedRung::name() const { return is_target ? size.name() : fmt::format("{}-{:g}", size.name(), share); }

LadderPlan plan_ladder(const LadderConfig& config, LadderTrainer& trainer, Progress& progress) {
  require_input(trainer.validation_tokens() > 0, "these tokens hold no validation split: a law is about held-out text; make them with loam tokenize --val-fraction 0.01");
  const std::vector<double> lengths = lengths_of(config);
  std::vector<ModelSize> rungs = sizes_of(config);
  std::optional<ModelSize> target;
  LadderPlan plan;
  if (!rungs.empty()) {
    std::sort(rungs.begin(), rungs.end(), [&](const auto& a, const auto& b) { return trainer.facts(a).parameters < trainer.facts(b).parameters; });
    target = config.target.empty() ? next_size(rungs, trainer) : parse_size(config.target, "--target");
  }
  plan.ratio = config.ratio.value_or(kDefaultRatio);
  if (config.minutes) {
    std::vector<std::pair<ModelSize, double>> timed;
    auto rate = [&](const ModelSize& size) {
      for (const auto& [known, value] : timed) {
        if (known == size) return value;
      }
      timed.emplace_back(size, trainer.tokens_per_s(size));
      return timed.back().second;
    };
    const double seconds = *config.minutes * 60 * 0.95;
    auto ratio_for = [&](const std::vector<ModelSize>& some, const ModelSize& one) {
      const Price price = price_of(some, one, lengths, trainer, rate);
      return std::max(0.0, seconds - price.fixed) / price.per_ratio;
    };
    if (!rungs.empty()) {
      plan.ratio = ratio_for(rungs, *target);
    } else {
      const auto& all = usual_sizes();
      for (size_t t = kFewestRungs; t < all.size(); ++t) {
        const std::vector<ModelSize> some(all.begin() + static_cast<std::ptrdiff_t>(t > kRungs ? t - kRungs : 0), all.begin() + static_cast<std::ptrdiff_t>(t));
        if (target) {  // not worth timing if even at the speed of the size before it the target alone takes too long
          const auto n = static_cast<double>(trainer.facts(all[t]).parameters);
          if (kLeastRatio * n / rate(all[t - 1]) > seconds) break;
        }
        const double ratio = ratio_for(some, all[t]);
        if (target && ratio < kLeastRatio) break;
        rungs = some;
        target = all[t];
        plan.ratio = ratio;
      }
    }
    // What the text can give: the longest run reads it a few times at most.
    const double most = kMostEpochs * static_cast<double>(trainer.train_tokens()) / static_cast<double>(trainer.facts(*target).parameters);
    if (plan.ratio > most) {
      progress.note(fmt::format("the text ends before the minutes: {:.3g} tokens a parameter are {:g} epochs of it", most, kMostEpochs));
      plan.ratio = most;
    }
    require(plan.ratio * static_cast<double>(trainer.facts(rungs[0]).parameters) * lengths[0] >= static_cast<double>(config.context), "--minutes ", *config.minutes,
            " are too few for ", rungs.size(), " sizes and a prediction on this machine: give more");
    if (plan.ratio < 1) progress.warn(fmt::format("{:.2g} tokens a parameter are very few: more minutes make a better law", plan.ratio));
    const Price price = price_of(rungs, *target, lengths, trainer, rate);
    plan.seconds = price.per_ratio * plan.ratio + price.fixed;
  }
  auto tokens_for = [&](const ModelSize& size, double share) {
    return std::max<int64_t>(1, static_cast<int64_t>(std::llround(plan.ratio * share * static_cast<double>(trainer.facts(size).parameters))));
  };
  for (const ModelSize& size : rungs) {
    for (const double share : lengths) plan.runs.push_back({size, share, tokens_for(size, share)});
  }
  plan.runs.push_back({*target, 1, tokens_for(*target, 1), true});
  for (const PlannedRung& run : plan.runs) {
    const double epochs = static_cast<double>(run.tokens) / static_cast<double>(std::max<int64_t>(1, trainer.train_tokens()));
    if (epochs > kMostEpochs + 0.01) progress.warn(fmt::format("{} reads the text {:.1f} times: repeats teach less than new text, and the law bends", run.name(), epochs));
  }
  return plan;
}

}  // namespace loam

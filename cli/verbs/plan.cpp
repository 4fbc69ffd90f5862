// loam plan: what a training will take, before it is spent.
#include <fmt/format.h>

#include "cli/recipe.h"
#include "cli/verbs.h"
#include "loam/artifacts/tokens.h"
#include "loam/base/memory.h"
#include "loam/base/threads.h"
#include "loam/stages/plan/bill.h"
#include "loam/stages/plan/mixtures.h"
#include "loam/stages/pretrain/pretrain.h"

namespace loam {
namespace {

/// The value of a section's setting; "" if it has none.
std::string setting_of(const Section& section, const std::string& key) {
  for (const SectionSetting& setting : section.settings) {
    if (setting.key == key && !setting.values.empty()) return setting.values.back();
  }
  return "";
}

/// What the pre-training sections of a recipe will take on this machine: settled as the run itself would settle them.
Report plan_recipe(const std::string& file, const PlanConfig& prices, const Cli& cli, Progress& progress) {
  const Recipe recipe = load_recipe(file, cli);
  const fs::path run = fs::path("runs") / recipe.name;
  Json json = {{"recipe", file}, {"sections", Json::array()}};
  std::vector<std::string> lines;
  for (const Section& section : recipe.sections) {
    if (section.verb != "pretrain") continue;
    PretrainConfig config;
    auto fields = bind_fields(config);
    for (const SectionSetting& setting : section.settings) {
      for (FieldRef& field : fields) {
        if (field.name == setting.key && !setting.values.empty()) field.set(resolve_references(setting.values.back(), run));
      }
    }
    if (section.minutes) config.minutes = *section.minutes;
    config.validate();
    // The vocabulary and the text's length from the tokens, if they are made already; else from the recipe.
    int64_t vocab = 0, tokens = int64_t{1} << 60;
    std::string basis;
    const fs::path folder = resolve_references(setting_of(section, "tokens"), run);
    if (is_artifact(folder)) {
      const TokenSet set = TokenSet::open(folder);
      vocab = set.vocab_size();
      tokens = set.train().token_count();
      basis = folder.string();
    } else {
      for (const Section& other : recipe.sections) {
        if (other.verb == "tokenizer train") vocab = parse_count(setting_of(other, "vocab_size"), "vocab_size of [" + other.name + "]");
      }
      require(vocab > 0, "[", section.name, "]: its tokens are not made yet, and no section trains a tokenizer: run the recipe up to them first (--until)");
      basis = "the recipe's vocab_size (the tokens are not made yet)";
    }
    const PretrainPlan plan = settle(config, vocab, vocab - 1, tokens, progress);
    const TrainingMemory memory = plan_training_memory(plan.model, plan.micro_batch, plan.context, threads());
    const double step_tokens = static_cast<double>(plan.batch * plan.context), total = step_tokens * static_cast<double>(plan.schedule.steps);
    const double rate = plan.expected_tokens_per_s > 0 ? plan.expected_tokens_per_s : measured_rate(plan);
    const double hours = total / rate / 3600;
    constexpr double kPrice = 0.10;  // dollars an hour: what the report assumes for a small rented machine
    const double price = prices.price.value_or(kPrice);
    json["sections"].push_back({{"section", section.name}, {"parameters", parameter_count(plan.model)}, {"steps", plan.schedule.steps}, {"tokens", total}, {"tokens_per_s", rate},
                                {"seconds", hours * 3600}, {"memory", to_json(memory)}, {"price_per_hour", price}, {"cost", hours * price}, {"vocabulary_from", basis}});
    lines.push_back(fmt::format("[{}] {}", section.name, plan.why));
    lines.push_back(fmt::format("  vocabulary  {} from {}", with_commas(vocab), basis));
    lines.push_back(fmt::format("  memory      {} ({} weights, {} gradients, {} optimizer, {} activations, {} working space); {} are free", human_bytes(static_cast<double>(memory.total())),
                                human_bytes(static_cast<double>(memory.weights)), human_bytes(static_cast<double>(memory.gradients)), human_bytes(static_cast<double>(memory.optimizer)),
                                human_bytes(static_cast<double>(memory.activations)), human_bytes(static_cast<double>(memory.working)),
                                human_bytes(static_cast<double>(available_memory_bytes()))));
    lines.push_back(fmt::format("  time        {} of training steps at {} tokens/s, timed on this machine with {} threads", human_time(hours * 3600), human_count(rate), threads()));
    lines.push_back(fmt::format("  money       {:.4f} dollars at {:.2f} an hour (--price)", hours * price, price));
  }
  require(!lines.empty(), file, " has no section that pre-trains; the other sections' times are in `loam run ", file, " --dry`");
  return report(json, lines, "loam run " + file);
}

}  // namespace

void add_plan(Cli& cli) {
  Verb& verb = cli.add("plan", "memory, time and money of a training, before they are spent",
                       "loam plan --params 175e9 --tokens 300e9 --gpu v100 --price 1.5\n  loam plan --mix gpt3 --tokens 300e9\n  loam plan recipes/quickstart.toml");
  auto recipe = verb.positional("recipe", "a recipe: what its pre-training takes on this machine", false);
  auto config = verb.config<PlanConfig>("plan");
  auto mix = verb.text("mix", "print a published mixture of sources at --tokens: gpt3");
  verb.run([=, &cli](Run& run) {
    if (!recipe->empty()) return plan_recipe(*recipe, *config, cli, run.progress());
    if (!mix->empty()) {
      const MixturePreset& preset = find_mixture(*mix);
      const double tokens = config->tokens.value_or(preset.paper_tokens);
      return report(mixture_json(preset, tokens), mixture_lines(preset, tokens));
    }
    const Bill bill = make_bill(*config);
    return report(bill.json(), bill.lines());
  });
}

}  // namespace loam

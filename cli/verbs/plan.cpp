// loam plan: what a training will take, before it is spent.
#include <fmt/format.h>

#include "cli/recipe.h"
#include "cli/verbs.h"
#include "loam/artifacts/tokens.h"
#include "loam/base/files.h"
#include "loam/base/memory.h"
#include "loam/base/threads.h"
#include "loam/stages/ladder/ladder.h"
#include "loam/stages/plan/bill.h"
#include "loam/stages/plan/mixtures.h"
#include "loam/stages/pretrain/machine.h"
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
    const TrainingMemory memory = plan_training_memory(plan.model, plan.micro_batch, plan.context, threads(), plan.extras());
    const double step_tokens = static_cast<double>(plan.batch * plan.context), total = step_tokens * static_cast<double>(plan.schedule.steps);
    // With minutes the shapes were timed to choose one; without, nothing needs to run.
    const bool timed = plan.expected_tokens_per_s > 0;
    const double rate = timed ? plan.expected_tokens_per_s
                              : predicted_rate(this_machine(plan.precision, /*again=*/false, progress), plan.model, plan.batch, plan.context, plan.muon);
    const double hours = total / rate / 3600;
    constexpr double kPrice = 0.10;  // dollars an hour: what the report assumes for a small rented machine
    const double price = prices.price.value_or(kPrice);
    json["sections"].push_back({{"section", section.name}, {"parameters", parameter_count(plan.model)}, {"steps", plan.schedule.steps}, {"tokens", total}, {"tokens_per_s", rate},
                                {"seconds", hours * 3600}, {"memory", to_json(memory)}, {"price_per_hour", price}, {"cost", hours * price}, {"vocabulary_from", basis}, {"rate_from", timed ? "timed" : "roofline"}});
    lines.push_back(fmt::format("[{}] {}", section.name, plan.why));
    lines.push_back(fmt::format("  vocabulary  {} from {}", with_commas(vocab), basis));
    lines.push_back(fmt::format("  memory      {} ({} weights, {} gradients, {} optimizer, {} activations, {} working space); {} are free", human_bytes(static_cast<double>(memory.total())),
                                human_bytes(static_cast<double>(memory.weights)), human_bytes(static_cast<double>(memory.gradients)), human_bytes(static_cast<double>(memory.optimizer)),
                                human_bytes(static_cast<double>(memory.activations)), human_bytes(static_cast<double>(memory.working)),
                                human_bytes(static_cast<double>(available_memory_bytes()))));
    lines.push_back(fmt::format("  time        {} of training steps at {} tokens/s, {} with {} threads", human_time(hours * 3600), human_count(rate),
                                timed ? "timed on this machine" : "from this machine's measured peak and bandwidth", threads()));
    lines.push_back(fmt::format("  money       {:.4f} dollars at {:.2f} an hour (--price)", hours * price, price));
  }
  require(!lines.empty(), file, " has no section that pre-trains; the other sections' times are in `loam run ", file, " --dry`");
  return report(json, lines, "loam run " + file);
}

/// What the cache holds of this machine.
void add_machine(std::vector<std::string>& lines, const Machine& m) {
  lines.push_back(fmt::format("machine     {}, {} threads, {}, products of {}; measured {}", m.cpu, m.threads, m.isa, m.products, m.measured));
  lines.push_back(fmt::format("roofline    {:.1f} GFLOP/s of multiply-adds, {}/s of memory", m.peak_flops / 1e9, human_bytes(m.bandwidth)));
  std::string shares;
  for (const Machine::Share& share : m.shares) shares += fmt::format("{}{:.0f} % at {:.0f} channels", shares.empty() ? "" : ", ", 100 * share.share, share.channels);
  lines.push_back("steps reach " + shares);
}

struct ShapeQuestion {
  std::string shape, optimizer = "adamw", precision = "auto";
  std::optional<int64_t> vocab, batch, context;
  static void fields(auto&& f) {
    f("shape", &ShapeQuestion::shape, "a model on this machine: a name such as gpt2-124m, LAYERSxCHANNELS, or a config.json");
    f("vocab", &ShapeQuestion::vocab, "its vocabulary [50257, or the config's]");
    f("batch", &ShapeQuestion::batch, "sequences a step, for --shape [about 4096 tokens of them]");
    f("optimizer", &ShapeQuestion::optimizer, "of those steps: adamw or muon");
    f("precision", &ShapeQuestion::precision, "of those steps' products: float32, bfloat16, or auto as in pretrain");
    f("context", &ShapeQuestion::context, "tokens a sequence, for --shape [the shape's, at most 1024]");
  }
  void validate() const {
    require(!shape.empty() || (!vocab && !batch && !context), "--vocab, --batch and --context go with --shape");
    require(optimizer == "adamw" || optimizer == "muon", "--optimizer is \"", optimizer, "\"; there are adamw and muon");
    require(!shape.empty() || optimizer == "adamw", "--optimizer goes with --shape");
    parse_precision(precision);
    for (const auto& value : {vocab, batch, context}) require(!value || (*value >= 1 && *value <= 1 << 24), "--vocab, --batch and --context are 1 to 16777216");
  }
};

/// Memory and speed of a shape on this machine, from the roofline: nothing of it is run.
Report plan_shape(const ShapeQuestion& asked, const PlanConfig& config, bool again, Progress& progress) {
  ModelConfig model;
  const size_t cross = asked.shape.find('x');
  if (fs::is_regular_file(asked.shape)) {
    model = config_from_json(read_json(asked.shape, int64_t{1} << 26));
    if (asked.vocab) model.vocab = *asked.vocab;
  } else {
    if (cross != std::string::npos && asked.shape.find_first_not_of("0123456789x") == std::string::npos) {
      const ModelSize size = parse_size(asked.shape, "--shape");
      model = family_shape("llama", size.layers, size.channels, asked.context.value_or(256));
    } else {
      model = named_shape(asked.shape);
    }
    model.vocab = asked.vocab.value_or(50257);
  }
  model.bos = model.eos = model.vocab - 1;
  model.validate();
  const int64_t context = asked.context.value_or(std::min<int64_t>(model.context, 1024));
  require(context <= model.context, "--context ", context, " is longer than the model's ", model.context);
  const int64_t batch = asked.batch.value_or(std::max<int64_t>(1, 4096 / context));
  const Precision precision = parse_precision(asked.precision);
  const Machine machine = this_machine(precision, again, progress);
  const bool muon = asked.optimizer == "muon";
  const TrainingMemory memory = plan_training_memory(model, batch, context, threads(), {.muon = muon, .products = machine.products});
  const double rate = predicted_rate(machine, model, batch, context, muon), step_tokens = static_cast<double>(batch) * static_cast<double>(context);
  const double share = rate * training_flops_per_token(model, context) / machine.peak_flops;
  Json json = {{"shape", asked.shape}, {"parameters", parameter_count(model)}, {"batch", batch}, {"context", context}, {"tokens_per_s", rate}, {"step_seconds", step_tokens / rate},
               {"share_of_peak", share}, {"memory", to_json(memory)}, {"machine", to_json(machine)}};
  std::vector<std::string> lines = {fmt::format("{}: {} parameters, steps of {} x {} tokens", asked.shape, human_count(static_cast<double>(parameter_count(model))), batch, context),
                                    fmt::format("speed       {} tokens/s, a step in {:.3g} s, {:.0f} % of the peak", human_count(rate), step_tokens / rate, 100 * share),
                                    fmt::format("memory      {}; {} are free", human_bytes(static_cast<double>(memory.total())), human_bytes(static_cast<double>(available_memory_bytes())))};
  if (config.tokens) {
    const double seconds = *config.tokens / rate;
    json["tokens"] = *config.tokens;
    json["seconds"] = seconds;
    lines.push_back(fmt::format("time        {} for {} tokens", human_time(seconds), human_count(*config.tokens)));
    if (config.price) {
      json["cost"] = seconds / 3600 * *config.price;
      lines.push_back(fmt::format("money       {:.4f} dollars at {:g} an hour", seconds / 3600 * *config.price, *config.price));
    }
  }
  add_machine(lines, machine);
  return report(json, lines);
}

}  // namespace

void add_plan(Cli& cli) {
  Verb& verb = cli.add("plan", "memory, time and money of a training, before they are spent",
                       "loam plan --params 175e9 --tokens 300e9 --gpu v100 --price 1.5\n  loam plan --mix gpt3 --tokens 300e9\n  loam plan recipes/quickstart.toml\n"
                       "  loam plan --shape gpt2-124m --batch 4 --context 64 --tokens 10e6");
  auto recipe = verb.positional("recipe", "a recipe: what its pre-training takes on this machine", false);
  auto config = verb.config<PlanConfig>("plan");
  auto shape = verb.config<ShapeQuestion>("plan");
  auto again = verb.flag("measure", "measure this machine's peak, bandwidth and steps again; else once, then from the cache");
  auto mix = verb.text("mix", "print a published mixture of sources at --tokens: gpt3");
  verb.run([=, &cli](Run& run) {
    if (!recipe->empty()) return plan_recipe(*recipe, *config, cli, run.progress());
    if (!mix->empty()) {
      const MixturePreset& preset = find_mixture(*mix);
      const double tokens = config->tokens.value_or(preset.paper_tokens);
      return report(mixture_json(preset, tokens), mixture_lines(preset, tokens));
    }
    if (!shape->shape.empty()) return plan_shape(*shape, *config, *again, run.progress());
    const bool asks_bill = config->params || config->operations;
    if (*again && !asks_bill) {
      const Machine machine = this_machine(parse_precision(shape->precision), true, run.progress());
      std::vector<std::string> lines;
      add_machine(lines, machine);
      return report(to_json(machine), lines);
    }
    std::optional<double> sustained;
    if (asks_bill && config->gpu.empty() && !config->tflops) {
      // A large model's steps: the widest that were measured.
      const Machine machine = this_machine(parse_precision(shape->precision), *again, run.progress());
      sustained = machine.peak_flops * machine.shares.back().share;
    }
    const Bill bill = make_bill(*config, sustained);
    return report(bill.json(), bill.lines());
  });
}

}  // namespace loam

// loam pretrain: tokens to a base model.
#include <fmt/format.h>

#include "cli/verbs.h"
#include "loam/stages/pretrain/pretrain.h"

namespace loam {

void add_pretrain(Cli& cli) {
  Verb& verb = cli.add("pretrain", "train a base model: tokens to a model that continues text",
                       "loam pretrain --tokens run/tokens --minutes 5 --out run/base\n"
                       "  loam pretrain --tokens run/tokens --model gpt2-124m --batch 4 --context 64 --steps 1000 --out run/gpt2");
  auto tokens = verb.text("tokens", "folder written by `loam tokenize`", true);
  auto config = verb.config<PretrainConfig>("pretrain");
  verb.out();
  verb.run([=](Run& run) {
    const PretrainReport r = pretrain(*config, *tokens, run.out(), run.seed(), run.force(), run.progress());
    const TrainResult& t = r.result;
    const double rate = t.seconds > 0 ? static_cast<double>(t.tokens) / t.seconds : 0;
    Json json = {{"out", run.out().string()}, {"content", r.artifact.content}, {"parameters", r.parameters}, {"steps", t.step}, {"tokens", t.tokens}, {"seconds", t.seconds},
                 {"tokens_per_s", rate}, {"loss", t.loss}, {"shortened", t.shortened}, {"predicted_memory", to_json(r.memory)}, {"peak_memory", r.peak_memory}};
    for (const auto& [key, value] : t.last_evaluation.items()) json[key] = value;
    std::vector<std::string> lines = {fmt::format("{}: {} parameters, {} steps, {} tokens in {} ({} tokens/s)", run.out().string(), human_count(static_cast<double>(r.parameters)),
                                                  with_commas(t.step), human_count(static_cast<double>(t.tokens)), human_time(t.seconds), human_count(rate))};
    if (t.last_evaluation.contains("bits_per_byte")) {
      lines.push_back(fmt::format("held out: {:.4f} bits per byte, {:.4f} nats a token", t.last_evaluation["bits_per_byte"].get<double>(), t.last_evaluation["val_loss"].get<double>()));
    }
    if (r.floor_bits_per_byte) {
      json["floor_bits_per_byte"] = *r.floor_bits_per_byte;
      lines.push_back(fmt::format("the floor, an order-3 byte model of the same text: {:.4f} bits per byte", *r.floor_bits_per_byte));
    }
    if (!r.expected.is_null()) {
      json["expected"] = r.expected;
      lines.push_back(r.expected_text);
    }
    if (r.plan.expected_tokens_per_s > 0) {
      const double planned_tokens = static_cast<double>(r.plan.schedule.steps) * static_cast<double>(r.plan.batch) * static_cast<double>(r.plan.context);
      const double planned = planned_tokens / r.plan.expected_tokens_per_s;
      json["planned_seconds"] = planned;
      json["planned_tokens_per_s"] = r.plan.expected_tokens_per_s;
      lines.push_back(fmt::format("planned {} of steps at {} tokens/s; took {} in all, {} tokens/s", human_time(planned), human_count(r.plan.expected_tokens_per_s), human_time(t.seconds), human_count(rate)));
    }
    lines.push_back(fmt::format("memory: {} at most, {} predicted", human_bytes(static_cast<double>(r.peak_memory)), human_bytes(static_cast<double>(r.memory.total()))));
    return report(json, lines, fmt::format("loam generate {} --prompt \"The \"", run.out().string()));
  });
}

}  // namespace loam

#include "loam/stages/exchange/import.h"

#include <algorithm>
#include <fmt/format.h>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/stop.h"
#include "loam/model/weights.h"
#include "loam/infer/foreign.h"
#include "loam/text/tokenizer_json.h"

namespace loam {
namespace {

std::string card(const ForeignModel& model, const std::vector<ArtifactInput>& inputs) {
  const ModelConfig& c = model.config();
  std::string out = fmt::format("# An imported model\n\nRead from another program's files ({}); loam trained none of it. What it was trained on, its licence and its limits are told\nwhere the files came from.\n\n",
                                model.format());
  out += fmt::format("| | |\n|---|---|\n| shape | {} |\n| parameters | {} |\n| layers, width, heads (keys) | {}, {}, {} ({}) |\n| context, vocabulary | {}, {} |\n| numbers as found | {} |\n\n",
                     c.family == Family::gpt2 ? "gpt2" : c.model_type, with_commas(parameter_count(c)), c.layers, c.channels, c.heads, c.kv_heads, c.context, c.vocab, model.number_types());
  out += "| file | SHA-256 |\n|---|---|\n";
  for (const auto& input : inputs) out += fmt::format("| {} | {} |\n", fs::path(input.path).filename().string(), input.sha256);
  return out;
}

}  // namespace

std::vector<std::string> write_companions(const fs::path& folder, const ModelConfig& config, const Tokenizer& tokenizer, const std::vector<int64_t>& stops) {
  std::vector<int64_t> ends = stops.empty() ? std::vector<int64_t>{config.eos} : stops;
  const Json eos = ends.size() == 1 ? Json(ends.front()) : Json(ends);
  write_file(folder / "generation_config.json", to_pretty({{"bos_token_id", config.bos}, {"eos_token_id", eos}, {"do_sample", true}, {"temperature", 0.8}, {"top_k", 50}}));
  save_tokenizer(tokenizer, folder);
  return {"generation_config.json", "tokenizer.json", "tokenizer_config.json"};
}

ImportedModel import_model(const std::vector<std::string>& paths, const fs::path& out_folder, bool force, Progress& progress, int64_t context, bool spare_rows) {
  const std::unique_ptr<ForeignModel> model = open_foreign(paths);
  ModelConfig config = model->config();
  if (context != 0) {
    require(context >= 1 && (!config.learned_positions() || context == config.context), "--context ", context, ": this model has a table of ", config.context, " learned positions, no more and no fewer");
    config.context = context;
    config.validate();
  } else {
    for (const std::string& warning : model->warnings()) progress.warn(paths.front() + ": " + warning);
  }
  require_input(model->tokenizer().has_value(), paths.front(), " holds no tokenizer that loam reads (tokenizer.json, tokenizer.model), and a model is of no use without");
  model->refuse_leftovers();
  TokenizerParts parts = *model->tokenizer();
  parts.config["model_max_length"] = config.context;
  const Tokenizer tokenizer(std::move(parts));
  const std::string table = cat("the model's token table (tensor ", disk_layout(config).front().name, ") ", config.vocab, " rows");
  require_input(tokenizer.vocab_size() <= config.vocab, "the tokenizer has ids up to ", tokenizer.vocab_size() - 1, ", ", table, ": they are not of one model");
  // Tables are rounded up by some rows, three in a hundred at most in published models.
  const int64_t spare = config.vocab - tokenizer.vocab_size();
  require_input(spare_rows || spare * 8 <= config.vocab, "the tokenizer has ", tokenizer.vocab_size(), " tokens, ", table, ", ", spare,
                " of them without a token: they do not seem to be of one model (--spare-rows takes it as it is)");
  if (!model->stop_ids().empty()) config.eos = model->stop_ids().front();
  if (!tokenizer.prefix_ids().empty()) config.bos = tokenizer.prefix_ids().front();
  for (const TensorInfo& t : disk_layout(config)) model->check(t.name, t.shape);  // before anything is written
  const std::vector<ArtifactInput> inputs = model->inputs();
  ArtifactWriter out(out_folder, "model", {{"imported", model->format()}, {"context", config.context}}, inputs, force);
  std::vector<TensorInfo> layout = disk_layout(config);
  bool half = false, brain = false;
  for (TensorInfo& t : layout) {
    t.dtype = model->dtype(t.name);
    half = half || t.dtype == "F16";
    brain = brain || t.dtype == "BF16";
  }
  int64_t done = 0;
  const auto write = [&](SafetensorsWriter& file, const TensorInfo& t) {
    if (stop_requested()) fail(ErrorKind::interrupted, "stopped while importing; the same command begins again");
    progress.status(fmt::format("tensor {} of {}: {}", ++done, layout.size(), t.name));
    write_floats(file, t, model->read(t.name, t.shape));
  };
  try {
    for (const auto& name : write_weights(out.folder(), layout, write)) out.promise(name);
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::input && !out.resumed()) fs::remove_all(out.folder());  // no command can go on with it
    throw;
  }
  Json json = config_to_json(config);
  json["torch_dtype"] = brain ? "bfloat16" : half ? "float16" : "float32";
  write_file(out.path("config.json"), to_pretty(json));
  write_file(out.path("README.md"), card(*model, inputs));
  out.promise("config.json");
  out.promise("README.md");
  for (const auto& name : write_companions(out.folder(), config, tokenizer, model->stop_ids())) out.promise(name);
  ImportedModel made;
  made.format = model->format();
  made.number_types = model->number_types();
  made.config = config;
  made.parameters = parameter_count(config);
  made.tokens = tokenizer.vocab_size();
  made.artifact = out.finish({{"parameters", made.parameters}, {"vocab_size", made.tokens}, {"number_types", made.number_types}});
  return made;
}

}  // namespace loam

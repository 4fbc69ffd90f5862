#include "loam/stages/exchange/export.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

#include "loam/artifacts/manifest.h"
#include "loam/base/fields.h"
#include "loam/base/files.h"
#include "loam/base/stop.h"
#include "loam/model/weights.h"
#include "loam/infer/foreign.h"
#include "loam/infer/gguf_model.h"
#include "loam/infer/open.h"
#include "loam/stages/exchange/import.h"
#include "loam/stages/exchange/lineage.h"
#include "loam/text/chat_template.h"
#include "loam/train/model_folder.h"

namespace loam {
namespace {

const std::vector<std::string> kFolderTypes = {"f32", "f16", "bf16"}, kFileTypes = {"f32", "f16", "bf16", "q8_0", "q4_0", "q4_k"};

GgmlType ggml_type(const std::string& type) {
  static const std::pair<const char*, GgmlType> kTypes[] = {{"f32", GgmlType::f32},   {"f16", GgmlType::f16},   {"bf16", GgmlType::bf16},
                                                            {"q8_0", GgmlType::q8_0}, {"q4_0", GgmlType::q4_0}, {"q4_k", GgmlType::q4_k}};
  for (const auto& [name, value] : kTypes) {
    if (type == name) return value;
  }
  fail(ErrorKind::internal, "the number type ", type);
}

/// What all matrices of the folder have in common, "f32" if they differ.
std::string stored_type(const fs::path& folder, const ModelConfig& config) {
  const WeightFiles files(folder);
  std::set<std::string> found;
  for (const TensorInfo& t : disk_layout(config)) {
    if (t.shape.size() < 2) continue;
    if (const TensorInfo* there = files.find(t.name)) found.insert(there->dtype);
  }
  return found.size() == 1 && *found.begin() == "BF16" ? "bf16" : found.size() == 1 && *found.begin() == "F16" ? "f16" : "f32";
}

std::string settled_type(const ExportConfig& config, const fs::path& folder, const ModelConfig& shape) {
  if (config.type.empty()) return stored_type(folder, shape);
  const auto& known = config.format == "hf" ? kFolderTypes : kFileTypes;
  if (std::find(known.begin(), known.end(), config.type) != known.end()) return config.type;
  const std::string near = nearest_name(config.type, known);
  fail(ErrorKind::usage, "--type ", config.type, " is none that ", config.format == "hf" ? "a Hugging Face folder is" : "GGUF files are", " written in", near.empty() ? "" : "; did you mean " + near + "?",
       " (", fmt::format("{}", fmt::join(known, ", ")), ")");
}

std::vector<std::string> write_folder(const fs::path& folder, const ModelConfig& shape, const Transformer& model, const Tokenizer& tokenizer, const std::string& type,
                                      const std::vector<int64_t>& stops, const Lineage& lineage) {
  std::vector<TensorInfo> layout = disk_layout(shape);
  for (TensorInfo& t : layout) t.dtype = type == "f32" ? "F32" : type == "f16" ? "F16" : "BF16";
  const auto write = [&](SafetensorsWriter& out, const TensorInfo& t) {
    stop_if_requested("the same command begins again");
    write_floats(out, t, disk_values(model, t.name));
  };
  std::map<std::string, std::string> metadata;
  for (const auto& [key, value] : lineage) metadata["loam." + key] = value;
  std::vector<std::string> files = write_weights(folder, layout, write, 5'000'000'000, metadata);
  Json json = config_to_json(shape);
  json["torch_dtype"] = type == "f32" ? "float32" : type == "f16" ? "float16" : "bfloat16";
  write_file(folder / "config.json", to_pretty(json));
  files.push_back("config.json");
  for (const auto& name : write_companions(folder, shape, tokenizer, stops)) files.push_back(name);
  return files;
}

/// What the reopened files say must be what was written, up to the rounding of the type.
Agreement verify(const ForeignModel& files, const Tokenizer& tokenizer, const std::vector<int64_t>& stops, const Answers& wanted, const std::vector<std::vector<int32_t>>& prompts,
                 const std::string& type) {
  require_input(files.tokenizer().has_value(), "no tokenizer is in what was written");
  const Tokenizer again(*files.tokenizer());
  require_input(probe_prompts(again, files.config().context) == prompts, "the tokenizer that was written gives other ids for the probe texts");
  require_input(again.chat_template() == tokenizer.chat_template(), "the chat template that was written reads otherwise");
  for (const AddedToken& token : tokenizer.added()) {
    require_input(again.is_special(token.id) == token.special && again.bytes(token.id) == tokenizer.bytes(token.id), "the special token ", token.content, " (", token.id, ") was written otherwise");
  }
  require_input(std::set(stops.begin(), stops.end()) == std::set(files.stop_ids().begin(), files.stop_ids().end()), "the ids that end an answer were written otherwise: ",
                fmt::format("{}", fmt::join(files.stop_ids(), ", ")), ", not ", fmt::format("{}", fmt::join(stops, ", ")));
  const auto model = load_foreign(files);
  const Agreement found = compare(wanted, answers_of(*model, prompts));
  const double allowed = allowed_spreads(type), rms = allowed_rms(type);
  require_input(found.in_spreads() <= allowed && found.rms_in_spreads() <= rms, "the numbers that were written answer otherwise: ", to_text(found), "; wanted at most ", 100 * allowed,
                " % of the spread, and ", 100 * rms, " % by root mean square. No file was left");
  return found;
}

Json stored(const ExportedModel& made, const std::string& content) {
  Json json = to_json(made.agreement);
  json["type"] = made.type;
  json["allowed_in_spreads"] = made.allowed;
  json["in_spreads"] = made.agreement.in_spreads();
  json["allowed_rms_in_spreads"] = allowed_rms(made.type);
  json["rms_in_spreads"] = made.agreement.rms_in_spreads();
  json["model"] = content;
  json["texts"] = probe_texts();
  return json;
}

}  // namespace

std::vector<int64_t> with_turn_ends(std::vector<int64_t> stops, const Tokenizer& tokenizer) {
  for (const char* turn_end : {"<|im_end|>", "<|eot_id|>"}) {
    const auto id = tokenizer.special(turn_end);
    if (!id || tokenizer.chat_template().find(turn_end) == std::string::npos) continue;
    if (std::find(stops.begin(), stops.end(), *id) == stops.end()) stops.push_back(*id);
  }
  return stops;
}

double allowed_spreads(const std::string& type) {
  // Two models that have nothing in common differ by 6 and more; each bound is some ten times what trained models show.
  if (type == "f32") return 1e-4;
  if (type == "f16") return 0.03;
  if (type == "bf16") return 0.25;
  return type == "q8_0" ? 0.4 : 4;
}

double allowed_rms(const std::string& type) {
  // Two models that have nothing in common differ by 1.4.
  if (type == "f32") return 1e-5;
  if (type == "f16") return 0.005;
  if (type == "bf16") return 0.04;
  return type == "q8_0" ? 0.06 : 0.6;
}

ExportedModel export_model(const fs::path& folder, const ExportConfig& config, const fs::path& out, bool force, Progress& progress) {
  const ModelFolder source = open_model(folder);
  ModelConfig shape = source.config;
  require_input(shape.model_type != "loam", folder, " is of loam's own kind, which no other program reads; `loam pretrain --family llama` trains one that can be exported");
  ExportedModel made;
  made.type = settled_type(config, folder, shape);
  made.allowed = allowed_spreads(made.type);
  const Tokenizer tokenizer = Tokenizer::load(folder);
  const std::vector<int32_t> ends = end_ids(folder, shape, tokenizer.eot_id());
  const std::vector<int64_t> stops = with_turn_ends({ends.begin(), ends.end()}, tokenizer);
  const Lineage lineage = lineage_of(source);
  progress.status("reading the model");
  auto model = load_model(folder, backend("cpu"), false);
  const auto prompts = probe_prompts(tokenizer, shape.context);
  const Answers wanted = answers_of(*model, prompts);
  if (config.format == "hf") {
    ArtifactWriter artifact(out, "model", {{"exported", "hf"}, {"type", made.type}}, {source.input}, force);
    made.files = write_folder(artifact.folder(), shape, *model, tokenizer, made.type, stops, lineage);
    model.reset();
    if (fs::exists(folder / "README.md")) {
      write_file(artifact.path("README.md"), read_file(folder / "README.md", int64_t{1} << 26));
      made.files.push_back("README.md");
    }
    progress.status("reading it again");
    try {
      made.agreement = verify(*open_hf_folder(artifact.folder()), tokenizer, stops, wanted, prompts, made.type);
    } catch (...) {
      for (const auto& name : made.files) fs::remove(artifact.path(name));
      fs::remove_all(artifact.state());
      std::error_code not_empty;
      fs::remove(artifact.folder(), not_empty);
      throw;
    }
    for (const auto& name : made.files) {
      artifact.promise(name);
      made.bytes += static_cast<int64_t>(fs::file_size(artifact.path(name)));
    }
    write_file(artifact.path("verify.json"), to_pretty(stored(made, source.input.sha256)));
    artifact.log("verify.json");
    artifact.finish({{"parameters", parameter_count(shape)}, {"vocab_size", tokenizer.vocab_size()}, {"number_types", made.type}});
    return made;
  }
  require(!fs::is_directory(out), "--out ", out, " is a folder; GGUF is one file");
  require(force || !fs::exists(out), out, " exists; choose another --out, or give --force to replace it");
  const fs::path partial = out.string() + ".partial";
  try {
    progress.status("writing the file");
    const std::string name = fs::weakly_canonical(folder).filename().string();
    write_gguf(partial, *model, tokenizer, ggml_type(made.type), name, stops, lineage);
    model.reset();
    progress.status("reading it again");
    made.agreement = verify(*open_gguf_model(partial), tokenizer, stops, wanted, prompts, made.type);
    made.bytes = static_cast<int64_t>(fs::file_size(partial));
    rename_durably(partial, out);
  } catch (...) {
    std::error_code gone;
    fs::remove(partial, gone);
    throw;
  }
  made.files = {out.string()};
  write_file(out.string() + ".verify.json", to_pretty(stored(made, source.input.sha256)));
  return made;
}

}  // namespace loam

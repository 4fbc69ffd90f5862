#include "cli/look.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <type_traits>
#include <variant>

#include "loam/artifacts/manifest.h"
#include "loam/artifacts/tokens.h"
#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/hash.h"
#include "loam/base/progress.h"
#include "loam/formats/gguf.h"
#include "loam/formats/rows.h"
#include "loam/formats/safetensors.h"
#include "loam/formats/utf8.h"

namespace loam {
namespace {

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string out;
  for (const int64_t n : shape) out += (out.empty() ? "" : " x ") + std::to_string(n);
  return out.empty() ? "one number" : out;
}

void add_tensors(const fs::path& file, Look& look, int64_t& total) {
  const SafetensorsFile weights(file);
  for (const TensorInfo& tensor : weights.tensors()) {
    look.json["weights"].push_back({{"name", tensor.name}, {"dtype", tensor.dtype}, {"shape", tensor.shape}, {"file", file.filename().string()}});
    look.lines.push_back(fmt::format("tensor  {:<52} {:<4} {}", tensor.name, tensor.dtype, shape_text(tensor.shape)));
    total += tensor.count();
  }
}

std::string first_bytes(const fs::path& file, size_t count) {
  const MappedFile map(file);
  return std::string(map.text().substr(0, count));
}

bool looks_binary(std::string_view head) {
  const auto controls = std::count_if(head.begin(), head.end(), [](char c) { return static_cast<unsigned char>(c) < 32 && c != '\n' && c != '\r' && c != '\t' && c != '\f'; });
  return controls * 50 > static_cast<int64_t>(head.size());
}

Look look_at_run(const fs::path& folder) {
  Look look;
  const Json run = read_json(folder / "run.json");
  look.json["kind"] = "run";
  look.json["title"] = get_string(run, "title", "");
  look.json["recipe"] = get_string(run, "recipe", "");
  look.json["sections"] = Json::array();
  look.lines.push_back(fmt::format("{}: a run of {}: {}", folder.string(), get_string(run, "recipe", "?"), get_string(run, "title", "")));
  const Json sections = run.value("sections", Json::object());
  for (const Json& name : run.value("order", Json::array())) {
    if (!name.is_string()) continue;
    const Json entry = sections.value(name.get<std::string>(), Json::object());
    const bool finished = entry.contains("content");
    look.json["sections"].push_back({{"name", name}, {"verb", get_string(entry, "verb", "")}, {"finished", finished}, {"content", get_string(entry, "content", "")}, {"seconds", get_number(entry, "seconds", 0.0)}});
    look.lines.push_back(fmt::format("section {:<16} {:<18} {:<9} {:>8}  {}", name.get<std::string>(), get_string(entry, "verb", ""), finished ? "finished" : entry.empty() ? "waits" : "begun",
                                     human_time(get_number(entry, "seconds", 0.0)), get_string(entry, "content", "").substr(0, 12)));
  }
  return look;
}

Look look_at_rows(const fs::path& file) {
  Look look;
  RowReader rows(file);
  Json row;
  int64_t seen = 0;
  constexpr int64_t kMost = 100000;
  Json first = Json::object();
  while (seen < kMost && rows.next(row)) {
    if (seen++ == 0) first = row;
  }
  std::string members;
  for (const auto& [key, value] : first.items()) members += (members.empty() ? "" : ", ") + key;
  look.json = {{"kind", "rows"}, {"format", rows.described()}, {"rows", seen}, {"all_rows", seen < kMost}, {"skipped", rows.skipped()}, {"first", first}};
  look.lines = {fmt::format("{}: {}; {}{} rows{}", file.string(), rows.described(), seen < kMost ? "" : "more than ", with_commas(seen), rows.skipped() > 0 ? fmt::format(", {} malformed", rows.skipped()) : ""),
                "members " + members};
  std::string shown = to_line(first);
  if (shown.size() > 400) shown = shown.substr(0, 397) + "...";
  look.lines.push_back("first   " + shown);
  return look;
}

/// Texts of a binary file, which may be anything: with "?" for what is no UTF-8.
std::string readable(std::string text) {
  if (!valid_utf8(text)) std::replace_if(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
  return text;
}

/// A list by its length, a long text by its beginning: a vocabulary is not for reading.
Json shown_value(const GgufValue& value) {
  constexpr int64_t kMost = 200;
  return std::visit(
      [](const auto& v) -> Json {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, std::string>) {
          const std::string text = readable(v);
          return static_cast<int64_t>(text.size()) <= kMost ? text : fmt::format("{}... ({} bytes)", utf8_prefix(text, kMost), text.size());
        } else if constexpr (std::is_arithmetic_v<T>) {
          return v;
        } else {
          return fmt::format("{} values", v.size());
        }
      },
      value);
}

Look look_at_gguf(const fs::path& file) {
  Look look;
  const GgufFile gguf(file);
  int64_t total = 0;
  std::map<std::string, int64_t> of_type;
  look.json = {{"kind", "GGUF"}, {"version", gguf.version()}, {"metadata", Json::object()}, {"weights", Json::array()}};
  for (const auto& [name, value] : gguf.metadata()) {
    const std::string key = readable(name);
    look.json["metadata"][key] = shown_value(value);
    look.lines.push_back(fmt::format("meta    {:<40} {}", key, to_line(look.json["metadata"][key])));
  }
  for (const GgufTensor& tensor : gguf.tensors()) {
    const std::string name = readable(tensor.name), type = ggml_traits(static_cast<uint32_t>(tensor.type))->name;
    look.json["weights"].push_back({{"name", name}, {"dtype", type}, {"shape", tensor.shape}});
    look.lines.push_back(fmt::format("tensor  {:<52} {:<4} {}", name, type, shape_text(tensor.shape)));
    total += tensor.count();
    ++of_type[type];
  }
  look.json["numbers"] = total;
  std::string types;
  for (const auto& [type, count] : of_type) types += fmt::format("{}{} {}", types.empty() ? "" : ", ", type, count);
  look.lines.insert(look.lines.begin(), fmt::format("{}: GGUF version {}, {}: {} tensors ({}), {} numbers", file.string(), gguf.version(), readable(gguf.text("general.architecture", "no architecture")),
                                                    gguf.tensors().size(), types, with_commas(total)));
  return look;
}

Look look_at_file(const fs::path& file) {
  Look look;
  const auto bytes = static_cast<int64_t>(fs::file_size(file));
  const std::string head = first_bytes(file, 4096), extension = file.extension().string(), name = file.filename().string();
  auto magic = [&](size_t at) {
    int32_t value = 0;
    if (head.size() >= at + 4) std::memcpy(&value, head.data() + at, 4);
    return value;
  };
  if (extension == ".safetensors") {
    int64_t total = 0;
    look.json["kind"] = "safetensors";
    look.json["weights"] = Json::array();
    add_tensors(file, look, total);
    look.json["numbers"] = total;
    look.lines.insert(look.lines.begin(), fmt::format("{}: safetensors, {} tensors, {} numbers", file.string(), look.json["weights"].size(), with_commas(total)));
  } else if (extension == ".bin" && (magic(0) == 20240520 || magic(0) == 20240801)) {
    const TokenShard shard(file);
    std::vector<int32_t> ids(static_cast<size_t>(std::min<int64_t>(16, shard.token_count())));
    shard.copy(0, static_cast<int64_t>(ids.size()), ids.data());
    look.json = {{"kind", "token shard"}, {"tokens", shard.token_count()}, {"documents", shard.document_count()}, {"token_bytes", shard.token_bytes()}, {"first", ids}};
    look.lines = {fmt::format("{}: a token shard: {} tokens of {} bytes, {} documents", file.string(), with_commas(shard.token_count()), shard.token_bytes(), with_commas(shard.document_count())),
                  fmt::format("first   {}", fmt::join(ids, " "))};
  } else if (name == "tokenizer.json") {
    const Json tokenizer = read_json(file);
    const Json model = tokenizer.value("model", Json::object());
    const int64_t vocabulary = static_cast<int64_t>(model.value("vocab", Json::object()).size()), merges = static_cast<int64_t>(model.value("merges", Json::array()).size());
    look.json = {{"kind", "tokenizer file"}, {"type", get_string(model, "type", "")}, {"vocabulary", vocabulary}, {"merges", merges}, {"special", Json::array()}};
    look.lines = {fmt::format("{}: a tokenizer ({}): {} tokens, {} merges", file.string(), get_string(model, "type", "?"), with_commas(vocabulary), with_commas(merges))};
    for (const Json& token : tokenizer.value("added_tokens", Json::array())) {
      look.json["special"].push_back({{"id", get_int(token, "id", int64_t{-1})}, {"content", get_string(token, "content", "")}});
      look.lines.push_back(fmt::format("special {:>7}  {}", get_int(token, "id", int64_t{-1}), get_string(token, "content", "")));
    }
  } else if (head.rfind("GGUF", 0) == 0) {
    look = look_at_gguf(file);
  } else {
    const bool packed = extension == ".gz" || extension == ".zst" || extension == ".xz" || extension == ".bz2";
    const std::string inner = packed ? file.stem().extension().string() : extension;
    if (inner == ".jsonl" || inner == ".ndjson" || inner == ".csv" || inner == ".tsv" || (inner == ".json" && !head.empty() && head.find_first_not_of(" \t\r\n") != std::string::npos && head[head.find_first_not_of(" \t\r\n")] == '[')) {
      look = look_at_rows(file);
    } else if (inner == ".json" && !packed) {
      const Json value = read_json(file);
      std::string members;
      for (const auto& [key, member] : value.items()) members += (members.empty() ? "" : ", ") + key;
      look.json = {{"kind", "json"}, {"members", value.size()}};
      look.lines = {fmt::format("{}: one JSON {}", file.string(), value.type_name()), "members " + members};
    } else if (looks_binary(head)) {
      look.json["kind"] = "binary";
      look.lines = {fmt::format("{}: bytes of a kind that is not known here", file.string())};
    } else {
      const MappedFile map(file);
      const int64_t lines = std::count(map.text().begin(), map.text().end(), '\n');
      look.json = {{"kind", "text"}, {"lines", lines}};
      look.lines = {fmt::format("{}: text, {} lines", file.string(), with_commas(lines))};
    }
  }
  look.json["bytes"] = bytes;
  constexpr int64_t kHashed = int64_t{1} << 30;  // a second or two of reading; a model's header is looked at at once
  look.json["sha256"] = bytes <= kHashed ? Json(sha256_file(file)) : Json();
  look.lines.push_back(fmt::format("file    {:>10} {}", human_bytes(static_cast<double>(bytes)), bytes <= kHashed ? look.json["sha256"].get<std::string>() : "not hashed, being over 1 GiB (sha256sum does)"));
  return look;
}

}  // namespace

Look look_at_weights(const fs::path& folder) {
  Look look;
  look.json["weights"] = Json::array();
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".safetensors") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  int64_t total = 0;
  for (const fs::path& file : files) add_tensors(file, look, total);
  look.json["numbers"] = total;
  if (!files.empty()) look.lines.push_back(fmt::format("        {} numbers in {} tensors", with_commas(total), look.json["weights"].size()));
  return look;
}

Look look_at(const fs::path& path) {
  require_input(fs::exists(path), "there is no ", path);
  Look look;
  if (!fs::is_directory(path)) {
    require_input(fs::is_regular_file(path), path, " is neither a file nor a folder");
    look = look_at_file(path);
  } else if (fs::is_regular_file(path / "run.json")) {
    look = look_at_run(path);
  } else if (fs::is_regular_file(path / "config.json")) {
    const Json config = read_json(path / "config.json");
    look = look_at_weights(path);
    look.json["kind"] = "model folder";
    look.json["config"] = config;
    look.lines.insert(look.lines.begin(), fmt::format("{}: a model's folder ({}), without a manifest of loam's", path.string(), get_string(config, "model_type", "unknown type")));
  } else if (fs::exists(path / "state")) {
    look.json = {{"kind", "unfinished"}};
    look.lines = {fmt::format("{}: begun and not finished; the command that makes it goes on where it stopped", path.string())};
    if (fs::exists(path / "state/begun.json")) {
      const Json begun = read_json(path / "state/begun.json");
      look.json["of"] = get_string(begun, "kind", "");
      look.json["config"] = begun.value("config", Json::object());
      look.lines.push_back("kind    " + get_string(begun, "kind", ""));
    }
  } else {
    look.json = {{"kind", "folder"}, {"holds", Json::array()}};
    look.lines = {fmt::format("{}: a folder without a manifest", path.string())};
    std::vector<fs::path> children;
    for (const auto& entry : fs::directory_iterator(path)) children.push_back(entry.path());
    std::sort(children.begin(), children.end());
    int64_t others = 0;
    for (const fs::path& child : children) {
      if (!is_artifact(child) && !fs::exists(child / "run.json")) {
        ++others;
        continue;
      }
      const std::string kind = is_artifact(child) ? open_artifact(child).kind : "run";
      look.json["holds"].push_back({{"path", child.string()}, {"kind", kind}});
      look.lines.push_back(fmt::format("holds   {:<10} {}", kind, child.string()));
    }
    look.json["others"] = others;
    look.lines.push_back(fmt::format("        {} other files and folders", with_commas(others)));
  }
  look.json["path"] = path.string();
  return look;
}

}  // namespace loam

#include "loam/model/weights.h"

#include <cstring>
#include <fmt/format.h>
#include <map>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/formats/safetensors.h"

namespace loam {
namespace {

float half_to_float(uint16_t h) {  // IEEE 754 binary16
  const uint32_t sign = (h & 0x8000u) << 16, exponent = (h >> 10) & 31u, fraction = h & 1023u;
  uint32_t bits;
  if (exponent == 0) {
    const float tiny = static_cast<float>(fraction) * 0x1.0p-24f;
    return sign != 0 ? -tiny : tiny;
  }
  bits = exponent == 31 ? sign | 0x7f800000u | (fraction << 13) : sign | ((exponent + 112) << 23) | (fraction << 13);
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}

std::vector<float> to_floats(const SafetensorsFile& file, const TensorInfo& t) {
  const auto bytes = file.bytes(t);
  std::vector<float> out(static_cast<size_t>(t.count()));
  if (t.dtype == "F32") {
    if (!out.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
    return out;
  }
  require_input(t.dtype == "F16" || t.dtype == "BF16", file.path().string(), ": tensor ", t.name, " is of type ", t.dtype, "; weights are read as F32, F16 or BF16");
  for (size_t i = 0; i < out.size(); ++i) {
    uint16_t h;
    std::memcpy(&h, bytes.data() + 2 * i, 2);
    if (t.dtype == "F16") {
      out[i] = half_to_float(h);
    } else {
      const uint32_t wide = static_cast<uint32_t>(h) << 16;
      std::memcpy(&out[i], &wide, 4);
    }
  }
  return out;
}

std::vector<int64_t> disk_shape(const Param& p, const Param::Piece& piece) {
  if (p.vector) return {p.cols};
  if (p.transposed) return {p.cols, piece.rows};
  return {piece.rows, p.cols};
}

std::string shape_text(const std::vector<int64_t>& shape) { return fmt::format("({})", fmt::join(shape, ", ")); }

/// (rows, cols) -> (cols, rows).
std::vector<float> transpose(const float* in, int64_t rows, int64_t cols) {
  std::vector<float> out(static_cast<size_t>(rows * cols));
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) out[static_cast<size_t>(c * rows + r)] = in[r * cols + c];
  }
  return out;
}

struct Found {
  const SafetensorsFile* file;
  const TensorInfo* tensor;
};

/// GPT-2's published folders leave out "transformer."; masks are buffers, not weights.
std::string plain_name(std::string name) {
  for (const char* prefix : {"transformer.", "model."}) {
    if (name.rfind(prefix, 0) == 0) name.erase(0, std::strlen(prefix));
  }
  return name;
}
bool is_buffer(const std::string& plain) {
  return plain.ends_with(".attn.bias") || plain.ends_with(".attn.masked_bias") || plain.ends_with("rotary_emb.inv_freq");
}

std::vector<SafetensorsFile> open_files(const fs::path& folder) {
  std::vector<SafetensorsFile> files;
  if (const fs::path index = folder / "model.safetensors.index.json"; fs::exists(index)) {
    const Json json = read_json(index);
    require_input(json.contains("weight_map") && json["weight_map"].is_object(), index, " has no weight_map");
    std::map<std::string, bool> names;
    for (const auto& [tensor, file] : json["weight_map"].items()) {
      require_input(file.is_string() && fs::path(file.get<std::string>()).filename() == file.get<std::string>(), index, ": ", tensor, " is in ", to_line(file));
      names[file.get<std::string>()] = true;
    }
    for (const auto& [name, yes] : names) files.emplace_back(folder / name);
    return files;
  }
  const fs::path single = folder / "model.safetensors";
  require_input(fs::exists(single) || !fs::exists(folder / "pytorch_model.bin"), folder.string(),
                " holds pytorch_model.bin, a pickle that can run code; save it with safetensors (save_pretrained does) and try again");
  files.emplace_back(single);
  return files;
}

}  // namespace

ModelConfig load_config(const fs::path& folder) {
  require_input(fs::is_directory(folder), "there is no model folder ", folder.string());
  const fs::path file = folder / "config.json";
  try {
    return config_from_json(read_json(file, int64_t{1} << 26));
  } catch (Error& e) {
    e.during("reading ", file.string());
    throw;
  }
}

void load_weights(Transformer& model, const fs::path& folder, bool fresh_head) {
  const std::vector<SafetensorsFile> files = open_files(folder);
  std::map<std::string, Found> found;
  for (const auto& file : files) {
    for (const auto& t : file.tensors()) found[plain_name(t.name)] = {&file, &t};
  }
  const ParamSet& params = model.params();
  for (size_t i = 0; i < params.all().size(); ++i) {
    const Param& p = params.all()[i];
    for (const auto& piece : p.pieces) {
      const auto it = found.find(plain_name(piece.name));
      if (it == found.end() && piece.name == "score.weight" && fresh_head) continue;
      require_input(it != found.end(), files.front().path().string(), " has no tensor ", piece.name, " ", shape_text(disk_shape(p, piece)), " that config.json asks for");
      const TensorInfo& t = *it->second.tensor;
      require_input(t.shape == disk_shape(p, piece), it->second.file->path().string(), ": tensor ", t.name, " is ", shape_text(t.shape), ", config.json asks for ",
                    shape_text(disk_shape(p, piece)));
      std::vector<float> values = to_floats(*it->second.file, t);
      if (p.transposed) values = transpose(values.data(), p.cols, piece.rows);
      model.backend().upload(params.value(i).data + piece.row * p.cols, values.data(), piece.rows * p.cols);
      found.erase(it);
    }
  }
  for (const auto& [name, what] : found) {
    const bool other_head = name == "lm_head.weight" || (name == "score.weight" && model.config().labels.empty());
    require_input(is_buffer(name) || other_head, what.file->path().string(), ": the model of config.json has no place for tensor ", what.tensor->name);
  }
}

std::unique_ptr<Transformer> load_model(const fs::path& folder, const Backend& backend, bool gradients) {
  auto model = std::make_unique<Transformer>(load_config(folder), backend);
  model->params().allocate(backend, gradients);
  load_weights(*model, folder);
  return model;
}

namespace {

/// A (rows, cols) matrix, or its transpose, without a second copy of it in memory: it may be a good part of the model.
void write_in_pieces(SafetensorsWriter& out, const Backend& backend, const float* from, int64_t rows, int64_t cols, bool transposed) {
  constexpr int64_t kPiece = int64_t{1} << 20;
  std::vector<float> piece(static_cast<size_t>(std::min(kPiece, rows * cols)));
  if (!transposed) {
    for (int64_t at = 0; at < rows * cols; at += kPiece) {
      const int64_t n = std::min(kPiece, rows * cols - at);
      backend.download(piece.data(), from + at, n);
      out.write(piece.data(), 4 * n);
    }
    return;
  }
  // Rows of the transpose are columns here: read whole rows once for each block of columns.
  std::vector<float> row(static_cast<size_t>(cols));
  const int64_t at_once = std::max<int64_t>(1, kPiece / rows);
  piece.resize(static_cast<size_t>(std::min(at_once, cols) * rows));
  for (int64_t c0 = 0; c0 < cols; c0 += at_once) {
    const int64_t n = std::min(at_once, cols - c0);
    for (int64_t r = 0; r < rows; ++r) {
      backend.download(row.data(), from + r * cols + c0, n);
      for (int64_t c = 0; c < n; ++c) piece[static_cast<size_t>(c * rows + r)] = row[static_cast<size_t>(c)];
    }
    out.write(piece.data(), 4 * n * rows);
  }
}

}  // namespace

std::vector<std::string> save_weights(const Transformer& model, const fs::path& folder, int64_t shard_bytes) {
  struct Source {
    size_t param;
    const Param::Piece* piece;
    TensorInfo info;
  };
  const ParamSet& params = model.params();
  std::vector<std::vector<Source>> shards(1);
  int64_t in_shard = 0, total = 0;
  for (size_t i = 0; i < params.all().size(); ++i) {
    const Param& p = params.all()[i];
    for (const auto& piece : p.pieces) {
      TensorInfo info;
      info.name = piece.name;
      info.dtype = "F32";
      info.shape = disk_shape(p, piece);
      const int64_t bytes = 4 * info.count();
      if (in_shard > 0 && in_shard + bytes > shard_bytes) {
        shards.emplace_back();
        in_shard = 0;
      }
      in_shard += bytes;
      total += bytes;
      shards.back().push_back({i, &piece, std::move(info)});
    }
  }
  std::vector<std::string> names;
  Json index = {{"metadata", {{"total_size", total}}}, {"weight_map", Json::object()}};
  for (size_t s = 0; s < shards.size(); ++s) {
    names.push_back(shards.size() == 1 ? "model.safetensors" : fmt::format("model-{:05}-of-{:05}.safetensors", s + 1, shards.size()));
    std::vector<TensorInfo> layout;
    for (const auto& source : shards[s]) layout.push_back(source.info);
    SafetensorsWriter out(folder / names.back(), layout);
    for (const auto& source : shards[s]) {
      const Param& p = params.all()[source.param];
      write_in_pieces(out, model.backend(), params.value(source.param).data + source.piece->row * p.cols, source.piece->rows, p.cols, p.transposed);
      index["weight_map"][source.info.name] = names.back();
    }
    out.commit();
  }
  if (shards.size() > 1) {
    names.push_back("model.safetensors.index.json");
    write_file(folder / names.back(), to_pretty(index));
  }
  return names;
}

}  // namespace loam

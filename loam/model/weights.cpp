#include "loam/model/weights.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <map>
#include <set>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/threads.h"
#include "loam/formats/finite.h"
#include "loam/formats/ggml_types.h"

namespace loam {
namespace {

std::vector<float> floats_of(const SafetensorsFile& file, const TensorInfo& t) {
  const bool half = t.dtype == "F16", brain = t.dtype == "BF16";
  std::vector<float> out(static_cast<size_t>(t.count()));
  to_floats(half ? GgmlType::f16 : brain ? GgmlType::bf16 : GgmlType::f32, file.bytes(t), out);
  return out;
}

std::vector<int64_t> disk_shape(const Param& p, const Param::Piece& piece) {
  if (p.vector) return {piece.rows};
  if (p.transposed) return {p.cols, piece.rows};
  return {piece.rows, p.cols};
}

std::string shape_text(const std::vector<int64_t>& shape) { return fmt::format("({})", fmt::join(shape, ", ")); }

int64_t count_of(const std::vector<int64_t>& shape) {
  int64_t n = 1;
  for (const int64_t d : shape) n *= d;
  return n;
}

/// (rows, cols) -> (cols, rows).
std::vector<float> transpose(const float* in, int64_t rows, int64_t cols) {
  std::vector<float> out(static_cast<size_t>(rows * cols));
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) out[static_cast<size_t>(c * rows + r)] = in[r * cols + c];
  }
  return out;
}

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

/// The files that an index names, in order of their names. Each tensor must be in the file where the index says it is.
std::vector<SafetensorsFile> open_shards(const fs::path& folder, const fs::path& index) {
  const Json json = read_json(index, int64_t{1} << 28);
  require_input(json.contains("weight_map") && json["weight_map"].is_object() && !json["weight_map"].empty(), index, " has no weight_map");
  std::map<std::string, std::set<std::string_view>> named;
  for (const auto& [tensor, file] : json["weight_map"].get_ref<const Json::object_t&>()) {
    require_input(file.is_string(), index, ": tensor ", tensor, " is in ", to_line(file));
    const std::string& name = file.get_ref<const std::string&>();
    require_input(fs::path(name).filename() == name && name != ".." && name != ".", index, ": tensor ", tensor, " is in ", to_line(file), ", which is no file beside it");
    named[name].insert(tensor);
  }
  std::vector<SafetensorsFile> files;
  for (const auto& [name, tensors] : named) {
    std::error_code none;  // links in a circle are no file either
    require_input(fs::is_regular_file(folder / name, none), index, ": tensor ", *tensors.begin(), " is in ", name, ", which is not there");
    files.emplace_back(folder / name);
    std::set<std::string_view> held;
    for (const TensorInfo& t : files.back().tensors()) held.insert(t.name);
    for (const std::string_view tensor : tensors) require_input(held.count(tensor) > 0, index, ": tensor ", tensor, " is in ", name, "; that file does not hold it");
  }
  return files;
}

/// PyTorch's files: pytorch_model.bin, or its parts, or *.pth; "" where there are none.
std::string first_pickle(const fs::path& folder) {
  std::set<std::string> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string(), ending = entry.path().extension().string();
    if (ending == ".pth" || ending == ".pt" || (ending == ".bin" && name.starts_with("pytorch_model"))) found.insert(name);
  }
  return found.empty() ? "" : *found.begin();
}

std::vector<SafetensorsFile> open_files(const fs::path& folder) {
  if (const fs::path index = folder / "model.safetensors.index.json"; fs::exists(index)) return open_shards(folder, index);
  std::vector<SafetensorsFile> files;
  const fs::path single = folder / "model.safetensors";
  if (!fs::exists(single)) {
    const std::string pickle = first_pickle(folder);
    require_input(pickle.empty(), folder.string(), " holds ", pickle, ", a pickle that can run code; save it with safetensors (save_pretrained does) and try again");
  }
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

WeightFiles::WeightFiles(const fs::path& folder) : files_(open_files(folder)) {
  for (const auto& file : files_) {
    for (const auto& t : file.tensors()) {
      const auto [at, fresh] = found_.emplace(plain_name(t.name), Found{&file, &t});
      require_input(fresh, file.path().string(), ": tensor ", t.name, " is there twice, once more as ", at->second.tensor->name, " in ", at->second.file->path().filename().string());
    }
  }
}

const TensorInfo* WeightFiles::find(const std::string& name) const {
  const auto it = found_.find(plain_name(name));
  return it == found_.end() ? nullptr : it->second.tensor;
}

void WeightFiles::check(const std::string& name, const std::vector<int64_t>& shape) const {
  const auto it = found_.find(plain_name(name));
  require_input(it != found_.end(), files_.front().path().string(), " has no tensor ", name, " ", shape_text(shape), " that config.json asks for");
  const TensorInfo& t = *it->second.tensor;
  require_input(t.shape == shape, it->second.file->path().string(), ": tensor ", t.name, " is ", shape_text(t.shape), ", config.json asks for ", shape_text(shape), " (", t.end - t.begin,
                " bytes found, ", count_of(shape) * safetensors_dtype_bytes(t.dtype), " wanted)");
  require_input(t.dtype == "F32" || t.dtype == "F16" || t.dtype == "BF16", it->second.file->path().string(), ": tensor ", t.name, " is of type ", t.dtype,
                "; weights are read as F32, F16 or BF16");
}

std::vector<float> WeightFiles::read(const std::string& name, const std::vector<int64_t>& shape) const {
  check(name, shape);
  const Found& found = found_.at(plain_name(name));
  std::vector<float> values = floats_of(*found.file, *found.tensor);
  require_finite(values, found.file->path(), found.tensor->name);
  return values;
}

std::optional<StoredTensor> WeightFiles::stored(const std::string& name, const std::vector<int64_t>& shape) const {
  check(name, shape);
  const Found& found = found_.at(plain_name(name));
  if (found.tensor->dtype == "F32") return std::nullopt;
  StoredTensor out;
  out.type = found.tensor->dtype == "F16" ? NumberType::f16 : NumberType::bf16;
  out.bytes = found.file->bytes(*found.tensor);
  out.where = found.file->path().string() + ": tensor " + found.tensor->name;
  out.transposed = true;  // where the model's own order is another: GPT-2's
  return out;
}

void WeightFiles::refuse_leftovers(const ModelConfig& config) const {
  std::set<std::string> wanted;
  for (const TensorInfo& t : disk_layout(config)) wanted.insert(plain_name(t.name));
  for (const auto& [name, what] : found_) {
    const bool other_head = name == "lm_head.weight" || (name == "score.weight" && config.labels.empty());
    require_input(wanted.count(name) > 0 || is_buffer(name) || other_head, what.file->path().string(), ": the model of config.json has no place for tensor ", what.tensor->name);
  }
  if (config.tied && config.labels.empty()) refuse_other_head();
}

/// Some programs write a tied head out once more; one of its own would be left out without a word.
void WeightFiles::refuse_other_head() const {
  const auto head = found_.find("lm_head.weight");
  const auto table = found_.contains("wte.weight") ? found_.find("wte.weight") : found_.find("embed_tokens.weight");
  if (head == found_.end() || table == found_.end()) return;
  const TensorInfo &h = *head->second.tensor, &t = *table->second.tensor;
  const auto a = head->second.file->bytes(h), b = table->second.file->bytes(t);
  require_input(h.dtype == t.dtype && h.shape == t.shape && std::equal(a.begin(), a.end(), b.begin(), b.end()), head->second.file->path().string(), ": tie_word_embeddings is true, but tensor ", h.name, " (",
                h.dtype, " ", shape_text(h.shape), ", ", a.size(), " bytes) is another than ", t.name, " (", t.dtype, " ", shape_text(t.shape), ", ", b.size(),
                " bytes); if the head is the model's own, config.json must say \"tie_word_embeddings\": false");
}

void fill_params(Transformer& model, const std::function<std::vector<float>(const std::string&, const std::vector<int64_t>&)>& read) {
  const ParamSet& params = model.params();
  for (size_t i = 0; i < params.all().size(); ++i) {
    const Param& p = params.all()[i];
    for (const auto& piece : p.pieces) {
      std::vector<float> values = read(piece.name, disk_shape(p, piece));
      if (values.empty()) continue;
      if (p.transposed) values = transpose(values.data(), p.cols, piece.rows);
      model.backend().upload(params.value(i).data + p.begin_of(piece), values.data(), p.size_of(piece));
    }
  }
}

namespace {

/// Row `row` of the tensor's own order, where a piece's row lies: see StoredTensor::head_size.
int64_t row_in_file(const StoredTensor& t, int64_t row) {
  if (t.head_size == 0) return row;
  const int64_t head = row / t.head_size * t.head_size, at = row % t.head_size, half = t.head_size / 2;
  return head + 2 * (at % half) + at / half;
}

void pack_piece(const StoredMat& to, const Param::Piece& piece, const StoredTensor& from) {
  const int64_t bytes = row_bytes(to.type, to.cols);
  require_input(static_cast<int64_t>(from.bytes.size()) == bytes * piece.rows, from.bytes.size(), " bytes, not ", bytes * piece.rows);
  const auto exponent = static_cast<uint16_t>(to.type == NumberType::f16 ? 0x7c00 : 0x7f80);
  // The scales of blocks are looked at by pack_row.
  const auto check_halves = [&](std::span<const std::byte> row, int64_t number) {
    const int64_t at = in_blocks(to.type) ? -1 : first_not_finite_half(row, exponent);
    if (at < 0) return;
    uint16_t half;
    std::memcpy(&half, row.data() + 2 * at, 2);
    fail(ErrorKind::input, "its number ", from.transposed ? at * piece.rows + number : number * to.cols + at, " of ", piece.rows * to.cols, " is ",
         to.type == NumberType::f16 ? half_to_float(half) : bfloat_to_float(half), "; a model needs finite ones (damaged, or a training that went astray)");
  };
  parallel_chunks(piece.rows, kPanelRows, [&](int64_t begin, int64_t end) {
    std::vector<std::byte> gathered(from.transposed ? static_cast<size_t>(bytes) : 0);
    for (int64_t row = begin; row < end; ++row) {
      if (!from.transposed) {
        const int64_t there = row_in_file(from, row);
        const auto numbers = from.bytes.subspan(static_cast<size_t>(there * bytes), static_cast<size_t>(bytes));
        check_halves(numbers, there);
        pack_row(to, piece.row + row, numbers);
        continue;
      }
      for (int64_t c = 0; c < to.cols; ++c) std::memcpy(gathered.data() + 2 * c, from.bytes.data() + 2 * (c * piece.rows + row), 2);
      check_halves(gathered, row);
      pack_row(to, piece.row + row, gathered);
    }
  });
}

}  // namespace

void load_stored(Transformer& model, const FindStored& stored, const ReadTensor& read) {
  ParamSet& params = model.params();
  std::vector<NumberType> types(params.all().size(), NumberType::f32);
  std::vector<std::vector<StoredTensor>> found(types.size());
  for (size_t i = 0; i < types.size(); ++i) {
    const Param& p = params.all()[i];
    if (p.vector || i == params.places) continue;
    for (const auto& piece : p.pieces) {
      std::optional<StoredTensor> tensor = stored(piece.name, disk_shape(p, piece));
      if (!tensor || tensor->type == NumberType::f32 || (!found[i].empty() && tensor->type != found[i].front().type)) break;
      tensor->transposed = p.transposed && tensor->transposed;
      if (in_blocks(tensor->type) && (tensor->transposed || p.cols % block_columns(tensor->type) != 0)) break;
      found[i].push_back(*tensor);
    }
    if (found[i].size() == p.pieces.size()) types[i] = found[i].front().type;
  }
  params.allocate_stored(model.backend(), types);
  for (size_t i = 0; i < types.size(); ++i) {
    const Param& p = params.all()[i];
    for (size_t n = 0; n < p.pieces.size(); ++n) {
      const auto& piece = p.pieces[n];
      if (types[i] == NumberType::f32) {
        std::vector<float> values = read(piece.name, disk_shape(p, piece));
        if (p.transposed) values = transpose(values.data(), p.cols, piece.rows);
        model.backend().upload(params.value(i).data + p.begin_of(piece), values.data(), p.size_of(piece));
        continue;
      }
      try {
        pack_piece(params.stored(i), piece, found[i][n]);
      } catch (Error& e) {
        e.during(found[i][n].where);
        throw;
      }
    }
  }
}

void load_weights(Transformer& model, const fs::path& folder, bool fresh_head) {
  const WeightFiles files(folder);
  fill_params(model, [&](const std::string& name, const std::vector<int64_t>& shape) {
    const bool keeps_start = name == "score.weight" && fresh_head && files.find(name) == nullptr;
    return keeps_start ? std::vector<float>() : files.read(name, shape);
  });
  files.refuse_leftovers(model.config());
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

std::vector<TensorInfo> disk_layout(const ModelConfig& config) {
  std::vector<TensorInfo> out;
  const ParamSet params(config);
  for (const Param& p : params.all()) {
    for (const auto& piece : p.pieces) {
      TensorInfo t;
      t.name = piece.name;
      t.dtype = "F32";
      t.shape = disk_shape(p, piece);
      out.push_back(std::move(t));
    }
  }
  return out;
}

std::vector<std::string> write_weights(const fs::path& folder, const std::vector<TensorInfo>& layout,
                                       const std::function<void(SafetensorsWriter&, const TensorInfo&)>& write, int64_t shard_bytes,
                                       const std::map<std::string, std::string>& metadata) {
  std::vector<std::vector<TensorInfo>> shards(1);
  int64_t in_shard = 0, total = 0;
  for (const TensorInfo& t : layout) {
    const int64_t bytes = safetensors_dtype_bytes(t.dtype) * t.count();
    if (in_shard > 0 && in_shard + bytes > shard_bytes) {
      shards.emplace_back();
      in_shard = 0;
    }
    in_shard += bytes;
    total += bytes;
    shards.back().push_back(t);
  }
  std::vector<std::string> names;
  Json index = {{"metadata", {{"total_size", total}}}, {"weight_map", Json::object()}};
  for (size_t s = 0; s < shards.size(); ++s) {
    names.push_back(shards.size() == 1 ? "model.safetensors" : fmt::format("model-{:05}-of-{:05}.safetensors", s + 1, shards.size()));
    SafetensorsWriter out(folder / names.back(), shards[s], metadata);
    for (const TensorInfo& t : shards[s]) {
      write(out, t);
      index["weight_map"][t.name] = names.back();
    }
    out.commit();
  }
  if (shards.size() > 1) {
    names.push_back("model.safetensors.index.json");
    write_file(folder / names.back(), to_pretty(index));
  }
  return names;
}

void write_floats(SafetensorsWriter& out, const TensorInfo& t, const std::vector<float>& values) {
  if (t.dtype == "F32") return out.write(values.data(), static_cast<int64_t>(values.size()) * 4);
  const auto bytes = from_floats(t.dtype == "F16" ? GgmlType::f16 : GgmlType::bf16, values);
  out.write(bytes.data(), static_cast<int64_t>(bytes.size()));
}

std::vector<float> disk_values(const Transformer& model, const std::string& name) {
  const ParamSet& params = model.params();
  for (size_t i = 0; i < params.all().size(); ++i) {
    const Param& p = params.all()[i];
    for (const auto& piece : p.pieces) {
      if (piece.name != name) continue;
      std::vector<float> values(static_cast<size_t>(p.size_of(piece)));
      model.backend().download(values.data(), params.value(i).data + p.begin_of(piece), p.size_of(piece));
      return p.transposed ? transpose(values.data(), piece.rows, p.cols) : values;
    }
  }
  fail(ErrorKind::internal, "the model has no tensor ", name);
}

std::vector<std::string> save_weights(const Transformer& model, const fs::path& folder, int64_t shard_bytes) {
  const ParamSet& params = model.params();
  struct Place {
    size_t param;
    const Param::Piece* piece;
  };
  std::map<std::string, Place> places;
  for (size_t i = 0; i < params.all().size(); ++i) {
    for (const auto& piece : params.all()[i].pieces) places[piece.name] = {i, &piece};
  }
  const auto write = [&](SafetensorsWriter& out, const TensorInfo& t) {
    const Place& place = places.at(t.name);
    const Param& p = params.all()[place.param];
    const int64_t rows = p.vector ? 1 : place.piece->rows;
    write_in_pieces(out, model.backend(), params.value(place.param).data + p.begin_of(*place.piece), rows, p.size_of(*place.piece) / rows, p.transposed);
  };
  return write_weights(folder, disk_layout(model.config()), write, shard_bytes);
}

}  // namespace loam

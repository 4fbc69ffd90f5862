#include "loam/infer/gguf_model.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <map>
#include <numbers>
#include <set>

#include "loam/base/error.h"
#include "loam/base/version.h"
#include "loam/formats/finite.h"
#include "loam/infer/foreign.h"
#include "loam/infer/gguf_tokenizer.h"

namespace loam {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;
constexpr std::array<Pair, 5> kWhole = {{{"model.embed_tokens", "token_embd"},
                                         {"model.norm", "output_norm"},
                                         {"transformer.wte", "token_embd"},
                                         {"transformer.wpe", "position_embd"},
                                         {"transformer.ln_f", "output_norm"}}};
constexpr std::array<Pair, 17> kInBlock = {{{"input_layernorm", "attn_norm"},
                                            {"self_attn.q_proj", "attn_q"},
                                            {"self_attn.k_proj", "attn_k"},
                                            {"self_attn.v_proj", "attn_v"},
                                            {"self_attn.o_proj", "attn_output"},
                                            {"self_attn.q_norm", "attn_q_norm"},
                                            {"self_attn.k_norm", "attn_k_norm"},
                                            {"post_attention_layernorm", "ffn_norm"},
                                            {"mlp.gate_proj", "ffn_gate"},
                                            {"mlp.up_proj", "ffn_up"},
                                            {"mlp.down_proj", "ffn_down"},
                                            {"ln_1", "attn_norm"},
                                            {"attn.c_attn", "attn_qkv"},
                                            {"attn.c_proj", "attn_output"},
                                            {"ln_2", "ffn_norm"},
                                            {"mlp.c_fc", "ffn_up"},
                                            {"mlp.c_proj", "ffn_down"}}};

/// GPT-2's matrices lie (in, out) in Hugging Face's folders, (out, in) in GGUF.
bool transposed(const std::string& hf_name) {
  return hf_name.starts_with("transformer.h.") && hf_name.ends_with(".weight") && hf_name.find(".c_") != std::string::npos;
}

/// Queries and keys whose rows llama.cpp reorders: those of its "llama", which Mistral is there too.
bool reordered(const ModelConfig& c, const std::string& hf_name) {
  return c.family == Family::llama && (c.model_type == "llama" || c.model_type == "mistral") &&
         (hf_name.find("self_attn.q_proj.") != std::string::npos || hf_name.find("self_attn.k_proj.") != std::string::npos);
}

std::vector<float> transpose(const std::vector<float>& in, int64_t rows, int64_t cols) {
  std::vector<float> out(in.size());
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) out[static_cast<size_t>(c * rows + r)] = in[static_cast<size_t>(r * cols + c)];
  }
  return out;
}

std::string shape_text(const std::vector<int64_t>& shape) { return fmt::format("({})", fmt::join(shape, ", ")); }

/// What Llama 3.1's scaling divides each pair's frequency by: the tensor rope_freqs.weight.
std::vector<float> rope_factors(const ModelConfig& c) {
  ModelConfig plain = c;
  plain.rope_scaling = {};
  std::vector<float> out;
  for (int64_t i = 0; i < c.head_size / 2; ++i) out.push_back(static_cast<float>(rope_frequency(plain, i) / rope_frequency(c, i)));
  return out;
}

/// The context that made those factors: a pair between the bounds tells by how far it is from each. 8192 if none does.
int64_t original_context(const ModelConfig& c, const std::vector<float>& factors) {
  const RopeScaling& s = c.rope_scaling;
  for (size_t i = 0; i < factors.size(); ++i) {
    if (factors[i] <= 1.001 || factors[i] >= 0.999 * s.factor) continue;
    const double keep = (1.0 / static_cast<double>(factors[i]) - 1 / s.factor) / (1 - 1 / s.factor), turns = s.low + keep * (s.high - s.low);
    const double plain = std::pow(c.rope_theta, -2.0 * static_cast<double>(i) / static_cast<double>(c.head_size));
    return std::llround(std::clamp(2 * std::numbers::pi * turns / plain, 1.0, 1e9));
  }
  return 8192;
}

class GgufModel final : public ForeignModel {
 public:
  explicit GgufModel(const fs::path& path) : file_(path) {
    paths_ = {path};
    read_config();
    if (file_.has("tokenizer.ggml.model")) tokenizer_ = parts_from_gguf(file_);
    for (const char* key : {"eos_token_id", "eot_token_id", "eom_token_id"}) {
      const int64_t id = file_.integer(std::string("tokenizer.ggml.") + key, -1);
      if (id >= 0 && id < config_.vocab) stop_ids_.push_back(id);
    }
    config_.eos = stop_ids_.empty() ? 0 : stop_ids_.front();
    const int64_t bos = file_.integer("tokenizer.ggml.bos_token_id", -1);
    config_.bos = bos >= 0 && bos < config_.vocab ? bos : config_.eos;
  }
  const char* format() const override { return "gguf"; }

  void check(const std::string& name, const std::vector<int64_t>& shape) const override {
    const GgufTensor& t = tensor(name);
    const std::vector<int64_t> wanted = shape_in_file(name, shape);
    require_input(t.shape == wanted, file_.path().string(), ": tensor ", t.name, " is ", shape_text(t.shape), ", its metadata asks for ", shape_text(wanted), " (", t.size, " bytes found, ", wanted_bytes(t, wanted), " wanted)");
  }

  std::vector<float> read(const std::string& name, const std::vector<int64_t>& shape) const override {
    check(name, shape);
    const GgufTensor& t = tensor(name);
    std::vector<float> values(static_cast<size_t>(t.count()));
    try {
      to_floats(t.type, file_.bytes(t), values);
      require_finite(values, file_.path(), t.name);
    } catch (Error& e) {
      if (std::string_view(e.what()).find(t.name) == std::string_view::npos) e.during(file_.path().string(), ": tensor ", t.name);
      throw;
    }
    if (reordered(config_, name)) return reorder_heads(values, shape[0], config_.head_size, false);
    return transposed(name) ? transpose(values, t.shape[0], t.shape[1]) : values;
  }

  std::optional<StoredTensor> stored(const std::string& name, const std::vector<int64_t>& shape) const override {
    check(name, shape);
    const GgufTensor& t = tensor(name);
    StoredTensor out;
    switch (t.type) {
      case GgmlType::f16: out.type = NumberType::f16; break;
      case GgmlType::bf16: out.type = NumberType::bf16; break;
      case GgmlType::q8_0: out.type = NumberType::q8_0; break;
      case GgmlType::q4_0: out.type = NumberType::q4_0; break;
      case GgmlType::q4_k: out.type = NumberType::q4_k; break;
      case GgmlType::q6_k: out.type = NumberType::q6_k; break;
      default: return std::nullopt;
    }
    out.bytes = file_.bytes(t);
    out.where = file_.path().string() + ": tensor " + t.name;
    out.head_size = reordered(config_, name) ? config_.head_size : 0;
    return out;
  }

  std::string dtype(const std::string& name) const override {
    const GgmlType type = tensor(name).type;
    return type == GgmlType::f16 ? "F16" : type == GgmlType::bf16 ? "BF16" : "F32";
  }

  void refuse_leftovers() const override {
    std::set<std::string> wanted = {"rope_freqs.weight", "output.weight"};
    for (const TensorInfo& t : disk_layout(config_)) wanted.insert(gguf_name(t.name));
    for (const auto& t : file_.tensors()) {
      require_input(wanted.count(t.name) > 0, file_.path().string(), ": a ", file_.text("general.architecture"), " has no place for tensor ", t.name);
    }
  }

  std::string number_types() const override {
    std::map<std::string, int> counts;
    for (const auto& t : file_.tensors()) ++counts[ggml_traits(static_cast<uint32_t>(t.type))->name];
    std::string out;
    for (const auto& [name, count] : counts) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", name, count);
    return out;
  }

 private:
  static int64_t wanted_bytes(const GgufTensor& t, const std::vector<int64_t>& shape) {
    int64_t count = 1;
    for (const int64_t d : shape) count *= d;
    const GgmlTraits& traits = *ggml_traits(static_cast<uint32_t>(t.type));
    return count / traits.block * traits.bytes;
  }
  /// The shape that a tensor of Hugging Face's shape has in the file.
  static std::vector<int64_t> shape_in_file(const std::string& name, std::vector<int64_t> shape) {
    if (transposed(name)) std::swap(shape[0], shape[1]);
    return shape;
  }

  const GgufTensor& tensor(const std::string& hf_name) const {
    const GgufTensor* t = file_.find(gguf_name(hf_name));
    require_input(t != nullptr, file_.path().string(), " has no tensor ", gguf_name(hf_name), ", which its metadata asks for");
    return *t;
  }

  bool same_bytes(const GgufTensor& a, const GgufTensor& b) const {
    const auto left = file_.bytes(a), right = file_.bytes(b);
    return std::equal(left.begin(), left.end(), right.begin(), right.end());
  }

  void read_config() try {
    const std::string arch = file_.text("general.architecture");
    require_input(arch == "gpt2" || arch == "llama" || arch == "qwen2" || arch == "qwen3", "its architecture is \"", arch, "\"; loam has gpt2, llama, qwen2 and qwen3");
    require_input(!file_.tensors().empty(), "it holds a vocabulary alone, no weights; `loam tokenizer import` reads that");
    ModelConfig& c = config_;
    const auto key = [&](const char* name) { return arch + "." + name; };
    c.family = arch == "gpt2" ? Family::gpt2 : Family::llama;
    if (arch != "gpt2") c.model_type = arch;
    c.context = file_.integer(key("context_length"));
    c.layers = file_.integer(key("block_count"));
    c.channels = file_.integer(key("embedding_length"));
    c.hidden = file_.integer(key("feed_forward_length"));
    c.heads = file_.integer(key("attention.head_count"));
    require_input(c.heads >= 1 && c.channels >= 1, key("attention.head_count"), " is ", c.heads, ", ", key("embedding_length"), " ", c.channels);
    c.kv_heads = file_.integer(key("attention.head_count_kv"), c.heads);
    c.head_size = file_.integer(key("attention.key_length"), c.channels / c.heads);
    c.norm_eps = file_.number(key(arch == "gpt2" ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon"), 1e-5);
    // Epsilons are stored in 32 bits: 1e-5 comes back as 9.99999974e-06.
    c.norm_eps = std::stod(fmt::format("{:.6g}", c.norm_eps));
    const GgufTensor* table = file_.find("token_embd.weight");
    require_input(table != nullptr && table->shape.size() == 2, "it has no tensor token_embd.weight (vocabulary, ", c.channels, ")");
    c.vocab = table->shape[0];
    // Some converters write a tied head out once more.
    const GgufTensor* head = file_.find("output.weight");
    c.tied = head == nullptr || (head->type == table->type && head->shape == table->shape && same_bytes(*head, *table));
    if (arch != "gpt2") read_llama_kin(arch);
    c.validate();
  } catch (Error& e) {
    e.during(file_.path().string());
    throw;
  }

  void read_llama_kin(const std::string& arch) {
    ModelConfig& c = config_;
    const auto key = [&](const char* name) { return arch + "." + name; };
    c.rope_theta = file_.number(key("rope.freq_base"), 10000.0);
    const int64_t turned = file_.integer(key("rope.dimension_count"), c.head_size);
    require_input(turned == c.head_size, key("rope.dimension_count"), " is ", turned, "; loam turns whole heads of ", c.head_size);
    require_input(file_.integer(key("attention.value_length"), c.head_size) == c.head_size, key("attention.value_length"), " differs from the keys' ", c.head_size);
    require_input(file_.integer(key("expert_count"), 0) == 0, "it is a mixture of experts, which loam does not have");
    c.qkv_bias = file_.find("blk.0.attn_q.bias") != nullptr;
    c.proj_bias = file_.find("blk.0.attn_output.bias") != nullptr;
    c.mlp_bias = file_.find("blk.0.ffn_down.bias") != nullptr;
    c.qk_norm = arch == "qwen3";
    c.window = file_.integer(key("attention.sliding_window"), 0);
    if (c.window > 0 && arch == "llama") c.model_type = "mistral";
    read_placeholder(arch);
    read_rope_scaling(key("rope.scaling."), c);
  }

  /// The converter from llama2.c's form writes the context 128 for every model. Its files are known by what they lack.
  void read_placeholder(const std::string& arch) {
    constexpr int64_t kWritten = 128, kAssumed = 512;
    const bool converted = arch == "llama" && config_.context == kWritten && file_.text("general.name", "") == "llama" && !file_.has("general.file_type") &&
                           file_.integer("tokenizer.ggml.seperator_token_id", 0) == UINT32_MAX;
    if (!converted) return;
    config_.context = kAssumed;
    warnings_.push_back(cat("its context_length is 128, which the converter from llama2.c's form writes for every model; ", kAssumed, " is taken (--context N says another)"));
  }

  void read_rope_scaling(const std::string& prefix, ModelConfig& c) {
    const std::string kind = file_.text(prefix + "type", "none");
    require_input(kind == "none" || kind == "linear", prefix, "type is \"", kind, "\"; loam has linear, and Llama 3's");
    if (kind == "linear") {
      c.rope_scaling.kind = RopeScaling::Kind::linear;
      c.rope_scaling.factor = file_.number(prefix + "factor", 1.0);
    }
    const GgufTensor* factors = file_.find("rope_freqs.weight");
    if (factors == nullptr) return;
    // Llama 3's scaling comes as its result; what made it is worked out again, with the published models' bounds.
    require_input(factors->type == GgmlType::f32 && factors->count() == c.head_size / 2, "tensor rope_freqs.weight is ", shape_text(factors->shape), ", not (", c.head_size / 2, ") F32");
    std::vector<float> found(static_cast<size_t>(factors->count()));
    to_floats(factors->type, file_.bytes(*factors), found);
    c.rope_scaling = {RopeScaling::Kind::llama3, static_cast<double>(found.back()), 1, 4, 8192};
    c.rope_scaling.original = file_.integer(prefix + "original_context_length", original_context(c, found));
    const std::vector<float> made = rope_factors(c);
    for (size_t i = 0; i < found.size(); ++i) {
      require_input(std::fabs(made[i] - found[i]) <= 1e-4f * std::fabs(found[i]), "tensor rope_freqs.weight holds other factors than Llama 3's scaling by ", found.back(), " makes (number ", i, ": ",
                    found[i], ", not ", made[i], ")");
    }
  }

  GgufFile file_;
};

}  // namespace

std::unique_ptr<ForeignModel> open_gguf_model(const fs::path& file) { return std::make_unique<GgufModel>(file); }

std::string gguf_name(const std::string& hf_name) {
  const size_t dot = hf_name.rfind('.');
  if (dot == std::string::npos) return "";
  const std::string body = hf_name.substr(0, dot), kind = hf_name.substr(dot);
  if (body == "lm_head") return "output" + kind;
  for (const auto& [hf, gguf] : kWhole) {
    if (body == hf) return std::string(gguf) + kind;
  }
  for (const std::string_view prefix : {"model.layers.", "transformer.h."}) {
    if (!body.starts_with(prefix)) continue;
    const size_t end = body.find('.', prefix.size());
    if (end == std::string::npos) return "";
    const std::string number = body.substr(prefix.size(), end - prefix.size()), rest = body.substr(end + 1);
    for (const auto& [hf, gguf] : kInBlock) {
      if (rest == hf) return "blk." + number + "." + std::string(gguf) + kind;
    }
  }
  return "";
}

std::vector<float> reorder_heads(const std::vector<float>& values, int64_t rows, int64_t head_size, bool back) {
  const int64_t cols = static_cast<int64_t>(values.size()) / rows, half = head_size / 2;
  std::vector<float> out(values.size());
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t head = row / head_size * head_size, at = row % head_size;
    const int64_t side = head + 2 * (at % half) + at / half;  // where half-apart row `row` lies side by side
    const float* from = values.data() + (back ? row : side) * cols;
    std::copy(from, from + cols, out.data() + (back ? side : row) * cols);
  }
  return out;
}

namespace {

GgmlType type_of(const TensorInfo& t, const std::string& name, GgmlType wanted) {
  if (t.shape.size() == 1 || name == "position_embd.weight") return GgmlType::f32;
  const bool table = name == "token_embd.weight" || name == "output.weight";
  const GgmlType type = wanted == GgmlType::q4_k && table ? GgmlType::q6_k : wanted;
  const int64_t row = t.shape[transposed(t.name) ? 0 : 1];
  if (row % ggml_traits(static_cast<uint32_t>(type))->block == 0) return type;
  return row % 32 == 0 ? GgmlType::q8_0 : GgmlType::f16;
}

/// llama.cpp's number for "mostly of this type".
int64_t file_type(GgmlType type) {
  switch (type) {
    case GgmlType::f16: return 1;
    case GgmlType::q4_0: return 2;
    case GgmlType::q8_0: return 7;
    case GgmlType::q4_k: return 14;  // the small mixture: all Q4_K but the tables
    case GgmlType::bf16: return 32;
    default: return 0;
  }
}

void add_shape_metadata(GgufMetadata& metadata, const ModelConfig& c) {
  const std::string arch = c.family == Family::gpt2 ? "gpt2" : c.model_type == "mistral" ? "llama" : c.model_type;
  metadata.emplace_back("general.architecture", arch);
  const auto put = [&](const char* key, GgufValue value) { metadata.emplace_back(arch + "." + key, std::move(value)); };
  put("context_length", c.context);
  put("block_count", c.layers);
  put("embedding_length", c.channels);
  put("feed_forward_length", c.hidden);
  put("attention.head_count", c.heads);
  if (c.family == Family::gpt2) {
    put("attention.layer_norm_epsilon", c.norm_eps);
    return;
  }
  put("attention.head_count_kv", c.kv_heads);
  put("attention.layer_norm_rms_epsilon", c.norm_eps);
  put("attention.key_length", c.head_size);
  put("attention.value_length", c.head_size);
  put("rope.dimension_count", c.head_size);
  put("rope.freq_base", c.rope_theta);
  put("vocab_size", c.vocab);
  if (c.rope_scaling.kind == RopeScaling::Kind::linear) {
    put("rope.scaling.type", std::string("linear"));
    put("rope.scaling.factor", c.rope_scaling.factor);
  }
  if (c.rope_scaling.kind == RopeScaling::Kind::llama3) put("rope.scaling.original_context_length", c.rope_scaling.original);
  if (c.window > 0) {
    require_input(c.window_from == 0, "GGUF has no word for windows in some layers only (max_window_layers = ", c.window_from, ")");
    put("attention.sliding_window", c.window);
  }
}

}  // namespace

void write_gguf(const fs::path& file, const Transformer& model, const Tokenizer& tokenizer, GgmlType type, const std::string& name,
                const std::vector<int64_t>& stops, const std::vector<std::pair<std::string, std::string>>& lineage) {
  const ModelConfig& c = model.config();
  require_input(c.labels.empty(), "GGUF has no classifiers of this kind; `--format hf` keeps one whole");
  const bool quantised = ggml_traits(static_cast<uint32_t>(type))->block > 1;
  GgufMetadata metadata;
  add_shape_metadata(metadata, c);
  metadata.insert(metadata.begin() + 1, {{"general.type", std::string("model")}, {"general.name", name}, {"general.file_type", file_type(type)}});
  if (quantised) metadata.emplace_back("general.quantization_version", int64_t{2});
  metadata.emplace_back("loam.version", std::string(version()));
  for (const auto& [key, value] : lineage) metadata.emplace_back("loam." + key, value);
  add_tokenizer_metadata(metadata, tokenizer, c.vocab, stops);
  const std::vector<TensorInfo> layout = disk_layout(c);
  std::vector<GgufTensor> tensors;
  const bool factors = c.rope_scaling.kind == RopeScaling::Kind::llama3;
  if (factors) tensors.push_back({"rope_freqs.weight", {c.head_size / 2}, GgmlType::f32, 0, 0});
  for (const TensorInfo& t : layout) {
    GgufTensor out;
    out.name = gguf_name(t.name);
    out.shape = t.shape;
    if (transposed(t.name)) std::swap(out.shape[0], out.shape[1]);
    out.type = type_of(t, out.name, type);
    tensors.push_back(std::move(out));
  }
  GgufWriter out(file, metadata, tensors);
  if (factors) {
    const std::vector<float> values = rope_factors(c);
    out.write(values.data(), static_cast<int64_t>(values.size()) * 4);
  }
  for (size_t i = 0; i < layout.size(); ++i) {
    const TensorInfo& t = layout[i];
    std::vector<float> values = disk_values(model, t.name);
    if (transposed(t.name)) values = transpose(values, t.shape[0], t.shape[1]);
    if (reordered(c, t.name)) values = reorder_heads(values, t.shape[0], c.head_size, true);
    try {
      const auto bytes = from_floats(tensors[i + (factors ? 1 : 0)].type, values);
      out.write(bytes.data(), static_cast<int64_t>(bytes.size()));
    } catch (Error& e) {
      e.during("tensor ", t.name);
      throw;
    }
  }
  out.commit();
}

}  // namespace loam

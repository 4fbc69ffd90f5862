#include "loam/model/config.h"

#include <cmath>
#include <map>
#include <numbers>

#include "loam/base/error.h"

namespace loam {
namespace {

struct Keys {  // Hugging Face's names for the same sizes
  const char *layers, *heads, *channels, *context, *hidden;
};
Keys keys(Family family) {
  if (family == Family::gpt2) return {"n_layer", "n_head", "n_embd", "n_positions", "n_inner"};
  return {"num_hidden_layers", "num_attention_heads", "hidden_size", "max_position_embeddings", "intermediate_size"};
}

void read_gpt2(ModelConfig& c, const Json& json) {
  require_input(c.channels % c.heads == 0, "n_embd = ", c.channels, " is no multiple of n_head = ", c.heads);
  c.hidden = get_int(json, "n_inner", 4 * c.channels);
  c.kv_heads = c.heads;
  c.head_size = c.channels / c.heads;
  c.tied = get_bool(json, "tie_word_embeddings", true);
  c.norm_eps = get_number(json, "layer_norm_epsilon", 1e-5);
  const std::string activation = get_string(json, "activation_function", "gelu_new");
  require_input(activation == "gelu_new" || activation == "gelu_pytorch_tanh", "activation_function is \"", activation, "\"; this loam has gelu_new");
  require_input(!get_bool(json, "scale_attn_by_inverse_layer_idx", false), "scale_attn_by_inverse_layer_idx is true; this loam has only false");
  require_input(get_bool(json, "scale_attn_weights", true), "scale_attn_weights is false; this loam has only true");
  c.dropout = get_number(json, "resid_pdrop", 0.0);
  for (const char* key : {"embd_pdrop", "attn_pdrop"}) {
    require_input(get_number(json, key, c.dropout) == c.dropout, key, " differs from resid_pdrop; this loam has one dropout for all");
  }
}

void read_rope(ModelConfig& c, const Json& json) {
  // Newer configs keep all of it in "rope_parameters".
  const bool newer = json.contains("rope_parameters") && json["rope_parameters"].is_object();
  const Json& rope = newer ? json["rope_parameters"] : json.contains("rope_scaling") ? json["rope_scaling"] : Json();
  c.rope_theta = get_number(newer && rope.contains("rope_theta") ? rope : json, "rope_theta", 10000.0);
  if (rope.is_null()) return;
  require_input(rope.is_object(), "rope_scaling is ", to_line(rope));
  const std::string kind = get_string(rope, rope.contains("rope_type") ? "rope_type" : "type", "default");
  if (kind == "default") return;
  require_input(kind == "linear" || kind == "llama3", "rope_scaling is of the kind \"", kind, "\"; this loam has linear and llama3");
  RopeScaling& scaling = c.rope_scaling;
  scaling.kind = kind == "linear" ? RopeScaling::Kind::linear : RopeScaling::Kind::llama3;
  scaling.factor = get_number(rope, "factor");
  if (kind == "linear") return;
  scaling.low = get_number(rope, "low_freq_factor");
  scaling.high = get_number(rope, "high_freq_factor");
  scaling.original = get_int(rope, "original_max_position_embeddings");
}

/// What tells Llama's kin apart.
void read_kin(ModelConfig& c, const Json& json) {
  const bool qwen = c.model_type == "qwen2" || c.model_type == "qwen3";
  const bool all_biased = get_bool(json, "attention_bias", false);
  c.qkv_bias = all_biased || c.model_type == "qwen2";
  c.proj_bias = all_biased;
  c.mlp_bias = get_bool(json, "mlp_bias", false);
  c.qk_norm = c.model_type == "qwen3" || c.model_type == "loam";
  if (c.model_type == "loam") {
    c.pair_rows = get_int(json, "pair_rows", 0);
    c.value_tables = get_bool(json, "value_tables", false);
  }
  require_input(!all_biased || c.model_type == "llama" || c.model_type == "qwen3", "attention_bias is true, which a ", c.model_type, " has not");
  if (c.model_type == "mistral" || (qwen && get_bool(json, "use_sliding_window", false))) c.window = get_int(json, "sliding_window", 0);
  if (qwen && c.window > 0) c.window_from = get_int(json, "max_window_layers", 0);
}

void read_llama(ModelConfig& c, const Json& json) {
  c.hidden = get_int(json, "intermediate_size");
  c.kv_heads = get_int(json, "num_key_value_heads", c.heads);
  require_input(json.contains("head_dim") || c.model_type == "qwen3" || c.channels % c.heads == 0, "hidden_size = ", c.channels, " is no multiple of num_attention_heads = ", c.heads);
  c.head_size = get_int(json, "head_dim", c.model_type == "qwen3" ? 128 : c.channels / c.heads);
  c.tied = get_bool(json, "tie_word_embeddings", false);
  c.norm_eps = get_number(json, "rms_norm_eps", 1e-6);
  const std::string activation = get_string(json, "hidden_act", "silu");
  c.squared_relu = c.model_type == "loam" && activation == "relu2";
  require_input(activation == "silu" || c.squared_relu, "hidden_act is \"", activation, "\"; this loam has silu", c.model_type == "loam" ? " and relu2" : "");
  require_input(get_number(json, "partial_rotary_factor", 1.0) == 1.0, "partial_rotary_factor is not 1; this loam turns whole heads");
  read_rope(c, json);
  read_kin(c, json);
  c.dropout = get_number(json, "attention_dropout", 0.0);
}

}  // namespace

void ModelConfig::validate() const {
  const Keys k = keys(family);
  auto in_range = [](int64_t value, int64_t most, const char* key) {
    require_input(value >= 1 && value <= most, key, " = ", value, " is not in 1..", most);
  };
  in_range(vocab, int64_t{1} << 24, "vocab_size");
  in_range(context, int64_t{1} << 24, k.context);
  in_range(layers, 4096, k.layers);
  in_range(channels, 1 << 20, k.channels);
  in_range(heads, 1 << 16, k.heads);
  in_range(hidden, 1 << 22, k.hidden);
  in_range(kv_heads, heads, family == Family::gpt2 ? k.heads : "num_key_value_heads");
  require_input(family != Family::gpt2 || channels % heads == 0, k.channels, " = ", channels, " is no multiple of ", k.heads, " = ", heads);
  require_input(heads % kv_heads == 0, k.heads, " = ", heads, " is no multiple of num_key_value_heads = ", kv_heads);
  in_range(head_size, 4096, "head_dim");
  require_input(family == Family::gpt2 || head_size % 2 == 0, "head_dim = ", head_size, " is odd; rotary positions turn pairs (", k.channels, " = ", channels, ", ",
                k.heads, " = ", heads, ")");
  require_input(norm_eps > 0 && norm_eps < 1, "the norm's epsilon = ", norm_eps, " is not in (0, 1)");
  require_input(rope_theta > 0 && std::isfinite(rope_theta), "rope_theta = ", rope_theta, " is not above 0");
  require_input(rope_scaling.factor > 0 && std::isfinite(rope_scaling.factor), "rope_scaling's factor = ", rope_scaling.factor, " is not above 0");
  require_input(rope_scaling.kind != RopeScaling::Kind::llama3 || (rope_scaling.low > 0 && rope_scaling.high > rope_scaling.low && rope_scaling.original > 0),
                "rope_scaling's low_freq_factor = ", rope_scaling.low, ", high_freq_factor = ", rope_scaling.high, ", original_max_position_embeddings = ",
                rope_scaling.original, " do not fit together");
  require_input(window >= 0 && window_from >= 0, "sliding_window = ", window, ", max_window_layers = ", window_from, " must not be negative");
  require_input(pair_rows >= 0 && pair_rows <= int64_t{1} << 26, "pair_rows = ", pair_rows, " is not in 0..2^26");
  require_input(dropout >= 0 && dropout < 1, "dropout = ", dropout, " is not in [0, 1)");
}

double rope_frequency(const ModelConfig& c, int64_t i) {
  const double plain = std::pow(c.rope_theta, -2.0 * static_cast<double>(i) / static_cast<double>(c.head_size));
  const RopeScaling& s = c.rope_scaling;
  if (s.kind == RopeScaling::Kind::none) return plain;
  if (s.kind == RopeScaling::Kind::linear) return plain / s.factor;
  const double turns = static_cast<double>(s.original) * plain / (2 * std::numbers::pi);  // within the original context
  if (turns > s.high) return plain;
  if (turns < s.low) return plain / s.factor;
  const double keep = (turns - s.low) / (s.high - s.low);
  return (1 - keep) * plain / s.factor + keep * plain;
}

ModelConfig config_from_json(const Json& json) {
  ModelConfig c;
  const std::string type = get_string(json, "model_type");
  require_input(type == "gpt2" || type == "llama" || type == "mistral" || type == "qwen2" || type == "qwen3" || type == "loam", "model_type is \"", type,
                "\"; this loam has gpt2, llama, mistral, qwen2, qwen3 and loam");
  c.family = type == "gpt2" ? Family::gpt2 : Family::llama;
  if (type != "gpt2") c.model_type = type;
  const Keys k = keys(c.family);
  c.vocab = get_int(json, "vocab_size");
  c.layers = get_int(json, k.layers);
  c.heads = get_int(json, k.heads);
  c.channels = get_int(json, k.channels);
  c.context = get_int(json, k.context);
  require_input(c.heads >= 1 && c.channels >= 1, k.heads, " = ", c.heads, " and ", k.channels, " = ", c.channels, " must be at least 1");
  if (c.family == Family::gpt2) {
    read_gpt2(c, json);
  } else {
    read_llama(c, json);
  }
  // Some configs give a list of end ids; the first is the one a document begins with here.
  auto id = [&](const char* key) -> int64_t {
    if (json.contains(key) && json.at(key).is_array() && !json.at(key).empty() && json.at(key).at(0).is_number_integer()) return json.at(key).at(0).get<int64_t>();
    return get_int(json, key, 0);
  };
  c.bos = id("bos_token_id");
  c.eos = id("eos_token_id");
  if (json.contains("id2label") && json.value("architectures", Json::array()).dump().find("SequenceClassification") != std::string::npos) {
    const Json& labels = json.at("id2label");
    require_input(labels.is_object(), "id2label is no object of labels by number");
    for (size_t i = 0; i < labels.size(); ++i) c.labels.push_back(get_string(labels, std::to_string(i).c_str()));
  }
  c.validate();
  return c;
}

namespace {

std::string class_name(const ModelConfig& c) {
  if (c.family == Family::gpt2) return "GPT2";
  return c.model_type == "mistral" ? "Mistral" : c.model_type == "qwen2" ? "Qwen2" : c.model_type == "qwen3" ? "Qwen3" : c.model_type == "loam" ? "Loam" : "Llama";
}

Json rope_scaling_json(const RopeScaling& s) {
  if (s.kind == RopeScaling::Kind::none) return nullptr;
  if (s.kind == RopeScaling::Kind::linear) return {{"rope_type", "linear"}, {"type", "linear"}, {"factor", s.factor}};
  return {{"rope_type", "llama3"}, {"factor", s.factor}, {"low_freq_factor", s.low}, {"high_freq_factor", s.high}, {"original_max_position_embeddings", s.original}};
}

}  // namespace

Json config_to_json(const ModelConfig& c) {
  const bool gpt2 = c.family == Family::gpt2;
  Json json;
  const std::string kind = c.labels.empty() ? (gpt2 ? "LMHeadModel" : "ForCausalLM") : "ForSequenceClassification";
  json["architectures"] = Json::array({class_name(c) + kind});
  json["model_type"] = gpt2 ? "gpt2" : c.model_type;
  if (gpt2) {
    json["n_layer"] = c.layers;
    json["n_head"] = c.heads;
    json["n_embd"] = c.channels;
    json["n_positions"] = c.context;
    json["n_ctx"] = c.context;
    json["n_inner"] = c.hidden == 4 * c.channels ? Json(nullptr) : Json(c.hidden);
    json["activation_function"] = "gelu_new";
    json["layer_norm_epsilon"] = c.norm_eps;
    for (const char* key : {"attn_pdrop", "embd_pdrop", "resid_pdrop"}) json[key] = c.dropout;
    json["scale_attn_weights"] = true;
    json["scale_attn_by_inverse_layer_idx"] = false;
    json["reorder_and_upcast_attn"] = false;
  } else {
    json["num_hidden_layers"] = c.layers;
    json["num_attention_heads"] = c.heads;
    json["num_key_value_heads"] = c.kv_heads;
    json["head_dim"] = c.head_size;
    json["hidden_size"] = c.channels;
    json["intermediate_size"] = c.hidden;
    json["max_position_embeddings"] = c.context;
    json["hidden_act"] = c.squared_relu ? "relu2" : "silu";
    json["rms_norm_eps"] = c.norm_eps;
    json["rope_theta"] = c.rope_theta;
    json["rope_scaling"] = rope_scaling_json(c.rope_scaling);
    if (c.model_type == "llama" || c.model_type == "qwen3") json["attention_bias"] = c.proj_bias;
    if (c.model_type == "llama") json["mlp_bias"] = c.mlp_bias;
    if (c.model_type == "mistral") json["sliding_window"] = c.window > 0 ? Json(c.window) : Json();
    if (c.model_type == "qwen2" || c.model_type == "qwen3") {
      json["use_sliding_window"] = c.window > 0;
      json["sliding_window"] = c.window > 0 ? Json(c.window) : Json();
      json["max_window_layers"] = c.window > 0 ? c.window_from : c.layers;
    }
    if (c.model_type == "loam") {
      json["pair_rows"] = c.pair_rows;
      json["value_tables"] = c.value_tables;
    }
    json["attention_dropout"] = c.dropout;
  }
  json["vocab_size"] = c.vocab;
  json["tie_word_embeddings"] = c.tied;
  json["initializer_range"] = 0.02;
  json["bos_token_id"] = c.bos;
  json["eos_token_id"] = c.eos;
  json["torch_dtype"] = "float32";
  json["use_cache"] = true;
  if (!c.labels.empty()) {
    json["pad_token_id"] = c.eos;
    for (size_t i = 0; i < c.labels.size(); ++i) {
      json["id2label"][std::to_string(i)] = c.labels[i];
      json["label2id"][c.labels[i]] = i;
    }
  }
  return json;
}

namespace {

int64_t block_matrices(const ModelConfig& c) {
  return c.channels * c.qkv_width() + c.query_width() * c.channels + (c.gated() ? 3 : 2) * c.channels * c.hidden;
}

}  // namespace

int64_t parameter_count(const ModelConfig& c) {
  int64_t biases = c.biases() ? c.qkv_width() + c.channels + c.hidden + c.channels : 0;
  if (c.qkv_bias) biases += c.qkv_width();
  if (c.proj_bias) biases += c.channels;
  if (c.mlp_bias) biases += 2 * c.hidden + c.channels;
  if (c.qk_norm) biases += 2 * c.head_size;
  const int64_t norm = c.biases() ? 2 * c.channels : c.channels;
  int64_t n = c.layers * (block_matrices(c) + biases + 2 * norm) + norm + c.vocab * c.channels;
  if (c.learned_positions()) n += c.context * c.channels;
  n += c.pair_rows * c.channels;
  for (int64_t l = 0; l < c.layers; ++l) n += c.has_value_table(l) ? c.vocab * c.kv_width() : 0;
  if (!c.labels.empty()) {
    n += static_cast<int64_t>(c.labels.size()) * c.channels;
  } else if (!c.tied) {
    n += c.vocab * c.channels;
  }
  return n;
}

int64_t matmul_parameters(const ModelConfig& c) {
  return c.layers * block_matrices(c) + c.channels * (c.labels.empty() ? c.vocab : static_cast<int64_t>(c.labels.size()));
}

double training_flops_per_token(const ModelConfig& c, int64_t time, bool whole_square) {
  const double attention = (whole_square ? 12.0 : 6.0) * static_cast<double>(c.layers * time * c.query_width());
  return 6.0 * static_cast<double>(matmul_parameters(c)) + attention;
}

const std::vector<ModelSize>& usual_sizes() {
  static const std::vector<ModelSize> sizes = {{1, 32}, {2, 32}, {2, 64}, {3, 96}, {4, 128}, {5, 160}, {6, 192}, {6, 256}, {8, 320}, {8, 384}, {10, 512}, {12, 640}, {12, 768}, {16, 1024}};
  return sizes;
}

ModelConfig named_shape(const std::string& name) {
  struct Shape {
    Family family;
    int64_t layers, heads, kv_heads, channels, hidden, context;
    bool tied;
  };
  static const std::map<std::string, Shape> shapes = {
      {"gpt2-124m", {Family::gpt2, 12, 12, 12, 768, 3072, 1024, true}},  // Radford et al. 2019, table 2
      {"gpt2-355m", {Family::gpt2, 24, 16, 16, 1024, 4096, 1024, true}},
      {"gpt2-774m", {Family::gpt2, 36, 20, 20, 1280, 5120, 1024, true}},
      {"gpt2-1558m", {Family::gpt2, 48, 25, 25, 1600, 6400, 1024, true}},
      {"smollm2-135m", {Family::llama, 30, 9, 3, 576, 1536, 2048, true}},   // Allal et al. 2025
      {"llama-7b", {Family::llama, 32, 32, 32, 4096, 11008, 2048, false}},  // Touvron et al. 2023, table 2
      {"nanogpt-cpu", {Family::gpt2, 4, 4, 4, 128, 512, 64, true}},         // nanoGPT's recipe for a laptop
      {"nanogpt-baby", {Family::gpt2, 6, 6, 6, 384, 1536, 256, true}},      // and for one GPU
  };
  const auto it = shapes.find(name);
  if (it == shapes.end()) {
    std::string known;
    for (const auto& [each, shape] : shapes) known += (known.empty() ? "" : ", ") + each;
    fail(ErrorKind::usage, "there is no model shape \"", name, "\"; there are ", known);
  }
  const Shape& s = it->second;
  ModelConfig c;
  c.family = s.family;
  c.layers = s.layers;
  c.heads = s.heads;
  c.kv_heads = s.kv_heads;
  c.channels = s.channels;
  c.head_size = s.channels / s.heads;
  c.hidden = s.hidden;
  c.context = s.context;
  c.tied = s.tied;
  return c;
}

}  // namespace loam

// The transformer: gradients against finite differences, cpu against ref, cache against whole, weights to disk and back.
#include "loam/model/transformer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "loam/base/files.h"
#include "loam/base/random.h"
#include "loam/base/threads.h"
#include "loam/formats/safetensors.h"
#include "loam/model/weights.h"

namespace loam {
namespace {

/// gpt2; llama (grouped queries, untied); and what Llama's kin add: qwen2 (biases of queries, keys, values; a window in
/// the second layer), qwen3 (norms of queries and keys, all biases, heads wider than the stream), mistral (windows),
/// biased (biases everywhere, Llama 3's positions), loam (norms of queries and keys, tables of pairs and values), relu2 (the same with a squared ReLU).
ModelConfig small(const std::string& kind, double dropout = 0) {
  ModelConfig c;
  c.family = kind == "gpt2" ? Family::gpt2 : Family::llama;
  c.vocab = 23;
  c.context = 12;
  c.layers = 2;
  c.channels = 16;
  c.heads = 4;
  c.kv_heads = kind == "gpt2" ? 4 : 2;
  c.head_size = kind == "qwen3" ? 6 : 4;
  c.hidden = 40;
  c.tied = kind == "gpt2";
  c.dropout = dropout;
  if (kind == "qwen2" || kind == "qwen3" || kind == "mistral" || kind == "loam") c.model_type = kind;
  const bool ours = kind == "loam" || kind == "relu2";
  if (ours) c.model_type = "loam";
  c.squared_relu = kind == "relu2";
  c.qkv_bias = kind == "qwen2" || kind == "qwen3" || kind == "biased";
  c.proj_bias = kind == "qwen3" || kind == "biased";
  c.mlp_bias = kind == "biased";
  c.qk_norm = kind == "qwen3" || ours;
  c.pair_rows = ours ? 50 : 0;
  c.value_tables = ours;
  if (kind == "mistral" || kind == "qwen2") c.window = 3;
  if (kind == "qwen2") c.window_from = 1;
  if (kind == "biased") c.rope_scaling = {RopeScaling::Kind::llama3, 8, 1, 4, 6};
  return c;
}

/// A model with a fixed batch; gains and biases off their starts so that every gradient counts.
struct Sample {
  Transformer model;
  std::vector<int32_t> ids, positions, targets, starts;
  std::vector<float> weights;
  TokenBatch batch;
  Sample(const ModelConfig& config, const Backend& backend, int64_t b = 2, int64_t t = 7) : model(config, backend) {
    model.params().allocate(backend, true);
    model.params().initialize(backend, 3);
    Vec all = model.params().values();
    for (int64_t i = 0; i < all.size; ++i) all.data[i] += 0.1f * normal01(9, static_cast<uint64_t>(i));
    for (int64_t n = 0; n < b * t; ++n) {
      ids.push_back(static_cast<int32_t>((n * n + 3 * n) % config.vocab));
      targets.push_back(n % 6 == 5 ? -1 : static_cast<int32_t>((n * 5 + 1) % config.vocab));
      positions.push_back(static_cast<int32_t>(n % t < 4 ? n % t : n % t - 4));
      starts.push_back(n % t < 4 ? 0 : 4);
      weights.push_back(0.05f + 0.01f * static_cast<float>(n));
    }
    batch = {b, t, ids.data(), positions.data(), starts.data(), config.dropout > 0, 5, 0};
    model.plan(b, t, true);
  }
  double loss(bool backward) {
    const ConstMat hidden = model.forward(batch);
    std::vector<float> losses(ids.size());
    const Vec out(losses.data(), static_cast<int64_t>(losses.size()));
    const ConstVec w(weights.data(), out.size);
    if (backward) {
      model.backend().elementwise().fill(model.params().gradients(), 0.0f);
      model.backend().head().loss(out, model.hidden_gradient(), model.head_gradient(), hidden, model.head(), targets.data(), w);
      model.backward(batch);
    } else {
      model.backend().head().loss(out, {}, {}, hidden, model.head(), targets.data(), w);
    }
    double sum = 0;
    for (size_t i = 0; i < losses.size(); ++i) sum += static_cast<double>(losses[i]) * static_cast<double>(weights[i]);
    return sum;
  }
};

class EachFamily : public testing::TestWithParam<const char*> {};

TEST_P(EachFamily, GradientsMatchFiniteDifferences) {
  for (double dropout : {0.0, 0.2}) {
    Sample s(small(GetParam(), dropout), backend("ref"));
    s.loss(true);
    for (size_t i = 0; i < s.model.params().all().size(); ++i) {
      const Mat value = s.model.params().value(i), gradient = s.model.params().gradient(i);
      const int64_t n = value.rows * value.cols;
      for (int64_t k = 0; k < n; k += std::max<int64_t>(1, n / 3)) {
        const float kept = value.data[k], h = 2e-3f;
        value.data[k] = kept + h;
        const double up = s.loss(false);
        value.data[k] = kept - h;
        const double down = s.loss(false);
        value.data[k] = kept;
        EXPECT_NEAR((up - down) / (2 * static_cast<double>(h)), static_cast<double>(gradient.data[k]), 2e-3) << s.model.params().all()[i].pieces.front().name << " [" << k << "]";
      }
    }
  }
}

TEST_P(EachFamily, EveryIsaMatchesTheReference) {
  for (double dropout : {0.0, 0.2}) {
    Sample want(small(GetParam(), dropout), backend("ref"));
    const double loss = want.loss(true);
    for (const auto& isa : usable_isas()) {
      Sample got(small(GetParam(), dropout), cpu_backend(isa));
      EXPECT_NEAR(got.loss(true), loss, 2e-5 * loss) << isa;
      const Vec a = got.model.params().gradients(), b = want.model.params().gradients();
      double worst = 0;
      for (int64_t i = 0; i < a.size; ++i) worst = std::max(worst, std::abs(static_cast<double>(a.data[i] - b.data[i])));
      EXPECT_LT(worst, 2e-5) << isa;
    }
  }
}

TEST_P(EachFamily, SameBitsOnAnyNumberOfThreads) {
  std::vector<std::vector<float>> all;
  for (int team : {1, 2, 3}) {
    set_threads(team);
    Sample s(small(GetParam(), 0.1), backend("cpu"));
    s.loss(true);
    const Vec g = s.model.params().gradients();
    all.emplace_back(g.data, g.data + g.size);
  }
  set_threads(hardware_threads());
  EXPECT_EQ(all[0], all[1]);
  EXPECT_EQ(all[0], all[2]);
}

TEST_P(EachFamily, PackedDocumentsCannotSeeTheirNeighbours) {
  Sample s(small(GetParam()), backend("cpu"), 1, 10);
  const ConstMat hidden = s.model.forward(s.batch);
  std::vector<float> before(hidden.data + 4 * hidden.cols, hidden.data + 10 * hidden.cols);
  for (int n = 0; n < 4; ++n) s.ids[static_cast<size_t>(n)] = (s.ids[static_cast<size_t>(n)] + 1) % 23;
  const ConstMat changed = s.model.forward(s.batch);
  EXPECT_EQ(before, std::vector<float>(changed.data + 4 * changed.cols, changed.data + 10 * changed.cols));
}

TEST_P(EachFamily, CachedStepsAreTheWholeForward) {
  Sample s(small(GetParam()), backend("cpu"), 1, 12);
  for (int32_t n = 0; n < 12; ++n) {
    s.starts[static_cast<size_t>(n)] = 0;
    s.positions[static_cast<size_t>(n)] = n;
  }
  const ConstMat hidden = s.model.forward(s.batch);
  const std::vector<float> whole(hidden.data, hidden.data + 12 * hidden.cols);
  for (std::vector<int64_t> cuts : {std::vector<int64_t>{12}, {9, 1, 1, 1}, {1, 1, 5, 5}}) {
    KvCache cache(s.model.config(), s.model.backend(), 12);
    int64_t at = 0;
    for (int64_t n : cuts) {
      const ConstMat h = s.model.forward_cached(s.ids.data() + at, n, cache);
      for (int64_t i = 0; i < n * h.cols; ++i) EXPECT_NEAR(h.data[i], whole[static_cast<size_t>(at * h.cols + i)], 2e-5);
      at += n;
    }
    EXPECT_THROW(s.model.forward_cached(s.ids.data(), 1, cache), Error);
  }
}

TEST_P(EachFamily, WeightsGoToDiskAndBack) {
  const fs::path folder = fs::path(testing::TempDir()) / "loam_weights";
  fs::remove_all(folder);
  make_folder(folder);
  Sample s(small(GetParam()), backend("cpu"));
  for (int64_t limit : {int64_t{1} << 30, int64_t{4000}}) {
    const auto names = save_weights(s.model, folder, limit);
    EXPECT_EQ(names.size() > 1, limit == 4000);
    write_file(folder / "config.json", to_pretty(config_to_json(s.model.config())));
    const auto again = load_model(folder, backend("cpu"), false);
    const Vec a = s.model.params().values(), b = again->params().values();
    for (size_t i = 0; i < again->params().all().size(); ++i) {
      const Mat x = s.model.params().value(i), y = again->params().value(i);
      EXPECT_EQ(std::vector<float>(x.data, x.data + x.rows * x.cols), std::vector<float>(y.data, y.data + y.rows * y.cols));
    }
    EXPECT_EQ(a.size, b.size);
    fs::remove_all(folder);
    make_folder(folder);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, EachFamily, testing::Values("gpt2", "llama", "qwen2", "qwen3", "mistral", "biased", "loam", "relu2"), [](const auto& test) { return std::string(test.param); });

TEST(Windows, ATokenSeesNoFurther) {
  Sample s(small("mistral"), backend("cpu"), 1, 12);
  for (int32_t n = 0; n < 12; ++n) s.starts[static_cast<size_t>(n)] = 0, s.positions[static_cast<size_t>(n)] = n;
  const ConstMat hidden = s.model.forward(s.batch);
  const std::vector<float> before(hidden.data, hidden.data + 12 * hidden.cols);
  s.ids[0] = (s.ids[0] + 1) % 23;
  const ConstMat changed = s.model.forward(s.batch);
  // Two layers of windows of 3: what stands at 0 reaches 4 and no further.
  EXPECT_NE(std::vector<float>(before.begin() + 4 * hidden.cols, before.begin() + 5 * hidden.cols), std::vector<float>(changed.data + 4 * hidden.cols, changed.data + 5 * hidden.cols));
  EXPECT_EQ(std::vector<float>(before.begin() + 5 * hidden.cols, before.end()), std::vector<float>(changed.data + 5 * hidden.cols, changed.data + 12 * hidden.cols));
}

TEST(Rope, Llama3sScalingByWavelength) {
  ModelConfig c = small("llama");
  c.head_size = 128;
  c.rope_theta = 500000;
  ModelConfig scaled = c;
  scaled.rope_scaling = {RopeScaling::Kind::llama3, 8, 1, 4, 8192};
  int between = 0;
  for (int64_t i = 0; i < 64; ++i) {
    const double plain = rope_frequency(c, i), got = rope_frequency(scaled, i), length = 2 * 3.14159265358979323846 / plain;
    if (length < 8192.0 / 4) {
      EXPECT_EQ(got, plain) << i;
    } else if (length > 8192.0) {
      EXPECT_DOUBLE_EQ(got, plain / 8) << i;
    } else {
      EXPECT_LT(got, plain) << i;
      EXPECT_GT(got, plain / 8) << i;
      ++between;
    }
  }
  EXPECT_GT(between, 3);
  scaled.rope_scaling = {RopeScaling::Kind::linear, 4};
  EXPECT_DOUBLE_EQ(rope_frequency(scaled, 5), rope_frequency(c, 5) / 4);
}

TEST(ModelConfig, CountsAreThoseOfThePublishedModels) {
  ModelConfig c = named_shape("gpt2-124m");
  c.vocab = 50257;
  EXPECT_EQ(parameter_count(c), 124439808);
  c = named_shape("smollm2-135m");
  c.vocab = 49152;
  EXPECT_EQ(parameter_count(c), 134515008);
  const ParamSet laid_out(c);
  int64_t n = 0;
  for (const auto& p : laid_out.all()) n += p.size();
  EXPECT_EQ(n, 134515008);
}

TEST(ModelConfig, CountsFollowTheParameters) {
  for (const char* kind : {"gpt2", "llama", "qwen2", "qwen3", "mistral", "biased"}) {
    const ModelConfig c = small(kind);
    int64_t n = 0;
    const ParamSet params(c);
    for (const auto& p : params.all()) n += p.size();
    EXPECT_EQ(parameter_count(c), n) << kind;
  }
}

TEST(ModelConfig, PublishedConfigsAreRead) {
  // Llama 3.2 1B, Qwen2.5 0.5B, Qwen3 0.6B, Mistral 7B v0.1: the keys that matter of their config.json.
  const ModelConfig llama = config_from_json(parse_json(R"({"model_type":"llama","vocab_size":128256,"hidden_size":2048,"intermediate_size":8192,"num_hidden_layers":16,
    "num_attention_heads":32,"num_key_value_heads":8,"head_dim":64,"max_position_embeddings":131072,"rms_norm_eps":1e-05,"rope_theta":500000.0,"tie_word_embeddings":true,
    "attention_bias":false,"bos_token_id":128000,"eos_token_id":[128001,128008,128009],
    "rope_scaling":{"factor":32.0,"high_freq_factor":4.0,"low_freq_factor":1.0,"original_max_position_embeddings":8192,"rope_type":"llama3"}})", "test"));
  EXPECT_EQ(llama.rope_scaling, (RopeScaling{RopeScaling::Kind::llama3, 32, 1, 4, 8192}));
  EXPECT_EQ(parameter_count(llama), 1235814400);
  const ModelConfig qwen2 = config_from_json(parse_json(R"({"model_type":"qwen2","vocab_size":151936,"hidden_size":896,"intermediate_size":4864,"num_hidden_layers":24,
    "num_attention_heads":14,"num_key_value_heads":2,"max_position_embeddings":32768,"rms_norm_eps":1e-06,"rope_theta":1000000.0,"tie_word_embeddings":true,
    "sliding_window":32768,"use_sliding_window":false,"max_window_layers":21,"bos_token_id":151643,"eos_token_id":151643})", "test"));
  EXPECT_TRUE(qwen2.qkv_bias && !qwen2.proj_bias);
  EXPECT_EQ(qwen2.window, 0);
  EXPECT_EQ(parameter_count(qwen2), 494032768);
  const ModelConfig qwen3 = config_from_json(parse_json(R"({"model_type":"qwen3","vocab_size":151936,"hidden_size":1024,"intermediate_size":3072,"num_hidden_layers":28,
    "num_attention_heads":16,"num_key_value_heads":8,"head_dim":128,"max_position_embeddings":40960,"rms_norm_eps":1e-06,"rope_theta":1000000,"tie_word_embeddings":true,
    "rope_scaling":null,"attention_bias":false,"bos_token_id":151643,"eos_token_id":151645})", "test"));
  EXPECT_TRUE(qwen3.qk_norm && !qwen3.qkv_bias);
  EXPECT_EQ(parameter_count(qwen3), 596049920);
  const ModelConfig mistral = config_from_json(parse_json(R"({"model_type":"mistral","vocab_size":32000,"hidden_size":4096,"intermediate_size":14336,"num_hidden_layers":32,
    "num_attention_heads":32,"num_key_value_heads":8,"max_position_embeddings":32768,"rms_norm_eps":1e-05,"rope_theta":10000.0,"sliding_window":4096,
    "tie_word_embeddings":false,"bos_token_id":1,"eos_token_id":2})", "test"));
  EXPECT_EQ(mistral.window, 4096);
  EXPECT_EQ(parameter_count(mistral), 7241732096);
}

TEST(ModelConfig, JsonAndBack) {
  for (const char* kind : {"gpt2", "llama", "qwen2", "qwen3", "mistral", "loam", "relu2"}) {
    ModelConfig c = small(kind, 0.1);
    c.labels = {"ham", "spam"};
    const ModelConfig back = config_from_json(config_to_json(c));
    EXPECT_EQ(config_to_json(back), config_to_json(c));
    EXPECT_EQ(back.squared_relu, c.squared_relu);
  }
}

TEST(ModelConfig, MistakesAreNamed) {
  Json json = config_to_json(small("gpt2"));
  json["n_head"] = 5;
  try {
    config_from_json(json);
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("n_embd = 16 is no multiple of n_head = 5"), std::string::npos) << e.what();
  }
  json = config_to_json(small("llama"));
  json["hidden_act"] = "relu2";  // only of our own kind
  EXPECT_THROW(config_from_json(json), Error);
  json = config_to_json(small("llama"));
  json["model_type"] = "mamba";
  EXPECT_THROW(config_from_json(json), Error);
  json = config_to_json(small("llama"));
  json["num_hidden_layers"] = -1;
  EXPECT_THROW(config_from_json(json), Error);
}

TEST(Safetensors, DamageIsNamed) {
  const fs::path file = fs::path(testing::TempDir()) / "loam_damage.safetensors";
  auto header = [](const std::string& json, const std::string& data) {
    std::string out(8, '\0');
    const uint64_t n = json.size();
    std::memcpy(out.data(), &n, 8);
    return out + json + data;
  };
  const std::string one = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  write_file(file, header(one, "12345678"));
  EXPECT_EQ(SafetensorsFile(file).tensors().size(), 1u);
  for (const std::string& bad :
       {std::string("123"), std::string(8, '\xff') + "{}", header(one, "1234"), header(one, "123456789"), header("{", ""), header("[]", ""),
        header(R"({"a":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}})", "12345678"), header(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", "12345678"),
        header(R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}})", "12345678"),
        header(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[6],"data_offsets":[2,8]}})", "12345678"),
        header(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})", "12345678")}) {
    write_file(file, bad);
    try {
      const SafetensorsFile opened(file);
      FAIL() << bad;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::input);
      EXPECT_NE(std::string(e.what()).find("loam_damage.safetensors"), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace loam

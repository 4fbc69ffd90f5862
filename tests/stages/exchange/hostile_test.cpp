// Whole models that lie: folders and files whose parts are each readable and do not fit together.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "loam/base/error.h"
#include "loam/formats/gguf.h"
#include "loam/formats/safetensors.h"
#include "loam/model/weights.h"
#include "loam/stages/exchange/exchange_tokenizer.h"
#include "loam/infer/gguf_model.h"
#include "loam/stages/exchange/import.h"
#include "loam/text/tokenizer_json.h"
#include "tests/support/tiny_shapes.h"

namespace loam {
namespace {

/// Imports and expects Error{input} with `why`, and that nothing is left behind.
void expect_hostile_refused(const fs::path& path, const std::string& why) {
  const fs::path out = path.parent_path() / "refused-out";
  try {
    import_model({path.string()}, out, false, *std::make_unique<Progress>());
    ADD_FAILURE() << "not refused: " << why;
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::input) << e.what();
    EXPECT_NE(std::string(e.what()).find(why), std::string::npos) << e.what();
  }
  EXPECT_FALSE(fs::exists(out / "manifest.json"));
}

/// A Hugging Face folder of a tiny Llama, in shards if `shard_bytes` is small.
fs::path folder_of(const std::string& name, int64_t shard_bytes = 1 << 30) {
  const fs::path folder = fresh_folder("hostile_" + name) / "theirs";
  make_folder(folder);
  const auto model = random_model(tiny_shape("llama"));
  save_weights(*model, folder, shard_bytes);
  write_file(folder / "config.json", to_pretty(config_to_json(model->config())));
  save_tokenizer(tiny_tokenizer(), folder);
  return folder;
}

void change(const fs::path& file, const std::function<void(Json&)>& f) {
  Json json = read_json(file);
  f(json);
  write_file(file, to_pretty(json));
}

TEST(HostileFolder, AnIndexThatLies) {
  const fs::path folder = folder_of("index", 60'000), index = folder / "model.safetensors.index.json";
  const std::string good = read_file(index);
  const std::string first = "model.embed_tokens.weight";
  const auto with = [&](const Json& file, const std::string& why) {
    write_file(index, good);
    change(index, [&](Json& json) { json["weight_map"][first] = file; });
    expect_hostile_refused(folder, why);
  };
  with("../theirs/model-00001-of-00009.safetensors", "no file beside it");
  with("..", "no file beside it");
  with("/etc/passwd", "no file beside it");
  with(7, "tensor " + first + " is in 7");
  with("absent.safetensors", "tensor " + first + " is in absent.safetensors, which is not there");
  with("model.safetensors.index.json", "model.safetensors.index.json");  // itself
  fs::create_symlink("loop.safetensors", folder / "loop.safetensors");
  with("loop.safetensors", "loop.safetensors, which is not there");
  with(read_json(index)["weight_map"]["lm_head.weight"], "that file does not hold it");
  write_file(index, "{}");
  expect_hostile_refused(folder, "has no weight_map");
  write_file(index, R"({"weight_map":{}})");
  expect_hostile_refused(folder, "has no weight_map");
}

TEST(HostileFolder, ATensorInTwoFiles) {
  const fs::path folder = folder_of("twice", 60'000), index = folder / "model.safetensors.index.json";
  const std::string file = read_json(index)["weight_map"]["model.norm.weight"].get<std::string>();
  fs::copy_file(folder / file, folder / "more.safetensors");
  change(index, [](Json& json) { json["weight_map"]["model.norm.weight"] = "more.safetensors"; });
  expect_hostile_refused(folder, "is there twice");
}

TEST(HostileFolder, ADownloadThatStoppedNamesTheTensor) {
  const fs::path folder = folder_of("cut"), file = folder / "model.safetensors";
  const int64_t size = static_cast<int64_t>(fs::file_size(file));
  fs::resize_file(file, static_cast<uintmax_t>(size - 1));
  expect_hostile_refused(folder, "(cut off, or not whole)");
  fs::resize_file(file, static_cast<uintmax_t>(size / 2));
  expect_hostile_refused(folder, "tensor model.layers.");
  fs::resize_file(file, 100);
  expect_hostile_refused(folder, "its header says");
  fs::remove(file);
  expect_hostile_refused(folder, "model.safetensors");
}

TEST(HostileFolder, AConfigThatDoesNotFit) {
  const fs::path folder = folder_of("config"), file = folder / "config.json";
  const std::string good = read_file(file);
  const auto with = [&](const char* key, const Json& value, const std::string& why) {
    write_file(file, good);
    change(file, [&](Json& json) { json[key] = value; });
    expect_hostile_refused(folder, why);
  };
  with("vocab_size", 270, "tensor model.embed_tokens.weight is (261, 64), config.json asks for (270, 64) (66816 bytes found, 69120 wanted)");
  with("num_hidden_layers", 3, "has no tensor model.layers.2.");
  with("num_hidden_layers", 1, "has no place for tensor model.layers.1.");
  with("num_hidden_layers", 1 << 30, "num_hidden_layers = 1073741824 is not in 1..4096");
  with("num_hidden_layers", "two", "\"num_hidden_layers\" is \"two\", not a whole number");
  with("hidden_size", -64, "hidden_size");
  with("hidden_size", std::numeric_limits<int64_t>::max(), "hidden_size");
  with("num_attention_heads", 0, "num_attention_heads");
  with("num_key_value_heads", 3, "no multiple of num_key_value_heads = 3");
  with("num_key_value_heads", 4, "tensor model.layers.0.self_attn.k_proj.weight is (32, 64), config.json asks for (64, 64)");
  with("max_position_embeddings", 0, "max_position_embeddings = 0");
  with("rms_norm_eps", -1, "epsilon");
  with("rope_scaling", Json{{"rope_type", "llama3"}, {"factor", 0}}, "low_freq_factor");
  with("vocab_size", std::numeric_limits<uint64_t>::max(), "\"vocab_size\" is 18446744073709551615, over 2^63 - 1");
  with("head_dim", 7, "head_dim = 7 is odd");
  with("head_dim", 32, "tensor model.layers.0.self_attn.q_proj.weight is (64, 64), config.json asks for (128, 64) (16384 bytes found, 32768 wanted)");
  with("intermediate_size", 97, "tensor model.layers.0.mlp.gate_proj.weight is (96, 64), config.json asks for (97, 64) (24576 bytes found, 24832 wanted)");
  with("rope_theta", 0, "rope_theta = 0 is not above 0");
  with("rope_scaling", Json{{"type", "yarn"}, {"factor", 4}}, "rope_scaling is of the kind \"yarn\"");
  with("hidden_act", "gelu", "hidden_act is \"gelu\"");
  with("eos_token_id", 261, "eos_token_id is 261; the token table has the rows 0 to 260");
  with("eos_token_id", Json::array({258, -1}), "eos_token_id is [258,-1]; the token table has the rows 0 to 260");
  with("bos_token_id", std::numeric_limits<int64_t>::max(), "bos_token_id is 9223372036854775807; the token table");
  with("quantization_config", Json{{"quant_method", "gptq"}, {"bits", 4}}, "its weights are packed by \"gptq\"; loam reads whole ones (F32, F16, BF16), and quantised ones from GGUF files");
  with("model_type", "gemma2", "model_type is \"gemma2\"");
  with("model_type", "rwkv", "model_type is \"rwkv\"");
  with("model_type", Json::array({"llama"}), "\"model_type\" is");
  std::string deep(5000, '[');
  write_file(file, "{\"a\":" + deep + std::string(5000, ']') + "}");
  expect_hostile_refused(folder, "deeper than 1000 levels");
  fs::remove(file);
  expect_hostile_refused(folder, "config.json");
}

TEST(HostileFolder, AHeadThatATiedModelWouldLose) {
  const fs::path folder = folder_of("tied"), file = folder / "config.json";  // an untied model's weights
  change(file, [](Json& json) { json["tie_word_embeddings"] = true; });
  expect_hostile_refused(folder, "tie_word_embeddings is true, but tensor lm_head.weight (F32 (261, 64), 66816 bytes) is another than model.embed_tokens.weight");
  // The same one once more is what some programs write.
  const std::vector<TensorInfo> layout = SafetensorsFile(folder / "model.safetensors").tensors();
  const auto find = [&](const char* name) { return *std::find_if(layout.begin(), layout.end(), [&](const TensorInfo& t) { return t.name == name; }); };
  std::string bytes = read_file(folder / "model.safetensors");
  int64_t end = 0;
  for (const TensorInfo& t : layout) end = std::max(end, t.end);
  const int64_t data = static_cast<int64_t>(bytes.size()) - end;
  const TensorInfo table = find("model.embed_tokens.weight"), head = find("lm_head.weight");
  const auto size = static_cast<size_t>(table.end - table.begin);
  bytes.replace(static_cast<size_t>(data + head.begin), size, bytes.substr(static_cast<size_t>(data + table.begin), size));
  write_file(folder / "model.safetensors", bytes);
  EXPECT_NO_THROW(import_model({folder.string()}, folder.parent_path() / "once-more", false, *std::make_unique<Progress>()));
  // A tied model's weights under a config that is not.
  ModelConfig c = tiny_shape("llama");
  c.tied = true;
  save_weights(*random_model(c), folder);
  change(file, [](Json& json) { json["tie_word_embeddings"] = false; });
  expect_hostile_refused(folder, "has no tensor lm_head.weight (261, 64) that config.json asks for");
}

TEST(HostileFolder, AnyKindOfPickle) {
  const fs::path folder = folder_of("pickles");
  fs::remove(folder / "model.safetensors");
  for (const char* name : {"pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "consolidated.00.pth", "model.pt"}) {
    write_file(folder / name, std::string("PK\x03\x04"));
    expect_hostile_refused(folder, std::string("holds ") + name + ", a pickle that can run code; save it with safetensors");
    expect_hostile_refused(folder / name, "a pickle that can run code");
    fs::remove(folder / name);
  }
}

TEST(HostileFolder, NumbersOfOtherTypes) {
  // F64, I32 and BOOL are legal there, and no weights.
  const fs::path folder = folder_of("dtypes"), file = folder / "model.safetensors";
  std::string bytes = read_file(file);
  const size_t at = bytes.find("\"F32\"");
  ASSERT_NE(at, std::string::npos);
  bytes.replace(at, 5, "\"I32\"");
  write_file(file, bytes);
  expect_hostile_refused(folder, "is of type I32; weights are read as F32, F16 or BF16");
}

TEST(HostileFolder, AMillionMembersTakeNoTime) {
  const fs::path folder = folder_of("members"), file = folder / "config.json";
  std::string many = read_file(file);
  many = many.substr(0, many.rfind('}')) + ",\"x0\":0";
  for (int i = 1; i < 300'000; ++i) many += ",\"x" + std::to_string(i) + "\":0";
  write_file(file, many + "}");
  const double began = seconds_now();
  EXPECT_EQ(load_config(folder).vocab, 261);
  EXPECT_LT(seconds_now() - began, 10);  // a look through all of them for each would take minutes
}

TEST(HostileFolder, NumbersThatAreNone) {
  const fs::path folder = folder_of("nan");
  for (const float odd : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    auto model = random_model(tiny_shape("llama"));
    const Vec all = model->params().values();
    all.data[all.size - 3] = odd;
    save_weights(*model, folder);
    expect_hostile_refused(folder, std::isnan(odd) ? "is nan; a model needs finite ones" : "is inf; a model needs finite ones");
  }
}

TEST(HostileFolder, ATokenizerOfAnotherModel) {
  const fs::path folder = folder_of("tokenizer");
  ModelConfig c = tiny_shape("llama");
  c.vocab = 300;  // 259 tokens
  save_weights(*random_model(c), folder);
  write_file(folder / "config.json", to_pretty(config_to_json(c)));
  expect_hostile_refused(folder, "the tokenizer has 259 tokens, the model's token table (tensor model.embed_tokens.weight) 300 rows, 41 of them without a token");
  const ImportedModel made = import_model({folder.string()}, folder.parent_path() / "spare", false, *std::make_unique<Progress>(), 0, /*spare_rows=*/true);
  EXPECT_EQ(made.config.vocab, 300);
}

TEST(HostileGguf, MetadataThatDoesNotFit) {
  const fs::path folder = fresh_folder("hostile_gguf"), file = folder / "a.gguf";
  const auto model = random_model(tiny_shape("llama"));
  write_gguf(folder / "good.gguf", *model, whole_tokenizer(), GgmlType::f32, "tiny", {258}, {});
  const GgufFile good(folder / "good.gguf");
  // The same tensors under other metadata.
  const auto with = [&](const std::string& key, const std::optional<GgufValue>& value, const std::string& why) {
    GgufMetadata metadata;
    for (const auto& [name, held] : good.metadata()) {
      if (name != key) metadata.emplace_back(name, held);
    }
    if (value) metadata.emplace_back(key, *value);
    GgufWriter out(file, metadata, good.tensors());
    for (const auto& t : good.tensors()) out.write(good.bytes(t).data(), t.size);
    out.commit();
    expect_hostile_refused(file, why);
  };
  with("general.architecture", std::nullopt, "has no metadata general.architecture");
  with("general.architecture", int64_t{3}, "general.architecture is no text");
  with("general.architecture", std::string("mamba"), "its architecture is \"mamba\"");
  with("llama.block_count", std::nullopt, "has no metadata llama.block_count");
  with("llama.block_count", 2.0, "llama.block_count is no whole number");
  with("llama.block_count", int64_t{2'000'000'000}, "num_hidden_layers = 2000000000");
  with("llama.block_count", int64_t{3}, "has no tensor blk.2.attn_norm.weight");
  with("llama.block_count", int64_t{1}, "has no place for tensor blk.1.");
  with("llama.embedding_length", int64_t{0}, "llama.embedding_length 0");
  with("llama.embedding_length", int64_t{128}, "tensor token_embd.weight is (261, 64), its metadata asks for (261, 128) (66816 bytes found, 133632 wanted)");
  with("llama.attention.head_count", int64_t{0}, "llama.attention.head_count is 0");
  with("llama.attention.head_count", std::vector<int64_t>{4, 4}, "llama.attention.head_count is no whole number");
  with("llama.feed_forward_length", int64_t{128}, "tensor blk.0.ffn_gate.weight is (96, 64), its metadata asks for (128, 64)");
  with("tokenizer.ggml.model", std::string("rwkv"), "is of the kind \"rwkv\"");
  with("tokenizer.ggml.model", int64_t{1}, "tokenizer.ggml.model is no text");
  with("tokenizer.ggml.tokens", std::nullopt, "it has 0 tokenizer.ggml.tokens");
  with("tokenizer.ggml.tokens", std::vector<int64_t>{1, 2}, "tokenizer.ggml.tokens is no list of texts");
  with("tokenizer.ggml.tokens", std::vector<std::string>(261, "a"), "is there twice");
  with("tokenizer.ggml.token_type", std::vector<int64_t>{1, 2}, "261 tokens and 2 tokenizer.ggml.token_type");
  with("tokenizer.ggml.token_type", std::vector<int64_t>(261, 99), "token 0 is of the unknown kind 99");
  with("tokenizer.ggml.merges", std::vector<std::string>{"a"}, "is no pair");
  with("tokenizer.ggml.merges", std::vector<std::string>{"qq zz"}, "names a token that is not in the vocabulary");
  with("tokenizer.ggml.eos_token_id", int64_t{100'000}, "a special token has the id 100000; there are 261 tokens");
  with("tokenizer.ggml.pre", std::string("nonsense"), "\"nonsense\", which loam does not know");
}

TEST(HostileGguf, ScalesThatAreNoNumbersNameTheTensor) {
  const fs::path folder = fresh_folder("hostile_scales"), file = folder / "a.gguf";
  ModelConfig wide = tiny_shape("qwen2");
  wide.channels = 256, wide.head_size = 64;  // Q4_K has blocks of 256
  struct Case {
    GgmlType type;
    const char* why;
    size_t at;  // of the half within the block
  };
  for (const auto& [type, why, at] : {Case{GgmlType::q8_0, "the scale of its block 0 is nan", 0}, Case{GgmlType::q4_0, "the scale of its block 0 is nan", 0}, Case{GgmlType::q4_k, "the scale of its block 0 is nan", 0},
                                      Case{GgmlType::q4_k, "the scale of its block 0 is nan", 2}, Case{GgmlType::f16, "its number 0 of 24576 is nan; a model needs finite ones", 0}}) {
    write_gguf(file, *random_model(wide), whole_tokenizer(), type, "tiny", {258}, {});
    std::string bytes = read_file(file);
    {
      const GgufFile in(file);
      const auto begin = bytes.size() - static_cast<size_t>(in.tensors().back().begin + in.tensors().back().size) + static_cast<size_t>(in.find("blk.1.ffn_up.weight")->begin) + at;
      bytes.replace(begin, 2, std::string("\x00\x7e", 2));
    }
    write_file(file, bytes);
    expect_hostile_refused(file, std::string("tensor blk.1.ffn_up.weight: ") + why);
  }
}

TEST(HostileGguf, ScalesOfATableThatAreInfinite) {
  // Q6_K keeps its scale last in the block of 210 bytes; tables are of that type where the rest is Q4_K.
  const fs::path folder = fresh_folder("hostile_q6"), file = folder / "a.gguf";
  ModelConfig wide = tiny_shape("qwen2");
  wide.channels = 256, wide.head_size = 64;
  write_gguf(file, *random_model(wide), whole_tokenizer(), GgmlType::q4_k, "tiny", {258}, {});
  std::string bytes = read_file(file);
  {
    const GgufFile in(file);
    const GgufTensor& table = *in.find("token_embd.weight");
    ASSERT_EQ(table.type, GgmlType::q6_k);
    const auto begin = bytes.size() - static_cast<size_t>(in.tensors().back().begin + in.tensors().back().size) + static_cast<size_t>(table.begin);
    bytes.replace(begin + 3 * 210 + 208, 2, std::string("\x00\x7c", 2));
  }
  write_file(file, bytes);
  expect_hostile_refused(file, "tensor token_embd.weight: the scale of its block 3 is inf");
}

TEST(HostileGguf, EveryCutIsRefused) {
  const fs::path folder = fresh_folder("hostile_cuts"), file = folder / "a.gguf";
  write_gguf(folder / "good.gguf", *random_model(tiny_shape("gpt2")), whole_tokenizer(), GgmlType::q8_0, "tiny", {258}, {});
  const std::string good = read_file(folder / "good.gguf");
  const GgufFile in(folder / "good.gguf");
  const int64_t data = static_cast<int64_t>(good.size()) - in.tensors().back().begin - in.tensors().back().size;
  std::vector<int64_t> cuts = {0, 1, 3, 4, 7, 8, 15, 16, 23, 24, 25, data - 1, data, static_cast<int64_t>(good.size()) - 1};
  for (const GgufTensor& t : in.tensors()) cuts.insert(cuts.end(), {data + t.begin, data + t.begin + t.size - 1});
  for (const int64_t cut : cuts) {
    write_file(file, good.substr(0, static_cast<size_t>(cut)));
    expect_hostile_refused(file, "a.gguf");
  }
}

TEST(HostileTokenizers, KnownKeysOfOtherTypes) {
  const std::string good = to_line(parts_to_json(tiny_tokenizer().parts()));
  const auto with = [&](const std::function<void(Json&)>& f, const std::string& why) {
    Json json = Json::parse(good);
    f(json);
    try {
      Tokenizer tok(parts_from_text(to_line(json), "tokenizer.json"));
      ADD_FAILURE() << "not refused: " << why;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::input);
      EXPECT_NE(std::string(e.what()).find(why), std::string::npos) << e.what();
    }
  };
  with([](Json& j) { j["model"] = 3; }, "has no \"model\"");
  with([](Json& j) { j["model"]["type"] = 3; }, "\"type\" is 3");
  with([](Json& j) { j["model"]["vocab"] = 3; }, "has no \"vocab\"");
  with([](Json& j) { j["model"]["vocab"]["a"] = "x"; }, "no whole number");
  with([](Json& j) { j["model"]["vocab"]["a"] = -1; }, "an id outside 0 to");
  with([](Json& j) { j["model"]["vocab"]["a"] = 1 << 30; }, "an id outside 0 to");
  with([](Json& j) { j["model"]["merges"] = {{"a", "b", "c"}}; }, "is no pair of texts");
  with([](Json& j) { j["model"]["merges"] = {"ab"}; }, "is no pair");
  with([](Json& j) { j["added_tokens"][0] = 5; }, "id");
  with([](Json& j) { j["added_tokens"][0]["id"] = 1e9; }, "\"id\"");
  with([](Json& j) { j["added_tokens"][0]["content"] = ""; }, "has no text");
  with([](Json& j) { j["added_tokens"].push_back(j["added_tokens"][0]); }, "two added tokens");
  with([](Json& j) { j["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", 3}}; }, "no list \"pretokenizers\"");
  with([](Json& j) { j["pre_tokenizer"] = {{"type", "BertPreTokenizer"}}; }, "BertPreTokenizer is not supported");
  with([](Json& j) { j["normalizer"] = {{"type", "Lowercase"}}; }, "Lowercase is not supported");
}

}  // namespace
}  // namespace loam

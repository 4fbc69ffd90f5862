// Models of other programs: every shape out as GGUF and in again, the real small model in its three forms, files that lie.
#include "loam/stages/exchange/import.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>

#include "loam/base/error.h"
#include "loam/infer/session.h"
#include "loam/model/weights.h"
#include "loam/stages/exchange/exchange_tokenizer.h"
#include "loam/infer/foreign.h"
#include "loam/formats/gguf.h"
#include "loam/infer/gguf_model.h"
#include "loam/infer/gguf_tokenizer.h"
#include "loam/text/sentencepiece.h"
#include "loam/text/tokenizer_json.h"
#include "tests/support/tiny_shapes.h"
#include "tests/support/real_data.h"

namespace loam {
namespace {

std::vector<float> logits(Transformer& model) {
  const std::vector<int32_t> ids = {5, 77, 31, 200, 9, 9, 120, 64, 3, 250, 18, 99};
  Session session(model);
  session.feed(ids);
  return session.logits();
}

double farthest(const std::vector<float>& a, const std::vector<float>& b) {
  double out = a.size() == b.size() ? 0 : INFINITY;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) out = std::max(out, std::fabs(static_cast<double>(a[i] - b[i])));
  return out;
}

class EachShape : public testing::TestWithParam<const char*> {};

TEST_P(EachShape, OutAsGgufAndInAgain) {
  const fs::path folder = fresh_folder(std::string("gguf_") + GetParam());
  const auto model = random_model(tiny_shape(GetParam()));
  for (const auto& [type, name] : {std::pair{GgmlType::f32, "f32"}, {GgmlType::f16, "f16"}, {GgmlType::bf16, "bf16"}, {GgmlType::q8_0, "q8_0"}, {GgmlType::q4_0, "q4_0"}}) {
    const fs::path file = folder / (std::string(name) + ".gguf");
    write_gguf(file, *model, whole_tokenizer(), type, "tiny", {258, 257}, {{"content", "abc"}});
    const ImportedModel made = import_model({file.string()}, folder / name, false, *std::make_unique<Progress>());
    EXPECT_EQ(made.format, "gguf");
    const auto again = load_model(folder / name, backend("cpu"), false);
    Json want = config_to_json(model->config()), got = config_to_json(again->config());
    EXPECT_EQ(got, want);
    const double allowed = type == GgmlType::f32 ? 0 : type == GgmlType::f16 ? 0.02 : type == GgmlType::bf16 || type == GgmlType::q8_0 ? 0.2 : 4;
    EXPECT_LE(farthest(logits(*again), logits(*model)), allowed) << name;
    EXPECT_EQ(Tokenizer::load(folder / name).encode("a <b> \xc3\xa9"), tiny_tokenizer().encode("a <b> \xc3\xa9"));
    EXPECT_EQ(Tokenizer::load(folder / name).chat_template(), whole_tokenizer().chat_template());
    EXPECT_EQ(read_json(folder / name / "generation_config.json")["eos_token_id"], Json({258, 257}));
    EXPECT_TRUE(broken_files(made.artifact).empty());
  }
}

TEST_P(EachShape, AFolderInIsTheSameFolder) {
  const fs::path folder = fresh_folder(std::string("hf_") + GetParam());
  const auto model = random_model(tiny_shape(GetParam()));
  make_folder(folder / "theirs");
  std::vector<TensorInfo> layout = disk_layout(model->config());
  for (TensorInfo& t : layout) t.dtype = t.shape.size() == 1 ? "F32" : "BF16";
  const auto write = [&](SafetensorsWriter& out, const TensorInfo& t) { write_floats(out, t, disk_values(*model, t.name)); };
  write_weights(folder / "theirs", layout, write, 60'000);
  EXPECT_TRUE(fs::exists(folder / "theirs/model.safetensors.index.json"));
  write_file(folder / "theirs/config.json", to_pretty(config_to_json(model->config())));
  save_tokenizer(tiny_tokenizer(), folder / "theirs");
  const ImportedModel made = import_model({(folder / "theirs").string()}, folder / "ours", false, *std::make_unique<Progress>());
  EXPECT_EQ(made.format, "hf");
  const auto theirs = load_model(folder / "theirs", backend("cpu"), false), ours = load_model(folder / "ours", backend("cpu"), false);
  EXPECT_EQ(logits(*theirs), logits(*ours));
  EXPECT_EQ(WeightFiles(folder / "ours").find(layout.front().name)->dtype, "BF16");  // numbers keep their type
}

INSTANTIATE_TEST_SUITE_P(Shapes, EachShape, testing::Values("gpt2", "llama", "mistral", "qwen2", "qwen3"), [](const auto& test) { return std::string(test.param); });

void expect_refused(const std::string& why, const std::function<void()>& f) {
  try {
    f();
    ADD_FAILURE() << "not refused: " << why;
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find(why), std::string::npos) << e.what();
  }
}

TEST(Import, RefusesWhatIsNoModel) {
  const fs::path folder = fresh_folder("no_model");
  const auto import = [&](const std::vector<std::string>& names) {
    return [&folder, names] {
      std::vector<std::string> paths;
      for (const auto& name : names) paths.push_back((folder / name).string());
      import_model(paths, folder / "out", false, *std::make_unique<Progress>());
    };
  };
  expect_refused("there is no", import({"absent"}));
  write_file(folder / "a.bin", std::string(300, '\0'));
  write_file(folder / "b.bin", std::string(300, '\0'));
  expect_refused("a llama2.c model is two", import({"a.bin"}));
  expect_refused("neither", import({"a.bin", "b.bin"}));
  write_file(folder / "pytorch_model.bin", "PK\x03\x04");
  expect_refused("a pickle that can run code", import({"pytorch_model.bin"}));
  make_folder(folder / "pickled");
  write_file(folder / "pickled/pytorch_model.bin", "PK\x03\x04");
  expect_refused("pytorch_model.bin, a pickle", import({"pickled"}));
}

TEST(Import, ALearnedTableKeepsItsLength) {
  const fs::path folder = fresh_folder("learned_table");
  write_gguf(folder / "a.gguf", *random_model(tiny_shape("gpt2")), whole_tokenizer(), GgmlType::f32, "tiny", {258}, {});
  expect_refused("has a table of 48 learned positions", [&] { import_model({(folder / "a.gguf").string()}, folder / "out", false, *std::make_unique<Progress>(), 64); });
}

TEST(Import, RefusesATokenizerLargerThanTheTable) {
  const fs::path folder = fresh_folder("large_tokenizer");
  ModelConfig c = tiny_shape("llama");
  c.vocab = 258, c.bos = c.eos = 0;
  make_folder(folder / "theirs");
  save_weights(*random_model(c), folder / "theirs");
  write_file(folder / "theirs/config.json", to_pretty(config_to_json(c)));
  save_tokenizer(tiny_tokenizer(), folder / "theirs");
  expect_refused("the tokenizer has ids up to 258, the model's token table (tensor model.embed_tokens.weight) 258 rows", [&] {
    import_model({(folder / "theirs").string()}, folder / "ours", false, *std::make_unique<Progress>());
  });
  EXPECT_FALSE(fs::exists(folder / "ours"));
}

TEST(Import, RefusesTensorsThatDoNotFitTheConfig) {
  const fs::path folder = fresh_folder("other_config");
  ModelConfig c = tiny_shape("llama");
  make_folder(folder / "theirs");
  save_weights(*random_model(c), folder / "theirs");
  save_tokenizer(tiny_tokenizer(), folder / "theirs");
  c.hidden = 128;
  write_file(folder / "theirs/config.json", to_pretty(config_to_json(c)));
  expect_refused("tensor model.layers.0.mlp.gate_proj.weight is (96, 64), config.json asks for (128, 64) (24576 bytes found, 32768 wanted)", [&] {
    import_model({(folder / "theirs").string()}, folder / "ours", false, *std::make_unique<Progress>());
  });
  EXPECT_FALSE(fs::exists(folder / "ours"));
  c = tiny_shape("llama");
  c.layers = 1;
  write_file(folder / "theirs/config.json", to_pretty(config_to_json(c)));
  expect_refused("has no place for tensor", [&] { import_model({(folder / "theirs").string()}, folder / "ours1", false, *std::make_unique<Progress>()); });
}

TEST(ReorderHeads, HalvesGoSideBySideAndBack) {
  // One head of 4 rows: half-apart a0 a1 b0 b1 is side-by-side a0 b0 a1 b1.
  const std::vector<float> halves = {0, 1, 10, 11}, pairs = {0, 10, 1, 11};
  EXPECT_EQ(reorder_heads(pairs, 4, 4, false), halves);
  EXPECT_EQ(reorder_heads(halves, 4, 4, true), pairs);
}

TEST(GgufNames, OfEveryTensor) {
  EXPECT_EQ(gguf_name("model.layers.12.self_attn.q_proj.bias"), "blk.12.attn_q.bias");
  EXPECT_EQ(gguf_name("transformer.h.3.mlp.c_fc.weight"), "blk.3.ffn_up.weight");
  EXPECT_EQ(gguf_name("lm_head.weight"), "output.weight");
  EXPECT_EQ(gguf_name("score.weight"), "");
  for (const char* kind : {"gpt2", "llama", "mistral", "qwen2", "qwen3"}) {
    for (const TensorInfo& t : disk_layout(tiny_shape(kind))) EXPECT_NE(gguf_name(t.name), "") << t.name;
  }
}

// ---- unigram vocabularies ----

std::vector<ScoredPiece> few_pieces() {
  return {{"<unk>", 0, ScoredPiece::unknown}, {"\u2581", -2, ScoredPiece::normal}, {"\u2581a", -1, ScoredPiece::normal}, {"a", -3, ScoredPiece::normal}, {"b", -3, ScoredPiece::normal}};
}

TEST(GgufTokenizers, UnigramAsLlamaCppCutsIt) {
  const fs::path folder = fresh_folder("unigram_gguf"), file = folder / "a.gguf";
  const auto ids = [&](bool space, bool squeeze, std::string_view text) {
    GgufMetadata metadata = {{"general.architecture", std::string("t5")}, {"tokenizer.ggml.model", std::string("t5")}};
    std::vector<std::string> tokens;
    std::vector<double> scores;
    std::vector<int64_t> kinds;
    for (const ScoredPiece& piece : few_pieces()) tokens.push_back(piece.text), scores.push_back(piece.score), kinds.push_back(piece.kind);
    metadata.insert(metadata.end(), {{"tokenizer.ggml.tokens", tokens}, {"tokenizer.ggml.scores", scores}, {"tokenizer.ggml.token_type", kinds},
                                     {"tokenizer.ggml.add_space_prefix", space}, {"tokenizer.ggml.remove_extra_whitespaces", squeeze}});
    GgufWriter(file, metadata, {}).commit();
    return Tokenizer(parts_from_gguf(GgufFile(file))).encode(text);
  };
  EXPECT_EQ(ids(true, true, "a  b "), (std::vector<int32_t>{2, 1, 4}));
  EXPECT_EQ(ids(true, false, "a  b "), (std::vector<int32_t>{2, 1, 1, 4, 1}));
  EXPECT_EQ(ids(false, false, "a  b "), (std::vector<int32_t>{3, 1, 1, 4, 1}));
  // Where runs of spaces are one, each word has its space, the first one too (llm_tokenizer_ugm's shall_merge_spaces).
  EXPECT_EQ(ids(false, true, "a  b "), (std::vector<int32_t>{2, 1, 4}));
}

TEST(GgufTokenizers, UnigramIsNotWritten) {
  const fs::path folder = fresh_folder("unigram_out");
  ModelConfig c = tiny_shape("llama");
  c.vocab = 5, c.bos = c.eos = 0;
  const Tokenizer unigram(parts_from_scored(few_pieces(), CharacterRules::Prefix::first, /*unigram=*/true));
  expect_refused("this one is a unigram model", [&] { write_gguf(folder / "a.gguf", *random_model(c), unigram, GgmlType::f32, "tiny", {0}, {}); });
}

// ---- shards ----

TEST(Import, ShardsAreOneModelInEveryType) {
  const fs::path folder = fresh_folder("shards");
  const auto model = random_model(tiny_shape("llama"));
  for (const char* type : {"F32", "F16", "BF16"}) {
    const auto folder_in = [&](const std::string& name, int64_t shard_bytes) {
      make_folder(folder / name);
      std::vector<TensorInfo> layout = disk_layout(model->config());
      for (TensorInfo& t : layout) t.dtype = type;
      write_weights(folder / name, layout, [&](SafetensorsWriter& out, const TensorInfo& t) { write_floats(out, t, disk_values(*model, t.name)); }, shard_bytes);
      write_file(folder / name / "config.json", to_pretty(config_to_json(model->config())));
      save_tokenizer(tiny_tokenizer(), folder / name);
      import_model({(folder / name).string()}, folder / (name + "-in"), false, *std::make_unique<Progress>());
      return read_file(folder / (name + "-in") / "model.safetensors");
    };
    const std::string whole = folder_in(std::string(type) + "-whole", int64_t{1} << 30), parts = folder_in(std::string(type) + "-parts", 30'000);
    EXPECT_TRUE(fs::exists(folder / (std::string(type) + "-parts") / "model.safetensors.index.json"));
    EXPECT_TRUE(whole == parts) << type;
    EXPECT_NE(whole.find(std::string("\"") + type + "\""), std::string::npos);
  }
}

// ---- the real model ----

TEST(Stories, ThreeFormsAreOneModel) {
  const fs::path d = real_data() / "models/stories260K";
  if (!fs::exists(d)) GTEST_SKIP() << "no stories260K here";
  const fs::path folder = fresh_folder("stories");
  const auto import = [&](const std::vector<fs::path>& files, const char* name) {
    std::vector<std::string> paths(files.begin(), files.end());
    import_model(paths, folder / name, false, *std::make_unique<Progress>());
    return load_model(folder / name, backend("cpu"), false);
  };
  const auto gguf = import({d / "stories260Ktok512.gguf"}, "gguf"), first = import({d / "stories260K.bin", d / "tok512.bin"}, "first"),
             v1 = import({d / "tok512.bin", d / "checkpoint_v1.bin"}, "v1");
  EXPECT_EQ(logits(*first), logits(*v1));
  EXPECT_EQ(first->config().context, 512);
  EXPECT_EQ(gguf->config().context, 512);  // the file says 128, as its converter does for every model
  EXPECT_EQ(import_model({(d / "stories260Ktok512.gguf").string()}, folder / "longer", false, *std::make_unique<Progress>(), 300).config.context, 300);
  EXPECT_LT(farthest(logits(*gguf), logits(*first)), 1e-5);
  const Tokenizer a = Tokenizer::load(folder / "gguf"), b = Tokenizer::load(folder / "first");
  StreamDecoder whole(a, false, /*begins_text=*/true), part(a);
  const std::vector<int32_t> word = a.encode("Once");
  std::string from_begin, from_within;
  for (const int32_t id : word) from_begin += whole.add(id), from_within += part.add(id);
  EXPECT_EQ(from_begin, "Once");
  EXPECT_EQ(from_within, " Once");
  const std::string text = "Once upon a time, there was a caf\xc3\xa9.\n \xf0\x9f\x98\x80  Lily";
  EXPECT_EQ(a.encode(text), b.encode(text));
  EXPECT_EQ(a.decode(a.encode(text)), text);
  // Greedy and log likelihoods: llama2.c's own program, written down beside the model.
  const Json reference = read_json(d / "reference.json");
  for (const Json& row : reference["nll"]) {
    std::vector<int32_t> ids = a.prefix_ids();
    a.encode(row["text"].get<std::string>(), ids);
    const std::vector<double> got = token_log_probs(*first, ids);
    const Json& want = row["nll"];
    ASSERT_GE(got.size(), want.size());
    for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(-got[got.size() - want.size() + i], want[i].get<double>(), 2e-4);
  }
}

TEST(Vocabularies, LlamaCppsVectors) {
  const fs::path d = real_data() / "tokenizers/ggml-vocab";
  if (!fs::exists(d)) GTEST_SKIP() << "no ggml vocabularies here";
  const fs::path folder = fresh_folder("vocabularies");
  for (const std::string name : {"gpt-2", "llama-spm", "deepseek-coder"}) {
    const fs::path file = d / ("ggml-vocab-" + name + ".gguf");
    import_tokenizer({file.string()}, "", folder / name, false);
    const Tokenizer t = Tokenizer::load(folder / name);
    std::string texts = read_file(file.string() + ".inp"), ids = read_file(file.string() + ".out");
    const std::string mark = "\n__ggml_vocab_test__\n";
    for (size_t at = 0, line = 0; at <= texts.size();) {
      const size_t end = std::min(texts.find(mark, at), texts.size()), stop = std::min(ids.find('\n', line), ids.size());
      std::string got;
      for (const int32_t id : t.encode(texts.substr(at, end - at))) got += " " + std::to_string(id);
      std::string want = ids.substr(line, stop - line);
      while (!want.empty() && want.back() == ' ') want.pop_back();
      if (!want.empty() && want.front() != ' ') want = " " + want;
      EXPECT_EQ(got, want) << name << ": " << texts.substr(at, end - at);
      at = end + mark.size();
      line = stop + 1;
    }
  }
}

}  // namespace
}  // namespace loam

// Models in the type they are stored in: every shape and type against the same weights as floats; what comes with them.
#include "loam/infer/open.h"

#include <gtest/gtest.h>

#include <cmath>

#include "loam/infer/foreign.h"
#include "loam/infer/gguf_model.h"
#include "loam/infer/session.h"
#include "loam/model/weights.h"
#include "tests/support/tiny_shapes.h"

namespace loam {
namespace {

const std::vector<int32_t> kText = {258, 72, 101, 108, 108, 111, 32, 119, 111, 114, 108, 100, 33, 10, 7, 200, 44, 45, 46, 47, 48};

std::vector<float> logits_after(Transformer& model, std::span<const int32_t> ids, size_t at_once) {
  Session session(model);
  for (size_t at = 0; at < ids.size(); at += at_once) session.feed(ids.subspan(at, std::min(at_once, ids.size() - at)));
  return session.logits();
}

/// The largest difference in standard deviations of `b`.
double in_spreads(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0, squares = 0, largest = 0;
  for (size_t i = 0; i < b.size(); ++i) {
    sum += b[i];
    squares += static_cast<double>(b[i]) * b[i];
    largest = std::max(largest, std::fabs(static_cast<double>(a[i]) - b[i]));
  }
  const auto n = static_cast<double>(b.size());
  return largest / std::sqrt(squares / n - sum / n * sum / n);
}

class EachShape : public testing::TestWithParam<const char*> {};

TEST_P(EachShape, AnswersAsTheSameWeightsInFloatsDo) {
  const fs::path folder = fresh_folder(std::string("open_") + GetParam());
  const auto made = random_model(tiny_shape(GetParam()));
  for (const auto& [type, allowed] : {std::pair{GgmlType::f32, 1e-5}, {GgmlType::f16, 1e-4}, {GgmlType::bf16, 1e-4}, {GgmlType::q8_0, 0.1}, {GgmlType::q4_0, 0.1}, {GgmlType::q4_k, 0.1}}) {
    const char* name = ggml_traits(static_cast<uint32_t>(type))->name;
    const fs::path file = folder / (std::string(name) + ".gguf");
    write_gguf(file, *made, whole_tokenizer(), type, "tiny", {258, 257}, {});
    const OpenedModel open = open_for_answers(file);
    EXPECT_EQ(open.ends, (std::vector<int32_t>{258, 257})) << name;
    EXPECT_EQ(open.tokenizer.chat_template(), whole_tokenizer().chat_template());
    const auto files = open_gguf_model(file);
    const auto floats = load_foreign(*files);
    for (const size_t at_once : {size_t{100}, size_t{1}, size_t{3}}) {
      EXPECT_LT(in_spreads(logits_after(*open.model, kText, at_once), logits_after(*floats, kText, at_once)), allowed) << name << " by " << at_once;
    }
    const std::vector<double> a = token_log_probs(*open.model, kText), b = token_log_probs(*floats, kText);
    for (size_t i = 1; i < kText.size(); ++i) EXPECT_NEAR(a[i], b[i], allowed) << name;
    if (type == GgmlType::q8_0 || type == GgmlType::f16) {
      EXPECT_TRUE(open.model->params().is_stored(open.model->params().layers[1].qkv)) << name;
      EXPECT_TRUE(open.model->params().is_stored(open.model->params().head)) << name;
    }
  }
}

TEST_P(EachShape, FoldersKeepTheirTypeInMemory) {
  const fs::path folder = fresh_folder(std::string("open_hf_") + GetParam());
  const auto made = random_model(tiny_shape(GetParam()));
  const fs::path model = write_model_folder(folder / "model", *made);
  for (const char* dtype : {"F32", "BF16", "F16"}) {
    const fs::path there = folder / dtype;
    fs::copy(model, there);
    fs::remove(there / "manifest.json");
    fs::remove(there / "model.safetensors");
    std::vector<TensorInfo> layout = disk_layout(made->config());
    for (TensorInfo& t : layout) t.dtype = dtype;
    write_weights(there, layout, [&](SafetensorsWriter& out, const TensorInfo& t) { write_floats(out, t, disk_values(*made, t.name)); });
    const OpenedModel open = open_for_answers(there);
    const auto floats = load_model(there, backend("cpu"), false);
    EXPECT_EQ(open.model->params().is_stored(open.model->params().layers[0].down), std::string(dtype) != "F32");
    const auto a = logits_after(*open.model, kText, 100), b = logits_after(*floats, kText, 100);
    if (std::string(dtype) == "F32") {
      EXPECT_EQ(a, b);
    } else {
      EXPECT_LT(in_spreads(a, b), 1e-4) << dtype;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, EachShape, testing::Values("gpt2", "llama", "mistral", "qwen2", "qwen3"), [](const auto& test) { return std::string(test.param); });

TEST(Open, BlocksComeBackAsTheFormatSaysTheyAre) {
  constexpr int64_t kCols = 512;
  for (const auto& [type, number] : {std::pair{GgmlType::q8_0, NumberType::q8_0}, {GgmlType::q4_0, NumberType::q4_0}, {GgmlType::q4_k, NumberType::q4_k}, {GgmlType::q6_k, NumberType::q6_k}}) {
    std::vector<float> values(kCols), wanted(kCols), got(kCols);
    for (size_t i = 0; i < values.size(); ++i) values[i] = normal01(3, i);
    const std::vector<std::byte> bytes = from_floats(type, values);
    to_floats(type, bytes, wanted);
    const StoredSize size = stored_size(number, 3, kCols);
    const Buffer memory = backend("cpu").allocate((size.numbers + size.scales) / 4);
    const StoredMat mat = stored_view(number, 3, kCols, reinterpret_cast<const std::byte*>(memory.floats()));
    pack_row(mat, 1, bytes);
    unpack_row(mat, 1, got.data());
    EXPECT_EQ(got, wanted) << ggml_traits(static_cast<uint32_t>(type))->name;
  }
}

TEST(Open, AFinishedRunThatKeptItsStateAnswers) {
  const fs::path folder = fresh_folder("kept_state");
  const auto model = random_model(tiny_shape("llama"));
  write_model_folder(folder / "model", *model);
  make_folder(folder / "model" / "state");
  write_file(folder / "model" / "state" / "begun.json", "{}");
  EXPECT_NO_THROW(open_for_answers(folder / "model"));
  fs::remove(folder / "model" / "manifest.json");
  EXPECT_THROW(open_for_answers(folder / "model"), Error);
}

/// What opening says once two bytes of the named tensor are changed.
std::string refusal(const fs::path& file, const std::string& tensor, const std::string& number) {
  std::string bytes = read_file(file);
  const GgufFile gguf(file);
  const size_t data = bytes.size() - static_cast<size_t>(gguf.tensors().back().begin + (gguf.tensors().back().size + 31) / 32 * 32);
  const auto& front = gguf.tensors().front();
  const auto at = static_cast<size_t>(gguf.bytes(*gguf.find(tensor)).data() - gguf.bytes(front).data()) + static_cast<size_t>(front.begin);
  bytes.replace(data + at + 6, number.size(), number);
  write_file(file.string() + ".bad", bytes);
  try {
    open_for_answers(file.string() + ".bad");
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::input);
    return e.what();
  }
  return "opened";
}

TEST(Open, RefusesHalvesThatAreNoNumbers) {
  const fs::path folder = fresh_folder("open_halves");
  const auto made = random_model(tiny_shape("qwen2"));
  const std::string infinite(std::string("\x00\x7c", 2)), none("\xc0\x7f"), fine("\xff\x7b");
  for (const auto& [type, number] : {std::pair{GgmlType::f16, infinite}, {GgmlType::f16, none}, {GgmlType::bf16, none}}) {
    const fs::path file = folder / (std::string(ggml_traits(static_cast<uint32_t>(type))->name) + ".gguf");
    write_gguf(file, *made, whole_tokenizer(), type, "tiny", {258}, {});
    for (const char* tensor : {"blk.1.ffn_down.weight", "blk.0.attn_k.weight", "token_embd.weight"}) {
      const std::string said = refusal(file, tensor, number);
      EXPECT_NE(said.find("its number 3 of "), std::string::npos) << said;
      EXPECT_NE(said.find(std::string("tensor ") + tensor + ":"), std::string::npos) << said;
      EXPECT_NE(said.find(number == infinite ? "inf" : "nan"), std::string::npos) << said;
      EXPECT_NE(said.find(file.string()), std::string::npos) << said;
    }
  }
  EXPECT_EQ(refusal(folder / "F16.gguf", "blk.1.ffn_down.weight", fine), "opened");
  // A folder in half precision; GPT-2's matrices lie the other way round there.
  for (const char* dtype : {"F16", "BF16"}) {
    const auto gpt2 = random_model(tiny_shape("gpt2"));
    const fs::path there = write_model_folder(folder / dtype, *gpt2);
    fs::remove(there / "manifest.json");
    fs::remove(there / "model.safetensors");
    std::vector<TensorInfo> layout = disk_layout(gpt2->config());
    for (TensorInfo& t : layout) t.dtype = dtype;
    write_weights(there, layout, [&](SafetensorsWriter& out, const TensorInfo& t) {
      std::vector<float> values = disk_values(*gpt2, t.name);
      if (t.name.find("h.1.mlp.c_fc.weight") != std::string::npos) values[7] = -INFINITY;
      write_floats(out, t, values);
    });
    try {
      open_for_answers(there);
      ADD_FAILURE() << "an infinite weight was taken";
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find("h.1.mlp.c_fc.weight"), std::string::npos) << e.what();
      EXPECT_NE(std::string(e.what()).find("its number 7 of "), std::string::npos) << e.what();
      EXPECT_NE(std::string(e.what()).find("-inf"), std::string::npos) << e.what();
    }
  }
}

TEST(Open, RefusesWhatIsNoModelToAnswer) {
  const fs::path folder = fresh_folder("open_refused");
  EXPECT_THROW(open_for_answers(folder / "nothing"), Error);
  EXPECT_THROW(open_for_answers(folder), Error);
  write_file(folder / "a.gguf", "GGUF and no more");
  EXPECT_THROW(open_for_answers(folder / "a.gguf"), Error);
  // A scale that is no number: the tensor is named.
  const auto made = random_model(tiny_shape("qwen2"));
  write_gguf(folder / "b.gguf", *made, whole_tokenizer(), GgmlType::q8_0, "tiny", {258}, {});
  std::string bytes = read_file(folder / "b.gguf");
  const GgufFile file(folder / "b.gguf");
  const auto* tensor = file.find("blk.1.ffn_down.weight");
  const auto at = static_cast<size_t>(file.bytes(*tensor).data() - reinterpret_cast<const std::byte*>(file.bytes(file.tensors().front()).data()));
  const size_t data = bytes.size() - static_cast<size_t>(file.tensors().back().begin + (file.tensors().back().size + 31) / 32 * 32);
  bytes[data + at] = '\0';
  bytes[data + at + 1] = '\x7c';
  write_file(folder / "c.gguf", bytes);
  try {
    open_for_answers(folder / "c.gguf");
    ADD_FAILURE() << "an infinite scale was taken";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("blk.1.ffn_down.weight"), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("inf"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace loam

// Models out: every shape, form and number type reopened and compared; what may not be written; what is stored inside.
#include "loam/stages/exchange/export.h"

#include <gtest/gtest.h>

#include "loam/base/error.h"
#include "loam/formats/gguf.h"
#include "loam/model/weights.h"
#include "loam/infer/foreign.h"
#include "loam/stages/exchange/verify.h"
#include "tests/support/tiny_shapes.h"

namespace loam {
namespace {

ExportedModel write_out(const fs::path& folder, const std::string& format, const std::string& type, const fs::path& out, bool force = false) {
  ExportConfig config;
  config.format = format;
  config.type = type;
  config.validate();
  return export_model(folder, config, out, force, *std::make_unique<Progress>());
}

void expect_export_refused(ErrorKind kind, const std::string& why, const std::function<void()>& f) {
  try {
    f();
    ADD_FAILURE() << "not refused: " << why;
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find(why), std::string::npos) << e.what();
    EXPECT_EQ(e.kind(), kind) << e.what();
  }
}

class EachExport : public testing::TestWithParam<const char*> {};

TEST_P(EachExport, EveryFormAnswersAlike) {
  const fs::path folder = fresh_folder(std::string("export_") + GetParam());
  const fs::path model = write_model_folder(folder / "model", *random_model(tiny_shape(GetParam())));
  for (const char* type : {"f32", "f16", "bf16", "q8_0", "q4_0", "q4_k"}) {
    const fs::path file = folder / (std::string(type) + ".gguf");
    const ExportedModel made = write_out(model, "gguf", type, file);
    EXPECT_LE(made.agreement.in_spreads(), allowed_spreads(type)) << type;
    EXPECT_GT(made.agreement.positions, 100);
    EXPECT_EQ(made.bytes, static_cast<int64_t>(fs::file_size(file)));
    if (std::string(type) == "f32") {
      EXPECT_EQ(made.agreement.largest, 0);
    }
    const Json found = read_json(file.string() + ".verify.json");
    EXPECT_EQ(found["type"], type);
    EXPECT_LE(found["rms_in_spreads"].get<double>(), allowed_rms(type)) << type;
    if (std::string(type) != "f32") {
      EXPECT_LT(found["rms_in_spreads"].get<double>(), 0.4 * found["in_spreads"].get<double>()) << type;
    }
    EXPECT_EQ(found["largest_logit_difference"], made.agreement.largest);
    EXPECT_TRUE(verify_forms(model.string(), file.string(), {}, *std::make_unique<Progress>()).same()) << type;
  }
  for (const char* type : {"f32", "f16", "bf16"}) {
    const ExportedModel made = write_out(model, "hf", type, folder / type);
    EXPECT_LE(made.agreement.in_spreads(), allowed_spreads(type)) << type;
    EXPECT_TRUE(broken_files(open_artifact(folder / type, "model")).empty());
    EXPECT_EQ(read_json(folder / type / "generation_config.json")["eos_token_id"], Json({258, 257}));
    EXPECT_TRUE(fs::exists(folder / type / "README.md"));
    EXPECT_TRUE(fs::exists(folder / type / "verify.json"));
  }
  // What has a type keeps it where none is asked for.
  EXPECT_EQ(write_out(folder / "bf16", "gguf", "", folder / "again.gguf").type, "bf16");
  EXPECT_EQ(write_out(model, "hf", "", folder / "again").type, "f32");
}

INSTANTIATE_TEST_SUITE_P(Shapes, EachExport, testing::Values("gpt2", "llama", "mistral", "qwen2", "qwen3"), [](const auto& test) { return std::string(test.param); });

TEST(Export, SaysInsideWhereItCameFrom) {
  const fs::path folder = fresh_folder("export_lineage");
  const fs::path model = write_model_folder(folder / "model", *random_model(tiny_shape("llama")));
  const std::string content = open_artifact(model, "model").content;
  write_out(model, "gguf", "f16", folder / "a.gguf");
  const GgufFile file(folder / "a.gguf");
  EXPECT_EQ(file.text("loam.content"), content);
  EXPECT_EQ(file.text("loam.lineage"), "[{\"kind\":\"tokens\",\"name\":\"tokens\",\"sha256\":\"" + std::string(64, 'a') + "\"}]");
  EXPECT_EQ(file.integer("tokenizer.ggml.eos_token_id"), 258);
  EXPECT_EQ(file.integer("tokenizer.ggml.eot_token_id"), 257);
  EXPECT_EQ(file.text("tokenizer.chat_template"), whole_tokenizer().chat_template());
  write_out(model, "hf", "bf16", folder / "b");
  EXPECT_NE(read_file(folder / "b/model.safetensors").find("\"loam.content\":\"" + content), std::string::npos);
  // The same model twice: the same bytes.
  write_out(model, "gguf", "f16", folder / "c.gguf");
  EXPECT_EQ(read_file(folder / "a.gguf"), read_file(folder / "c.gguf"));
}

TEST(Export, RefusesWhatItCannotOrMayNotWrite) {
  const fs::path folder = fresh_folder("export_refused");
  const fs::path model = write_model_folder(folder / "model", *random_model(tiny_shape("llama")));
  expect_export_refused(ErrorKind::usage, "did you mean q8_0?", [&] { write_out(model, "gguf", "q8", folder / "a.gguf"); });
  expect_export_refused(ErrorKind::usage, "none that a Hugging Face folder is written in", [&] { write_out(model, "hf", "q4_0", folder / "a"); });
  expect_export_refused(ErrorKind::usage, "wanted hf or gguf", [&] { write_out(model, "onnx", "", folder / "a"); });
  write_out(model, "gguf", "f16", folder / "a.gguf");
  expect_export_refused(ErrorKind::usage, "give --force", [&] { write_out(model, "gguf", "f16", folder / "a.gguf"); });
  write_out(model, "gguf", "f32", folder / "a.gguf", true);
  expect_export_refused(ErrorKind::usage, "GGUF is one file", [&] { write_out(model, "gguf", "f16", folder); });
  ModelConfig classifier = tiny_shape("llama");
  classifier.labels = {"ham", "spam"};
  const fs::path labels = write_model_folder(folder / "classifier", *random_model(classifier));
  expect_export_refused(ErrorKind::input, "GGUF has no classifiers", [&] { write_out(labels, "gguf", "f16", folder / "b.gguf"); });
  EXPECT_FALSE(fs::exists(folder / "b.gguf"));
  EXPECT_FALSE(fs::exists(folder / "b.gguf.partial"));
  EXPECT_EQ(write_out(labels, "hf", "bf16", folder / "labels").agreement.positions, 7);  // one answer a text
}

TEST(Export, WhatAnswersOtherwiseIsNotLeftBehind) {
  const fs::path folder = fresh_folder("export_overflow");
  const auto model = random_model(tiny_shape("llama"));
  const Mat table = model->params().value(model->params().tokens);
  for (int64_t i = 0; i < table.rows * table.cols; ++i) table.data[i] *= 1e6f;  // over what a half can hold
  write_model_folder(folder / "model", *model);
  expect_export_refused(ErrorKind::input, "is inf; a model needs finite ones", [&] { write_out(folder / "model", "gguf", "f16", folder / "a.gguf"); });
  expect_export_refused(ErrorKind::input, "is inf; a model needs finite ones", [&] { write_out(folder / "model", "hf", "f16", folder / "a"); });
  EXPECT_FALSE(fs::exists(folder / "a.gguf"));
  EXPECT_FALSE(fs::exists(folder / "a.gguf.partial"));
  EXPECT_FALSE(fs::exists(folder / "a"));
}

}  // namespace
}  // namespace loam

// Both kinds of tuning on a model of a few thousand parameters: they learn, they resume to the same bytes, they refuse.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "loam/artifacts/labelled_data.h"
#include "loam/base/random.h"
#include "loam/base/threads.h"
#include "loam/infer/answerer.h"
#include "loam/infer/text_classifier.h"
#include "loam/model/weights.h"
#include "loam/stages/finetune/classify/classify.h"
#include "loam/stages/finetune/classify/objective.h"
#include "loam/stages/finetune/instruct/instruct.h"
#include "loam/stages/finetune/instruct/objective.h"
#include "tests/support/tiny_model.h"

namespace loam {
namespace {

/// Rows whose label follows from one word.
std::string mails(int rows) {
  std::string text = "label,text\n";
  Random random(3, "mails");
  const char* words[] = {"lunch", "report", "garden", "patch"};
  for (int i = 0; i < rows; ++i) {
    const bool spam = i % 3 == 0;
    text += std::string(spam ? "spam" : "ham") + ",";
    for (int k = 0; k < 3; ++k) text += std::string(words[random.below(4)]) + static_cast<char>('a' + random.below(26)) + " ";
    text += std::string(spam ? "$$$ win" : "see you") + "\n";
  }
  return text;
}

std::string refusal(const std::function<void()>& f, ErrorKind kind) {
  try {
    f();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), kind) << e.what();
    return e.what();
  }
  return "";
}

ClassifyConfig classify_config(const fs::path& at, const fs::path& data) {
  ClassifyConfig config;
  config.base = tiny_base(at / "base").string();
  config.data = {data.string()};
  config.epochs = 4;
  config.lr = 3e-3;
  config.batch = 16;
  return config;
}

TEST(FinetuneClassify, LearnsAndSaysWhatItHeldOut) {
  const fs::path at = fresh_folder("classify");
  write_file(at / "mails.csv", mails(300));
  Progress quiet;
  const TunedClassifier tuned = finetune_classify(classify_config(at, at / "mails.csv"), at / "spam", {}, quiet);
  ASSERT_TRUE(tuned.test.has_value());
  EXPECT_GT(tuned.test->accuracy.value, 0.95);
  EXPECT_GT(tuned.floor->accuracy.value, 0.95);
  EXPECT_EQ(tuned.train + tuned.validation + tuned.held_out, 300);
  EXPECT_TRUE(broken_files(open_artifact(at / "spam", "model")).empty());
  TextClassifier spam(at / "spam");
  EXPECT_EQ(spam.labels(), (std::vector<std::string>{"ham", "spam"}));
  const std::vector<std::string> texts = {"gardenx lunchq patchb $$$ win", "", "reportq lunchb lunchx see you"};
  const auto p = spam.classify(texts);
  EXPECT_GT(p[0][1], 0.5f);
  EXPECT_GT(p[2][0], 0.5f);
  EXPECT_NEAR(p[1][0] + p[1][1], 1, 1e-5);
  const auto alone = spam.classify(std::span(texts).subspan(2, 1));
  EXPECT_NEAR(alone[0][0], p[2][0], 1e-5);  // whatever else is in the batch
  const auto split = read_split(at / "spam/split.tsv");
  EXPECT_EQ(split.size(), 300u);
  const Json config = read_json(at / "spam/config.json");
  EXPECT_EQ(config["id2label"]["1"], "spam");
}

TEST(FinetuneClassify, StoppedAndResumedItIsTheSameBytesWhateverTheThreads) {
  const fs::path at = fresh_folder("classify_resume");
  write_file(at / "mails.csv", mails(120));
  ClassifyConfig config = classify_config(at, at / "mails.csv");
  config.epochs = 2;
  config.dropout = 0.1;
  Progress quiet;
  set_threads(1);
  finetune_classify(config, at / "whole", {}, quiet);
  set_threads(hardware_threads());
  for (const int64_t steps : {1, 4, 3}) {
    StopAfter stop(steps);
    EXPECT_THROW(finetune_classify(config, at / "pieces", {}, stop), Error);
    request_stop(false);
    EXPECT_FALSE(is_artifact(at / "pieces"));
  }
  finetune_classify(config, at / "pieces", {}, quiet);
  EXPECT_EQ(differing_files(at / "whole", at / "pieces"), "");
  EXPECT_NE(refusal([&] { finetune_classify(config, at / "pieces", {}, quiet); }, ErrorKind::usage).find("--force"), std::string::npos);
}

TEST(FinetuneClassify, ValidationFilesAndLabelsNobodyLearnt) {
  const fs::path at = fresh_folder("classify_val");
  write_file(at / "mails.csv", mails(120));
  write_file(at / "val.csv", "label,text\nham,see you soon\nspam,$$$ win now\nodd,neither\nham,lunch together\n" + mails(3).substr(11));
  ClassifyConfig config = classify_config(at, at / "mails.csv");
  config.val = (at / "val.csv").string();
  config.epochs = 1;
  Progress quiet;
  const TunedClassifier tuned = finetune_classify(config, at / "out", {}, quiet);
  EXPECT_EQ(tuned.validation, 7);
  int64_t left_out = 0;
  for (const auto& line : read_split(at / "out/split.tsv")) left_out += line.part == "left_out";
  EXPECT_EQ(left_out + tuned.train + tuned.held_out, 120);
  EXPECT_GT(left_out, 0);  // the three rows that both files have
}

TEST(FinetuneClassify, RefusesWithReasons) {
  const fs::path at = fresh_folder("classify_refuse");
  Progress quiet;
  auto why = [&](const std::string& text, ErrorKind kind = ErrorKind::input, const std::function<void(ClassifyConfig&)>& change = {}) {
    write_file(at / "data.csv", text);
    ClassifyConfig config = classify_config(at, at / "data.csv");
    config.text_column = {"text"};
    config.label_column = "label";
    if (change) change(config);
    return refusal([&] { finetune_classify(config, at / "out", {}, quiet); }, kind);
  };
  EXPECT_NE(why("kind,text\nham,x\n").find("\"kind\" and \"text\""), std::string::npos);
  EXPECT_NE(why("label,text\nham,one\nham,two\n").find("\"ham\""), std::string::npos);
  EXPECT_NE(why("label,text\n").find("no rows"), std::string::npos);
  EXPECT_NE(why(mails(30), ErrorKind::usage, [](auto& c) { c.context = 1000; }).find("--context 1000"), std::string::npos);
  EXPECT_NE(why(mails(30), ErrorKind::usage, [](auto& c) { c.metric = "f1"; }).find("metric"), std::string::npos);
  EXPECT_NE(why(mails(30), ErrorKind::usage, [](auto& c) { c.keep = "middle"; }).find("--keep"), std::string::npos);
  EXPECT_NE(why(mails(30), ErrorKind::input, [&](auto& c) { c.base = (at / "nowhere").string(); }).find("nowhere"), std::string::npos);
  EXPECT_FALSE(fs::exists(at / "out"));
}

/// Pairs with a rule: the answer is the question's last word.
std::string pairs(int rows) {
  std::string text;
  Random random(5, "pairs");
  const char* words[] = {"red", "blue", "green", "pink"};
  for (int i = 0; i < rows; ++i) {
    const std::string a = words[random.below(4)], b = words[random.below(4)];
    text += "{\"instruction\":\"" + std::to_string(i) + " " + static_cast<char>('a' + i % 26) + " " + a + " " + b + "\",\"output\":\"" + b + "\"}\n";
  }
  return text;
}

InstructConfig instruct_config(const fs::path& at) {
  InstructConfig config;
  config.base = tiny_base(at / "base").string();
  config.data = {(at / "pairs.jsonl").string()};
  config.near_duplicate = 2;
  config.epochs = 2;
  config.lr = 3e-3;
  config.batch = 4;
  return config;
}

TEST(FinetuneInstruct, LearnsAnswersAndWritesTheTemplate) {
  const fs::path at = fresh_folder("instruct");
  write_file(at / "pairs.jsonl", pairs(300));
  InstructConfig config = instruct_config(at);
  config.epochs = 6;
  config.metric = "val_accuracy";
  Progress quiet;
  const TunedModel tuned = finetune_instruct(config, at / "chat", {}, quiet);
  EXPECT_LT(tuned.training.last_evaluation["val_loss"].get<double>(), 0.6 * tuned.before["val_loss"].get<double>());
  EXPECT_GT(tuned.packed, 0.7);  // two rows fit a sequence, rarely three
  EXPECT_TRUE(broken_files(open_artifact(at / "chat", "model")).empty());
  EXPECT_NE(read_json(at / "chat/tokenizer_config.json")["chat_template"].get<std::string>().find("<|im_start|>"), std::string::npos);
  EXPECT_EQ(read_json(at / "chat/generation_config.json")["eos_token_id"], Json({258, 257}));  // both end a text for other programs
  const auto model = load_model(at / "chat", backend("cpu"), false);
  Answerer answerer(*model, Tokenizer::load(at / "chat"));
  AnswerSettings greedy;
  greedy.sampling.temperature = 0;
  greedy.max_tokens = 20;
  const std::string once = answerer.answer({{"user", "7 q red blue"}}, greedy);
  EXPECT_TRUE(answerer.ended());  // it has learnt to stop
  EXPECT_EQ(answerer.answer({{"user", "7 q red blue"}}, greedy), once);  // with the dialogue already read
  Answerer other(*model, Tokenizer::load(at / "chat"));
  EXPECT_EQ(other.answer({{"user", "7 q red blue"}}, greedy), once);
}

TEST(FinetuneInstruct, StoppedAndResumedItIsTheSameBytes) {
  const fs::path at = fresh_folder("instruct_resume");
  write_file(at / "pairs.jsonl", pairs(80));
  const InstructConfig config = instruct_config(at);
  Progress quiet;
  finetune_instruct(config, at / "whole", {}, quiet);
  for (const int64_t steps : {2, 3}) {
    StopAfter stop(steps);
    EXPECT_THROW(finetune_instruct(config, at / "pieces", {}, stop), Error);
    request_stop(false);
  }
  finetune_instruct(config, at / "pieces", {}, quiet);
  EXPECT_EQ(differing_files(at / "whole", at / "pieces"), "");
}

TEST(FinetuneInstruct, PackedAndCutUpTheLossAndGradientAreThoseOfRowsAlone) {
  const fs::path at = fresh_folder("instruct_packed");
  const auto model = load_model(tiny_base(at / "base"), backend("cpu"), true);
  std::vector<TokenRow> rows;
  Random random(9, "rows");
  for (int i = 0; i < 12; ++i) {
    TokenRow row;
    const int64_t length = 5 + random.below(40);
    for (int64_t t = 0; t < length; ++t) {
      row.ids.push_back(static_cast<int32_t>(random.below(256)));
      row.learn.push_back(t > 2);
    }
    rows.push_back(row);
  }
  auto step = [&](int64_t batch, int64_t micro) {
    AnswerObjective objective(rows, {}, {.batch = batch, .micro_batch = micro, .context = 96, .seed = 1}, backend("cpu"));
    EXPECT_EQ(objective.steps(1.0), 1);
    model->backend().elementwise().fill(model->params().gradients(), 0.0f);
    const double loss = objective.accumulate(*model, 0).loss;
    const Vec g = model->params().gradients();
    return std::pair(loss, std::vector<float>(g.data, g.data + g.size));
  };
  AnswerObjective counted(rows, {}, {.batch = 1, .context = 96, .seed = 1}, backend("cpu"));
  const int64_t sequences = counted.steps(1.0);
  ASSERT_GT(sequences, 2);
  const auto whole = step(sequences, 0), parts = step(sequences, 1);
  EXPECT_NEAR(whole.first, parts.first, 1e-6);
  double difference = 0, size = 0;
  for (size_t i = 0; i < whole.second.size(); ++i) {
    difference += std::abs(static_cast<double>(whole.second[i]) - static_cast<double>(parts.second[i]));
    size += std::abs(static_cast<double>(whole.second[i]));
  }
  EXPECT_LT(difference, 1e-5 * size);
  // Each row in a batch of its own: the same nats.
  double nats = 0;
  int64_t tokens = 0;
  for (const auto& row : rows) {
    const AnswerLoss alone = answer_loss(*model, {row}, 96);
    nats += alone.nats;
    tokens += alone.tokens;
  }
  EXPECT_NEAR(nats / static_cast<double>(tokens), whole.first, 1e-5);
}

TEST(FinetuneInstruct, RefusesWithReasons) {
  const fs::path at = fresh_folder("instruct_refuse");
  Progress quiet;
  write_file(at / "pairs.jsonl", "[{\"instruction\": \"x\"");
  EXPECT_NE(refusal([&] { finetune_instruct(instruct_config(at), at / "out", {}, quiet); }, ErrorKind::input), "");
  write_file(at / "pairs.jsonl", "");
  EXPECT_NE(refusal([&] { finetune_instruct(instruct_config(at), at / "out", {}, quiet); }, ErrorKind::input).find("no rows"), std::string::npos);
  write_file(at / "pairs.jsonl", "{\"instruction\":\"" + std::string(300, 'x') + "\",\"output\":\"y\"}\n");
  EXPECT_NE(refusal([&] { finetune_instruct(instruct_config(at), at / "out", {}, quiet); }, ErrorKind::input).find("--context"), std::string::npos);
  EXPECT_FALSE(fs::exists(at / "out"));
}

TEST(ClassObjective, TheBatchesLossIsTheWeightedMeanOfRowsAlone) {
  const fs::path at = fresh_folder("objective");
  ModelConfig config = load_config(tiny_base(at / "base"));
  config.labels = {"a", "b", "c"};
  Transformer model(config, backend("cpu"));
  model.params().allocate(backend("cpu"), true);
  model.params().initialize(backend("cpu"), 3);
  load_weights(model, at / "base", true);
  ClassRows rows;
  Random random(2, "rows");
  for (int i = 0; i < 8; ++i) {
    TokenRow row;
    for (int64_t t = 0; t < 3 + random.below(60); ++t) row.ids.push_back(static_cast<int32_t>(random.below(256)));
    rows.texts.push_back(row);
    rows.classes.push_back(i % 3);
  }
  const std::vector<float> weights = {1.0f, 2.0f, 0.5f};
  ClassObjective objective(rows, rows, {.batch = 8, .context = 96, .metric = "accuracy", .weights = weights, .seed = 1}, backend("cpu"));
  const double together = objective.accumulate(model, 0).loss;
  double sum = 0, all = 0;
  const auto predictions = predict_rows(model, rows, 96);
  for (size_t i = 0; i < predictions.size(); ++i) {
    const double w = static_cast<double>(weights[static_cast<size_t>(rows.classes[i])]);
    sum -= w * std::log(static_cast<double>(predictions[i].scores[static_cast<size_t>(rows.classes[i])]));
    all += w;
  }
  EXPECT_NEAR(together, sum / all, 1e-4);
  EXPECT_EQ(objective.steps(2.5), 3);
  EXPECT_GE(objective.most_places(3), 60);
}

}  // namespace
}  // namespace loam

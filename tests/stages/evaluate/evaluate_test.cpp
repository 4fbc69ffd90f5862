// Tasks and comparisons on models of a few thousand parameters: layout, arithmetic, refusals.
#include "loam/stages/evaluate/evaluate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numbers>

#include "loam/artifacts/labelled_data.h"
#include "loam/infer/session.h"
#include "loam/model/weights.h"
#include "loam/stages/evaluate/tasks.h"
#include "tests/support/tiny_model.h"

namespace loam {
namespace {

std::string refusal(const std::function<void()>& f, ErrorKind kind) {
  try {
    f();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), kind) << e.what();
    return e.what();
  }
  return "";
}

/// A classifier with random weights over the tiny base.
fs::path tiny_classifier(const fs::path& at) {
  tiny_base(at / "base");
  ModelConfig config = load_config(at / "base");
  config.labels = {"ham", "spam"};
  Transformer model(config, backend("cpu"));
  model.params().allocate(backend("cpu"), false);
  model.params().initialize(backend("cpu"), 11);
  ArtifactWriter out(at / "classifier", "model", Json::object(), {}, true);
  write_model_files(out, model, at / "base", "# tiny\n");
  out.finish(Json::object());
  return at / "classifier";
}

TEST(Evaluate, BitsPerByteOfATextIsItsNllOverItsBytes) {
  const fs::path at = fresh_folder("bpb");
  const fs::path base = tiny_base(at / "base", 64);
  std::string text;
  for (int i = 0; i < 40; ++i) text += "All is well, caf\xc3\xa9 " + std::to_string(i) + ".\n";
  write_file(at / "text.txt", text);
  Progress quiet;
  EvaluateConfig config;
  config.task = {"bits_per_byte=" + (at / "text.txt").string()};
  const EvaluateReport r = evaluate(base, config, at / "scores", 1, false, quiet);
  Subject subject = open_subject(base);
  std::vector<int32_t> ids = {258};
  subject.tokenizer.encode(text, ids);
  double nll = 0;
  const auto log_probs = token_log_probs(*subject.model, ids);
  for (size_t i = 1; i < ids.size(); ++i) nll -= log_probs[i];
  const auto& metrics = r.tasks.at(0).metrics;
  EXPECT_EQ(metrics[0].name, "bits_per_byte");
  EXPECT_NEAR(metrics[0].value, nll / std::numbers::ln2 / static_cast<double>(text.size()), 1e-6);
  EXPECT_NEAR(metrics[1].value, std::exp2(metrics[0].value), 1e-6);
  EXPECT_NEAR(std::log(metrics[2].value), nll / (40 * 5), 1e-3);
  EXPECT_LT(r.tasks[0].detail["bits_per_byte"]["low"].get<double>(), metrics[0].value);

  // The artifact: the harness' names, hashes that hold, lineage.
  const Artifact scores = open_artifact(at / "scores", "scores");
  EXPECT_TRUE(broken_files(scores).empty());
  EXPECT_EQ(scores.inputs[0].kind, "model");
  std::string results;
  for (const auto& file : scores.files) {
    if (file.name.starts_with("results_")) results = file.name;
  }
  const Json json = read_json(at / "scores" / results);
  EXPECT_NEAR(json["results"]["bits_per_byte"]["bits_per_byte,none"].get<double>(), metrics[0].value, 1e-9);
  EXPECT_TRUE(json["results"]["bits_per_byte"].contains("bits_per_byte_stderr,none"));
  EXPECT_FALSE(json["higher_is_better"]["bits_per_byte"]["bits_per_byte"].get<bool>());
  for (const char* key : {"configs", "versions", "n-shot", "n-samples", "config", "date", "git_hash", "model_name"}) EXPECT_TRUE(json.contains(key)) << key;
  EXPECT_NE(refusal([&] { evaluate(base, config, at / "scores", 1, false, quiet); }, ErrorKind::usage).find("--force"), std::string::npos);
  evaluate(base, config, at / "scores", 1, true, quiet);
}

TEST(Evaluate, ClassifierScoresEachRowAndSaysWhichLabelsItDoesNotKnow) {
  const fs::path at = fresh_folder("classifier");
  const fs::path model = tiny_classifier(at);
  write_file(at / "rows.csv", "label,text\nham,one thing\nspam,another thing\nham,a third\nodd,a fourth\n");
  Progress quiet;
  EvaluateConfig config;
  config.task = {"classify=" + (at / "rows.csv").string()};
  const EvaluateReport r = evaluate(model, config, at / "scores", 1, false, quiet);
  EXPECT_EQ(r.tasks[0].examples, 4);
  EXPECT_EQ(r.tasks[0].detail["model"]["classes"].size(), 3u);
  EXPECT_EQ(r.tasks[0].detail["model"]["classes"][2]["recall"]["value"], 0);
  for (const auto& file : r.artifact->files) {
    if (!file.name.starts_with("samples_classify_")) continue;
    const std::string lines = read_file(at / "scores" / file.name);
    const Json first = Json::parse(lines.substr(0, lines.find('\n')));
    for (const char* key : {"doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "doc_hash", "prompt_hash", "target_hash", "acc"}) EXPECT_TRUE(first.contains(key)) << key;
    EXPECT_EQ(first["target"], "ham");
  }
  EXPECT_NE(refusal([&] { config.task = {"bits_per_byte=" + (at / "rows.csv").string()}; evaluate(model, config, "", 1, false, quiet); }, ErrorKind::input).find("classifier"), std::string::npos);
}

TEST(Evaluate, RowsAModelHasSeenDoNotCount) {
  const fs::path at = fresh_folder("seen");
  const fs::path model = tiny_classifier(at);
  write_file(model / "split.tsv", split_text({{"train", text_key("One thing!"), 1}, {"test", text_key("another thing"), 2}, {"validation", text_key("a third"), 3}}));
  write_file(at / "rows.csv", "label,text\nham,one thing\nspam,another thing\nham,a third\nham,new\n");
  Progress quiet;
  EvaluateConfig config;
  config.task = {"classify=" + (at / "rows.csv").string()};
  EXPECT_EQ(evaluate(model, config, "", 1, false, quiet).tasks[0].examples, 2);
  config.all_rows = true;
  EXPECT_EQ(evaluate(model, config, "", 1, false, quiet).tasks[0].examples, 4);
  config.all_rows = false;
  write_file(at / "rows.csv", "label,text\nham,one thing\nham,ONE thing\n");
  EXPECT_NE(refusal([&] { evaluate(model, config, "", 1, false, quiet); }, ErrorKind::input).find("--all-rows"), std::string::npos);
}

TEST(Evaluate, FewShotTasksStandBesideTheirChance) {
  const fs::path at = fresh_folder("few_shot");
  const fs::path base = tiny_base(at / "base", 256);
  std::string reviews = "text,label\n", pairs, summaries;
  for (int i = 0; i < 20; ++i) {
    reviews += "film " + std::to_string(i) + (i % 2 ? " was good,positive\n" : " was bad,negative\n");
    pairs += "{\"instruction\":\"Say " + std::to_string(i) + "\",\"output\":\"number " + std::to_string(i) + "\"}\n";
    summaries += "{\"dialogue\":\"A: hello\\nB: it is " + std::to_string(i) + "\",\"summary\":\"B says " + std::to_string(i) + "\"}\n";
  }
  write_file(at / "reviews.csv", reviews);
  write_file(at / "pairs.jsonl", pairs);
  write_file(at / "summaries.jsonl", summaries);
  Progress quiet;
  EvaluateConfig config;
  config.shots = 2;
  config.max_tokens = 12;
  config.limit = 8;
  config.task = {"sentiment=" + (at / "reviews.csv").string(), "translation=" + (at / "pairs.jsonl").string(), "summary=" + (at / "summaries.jsonl").string()};
  const EvaluateReport r = evaluate(base, config, at / "scores", 1, false, quiet);
  ASSERT_EQ(r.tasks.size(), 3u);
  EXPECT_EQ(r.tasks[0].examples, 8);
  EXPECT_EQ(r.tasks[0].detail["chance"]["acc"], 0.5);
  EXPECT_GT(r.tasks[1].detail["chance"]["chrf"].get<double>(), 50);  // "number 3" for "number 7"
  EXPECT_EQ(r.tasks[1].shots, 2);
  EXPECT_EQ(r.tasks[2].metrics[0].name, "rouge1");
  EXPECT_GT(r.tasks[2].detail["chance"]["rougeL"].get<double>(), 0.3);
  const EvaluateReport again = evaluate(base, config, "", 1, false, quiet);
  EXPECT_EQ(again.tasks[1].metrics[1].value, r.tasks[1].metrics[1].value);
  EXPECT_NE(refusal([&] { config.task = {"sentimental=x"}; evaluate(base, config, "", 1, false, quiet); }, ErrorKind::usage).find("did you mean \"sentiment\""), std::string::npos);
}

TEST(Compare, AModelAgainstItselfIsNoBetter) {
  const fs::path at = fresh_folder("compare");
  const fs::path base = tiny_base(at / "base"), model = tiny_classifier(at);
  write_file(at / "pairs.jsonl", "{\"instruction\":\"a\",\"output\":\"b\"}\n{\"instruction\":\"c\",\"output\":\"d\"}\n{\"instruction\":\"e\",\"output\":\"f\"}\n");
  write_file(at / "rows.csv", "label,text\nham,one thing\nspam,another thing\nham,a third\n");
  Progress quiet;
  CompareConfig config;
  config.max_tokens = 4;
  config.data = {(at / "pairs.jsonl").string()};
  const CompareReport r = compare(base, base, config, at / "scores", 1, false, quiet);
  EXPECT_EQ(r.rows, 3);
  ASSERT_EQ(r.comparisons.size(), 3u);
  for (const auto& c : r.comparisons) {
    EXPECT_EQ(c.difference, 0) << c.metric;
    EXPECT_EQ(c.p, 1) << c.metric;
  }
  EXPECT_EQ(r.comparisons[2].metric, "log_prob_a_token");
  EXPECT_NEAR(r.comparisons[2].base, -std::log(259.0), 0.5);  // random weights
  EXPECT_TRUE(broken_files(open_artifact(at / "scores", "scores")).empty());
  // A language model is asked for the label.
  config.data = {(at / "rows.csv").string()};
  const CompareReport labels = compare(base, model, config, "", 1, false, quiet);
  EXPECT_EQ(labels.comparisons[0].metric, "accuracy");
  EXPECT_EQ(labels.comparisons[0].detail["rows"], 3);
}

TEST(AnswerLikelihood, IsTheSumOfItsTokensLogProbabilities) {
  const fs::path at = fresh_folder("likelihood");
  Subject subject = open_subject(tiny_base(at / "base"));
  InstructionRow row{{{"user", "Hi"}, {"assistant", "Ho!"}}, 1};
  InstructionRow longer{{{"user", "Hi there, you"}, {"assistant", "a"}, {"user", "b"}, {"assistant", "Ho! Ho!"}}, 2};
  const auto both = answer_likelihoods(subject, {&row, &longer});
  const ChatTemplate chat(subject.tokenizer);
  const ChatTokens tokens = chat.encode({{"user", "Hi"}, {"assistant", "Ho!"}});
  const auto log_probs = token_log_probs(*subject.model, tokens.ids);
  double sum = 0;
  int64_t count = 0;
  for (size_t i = 1; i < tokens.ids.size(); ++i) {
    if (tokens.answer[i] != 0) sum += log_probs[i], ++count;
  }
  EXPECT_EQ(both[0].tokens, count);
  EXPECT_EQ(count, 4);  // H o ! and the end of the turn
  EXPECT_NEAR(both[0].log_prob, sum, 1e-4);
  EXPECT_EQ(both[1].tokens, 8);  // the last answer alone
}

}  // namespace
}  // namespace loam

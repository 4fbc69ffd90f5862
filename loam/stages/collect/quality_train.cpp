#include "loam/stages/collect/quality_train.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <queue>

#include "loam/artifacts/corpus.h"
#include "loam/base/error.h"
#include "loam/base/fields.h"
#include "loam/base/files.h"
#include "loam/base/hash.h"
#include "loam/base/stop.h"
#include "loam/base/threads.h"
#include "loam/stages/collect/extract.h"
#include "loam/stages/collect/kind.h"
#include "loam/stages/collect/pipeline.h"
#include "loam/stages/collect/quality.h"
#include "loam/stages/collect/reader.h"
#include "loam/stages/collect/sources.h"

namespace loam {
namespace {

constexpr int64_t kTrainBatch = int64_t{1} << 20;
constexpr double kAlpha = 9;

struct Example {
  uint64_t rank = 0;   // by a hash of its id: which are taken, and in which order
  std::vector<uint32_t> features;
  bool operator<(const Example& other) const { return rank < other.rank || (rank == other.rank && features < other.features); }
};

/// The examples with the lowest ranks.
class Chosen {
 public:
  explicit Chosen(int64_t most) : most_(static_cast<size_t>(most)) {}
  void offer(Example example) {
    if (heap_.size() >= most_ && !(example < heap_.top())) return;
    heap_.push(std::move(example));
    if (heap_.size() > most_) heap_.pop();
  }
  std::vector<Example> in_order() {
    std::vector<Example> out;
    for (; !heap_.empty(); heap_.pop()) out.push_back(std::move(const_cast<Example&>(heap_.top())));
    std::reverse(out.begin(), out.end());
    return out;
  }

 private:
  size_t most_;
  std::priority_queue<Example> heap_;
};

struct ExampleBatch : OrderedWork::Batch {
  int64_t file = 0;
  std::vector<RawRecord> records;
  std::vector<std::pair<std::string, std::string>> texts;  // id, text: of a corpus
  std::vector<Example> examples;
};

/// A file of the sources, or one of a corpus.
class ExampleStream : public OrderedWork::Stream {
 public:
  ExampleStream(const SourceFile& file, int64_t number, const QualityConfig& config, SpareWork& spare) : number_(number) {
    if (file.below.empty()) {
      corpus_ = std::make_unique<CorpusReader>(file.path, /*with_metadata=*/false);
    } else {
      records_ = std::make_unique<RecordReader>(file.path, file.below, file.named, ReaderConfig{config.format, config.text_column}, &spare);
    }
  }
  std::unique_ptr<OrderedWork::Batch> read() override {
    auto batch = std::make_unique<ExampleBatch>();
    batch->file = number_;
    while (batch->bytes < kTrainBatch && !batch->last) {
      if (corpus_) {
        auto document = corpus_->next();
        batch->last = !document;
        if (!document) break;
        batch->bytes += static_cast<int64_t>(document->text.size());
        batch->texts.emplace_back(std::move(document->id), std::move(document->text));
      } else {
        RawRecord record;
        batch->last = !records_->next(record);
        if (batch->last) break;
        batch->bytes += static_cast<int64_t>(record.bytes.size() + sizeof record);
        for (const std::string& field : record.fields) batch->bytes += static_cast<int64_t>(field.size());
        batch->records.push_back(std::move(record));
      }
    }
    return batch;
  }

 private:
  int64_t number_;
  std::unique_ptr<CorpusReader> corpus_;
  std::unique_ptr<RecordReader> records_;
};

class ExampleWork : public OrderedWork {
 public:
  ExampleWork(const std::vector<SourceFile>& files, const QualityConfig& config, Progress& progress) : files_(files), config_(config), progress_(progress), chosen_(config.examples) {}
  int64_t streams() const override { return static_cast<int64_t>(files_.size()); }
  std::unique_ptr<Stream> open(int64_t file, SpareWork& spare) override { return std::make_unique<ExampleStream>(files_[static_cast<size_t>(file)], file, config_, spare); }
  void process(Batch& given) override {
    auto& batch = static_cast<ExampleBatch&>(given);
    const QualityFeatures how{config_.words, config_.bits};
    auto add = [&](const std::string& id, const std::string& text) {
      Example example;
      quality_features(text, how, example.features);
      if (example.features.empty()) return;
      example.rank = mix64(hash64(id) ^ 0x7175616c697479);
      batch.examples.push_back(std::move(example));
    };
    for (const auto& [id, text] : batch.texts) add(id, text);
    for (const RawRecord& record : batch.records) {
      const Extracted made = extract_record(record, {config_.text_column});
      if (made.reason.empty()) add(fmt::format("{}#{}", files_[static_cast<size_t>(batch.file)].below, record.number), made.document.text);
    }
    batch.texts.clear();
    batch.records.clear();
    batch.bytes = 0;
    for (const Example& e : batch.examples) batch.bytes += static_cast<int64_t>(e.features.size() * 4 + sizeof e);
  }
  void consume(int64_t, Batch& given) override {
    auto& batch = static_cast<ExampleBatch&>(given);
    seen_ += static_cast<int64_t>(batch.examples.size());
    for (Example& example : batch.examples) chosen_.offer(std::move(example));
    progress_.update(seen_, 0, "documents read");
  }
  void interrupted() override { fail_interrupted("stopped on request; nothing was kept"); }
  std::vector<Example> examples() { return chosen_.in_order(); }

 private:
  const std::vector<SourceFile>& files_;
  const QualityConfig& config_;
  Progress& progress_;
  Chosen chosen_;
  int64_t seen_ = 0;
};

/// What a side's words name: files of any kind, and parts of corpora (without a name below).
std::vector<SourceFile> files_of(const std::vector<std::string>& words, std::vector<ArtifactInput>& inputs) {
  std::vector<SourceFile> out;
  std::vector<std::string> others;
  for (const std::string& word : words) {
    if (!is_artifact(word) || open_artifact(word).kind != "corpus") {
      others.push_back(word);
      continue;
    }
    const Artifact corpus = open_artifact(word);
    inputs.push_back(corpus.as_input());
    for (const std::string& name : document_files(corpus)) out.push_back({.path = corpus.path(name), .below = ""});
  }
  if (others.empty()) return out;
  SourceList list = find_sources(others);
  inputs.push_back({fmt::format("{}", fmt::join(others, " ")), "listing", list.fingerprint()});
  out.insert(out.end(), list.files.begin(), list.files.end());
  return out;
}

/// Both kinds alternating, the shorter one again from its beginning: each weighs the same in an epoch.
QualityModel learn(const std::vector<Example>& good, const std::vector<Example>& bad, const QualityConfig& config, Progress& progress) {
  const size_t buckets = size_t{1} << config.bits;
  std::vector<float> weights(buckets), squares(buckets);
  double bias = 0, bias_square = 0;
  const size_t pairs = std::max(good.size(), bad.size());
  for (int64_t epoch = 0; epoch < config.epochs; ++epoch) {
    for (size_t i = 0; i < 2 * pairs; ++i) {
      if (i % 4096 == 0) {
        stop_if_requested("nothing was kept");
        progress.update(static_cast<int64_t>(static_cast<size_t>(epoch) * 2 * pairs + i), config.epochs * static_cast<int64_t>(2 * pairs), "examples learned");
      }
      const bool is_good = i % 2 == 0;
      const std::vector<Example>& side = is_good ? good : bad;
      const std::vector<uint32_t>& features = side[(i / 2) % side.size()].features;
      const double scale = 1 / std::sqrt(static_cast<double>(features.size()));
      double sum = 0;
      for (const uint32_t f : features) sum += static_cast<double>(weights[f]);
      const double error = 1 / (1 + std::exp(-(bias + sum * scale))) - (is_good ? 1 : 0);
      // AdaGrad (Duchi, Hazan & Singer 2011): a step is smaller where there were many.
      const auto gradient = static_cast<float>(error * scale);
      const float square = gradient * gradient;
      for (const uint32_t f : features) {
        squares[f] += square;
        weights[f] -= static_cast<float>(config.rate) * gradient / (std::sqrt(squares[f]) + 1e-6f);
      }
      bias_square += error * error;
      bias -= 0.1 * config.rate * error / (std::sqrt(bias_square) + 1e-6);
    }
  }
  return QualityModel({config.words, config.bits}, std::move(weights), bias);
}

std::vector<double> scores_of(const QualityModel& model, const std::vector<Example>& examples) {
  std::vector<double> out(examples.size());
  parallel_for(static_cast<int64_t>(examples.size()), [&](int64_t i) { out[static_cast<size_t>(i)] = model.score_features(examples[static_cast<size_t>(i)].features); });
  return out;
}

QualityScores measure(const std::vector<double>& good, const std::vector<double>& bad) {
  QualityScores out;
  auto mean = [](const std::vector<double>& of, auto&& f) {
    double sum = 0;
    for (const double s : of) sum += f(s);
    return sum / static_cast<double>(of.size());
  };
  auto same = [](double s) { return s; };
  // Chance that a draw is above 1 - s, the draw's survival function being (1 + x)^-alpha.
  auto kept = [](double s) { return std::pow(2 - s, -kAlpha); };
  out.good_mean = mean(good, same);
  out.bad_mean = mean(bad, same);
  out.good_kept = mean(good, kept);
  out.bad_kept = mean(bad, kept);
  out.accuracy = (mean(good, [](double s) { return s >= 0.5 ? 1.0 : 0.0; }) + mean(bad, [](double s) { return s < 0.5 ? 1.0 : 0.0; })) / 2;
  std::vector<double> sorted = bad;
  std::sort(sorted.begin(), sorted.end());
  out.auc = mean(good, [&](double s) {
    const auto below = std::lower_bound(sorted.begin(), sorted.end(), s), above = std::upper_bound(below, sorted.end(), s);
    return (static_cast<double>(below - sorted.begin()) + static_cast<double>(above - below) / 2) / static_cast<double>(sorted.size());
  });
  return out;
}

/// By the rank's own bits, so that an example is held out whatever else there is.
std::vector<Example> held_out(std::vector<Example>& examples, double share) {
  std::vector<Example> out, rest;
  for (Example& example : examples) {
    const double u = static_cast<double>(mix64(example.rank) >> 11) * 0x1p-53;
    (u < share ? out : rest).push_back(std::move(example));
  }
  examples = std::move(rest);
  return out;
}

}  // namespace

void QualityConfig::validate() const {
  require(!good.empty() && !bad.empty(), "quality train wants --good and --bad texts");
  require(examples >= 10, "--examples ", examples, " must be at least 10");
  require(words >= 1 && words <= 100000, "--words ", words, " is not in 1 to 100,000");
  require(bits >= 8 && bits <= 24, "--bits ", bits, " is not in 8 to 24");
  require(epochs >= 1 && epochs <= 1000, "--epochs ", epochs, " is not in 1 to 1,000");
  require(rate > 0 && rate <= 100, "--rate ", rate, " is not above 0 and at most 100");
  require(held_out >= 0 && held_out <= 0.9, "--held-out ", held_out, " is not in 0 to 0.9");
  if (!format.empty()) kind_named(format);
}

QualityTrained train_quality(const QualityConfig& config, const fs::path& out, bool force, Progress& progress) {
  config.validate();
  std::vector<ArtifactInput> inputs;
  const std::vector<SourceFile> good_files = files_of(config.good, inputs), bad_files = files_of(config.bad, inputs);
  ArtifactWriter writer(out, "quality", fields_to_json(config), inputs, force);
  auto read = [&](const std::vector<SourceFile>& files, const char* side) {
    ExampleWork work(files, config, progress);
    run_ordered(work, 0, (int64_t{32} << 20) * threads());
    std::vector<Example> examples = work.examples();
    require_input(examples.size() >= 2, "--", side, ": ", examples.size(), " texts with words are in it; wanted two at least, better thousands");
    return examples;
  };
  QualityTrained made;
  std::vector<Example> good = read(good_files, "good"), bad = read(bad_files, "bad");
  std::vector<Example> good_held = held_out(good, config.held_out), bad_held = held_out(bad, config.held_out);
  if (good.empty()) good.swap(good_held);
  if (bad.empty()) bad.swap(bad_held);
  made.good = static_cast<int64_t>(good.size());
  made.bad = static_cast<int64_t>(bad.size());
  made.good_held_out = static_cast<int64_t>(good_held.size());
  made.bad_held_out = static_cast<int64_t>(bad_held.size());
  const QualityModel model = learn(good, bad, config, progress);
  if (!good_held.empty() && !bad_held.empty()) made.scores = measure(scores_of(model, good_held), scores_of(model, bad_held));
  write_file(writer.path("quality.bin"), model.bytes());
  writer.promise("quality.bin");
  Json counts = {{"good", made.good}, {"bad", made.bad}, {"good_held_out", made.good_held_out}, {"bad_held_out", made.bad_held_out}};
  if (const auto& s = made.scores) {
    counts["held_out"] = {{"accuracy", s->accuracy}, {"auc", s->auc}, {"good_mean", s->good_mean}, {"bad_mean", s->bad_mean}, {"good_kept_pareto_9", s->good_kept}, {"bad_kept_pareto_9", s->bad_kept}};
  }
  made.made = writer.finish(counts);
  return made;
}

}  // namespace loam

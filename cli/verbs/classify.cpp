// loam classify: labels for texts.
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>

#include "cli/verbs.h"
#include "loam/artifacts/manifest.h"
#include "loam/base/files.h"
#include "loam/base/json.h"
#include "loam/base/stop.h"
#include "loam/formats/labelled.h"
#include "loam/infer/text_classifier.h"

namespace loam {
namespace {

constexpr size_t kAtOnce = 32;                        // texts that go through the model together
constexpr int64_t kLongestText = int64_t{64} << 20;   // bytes

/// Classifies what is collected and writes a JSON line each.
class Labeller {
 public:
  explicit Labeller(TextClassifier& model) : model_(model) {}
  void add(std::string text) {
    redecoded_ += !to_utf8(text);
    texts_.push_back(std::move(text));
    if (texts_.size() == kAtOnce) flush();
  }
  void flush() {
    if (texts_.empty()) return;
    stop_if_requested("the texts before this one are labelled");
    const auto scores = model_.classify(texts_);
    for (size_t i = 0; i < texts_.size(); ++i) {
      Json by_label = Json::object();
      size_t best = 0;
      for (size_t k = 0; k < scores[i].size(); ++k) {
        by_label[model_.labels()[k]] = scores[i][k];
        if (scores[i][k] > scores[i][best]) best = k;
      }
      std::cout << to_line({{"label", model_.labels()[best]}, {"scores", by_label}, {"text", texts_[i]}}) << "\n";
      ++tally_[model_.labels()[best]];
    }
    std::cout << std::flush;
    done_ += static_cast<int64_t>(texts_.size());
    texts_.clear();
  }
  Report finish(Run& run) {
    flush();
    if (redecoded_ > 0) run.progress().note(cat(redecoded_, " texts were not UTF-8 and were read as Windows-1252"));
    if (model_.cut() > 0) run.progress().note(cat(model_.cut(), " texts are longer than ", model_.limit(), " tokens; their ", model_.keeps_start() ? "start" : "end", " was read"));
    Json labels = Json::object();
    for (const auto& label : model_.labels()) labels[label] = tally_[label];
    return report({{"texts", done_}, {"labels", labels}, {"cut", model_.cut()}});
  }

 private:
  TextClassifier& model_;
  std::vector<std::string> texts_;
  std::map<std::string, int64_t> tally_;
  int64_t done_ = 0, redecoded_ = 0;
};

std::string read_all(std::istream& in, const std::string& name) {
  std::string text, block(1 << 16, '\0');
  while (in.read(block.data(), static_cast<std::streamsize>(block.size())) || in.gcount() > 0) {
    text.append(block, 0, static_cast<size_t>(in.gcount()));
    require_input(static_cast<int64_t>(text.size()) <= kLongestText, name, " is longer than ", kLongestText, " bytes");
  }
  return text;
}

/// A line of at most kLongestText bytes, whatever follows.
bool read_line(std::istream& in, std::string& line, const std::string& name, int64_t number) {
  line.clear();
  auto* buffer = in.rdbuf();
  for (int c = buffer->sbumpc(); c != EOF; c = buffer->sbumpc()) {
    if (c == '\n') return true;
    line += static_cast<char>(c);
    require_input(static_cast<int64_t>(line.size()) <= kLongestText, name, ":", number, ": a line is longer than ", kLongestText, " bytes");
  }
  return !line.empty();
}

Report classify(Run& run, const std::string& folder, const std::string& path, bool whole, bool jsonl) {
  require(!whole || !jsonl, "--whole and --jsonl exclude each other");
  TextClassifier model(folder);
  Labeller labeller(model);
  std::ios::sync_with_stdio(false);
  std::ifstream file;
  const bool standard = path.empty() || path == "-";
  if (!standard) {
    file.open(path, std::ios::binary);
    require_input(file && !std::filesystem::is_directory(path), "cannot read ", path);
  }
  std::istream& in = standard ? std::cin : file;
  const std::string name = standard ? "standard input" : path;
  if (whole) {
    labeller.add(read_all(in, name));
    return labeller.finish(run);
  }
  std::string line;
  for (int64_t number = 1; read_line(in, line, name, number); ++number) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (jsonl) {
      if (line.find_first_not_of(" \t") == std::string::npos) continue;
      const Json row = parse_json(line, cat(name, ":", number));
      const auto text = member_text(row, "text");
      require_input(text.has_value(), name, ":", number, ": an object with \"text\" is wanted; there are ", member_list(row));
      labeller.add(*text);
    } else {
      labeller.add(line);
    }
    // Whoever types or pipes line by line gets each answer at once.
    if (standard && std::cin.rdbuf()->in_avail() <= 0) labeller.flush();
  }
  return labeller.finish(run);
}

}  // namespace

void add_classify(Cli& cli) {
  Verb& verb = cli.add("classify", "label texts: JSON lines of label, scores and text", "echo \"Win a prize now\" | loam classify run/spam -\n  loam classify run/spam mail.txt --whole");
  auto model = verb.positional("model", "a classifier's folder");
  auto file = verb.positional("file", "texts, a line each; - or nothing: standard input", false);
  auto whole = verb.flag("whole", "the input is one text");
  auto jsonl = verb.flag("jsonl", "each line is an object with \"text\"");
  verb.run([=](Run& run) { return classify(run, *model, *file, *whole, *jsonl); });
}

}  // namespace loam

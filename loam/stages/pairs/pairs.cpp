#include "loam/stages/pairs/pairs.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <numeric>
#include <unordered_map>

#include "loam/base/fields.h"
#include "loam/base/files.h"
#include "loam/base/hash.h"
#include "loam/base/stop.h"
#include "loam/base/threads.h"
#include "loam/formats/encoding.h"
#include "loam/formats/gettext.h"
#include "loam/formats/html.h"

namespace loam {
namespace {

constexpr int64_t kPageLimitBytes = int64_t{64} << 20;

struct RawPair {
  std::string id, left, right;
};

int64_t characters(const std::string& text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
}

std::vector<std::string> comma_list(const std::string& text) {
  std::vector<std::string> out;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    if (end > begin) out.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

/// Pages of a folder by their path below it, sorted.
std::vector<std::string> page_names(const fs::path& folder) {
  require_input(fs::is_directory(folder), "there is no folder ", folder);
  std::vector<std::string> out;
  std::error_code ignored;
  for (auto it = fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied, ignored);
       it != fs::recursive_directory_iterator(); it.increment(ignored)) {
    const std::string extension = it->path().extension().string();
    if (it->is_regular_file(ignored) && (extension == ".html" || extension == ".htm" || extension == ".xhtml")) {
      out.push_back(it->path().lexically_relative(folder).string());
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

/// id -> text of a page's paragraphs; of an id that comes twice, the first.
std::map<std::string, std::string> paragraphs(const fs::path& page, const std::vector<std::string>& prefixes) {
  const std::string bytes = read_file(page, kPageLimitBytes);
  const std::string html = decode_text(bytes, html_charset(bytes)).text;
  std::map<std::string, std::string> out;
  for (const std::string& prefix : prefixes) {
    for (const IdentifiedText& one : texts_with_id(html, prefix)) out.emplace(one.id, one.text);
  }
  return out;
}

/// Sets of pairs joined by a shared text: Galler & Fischer 1964, with path halving.
class Groups {
 public:
  explicit Groups(size_t n) : parent_(n) { std::iota(parent_.begin(), parent_.end(), size_t{0}); }
  size_t root(size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  /// The lower index stays the root, so that a group is named by its first pair.
  void join(size_t a, size_t b) {
    a = root(a);
    b = root(b);
    parent_[std::max(a, b)] = std::min(a, b);
  }

 private:
  std::vector<size_t> parent_;
};

std::string comparable(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (u >= 0x80 || std::isalnum(u) != 0) out += static_cast<char>(std::tolower(u));
  }
  return out;
}

/// Collects what passes the filters into one file under state/, and hashes of both sides in memory.
class Collector {
 public:
  Collector(const PairsConfig& config, const fs::path& file) : config_(config), file_(file) {}

  void add(const std::string& source, const RawPair& raw, bool from_catalogue) {
    const std::string left = pair_text(raw.left, from_catalogue), right = pair_text(raw.right, from_catalogue);
    if (const auto fault = pair_fault(left, right, config_)) {
      ++dropped_[*fault];
      return;
    }
    const uint64_t key = hash64(comparable(left));
    if (!seen_.emplace(key, keys_.size()).second) {
      ++dropped_["repeated"];
      return;
    }
    std::string instruction = config_.instruction;
    instruction.replace(instruction.find("{left}"), 6, left);
    file_.write(to_line({{"instruction", instruction}, {"input", ""}, {"output", right}, {"id", raw.id}}) + "\n");
    keys_.emplace_back(key, hash64(comparable(right), 1));
    ++kept_[source];
  }
  void drop(const std::string& reason, int64_t count) { if (count > 0) dropped_[reason] += count; }
  void close() { file_.commit(); }

  /// For each kept pair: is it held out?
  std::vector<bool> split(double fraction) const {
    Groups groups(keys_.size());
    std::unordered_map<uint64_t, size_t> by_right;
    for (size_t i = 0; i < keys_.size(); ++i) {
      const auto [it, fresh] = by_right.emplace(keys_[i].second, i);
      if (!fresh) groups.join(it->second, i);
    }
    std::vector<bool> out(keys_.size());
    const double limit = fraction * 18446744073709551616.0;  // 2^64
    for (size_t i = 0; i < keys_.size(); ++i) out[i] = static_cast<double>(mix64(keys_[groups.root(i)].first)) < limit;
    return out;
  }
  const std::map<std::string, int64_t>& kept() const { return kept_; }
  const std::map<std::string, int64_t>& dropped() const { return dropped_; }
  int64_t count() const { return static_cast<int64_t>(keys_.size()); }

 private:
  const PairsConfig& config_;
  AtomicFile file_;
  std::unordered_map<uint64_t, size_t> seen_;
  std::vector<std::pair<uint64_t, uint64_t>> keys_;  // hashes of left and right
  std::map<std::string, int64_t> kept_, dropped_;
};

void add_pages(const PairsConfig& config, const fs::path& left, const fs::path& right, Collector& out, Progress& progress) {
  const std::vector<std::string> left_names = page_names(left), right_names = page_names(right);
  std::vector<std::string> common;
  std::set_intersection(left_names.begin(), left_names.end(), right_names.begin(), right_names.end(), std::back_inserter(common));
  require_input(!common.empty(), "no HTML page of ", left, " (", left_names.size(), " pages) has the same name in ", right, " (", right_names.size(), " pages)");
  const std::vector<std::string> prefixes = comma_list(config.id_prefix);
  const auto total = static_cast<int64_t>(common.size());
  out.drop("pages in one language", static_cast<int64_t>(left_names.size() + right_names.size()) - 2 * total);
  constexpr int64_t kBatch = 64;  // pages in memory at once
  for (int64_t begin = 0; begin < total; begin += kBatch) {
    stop_if_requested("nothing was finished; the same command begins again");
    const int64_t count = std::min(kBatch, total - begin);
    std::vector<std::vector<RawPair>> found(static_cast<size_t>(count));
    std::vector<int64_t> alone(static_cast<size_t>(count));
    parallel_for(count, [&](int64_t i) {
      const std::string& name = common[static_cast<size_t>(begin + i)];
      const auto a = paragraphs(left / name, prefixes), b = paragraphs(right / name, prefixes);
      for (const auto& [id, text] : a) {
        const auto other = b.find(id);
        if (other == b.end()) ++alone[static_cast<size_t>(i)];
        else found[static_cast<size_t>(i)].push_back({name + "#" + id, text, other->second});
      }
    });
    for (int64_t i = 0; i < count; ++i) {
      out.drop("paragraphs in one language", alone[static_cast<size_t>(i)]);
      for (const RawPair& pair : found[static_cast<size_t>(i)]) out.add(left.string(), pair, false);
    }
    progress.update(begin + count, total, "pages");
  }
}

void add_catalogue(const fs::path& file, Collector& out) {
  const std::string bytes = read_file(file, int64_t{1} << 30);
  GettextCatalogue catalogue;
  try {
    catalogue = file.extension() == ".po" ? read_po(bytes) : read_mo(bytes);
  } catch (Error& e) {
    e.during("reading ", file);
    throw;
  }
  int64_t number = 0;
  for (const GettextPair& pair : catalogue.pairs) {
    ++number;
    if (pair.target.empty()) out.drop("not translated", 1);
    else out.add(file.string(), {fmt::format("{}#{}", file.filename().string(), number), pair.source, pair.target}, true);
  }
}

}  // namespace

void PairsConfig::validate() const {
  require(!left.empty() || !catalogue.empty(), "pairs needs --left and --right, or --catalogue");
  require(left.size() == right.size(), "pairs has ", left.size(), " --left and ", right.size(), " --right; each --left needs its --right");
  require(instruction.find("{left}") != std::string::npos, "pairs.instruction = \"", instruction, "\" has no {left} where the text goes");
  require(min_chars >= 1 && max_chars >= min_chars, "pairs.min_chars = ", min_chars, " and max_chars = ", max_chars, ": wanted 1 <= min <= max");
  require(held_out >= 0 && held_out < 1, "pairs.held_out = ", held_out, " is a fraction: 0 or more, below 1");
  require(left.empty() || !comma_list(id_prefix).empty(), "pairs.id_prefix is empty");
}

std::string pair_text(std::string_view raw, bool from_catalogue) {
  std::string out;
  bool space = false;
  for (size_t i = 0; i < raw.size(); ++i) {
    const char c = raw[i];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || (c == '\xc2' && i + 1 < raw.size() && raw[i + 1] == '\xa0')) {
      if (c == '\xc2') ++i;
      space = !out.empty();
      continue;
    }
    // "_File" and "&File" mark the key that opens a menu; "a_b" and "A & B" are text.
    const bool next_is_letter = i + 1 < raw.size() && (std::isalpha(static_cast<unsigned char>(raw[i + 1])) != 0 || static_cast<unsigned char>(raw[i + 1]) >= 0x80);
    if (from_catalogue && (c == '_' || c == '&') && next_is_letter && raw.find(c, i + 1) == std::string_view::npos && (raw.find(c) == i)) continue;
    if (space) out += ' ';
    space = false;
    out += c;
  }
  return out;
}

std::optional<std::string> pair_fault(const std::string& left, const std::string& right, const PairsConfig& config) {
  if (left.empty() || right.empty()) return "empty";
  const int64_t a = characters(left), b = characters(right);
  if (a < config.min_chars || b < config.min_chars) return "short";
  if (a > config.max_chars || b > config.max_chars) return "long";
  if (left == right) return "untranslated";
  for (const std::string& text : {left, right}) {
    const size_t percent = text.find('%');
    if (percent != std::string::npos && percent + 1 < text.size() && std::isalnum(static_cast<unsigned char>(text[percent + 1])) != 0) return "markup";
    if (text.find("</") != std::string::npos || text.find("/>") != std::string::npos || text.find("$(") != std::string::npos || text.find("%(") != std::string::npos) return "markup";
    const auto letters = std::count_if(text.begin(), text.end(), [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || static_cast<unsigned char>(c) >= 0x80; });
    if (2 * letters < static_cast<int64_t>(text.size())) return "letters";
  }
  if (std::max(a, b) > 3 * std::min(a, b) + 15) return "uneven";
  return std::nullopt;
}

Artifact make_pairs(const PairsConfig& config, const fs::path& out, bool force, Progress& progress) {
  std::vector<ArtifactInput> inputs;
  // A folder of pages goes into the lineage as one hash over its files' hashes.
  for (const auto* side : {&config.left, &config.right}) {
    for (const std::string& folder : *side) {
      const std::vector<std::string> names = page_names(folder);
      std::vector<ArtifactFile> files(names.size());
      parallel_for(static_cast<int64_t>(names.size()), [&](int64_t i) {
        files[static_cast<size_t>(i)] = {names[static_cast<size_t>(i)], 0, sha256_file(fs::path(folder) / names[static_cast<size_t>(i)])};
      });
      inputs.push_back({folder, "folder", content_hash(files)});
    }
  }
  for (const std::string& file : config.catalogue) inputs.push_back(file_input(file));
  ArtifactWriter writer(out, "pairs", fields_to_json(config), inputs, force);
  // Seconds of work: an unfinished one begins again rather than going on.
  const fs::path all = writer.state() / "all.jsonl";
  Collector collector(config, all);
  for (size_t i = 0; i < config.left.size(); ++i) add_pages(config, config.left[i], config.right[i], collector, progress);
  for (const std::string& file : config.catalogue) add_catalogue(file, collector);
  collector.close();
  require_input(collector.count() > 0, "no pair is left after the filters: ", to_line(collector.dropped()));
  const std::vector<bool> held_out = collector.split(config.held_out);
  AtomicFile train(writer.path("train.jsonl")), kept_out(writer.path("held-out.jsonl"));
  std::ifstream in(all, std::ios::binary);
  std::string line;
  int64_t train_count = 0;
  for (size_t i = 0; i < held_out.size(); ++i) {
    if (!std::getline(in, line)) fail(ErrorKind::io, "cannot read back ", all);
    line += '\n';
    (held_out[i] ? kept_out : train).write(line);
    train_count += held_out[i] ? 0 : 1;
  }
  train.commit();
  kept_out.commit();
  writer.promise("train.jsonl");
  writer.promise("held-out.jsonl");
  return writer.finish({{"train", train_count}, {"held_out", collector.count() - train_count}, {"sources", collector.kept()}, {"dropped", collector.dropped()}});
}

}  // namespace loam

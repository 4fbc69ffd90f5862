#include "loam/stages/tokenize/mixture.h"

#include <algorithm>
#include <cmath>

#include "loam/base/characters.h"
#include "loam/base/error.h"
#include "loam/base/fields.h"

namespace loam {
namespace {

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

}  // namespace

const std::vector<std::string>& mixture_presets() {
  static const std::vector<std::string> kNames = {"gpt3"};
  return kNames;
}

Mixture mixture_preset(const std::string& name) {
  if (name == "gpt3") {
    return {{{"common_crawl", .60, 410e9}, {"webtext2", .22, 19e9}, {"books1", .08, 12e9}, {"books2", .08, 55e9}, {"wikipedia", .03, 3e9}}};
  }
  const std::string near = nearest_name(name, mixture_presets());
  fail(ErrorKind::usage, "there is no mixture \"", name, "\"", near.empty() ? "" : "; did you mean " + near + "?", " (known: ", listed(mixture_presets()),
       "; or give NAME=WEIGHT,...)");
}

Mixture parse_mixture(const std::vector<std::string>& texts) {
  std::vector<std::string> items;
  for (const auto& text : texts) {
    for (size_t begin = 0; begin <= text.size();) {
      const size_t end = std::min(text.find(',', begin), text.size());
      if (const std::string item(trimmed(text.substr(begin, end - begin), " \t")); !item.empty()) items.push_back(item);
      begin = end + 1;
    }
  }
  if (items.size() == 1 && items[0].find('=') == std::string::npos) return mixture_preset(items[0]);
  Mixture out;
  double sum = 0;
  for (const auto& item : items) {
    const size_t equals = item.rfind('=');
    require(equals != std::string::npos && equals > 0, "mix: \"", item, "\" is no NAME=WEIGHT");
    Mixture::Part part;
    part.name = trimmed(item.substr(0, equals), " \t");
    part.weight = parse_number(std::string(trimmed(item.substr(equals + 1), " \t")), "the weight of " + part.name);
    require(std::isfinite(part.weight) && part.weight >= 0, "mix: the weight of ", part.name, " is ", part.weight, "; wanted 0 or more");
    for (const auto& other : out.parts) require(other.name != part.name, "mix: ", part.name, " is there twice");
    sum += part.weight;
    out.parts.push_back(std::move(part));
  }
  require(out.parts.empty() || sum > 0, "mix: all weights are 0");
  return out;
}

void plan_mixture(const Mixture& mixture, std::optional<int64_t> budget, double max_epochs, std::vector<SourceShare>& sources) {
  double available = 0;
  std::vector<std::string> names;
  for (const auto& source : sources) {
    available += static_cast<double>(source.available);
    names.push_back(source.name);
  }
  for (auto& source : sources) source.weight = mixture.parts.empty() && available > 0 ? static_cast<double>(source.available) / available : 0;
  if (mixture.parts.empty() && !budget) {
    for (auto& source : sources) source.target = source.available;
    return;
  }
  double sum = 0;
  for (const auto& part : mixture.parts) sum += part.weight;
  for (const auto& part : mixture.parts) {
    const auto found = std::find(names.begin(), names.end(), part.name);
    if (found == names.end()) {
      const std::string near = nearest_name(part.name, names);
      fail(ErrorKind::usage, "mix names the source ", part.name, ", which the corpora do not have", near.empty() ? "" : "; did you mean " + near + "?",
           " (they have ", listed(names), ")");
    }
    SourceShare& source = sources[static_cast<size_t>(found - names.begin())];
    source.weight = part.weight / sum;
    require(part.weight == 0 || source.available > 0, "mix gives ", part.name, " a weight, but it has no text to train on");
  }
  double total = budget ? static_cast<double>(*budget) : 0;
  if (!budget) {
    for (const auto& source : sources) total += source.weight > 0 ? static_cast<double>(source.available) : 0;
    for (const auto& source : sources) {
      if (source.weight > 0) total = std::min(total, max_epochs * static_cast<double>(source.available) / source.weight);
    }
  }
  for (auto& source : sources) source.target = static_cast<int64_t>(std::llround(source.weight * total));
}

}  // namespace loam

#include "cli/recipe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <toml++/toml.h>

#include "loam/base/files.h"

namespace loam {
namespace {

/// Keys of a section that are not its verb's.
const std::vector<std::string> kSectionKeys = {"verb", "about", "expected_minutes"};
const std::vector<std::string> kRecipeKeys = {"name", "title", "about", "seed", "try"};

bool is_name(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; });
}

/// "recipes/mine.toml:12: [corpus]"
std::string place(const fs::path& file, const toml::node& node, const std::string& section = "") {
  return fmt::format("{}:{}{}", file.string(), node.source().begin.line, section.empty() ? "" : ": [" + section + "]");
}

std::string suggestion(const std::string& word, const std::vector<std::string>& known) {
  const std::string near = nearest_name(word, known);
  return near.empty() ? "" : "; did you mean " + near + "?";
}

std::string text_of(const toml::node& node, const std::string& where) {
  if (const auto v = node.value_exact<std::string>()) return *v;
  if (const auto v = node.value_exact<int64_t>()) return std::to_string(*v);
  if (const auto v = node.value_exact<double>()) return fmt::format("{}", *v);
  if (const auto v = node.value_exact<bool>()) return *v ? "true" : "false";
  fail(ErrorKind::usage, where, " is not a text, a number, or true or false");
}

std::vector<std::string> texts_of(const toml::node& node, const std::string& where) {
  std::vector<std::string> out;
  if (const auto* array = node.as_array()) {
    for (const auto& item : *array) out.push_back(text_of(item, where));
  } else {
    out.push_back(text_of(node, where));
  }
  return out;
}

/// The tables that name a verb, with dotted names, nested ones included.
void find_sections(const toml::table& table, const std::string& prefix, const fs::path& file,
                   std::vector<std::pair<std::string, const toml::table*>>& out) {
  for (const auto& [key, node] : table) {
    const auto* child = node.as_table();
    if (child == nullptr) continue;
    const std::string name = prefix + std::string(key.str());
    require(is_name(std::string(key.str())), place(file, *child), ": a section's name has letters, digits, - and _ only: \"", name, "\"");
    const bool own = child->contains("verb");
    const bool parent = std::any_of(child->begin(), child->end(), [](const auto& item) { return item.second.is_table(); });
    require(own || parent, place(file, *child, name), " needs a verb, such as verb = \"collect\"");
    require(!(own && parent), place(file, *child, name), " has a verb and sections below it; give it one or the other");
    if (own) {
      out.emplace_back(name, child);
    } else {
      for (const auto& item : *child) {
        require(item.second.is_table(), place(file, *child, name), " has ", std::string(item.first.str()), " and no verb");
      }
      find_sections(*child, name + ".", file, out);
    }
  }
}

Section read_section(const std::string& name, const toml::table& table, const fs::path& file, const Cli& cli) {
  Section section;
  section.name = name;
  section.line = static_cast<int64_t>(table.source().begin.line);
  section.verb = text_of(*table.get("verb"), place(file, *table.get("verb"), name) + ": verb");
  const Verb* verb = cli.find(section.verb);
  if (verb == nullptr) {
    fail(ErrorKind::usage, place(file, *table.get("verb"), name), ": there is no verb \"", section.verb, "\"", suggestion(section.verb, cli.verb_paths()));
  }
  require(verb->has_setting("out"), place(file, *table.get("verb"), name), ": ", section.verb, " keeps nothing on disk; a recipe holds verbs with --out");
  std::vector<std::string> known = kSectionKeys;
  for (const VerbSetting& setting : verb->settings()) {
    if (setting.key != "out" && setting.key != "force") known.push_back(setting.key);
  }
  for (const auto& [raw_key, node] : table) {
    const std::string key = underscored(std::string(raw_key.str()));
    const std::string where = place(file, node, name);
    if (key == "verb") continue;
    require(key != "out" && key != "force", where, ": ", key, " is not for a recipe: the output is runs/NAME/", section.folder().string(),
            key == "force" ? "; loam run --redo SECTION makes it anew" : "");
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      fail(ErrorKind::usage, where, ": ", section.verb, " has no setting ", key, suggestion(key, known), " (loam ", section.verb, " --help lists them)");
    }
    if (key == "about") {
      section.about = text_of(node, where + ": about");
    } else if (key == "expected_minutes") {
      section.expected_minutes = parse_number(text_of(node, where), where + ": expected_minutes");
      require(section.expected_minutes >= 0, where, ": expected_minutes is below 0");
    } else {
      for (const VerbSetting& setting : verb->settings()) {
        if (setting.key != key) continue;
        SectionSetting made{key, texts_of(node, where + ": " + key), setting.is_switch, setting.is_positional};
        require(setting.is_list || made.values.size() == 1, where, ": ", key, " has ", made.values.size(), " values, takes one");
        section.settings.push_back(std::move(made));
        break;
      }
      if (key == "minutes") section.minutes = parse_number(section.settings.back().values.front(), where + ": minutes");
    }
  }
  // toml++ sorts keys; a verb's own order reads better in command lines and is as stable.
  const auto order = verb->settings();
  auto rank = [&](const SectionSetting& s) {
    return std::find_if(order.begin(), order.end(), [&](const VerbSetting& o) { return o.key == s.key; }) - order.begin();
  };
  std::stable_sort(section.settings.begin(), section.settings.end(), [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  return section;
}

}  // namespace

fs::path Section::folder() const {
  std::string path = name;
  std::replace(path.begin(), path.end(), '.', '/');
  return path;
}

double Recipe::timed_minutes() const {
  double sum = 0;
  for (const Section& section : sections) sum += section.minutes.value_or(0);
  return sum;
}

double Recipe::untimed_minutes() const {
  double sum = 0;
  for (const Section& section : sections) sum += section.minutes ? 0 : section.expected_minutes;
  return sum;
}

std::optional<std::string> reference_in(const std::string& value) {
  size_t at = std::string::npos;
  if (!value.empty() && value[0] == '@') {
    at = 0;
  } else if (const size_t equals = value.find("=@"); equals != std::string::npos) {
    at = equals + 1;
  }
  if (at == std::string::npos || value.compare(at, 2, "@@") == 0) return std::nullopt;
  return value.substr(at + 1, value.find('/', at) - at - 1);
}

std::string resolve_references(const std::string& value, const fs::path& run) {
  const auto reference = reference_in(value);
  if (!reference) {
    if (value.rfind("@@", 0) == 0) return value.substr(1);
    if (const size_t equals = value.find("=@@"); equals != std::string::npos) return value.substr(0, equals + 1) + value.substr(equals + 2);
    return value;
  }
  const size_t at = value[0] == '@' ? 0 : value.find("=@") + 1;
  Section named;
  named.name = *reference;
  return value.substr(0, at) + (run / named.folder()).string() + value.substr(at + 1 + reference->size());
}

std::vector<std::string> command_words(const Section& section, const fs::path& run) {
  std::vector<std::string> words, flags;
  for (size_t begin = 0; begin <= section.verb.size();) {
    const size_t end = std::min(section.verb.find(' ', begin), section.verb.size());
    words.push_back(section.verb.substr(begin, end - begin));
    begin = end + 1;
  }
  for (const SectionSetting& setting : section.settings) {
    std::string flag = "--" + setting.key;
    std::replace(flag.begin(), flag.end(), '_', '-');
    for (const std::string& value : setting.values) {
      const std::string resolved = resolve_references(value, run);
      if (setting.is_positional) {
        words.push_back(resolved);
      } else if (setting.is_switch && resolved == "true") {
        flags.push_back(flag);
      } else {
        flags.push_back(flag + "=" + resolved);
      }
    }
  }
  words.insert(words.end(), flags.begin(), flags.end());
  words.push_back("--out=" + (run / section.folder()).string());
  return words;
}

std::string command_line(const std::vector<std::string>& words) {
  std::string out = "loam";
  for (const std::string& word : words) {
    const bool plain = !word.empty() && word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=./,:@%+") == std::string::npos;
    out += ' ';
    if (plain) {
      out += word;
      continue;
    }
    out += '\'';
    for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    out += '\'';
  }
  return out;
}

Recipe parse_recipe(const std::string& text, const fs::path& file, const Cli& cli) {
  toml::table top;
  try {
    top = toml::parse(text, file.string());
  } catch (const toml::parse_error& e) {
    fail(ErrorKind::usage, file, ":", e.source().begin.line, ": ", std::string(e.description()));
  }
  Recipe recipe;
  recipe.file = file;
  recipe.name = file.stem().string();
  for (const auto& [raw_key, node] : top) {
    if (node.is_table()) continue;
    const std::string key(raw_key.str());
    const std::string where = place(file, node) + ": " + key;
    if (key == "name") {
      recipe.name = text_of(node, where);
    } else if (key == "title") {
      recipe.title = text_of(node, where);
    } else if (key == "about") {
      recipe.about = text_of(node, where);
    } else if (key == "seed") {
      recipe.seed = parse_count(text_of(node, where), where);
    } else if (key == "try") {
      recipe.try_next = texts_of(node, where);
    } else {
      fail(ErrorKind::usage, place(file, node), ": a recipe has no ", key, " outside its sections", suggestion(key, kRecipeKeys));
    }
  }
  require(is_name(recipe.name), file, ": its name, \"", recipe.name, "\", is a folder's under runs/: letters, digits, - and _ only");
  if (recipe.title.empty()) recipe.title = recipe.name;
  std::vector<std::pair<std::string, const toml::table*>> tables;
  find_sections(top, "", file, tables);
  std::sort(tables.begin(), tables.end(), [](const auto& a, const auto& b) { return a.second->source().begin.line < b.second->source().begin.line; });
  require(!tables.empty(), file, ": it has no section; the first could be [corpus] with verb = \"collect\"");
  std::vector<std::string> earlier;
  for (const auto& [name, table] : tables) {
    recipe.sections.push_back(read_section(name, *table, file, cli));
    const Section& section = recipe.sections.back();
    for (const SectionSetting& setting : section.settings) {
      for (const std::string& value : setting.values) {
        const auto reference = reference_in(value);
        if (!reference || std::find(earlier.begin(), earlier.end(), *reference) != earlier.end()) continue;
        const bool later = std::any_of(tables.begin(), tables.end(), [&, r = *reference](const auto& t) { return t.first == r; });
        fail(ErrorKind::usage, file, ":", section.line, ": [", name, "]: ", setting.key, " = \"", value, "\" refers to ",
             later ? "a section that does not come before it" : "no section of this recipe", later ? "" : suggestion(*reference, earlier),
             " (a text that begins with @ is written with @@)");
      }
    }
    earlier.push_back(name);
  }
  for (const std::string& command : recipe.try_next) {
    for (size_t at = command.find('@'); at != std::string::npos; at = command.find('@', at + 1)) {
      const std::string name = command.substr(at + 1, command.find_first_of("/ \"'", at) - at - 1);
      require(std::find(earlier.begin(), earlier.end(), name) != earlier.end(), file, ": try: @", name, " is no section of this recipe", suggestion(name, earlier));
    }
  }
  return recipe;
}

Recipe load_recipe(const fs::path& file, const Cli& cli) {
  if (fs::is_directory(file) && fs::exists(file / "recipe.toml")) return parse_recipe(read_file(file / "recipe.toml", int64_t{1} << 24), file / "recipe.toml", cli);
  return parse_recipe(read_file(file, int64_t{1} << 24), file, cli);
}

void scale_to_minutes(Recipe& recipe, double minutes) {
  const double timed = recipe.timed_minutes(), untimed = recipe.untimed_minutes();
  require(timed > 0, "--minutes ", minutes, ": no section of ", recipe.file, " stops by the clock");
  require(minutes > untimed, "--minutes ", minutes, ": the sections of ", recipe.file, " that do not stop by the clock take about ", untimed,
          " minutes; give more than that");
  const double factor = (minutes - untimed) / timed;
  for (Section& section : recipe.sections) {
    if (!section.minutes) continue;
    // Two digits after the point: what the manifest says is what a person would type.
    section.minutes = std::max(0.01, std::round(*section.minutes * factor * 100) / 100);
    for (SectionSetting& setting : section.settings) {
      if (setting.key == "minutes") setting.values = {fmt::format("{}", *section.minutes)};
    }
  }
}

}  // namespace loam

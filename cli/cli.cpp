#include "cli/cli.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <toml++/toml.h>

#include "cli/typed.h"
#include "loam/base/files.h"
#include "loam/base/stop.h"
#include "loam/base/threads.h"
#include "loam/base/version.h"

namespace loam {
namespace {

std::string dashed(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

/// The words of every option an app knows, its parents' included: "--vocab-size".
std::vector<std::string> option_names(const CLI::App* app) {
  std::vector<std::string> names;
  for (; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
  }
  return names;
}

/// Refuses words nobody asked for, with the nearest known name.
[[noreturn]] void refuse_extras(const CLI::App* app, const std::vector<std::string>& extras) {
  const std::string word = extras.front().substr(0, extras.front().find('='));
  if (word.size() > 1 && word[0] == '-') {
    const std::string near = nearest_name(word, option_names(app));
    const std::string verb = app->get_parent() != nullptr ? "loam " + app->get_name() : "loam";
    fail(ErrorKind::usage, verb, " has no flag ", word, near.empty() ? "" : "; did you mean " + near + "?", " (", verb, " --help lists them)");
  }
  std::vector<std::string> verbs;
  for (const CLI::App* sub : app->get_subcommands([](const CLI::App*) { return true; })) verbs.push_back(sub->get_name());
  const std::string near = nearest_name(word, verbs);
  if (verbs.empty()) fail(ErrorKind::usage, "loam ", app->get_name(), " takes no further word: \"", word, "\"");
  fail(ErrorKind::usage, "there is no ", app->get_parent() != nullptr ? "loam " + app->get_name() : std::string("verb"), " \"", word,
       "\"", near.empty() ? "" : "; did you mean \"" + near + "\"?", " (loam ", app->get_parent() != nullptr ? app->get_name() + " " : "", "--help lists them)");
}

/// A TOML value as the text a flag would have; arrays give one text an element.
std::vector<std::string> toml_texts(const toml::node& node, const std::string& key) {
  if (const auto* array = node.as_array()) {
    std::vector<std::string> out;
    for (const auto& item : *array) {
      for (auto& text : toml_texts(item, key)) out.push_back(std::move(text));
    }
    return out;
  }
  if (const auto v = node.value_exact<std::string>()) return {*v};
  if (const auto v = node.value_exact<int64_t>()) return {std::to_string(*v)};
  if (const auto v = node.value_exact<double>()) return {fmt::format("{}", *v)};
  if (const auto v = node.value_exact<bool>()) return {*v ? "true" : "false"};
  fail(ErrorKind::usage, key, " is a table or a date; wanted a text, a number, true or false, or a list of them");
}

}  // namespace

std::string underscored(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

Report report(Json json, std::vector<std::string> lines, std::string next) {
  return {std::make_shared<Json>(std::move(json)), std::move(lines), std::move(next)};
}

void Verb::add_fields(const std::string& section, std::vector<FieldRef> fields) {
  for (FieldRef& field : fields) {
    const std::string flag = "--" + dashed(field.name);
    const std::string shown = field.show();
    // const: CLI11 takes a text it may write to for the option's variable.
    const std::string help = shown.empty() || field.is_switch ? field.help : field.help + " [" + shown + "]";
    CLI::Option* option = nullptr;
    if (field.is_switch) {
      option = app_->add_flag(flag, help);
    } else {
      option = app_->add_option(flag, help)->type_name(field.type);
      if (field.is_list) {
        option->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
      } else {
        option->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
      }
    }
    bound_.push_back({section, underscored(field.name), std::move(field), option, false});
  }
}

std::shared_ptr<std::string> Verb::text(const std::string& name, const std::string& help, bool required, const std::string& otherwise) {
  auto held = std::make_shared<std::string>(otherwise);
  add_fields(section_, {detail::make_field(name, *held, help)});
  bound_.back().required = required;
  finals_.push_back([held] {});
  return held;
}

std::shared_ptr<std::vector<std::string>> Verb::texts(const std::string& name, const std::string& help, bool required) {
  auto held = std::make_shared<std::vector<std::string>>();
  add_fields(section_, {detail::make_field(name, *held, help)});
  bound_.back().required = required;
  finals_.push_back([held] {});
  return held;
}

std::shared_ptr<bool> Verb::flag(const std::string& name, const std::string& help) {
  auto held = std::make_shared<bool>(false);
  add_fields(section_, {detail::make_field(name, *held, help)});
  finals_.push_back([held] {});
  return held;
}

std::shared_ptr<std::string> Verb::positional(const std::string& name, const std::string& help, bool required) {
  auto held = std::make_shared<std::string>();
  auto* option = app_->add_option_function<std::string>(name, [held](const std::string& value) { *held = value; }, help);
  option->type_name("");
  if (required) option->required();
  positionals_.push_back({name, help, false, false, true});
  finals_.push_back([held] {});
  return held;
}

std::shared_ptr<std::vector<std::string>> Verb::positionals(const std::string& name, const std::string& help, bool required) {
  auto held = std::make_shared<std::vector<std::string>>();
  auto* option = app_->add_option_function<std::vector<std::string>>(name, [held](const std::vector<std::string>& values) { *held = values; }, help);
  option->type_name("");
  if (required) option->required();
  positionals_.push_back({name, help, false, true, true});
  finals_.push_back([held] {});
  return held;
}

std::vector<VerbSetting> Verb::settings() const {
  std::vector<VerbSetting> out = positionals_;
  for (const Bound& bound : bound_) out.push_back({bound.key, bound.field.help, bound.field.is_switch, bound.field.is_list, false});
  return out;
}

bool Verb::has_setting(const std::string& key) const {
  const auto all = settings();
  return std::any_of(all.begin(), all.end(), [&](const VerbSetting& setting) { return setting.key == key; });
}

void Verb::out(const std::string& help, bool required) {
  out_ = text("out", help, required);
  force_ = flag("force", "replace a finished artifact in --out, or start an unfinished one anew");
}

Cli::Cli() : app_(std::make_unique<CLI::App>("loam: from raw text to a model that answers", "loam")) {
  app_->require_subcommand(1);
  app_->fallthrough(true);
  app_->allow_extras(true);
  app_->add_option("--threads", flags_.threads, "threads; the results do not depend on it [all cores]")->type_name("INT");
  app_->add_option("--seed", flags_.seed, "seed of everything random [1234]")->type_name("INT");
  app_->add_flag("--json", flags_.json, "the report as one JSON object on the last line of stdout");
  app_->add_flag("--quiet", flags_.quiet, "no progress");
  app_->add_option("--config", flags_.config_file, "settings from a TOML file, a [section] a verb; flags win over it")->type_name("FILE");
  app_->add_option("--set", flags_.sets, "one setting: section.key=value")->type_name("SETTING")->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app_->set_version_flag("--version", fmt::format("loam {} ({})", version(), commit()));
  app_->footer("Exit codes: 0 done, 2 usage, 3 input, 4 io, 5 resource, 6 device, 70 internal, 130 interrupted with state saved.\n"
               "Each verb has its own help with an example: loam VERB --help");
}

Verb& Cli::add(const std::string& path, const std::string& summary, const std::string& example) {
  CLI::App* parent = app_.get();
  std::string leaf = path;
  if (const size_t space = path.find(' '); space != std::string::npos) {
    const std::string head = path.substr(0, space);
    leaf = path.substr(space + 1);
    parent = nullptr;
    for (CLI::App* sub : app_->get_subcommands([](CLI::App*) { return true; })) {
      if (sub->get_name() == head) parent = sub;
    }
    if (parent == nullptr) {
      parent = app_->add_subcommand(head, "loam " + head + " --help lists its kinds");
      parent->require_subcommand(1)->fallthrough(true)->allow_extras(true);
    }
  }
  CLI::App* sub = parent->add_subcommand(leaf, summary);
  sub->fallthrough(true)->allow_extras(true);
  sub->footer("Example:\n  " + example);
  std::string section = path;
  std::replace(section.begin(), section.end(), ' ', '.');
  entries_.push_back({path, std::unique_ptr<Verb>(new Verb(sub, section))});
  return *entries_.back().verb;
}

void Cli::settle(Verb& verb, const GlobalFlags& flags) {
  toml::table file;
  if (!flags.config_file.empty()) {
    const std::string text = read_file(flags.config_file, int64_t{1} << 24);
    try {
      file = toml::parse(text, flags.config_file);
    } catch (const toml::parse_error& e) {
      fail(ErrorKind::usage, flags.config_file, ":", e.source().begin.line, ": ", std::string(e.description()));
    }
  }
  // Every key of this verb's sections must be one of its settings.
  std::vector<std::string> known;
  for (const auto& bound : verb.bound_) known.push_back(bound.section + "." + bound.key);
  auto refuse_unknown = [&](const std::string& key, const std::string& where) {
    if (std::find(known.begin(), known.end(), key) != known.end()) return;
    const std::string near = nearest_name(key, known);
    fail(ErrorKind::usage, where, ": there is no setting ", key, near.empty() ? "" : "; did you mean " + near + "?");
  };
  std::vector<std::string> sections;
  for (const auto& bound : verb.bound_) {
    if (std::find(sections.begin(), sections.end(), bound.section) == sections.end()) sections.push_back(bound.section);
  }
  for (const std::string& section : sections) {
    const auto table = file.at_path(section);
    if (!table) continue;
    if (!table.is_table()) fail(ErrorKind::usage, flags.config_file, ": ", section, " is not a table");
    for (const auto& [key, node] : *table.as_table()) {
      if (node.is_table()) continue;  // another verb's: [finetune.classify] under [finetune]
      refuse_unknown(section + "." + underscored(std::string(key.str())), flags.config_file);
    }
  }
  std::vector<std::pair<std::string, std::string>> sets;
  for (const std::string& set : flags.sets) {
    const size_t equals = set.find('=');
    require(equals != std::string::npos, "--set ", set, ": wanted section.key=value");
    std::string key = underscored(set.substr(0, equals));
    refuse_unknown(key, "--set");
    sets.emplace_back(std::move(key), set.substr(equals + 1));
  }
  for (auto& bound : verb.bound_) {
    std::vector<std::string> values;
    std::string origin;
    if (bound.option->count() > 0) {
      values = bound.option->results();
      origin = "--" + dashed(bound.field.name);
    } else {
      for (const auto& [key, value] : sets) {
        if (key != bound.section + "." + bound.key) continue;
        if (!bound.field.is_list) values.clear();
        values.push_back(value);
        origin = "--set " + key;
      }
      if (values.empty()) {
        if (const auto table = file.at_path(bound.section); table && table.is_table()) {
          for (const auto& [key, node] : *table.as_table()) {
            if (!node.is_table() && underscored(std::string(key.str())) == bound.key) {
              values = toml_texts(node, bound.section + "." + bound.key);
              origin = flags.config_file + ": " + bound.section + "." + bound.key;
            }
          }
        }
      }
    }
    if (values.empty()) {
      require(!bound.required, "loam ", verb.app_->get_name(), " needs --", dashed(bound.field.name), " (", bound.field.help, ")");
      continue;
    }
    try {
      if (bound.field.is_list) {
        for (const auto& value : values) bound.field.set(value);
      } else {
        require(values.size() == 1 || bound.option->count() > 0, "has several values, takes one");
        bound.field.set(values.back());
      }
    } catch (Error& e) {
      e.during(origin);
      throw;
    }
  }
  for (const auto& final : verb.finals_) final();
}

const Verb* Cli::find(const std::string& path) const {
  for (const auto& entry : entries_) {
    if (entry.path == path) return entry.verb.get();
  }
  return nullptr;
}

std::vector<std::string> Cli::verb_paths() const {
  std::vector<std::string> out;
  for (const auto& entry : entries_) out.push_back(entry.path);
  return out;
}

Report Cli::dispatch(std::vector<std::string> words, GlobalFlags& flags, bool& printed, bool only_check) {
  std::reverse(words.begin(), words.end());  // CLI11's order
  try {
    app_->parse(words);
  } catch (const CLI::CallForHelp&) {
    std::cout << app_->help();  // of the verb that was named, with the words that lead to it
    printed = true;
    return {};
  } catch (const CLI::CallForVersion&) {
    std::cout << fmt::format("loam {} ({})", version(), commit()) << "\n";
    printed = true;
    return {};
  } catch (const CLI::RequiredError& e) {
    CLI::App* at = app_.get();
    for (auto subs = at->get_subcommands(); !subs.empty(); subs = at->get_subcommands()) at = subs.front();
    if (const auto extras = app_->remaining(true); !extras.empty()) refuse_extras(at, extras);
    fail(ErrorKind::usage, e.what(), " (loam ", at->get_parent() != nullptr ? at->get_name() + " " : "", "--help shows how)");
  } catch (const CLI::ParseError& e) {
    fail(ErrorKind::usage, e.what());
  }
  CLI::App* at = app_.get();
  for (auto subs = at->get_subcommands(); !subs.empty(); subs = at->get_subcommands()) at = subs.front();
  for (CLI::App* each = at; each != nullptr; each = each->get_parent()) {
    if (const auto extras = each->remaining(false); !extras.empty()) refuse_extras(at, extras);
  }
  flags = flags_;
  for (auto& entry : entries_) {
    if (entry.verb->app_ != at) continue;
    Verb& verb = *entry.verb;
    settle(verb, flags);
    if (only_check) return {};
    set_threads(flags.threads > 0 ? static_cast<int>(flags.threads) : hardware_threads());
    TerminalProgress progress(flags.quiet);
    Run run(flags, verb.out_ ? *verb.out_ : std::string(), verb.force_ && *verb.force_, progress);
    return verb.body_(run);
  }
  fail(ErrorKind::usage, "loam ", at->get_name(), " needs one more word (loam ", at->get_name(), " --help lists them)");
}

int Cli::main(int argc, const char* const* argv) {
  GlobalFlags flags;
  bool printed = false;
  int code = 0;
  try {
    install_stop_signals();
    const Report result = dispatch({argv + 1, argv + argc}, flags, printed);
    if (!printed) {
      if (flags.json) {
        std::cout << to_line(result.json ? *result.json : Json::object()) << "\n";
      } else {
        for (const auto& line : result.lines) std::cout << line << "\n";
        if (!result.next.empty() && !flags.quiet) std::cerr << "next: " << as_typed(result.next) << "\n";
      }
    }
    std::cout.flush();
    if (!std::cout) fail(ErrorKind::io, "cannot write to standard output");
    code = result.exit;
  } catch (const Error& e) {
    fmt::print(stderr, "loam: {}: {}\n", kind_name(e.kind()), e.what());
    code = exit_code(e.kind());
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "loam: resource: out of memory\n");
    code = exit_code(ErrorKind::resource);
  } catch (const std::exception& e) {
    fmt::print(stderr, "loam: internal: {}\n", e.what());
    code = exit_code(ErrorKind::internal);
  }
  return code;
}

void Cli::verbs_from(void (*adder)(Cli&)) {
  add_verbs_ = adder;
  adder(*this);
}

std::unique_ptr<Cli> Cli::fresh(const GlobalFlags& inherited) const {
  auto out = std::make_unique<Cli>();
  out->verbs_from(add_verbs_ != nullptr ? add_verbs_ : add_all_verbs);
  out->flags_ = inherited;
  out->flags_.config_file.clear();
  out->flags_.sets.clear();
  return out;
}

Report Cli::call(const std::vector<std::string>& words, const GlobalFlags& inherited) {
  GlobalFlags flags;
  bool printed = false;
  return fresh(inherited)->dispatch(words, flags, printed);
}

void Cli::check(const std::vector<std::string>& words, const GlobalFlags& inherited) {
  GlobalFlags flags;
  bool printed = false;
  fresh(inherited)->dispatch(words, flags, printed, /*only_check=*/true);
}

}  // namespace loam

#include "loam/jinja/template.h"

#include <algorithm>
#include <ctime>
#include <iterator>

#include "loam/base/error.h"
#include "loam/jinja/builtins.h"
#include "loam/jinja/names.h"
#include "loam/jinja/parser.h"

namespace loam::jinja {
namespace {

using VK = Value::Kind;
using EK = Expression::Kind;
using SK = Statement::Kind;
constexpr int kDeepestRun = 500;

class Run {
 public:
  explicit Run(const Json& variables) : scopes_(1) {
    require_input(variables.is_object(), "a template's variables are an object");
    for (const char* name : {"range", "namespace", "dict", "raise_exception", "strftime_now"}) scopes_[0].items.emplace_back(name, Value::builtin(name));
    for (const auto& [key, value] : variables.items()) scopes_[0].set(key, Value::from_json(value));
    out_ = &rendered_.text;
  }

  Rendered whole(const Body& body) {
    execute(body);
    return std::move(rendered_);
  }

 private:
  enum class Flow { on, leave, next };
  struct Level {
    int& depth;
    explicit Level(int& d) : depth(d) { require_input(++depth <= kDeepestRun, "calls and expressions lie in each other more than ", kDeepestRun, " deep"); }
    ~Level() { --depth; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
  };

  // ---- statements ----

  Flow execute(const Body& body) {
    const Level level(depth_);
    for (const auto& s : body) {
      budget_.step();
      try {
        const Flow flow = execute(*s);
        if (flow != Flow::on) return flow;
      } catch (Error& e) {
        if (!std::exchange(told_, true)) e.during("line ", s->line, " of the template");
        throw;
      }
    }
    return Flow::on;
  }

  Flow execute(const Statement& s) {
    switch (s.kind) {
      case SK::data: write(s.text); return Flow::on;
      case SK::output: write(to_text(evaluate(*s.value))); return Flow::on;
      case SK::branches:
        for (const auto& [condition, body] : s.choices) {
          if (is_true(evaluate(*condition))) return execute(body);
        }
        return execute(s.otherwise);
      case SK::loop: return loop(s);
      case SK::set: set(s); return Flow::on;
      case SK::macro: scopes_.back().set(s.text, macro_value(s)); return Flow::on;
      case SK::call: {
        const Value macro = evaluate(*s.value->kids[0]);
        require_input(macro.kind == VK::macro, "{% call %} wants a macro, not ", name_of(macro.kind));
        const Arguments a = arguments(*s.value);
        callers_.push_back({&s, scope_begin_, scopes_.size()});
        const Value made = called_macro(macro, a, static_cast<int64_t>(callers_.size()));
        callers_.pop_back();
        write(made.text);
        return Flow::on;
      }
      case SK::generation: {
        const bool outermost = out_ == &rendered_.text;
        const size_t begin = out_->size();
        const Flow flow = execute(s.body);
        if (outermost) rendered_.answers.emplace_back(begin, out_->size());
        return flow;
      }
      case SK::leave: return Flow::leave;
      case SK::next: return Flow::next;
    }
    return Flow::on;
  }

  void write(std::string_view text) {
    budget_.make(text.size());
    *out_ += text;
  }

  void assign(const std::vector<std::string>& names, const Value& value) {
    if (names.size() == 1) return scopes_.back().set(names[0], value);
    const List parts = items_of(value, budget_);
    require_input(parts.size() == names.size(), "there are ", parts.size(), " values for ", names.size(), " names");
    for (size_t i = 0; i < names.size(); ++i) scopes_.back().set(names[i], parts[i]);
  }

  void set(const Statement& s) {
    const Value value = s.value ? evaluate(*s.value) : Value::of(captured(s.body));
    if (s.text.empty()) return assign(s.names, value);
    const Value* target = find(s.text);
    require_input(target != nullptr && target->kind == VK::space, s.text, " is no namespace; only those have attributes that can be set");
    require_input(value.kind != VK::space, "a namespace inside a namespace");
    target->space->set(s.names[0], value);
  }

  std::string captured(const Body& body) {
    std::string text;
    std::string* const outside = std::exchange(out_, &text);
    try {
      execute(body);
    } catch (...) {
      out_ = outside;
      throw;
    }
    out_ = outside;
    return text;
  }

  Flow loop(const Statement& s) {
    List list = items_of(evaluate(*s.value), budget_);
    scopes_.emplace_back();
    if (s.condition) {
      List kept;
      for (Value& each : list) {
        budget_.step();
        assign(s.names, each);
        if (is_true(evaluate(*s.condition))) kept.push_back(std::move(each));
      }
      list = std::move(kept);
    }
    for (size_t i = 0; i < list.size(); ++i) {
      budget_.step(10);
      scopes_.back().items.clear();
      scopes_.back().set("loop", loop_value(list, i));
      assign(s.names, list[i]);
      if (execute(s.body) == Flow::leave) break;
    }
    scopes_.pop_back();
    return list.empty() ? execute(s.otherwise) : Flow::on;
  }

  static Value loop_value(const List& list, size_t i) {
    const auto at = static_cast<int64_t>(i), n = static_cast<int64_t>(list.size());
    Map loop;
    loop.items = {{"index", Value::of(at + 1)},
                  {"index0", Value::of(at)},
                  {"revindex", Value::of(n - at)},
                  {"revindex0", Value::of(n - at - 1)},
                  {"first", Value::of(at == 0)},
                  {"last", Value::of(at + 1 == n)},
                  {"length", Value::of(n)},
                  {"previtem", i > 0 ? list[i - 1] : Value::undefined("previtem")},
                  {"nextitem", i + 1 < list.size() ? list[i + 1] : Value::undefined("nextitem")}};
    return Value::of(std::move(loop));
  }

  // ---- expressions ----

  const Value* find(const std::string& name) const {
    for (size_t i = scopes_.size(); i > scope_begin_; --i) {
      if (const Value* found = scopes_[i - 1].find(name)) return found;
    }
    return scopes_[0].find(name);
  }

  Value evaluate(const Expression& e) {
    const Level level(depth_);
    budget_.step();
    switch (e.kind) {
      case EK::constant: return e.value;
      case EK::variable: {
        const Value* found = find(e.text);
        if (found != nullptr) budget_.make(found->text.size() / 4);  // a copy for a while
        return found != nullptr ? *found : Value::undefined(e.text);
      }
      case EK::list: return list(e);
      case EK::map: return map(e);
      case EK::unary: return unary(e);
      case EK::binary: return binary(e);
      case EK::comparison: return comparison(e);
      case EK::choice:
        if (is_true(evaluate(*e.kids[1]))) return evaluate(*e.kids[0]);
        return e.kids[2] ? evaluate(*e.kids[2]) : Value::undefined("a choice without else");
      case EK::attribute: return attribute_of(evaluate(*e.kids[0]), e.text);
      case EK::item: return item_of(evaluate(*e.kids[0]), evaluate(*e.kids[1]));
      case EK::slice: return slice(e);
      case EK::call: return call(e);
      case EK::filter: return filter(e);
      case EK::test: {
        const Value value = evaluate(*e.kids[0]);
        if (e.text == "filter" || e.text == "test") return Value::of(false);
        return Value::of(apply_test(e.text, value, arguments(e)));
      }
    }
    return Value::none();
  }

  Value list(const Expression& e) {
    List out;
    for (const auto& kid : e.kids) {
      budget_.make(sizeof(Value));
      out.push_back(evaluate(*kid));
    }
    return Value::of(std::move(out));
  }

  Value map(const Expression& e) {
    Map out;
    for (size_t i = 0; i < e.kids.size(); i += 2) {
      const Value key = evaluate(*e.kids[i]);
      require_input(key.is_text(), "a map's keys are texts, not ", name_of(key.kind));
      budget_.make(2 * sizeof(Value));
      budget_.step(static_cast<int64_t>(out.items.size()) / 16);
      out.set(key.text, evaluate(*e.kids[i + 1]));
    }
    return Value::of(std::move(out));
  }

  Value unary(const Expression& e) {
    const Value v = evaluate(*e.kids[0]);
    if (e.text == "not") return Value::of(!is_true(v));
    return e.text == "-" ? arithmetic("-", Value::of(int64_t{0}), v) : arithmetic("+", v, Value::of(int64_t{0}));
  }

  Value binary(const Expression& e) {
    const std::string& op = e.text;
    Value a = evaluate(*e.kids[0]);
    if (op == "and") return is_true(a) ? evaluate(*e.kids[1]) : a;
    if (op == "or") return is_true(a) ? a : evaluate(*e.kids[1]);
    const Value b = evaluate(*e.kids[1]);
    if (op == "~") return joined(to_text(a), to_text(b));
    if (op == "+" && a.is_text() && b.is_text()) return joined(std::move(a.text), b.text);
    if (op == "+" && a.kind == VK::list && b.kind == VK::list) {
      List out = items_of(a, budget_), more = items_of(b, budget_);
      out.insert(out.end(), more.begin(), more.end());
      return Value::of(std::move(out));
    }
    if (op == "*" && (a.is_text() || b.is_text()) && (a.is_number() || b.is_number())) {
      const std::string& text = a.is_text() ? a.text : b.text;
      const Value& times = a.is_text() ? b : a;
      require_input(times.kind != VK::real, "a text times a number that is no integer");
      const int64_t n = text.empty() ? 0 : std::max<int64_t>(0, times.whole());
      budget_.make(static_cast<size_t>(std::min<double>(1e12, static_cast<double>(n) * static_cast<double>(text.size()))));
      std::string out;
      for (int64_t i = 0; i < n; ++i) out += text;
      return Value::of(std::move(out));
    }
    return arithmetic(op, a, b);
  }

  Value joined(std::string a, const std::string& b) {
    budget_.make(a.size() + b.size());
    return Value::of(std::move(a += b));
  }

  Value comparison(const Expression& e) {
    Value left = evaluate(*e.kids[0]);
    for (size_t i = 0; i < e.named.size(); ++i) {
      Value right = evaluate(*e.kids[i + 1]);
      if (!holds(e.named[i].first, left, right)) return Value::of(false);
      left = std::move(right);
    }
    return Value::of(true);
  }
  bool holds(const std::string& op, const Value& a, const Value& b) {
    budget_.make((a.text.size() + b.text.size()) / 8);
    if (op == "==") return equal(a, b);
    if (op == "!=") return !equal(a, b);
    if (op == "in") return contains(b, a);
    if (op == "not in") return !contains(b, a);
    const int found = order(a, b);
    return op == "<" ? found < 0 : op == "<=" ? found <= 0 : op == ">" ? found > 0 : found >= 0;
  }

  Value slice(const Expression& e) {
    const Value of = evaluate(*e.kids[0]);
    require_input(of.is_text() || of.kind == VK::list, name_of(of.kind), " has no parts");
    const auto number = [&](size_t kid, int64_t otherwise) {
      if (!e.kids[kid]) return otherwise;
      const Value v = evaluate(*e.kids[kid]);
      if (v.kind == VK::none) return otherwise;
      require_input(v.kind == VK::integer || v.kind == VK::boolean, "a part's bound is ", name_of(v.kind), ", not an integer");
      return v.whole();
    };
    const int64_t step = number(3, 1);
    require_input(step != 0 && step > -(int64_t{1} << 31) && step < int64_t{1} << 31, "a part's step is ", step);
    const List all = items_of(of, budget_);
    const auto n = static_cast<int64_t>(all.size());
    const auto bound = [&](int64_t at) { return std::clamp(at < 0 ? at + n : at, step > 0 ? int64_t{0} : int64_t{-1}, step > 0 ? n : n - 1); };
    const int64_t begin = e.kids[1] ? bound(number(1, step > 0 ? 0 : n - 1)) : step > 0 ? 0 : n - 1;
    const int64_t end = e.kids[2] ? bound(number(2, step > 0 ? n : -n - 1)) : step > 0 ? n : -1;
    List part;
    std::string text;
    for (int64_t at = begin; step > 0 ? at < end : at > end; at += step) {
      if (of.is_text()) {
        text += all[static_cast<size_t>(at)].text;
      } else {
        part.push_back(all[static_cast<size_t>(at)]);
      }
    }
    return of.is_text() ? Value::of(std::move(text)) : Value::of(std::move(part));
  }

  Arguments arguments(const Expression& e) {
    Arguments out;
    for (size_t i = 1; i < e.kids.size(); ++i) out.plain.push_back(evaluate(*e.kids[i]));
    for (const auto& [name, value] : e.named) {
      Value made = evaluate(*value);
      if (name == "*") {
        for (Value& each : items_of(made, budget_)) out.plain.push_back(std::move(each));
      } else if (name == "**") {
        require_input(made.kind == VK::map, "** wants a map, not ", name_of(made.kind));
        for (const auto& [key, each] : made.map->items) out.named.emplace_back(key, each);
      } else {
        out.named.emplace_back(name, std::move(made));
      }
    }
    return out;
  }

  Value call(const Expression& e) {
    const Expression& callee = *e.kids[0];
    if (callee.kind == EK::attribute) {
      const Value object = evaluate(*callee.kids[0]);
      require_input(object.kind != VK::undefined, "\"", object.text, "\" is undefined; it has no method ", callee.text);
      const Value member = object.kind == VK::map || object.kind == VK::space ? attribute_of(object, callee.text) : Value();
      if (member.kind == VK::macro || member.kind == VK::builtin) return called(member, arguments(e));
      if (callee.text == "cycle" && object.kind == VK::map && object.map->find("index0") != nullptr) {
        const Arguments a = arguments(e);
        require_input(!a.plain.empty(), "cycle() wants values");
        return a.plain[static_cast<size_t>(object.map->find("index0")->integer) % a.plain.size()];
      }
      return call_method(object, callee.text, arguments(e), budget_);
    }
    return called(evaluate(callee), arguments(e));
  }

  Value called(const Value& function, const Arguments& a) {
    if (function.kind == VK::macro) return called_macro(function, a);
    require_input(function.kind == VK::builtin, name_of(function.kind), function.kind == VK::undefined ? " (" + function.text + ")" : "", " is called; it is no function");
    const std::string& name = function.text;
    if (name == "raise_exception") fail(ErrorKind::input, "the chat template refuses this dialogue: ", a.plain.empty() ? std::string() : to_text(a.plain[0]));
    if (name == "range") return range(a);
    if (name == "strftime_now") return Value::of(formatted_now(a));
    Map map;
    if (!a.plain.empty() && a.plain[0].kind == VK::map) map = *a.plain[0].map;
    for (const auto& [key, value] : a.named) map.set(key, value);
    if (name == "dict") return Value::of(std::move(map));
    require_input(std::none_of(map.items.begin(), map.items.end(), [](const auto& item) { return item.second.kind == VK::space || item.second.depth >= 100; }), "a namespace inside a namespace");
    budget_.make(sizeof(Map));
    spaces_.push_back(std::make_unique<Map>(std::move(map)));
    Value v;
    v.kind = VK::space;
    v.space = spaces_.back().get();
    return v;
  }

  Value range(const Arguments& a) {
    int64_t bounds[3] = {0, 0, 1};
    require_input(!a.plain.empty() && a.plain.size() <= 3, "range() wants one to three integers");
    for (size_t i = 0; i < a.plain.size(); ++i) {
      require_input(a.plain[i].kind == VK::integer, "range() wants integers, not ", name_of(a.plain[i].kind));
      bounds[a.plain.size() == 1 ? 1 : i] = a.plain[i].integer;
    }
    require_input(bounds[2] != 0, "range() with a step of 0");
    List out;
    for (int64_t at = bounds[0]; bounds[2] > 0 ? at < bounds[1] : at > bounds[1];) {
      budget_.step();
      budget_.make(sizeof(Value));
      out.push_back(Value::of(at));
      if (__builtin_add_overflow(at, bounds[2], &at)) break;
    }
    return Value::of(std::move(out));
  }

  static std::string formatted_now(const Arguments& a) {
    require_input(!a.plain.empty() && a.plain[0].is_text() && a.plain[0].text.size() < 256, "strftime_now() wants a format");
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    localtime_r(&now, &parts);
    char text[1024];
    return std::string(text, std::strftime(text, sizeof text, a.plain[0].text.c_str(), &parts));
  }

  static Value macro_value(const Statement& s, int64_t call = 0) {
    Value macro;
    macro.kind = VK::macro;
    macro.macro = &s;
    macro.integer = call;
    return macro;
  }

  /// The body of {% call %}: it sees what stands around it, so the scopes that came since step aside.
  Value called_caller(const Value& caller, const Arguments& a, int64_t call) {
    const auto at = static_cast<size_t>(caller.integer);
    require_input(at <= callers_.size() && callers_[at - 1].block == caller.macro && callers_[at - 1].scopes <= scopes_.size(), "caller() is called outside its {% call %}");
    const Caller place = callers_[at - 1];
    std::vector<Map> since(std::make_move_iterator(scopes_.begin() + static_cast<std::ptrdiff_t>(place.scopes)), std::make_move_iterator(scopes_.end()));
    scopes_.resize(place.scopes);
    const size_t begin = std::exchange(scope_begin_, place.scope_begin);
    Value text = run_macro(*caller.macro, a, call);
    scope_begin_ = begin;
    scopes_.insert(scopes_.end(), std::make_move_iterator(since.begin()), std::make_move_iterator(since.end()));
    return text;
  }

  /// `call`: the place of the {% call %} that it is called from, from 1; 0: none.
  Value called_macro(const Value& function, const Arguments& a, int64_t call = 0) {
    if (function.integer > 0) return called_caller(function, a, call);
    const size_t outside = std::exchange(scope_begin_, scopes_.size());
    Value text = run_macro(*function.macro, a, call);
    scope_begin_ = outside;
    return text;
  }

  Value run_macro(const Statement& macro, const Arguments& a, int64_t call) {
    require_input(a.plain.size() <= macro.names.size(), "macro ", macro.text, " takes ", macro.names.size(), " arguments, not ", a.plain.size());
    for (const auto& [name, value] : a.named) {
      require_input(std::find(macro.names.begin(), macro.names.end(), name) != macro.names.end(), "macro ", macro.text, " has no argument ", name);
    }
    scopes_.emplace_back();
    if (call > 0) scopes_.back().set("caller", macro_value(*callers_[static_cast<size_t>(call) - 1].block, call));
    for (size_t i = 0; i < macro.names.size(); ++i) {
      const Value* given = a.find(i, macro.names[i]);
      scopes_.back().set(macro.names[i], given != nullptr ? *given : macro.defaults[i] ? evaluate(*macro.defaults[i]) : Value::undefined(macro.names[i]));
    }
    std::string text = captured(macro.body);
    scopes_.pop_back();
    return Value::of(std::move(text));
  }

  Value filter(const Expression& e) {
    const std::string& name = e.text;
    const Value value = evaluate(*e.kids[0]);
    const Arguments a = arguments(e);
    if (name == "map") return mapped(value, a);
    if (name == "select" || name == "reject" || name == "selectattr" || name == "rejectattr") return selected(name, value, a);
    return apply_filter(name, value, a, budget_);
  }

  Value mapped(const Value& value, const Arguments& a) {
    List out;
    const Value *attribute = a.find(SIZE_MAX, "attribute"), *otherwise = a.find(SIZE_MAX, "default");
    require_input(attribute != nullptr || (!a.plain.empty() && a.plain[0].is_text()), "map wants a filter's name or attribute=");
    Arguments rest;
    if (attribute == nullptr) rest.plain.assign(a.plain.begin() + 1, a.plain.end());
    for (const Value& each : items_of(value, budget_)) {
      budget_.step();
      Value made = attribute != nullptr ? item_of(each, *attribute) : apply_filter(a.plain[0].text, each, rest, budget_);
      out.push_back(made.kind == VK::undefined && otherwise != nullptr ? *otherwise : std::move(made));
    }
    return Value::of(std::move(out));
  }

  Value selected(const std::string& name, const Value& value, const Arguments& a) {
    const bool by_attribute = name.ends_with("attr"), wanted = name.starts_with("select");
    const size_t test = by_attribute ? 1 : 0;
    require_input(!by_attribute || !a.plain.empty(), name, " wants an attribute");
    Arguments rest;
    if (a.plain.size() > test) rest.plain.assign(a.plain.begin() + static_cast<std::ptrdiff_t>(test) + 1, a.plain.end());
    List out;
    for (const Value& each : items_of(value, budget_)) {
      budget_.step();
      const Value seen = by_attribute ? item_of(each, a.plain[0]) : each;
      const bool holds = a.plain.size() > test ? apply_test(to_text(a.plain[test]), seen, rest) : is_true(seen);
      if (holds == wanted) out.push_back(each);
    }
    return Value::of(std::move(out));
  }

  Budget budget_;
  Rendered rendered_;
  std::string* out_ = nullptr;
  std::vector<Map> scopes_;      ///< the template's own, then those of loops and macros
  size_t scope_begin_ = 1;       ///< a macro sees its own scopes and the template's
  std::vector<std::unique_ptr<Map>> spaces_;
  struct Caller {
    const Statement* block;
    size_t scope_begin, scopes;  ///< what it sees
  };
  std::vector<Caller> callers_;  ///< the {% call %} blocks that are being run
  int depth_ = 0;
  bool told_ = false;            ///< the innermost line of an error is enough
};

}  // namespace

struct Template::Tree {
  Body body;
};

Template::Template(std::string_view source) try {
  require_input(source.size() <= size_t{1} << 20, "it has ", source.size(), " bytes; a chat template has at most 1 MiB");
  auto tree = std::make_shared<Tree>();
  tree->body = parse(source);
  check_names(tree->body);
  tree_ = std::move(tree);
} catch (Error& e) {
  e.during("reading a chat template");
  throw;
}

Rendered Template::render(const Json& variables) const { return Run(variables).whole(tree_->body); }

}  // namespace loam::jinja

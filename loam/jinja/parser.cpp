#include "loam/jinja/parser.h"

#include <algorithm>
#include <initializer_list>

#include "loam/base/error.h"
#include "loam/jinja/lexer.h"

namespace loam::jinja {
namespace {

using TK = Token::Kind;
using EK = Expression::Kind;
using SK = Statement::Kind;
constexpr int kDeepestSource = 100, kDeepestTree = 400;

class Parser {
 public:
  explicit Parser(std::string_view source) : tokens_(tokens_of(source)) {}

  Body whole() {
    Body body = statements({});
    require_input(now().kind == TK::end, where(), "{% ", now().text, " %} closes what was not opened");
    return body;
  }

 private:
  /// One more level of nesting for as long as it lives.
  struct Level {
    int& depth;
    explicit Level(Parser& p) : depth(p.depth_) { require_input(++depth <= kDeepestSource, p.where(), "nested more than ", kDeepestSource, " deep"); }
    ~Level() { --depth; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
  };

  const Token& now() const { return tokens_[at_]; }
  const Token& ahead(size_t n) const { return tokens_[std::min(at_ + n, tokens_.size() - 1)]; }
  std::string where() const { return cat("line ", now().line, ": "); }
  bool is_mark(std::string_view mark) const { return now().kind == TK::mark && now().text == mark; }
  bool is_name(std::string_view name) const { return now().kind == TK::name && now().text == name; }
  bool take_mark(std::string_view mark) { return is_mark(mark) && ++at_; }
  bool take_name(std::string_view name) { return is_name(name) && ++at_; }
  std::string shown() const {
    switch (now().kind) {
      case TK::end: return "the end";
      case TK::close_block: return "%}";
      case TK::close_value: return "}}";
      case TK::integer:
      case TK::real: return "a number";
      case TK::text: return "a text";
      default: return "\"" + now().text + "\"";
    }
  }
  void want_mark(std::string_view mark) { require_input(take_mark(mark), where(), "found ", shown(), ", wanted ", mark); }
  std::string want_name(const char* what) {
    require_input(now().kind == TK::name, where(), "found ", shown(), ", wanted ", what);
    return tokens_[at_++].text;
  }
  void want_close() {
    require_input(now().kind == TK::close_block, where(), "found ", shown(), ", wanted %}");
    ++at_;
  }

  // ---- statements ----

  /// Up to a block that begins with one of `ends` (not taken), or the end.
  Body statements(std::initializer_list<std::string_view> ends) {
    const Level level(*this);
    Body out;
    while (now().kind != TK::end) {
      auto s = std::make_unique<Statement>();
      s->line = now().line;
      if (now().kind == TK::data) {
        s->text = tokens_[at_++].text;
      } else if (now().kind == TK::open_value) {
        ++at_;
        s->kind = SK::output;
        s->value = expression_or_tuple();
        require_input(now().kind == TK::close_value, where(), "found ", shown(), ", wanted }}");
        ++at_;
      } else {
        require_input(ahead(1).kind == TK::name, where(), "a block {% begins with ", ahead(1).text, ", not with a name");
        const std::string& name = ahead(1).text;
        if (std::find(ends.begin(), ends.end(), name) != ends.end() || name.starts_with("end") || name == "else" || name == "elif") {
          if (std::find(ends.begin(), ends.end(), name) != ends.end()) return out;
          fail(ErrorKind::input, where(), "{% ", name, " %} closes what was not opened");
        }
        at_ += 2;
        block(name, *s);
      }
      out.push_back(std::move(s));
    }
    return out;
  }

  /// The block that ends a body: its name, one of those asked for, taken with its opening.
  std::string take_end(int line, const char* what) {
    require_input(now().kind == TK::open_block, "line ", line, ": {% ", what, " %} does not end");
    at_ += 2;
    return tokens_[at_ - 1].text;
  }

  void block(const std::string name, Statement& s) {  // a copy: the tokens' own text is passed by name
    if (name == "if") return if_block(s);
    if (name == "for") return for_block(s);
    if (name == "set") return set_block(s);
    if (name == "macro") return macro_block(s);
    if (name == "call") return call_block(s);
    if (name == "generation") {
      s.kind = SK::generation;
      want_close();
      s.body = statements({"endgeneration"});
      take_end(s.line, "generation");
      return want_close();
    }
    if (name == "break" || name == "continue") {
      require_input(loops_ > 0, where(), "{% ", name, " %} stands outside a loop");
      s.kind = name == "break" ? SK::leave : SK::next;
      return want_close();
    }
    fail(ErrorKind::input, where(), "{% ", name, " %} is none of the statements that chat templates are read with (if, for, set, macro, call, generation, break, continue, raw)");
  }

  void if_block(Statement& s) {
    s.kind = SK::branches;
    for (;;) {
      ExpressionPtr condition = expression_or_tuple();
      want_close();
      Body body = statements({"elif", "else", "endif"});
      s.choices.emplace_back(std::move(condition), std::move(body));
      const std::string end = take_end(s.line, "if");
      if (end == "elif") continue;
      want_close();
      if (end == "endif") return;
      s.otherwise = statements({"endif"});
      take_end(s.line, "if");
      return want_close();
    }
  }

  std::vector<std::string> targets() {
    std::vector<std::string> out;
    const bool bracket = take_mark("(");
    do {
      if (!out.empty() && (is_name("in") || is_mark("="))) break;
      out.push_back(want_name("a name"));
    } while (take_mark(","));
    if (bracket) want_mark(")");
    return out;
  }

  void for_block(Statement& s) {
    s.kind = SK::loop;
    s.names = targets();
    require_input(take_name("in"), where(), "found ", shown(), ", wanted in");
    s.value = disjunction();  // "if" belongs to the loop
    if (is_mark(",")) s.value = tuple_from(std::move(s.value));
    if (take_name("if")) s.condition = expression();
    require_input(!is_name("recursive"), where(), "recursive loops are none that chat templates are read with");
    want_close();
    ++loops_;
    s.body = statements({"else", "endfor"});
    --loops_;
    if (take_end(s.line, "for") == "else") {
      want_close();
      s.otherwise = statements({"endfor"});
      take_end(s.line, "for");
    }
    want_close();
  }

  void set_block(Statement& s) {
    s.kind = SK::set;
    if (ahead(1).kind == TK::mark && ahead(1).text == ".") {
      s.text = want_name("a namespace");
      want_mark(".");
      s.names = {want_name("an attribute")};
    } else {
      s.names = targets();
    }
    if (take_mark("=")) {
      s.value = expression_or_tuple();
      return want_close();
    }
    require_input(s.names.size() == 1 && s.text.empty(), where(), "found ", shown(), ", wanted =");
    want_close();
    s.body = statements({"endset"});
    take_end(s.line, "set");
    want_close();
  }

  /// ( a, b=1 )
  void parameters(Statement& s) {
    want_mark("(");
    while (!is_mark(")")) {
      s.names.push_back(want_name("a parameter"));
      s.defaults.push_back(take_mark("=") ? expression() : nullptr);
      if (!take_mark(",")) break;
    }
    want_mark(")");
  }

  /// What a macro or a call holds: a loop around it does not count.
  void inner_body(Statement& s, const char* what, const char* end) {
    want_close();
    const int outside = std::exchange(loops_, 0);
    s.body = statements({end});
    loops_ = outside;
    take_end(s.line, what);
    want_close();
  }

  void macro_block(Statement& s) {
    s.kind = SK::macro;
    s.text = want_name("a macro's name");
    parameters(s);
    inner_body(s, "macro", "endmacro");
  }

  void call_block(Statement& s) {
    s.kind = SK::call;
    s.text = "caller";
    if (is_mark("(")) parameters(s);
    s.value = expression();
    require_input(s.value->kind == EK::call, where(), "{% call %} wants a call");
    inner_body(s, "call", "endcall");
  }

  // ---- expressions, loosest first ----

  ExpressionPtr make(EK kind, std::string text, std::vector<ExpressionPtr> kids) {
    auto e = std::make_unique<Expression>();
    e->kind = kind;
    e->line = now().line;
    e->text = std::move(text);
    e->kids = std::move(kids);
    for (const auto& kid : e->kids) e->depth = std::max(e->depth, kid ? kid->depth + 1 : 1);
    require_input(e->depth <= kDeepestTree, where(), "an expression of more than ", kDeepestTree, " steps in each other");
    return e;
  }
  ExpressionPtr make(EK kind, std::string text, ExpressionPtr a, ExpressionPtr b = nullptr) {
    std::vector<ExpressionPtr> kids;
    kids.push_back(std::move(a));
    if (b) kids.push_back(std::move(b));
    return make(kind, std::move(text), std::move(kids));
  }
  ExpressionPtr constant(Value value) {
    ExpressionPtr e = make(EK::constant, "", std::vector<ExpressionPtr>());
    e->value = std::move(value);
    return e;
  }

  ExpressionPtr tuple_from(ExpressionPtr first) {
    std::vector<ExpressionPtr> kids;
    kids.push_back(std::move(first));
    while (take_mark(",")) {
      if (now().kind == TK::close_block || now().kind == TK::close_value || is_mark(")")) break;
      kids.push_back(expression());
    }
    return make(EK::list, "", std::move(kids));
  }
  ExpressionPtr expression_or_tuple() {
    ExpressionPtr first = expression();
    return is_mark(",") ? tuple_from(std::move(first)) : std::move(first);
  }

  ExpressionPtr expression() {
    const Level level(*this);
    ExpressionPtr e = disjunction();
    while (take_name("if")) {
      std::vector<ExpressionPtr> kids;
      kids.push_back(std::move(e));
      kids.push_back(disjunction());
      kids.push_back(take_name("else") ? expression() : nullptr);
      e = make(EK::choice, "", std::move(kids));
    }
    return e;
  }
  ExpressionPtr disjunction() {
    ExpressionPtr e = conjunction();
    while (take_name("or")) e = make(EK::binary, "or", std::move(e), conjunction());
    return e;
  }
  ExpressionPtr conjunction() {
    ExpressionPtr e = negation();
    while (take_name("and")) e = make(EK::binary, "and", std::move(e), negation());
    return e;
  }
  ExpressionPtr negation() {
    const Level level(*this);
    if (take_name("not")) return make(EK::unary, "not", negation());
    return comparison();
  }
  ExpressionPtr comparison() {
    std::vector<ExpressionPtr> kids;
    std::vector<std::string> operators;
    kids.push_back(sum());
    for (;;) {
      std::string op;
      for (const char* mark : {"==", "!=", "<=", ">=", "<", ">"}) {
        if (op.empty() && take_mark(mark)) op = mark;
      }
      if (op.empty() && take_name("in")) op = "in";
      if (op.empty() && is_name("not") && ahead(1).kind == TK::name && ahead(1).text == "in") {
        at_ += 2;
        op = "not in";
      }
      if (op.empty()) break;
      operators.push_back(op);
      kids.push_back(sum());
    }
    if (operators.empty()) return std::move(kids.front());
    ExpressionPtr e = make(EK::comparison, "", std::move(kids));
    for (auto& op : operators) e->named.emplace_back(std::move(op), nullptr);
    return e;
  }
  ExpressionPtr sum() {
    ExpressionPtr e = join();
    for (;;) {
      if (take_mark("+")) {
        e = make(EK::binary, "+", std::move(e), join());
      } else if (take_mark("-")) {
        e = make(EK::binary, "-", std::move(e), join());
      } else {
        return e;
      }
    }
  }
  ExpressionPtr join() {
    ExpressionPtr e = product();
    while (take_mark("~")) e = make(EK::binary, "~", std::move(e), product());
    return e;
  }
  ExpressionPtr product() {
    ExpressionPtr e = power();
    for (;;) {
      std::string op;
      for (const char* mark : {"*", "//", "/", "%"}) {
        if (op.empty() && take_mark(mark)) op = mark;
      }
      if (op.empty()) return e;
      e = make(EK::binary, op, std::move(e), power());
    }
  }
  ExpressionPtr power() {
    ExpressionPtr e = unary(true);
    while (take_mark("**")) e = make(EK::binary, "**", std::move(e), unary(true));
    return e;
  }
  ExpressionPtr unary(bool filters) {
    const Level level(*this);
    ExpressionPtr e;
    if (take_mark("-")) {
      e = make(EK::unary, "-", unary(false));
    } else if (take_mark("+")) {
      e = make(EK::unary, "+", unary(false));
    } else {
      e = postfix(primary());
    }
    return filters ? filtered(std::move(e)) : std::move(e);
  }

  ExpressionPtr primary() {
    const Token& t = now();
    if (t.kind == TK::name) {
      ++at_;
      if (t.text == "true" || t.text == "True") return constant(Value::of(true));
      if (t.text == "false" || t.text == "False") return constant(Value::of(false));
      if (t.text == "none" || t.text == "None") return constant(Value::none());
      for (const char* word : {"if", "else", "in", "is", "and", "or", "not"}) require_input(t.text != word, "line ", t.line, ": found ", word, ", wanted a value");
      return make(EK::variable, t.text, std::vector<ExpressionPtr>());
    }
    if (t.kind == TK::integer) return ++at_, constant(Value::of(t.integer));
    if (t.kind == TK::real) return ++at_, constant(Value::of(t.real));
    if (t.kind == TK::text) {
      std::string text;
      while (now().kind == TK::text) text += tokens_[at_++].text;
      return constant(Value::of(std::move(text)));
    }
    if (take_mark("(")) {
      if (take_mark(")")) return make(EK::list, "", std::vector<ExpressionPtr>());
      ExpressionPtr e = expression_or_tuple();
      want_mark(")");
      return e;
    }
    if (take_mark("[")) {
      std::vector<ExpressionPtr> kids;
      while (!is_mark("]")) {
        kids.push_back(expression());
        if (!take_mark(",")) break;
      }
      want_mark("]");
      return make(EK::list, "", std::move(kids));
    }
    if (take_mark("{")) {
      std::vector<ExpressionPtr> kids;
      while (!is_mark("}")) {
        kids.push_back(expression());
        want_mark(":");
        kids.push_back(expression());
        if (!take_mark(",")) break;
      }
      want_mark("}");
      return make(EK::map, "", std::move(kids));
    }
    fail(ErrorKind::input, where(), "found ", shown(), ", wanted a value");
  }

  ExpressionPtr postfix(ExpressionPtr e) {
    for (;;) {
      if (take_mark(".")) {
        if (now().kind == TK::integer) {
          e = make(EK::item, "", std::move(e), constant(Value::of(tokens_[at_++].integer)));
        } else {
          e = make(EK::attribute, want_name("an attribute"), std::move(e));
        }
      } else if (take_mark("[")) {
        e = subscript(std::move(e));
      } else if (is_mark("(")) {
        e = call(std::move(e), EK::call, "");
      } else {
        return e;
      }
    }
  }

  ExpressionPtr subscript(ExpressionPtr e) {
    std::vector<ExpressionPtr> kids;
    kids.push_back(std::move(e));
    bool slice = false;
    for (int part = 0; part < 3; ++part) {
      kids.push_back(is_mark(":") || is_mark("]") ? nullptr : expression());
      if (part == 2 || !take_mark(":")) break;
      slice = true;
    }
    want_mark("]");
    require_input(slice || kids[1], where(), "[] wants an index");
    if (slice) kids.resize(4);
    return make(slice ? EK::slice : EK::item, "", std::move(kids));
  }

  /// ( a, b, name=c )
  ExpressionPtr call(ExpressionPtr e, EK kind, std::string text) {
    std::vector<ExpressionPtr> kids;
    std::vector<std::pair<std::string, ExpressionPtr>> named;
    kids.push_back(std::move(e));
    want_mark("(");
    int depth = 0;
    while (!is_mark(")")) {
      if (is_mark("*") || is_mark("**")) {  // a list's items, a map's: as the last ones
        std::string star = tokens_[at_++].text;
        for (const auto& each : named) require_input(each.first != star && each.first != "**", where(), star, " stands behind ", each.first, " in a call");
        named.emplace_back(std::move(star), expression());
        depth = std::max(depth, named.back().second->depth);
      } else if (now().kind == TK::name && ahead(1).kind == TK::mark && ahead(1).text == "=") {
        std::string name = tokens_[at_].text;
        at_ += 2;
        named.emplace_back(std::move(name), expression());
        depth = std::max(depth, named.back().second->depth);
      } else {
        require_input(named.empty(), where(), "an argument without a name stands behind named ones");
        kids.push_back(expression());
      }
      if (!take_mark(",")) break;
    }
    want_mark(")");
    ExpressionPtr out = make(kind, std::move(text), std::move(kids));
    out->named = std::move(named);
    out->depth = std::max(out->depth, depth + 1);
    return out;
  }

  ExpressionPtr filtered(ExpressionPtr e) {
    for (;;) {
      if (take_mark("|")) {
        std::string name = want_name("a filter");
        e = is_mark("(") ? call(std::move(e), EK::filter, std::move(name)) : make(EK::filter, std::move(name), std::move(e));
      } else if (take_name("is")) {
        const bool no = take_name("not");
        std::string name = want_name("a test");
        if (is_mark("(")) {
          e = call(std::move(e), EK::test, std::move(name));
        } else if (begins_argument()) {
          e = make(EK::test, std::move(name), std::move(e), postfix(primary()));
        } else {
          e = make(EK::test, std::move(name), std::move(e));
        }
        if (no) e = make(EK::unary, "not", std::move(e));
      } else if (is_mark("(")) {
        e = call(std::move(e), EK::call, "");
      } else {
        return e;
      }
    }
  }
  bool begins_argument() const {
    if (now().kind == TK::text || now().kind == TK::integer || now().kind == TK::real) return true;
    if (now().kind == TK::mark) return now().text == "[" || now().text == "{";
    if (now().kind != TK::name) return false;
    for (const char* word : {"else", "or", "and", "is", "if", "in", "not"}) {
      if (now().text == word) return false;
    }
    return true;
  }

  std::vector<Token> tokens_;
  size_t at_ = 0;
  int depth_ = 0, loops_ = 0;
};

}  // namespace

Body parse(std::string_view source) { return Parser(source).whole(); }

}  // namespace loam::jinja

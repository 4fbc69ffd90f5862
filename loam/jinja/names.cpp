#include "loam/jinja/names.h"

#include "loam/base/error.h"
#include "loam/jinja/builtins.h"

namespace loam::jinja {
namespace {

using EK = Expression::Kind;

void check_expression(const Expression& e);

void check_body(const Body& body) {
  for (const auto& s : body) {
    if (s->value) check_expression(*s->value);
    if (s->condition) check_expression(*s->condition);
    for (const auto& each : s->defaults) {
      if (each) check_expression(*each);
    }
    for (const auto& [condition, inner] : s->choices) {
      check_expression(*condition);
      check_body(inner);
    }
    check_body(s->body);
    check_body(s->otherwise);
  }
}
void check_expression(const Expression& e) {
  require_input(e.kind != EK::filter || has_filter(e.text), "line ", e.line, ": there is no filter ", e.text);
  require_input(e.kind != EK::test || has_test(e.text), "line ", e.line, ": there is no test ", e.text);
  for (const auto& kid : e.kids) {
    if (kid) check_expression(*kid);
  }
  for (const auto& [name, each] : e.named) {
    if (each) check_expression(*each);
  }
}

}  // namespace

void check_names(const Body& body) { check_body(body); }

}  // namespace loam::jinja

// Templates against what Jinja 3.1 makes of them (trim_blocks, lstrip_blocks, loop controls on; written down from it), and
// templates that would take all time or memory.
#include "loam/jinja/template.h"

#include <gtest/gtest.h>

#include "loam/base/error.h"

namespace loam::jinja {
namespace {

const Json kVariables = Json::parse(R"({"s": "H\u00e9llo w\u00f6rld  it's", "l": [3, 1, 2], "d": {"b": 1, "a": [1.0, null, true]}, "n": 7, "f": 2.5,
  "e": "", "t": " \t x \n", "u": ["b", "A", "c", "A"], "dl": [{"k": 1, "v": "x"}, {"k": 2, "v": "y"}, {"v": "z"}], "neg": -7})");

struct Case {
  const char *source, *text;
};
const Case kCases[] = {
    {"{{ s|upper }}", "H\u00c9LLO W\u00d6RLD  IT'S"},
    {"{{ s|lower }}", "h\u00e9llo w\u00f6rld  it's"},
    {"{{ s|title }}", "H\u00e9llo W\u00f6rld  It's"},
    {"{{ s|capitalize }}", "H\u00e9llo w\u00f6rld  it's"},
    {"{{ \"\u00df\u01c6x\"|upper }}", "SS\u01c4X"},
    {"{{ s|length }}", "17"},
    {"{{ l|length }}", "3"},
    {"{{ d|length }}", "2"},
    {"{{ d }}", "{'b': 1, 'a': [1.0, None, True]}"},
    {"{{ l }}", "[3, 1, 2]"},
    {"{{ d|tojson }}", "{\"b\": 1, \"a\": [1.0, null, true]}"},
    {"{{ d|tojson(indent=2) }}", "{\n  \"b\": 1,\n  \"a\": [\n    1.0,\n    null,\n    true\n  ]\n}"},
    {"{{ l|tojson }}", "[3, 1, 2]"},
    {"{{ d|tojson(separators=(',', ':')) }}", "{\"b\":1,\"a\":[1.0,null,true]}"},
    {"{{ d|tojson(separators=(' ; ', ' = '), indent=1) }}", "{\n \"b\" = 1 ; \n \"a\" = [\n  1.0 ; \n  null ; \n  true\n ]\n}"},
    {"{{ d|tojson(sort_keys=true) }}", "{\"a\": [1.0, null, true], \"b\": 1}"},
    {"{{ 'h\u00e9\U0001f600'|tojson(ensure_ascii=true) }}", "\"h\\u00e9\\ud83d\\ude00\""},
    {"{{ d|tojson(false, 0) }}", "{\n\"b\": 1,\n\"a\": [\n1.0,\nnull,\ntrue\n]\n}"},
    {"{{ []|tojson(indent=2) }}", "[]"},
    {"{{ {}|tojson(indent=2) }}", "{}"},
    {"{{ \"\u00e9\\n\\\"<>&'\"|tojson }}", "\"\u00e9\\n\\\"<>&'\""},
    {"{{ 1e20|tojson }}", "1e+20"},
    {"{{ 1.0 }}", "1.0"},
    {"{{ 0.1+0.2 }}", "0.30000000000000004"},
    {"{{ 1e16 }}", "1e+16"},
    {"{{ 1e-5 }}", "1e-05"},
    {"{{ 1/3 }}", "0.3333333333333333"},
    {"{{ 7//2 }}", "3"},
    {"{{ neg//2 }}", "-4"},
    {"{{ neg%3 }}", "2"},
    {"{{ 7%neg }}", "0"},
    {"{{ -7//-2 }}", "3"},
    {"{{ 2**10 }}", "1024"},
    {"{{ 2**-1 }}", "0.5"},
    {"{{ 2**3**2 }}", "64"},
    {"{{ -2**2 }}", "4"},
    {"{{ f*2 }}", "5.0"},
    {"{{ \"ab\"*3 }}", "ababab"},
    {"{{ s[1:4] }}", "\u00e9ll"},
    {"{{ s[-3:] }}", "t's"},
    {"{{ s[::-1] }}", "s'ti  dlr\u00f6w oll\u00e9H"},
    {"{{ s[::2] }}", "Hlowrd ts"},
    {"{{ l[::-1] }}", "[2, 1, 3]"},
    {"{{ l[1:] }}", "[1, 2]"},
    {"{{ l[-1] }}", "2"},
    {"{{ l[5] }}", ""},
    {"{{ s[0] }}", "H"},
    {"{{ s[99] }}", ""},
    {"{{ l[0:99] }}", "[3, 1, 2]"},
    {"{{ l[-99:2] }}", "[3, 1]"},
    {"{{ l[2:0:-1] }}", "[2, 1]"},
    {"{{ l|sort }}", "[1, 2, 3]"},
    {"{{ l|sort(reverse=true) }}", "[3, 2, 1]"},
    {"{{ u|sort }}", "['A', 'A', 'b', 'c']"},
    {"{{ u|sort(case_sensitive=true) }}", "['A', 'A', 'b', 'c']"},
    {"{{ u|unique|list }}", "['b', 'A', 'c']"},
    {"{{ u|join(\", \") }}", "b, A, c, A"},
    {"{{ u|join }}", "bAcA"},
    {"{{ l|sum }}", "6"},
    {"{{ l|min }}", "1"},
    {"{{ l|max }}", "3"},
    {"{{ l|first }}", "3"},
    {"{{ l|last }}", "2"},
    {"{{ []|first }}", ""},
    {"{{ e|default(\"x\") }}", ""},
    {"{{ e|default(\"x\",true) }}", "x"},
    {"{{ q|default(\"x\") }}", "x"},
    {"{{ q }}", ""},
    {"{{ q is defined }}", "False"},
    {"{{ s is defined }}", "True"},
    {"{{ d.zz }}", ""},
    {"{{ d[\"b\"] }}", "1"},
    {"{{ d.b }}", "1"},
    {"{{ d.get(\"b\") }}", "1"},
    {"{{ d.get(\"zz\") }}", "None"},
    {"{{ d.get(\"zz\",5) }}", "5"},
    {"{{ d.keys()|list }}", "['b', 'a']"},
    {"{{ d.values()|list }}", "[1, [1.0, None, True]]"},
    {"{{ d|list }}", "['b', 'a']"},
    {"{{ dl|map(attribute=\"k\",default=0)|list }}", "[1, 2, 0]"},
    {"{{ dl|selectattr(\"k\")|list }}", "[{'k': 1, 'v': 'x'}, {'k': 2, 'v': 'y'}]"},
    {"{{ dl|selectattr(\"k\",\"equalto\",2)|list }}", "[{'k': 2, 'v': 'y'}]"},
    {"{{ dl|selectattr(\"k\",\"defined\")|list }}", "[{'k': 1, 'v': 'x'}, {'k': 2, 'v': 'y'}]"},
    {"{{ dl|rejectattr(\"v\",\"in\",[\"x\",\"y\"])|list }}", "[{'v': 'z'}]"},
    {"{{ l|select(\"odd\")|list }}", "[3, 1]"},
    {"{{ l|reject(\"gt\",1)|list }}", "[1]"},
    {"{{ l|map(\"string\")|list }}", "['3', '1', '2']"},
    {"{{ u|map(\"lower\")|join(\"-\") }}", "b-a-c-a"},
    {"{{ u|map(\"replace\",\"A\",\"zz\")|join(\"-\") }}", "b-zz-c-zz"},
    {"{{ t|trim }}", "x"},
    {"{{ t.strip() }}", "x"},
    {"{{ t.lstrip() }}", "x \n"},
    {"{{ t.rstrip() }}", " \t x"},
    {"{{ \"xxaxx\".strip(\"x\") }}", "a"},
    {"{{ \"xxaxx\"|trim(\"x\") }}", "a"},
    {"{{ \"a,b,,c\".split(\",\") }}", "['a', 'b', '', 'c']"},
    {"{{ \"a,b,,c\".split(\",\",1) }}", "['a', 'b,,c']"},
    {"{{ \" a  b \".split() }}", "['a', 'b']"},
    {"{{ \" a  b c\".split(none,1) }}", "['a', 'b c']"},
    {"{{ \"a\\nb\\n\".splitlines() }}", "['a', 'b']"},
    {"{{ s.replace(\"l\",\"L\") }}", "H\u00e9LLo w\u00f6rLd  it's"},
    {"{{ s.replace(\"l\",\"L\",1) }}", "H\u00e9Llo w\u00f6rld  it's"},
    {"{{ s|replace(\"l\",\"L\") }}", "H\u00e9LLo w\u00f6rLd  it's"},
    {"{{ s.find(\"w\") }}", "6"},
    {"{{ s.count(\"l\") }}", "3"},
    {"{{ s.startswith(\"H\") }}", "True"},
    {"{{ s.endswith((\"x\",\"'s\")) }}", "True"},
    {"{{ \"a\" in s }}", "False"},
    {"{{ \"zz\" not in s }}", "True"},
    {"{{ 3 in l }}", "True"},
    {"{{ \"b\" in d }}", "True"},
    {"{{ 1 < 2 < 3 }}", "True"},
    {"{{ 1 < 2 > 3 }}", "False"},
    {"{{ 1 == 1.0 }}", "True"},
    {"{{ true == 1 }}", "True"},
    {"{{ \"a\" < \"b\" }}", "True"},
    {"{{ not true and false }}", "False"},
    {"{{ not (true and false) }}", "True"},
    {"{{ 1 and 2 }}", "2"},
    {"{{ 0 or \"x\" }}", "x"},
    {"{{ \"\" or none }}", "None"},
    {"{{ none }}", "None"},
    {"{{ none is none }}", "True"},
    {"{{ 1 if false }}", ""},
    {"{{ 1 if true else 2 }}", "1"},
    {"{{ \"x\" if e else \"y\" }}", "y"},
    {"{{ 1 if false else 2 if false else 3 }}", "3"},
    {"{{ [1,[2,\"a'b\"],{\"k\":none}] }}", "[1, [2, \"a'b\"], {'k': None}]"},
    {"{{ {\"a\":1,\"b\":{\"c\":[1,2]}} }}", "{'a': 1, 'b': {'c': [1, 2]}}"},
    {"{{ \"a\" ~ 1 ~ none ~ 1.5 }}", "a1None1.5"},
    {"{{ l + [4] }}", "[3, 1, 2, 4]"},
    {"{{ n is odd }}", "True"},
    {"{{ n is even }}", "False"},
    {"{{ n is divisibleby 7 }}", "True"},
    {"{{ n is divisibleby(2) }}", "False"},
    {"{{ n is number }}", "True"},
    {"{{ s is string }}", "True"},
    {"{{ d is mapping }}", "True"},
    {"{{ l is iterable }}", "True"},
    {"{{ s is iterable }}", "True"},
    {"{{ s is sequence }}", "True"},
    {"{{ l is sequence }}", "True"},
    {"{{ n is integer }}", "True"},
    {"{{ f is float }}", "True"},
    {"{{ true is boolean }}", "True"},
    {"{{ false is false }}", "True"},
    {"{{ n is not none }}", "True"},
    {"{{ n is eq 7 }}", "True"},
    {"{{ n is in l }}", "False"},
    {"{{ 3 is in [3] }}", "True"},
    {"{{ range(3)|list }}", "[0, 1, 2]"},
    {"{{ range(5,1,-2)|list }}", "[5, 3]"},
    {"{{ range(2,5)|list }}", "[2, 3, 4]"},
    {"{{ namespace(a=1).a }}", "1"},
    {"{{ dict(a=1,b=2) }}", "{'a': 1, 'b': 2}"},
    {"{{ dict(a=1).b }}", ""},
    {"{{ \"%s\"|length }}", "2"},
    {"{{ \"12\"|int }}", "12"},
    {"{{ \"x\"|int }}", "0"},
    {"{{ \"x\"|int(5) }}", "5"},
    {"{{ \"3.7\"|float }}", "3.7"},
    {"{{ 3.99|int }}", "3"},
    {"{{ \"3.99\"|int }}", "3"},
    {"{{ -3.5|abs }}", "3.5"},
    {"{{ 2.5|round }}", "2.0"},
    {"{{ 2.567|round(2) }}", "2.57"},
    {"{{ 7|round }}", "7"},
    {"{{ f|string }}", "2.5"},
    {"{{ d|string }}", "{'b': 1, 'a': [1.0, None, True]}"},
    {"{{ \"a\\tb\"|indent(2) }}", "a\tb"},
    {"{{ \"a\\nb\\n\\nc\"|indent(2) }}", "a\n  b\n\n  c"},
    {"{{ \"a\\nb\"|indent(2,true) }}", "  a\n  b"},
    {"{{ \"a\\nb\"|indent }}", "a\n    b"},
    {"{{ \"<a href='x'>&\"|e }}", "&lt;a href=&#39;x&#39;&gt;&amp;"},
    {"{{ s|safe }}", "H\u00e9llo w\u00f6rld  it's"},
    {"{{ \"\\x41\\u00e9\" }}", "A\u00e9"},
    {"{{ 'it\\'s' }}", "it's"},
    {"{{ \"a\" \"b\" }}", "ab"},
    {"{{ \"abc\"|reverse }}", "cba"},
    {"{{ l|reverse|list }}", "[2, 1, 3]"},
    {"{{ l|tojson|length }}", "9"},
    {"{{ loop }}", ""},
    {"{{ s.foo }}", ""},
    {"{{ s.title() }}", "H\u00e9llo W\u00f6rld  It'S"},
    {"{{ n.foo }}", ""},
    {"{{ \"a\".join([\"x\",\"y\"]) }}", "xay"},
    {"{{ \"ab\".removeprefix(\"a\") }}", "b"},
    {"{{ \"ab\".upper() }}", "AB"},
    {"{{ [1,2,3]|length == 3 }}", "True"},
    {"{{ -n }}", "-7"},
    {"{{ +n }}", "7"},
    {"{{ - 3|abs }}", "3"},
    {"{{ (1,2)|join(\":\") }}", "1:2"},
    {"{{ l|count }}", "3"},
    {"{{ d|first }}", "b"},
    {"{{ \"a b\"|title }}", "A B"},
    {"{{ \"it's o'neil\"|title }}", "It's O'neil"},
    {"{{ true|tojson }}", "true"},
    {"{{ none|tojson }}", "null"},
    {"{{ \"x\"|list }}", "['x']"},
    {"{{ {}|length }}", "0"},
    {"{{ \"abc\"[1] }}", "b"},
    {"{{ \"abc\".1 }}", "b"},
    {"{{ [[1,2],[3]]|map(\"first\")|list }}", "[1, 3]"},
    {"{{ l|string|length }}", "9"},
    {"{{ \"\u00e9\"|length }}", "1"},
    {"{{ \"\U0001f600\u00e9\"[0] }}", "\U0001f600"},
    {"{{ \"\"|capitalize }}", ""},
    {"{{ \"a\"|d(\"b\") }}", "a"},
    {"{{ [none,1]|select|list }}", "[1]"},
    {"{{ \"A\"|lower is lower }}", "True"},
    {"{{ \"\" is string }}", "True"},
    {"{{ d.zz is defined }}", "False"},
    {"{{ d is defined and d.b }}", "1"},
    {"{{ loop is defined }}", "False"},
    {"a\n{% if true %}\nb\n{% endif %}\nc\n", "a\nb\nc"},
    {"  {% if true %}  \n x {% endif %} y", "  \n x  y"},
    {"{%- if true -%}  a  {%- endif -%}  b", "ab"},
    {"x  {%+ if true %} a{% endif %}", "x   a"},
    {"a {#- c -#} b", "ab"},
    {"a {# c #}\n b\n\n", "a  b\n"},
    {"  {# c #}\n b", " b"},
    {"{% for i in l %}{{ i }},{% else %}none{% endfor %}", "3,1,2,"},
    {"{% for i in [] %}{{ i }},{% else %}none{% endfor %}", "none"},
    {"{% for i in l if i > 1 %}{{ loop.index }}/{{ loop.length }}:{{ i }} {{ loop.first }}{{ loop.last }} {{ loop.revindex }}{{ loop.revindex0 }}{% endfor %}", "1/2:3 TrueFalse 212/2:2 FalseTrue 10"},
    {"{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "b=1;a=[1.0, None, True];"},
    {"{% for k in d %}{{ k }}{% endfor %}", "ba"},
    {"{% for c in s %}{{ c }}.{% endfor %}", "H.\u00e9.l.l.o. .w.\u00f6.r.l.d. . .i.t.'.s."},
    {"{% for i in range(10) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 5 %}{% break %}{% endif %}{{ i }}{% endfor %}", "0134"},
    {"{% set x = 1 %}{% for i in l %}{% set x = i %}{% endfor %}{{ x }}", "1"},
    {"{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}", "2"},
    {"{% set a, b = 1, 2 %}{{ a }}{{ b }}", "12"},
    {"{% set (a, b) = [1, 2] %}{{ a }}{{ b }}", "12"},
    {"{% set x %}hello {{ n }}{% endset %}{{ x|upper }}", "HELLO 7"},
    {"{% set ns = namespace(c=0) %}{% for i in l %}{% set ns.c = ns.c + i %}{% endfor %}{{ ns.c }}", "6"},
    {"{% macro m(a, b=2) %}[{{ a }}-{{ b }}]{% endmacro %}{{ m(1) }}{{ m(1, b=3) }}{{ m(b=4, a=5) }}{{ m() }}", "[1-2][1-3][5-4][-2]"},
    {"{% macro r(n) %}{{ n }}{% if n > 0 %}{{ r(n - 1) }}{% endif %}{% endmacro %}{{ r(5) }}", "543210"},
    {"{% macro m() %}{{ n }}{{ x }}{% endmacro %}{% set x = 9 %}{{ m() }}", "79"},
    {"{% macro m(a, b=2, c=3) %}{{ a }}{{ b }}{{ c }};{% endmacro %}{{ m(*l) }}{{ m(9, *[8]) }}{{ m(*[7], c=0) }}{{ m(**{'a': 1, 'c': 5}) }}{{ m(*[6], **{'b': 4}) }}", "312;983;720;125;643;"},
    {"{% macro m(x) %}<{{ x }}:{{ caller() }}>{% endmacro %}{% call m(5) %}n={{ n }}{% endcall %}", "<5:n=7>"},
    {"{% macro m() %}{% for i in l %}{{ caller(i, y=1) }}{% endfor %}{% endmacro %}{% call(x, y, z=0) m() %}{{ x }}{{ y }}{{ z }} {% endcall %}", "310 110 210 "},
    // The body sees what stands around it, not what stands in the macro; a macro within it does not see its caller.
    {"{% macro inner() %}{{ caller is defined }}{% endmacro %}{% macro m(v) %}{% set w = 1 %}{{ caller() }}{% endmacro %}{% for v in u %}{% call m('no') %}{{ v }}{{ w }}{{ inner() }},{% endcall %}{% endfor %}",
     "bFalse,AFalse,cFalse,AFalse,"},
    {"{% macro a() %}[{{ caller() }}]{% endmacro %}{% macro b() %}({% call a() %}{{ caller() }}{% endcall %}){% endmacro %}{% call b() %}x{% endcall %}", "([x])"},
    {"{% macro a(n) %}{{ n }}{{ caller() }}{% endmacro %}{% macro b() %}b{{ caller is defined }}{% endmacro %}{% call a(b()) %}x{% endcall %}", "bFalsex"},
    {"{% for i in l %}{% for j in u %}{{ loop.index }}{{ j }}{% endfor %}{{ loop.index }}{% endfor %}", "1b2A3c4A11b2A3c4A21b2A3c4A3"},
    {"{% for i in l %}{{ loop.cycle('a','b') }}{% endfor %}", "aba"},
    {"{% for i in l %}{{ loop.previtem }}<{{ loop.nextitem }} {% endfor %}", "<1 3<2 1< "},
    {"{% raw %}{{ x }}{% if %}{% endraw %}!", "{{ x }}{% if %}!"},
    {"  {% raw %}\n x {%- endraw %} y", "\n x y"},
    {"{{ '{{' }}{{ \"}}\" }}{{ {'a':{'b':1}} }}", "{{}}{'a': {'b': 1}}"},
    {"{% if q %}a{% elif n %}b{% else %}c{% endif %}", "b"},
    {"a\r\nb{% if true %}\r\nc{% endif %}", "a\nbc"},
    {"{{ s -}}   x", "H\u00e9llo w\u00f6rld  it'sx"},
    {"x   {{- s }}", "xH\u00e9llo w\u00f6rld  it's"},
    {"{{ s }}\n", "H\u00e9llo w\u00f6rld  it's"},
    {"{{ s }}\n\n", "H\u00e9llo w\u00f6rld  it's\n"},
    {"\n{{ s }}", "\nH\u00e9llo w\u00f6rld  it's"},
    {"{% if true %}{% endif %}\n\n", ""},
    {"{% for a, b in [[1,2],[3,4]] %}{{ a }}{{ b }}{% endfor %}", "1234"},
    {"{{ q ~ 'x' }}", "x"},
    {"{% for i in q %}x{% endfor %}", ""},
    {"{%if true%}a{%endif%}", "a"},
    {"{%-if true-%} a {%-endif-%}", "a"},
    {"{{s}}{{-s-}}", "H\u00e9llo w\u00f6rld  it'sH\u00e9llo w\u00f6rld  it's"},
    {"{% set x = {'a': 1, 'b': [1,2,{'c':3}]} %}{{ x.b[2].c }}{{ x['a'] }}", "31"},
    {"{% for x in l|sort %}{{ x }}{{ ',' if not loop.last }}{% endfor %}", "1,2,3"},
    {"{% for x in l -%}\n {{ x }}\n{%- endfor %}", "312"},
    {"   {%- if true %}\n  x\n  {%- endif %}\n y", "  x y"},
    {"{% generation %}a{% endgeneration %}b", "ab"},
    {"{% set x = q %}{{ x is defined }}", "False"},
    {"{{ namespace(a=1) is defined }}", "True"},
    {"{% for m in dl %}{% if m.k is defined and m.k == 2 %}{{ m.v }}{% endif %}{% endfor %}", "y"},
    {"{{ (l|length - 1) - 0 }}", "2"},
    {"{% if not(s.startswith('x') and s.endswith('y')) %}ok{% endif %}", "ok"},
    {"{% for i in range(3) %}{{ i }}{% if not loop.last %}, {% endif %}{% endfor %}", "0, 1, 2"},
    {"{{ 'a' if n == 7 and not f > 3 else 'b' }}", "a"},
    {"{% if n in [1,7] and s is string %}y{% endif %}", "y"},
    {"{% set x = namespace(v=[]) %}{% set x.v = x.v + [1] %}{{ x.v }}", "[1]"},
    {"{{ ((((1)))) }}", "1"},
    {"{{ d.a[0] }}{{ d['a'][1] }}", "1.0None"},
    {"{{ dl[0].v ~ dl[-1]['v'] }}", "xz"},
};

const char* const kRefused[] = {
    "{{ q.x }}",
    "{{ d.zz.y }}",
    "{{ \"a\" + 1 }}",
    "{{ 5//0 }}",
    "{{ 1%0 }}",
    "{{ l.append(4) }}",
    "{{ s|nofilter }}",
    "{{ s is notest }}",
    "{{ q|tojson }}",
    "{{ d|tojson(idnent=2) }}",
    "{{ d|tojson(separators=[',']) }}",
    "{{ range(*5) }}",
    "{{ range(*l, 3) }}",
    "{{ dict(**l) }}",
    "{% call n %}{% endcall %}",
    "{% call n() %}{% endcall %}",
    "{% for i in l %}{% macro m() %}{% endmacro %}{% call m() %}{% break %}{% endcall %}{% endfor %}",
    "{% macro m(x) %}{% endmacro %}{% call m(1, 2) %}{% endcall %}",
    // A caller that outlives its call.
    "{% set ns = namespace() %}{% macro m() %}{% set ns.c = caller %}{% endmacro %}{% call m() %}x{% endcall %}{{ ns.c() }}",
    "{% set ns = namespace() %}{% macro inner() %}{% set ns.c = caller %}{{ ns.a() }}{% endmacro %}{% macro outer() %}{% set ns.a = caller %}{% for i in l %}{% call inner() %}x{% endcall %}{% endfor %}{% endmacro %}"
    "{% call outer() %}{{ ns.c() }}{% endcall %}",
    "{{ x.y.z is defined }}",
    "{{ \"a\"===\"b\" }}",
    "{{ ( }}",
    "{{ ) }}",
    "{{ {{ }}",
    "{% include 'x' %}",
    "{% if true %}",
    "{% endif %}",
    "{% for i in 5 %}{% endfor %}",
    "{% for a, b in [[1,2,3]] %}{% endfor %}",
    "{% break %}",
    "{% set ns.x = 1 %}",
    "{% set d.x = 1 %}",
    "{{ raise_exception('no') }}",
    "{{ q + 'x' }}",
    "{{ q.a.b }}",
    "{{ m() }}",
    "{{ s() }}",
    "{% if q.z is defined %}a{% endif %}",
    "{# unclosed",
    "{{ unclosed",
    "{% unclosed",
    "{{ 'unclosed }}",
    "{{ a b }}",
    "{{ [1,2 }}",
};

TEST(Template, AsJinja) {
  for (const Case& c : kCases) {
    try {
      EXPECT_EQ(Template(c.source).render(kVariables).text, c.text) << c.source;
    } catch (const Error& e) {
      ADD_FAILURE() << c.source << ": " << e.what();
    }
  }
}

TEST(Template, WhatJinjaRefusesIsRefused) {
  for (const char* source : kRefused) EXPECT_THROW(Template(source).render(kVariables), Error) << source;
}

std::string refusal(const std::string& source) {
  try {
    Template(source).render(kVariables);
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::input);
    return e.what();
  }
  return "not refused";
}

TEST(Template, RefusalsNameTheLine) {
  EXPECT_EQ(refusal("a\n\n{{ x.y }}"), "line 3 of the template: \"x\" is undefined; it has no y");
  EXPECT_EQ(refusal("a\n{% block b %}"),
            "reading a chat template: line 2: {% block %} is none of the statements that chat templates are read with (if, for, set, macro, call, generation, break, continue, raw)");
  EXPECT_EQ(refusal("{{ s|shout }}"), "reading a chat template: line 1: there is no filter shout");
  EXPECT_EQ(refusal("{{ raise_exception('roles must alternate') }}"), "line 1 of the template: the chat template refuses this dialogue: roles must alternate");
}

TEST(Template, NoneTakesAllTimeOrMemory) {
  const std::string many(3000, '(');
  EXPECT_NE(refusal("{{ " + many + "1" + std::string(3000, ')') + " }}").find("nested more than"), std::string::npos);
  std::string chain = "{{ 1";
  for (int i = 0; i < 5000; ++i) chain += " + 1";
  EXPECT_NE(refusal(chain + " }}").find("steps in each other"), std::string::npos);
  std::string ifs;
  for (int i = 0; i < 3000; ++i) ifs += "{% if true %}";
  EXPECT_NE(refusal(ifs).find("nested more than"), std::string::npos);
  EXPECT_NE(refusal("{% for a in range(100000000) %}{% endfor %}").find("MiB"), std::string::npos);
  EXPECT_NE(refusal("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}").find("more than"), std::string::npos);
  EXPECT_NE(refusal("{{ 'a' * 1000000000000 }}").find("128 MiB"), std::string::npos);
  EXPECT_NE(refusal("{% set ns = namespace(s='aaaaaaaa') %}{% for a in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}").find("128 MiB"), std::string::npos);
  EXPECT_NE(refusal("{% set ns = namespace(l=[1]) %}{% for a in range(99) %}{% set ns.l = ns.l + ns.l %}{% endfor %}").find("128 MiB"), std::string::npos);
  EXPECT_NE(refusal("{% set ns = namespace(l=[1]) %}{% for a in range(9999) %}{% set ns.l = [ns.l] %}{% endfor %}").find("deep"), std::string::npos);
  EXPECT_NE(refusal("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}").find("deep"), std::string::npos);
  EXPECT_NE(refusal("{% set ns = namespace() %}{% set ns.n = ns %}").find("a namespace inside a namespace"), std::string::npos);
  EXPECT_NE(refusal(std::string(size_t{1} << 21, 'a')).find("1 MiB"), std::string::npos);
}

TEST(Template, GenerationBlocksAreTheAnswers) {
  const Rendered out = Template("{% for m in l %}q{% generation %}{{ m }}!{% endgeneration %};{% endfor %}").render(kVariables);
  EXPECT_EQ(out.text, "q3!;q1!;q2!;");
  ASSERT_EQ(out.answers.size(), 3u);
  EXPECT_EQ(out.text.substr(out.answers[1].first, out.answers[1].second - out.answers[1].first), "1!");
}

}  // namespace
}  // namespace loam::jinja

"""Chat templates as transformers runs them: Python's Jinja (Debian's python3-jinja2) with apply_chat_template's settings.
Reads a line a case, {"source": TEMPLATE, "variables": {...}}, and prints for each {"text": ...} or {"error": ...}."""
import datetime
import json
import sys

import jinja2
import jinja2.ext
import jinja2.sandbox


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.Scope(body).set_lineno(line)


def refuse(said):
    raise jinja2.TemplateError(said)


def to_json(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


world = jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
world.filters["tojson"] = to_json
world.globals["raise_exception"] = refuse
world.globals["strftime_now"] = lambda form: datetime.datetime.now().strftime(form)
for line in sys.stdin.buffer:
    case = json.loads(line)
    try:
        answer = {"text": world.from_string(case["source"]).render(**case["variables"])}
    except Exception as error:  # whatever a template can do wrong
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer))

"""Renders template snippets in the Jinja environment of transformers.

Writes test/fixtures/templates/jinja.json: per group a list of [source, result], where the result is the text, or
{"compile": class} or {"render": class} for snippets that fail. Needs scripts/parity/requirements.txt; no network.
"""

import datetime
import json
import pathlib

import transformers
from jinjaSnippets import DATA, G
from transformers.utils import chat_template_utils

FILE = pathlib.Path(__file__).resolve().parents[2] / "test" / "fixtures" / "templates" / "jinja.json"
NOW = datetime.datetime(2026, 11, 3, 4, 5, 6, 789000)


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


chat_template_utils.datetime = Clock

def outcome(source):
    try:
        template = chat_template_utils._compile_jinja_template(source)
    except Exception as error:
        return {"compile": type(error).__name__}
    try:
        return template.render(**{"tools": None, "documents": None, "add_generation_prompt": False, **DATA})
    except Exception as error:
        return {"render": type(error).__name__}


def main():
    groups = {}
    for group, sources in G.items():
        lines = sources.strip("\n").split("\n") if isinstance(sources, str) else sources
        groups[group] = [[source, outcome(source)] for source in lines]
    out = {
        "versions": {"transformers": transformers.__version__, "jinja2": __import__("jinja2").__version__},
        "now": NOW.isoformat(timespec="milliseconds"),
        "variables": DATA,
        "groups": groups,
    }
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(out, ensure_ascii=False, indent=1) + "\n")
    failing = sum(isinstance(r, dict) for cases in groups.values() for _, r in cases)
    print(f"{sum(map(len, groups.values()))} snippets, {failing} of them must fail; {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()

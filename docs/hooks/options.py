"""Fills `<!-- options: MODULE.CLASS -->` in a page with a table of the options that an argument dataclass declares.

The site is built from the code, so that the table and `--help` cannot differ.
"""

import re
from dataclasses import MISSING, Field, fields
from importlib import import_module
from typing import Any

MARK = re.compile(r"<!-- options: ([\w.]+)\.(\w+) -->")


def on_page_markdown(markdown: str, **_: object) -> str:
    """Replace the marks of a page; mkdocs calls this for each."""
    return MARK.sub(lambda mark: options_table(getattr(import_module(mark[1]), mark[2])), markdown)


def options_table(concern: type) -> str:
    """Return a Markdown table of the fields that the class itself declares, not those that it inherits."""
    declared = [field for field in fields(concern) if field.name in vars(concern).get("__annotations__", {})]
    rows = [f"| `--{field.name}` | {default_text(field)} | {meaning(field)} |" for field in declared]
    return "\n".join(["| option | default | meaning |", "| --- | --- | --- |", *rows])


def default_text(field: "Field[Any]") -> str:
    """Return the default as it would be typed; a dash where there is none."""
    value = field.default if field.default_factory is MISSING else field.default_factory()
    if field.name == "cache_dir":
        return "`weam` in the Hugging Face cache"  # not the home directory of whoever built the page
    if value is None or value in ("", []):
        return "–"
    if isinstance(value, list):
        return f"`{' '.join(map(str, value))}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def meaning(field: "Field[Any]") -> str:
    """Return the help text, with the choices where there are some."""
    text = str(field.metadata.get("help", "")).replace("|", "\\|")
    choices = field.metadata.get("choices")
    return text + (f" One of {', '.join(f'`{choice}`' for choice in choices)}." if choices else "")

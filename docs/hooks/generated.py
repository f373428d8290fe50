"""Fills what a page takes from the code, so that the two cannot differ; mkdocs calls `on_page_markdown` for each page.

<!-- options: MODULE.CLASS -->   a table of the options that an argument dataclass declares
<!-- tree: FOLDER ... -->        the modules of folders, each with the first line of its docstring
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
OPTIONS = re.compile(r"<!-- options: ([\w.]+)\.(\w+) -->")
MARK = re.compile(r"^<!-- /?[\w ]+ -->$", re.MULTILINE)  # between two of them `benchmarks.pages` writes a table
TREE = re.compile(r"<!-- tree: ([^>]+) -->")


def on_page_markdown(markdown: str, **_: object) -> str:
    """Replace the marks of a page."""
    markdown = MARK.sub("", markdown)
    markdown = OPTIONS.sub(lambda mark: options_table(getattr(import_module(mark[1]), mark[2])), markdown)
    return TREE.sub(lambda mark: f"```\n{tree(mark[1].split())}\n```", markdown)


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


def tree(folders: list[str]) -> str:
    """List the modules of folders, packages within packages too, each with what it is for."""
    lines = [line for folder in folders for line in _lines(ROOT / folder, depth=0)]
    width = max(len(name) for name, _ in lines) + 2
    return "\n".join(f"{name:<{width}}{text}".rstrip() for name, text in lines)


def _lines(folder: Path, depth: int) -> Iterator[tuple[str, str]]:
    """Yield (indented name, purpose) of a folder, its modules and then its packages."""
    package = folder / "__init__.py"
    if folder != ROOT:
        yield "    " * depth + f"{folder.name}/", summary(package) if package.exists() else ""
    inner = depth + (folder != ROOT)
    for module in sorted(folder.glob("*.py")):
        if module != package:
            yield "    " * inner + module.name, summary(module)
    packages = {module.parent for module in folder.glob("*/*.py")} if folder != ROOT else set()
    for subpackage in sorted(packages):
        yield from _lines(subpackage, inner)


def summary(module: Path) -> str:
    """Return the first line of a module's docstring."""
    docstring = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]

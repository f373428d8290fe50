"""What the pages written from results have in common: reading results, laying out tables, filling in sections."""

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
FIGURES = ROOT / "docs" / "figures"

Record = dict[str, Any]


def read(name: str) -> Record:
    """Return a benchmark's figures."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def table(head: list[str], rows: list[list[str]]) -> str:
    """Lay out a Markdown table, the first column to the left.

    >>> print(table(["pair", "loss"], [["en-de", "2.1"]]))
    | pair | loss |
    | --- | ---: |
    | en-de | 2.1 |
    """
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def percent(share: float | None) -> str:
    """Write a share in percent.

    >>> percent(0.1234), percent(None)
    ('12.3', '')
    """
    return "" if share is None else f"{100 * share:.1f}"


def fill(text: str, name: str, section: str) -> str:
    r"""Put a section between its marks.

    >>> fill("<!-- a -->old<!-- /a -->", "a", "new")
    '<!-- a -->\nnew\n<!-- /a -->'
    """
    marks = re.compile(f"<!-- {name} -->.*<!-- /{name} -->", re.DOTALL)
    return marks.sub(lambda _: f"<!-- {name} -->\n{section}\n<!-- /{name} -->", text)

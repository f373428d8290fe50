"""Markdown of tables and lists."""

from collections.abc import Sequence


def listed(words: Sequence[str]) -> str:
    """Join words with commas."""
    return ", ".join(words)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: bool = False) -> str:
    """Lay out a Markdown table; one of numbers has all columns but the first to the right.

    >>> print(table(["pair", "loss"], [["en-de", "2.1"]], numbers=True))
    | pair | loss |
    | --- | ---: |
    | en-de | 2.1 |
    """
    rule = ["---", *["---:" if numbers else "---"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))

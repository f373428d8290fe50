"""Markdown of tables and lists."""

from collections.abc import Sequence


def listed(words: Sequence[str]) -> str:
    """Join words with commas."""
    return ", ".join(words)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a Markdown table.

    >>> print(table(["pair", "loss"], [["en-de", "2.1"]]))
    | pair | loss |
    |---|---|
    | en-de | 2.1 |
    """
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])

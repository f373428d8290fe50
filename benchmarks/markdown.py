"""Tables of figures in Markdown, and where they stand in a page."""

import re
from functools import partial

from weam import markdown

MISSING = "–"

table = partial(markdown.table, numbers=True)


def percent(share: float | None) -> str:
    """Write a share in percent.

    >>> percent(0.1234), percent(None)
    ('12.3', '–')
    """
    return MISSING if share is None else f"{100 * share:.1f}"


def fill(text: str, name: str, section: str) -> str:
    r"""Put a section between its marks.

    >>> fill("<!-- a -->old<!-- /a -->", "a", "new")
    '<!-- a -->\nnew\n<!-- /a -->'
    """
    marks = re.compile(f"<!-- {name} -->.*<!-- /{name} -->", re.DOTALL)
    return marks.sub(lambda _: f"<!-- {name} -->\n{section}\n<!-- /{name} -->", text)

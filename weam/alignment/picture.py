"""Links -> a picture: two lines of words, joined by coloured links; and a page of such pictures.

Static SVG, so that it shows wherever HTML does, without scripts or network. Only the page's filter is a script.
"""

import html
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from weam.alignment.gold import GoldSentence
from weam.metrics import Link

FONT_SIZE = 16  # pixels, as every length here
GAP, PADDING, LINE_HEIGHT = 10, 6, 28
LINKS_HEIGHT = 84  # between the two lines
WIDE_CHARACTER, NARROW_CHARACTER = 1.0, 0.62  # in font sizes: an ideograph, any other character
UNSEEN = {"Mn", "Me", "Cf", "Cc"}  # categories of characters that take no place of their own
WRONG, MISSED = "wrong", "missed"  # a link that gold does not have, a sure one that was not found
STYLE = """
.weam-alignment { overflow-x: auto; }
.weam-alignment text { font: 16px sans-serif; fill: #1b1b1b; text-anchor: middle; }
.weam-alignment rect { fill: #f1f1ee; }
.weam-alignment path { fill: none; stroke-width: 2.5; stroke-linecap: round; }
.weam-alignment path:hover { stroke-width: 6; }
.weam-alignment .wrong { stroke: #c00000; stroke-dasharray: 6 4; }
.weam-alignment .missed { stroke: #808080; stroke-dasharray: 1 5; }
"""
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; \
script-src 'unsafe-inline'">
<title>Word alignment</title>
<style>
body {{ font: 16px sans-serif; margin: 2em; background: #ffffff; }}
h2 {{ font-size: 14px; font-weight: normal; color: #606060; margin: 1.5em 0 0.3em; }}
</style>
</head>
<body>
<h1>Word alignment</h1>
<p>{summary}</p>
<p><label>Links with a score of at least <input id="score" type="range" min="0" max="1" step="0.01" value="0">
<output id="bound">0</output></label></p>
{pictures}
<script>
const score = document.getElementById("score");
score.addEventListener("input", () => {{
  document.getElementById("bound").textContent = score.value;
  for (const link of document.querySelectorAll("path[data-score]"))
    link.style.display = Number(link.dataset.score) < Number(score.value) ? "none" : "";
}});
</script>
</body>
</html>
"""
LEGEND = "Dashed red links are not in the gold alignment; dotted grey links are in it and were not found."


@dataclass(frozen=True)
class AlignmentPicture:
    """HTML that a notebook displays; `str` gives it for any other page."""

    content: str

    def _repr_html_(self) -> str:
        return self.content

    def __str__(self) -> str:
        return self.content


@dataclass(frozen=True)
class _Word:
    """A word, and the middle and width of its box."""

    text: str
    middle: float
    width: float


def show_alignment(
    source: str | Sequence[str],
    target: str | Sequence[str],
    links: Iterable[Link],
    scores: Sequence[float] | None = None,
    gold: GoldSentence | None = None,
) -> AlignmentPicture:
    """Draw the links between the words of two sentences.

    The source stands above the target; a line whose script is written from right to left is drawn so. A link shows its
    words and its score when the mouse is over it, and is paler the lower its score.

    Args:
        source: words, or words separated by spaces.
        target: likewise.
        links: (source word, target word), from 0.
        scores: of each link, 0 to 1; None: none are shown.
        gold: links made by hand; those that are wrong or missing are then marked.

    Raises:
        ValueError: another number of scores than of links, a link outside the sentences, or gold of others.
    """
    words = [side.split() if isinstance(side, str) else list(side) for side in (source, target)]
    links = list(links)
    if scores is not None and len(scores) != len(links):
        raise ValueError(f"{len(links)} links but {len(scores)} scores; give one for each link")
    for i, j in links:
        if not (0 <= i < len(words[0]) and 0 <= j < len(words[1])):
            raise ValueError(f"link {i}-{j} is outside sentences of {len(words[0])} and {len(words[1])} words")
    if gold is not None and [list(gold.source), list(gold.target)] != words:
        raise ValueError(
            f"the gold is of another sentence pair, of {len(gold.source)} and {len(gold.target)} words instead of "
            f"{len(words[0])} and {len(words[1])}"
        )
    width = max(_line_width(line) for line in words)
    top, bottom = (_lay_out(line, width) for line in words)
    scored = dict(zip(links, [None] * len(links) if scores is None else scores, strict=True))
    height = 2 * LINE_HEIGHT + LINKS_HEIGHT
    parts = [_draw_link(top[i], bottom[j], score, _mark((i, j), gold)) for (i, j), score in scored.items()]
    missed = sorted(gold.sure - set(links)) if gold else []
    parts += [_draw_link(top[i], bottom[j], None, MISSED) for i, j in missed]
    parts += [_draw_word(word, 0) for word in top] + [_draw_word(word, LINE_HEIGHT + LINKS_HEIGHT) for word in bottom]
    return AlignmentPicture(
        f'<div class="weam-alignment"><style>{STYLE}</style>'
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" role="img">'
        f"{''.join(parts)}</svg></div>"
    )


def alignment_page(pictures: Sequence[AlignmentPicture], pairs: int, has_gold: bool = False) -> str:
    """Gather the pictures of the first pairs of a text in a page of its own, with a filter by score."""
    summary = f"The first {len(pictures):,} of {pairs:,} sentence pairs." + (f" {LEGEND}" if has_gold else "")
    numbered = [f"<h2>Pair {number}</h2>\n{picture}" for number, picture in enumerate(pictures, start=1)]
    return PAGE.format(summary=summary, pictures="\n".join(numbered))


def _mark(link: Link, gold: GoldSentence | None) -> str:
    return WRONG if gold is not None and link not in gold.possible | gold.sure else ""


def _shown(text: str) -> str:
    """Escape a word; what HTML cannot hold becomes the replacement character."""
    seen = "".join("\ufffd" if unicodedata.category(x) in ("Cc", "Cs") else x for x in text)
    return html.escape(seen)


def _word_width(text: str) -> float:
    sizes = [
        WIDE_CHARACTER if unicodedata.east_asian_width(character) in "WF" else NARROW_CHARACTER
        for character in text
        if unicodedata.category(character) not in UNSEEN
    ]
    return FONT_SIZE * max(sum(sizes), NARROW_CHARACTER) + 2 * PADDING


def _line_width(words: Sequence[str]) -> float:
    return sum(map(_word_width, words)) + GAP * max(len(words) - 1, 0)


def is_right_to_left(words: Iterable[str]) -> bool:
    """Say whether the first letter that has a direction is written from right to left.

    >>> is_right_to_left(["1", "\u05e9\u05dc\u05d5\u05dd"]), is_right_to_left(["word"])
    (True, False)
    """
    directions = (unicodedata.bidirectional(character) for word in words for character in word)
    return next((direction != "L" for direction in directions if direction in ("L", "R", "AL")), False)


def _lay_out(words: Sequence[str], width: float) -> list[_Word]:
    """Place the boxes of a line from its first word on: from the left, or from the right edge."""
    mirrored = is_right_to_left(words)
    placed, edge = [], 0.0
    for word in words:
        size = _word_width(word)
        middle = edge + size / 2
        placed.append(_Word(word, width - middle if mirrored else middle, size))
        edge += size + GAP
    return placed


def _draw_word(word: _Word, top: float) -> str:
    left, text = word.middle - word.width / 2, _shown(word.text)
    return (
        f'<rect x="{left:.1f}" y="{top}" width="{word.width:.1f}" height="{LINE_HEIGHT}" rx="5"/>'
        f'<text x="{word.middle:.1f}" y="{top + 0.7 * LINE_HEIGHT:.1f}">{text}</text>'
    )


def _draw_link(source: _Word, target: _Word, score: float | None, mark: str) -> str:
    """Draw a curve; its colour goes with the place of its source word."""
    start, end = LINE_HEIGHT, LINE_HEIGHT + LINKS_HEIGHT
    middle = (start + end) / 2
    curve = f"M{source.middle:.1f} {start}C{source.middle:.1f} {middle} {target.middle:.1f} {middle} "
    curve += f"{target.middle:.1f} {end}"
    title = " \u2013 ".join(map(_shown, (source.text, target.text)))
    attributes = {"d": curve}
    if mark:
        attributes |= {"class": mark}
        title += f" ({mark})"
    else:
        attributes |= {"stroke": f"hsl({source.middle * 1.7 % 360:.0f} 65% 42%)"}
    if score is not None:
        attributes |= {"data-score": f"{score:.4f}", "stroke-opacity": f"{0.25 + 0.75 * score:.2f}"}
        title += f" {score:.2f}"
    text = " ".join(f'{name}="{value}"' for name, value in attributes.items())
    return f"<path {text}><title>{title}</title></path>"

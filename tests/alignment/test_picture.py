"""The picture of links: words, links, scores and marks, escaped; and what a real browser makes of it."""

import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from weam.alignment.gold import GoldSentence
from weam.alignment.picture import alignment_page, show_alignment

HOSTILE = ["<script>document.title='hacked'</script>", "\"'><img/src=x/onerror=alert(1)>", "&lt;", "a\x00b", "\ud800"]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Words(HTMLParser):
    """Gathers the words and the titles of links, and counts scripts."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.path: list[str] = []
        self.words: list[str] = []
        self.titles: list[str] = []
        self.feed(content)

    def handle_starttag(self, tag, attributes):
        self.path.append(tag)
        assert tag in ("div", "style", "svg", "rect", "text", "path", "title"), tag
        if tag == "rect":
            self.path.pop()

    def handle_endtag(self, tag):
        if self.path and self.path[-1] == tag:
            self.path.pop()

    def handle_data(self, data):
        if self.path[-1:] == ["text"]:
            self.words.append(data)
        if self.path[-1:] == ["title"]:
            self.titles.append(data)


def places(content: str) -> list[float]:
    return [float(x) for x in re.findall(r'<text x="([0-9.]+)"', content)]


def test_a_notebook_shows_words_and_links_with_scores():
    picture = show_alignment("the cat", "die katze", [(0, 0), (1, 1)], [0.5, 0.987])
    found = Words(picture._repr_html_())
    assert found.words == ["the", "cat", "die", "katze"]
    assert found.titles == ["the \u2013 die 0.50", "cat \u2013 katze 0.99"]
    assert "http" not in str(picture).replace('xmlns="http://www.w3.org/2000/svg"', "")


def test_hostile_text_is_text():
    found = Words(str(show_alignment(HOSTILE, HOSTILE, [(i, i) for i in range(5)])))
    assert found.words[:3] == HOSTILE[:3]
    assert found.words[3:5] == ["a\ufffdb", "\ufffd"]


def test_lines_written_from_right_to_left_begin_at_the_right():
    content = str(show_alignment("the new book", "\u05d4\u05e1\u05e4\u05e8 \u05d4\u05d7\u05d3\u05e9 .", [(1, 1)]))
    xs = places(content)
    assert xs[:3] == sorted(xs[:3])
    assert xs[3:] == sorted(xs[3:], reverse=True)


def test_wide_characters_get_wide_boxes():
    content = str(show_alignment(["\u4e2d\u56fd\u4eba", "abc"], ["x"], []))
    widths = [float(x) for x in re.findall(r'width="([0-9.]+)" height="28"', content)]
    assert widths[0] == pytest.approx(3 * 16 + 12) and widths[1] < widths[0]


def test_errors_against_gold_are_marked():
    gold = GoldSentence(("a", "b"), ("c", "d"), frozenset({(0, 0)}), frozenset({(0, 0), (0, 1)}))
    found = Words(str(show_alignment("a b", "c d", [(0, 1), (1, 1)], gold=gold)))
    assert found.titles == ["a \u2013 d", "b \u2013 d (wrong)", "a \u2013 c (missed)"]


def test_impossible_links_and_scores_are_refused():
    with pytest.raises(ValueError, match="link 2-0 is outside sentences of 2 and 1 words"):
        show_alignment("a b", "c", [(2, 0)])
    with pytest.raises(ValueError, match="1 links but 2 scores"):
        show_alignment("a b", "c", [(0, 0)], [0.1, 0.2])
    gold = GoldSentence(("a", "b", "c"), ("d",), frozenset({(2, 0)}), frozenset({(2, 0)}))
    with pytest.raises(ValueError, match="of another sentence pair, of 3 and 1 words instead of 2 and 1"):
        show_alignment("a b", "d", [(0, 0)], gold=gold)


def test_empty_sentences_have_a_picture():
    assert Words(str(show_alignment("", "", []))).words == []


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")
def test_a_browser_shows_the_page(tmp_path):
    pictures = [
        show_alignment("the cat sees", "die katze sieht", [(0, 0), (1, 1), (2, 2)], [0.9, 0.8, 0.3]),
        show_alignment(HOSTILE[:3], ["\u4e2d\u56fd\u4eba", "\u05e9\u05dc\u05d5\u05dd"], [(0, 0), (1, 1)], [0.5, 0.5]),
    ]
    page, image = tmp_path / "page.html", tmp_path / "page.png"
    page.write_text(alignment_page(pictures, pairs=2), encoding="utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=900,600"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=500"]
    shown = subprocess.run([*command, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=120)
    assert "<title>Word alignment</title>" in shown.stdout  # not "hacked"
    assert shown.stdout.count("<path") == 5 and "&lt;script&gt;" in shown.stdout and "<img" not in shown.stdout
    subprocess.run([*command, f"--screenshot={image}", page.as_uri()], capture_output=True, timeout=120, check=True)
    assert image.read_bytes().startswith(b"\x89PNG") and image.stat().st_size > 5_000

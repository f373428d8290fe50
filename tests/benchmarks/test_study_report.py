"""The pages of the study are what the record makes them, and the tables say what it holds."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.records import RESULTS
from benchmarks.study.plan import E5
from benchmarks.study.plots import FORESTS, forest_rows, smooth, write_plots
from benchmarks.study.record import Gap, Study, depths, growths, mixtures, parse_study, read_study
from benchmarks.study.report import FIGURES, PAGES, TABLES, filled, main
from benchmarks.study.tables import placebo_reading, seeds_needed
from tests.conftest import ROOT
from weam.storage import write_json

FILLED = [*sorted(PAGES.glob("*.md")), ROOT / "README.md"]
WEAM, BACKBONE = "weam, 6 layers", f"{E5}, 6 layers"
EMPTY = ("scores", "differences", "space", "seed_spread", "correlations", "claims")


@pytest.fixture(scope="module")
def study() -> Study:
    return read_study(RESULTS / "study.json")


@pytest.fixture(scope="module")
def nothing(study: Study) -> Study:
    """A study of which nothing is measured yet."""
    unmeasured = {**study.record, **{name: [] for name in EMPTY}, "encoders": {}, "finished": {}, "unfinished": {}}
    return parse_study(unmeasured)


def rows_of(table: str) -> dict[str, list[str]]:
    """Return the cells of each row by the first."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return {row[0]: row[1:] for row in rows}


@pytest.mark.parametrize("page", FILLED, ids=lambda page: page.name)
def test_a_page_is_what_the_record_makes_it(page: Path, study: Study) -> None:
    text = page.read_text(encoding="utf-8")
    assert filled(text, study) == text


def test_every_table_is_shown() -> None:
    shown = [name for page in FILLED for name in re.findall(r"^<!-- ([\w -]+) -->$", page.read_text(), re.MULTILINE)]
    assert set(TABLES) <= set(shown)


def test_the_pages_show_the_figures_that_are_there() -> None:
    shown = [
        name for page in FILLED for name in re.findall(r"\]\(\.\./figures/(study_[\w-]+\.svg)\)", page.read_text())
    ]
    assert sorted(shown) == sorted(path.name for path in FIGURES.glob("study_*.svg"))


def test_text_and_other_marks_stay() -> None:
    page = "by hand\n\n<!-- other -->\nkept\n<!-- /other -->\n"
    assert filled(page, read_study(RESULTS / "study.json")) == page


def test_what_was_not_measured_is_said(nothing: Study) -> None:
    assert filled("<!-- all systems -->\nold\n<!-- /all systems -->", nothing) == (
        "<!-- all systems -->\nNot measured yet.\n<!-- /all systems -->"
    )


def test_scores_are_means_with_the_spread_over_seeds_and_differences_have_intervals(study: Study) -> None:
    rows = rows_of(TABLES["sizes"](study))
    assert rows["backbone (E5-small, 4-bit), 2 layers"] == ["20.0 ± 0.5", "–", "30.7", "–", "34.6 / 35.7"]
    assert rows["weam, 2 layers"][:2] == ["21.6 ± 0.4", "+1.6 [+1.0, +2.2]"]


def test_a_difference_is_read_from_either_side(study: Study) -> None:
    one = study.gap(f"{WEAM}/tatoeba", f"{BACKBONE}/tatoeba")
    other = study.gap(f"{BACKBONE}/tatoeba", f"{WEAM}/tatoeba")
    assert one is not None and other == replace(
        one, difference=-one.difference, low=-one.high, high=-one.low, seeds=one.seeds[::-1]
    )


def test_every_depth_has_the_backbone_and_weam(study: Study) -> None:
    found = [(encoder.layers, encoder.system) for encoder in depths(study)]
    assert found[:4] == [(2, E5), (2, "weam"), (4, E5), (4, "weam")]
    assert (6, "tlm") in found


def test_texts_of_mixtures_and_growing_sets_are_known(study: Study) -> None:
    assert {text.low for text in mixtures(study).values()} == {"sw", "hi", "tr"}
    assert {text.count for text in growths(study).values()} == {1, 3, 6, 10}
    assert growths(study)["3 languages, total fixed, 6 layers"].aligned == ["de", "es", "zh"]


def test_claims_stand_with_both_scores_seeds_and_verdict(study: Study) -> None:
    name = "a. tlm, 12 layers, 60,000 pairs zero-shot above backbone (E5-small, 4-bit), 12 layers zero-shot"
    assert rows_of(TABLES["claims"](study))[name] == ["59.4", "56.7", "+2.7 [+1.3, +4.1]", "3 and 3", "holds"]


@pytest.mark.parametrize(
    ("over_tlm", "shuffled", "reading"),
    [
        (Gap(0.02, 0.01, 0.03), Gap(-0.02, -0.03, -0.01), "weam above tlm; worse with shuffled links"),
        (Gap(0.0, -0.01, 0.01), None, "no clear difference between weam and tlm"),
        (None, None, "not measured yet"),
    ],
)
def test_the_placebo_is_read_by_its_intervals(over_tlm: Gap | None, shuffled: Gap | None, reading: str) -> None:
    assert placebo_reading(over_tlm, shuffled) == reading


def test_seeds_that_a_point_needs_grow_with_the_variance() -> None:
    assert seeds_needed(0.02, None) == 31 and seeds_needed(0.02, 0.01) == 4


def test_a_forest_has_a_mean_difference_of_every_encoder_but_the_backbone(study: Study) -> None:
    for question in FORESTS:
        names = {name for _, name, _ in forest_rows(study, question)}
        assert names == {name for name in study.encoders(question) if E5 not in name and "English NLI" not in name}


def test_logs_are_smoothed_in_pairs() -> None:
    assert smooth([(25, 5.0), (50, 4.0), (75, 5.0)]) == [(50, 4.5), (75, 4.5)]


def test_nothing_measured_is_not_drawn(nothing: Study, tmp_path: Path) -> None:
    assert write_plots(nothing, tmp_path) == [] and list(tmp_path.iterdir()) == []


def test_the_program_fills_pages_and_draws(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_json(study.record, tmp_path / "study.json")
    page = tmp_path / "page.md"
    page.write_text("<!-- sizes -->\n<!-- /sizes -->\n", encoding="utf-8")
    folders = ["--results", str(tmp_path), "--pages", str(tmp_path), "--figures", str(tmp_path / "figures")]
    monkeypatch.setattr("sys.argv", ["report", *folders])
    main()
    assert "weam, 4 layers" in page.read_text(encoding="utf-8")
    assert capsys.readouterr().out == "filled 1 pages, drew 7 plots\n"
    assert len(list((tmp_path / "figures").glob("*.svg"))) == 7


def test_all_committed_fine_tunings_of_an_encoder_began_with_the_same_weights() -> None:
    """Encoders are trained again where they are missing: one that came out otherwise would go by the same name."""
    weights: dict[str, set[str]] = {}
    results = json.loads((RESULTS / "study.json").read_text(encoding="utf-8"))["results"]
    for step, record in results.items():
        encoder, _, rest = step.partition("/")
        begun = encoder + rest.rpartition("/")[2] if encoder.endswith("after English NLI") else encoder
        if "/seed " in step:
            weights.setdefault(begun, set()).update(row["checkpoint_fingerprint"] for row in record["measurements"])
    assert len(weights) > 50
    assert {encoder for encoder, found in weights.items() if len(found) > 1} == set()

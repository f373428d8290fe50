"""Records of a bed are collected without loss, and the page is what they make it."""

import json
from pathlib import Path

import pytest

from benchmarks.study.beds import records
from benchmarks.study.beds.plan import BEDS
from benchmarks.study.beds.report import PAGE, fill_page, read_figures


def test_collecting_keeps_other_records_and_replaces_those_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "RESULTS", tmp_path)
    for name, found in (("first", [("TLM", 1, 10), ("TLM", 2, 20)]), ("again", [("TLM", 2, 21), ("none", 1, 30)])):
        folder = tmp_path / name
        folder.mkdir()
        for arm, seed, score in found:
            text = json.dumps({"name": arm, "seed": seed, "scores": {"udpos": score}})
            (folder / f"{arm}.seed-{seed}.json").write_text(text)
    (tmp_path / "beds").mkdir()
    records.collect("clone", tmp_path / "first")
    records.collect("clone", tmp_path / "again")
    records.collect("clone", tmp_path / "absent")
    scores = {key: record["scores"]["udpos"] for key, record in records.read_collected("clone").items()}
    assert scores == {("TLM", 1): 10, ("TLM", 2): 21, ("none", 1): 30}


def test_the_page_is_what_the_records_make_it() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert fill_page(text, {bed: figures for bed in BEDS if (figures := read_figures(bed))}) == text

"""The `evaluate` metrics: loaded from their folders without a network, they give what `weam.metrics` gives."""

import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import evaluate
import numpy as np
import pytest

from tests.conftest import ROOT
from weam.metrics import retrieval_accuracy

Load = Callable[[str], evaluate.Metric]


def no_network(*_: Any) -> None:
    raise AssertionError("a metric in a local folder reached for the network")


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Load]:
    """Load with caches that are gone afterwards, one for each metric: a failed one keeps its cache locked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate.config, "HF_MODULES_CACHE", tmp_path_factory.mktemp("modules"))
        patch.setattr(sys, "path", [*sys.path])
        patch.setattr(socket.socket, "connect", no_network)
        yield lambda name: evaluate.load(str(ROOT / "metrics" / name), cache_dir=str(tmp_path_factory.mktemp(name)))


def prediction(question: str, text: str) -> dict[str, Any]:
    return {"id": question, "prediction_text": text}


def reference(question: str, *answers: str) -> dict[str, Any]:
    return {"id": question, "answers": {"text": list(answers), "answer_start": [0] * len(answers)}}


def test_every_folder_is_a_metric_with_its_name_and_papers(load: Load) -> None:
    names = sorted(path.parent.name for path in Path(ROOT, "metrics").glob("*/*.py"))
    assert names == ["alignment_error_rate", "mlqa", "retrieval_accuracy"]
    for name in names:
        metric = load(name)
        assert metric.name == name
        assert metric.description.strip() and metric.citation.strip().startswith("@")
        assert "predictions:" in metric.inputs_description


def test_mlqa_pairs_questions_by_id_and_averages(load: Load) -> None:
    predictions = [prediction("1", "Der rote Wal"), prediction("2", "ein Meer")]
    references = [reference("2", "See", "das Meer"), reference("1", "Wal")]
    scores = load("mlqa").compute(predictions=predictions, references=references, language="de")
    assert scores == pytest.approx({"exact_match": 1 / 2, "f1": 5 / 6})  # 0 and 2/3, 1 and 1


def test_the_language_makes_a_difference(load: Load) -> None:
    metric, sides = load("mlqa"), {"predictions": [prediction("1", "der Wal")], "references": [reference("1", "Wal")]}
    assert metric.compute(**sides, language="de") == {"exact_match": 1, "f1": 1}
    assert metric.compute(**sides, language="en") == pytest.approx({"exact_match": 0, "f1": 2 / 3})
    with pytest.raises(ValueError, match="no rules for the language 'fr'"):
        metric.compute(**sides, language="fr")


def test_mlqa_in_batches(load: Load) -> None:
    metric = load("mlqa")
    metric.add(prediction=prediction("1", "北京"), reference=reference("1", "北京！"))
    metric.add_batch(predictions=[prediction("2", "北京")], references=[reference("2", "南京")])
    assert metric.compute(language="zh") == {"exact_match": 1 / 2, "f1": 3 / 4}


@pytest.mark.parametrize(
    ("ids", "message"), [(("1", "3"), r"only one of predictions and references: \['2', '3'\]"), (("1", "1"), "'2'")]
)
def test_ids_without_a_partner_are_refused(load: Load, ids: tuple[str, str], message: str) -> None:
    references = [reference("1", "whale"), reference("2", "fish")]
    with pytest.raises(ValueError, match=message):
        load("mlqa").compute(
            predictions=[prediction(question, "whale") for question in ids], references=references, language="en"
        )


def test_repeated_ids_are_refused(load: Load) -> None:
    with pytest.raises(ValueError, match="only 1 of 2 ids differ"):
        load("mlqa").compute(
            predictions=[prediction("1", "whale"), prediction("1", "fish")],
            references=[reference("1", "whale"), reference("1", "fish")],
            language="en",
        )


def test_alignment_error_rate_of_pharaoh_lines(load: Load) -> None:
    """Four links, three of them possible, two of them sure; three sure links in all: 1 - (2 + 3) / (4 + 3)."""
    scores = load("alignment_error_rate").compute(
        predictions=["0-0 0-1 2-2", "1-0", ""],
        references=[
            {"sure": "0-0 1-1", "possible": "0-1"},
            {"sure": "1-0", "possible": "1-0"},
            {"sure": "", "possible": "3-4"},
        ],
    )
    assert scores == pytest.approx({"precision": 3 / 4, "recall": 2 / 3, "alignment_error_rate": 2 / 7})


def test_a_malformed_link_is_refused(load: Load) -> None:
    with pytest.raises(ValueError, match="'0:0' is not a link"):
        load("alignment_error_rate").compute(predictions=["0:0"], references=[{"sure": "", "possible": ""}])


def test_retrieval_accuracy_of_lists_and_of_an_array(load: Load) -> None:
    metric = load("retrieval_accuracy")
    scores = metric.compute(predictions=[[1.0, 0.0], [1.0, 1.0]], references=[[3.0, 0.0], [1.0, -1.0]])
    assert scores == {"retrieval_accuracy": 0.5}
    queries, candidates = np.random.default_rng(0).normal(size=(2, 50, 2)).astype(np.float32)
    candidates += queries
    expected = retrieval_accuracy(queries.astype(np.float64), candidates.astype(np.float64))
    assert 0 < expected < 1
    assert metric.compute(predictions=queries, references=candidates) == {"retrieval_accuracy": expected}

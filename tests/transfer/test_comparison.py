"""One run beside another: what is compared, and what is said of unlike settings."""

from pathlib import Path

import pytest

from weam.results import Measurement, Results, Training, write_results
from weam.scores import ExampleScores, Scored, paired_bootstrap, predictions_file, write_predictions
from weam.transfer.comparison import check_comparable, compare, unlike_settings


def run(folder: Path, right: dict[str, list[float]], **training: object) -> Results:
    """Write a run of one seed: language -> which examples it had right."""
    measurements = []
    for language, scores in right.items():
        ratio = ExampleScores.mean(scores)
        scored = Scored({"accuracy": ratio}, [{"id": str(number)} for number in range(len(scores))])
        write_predictions(scored, predictions_file(folder, "seed-1", "xnli", language))
        origin = (ratio.value, len(scores), 1, 5, "checkpoint", "a1", "d1")
        measurements.append(Measurement("xnli", language, "accuracy", *origin))
    results = Results(
        program="run_xnli",
        command="run_xnli.py",
        settings={"checkpoint": {"model_name_or_path": str(folder)}, "training": {"seed": 1, **training}},
        data=[],
        trainings=[Training("seed-1", 1, 5, 100, 1.0, [])],
        measurements=measurements,
        total_seconds=1.0,
    )
    write_results(results, folder)
    return results


ENGLISH, GERMAN = [1.0, 1.0, 0.0, 1.0], [0.0, 1.0, 0.0, 1.0]


@pytest.mark.parametrize("others", [["en", "de"], ["en", "de", "zh"], ["de"]])
def test_the_mean_is_compared_if_the_other_run_has_all_of_our_languages(tmp_path: Path, others: list[str]) -> None:
    ours = run(tmp_path / "ours", {"en": ENGLISH, "de": GERMAN})
    run(tmp_path / "theirs", {language: [0.0, 1.0, 0.0, 0.0] for language in others})
    found = {c.language: c.difference for c in compare(ours, tmp_path / "ours", tmp_path / "theirs" / "results.json")}
    expected = {"en": 0.5, "de": 0.25}
    expected = {language: expected[language] for language in ("en", "de") if language in others}
    assert found == pytest.approx({**expected, **({"mean": 0.375} if len(others) > 1 else {})})


def test_the_mean_over_parallel_test_sets_of_unlike_size_draws_examples_by_name(tmp_path: Path) -> None:
    right = [1.0, 0.0] * 20
    ours = run(tmp_path / "ours", {"en": right, "de": right[:30]})
    run(tmp_path / "theirs", {"en": [0.0] * 40, "de": [0.0] * 30})
    (mean,) = (
        found
        for found in compare(ours, tmp_path / "ours", tmp_path / "theirs" / "results.json")
        if found.language == "mean"
    )
    names = [[str(number) for number in range(size)] for size in (40, 30)]
    tests = [({1: ExampleScores.mean(right[:n])}, {1: ExampleScores.mean([0.0] * n)}) for n in (40, 30)]
    expected = paired_bootstrap(tests, names=names)
    assert (mean.low, mean.high) == (expected.low, expected.high)


def test_unlike_settings_are_named_but_not_another_checkpoint(tmp_path: Path) -> None:
    ours = run(tmp_path / "ours", {"en": ENGLISH}, num_train_epochs=1.0)
    theirs = run(tmp_path / "theirs", {"en": ENGLISH}, num_train_epochs=3.0, bf16=True)
    assert unlike_settings(ours, theirs) == [
        "training.num_train_epochs 1.0, there 3.0",
        "training.bf16 None, there True",
    ]
    assert unlike_settings(ours, ours) == []


def test_a_baseline_without_these_tests_or_without_its_predictions_is_refused(tmp_path: Path) -> None:
    run(tmp_path, {"en": ENGLISH})
    baseline = tmp_path / "results.json"
    assert check_comparable(baseline, {("xnli", "en"): "d1"}) is None
    with pytest.raises(ValueError, match="results.json has no test set of this run; it has xnli en"):
        check_comparable(baseline, {("xnli", "de"): "d1"})
    predictions_file(tmp_path, "seed-1", "xnli", "en").unlink()
    with pytest.raises(FileNotFoundError, match=f"{tmp_path} has no predictions for xnli en; keep them"):
        check_comparable(baseline, {("xnli", "en"): "d1"})

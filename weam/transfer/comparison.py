"""A run beside a baseline on the same test examples: differences with intervals.

The baseline is a run of another checkpoint, named by its `results.json`; its predictions lie beside it.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from weam.results import MEAN, Comparison, Results, compared_settings, differing, read_results
from weam.scores import ExampleScores, paired_bootstrap, predictions_file, read_names, read_scores

logger = logging.getLogger("weam")

Test = tuple[str, str]  # (benchmark, language)
BySeed = dict[int, ExampleScores]


def check_comparable(baseline_file: Path | None, tests: Mapping[Test, str]) -> None:
    """See that the baseline, if there is one, was tested on the same examples, before anything is trained.

    Args:
        baseline_file: its results.json.
        tests: (benchmark, language) -> fingerprint of the examples of this run.

    Raises:
        ValueError: it was tested on others, or on none of these.
        FileNotFoundError: its predictions are missing.
    """
    if baseline_file is None:
        return
    baseline = read_results(baseline_file)
    found = {(m.benchmark, m.language): m.data_fingerprint for m in baseline.measurements}
    shared = [test for test in tests if test in found]
    if not shared:
        raise ValueError(f"{baseline_file} has no test set of this run; it has {_names(found)}")
    unlike = [test for test in shared if found[test] != tests[test]]
    if unlike:
        raise ValueError(
            f"{baseline_file} was tested on other examples of {_names(unlike)}: use the same files and "
            "--max_test_samples"
        )
    for benchmark, language in shared:
        _all_scores(baseline, baseline_file.parent, benchmark, language)


def unlike_settings(run: Results, baseline: Results) -> list[str]:
    """Name the settings in which two runs differ, beside the checkpoint."""
    here, there = compared_settings(run), compared_settings(baseline)
    return [f"{name} {here.get(name)}, there {there.get(name)}" for name in differing(here, there)]


def with_comparisons(run: Results, folder: Path, baseline_file: Path | None) -> Results:
    """Add the comparisons with a baseline, if there is one; warn of settings in which the two differ.

    Args:
        run: this run.
        folder: where its predictions are.
        baseline_file: results.json of the baseline.
    """
    if baseline_file is None:
        return run
    for difference in unlike_settings(run, read_results(baseline_file)):
        logger.warning("%s was measured with another setting: %s", baseline_file, difference)
    return replace(run, comparisons=compare(run, folder, baseline_file))


def compare(run: Results, folder: Path, baseline_file: Path) -> list[Comparison]:
    """Compare every metric on every shared test set, and its mean over languages if all of the run's are.

    Args:
        run: this run.
        folder: where its predictions are.
        baseline_file: results.json of the baseline.
    """
    baseline = read_results(baseline_file)
    checkpoint = baseline.measurements[0].checkpoint
    comparisons = []
    for (benchmark, metric), paired in _paired_scores(run, folder, baseline, baseline_file.parent).items():
        tests = {language: [both] for language, both in paired.items()}
        names = None
        if len(paired) > 1 and set(paired) == {m.language for m in run.measurements if m.benchmark == benchmark}:
            tests[MEAN] = list(paired.values())
            names = _names_of_examples(run, folder, benchmark, paired)
        for language, test in tests.items():
            test_set = (benchmark, language, metric, checkpoint)
            found = paired_bootstrap(test, names=names if language == MEAN else None)
            comparisons.append(Comparison(found.difference, found.low, found.high, *test_set))
    return comparisons


def _paired_scores(
    run: Results, folder: Path, baseline: Results, baseline_folder: Path
) -> dict[tuple[str, str], dict[str, tuple[BySeed, BySeed]]]:
    """Return for each benchmark and metric, by language, the scores of the run and of the baseline."""
    paired: dict[tuple[str, str], dict[str, tuple[BySeed, BySeed]]] = {}
    measured = {(m.benchmark, m.language) for m in baseline.measurements}
    for benchmark, language in dict.fromkeys((m.benchmark, m.language) for m in run.measurements):
        if (benchmark, language) in measured:
            run_scores = _all_scores(run, folder, benchmark, language)
            baseline_scores = _all_scores(baseline, baseline_folder, benchmark, language)
            for metric, scores in run_scores.items():
                paired.setdefault((benchmark, metric), {})[language] = (scores, baseline_scores[metric])
    return paired


def _all_scores(results: Results, folder: Path, benchmark: str, language: str) -> dict[str, BySeed]:
    """Return for each metric the scores of every training that was tested on this: a seed has one."""
    found: dict[str, BySeed] = {}
    for training in results.trainings:
        path = predictions_file(folder, training.name, benchmark, language)
        if path.exists():
            for metric, scores in read_scores(path).items():
                found.setdefault(metric, {})[training.seed] = scores
    if not found:
        raise FileNotFoundError(
            f"{folder} has no predictions for {benchmark} {language}; keep them beside results.json"
        )
    return found


def _names_of_examples(run: Results, folder: Path, benchmark: str, languages: Iterable[str]) -> list[list[str]] | None:
    """Return the names of the examples of each test set; None where they have none."""
    names = []
    for language in languages:
        paths = (predictions_file(folder, training.name, benchmark, language) for training in run.trainings)
        own = read_names(next(path for path in paths if path.exists()))
        if own is None:
            return None
        names.append(own)
    return names


def _names(tests: Iterable[Test]) -> str:
    return ", ".join(f"{benchmark} {language}" for benchmark, language in tests)

"""This run beside another one on the same test examples: differences with intervals.

The other run is named by its `results.json`; its predictions lie beside it.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from weam.results import MEAN, Comparison, Results, compared_settings, differing, read_results
from weam.scores import Ratio, paired_bootstrap, predictions_file, read_scores

logger = logging.getLogger("weam")

Test = tuple[str, str]  # (benchmark, language)
BySeed = dict[int, Ratio]


def check_comparable(other: Path, tests: Mapping[Test, str]) -> None:
    """See that the other run was tested on the same examples, before anything is trained.

    Args:
        other: its results.json.
        tests: (benchmark, language) -> fingerprint of our examples.

    Raises:
        ValueError: it was tested on others, or on none of ours.
        FileNotFoundError: its predictions are missing.
    """
    results = read_results(other)
    theirs = {(m.benchmark, m.language): m.data_fingerprint for m in results.measurements}
    shared = [test for test in tests if test in theirs]
    if not shared:
        raise ValueError(f"{other} has no test set of this run; it has {_names(theirs)}")
    differing = [test for test in shared if theirs[test] != tests[test]]
    if differing:
        raise ValueError(
            f"{other} was tested on other examples of {_names(differing)}: use the same files and --max_test_samples"
        )
    for benchmark, language in shared:
        _all_scores(results, other.parent, benchmark, language)


def unlike_settings(ours: Results, theirs: Results) -> list[str]:
    """Name the settings in which two runs differ, beside the checkpoint."""
    mine, its = compared_settings(ours), compared_settings(theirs)
    return [f"{name} {mine.get(name)}, there {its.get(name)}" for name in differing(mine, its)]


def with_comparisons(results: Results, folder: Path, other: Path | None) -> Results:
    """Add the comparisons with another run, if there is one; warn of settings in which the two differ.

    Args:
        results: this run.
        folder: where its predictions are.
        other: the other run's results.json.
    """
    if other is None:
        return results
    results = replace(results, comparisons=compare(results, folder, other))
    for difference in unlike_settings(results, read_results(other)):
        logger.warning("%s was measured with another setting: %s", other, difference)
    return results


def compare(ours: Results, folder: Path, other: Path) -> list[Comparison]:
    """Compare every metric on every shared test set, and its mean over languages if all of ours are.

    Args:
        ours: this run.
        folder: where its predictions are.
        other: the other run's results.json.
    """
    theirs = read_results(other)
    checkpoint = theirs.measurements[0].checkpoint
    comparisons = []
    for (benchmark, metric), paired in _paired_scores(ours, folder, theirs, other.parent).items():
        tests = {language: [both] for language, both in paired.items()}
        if len(paired) > 1 and set(paired) == {m.language for m in ours.measurements if m.benchmark == benchmark}:
            tests[MEAN] = list(paired.values())
        for language, test in tests.items():
            test_set = {"benchmark": benchmark, "language": language, "metric": metric, "checkpoint": checkpoint}
            comparisons.append(Comparison(**vars(paired_bootstrap(test)), **test_set))
    return comparisons


def _paired_scores(
    ours: Results, folder: Path, theirs: Results, other_folder: Path
) -> dict[tuple[str, str], dict[str, tuple[BySeed, BySeed]]]:
    """Return for each benchmark and metric, by language, our scores and theirs."""
    paired: dict[tuple[str, str], dict[str, tuple[BySeed, BySeed]]] = {}
    for benchmark, language in dict.fromkeys((m.benchmark, m.language) for m in ours.measurements):
        if any((m.benchmark, m.language) == (benchmark, language) for m in theirs.measurements):
            mine = _all_scores(ours, folder, benchmark, language)
            its = _all_scores(theirs, other_folder, benchmark, language)
            for metric in mine:
                paired.setdefault((benchmark, metric), {})[language] = (mine[metric], its[metric])
    return paired


def _all_scores(results: Results, folder: Path, benchmark: str, language: str) -> dict[str, BySeed]:
    """Return for each metric the scores of every training that was tested on this: a seed has one."""
    found: dict[str, BySeed] = {}
    for training in results.trainings:
        path = predictions_file(folder, training.name, benchmark, language)
        if path.exists():
            for metric, ratio in read_scores(path).items():
                found.setdefault(metric, {})[training.seed] = ratio
    if not found:
        raise FileNotFoundError(
            f"{folder} has no predictions for {benchmark} {language}; keep them beside results.json"
        )
    return found


def _names(tests: Iterable[Test]) -> str:
    return ", ".join(f"{benchmark} {language}" for benchmark, language in tests)

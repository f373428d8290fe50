"""Write the figures of the study into cells and columns of Markdown tables.

Scores are in percent, differences in points with their 95 % intervals; – is what was not measured.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean, stdev

from benchmarks.markdown import MISSING, percent, table
from benchmarks.study.record import ERROR_RATE, SPACE_PAIRS, Benchmark, Gap, Study
from weam.results import MEAN
from weam.scores import Difference

LAST, BEST = "last", "best"  # layers
Column = tuple[str, Callable[[str], str]]  # its head, and what it says of an encoder


def score(values: Sequence[float] | None) -> str:
    """Write the mean of a score over seeds, with the standard deviation where there are several.

    >>> score([0.5, 0.52]), score([0.5]), score(None)
    ('51.0 ± 1.4', '50.0', '–')
    """
    if not values:
        return MISSING
    return percent(fmean(values)) + (f" ± {percent(stdev(values))}" if len(values) > 1 else "")


def points(gap: Difference | None) -> str:
    """Write a difference.

    >>> points(Gap(0.0123, -0.001, 0.02)), points(None)
    ('+1.2 [-0.1, +2.0]', '–')
    """
    return MISSING if gap is None else f"{100 * gap.difference:+.1f} [{100 * gap.low:+.1f}, {100 * gap.high:+.1f}]"


def signed(difference: float | None) -> str:
    """Write a difference that has no interval.

    >>> signed(-0.0123), signed(None)
    ('-1.2', '–')
    """
    return MISSING if difference is None else f"{100 * difference:+.1f}"


def seed_note(gap: Gap, evaluation: str) -> str:
    """Say where an interval knows nothing of the spread over seeds, as one of both systems has a single one.

    >>> seed_note(Gap(0.01, 0.0, 0.02, (1, 3)), "udpos"), seed_note(Gap(0.01, 0.0, 0.02, (1, 1)), "tatoeba")
    (' (one seed)', '')
    """
    return " (one seed)" if min(gap.seeds) == 1 and evaluation != Benchmark.TATOEBA else ""


def encoder_table(
    head: str, encoders: Iterable[str], columns: Sequence[Column], labels: Mapping[str, str] | None = None
) -> str:
    """Lay out a row for each encoder of which a column says anything; nothing if there is none."""
    names = {encoder: (labels or {}).get(encoder, encoder) for encoder in encoders}
    rows = [[name, *(cell(encoder) for _, cell in columns)] for encoder, name in names.items()]
    kept = [row for row in rows if set(row[1:]) - {MISSING}]
    return table([head, *(title for title, _ in columns)], kept) if kept else ""


def score_column(study: Study, head: str, evaluation: str, language: str = MEAN) -> Column:
    """Return a column of scores."""
    return head, lambda encoder: score(study.scores.get((f"{encoder}/{evaluation}", language)))


def gap_column(
    study: Study,
    head: str,
    evaluation: str,
    theirs: str | Callable[[str], str],
    language: str | Callable[[str], str] = MEAN,
) -> Column:
    """Return a column of differences to an encoder, in a language; each may depend on the encoder of the row."""

    def cell(encoder: str) -> str:
        other, where = (of if isinstance(of, str) else of(encoder) for of in (theirs, language))
        return points(study.gap(f"{encoder}/{evaluation}", f"{other}/{evaluation}", where))

    return head, cell


def pair_columns(
    study: Study, evaluation: Benchmark, theirs: str | Callable[[str], str], words: str = "", language: str = MEAN
) -> list[Column]:
    """Return a column of scores, with words behind the benchmark's title, and one of differences."""
    less = f"less {theirs}" if isinstance(theirs, str) else "difference"
    return [
        score_column(study, evaluation.heading + words, evaluation, language),
        gap_column(study, less, evaluation, theirs, language),
    ]


def compared(study: Study, evaluations: Iterable[Benchmark], theirs: str | Callable[[str], str]) -> list[Column]:
    """Return both columns for each of several benchmarks."""
    return [column for evaluation in evaluations for column in pair_columns(study, evaluation, theirs)]


def layer_cell(study: Study, encoder: str, metric: str, layer: str) -> str:
    """Write a figure of the space for both language pairs, at the last layer or at the best one, which is named."""
    cells = []
    for pair in SPACE_PAIRS:
        values = study.layers.get((encoder, pair, metric))
        if values is None:
            cells.append(MISSING)
        elif layer == LAST:
            cells.append(percent(values[-1]))
        else:
            best = (min if metric == ERROR_RATE else max)(values)
            cells.append(f"{percent(best)} ({values.index(best) + 1})")
    return MISSING if set(cells) == {MISSING} else " / ".join(cells)


def layer_column(study: Study, head: str, metric: str, layer: str) -> Column:
    """Return a column of the space, German / Chinese."""
    return head, lambda encoder: layer_cell(study, encoder, metric, layer)

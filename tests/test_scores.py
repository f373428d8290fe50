"""Ratios, and the paired bootstrap: cases known without drawing, laws, and a reference that draws one at a time."""

from collections.abc import Iterable, Sequence

import numpy as np
import pytest

from weam.scores import DRAWS, Difference, ExampleScores, paired_bootstrap

GOOD, BAD = ExampleScores.mean([1.0] * 100), ExampleScores.mean([0.0] * 100)
Systems = tuple[list[ExampleScores], list[ExampleScores]]


def compare(tests: list[Systems], draws: int = DRAWS, same_seeds: bool = False) -> Difference:
    """Call the bootstrap on systems whose seeds are 0, 1, ..., on both sides or on ours only."""
    first = 0 if same_seeds else 100
    return paired_bootstrap([(dict(enumerate(ours)), dict(enumerate(theirs, first))) for ours, theirs in tests], draws)


def ratios(seed: int, systems: int, count: int = 40) -> list[ExampleScores]:
    """Return drawn ratios over the same examples; a third of the denominators are 0."""
    generator = np.random.default_rng(seed)
    denominators = generator.integers(0, 3, count).astype(float)
    return [ExampleScores(denominators * generator.random(count), denominators) for _ in range(systems)]


# Ratios


def test_a_ratio_is_the_sum_of_the_numerators_over_that_of_the_denominators() -> None:
    ratio = ExampleScores(np.array([2.0, 0.0, 1.0]), np.array([4.0, 0.0, 8.0]))
    assert (ratio.value, ratio.count) == (0.25, 3)


def test_nothing_over_nothing_is_0() -> None:
    assert ExampleScores(np.zeros(2), np.zeros(2)).value == 0


def test_a_mean_counts_every_example_once() -> None:
    ratio = ExampleScores.mean([True, False, True, True])
    assert ratio.numerators.tolist() == [1, 0, 1, 1] and ratio.numerators.dtype == np.float64
    assert ratio.denominators.tolist() == [1, 1, 1, 1]
    assert (ratio.value, ratio.count) == (0.75, 4)


# Cases known without drawing


def test_a_system_does_not_differ_from_itself() -> None:
    (ratio,) = ratios(0, 1)
    assert compare([([ratio], [ratio])]) == Difference(0, 0, 0)


def test_a_difference_alike_on_all_examples_has_no_interval() -> None:
    scores = np.random.default_rng(0).random(100)
    difference = compare([([ExampleScores.mean(scores + 0.25)], [ExampleScores.mean(scores)])])
    assert (difference.difference, difference.low, difference.high) == pytest.approx((0.25, 0.25, 0.25))


def test_sixty_more_right_answers_of_a_hundred_are_a_difference() -> None:
    ours = ExampleScores.mean([1.0] * 80 + [0.0] * 20)
    theirs = ExampleScores.mean([0.0] * 60 + [1.0] * 20 + [0.0] * 20)
    difference = compare([([ours], [theirs])])
    assert difference.difference == pytest.approx(0.6, abs=1e-12)
    # binomial: 0.6 +- 1.96 * sqrt(0.6 * 0.4 / 100) = 0.504 to 0.696
    assert (difference.low, difference.high) == pytest.approx((0.504, 0.696), abs=0.011)


def test_one_more_right_answer_of_a_hundred_is_none() -> None:
    difference = compare(
        [([ExampleScores.mean([1.0] * 51 + [0.0] * 49)], [ExampleScores.mean([1.0] * 50 + [0.0] * 50)])]
    )
    assert difference.difference == pytest.approx(0.01)
    assert difference.low == 0


def test_seeds_are_drawn_too() -> None:
    """Of two seeds, one right everywhere and one nowhere: both twice as often as either alone, each side."""
    assert compare([([GOOD, GOOD], [BAD])]) == Difference(1, 1, 1)
    assert compare([([GOOD, BAD], [BAD])]) == Difference(0.5, 0, 1)
    assert compare([([GOOD], [GOOD, BAD])]) == Difference(0.5, 0, 1)
    assert compare([([GOOD, BAD], [GOOD, BAD])]) == Difference(0, -1, 1)


def test_test_sets_are_averaged() -> None:
    tests = [([GOOD], [BAD]), ([GOOD], [GOOD]), ([ExampleScores.mean([0.5] * 7)], [ExampleScores.mean([0.0] * 7)])]
    assert compare(tests) == Difference(0.5, 0.5, 0.5)


def test_parallel_test_sets_are_resampled_alike() -> None:
    """Where one is right just where the other is wrong, their mean is 0.5 on the same rows only."""
    one, other = ExampleScores.mean([1.0] * 50 + [0.0] * 50), ExampleScores.mean([0.0] * 50 + [1.0] * 50)
    difference = compare([([one], [BAD]), ([other], [BAD])])
    assert (difference.difference, difference.low, difference.high) == pytest.approx((0.5, 0.5, 0.5))


def test_parallel_test_sets_of_unlike_size_are_resampled_by_name() -> None:
    """As MLQA's: the smaller set has a part of the questions. An example by name, one resample at a time."""
    gains = np.random.default_rng(3).normal(size=60)
    names = [[str(n) for n in range(60)], [str(n) for n in range(0, 60, 2)]]
    tests = [
        ({1: ExampleScores.mean([gains[int(n)] for n in own])}, {1: ExampleScores.mean([0.0] * len(own))})
        for own in names
    ]
    generator = np.random.default_rng(4)
    slow = []
    for _ in range(4000):
        drawn = generator.integers(60, size=60)
        slow.append(np.mean([np.mean([gains[n] for n in drawn]), np.mean([gains[n] for n in drawn if n % 2 == 0])]))
    found, apart = paired_bootstrap(tests, 4000, names=names), paired_bootstrap(tests, 4000)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(slow, [0.025, 0.975])), abs=0.03)
    assert found.difference == apart.difference and found.high - found.low > 1.1 * (apart.high - apart.low)


def test_what_two_test_sets_share_is_not_in_their_weighed_difference() -> None:
    """Better by a fourth in one language and by three fourths in the other: the system falls half a point further."""
    tests = [({1: ExampleScores.mean([gain] * 9)}, {1: ExampleScores.mean([0.0] * 9)}) for gain in (0.75, 0.25)]
    assert paired_bootstrap(tests, 50, [1, -1]) == Difference(0.5, 0.5, 0.5)
    assert paired_bootstrap(tests, 50, [0.5, 0.5]) == paired_bootstrap(tests, 50)


def test_a_weighed_difference_is_that_of_a_slow_bootstrap() -> None:
    """Example by example, over English and two parallel languages, with one seed."""
    rows = np.random.default_rng(5).random((6, 40)) < 0.6  # (test sets x both systems, examples)
    tests = [({1: ExampleScores.mean(rows[i] * 1.0)}, {1: ExampleScores.mean(rows[i + 1] * 1.0)}) for i in (0, 2, 4)]
    found = paired_bootstrap(tests, 4000, [1, -0.5, -0.5])
    gaps = [(a - b) - (c - d + e - f) / 2 for a, b, c, d, e, f in rows.T.astype(float).tolist()]
    generator = np.random.default_rng(1)
    slow = [np.mean([gaps[i] for i in generator.integers(40, size=40)]) for _ in range(4000)]
    assert found.difference == pytest.approx(np.mean(gaps))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(slow, [0.025, 0.975])), abs=0.03)


# Laws


def test_the_same_comparison_gives_the_same_interval() -> None:
    systems = ratios(1, 3), ratios(1, 2)
    assert compare([systems], draws=800) == compare([systems], draws=800)


def test_the_other_way_round_the_interval_is_mirrored() -> None:
    ours, theirs = ratios(2, 2)
    one, other = (compare([pair], draws=800) for pair in (([ours], [theirs]), ([theirs], [ours])))
    assert (other.difference, other.low, other.high) == pytest.approx((-one.difference, -one.high, -one.low))


def test_pairing_narrows_the_interval_of_systems_that_err_alike() -> None:
    right = np.array([1.0] * 50 + [0.0] * 50)
    alike = compare([([ExampleScores.mean(right)], [ExampleScores.mean(right * (np.arange(100) > 4))])])
    unlike = compare([([ExampleScores.mean(right)], [ExampleScores.mean((right * (np.arange(100) > 4))[::-1])])])
    assert alike.difference == pytest.approx(unlike.difference) and alike.difference == pytest.approx(0.05)
    assert alike.high - alike.low < 0.1 < 0.3 < unlike.high - unlike.low


def test_seeds_that_differ_widen_the_interval() -> None:
    rows = np.random.default_rng(0).random(100)
    seeds = [ExampleScores.mean(rows < share) for share in (0.4, 0.6, 0.8)]
    one, several = (compare([(ours, [BAD])]) for ours in ([seeds[1]], seeds))
    assert several.high - several.low > 1.2 * (one.high - one.low)


def test_equal_seeds_are_drawn_together() -> None:
    """Both systems fare well with one seed and badly with the other: the difference is the same with either."""
    high, low = (ExampleScores.mean([value] * 100) for value in (0.75, 0.5))
    assert compare([([GOOD, high], [high, low])], same_seeds=True) == Difference(0.25, 0.25, 0.25)
    apart = compare([([GOOD, high], [high, low])])
    assert (apart.difference, apart.low, apart.high) == (0.25, 0.0, 0.5)


def test_equal_seeds_are_matched_whatever_their_order() -> None:
    ours, theirs = {1: GOOD, 2: BAD}, {2: BAD, 1: GOOD}
    assert paired_bootstrap([(ours, theirs)]) == Difference(0, 0, 0)


# Against a reference


def value_of(systems: Sequence[ExampleScores], seeds: Iterable[int], rows: np.ndarray) -> float:
    """Average the ratio of the seeds over the rows, both of which may repeat."""
    values = []
    for seed in seeds:
        numerator = sum(systems[seed].numerators[row] for row in rows)
        denominator = sum(systems[seed].denominators[row] for row in rows)
        values.append(numerator / denominator if denominator else 0.0)
    return sum(values) / len(values)


def slow_bootstrap(tests: list[Systems], draws: int) -> Difference:
    """Draw one resample at a time: first the rows of all, then the seeds of ours, then those of theirs."""
    differences = np.zeros(draws)
    value = 0.0
    for ours, theirs in tests:
        count, generator = ours[0].count, np.random.default_rng(0)
        weights = [generator.multinomial(count, [1 / count] * count) for _ in range(draws)]
        seeds = [[generator.integers(len(side), size=len(side)) for _ in range(draws)] for side in (ours, theirs)]
        for draw in range(draws):
            rows = np.repeat(np.arange(count), weights[draw])
            ours_drawn, theirs_drawn = value_of(ours, seeds[0][draw], rows), value_of(theirs, seeds[1][draw], rows)
            differences[draw] += (ours_drawn - theirs_drawn) / len(tests)
        value += (np.mean([r.value for r in ours]) - np.mean([r.value for r in theirs])) / len(tests)
    low, high = np.quantile(differences, [0.025, 0.975])
    return Difference(value, low, high)


@pytest.mark.parametrize(
    ("tests", "draws"),
    [
        ([(ratios(0, 1), ratios(1, 1))], 600),  # more than are drawn at once; one seed takes nothing from the generator
        ([(ratios(3, 1), ratios(4, 1)), (ratios(5, 1, 15), ratios(6, 1, 15))], 600),
        ([(ratios(7, 3), ratios(8, 2))], 300),
        ([(ratios(9, 2), ratios(10, 3)), (ratios(11, 2, 15), ratios(12, 3, 15))], 300),
    ],
    ids=["one test set", "two test sets", "seeds", "seeds and two test sets"],
)
def test_the_bootstrap_equals_a_loop(tests: list[Systems], draws: int) -> None:
    expected, found = slow_bootstrap(tests, draws), compare(tests, draws)
    assert (found.difference, found.low, found.high) == pytest.approx(
        (expected.difference, expected.low, expected.high)
    )
    assert found.low < found.high


# What is refused


@pytest.mark.parametrize(
    ("ours", "theirs", "counts"),
    [
        ([GOOD], [ExampleScores.mean([1.0] * 99)], r"\[99, 100\]"),
        ([GOOD, ExampleScores.mean([1.0] * 3)], [GOOD], r"\[3, 100\]"),
        ([ExampleScores.mean([])], [ExampleScores.mean([])], r"\[0\]"),
    ],
)
def test_other_examples_or_none_are_refused(
    ours: list[ExampleScores], theirs: list[ExampleScores], counts: str
) -> None:
    message = f"a paired comparison needs the same examples for all, but there are {counts} of them"
    with pytest.raises(ValueError, match=message):
        compare([(ours, theirs)])

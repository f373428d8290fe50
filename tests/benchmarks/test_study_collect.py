"""Figures of the study: verdicts, differences known without drawing, means without English, what was not measured."""

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.study import collect as study_figures
from benchmarks.study.claims import CLAIMS, Claim, Contrast, judge, judged, verdict
from benchmarks.study.claims import evaluations as deciding
from benchmarks.study.collect import (
    Evaluation,
    by_evaluation,
    compare,
    correlations,
    evaluations,
    gather,
    main,
    same_backbones,
    scores,
    seed_spread,
    space,
    spearman,
    trainings,
    wanted_comparisons,
)
from benchmarks.study.places import Place, places
from benchmarks.study.plan import E5, QUESTIONS, SCALES, Step, baseline, is_foreign, plan
from benchmarks.study.store import Measured, example_scores, finished_steps, read_measured
from weam.results import Measurement, Results, Training, read_results, write_results
from weam.scores import ExampleScores, Scored, predictions_file, write_predictions

HOLDS, FAILS, UNDECIDED, MISSING = "holds", "does not hold", "undecided at this scale", "not measured yet"
SMALL = SCALES["small"]
RIGHT, WRONG = [1.0] * 6, [0.0] * 6
WEAM, BACKBONE = "weam, 6 layers/xnli zero-shot", "backbone (E5-small, 4-bit), 6 layers/xnli zero-shot"


def measured(
    language: str, value: float, seed: int = 1, metric: str = "accuracy", benchmark: str = "xnli", count: int = 6
) -> Measurement:
    return Measurement(benchmark, language, metric, value, count, seed, 10, "base", "b" * 16, f"{language} examples")


def run_of(*measurements: Measurement, program: str = "run_xnli", trainings: Sequence[Training] = ()) -> Results:
    return Results(program, program, {"training": {}}, [], list(trainings), list(measurements), 1.0)


def leave(
    folder: Path, right: dict[str, list[float]], seed: int = 1, metric: str = "accuracy", benchmark: str = "xnli"
) -> Results:
    """Write results and predictions of one seed: for each language whether each example is right."""
    measurements, training = [], Training(f"seed-{seed}", seed, 10, 100, 1.0, [])
    for language, values in right.items():
        ratio = ExampleScores.mean(values)
        path = predictions_file(folder, training.name, benchmark, language)
        write_predictions(Scored({metric: ratio}, [""] * len(values)), path)
        measurements.append(measured(language, ratio.value, seed, metric, benchmark, len(values)))
    results = run_of(*measurements, trainings=[training])
    write_results(results, folder)
    return results


def evaluate(
    folder: Path, right: dict[str, list[float]], seed: int = 1, metric: str = "accuracy", benchmark: str = "xnli"
) -> Evaluation:
    """Measure one seed and put it on record."""
    results = leave(folder, right, seed, metric, benchmark)
    return Evaluation({seed: Measured(results, example_scores(results, folder))})


def without_examples(evaluation: Evaluation) -> Evaluation:
    return Evaluation({seed: replace(one, examples={}) for seed, one in evaluation.by_seed.items()})


def evaluations_of(scale: str) -> set[str]:
    """Return what a plan measures, as `encoder/evaluation`."""
    return set(by_evaluation(dict.fromkeys((step.name for step in plan(SCALES[scale], list(QUESTIONS))), run_of())))


def differences(rows: list[dict]) -> list[tuple]:
    return [(row["language"], row["metric"], row["difference"], row["low"], row["high"]) for row in rows]


# Verdicts


@pytest.mark.parametrize(
    ("relation", "low", "high", "word"),
    [
        ("above", 0.001, 0.03, HOLDS),
        ("above", -0.001, 0.03, UNDECIDED),
        ("above", 0.0, 0.03, UNDECIDED),
        ("above", -0.03, -0.001, FAILS),
        ("below", -0.03, -0.001, HOLDS),
        ("below", -0.03, 0.001, UNDECIDED),
        ("below", 0.001, 0.03, FAILS),
        ("like", -0.01, 0.01, HOLDS),
        ("like", 0.002, 0.01, HOLDS),
        ("like", -0.011, 0.005, UNDECIDED),
        ("like", 0.005, 0.011, UNDECIDED),
        ("like", 0.011, 0.02, FAILS),
        ("like", -0.02, -0.011, FAILS),
        ("like", -0.02, 0.02, UNDECIDED),
    ],
)
def test_a_contrast_is_judged_by_its_interval(relation: str, low: float, high: float, word: str) -> None:
    assert verdict(relation, low, high) == word


@pytest.mark.parametrize(
    ("words", "joined"),
    [
        ([HOLDS, HOLDS], HOLDS),
        ([HOLDS, UNDECIDED], UNDECIDED),
        ([UNDECIDED, MISSING], MISSING),
        ([MISSING, HOLDS, FAILS], FAILS),
    ],
)
def test_a_claim_holds_if_all_its_contrasts_do_and_fails_if_one_does(words: list[str], joined: str) -> None:
    assert judged(words) == joined


def gap(run: str, baseline: str, low: float, high: float, language: str = "mean") -> dict:
    return {"run": run, "baseline": baseline, "language": language, "low": low, "high": high, "seeds": [3, 3]}


ABOVE = Claim("x", "WEAM is above the backbone", (Contrast("weam", "above", E5),))
DEEP = ("weam, 12 layers/nli zero-shot", "backbone (E5-small, 4-bit), 12 layers/nli zero-shot")
LARGE = ("weam, 12 layers, 60,000 pairs/nli zero-shot", "backbone (E5-small, 4-bit), 12 layers/nli zero-shot")


def verdicts(*rows: dict) -> list[str]:
    return [contrast["verdict"] for contrast in judge([ABOVE], rows, SMALL)[0]["contrasts"]]


def test_claims_are_judged_by_the_mean_and_keep_their_figures() -> None:
    claim = Claim("x", "WEAM is best", (Contrast("weam", "above", E5), Contrast("weam", "like", "tlm")))
    german = gap(WEAM, BACKBONE, -0.02, -0.01, "de")
    rows = [german, gap(WEAM, BACKBONE, 0.01, 0.02), german]
    (judgement,) = judge([claim], rows, SMALL)
    assert (judgement["letter"], judgement["text"], judgement["verdict"]) == ("x", "WEAM is best", MISSING)
    first, second = judgement["contrasts"]
    assert first == {"run": WEAM, "relation": "above", "baseline": BACKBONE, "verdict": HOLDS, "figures": rows[1]}
    assert (second["verdict"], second["figures"]) == (MISSING, None)


def test_fewer_than_three_seeds_on_either_side_decide_nothing() -> None:
    rows = [{**gap(WEAM, BACKBONE, 0.01, 0.02), "seeds": seeds} for seeds in ([3, 3], [3, 2], [1, 3])]
    assert [verdicts(row) for row in rows] == [[HOLDS], [UNDECIDED], [UNDECIDED]]


def test_all_layers_decide_where_they_were_measured_most_pairs_first() -> None:
    six, deep, large = gap(WEAM, BACKBONE, 0.01, 0.02), gap(*DEEP, -0.02, -0.01), gap(*LARGE, 0.03, 0.04)
    assert [verdicts(*rows) for rows in ([six], [six, deep], [six, deep, large])] == [
        [HOLDS],
        [FAILS],
        [HOLDS],
    ]


def test_all_layers_with_few_seeds_leave_the_decision_to_six() -> None:
    few = {**gap(*DEEP, -0.02, -0.01), "seeds": [1, 1]}
    assert verdicts(gap(WEAM, BACKBONE, 0.01, 0.02), few) == [HOLDS]
    assert verdicts(few) == [MISSING]


def test_translate_train_goes_on_from_english_nli_on_both_sides() -> None:
    """Else one side would have more training text than the other."""
    large, deep, _ = deciding(Contrast("weam", "below", E5, other_setting="xnli translate-train"), SMALL)
    translated = "backbone (E5-small, 4-bit), 12 layers, after English NLI/xnli translate-train"
    assert deep == ("weam, 12 layers, after English NLI/xnli zero-shot", translated)
    assert large == ("weam, 12 layers, 60,000 pairs, after English NLI/xnli zero-shot", translated)


def test_what_claims_speak_of_is_in_the_plan() -> None:
    planned = evaluations_of("small")
    for claim in CLAIMS:
        for contrast in claim.contrasts:
            large, *others = deciding(contrast, SMALL)
            wanted = [*others, *([large] if claim.letter in "ade" else [])]
            assert [side for pair in wanted for side in pair if side not in planned] == []


# Scores


def test_seeds_of_an_evaluation_are_joined() -> None:
    names = [
        "weam, 6 layers",
        "weam, 6 layers/space",
        "weam, 6 layers/udpos/seed 1",
        "weam, 6 layers/tatoeba",
        "weam, 6 layers/udpos/seed 2",
        "English NLI then weam, 6 layers",
    ]
    assert by_evaluation({name: run_of() for name in names}) == {
        "weam, 6 layers/udpos": ["weam, 6 layers/udpos/seed 1", "weam, 6 layers/udpos/seed 2"],
        "weam, 6 layers/tatoeba": ["weam, 6 layers/tatoeba"],
    }


def test_scores_have_the_values_of_all_seeds_the_mean_without_english_and_the_transfer_gap() -> None:
    results = {
        f"{WEAM}/seed {seed}": run_of(
            measured("en", 0.75, seed), measured("de", 0.5 + seed / 8, seed), measured("zh", 0.25, seed)
        )
        for seed in (1, 2)
    }
    found = list(scores(results))
    assert [(row["language"], row["values"], row["count"]) for row in found] == [
        ("en", [0.75, 0.75], 6),
        ("de", [0.625, 0.75], 6),
        ("zh", [0.25, 0.25], 6),
        ("mean", [0.4375, 0.5], None),
        ("transfer gap", [0.3125, 0.25], None),
    ]
    assert {(row["encoder"], row["evaluation"], row["benchmark"], row["metric"]) for row in found} == {
        ("weam, 6 layers", "xnli zero-shot", "xnli", "accuracy")
    }


def test_the_mean_is_of_seeds_that_all_languages_have() -> None:
    rows = [measured("de", 0.5, 1), measured("zh", 0.25, 1), measured("de", 0.75, 2)]
    assert list(scores({WEAM: run_of(*rows)}))[-1]["values"] == [0.375]


@pytest.mark.parametrize(
    "rows",
    [[measured("en", 0.5), measured("de", 0.5)], [measured("de", 0.5, 1), measured("zh", 0.5, 2)]],
    ids=["one language but English", "no seed in common"],
)
def test_there_may_be_no_mean(rows: list[Measurement]) -> None:
    assert "mean" not in [row["language"] for row in scores({WEAM: run_of(*rows)})]


def test_metrics_keep_apart() -> None:
    rows = [measured(name, value, metric=metric) for metric, value in (("f1", 0.5), ("em", 0.25)) for name in "ab"]
    means = {
        row["metric"]: row["values"]
        for row in scores({"weam, 6 layers/mlqa": run_of(*rows)})
        if row["language"] == "mean"
    }
    assert means == {"f1": [0.5], "em": [0.25]}


def test_trainings_and_spaces_are_no_scores() -> None:
    assert (
        list(
            scores(
                {
                    "weam, 6 layers": run_of(measured("en-de", 1.0)),
                    "weam, 6 layers/space": run_of(measured("en-de", 1.0)),
                }
            )
        )
        == []
    )


@pytest.mark.parametrize(("language", "foreign"), [("de", True), ("en", False), ("zh-en", True), ("en-zh", False)])
def test_questions_about_english_contexts_are_no_transfer(language: str, foreign: bool) -> None:
    assert is_foreign(language) == foreign


def test_the_spread_over_seeds_is_that_of_the_backbone() -> None:
    rows = [measured("de", value, seed) for seed, value in enumerate((0.5, 0.6, 0.7))]
    figures = [*scores({BACKBONE: run_of(*rows), "backbone (E5-small, 4-bit), 6 layers/udpos": run_of(rows[0])})]
    (row,) = seed_spread(figures, SMALL)
    assert row.pop("deviation") == pytest.approx(0.1)
    assert row == {
        "evaluation": "xnli zero-shot",
        "language": "de",
        "metric": "accuracy",
        "of_differences": None,
        "seeds": 3,
    }


def test_the_spread_of_differences_is_between_equal_seeds() -> None:
    """WEAM is 0.1, 0.1 and 0.4 above the backbone, TLM always 0.2; a system with other seeds does not count."""
    values = {BACKBONE: (0.5, 0.6, 0.2), WEAM: (0.6, 0.7, 0.6), "tlm, 6 layers/xnli zero-shot": (0.7, 0.8, 0.4)}
    runs = {
        name: run_of(*(measured("de", value, seed) for seed, value in enumerate(own))) for name, own in values.items()
    }
    others = run_of(*(measured("de", value, seed + 1) for seed, value in enumerate((0.0, 1.0, 0.0))))
    (row,) = seed_spread([*scores({**runs, "mlm, 6 layers/xnli zero-shot": others})], SMALL)
    assert row["of_differences"] == pytest.approx((0.03 / 2) ** 0.5)


def test_all_layers_have_a_spread_of_their_own() -> None:
    seeds = {
        "backbone (E5-small, 4-bit), 12 layers": (0.5, 0.6, 0.7),
        "weam, 12 layers": (0.6, 0.7, 0.8),
        "backbone (E5-small, 4-bit), 6 layers": (0.3,),
    }
    runs = {
        f"{encoder}/nli zero-shot": run_of(*(measured("de", value, seed) for seed, value in enumerate(own)))
        for encoder, own in seeds.items()
    }
    (row,) = seed_spread([*scores(runs)], SMALL)
    assert (row["evaluation"], row["seeds"]) == ("nli zero-shot", 3)
    assert (row["deviation"], row["of_differences"]) == pytest.approx((0.1, 0.0))


def test_what_goes_on_from_english_nli_has_a_spread_of_its_own() -> None:
    """Translate-train has one seed with six layers."""
    seeds = {
        "backbone (E5-small, 4-bit), 12 layers, after English NLI": (0.5, 0.6),
        "tlm, 12 layers, after English NLI": (0.7, 0.6),
        "backbone (E5-small, 4-bit), 6 layers": (0.3,),
    }
    runs = {
        f"{encoder}/xnli translate-train": run_of(*(measured("de", value, seed) for seed, value in enumerate(own)))
        for encoder, own in seeds.items()
    }
    (row,) = seed_spread([*scores(runs)], SMALL)
    assert (row["deviation"], row["of_differences"]) == pytest.approx((0.05 * 2**0.5, 0.1 * 2**0.5))


def test_the_spread_of_six_layers_goes_before_that_of_all_layers() -> None:
    """WEAM is always 0.1 above the backbone of its depth; an encoder of the other depth is none of its systems."""
    seeds = {
        "backbone (E5-small, 4-bit), 6 layers": (0.5, 0.6),
        "weam, 6 layers": (0.6, 0.7),
        "backbone (E5-small, 4-bit), 12 layers": (0.1, 0.9),
        "weam, 200-step head warm-up, 12 layers": (0.9, 0.1),
    }
    runs = {
        f"{encoder}/panx": run_of(*(measured("de", value, seed) for seed, value in enumerate(own)))
        for encoder, own in seeds.items()
    }
    (row,) = seed_spread([*scores(runs)], SMALL)
    assert (row["deviation"], row["of_differences"]) == pytest.approx((0.05 * 2**0.5, 0.0))


# Differences


def test_a_comparison_has_every_shared_test_set_the_mean_without_english_and_the_transfer_gap(tmp_path: Path) -> None:
    known = {
        WEAM: evaluate(tmp_path / "run", {"en": WRONG, "de": RIGHT, "zh": RIGHT, "tr": RIGHT}),
        BACKBONE: evaluate(tmp_path / "baseline", {"en": RIGHT, "de": WRONG, "zh": RIGHT, "sw": RIGHT}),
    }
    rows = compare(WEAM, BACKBONE, known)
    assert differences(rows) == [
        ("en", "accuracy", -1, -1, -1),
        ("de", "accuracy", 1, 1, 1),
        ("zh", "accuracy", 0, 0, 0),
        ("mean", "accuracy", 0.5, 0.5, 0.5),
        ("transfer gap", "accuracy", -1.5, -1.5, -1.5),
    ]
    assert {(row["run"], row["baseline"], tuple(row["seeds"])) for row in rows} == {(WEAM, BACKBONE, (1, 1))}


def test_one_language_but_english_has_no_mean(tmp_path: Path) -> None:
    sides = [evaluate(tmp_path / name, {"en": RIGHT, "de": WRONG}) for name in ("run", "baseline")]
    assert [row["language"] for row in compare(WEAM, BACKBONE, dict(zip((WEAM, BACKBONE), sides, strict=True)))] == [
        "en",
        "de",
    ]


def test_other_examples_are_not_compared(tmp_path: Path) -> None:
    baseline = evaluate(tmp_path / "baseline", {"de": WRONG}).by_seed[1]
    other = Measurement("xnli", "de", "accuracy", 0.0, 6, 1, 10, "base", "b" * 16, "other examples")
    known = {
        WEAM: evaluate(tmp_path / "run", {"de": RIGHT}),
        BACKBONE: Evaluation({1: replace(baseline, results=run_of(other, trainings=baseline.results.trainings))}),
    }
    assert compare(WEAM, BACKBONE, known) == []


def test_seeds_of_both_sides_are_compared(tmp_path: Path) -> None:
    """One seed of the run is right everywhere, one nowhere: both are drawn twice as often as either alone."""
    run = [evaluate(tmp_path / f"run {seed}", {"de": values}, seed) for seed, values in ((1, RIGHT), (2, WRONG))]
    known = {
        WEAM: Evaluation({seed: step for one in run for seed, step in one.by_seed.items()}),
        BACKBONE: evaluate(tmp_path / "baseline", {"de": WRONG}, 3),
        "tlm, 6 layers/xnli zero-shot": evaluate(tmp_path / "shared", {"de": WRONG}, 1),
    }
    rows = compare(WEAM, BACKBONE, known)
    assert differences(rows) == [("de", "accuracy", 0.5, 0, 1)]
    assert rows[0]["seeds"] == [2, 1]
    (shared,) = compare(
        WEAM, "tlm, 6 layers/xnli zero-shot", known
    )  # a seed that both have is compared with itself alone
    assert differences([shared]) == [("de", "accuracy", 1, 1, 1)]
    assert shared["seeds"] == [1, 1]


def test_questions_are_compared_by_f1_and_contexts_in_english_are_not_in_the_mean(tmp_path: Path) -> None:
    right = {"en-de": RIGHT, "de-en": RIGHT, "de-de": [0.5] * 6}
    known = {
        "weam, 6 layers/mlqa": evaluate(tmp_path / "run", right, metric="f1", benchmark="mlqa-dev"),
        "backbone (E5-small, 4-bit), 6 layers/mlqa": evaluate(
            tmp_path / "baseline", dict.fromkeys(right, WRONG), metric="f1", benchmark="mlqa-dev"
        ),
    }
    assert differences(compare("weam, 6 layers/mlqa", "backbone (E5-small, 4-bit), 6 layers/mlqa", known)) == [
        ("en-de", "f1", 1, 1, 1),
        ("de-en", "f1", 1, 1, 1),
        ("de-de", "f1", 0.5, 0.5, 0.5),
        ("mean", "f1", 0.75, 0.75, 0.75),
    ]


def test_a_comparison_on_record_stands_until_a_side_is_measured_with_another_outcome(tmp_path: Path) -> None:
    """Without the scores of a side as with them: another machine may have had them."""
    known = {WEAM: evaluate(tmp_path / "run", {"de": RIGHT}), BACKBONE: evaluate(tmp_path / "baseline", {"de": WRONG})}
    drawn = [{**row, "low": 0.9} for row in compare(WEAM, BACKBONE, known)]
    assert compare(WEAM, BACKBONE, known, drawn) == drawn
    known[BACKBONE] = without_examples(known[BACKBONE])
    assert compare(WEAM, BACKBONE, known, drawn) == drawn
    assert compare(WEAM, BACKBONE, known) == []
    known[BACKBONE] = evaluate(tmp_path / "the same", {"de": WRONG})
    assert compare(WEAM, BACKBONE, known, drawn) == drawn
    known[BACKBONE] = evaluate(tmp_path / "another", {"de": RIGHT})
    assert differences(compare(WEAM, BACKBONE, known, drawn)) == [("de", "accuracy", 0, 0, 0)]


def test_seeds_whose_examples_have_no_scores_are_left_out(tmp_path: Path) -> None:
    run = {seed: evaluate(tmp_path / f"run {seed}", {"de": RIGHT}, seed).by_seed[seed] for seed in (1, 2)}
    baseline = {seed: evaluate(tmp_path / f"baseline {seed}", {"de": WRONG}, seed).by_seed[seed] for seed in (1, 2)}
    run[1] = replace(run[1], examples={})
    (row,) = compare(WEAM, BACKBONE, {WEAM: Evaluation(run), BACKBONE: Evaluation(baseline)})
    assert row["seeds"] == [1, 1] and row["measured"] == [run[2].fingerprint, baseline[2].fingerprint]


@pytest.mark.parametrize(
    ("encoder", "began_with"),
    [
        ("weam, 6 layers", "backbone (E5-small, 4-bit), 6 layers"),
        ("English NLI then weam, 6 layers", "backbone (E5-small, 4-bit), 6 layers"),
        ("weam, weight 0.5, 6 layers", "backbone (E5-small, 4-bit), 6 layers"),
        ("weam, 2 layers", "backbone (E5-small, 4-bit), 2 layers"),
        ("tlm, 12 layers, 60,000 pairs", "backbone (E5-small, 4-bit), 12 layers"),
        ("tlm, 12 layers, after English NLI", "backbone (E5-small, 4-bit), 12 layers, after English NLI"),
        ("en-sw 1 to 64, alpha 0.3, 6 layers", "wide backbone (E5-small, 4-bit), 6 layers"),
        ("10 languages, total fixed, 6 layers", "wide backbone (E5-small, 4-bit), 6 layers"),
    ],
)
def test_an_encoder_is_compared_with_what_it_began_with(encoder: str, began_with: str) -> None:
    assert baseline(encoder) == began_with


def test_a_mixture_is_compared_with_the_backbone_and_with_its_texts_drawn_as_they_come() -> None:
    names = (
        "wide backbone (E5-small, 4-bit), 6 layers",
        "en-sw 1 to 1, alpha 1, 6 layers",
        "3 languages, total fixed, 6 layers",
    )
    begun, even, other = (f"{name}/panx" for name in names)
    uneven = [f"en-sw 1 to 4, alpha {alpha}, 6 layers/panx" for alpha in ("1", "0.3", "0")]
    pairs = [(name, begun) for name in (even, other, *uneven)] + [(name, uneven[0]) for name in uneven[1:]]
    assert set(wanted_comparisons([begun, even, other, *uneven], SMALL)) == set(pairs)


def test_every_encoder_of_the_plans_began_with_one_that_is_planned() -> None:
    for scale in SCALES:
        known = {name.partition("/")[0] for name in evaluations_of(scale)}
        assert {baseline(name) for name in known} <= known


def test_evaluations_are_compared_with_the_backbone_weam_and_tlm_of_their_depth() -> None:
    encoders = (
        "backbone (E5-small, 4-bit), 6 layers",
        "weam, 6 layers",
        "tlm, 6 layers",
        "weam, 2 layers",
        "backbone (E5-small, 4-bit), 2 layers",
    )
    names = [f"{encoder}/udpos" for encoder in encoders]
    pairs = wanted_comparisons([*names, "weam, 6 layers/panx"], SMALL)
    backbone, weam, tlm, shallow, shallow_backbone = names
    assert len(pairs) == len(set(pairs))
    assert set(pairs) == {(weam, backbone), (weam, tlm), (tlm, backbone), (tlm, weam), (shallow, shallow_backbone)}


def test_an_ablation_is_compared_with_what_differs_from_it_in_one_thing() -> None:
    variants = (", 1,000-step head warm-up, shuffled links", ", 1,000-step head warm-up")
    names = [f"weam{variants[0]}", f"weam{variants[1]}", f"tlm{variants[1]}", "weam"]
    both, warm, warm_tlm, weam = (f"{name}, 6 layers/tatoeba" for name in names)
    pairs = wanted_comparisons([both, warm, warm_tlm, weam], SMALL)
    assert {baseline for run, baseline in pairs if run == both} == {weam, warm, warm_tlm}
    assert {baseline for run, baseline in pairs if run == warm} == {weam, warm_tlm}


def test_what_a_claim_sets_side_by_side_is_compared() -> None:
    """Claim f: zero-shot beside translate-train."""
    names = [WEAM, "backbone (E5-small, 4-bit), 6 layers/xnli translate-train"]
    assert wanted_comparisons(names, SMALL) == [(WEAM, "backbone (E5-small, 4-bit), 6 layers/xnli translate-train")]


# Spaces


def spaces(values: dict[str, list[float]], metric: str = "word_retrieval", pair: str = "en-de") -> list[dict]:
    """Return one figure of every layer."""
    return [
        {"encoder": encoder, "pair": pair, "layer": layer, "metric": metric, "value": value}
        for encoder, layers in values.items()
        for layer, value in enumerate(layers, start=1)
    ]


def transfer(values: dict[str, list[float]], metric: str = "accuracy", language: str = "mean") -> list[dict]:
    return [
        {"encoder": encoder, "evaluation": "udpos", "benchmark": "udpos", "language": language, "metric": metric}
        | {"values": seeds}
        for encoder, seeds in values.items()
    ]


ENCODERS = ["backbone (E5-small, 4-bit), 6 layers", "mlm, 6 layers", "tlm, 6 layers", "weam, 6 layers"]


def test_the_figures_of_a_space_know_their_layer() -> None:
    rows = [measured("en-de", value, benchmark=f"space layer {layer}") for layer, value in ((2, 0.5), (11, 0.75))]
    assert list(space({"tlm, 6 layers/space": run_of(*rows), WEAM: run_of(measured("de", 1.0))})) == [
        {"encoder": "tlm, 6 layers", "pair": "en-de", "layer": 2, "metric": "accuracy", "value": 0.5},
        {"encoder": "tlm, 6 layers", "pair": "en-de", "layer": 11, "metric": "accuracy", "value": 0.75},
    ]


def test_the_last_layer_is_correlated_with_transfer_over_encoders_of_one_depth() -> None:
    """Ranks 1 2 3 4 and 1 3 2 4: 1 - 6 * (1 + 1) / (4 * 15) = 0.8. One layer, or no transfer: not among them."""
    layers = {name: [0.9 - 0.1 * n, 0.1 + 0.1 * n] for n, name in enumerate(ENCODERS)}
    values = [[0.1], [0.3], [0.1, 0.3], [0.35, 0.45]]
    figures = transfer({**dict(zip(ENCODERS, values, strict=True)), "mbert 1 layers": [0.0]})
    figures += transfer(dict.fromkeys(ENCODERS, [0.5]), language="de")
    rows = spaces({**layers, "mbert 1 layers": [0.9], "simcse, 6 layers": [0.0, 0.9]})
    assert correlations(figures, rows, 2) == [
        {"space": "word_retrieval", "transfer": "udpos", "spearman": 0.8, "encoders": ENCODERS}
    ]


def test_both_language_pairs_count_alike_in_a_space() -> None:
    """German orders the encoders one way, Chinese the other and more so."""
    german = {name: [0.1 * n] for n, name in enumerate(ENCODERS)}
    chinese = {name: [-0.2 * n] for n, name in enumerate(ENCODERS)}
    figures = transfer({name: [0.1 * n] for n, name in enumerate(ENCODERS)})
    (row,) = correlations(figures, spaces(german) + spaces(chinese, pair="en-zh"), 1)
    assert row["spearman"] == -1


def test_only_the_metric_that_systems_are_compared_by_is_correlated() -> None:
    values = {name: [0.1 * n] for n, name in enumerate(ENCODERS)}
    figures = transfer(values) + transfer({name: [-value for value in seeds] for name, seeds in values.items()}, "f1")
    (row,) = correlations(figures, spaces(values), 1)
    assert row["spearman"] == 1


@pytest.mark.parametrize("names", [ENCODERS[:3], ENCODERS[1:]], ids=["three encoders", "no backbone"])
def test_few_encoders_are_not_correlated(names: list[str]) -> None:
    values = {name: [0.1 * n] for n, name in enumerate(names)}
    assert correlations(transfer(values), spaces(values), 2) == []


def test_equal_values_share_their_ranks() -> None:
    """Ranks 1 2.5 2.5 4 and 1 2 3 4: 4.5 / sqrt(4.5 * 5)."""
    for first in ([1.0, 2.0, 2.0, 3.0], [0.1, 0.2, 0.2, 9.0]):
        assert spearman(first, [1.0, 2.0, 3.0, 4.0]) == spearman(first, [1.0, 3.0, 2.0, 4.0]) == 0.9487


# What was run


def test_trainings_have_their_course_and_held_out_figures_after_it() -> None:
    log = [{"loss": 2.0, "step": 5}, {"eval_runtime": 1.0, "step": 10}, {"train_loss": 1.5, "step": 10}]
    before = Measurement("held-out", "en-de", "retrieval", 0.25, 9, 1, 0, "base", "b" * 16, "held out")
    after = Measurement("held-out", "en-de", "retrieval", 0.75, 9, 1, 10, "base", "b" * 16, "held out")
    training = run_of(before, after, program="run_pretraining", trainings=[Training("", 1, 10, 999, 2.5, log)])
    assert trainings({"weam, 6 layers": training, WEAM: run_of(after)}) == {
        "weam, 6 layers": {
            "steps": 10,
            "tokens": 999,
            "seconds": 2.5,
            "log": [{"loss": 2.0, "step": 5}],
            "held_out": [{"language": "en-de", "metric": "retrieval", "value": 0.75, "count": 9}],
        }
    }


STEPS = [
    Step("text", "benchmarks.study.data", {}),
    Step("weam, 6 layers", "run_pretraining.py", {"train_file": ["{text}"]}, 5.0),
    *(
        Step(f"{name}/seed {seed}", "run_xnli.py", {"seeds": [seed]}, 3.0)
        for name in (BACKBONE, WEAM)
        for seed in (1, 2)
    ),
    Step("backbone (E5-small, 4-bit), 6 layers/space", "benchmarks.study.space", {}, 1.0),
]


def finish(place: Place, date: str = "2026-01-31") -> None:
    """Leave what a finished step leaves."""
    place.folder.mkdir(parents=True, exist_ok=True)
    record = {"step": {}, "command": place.folder.name, "seconds": 1.5, "threads": 2, "date": date}
    (place.folder / "finished.json").write_text(json.dumps(record))


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Place]:
    """Text, the backbone's two seeds and one of WEAM's are finished; the other has results but was interrupted."""
    monkeypatch.setattr(study_figures, "plan", lambda scale, questions: STEPS)
    monkeypatch.setattr(study_figures, "QUESTIONS", {"systems": None})
    found = places(STEPS, {}, tmp_path / "runs")
    for seed in (1, 2):
        leave(found[f"{BACKBONE}/seed {seed}"].folder, {"de": WRONG, "zh": WRONG}, seed)
        leave(found[f"{WEAM}/seed {seed}"].folder, {"de": RIGHT, "zh": RIGHT}, seed)
    for name in ("text", f"{BACKBONE}/seed 1", f"{BACKBONE}/seed 2", f"{WEAM}/seed 1"):
        finish(found[name])
    return found


def write_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs: str = "runs") -> dict:
    """Run the program, return what it wrote."""
    folders = ["--runs", str(tmp_path / runs), "--output", str(tmp_path / "results")]
    monkeypatch.setattr(sys, "argv", ["collect", *folders])
    main()
    return json.loads((tmp_path / "results" / "study.json").read_text())


def test_only_finished_steps_are_on_record(
    runs: dict[str, Place], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = write_record(tmp_path, monkeypatch)
    assert list(record["finished"]) == ["text", f"{BACKBONE}/seed 1", f"{BACKBONE}/seed 2", f"{WEAM}/seed 1"]
    known = evaluations(read_measured(record["results"], tmp_path / "results" / "study.parquet"))
    assert {name: list(one.by_seed) for name, one in known.items()} == {BACKBONE: [1, 2], WEAM: [1]}


def test_a_record_has_what_was_measured_and_what_was_not(
    runs: dict[str, Place], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record = write_record(tmp_path, monkeypatch)
    assert capsys.readouterr().out == "4 steps are finished, 3 are not\n"
    assert record["plan"] == "small" and record["questions"] == {"systems": [step.name for step in STEPS]}
    assert record["finished"]["text"] == {
        "key": runs["text"].key,
        "command": runs["text"].folder.name,
        "seconds": 1.5,
        "threads": 2,
        "date": "2026-01-31",
    }
    assert record["unfinished"] == {
        "weam, 6 layers": 5.0,
        f"{WEAM}/seed 2": 3.0,
        "backbone (E5-small, 4-bit), 6 layers/space": 1.0,
    }
    run = [row for row in record["differences"] if row["run"] == WEAM]
    assert differences(run) == [(language, "accuracy", 1, 1, 1) for language in ("de", "zh", "mean")]
    assert {(row["baseline"], tuple(row["seeds"])) for row in run} == {(BACKBONE, (1, 1))}
    found = {claim["letter"]: [one["verdict"] for one in claim["contrasts"]] for claim in record["claims"]}
    assert found["c"] == [UNDECIDED, MISSING] and found["a"] == [MISSING]
    assert (record["space"], record["correlations"], record["encoders"]) == ([], [], {})


def test_every_run_is_on_record_with_the_scores_of_its_examples(
    runs: dict[str, Place], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = write_record(tmp_path, monkeypatch)
    assert {path.name for path in (tmp_path / "results").iterdir()} == {"study.json", "study.parquet"}
    known = read_measured(record["results"], tmp_path / "results" / "study.parquet")
    assert list(known) == [f"{BACKBONE}/seed 1", f"{BACKBONE}/seed 2", f"{WEAM}/seed 1"]
    one = known[f"{WEAM}/seed 1"]
    assert one.results == read_results(runs[f"{WEAM}/seed 1"].folder / "results.json")
    assert {test: (ratio.numerators.tolist(), ratio.denominators.tolist()) for test, ratio in one.examples.items()} == {
        f"xnli.{language}": (RIGHT, [1.0] * 6) for language in ("de", "zh")
    }


def test_another_machine_goes_on_with_the_record(
    runs: dict[str, Place], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It finishes WEAM's second seed, and sets it beside the backbone's, which it never ran."""
    write_record(tmp_path, monkeypatch)
    place = places(STEPS, {}, tmp_path / "elsewhere")[f"{WEAM}/seed 2"]
    leave(place.folder, {"de": RIGHT, "zh": WRONG}, 2)
    finish(place, "2026-02-28")
    record = write_record(tmp_path, monkeypatch, "elsewhere")
    run = [row for row in record["differences"] if row["run"] == WEAM]
    assert [(row["language"], row["difference"], row["seeds"]) for row in run] == [
        *(("de", 1, [2, 2]), ("zh", 0.5, [2, 2]), ("mean", 0.75, [2, 2])),
    ]


def test_a_step_whose_settings_changed_is_on_record_no_longer(
    runs: dict[str, Place], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = write_record(tmp_path, monkeypatch)
    steps = [
        replace(step, settings={**step.settings, "bf16": "yes"}) if "weam, 6 layers/" in step.name else step
        for step in STEPS
    ]
    found = places(steps, {}, tmp_path / "elsewhere")
    assert [name for name in before["finished"] if name not in finished_steps(found, before)] == [f"{WEAM}/seed 1"]
    monkeypatch.setattr(study_figures, "plan", lambda scale, questions: steps)
    assert f"{WEAM}/seed 1" not in write_record(tmp_path, monkeypatch, "elsewhere")["finished"]
    assert f"{WEAM}/seed 1 is on record no longer: the plan has it with other settings" in capsys.readouterr().out


def test_what_was_measured_last_counts(runs: dict[str, Place], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here, and on a machine that has it from before."""
    write_record(tmp_path, monkeypatch)
    for folder, date, values in (("newer", "2026-02-28", WRONG), ("older", "2025-12-31", RIGHT)):
        place = places(STEPS, {}, tmp_path / folder)[f"{WEAM}/seed 1"]
        leave(place.folder, {"de": values, "zh": values})
        finish(place, date)
        record = write_record(tmp_path, monkeypatch, folder)
        assert record["finished"][f"{WEAM}/seed 1"]["date"] == "2026-02-28"
        assert [row["difference"] for row in record["differences"] if row["run"] == WEAM] == [0, 0, 0]


def test_the_record_of_another_plan_is_not_lost(
    runs: dict[str, Place], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = write_record(tmp_path, monkeypatch)
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--plan", "full"])
    with pytest.raises(ValueError, match="the record is of the plan small, not full; give another --output"):
        main()
    assert json.loads((tmp_path / "results" / "study.json").read_text()) == before


def test_a_comparison_that_cannot_be_made_is_named(
    runs: dict[str, Place], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_record(tmp_path, monkeypatch)
    (tmp_path / "results" / "study.parquet").unlink()
    leave(runs[f"{WEAM}/seed 1"].folder, {"de": WRONG, "zh": RIGHT})
    finish(runs[f"{WEAM}/seed 1"], "2026-02-28")
    assert write_record(tmp_path, monkeypatch)["not_compared"] == [[WEAM, BACKBONE]]
    assert f"{WEAM} is not compared with {BACKBONE}: no test set in common" in capsys.readouterr().out


def test_steps_of_another_backbone_do_not_join_a_record(tmp_path: Path) -> None:
    (tmp_path / "backbones.json").write_text(json.dumps({"backbone": "a" * 16}))
    wide = {"wide": "b" * 16}
    assert same_backbones(tmp_path, {"backbones": wide}) == {**wide, "backbone": "a" * 16}
    with pytest.raises(ValueError, match=r"other weights \(backbone\) than those in .*; give another --output"):
        same_backbones(tmp_path, {"backbones": {"backbone": "c" * 16}})


def test_a_study_that_has_not_begun_has_a_record_too(tmp_path: Path) -> None:
    steps = plan(SCALES["small"], list(QUESTIONS))
    record = gather(SMALL, steps, {}, {})
    assert record["finished"] == {} and record["differences"] == []
    assert {claim["verdict"] for claim in record["claims"]} == {MISSING}
    assert len(record["unfinished"]) == len(steps)

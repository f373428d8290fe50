"""The study's document and plots: made of study.json alone, true to its verdicts, and silent on what is missing."""

import json
import re
import xml.etree.ElementTree as ElementTree
from copy import deepcopy
from dataclasses import replace

import pytest

from benchmarks.markdown import RESULTS
from benchmarks.study.answers import (
    chance,
    claim_answer,
    correlations_answer,
    headline_answer,
    languages_answer,
    left_answer,
    orders_answer,
    placebo_answer,
    ratios_answer,
    reach,
    sizes_answer,
    space_answer,
    spread_answer,
    systems_answer,
    tasks_answer,
    transfer_answer,
)
from benchmarks.study.claims import FAILS, HOLDS, NOT_MEASURED, UNDECIDED
from benchmarks.study.curves import PLOTS, Curve, available, drawn, forest_rows
from benchmarks.study.plan import THEN_NLI
from benchmarks.study.plots import write_plots
from benchmarks.study.record import DEV_ROWS, Gap, parse_study, read_study
from benchmarks.study.report import DOCUMENT, PARTS, filled, main, rerun_commands
from benchmarks.study.tables import (
    ablation_table,
    claims_table,
    correlations_table,
    growth_table,
    headline_table,
    language_table,
    orders_table,
    placebo_reading,
    placebo_table,
    ratio_table,
    refined_table,
    sampling_table,
    siblings_table,
    size_table,
    space_table,
    spread_table,
    steps_table,
    systems_table,
    tasks_table,
    trainings_table,
    transfer_table,
)
from weam.storage import write_json

METRICS = {"panx": "f1", "mlqa": "f1", "xquad": "f1"}
BENCHMARKS = {"nli": "xnli", "mlqa": "mlqa-dev"}
SCORES = {  # system -> language -> values over seeds
    "mbert/xnli zero-shot": {"en": [0.6, 0.62], "de": [0.5, 0.52], "zh": [0.4, 0.4], "mean": [0.45, 0.46]},
    "tlm/xnli zero-shot": {"en": [0.63], "de": [0.53], "zh": [0.43], "mean": [0.48]},
    "weam/xnli zero-shot": {"en": [0.6], "de": [0.55], "zh": [0.45], "mean": [0.5]},
    "weam shuffled links/xnli zero-shot": {"en": [0.6], "de": [0.51], "zh": [0.41], "mean": [0.46]},
    "mbert/xnli translate-train": {"de": [0.56], "zh": [0.46], "mean": [0.51]},
    "mbert/udpos": {"en": [0.9], "de": [0.8], "zh": [0.4], "mean": [0.6]},
    "weam/udpos": {"en": [0.89], "de": [0.79], "zh": [0.42], "mean": [0.605]},
    "mbert/tatoeba": {"de": [0.9], "zh": [0.8], "mean": [0.85]},
    "tlm/tatoeba": {"de": [0.88], "zh": [0.78], "mean": [0.83]},
    "weam/tatoeba": {"de": [0.86], "zh": [0.76], "mean": [0.81]},
    "mbert/mlqa zero-shot": {"en-de": [0.3], "de-en": [0.4], "zh-en": [0.2], "mean": [0.3]},
    "weam/mlqa zero-shot": {"en-de": [0.3], "de-en": [0.42], "zh-en": [0.22], "mean": [0.32]},
    "mbert/panx": {"en": [0.7], "de": [0.5, 0.52], "zh": [0.3, 0.3], "mean": [0.4, 0.41]},
    "weam/panx": {"en": [0.7], "de": [0.5], "zh": [0.3], "mean": [0.4]},
    "mbert 2 layers/panx": {"de": [0.4], "zh": [0.38], "mean": [0.39]},
    "weam 2 layers/panx": {"de": [0.41], "zh": [0.39], "mean": [0.4]},
    "mbert 12 layers/xquad zero-shot": {"en": [0.5], "de": [0.4], "zh": [0.4], "mean": [0.4]},
    "weam headline/xquad zero-shot": {"en": [0.5], "de": [0.43], "zh": [0.43], "mean": [0.43]},
    "mbert wide/tatoeba": {"de": [0.9], "sw": [0.5], "tr": [0.6], "mean": [0.667]},
    "en-sw 1 to 1 alpha 1/tatoeba": {"de": [0.89], "sw": [0.55], "mean": [0.72]},
    "en-sw 1 to 4 alpha 0/tatoeba": {"de": [0.87], "sw": [0.53], "mean": [0.7]},
    "en-sw 1 to 4 alpha 1/tatoeba": {"de": [0.88], "sw": [0.52], "mean": [0.7]},
    "1 languages, total fixed/tatoeba": {"de": [0.91], "sw": [0.49], "tr": [0.57], "mean": [0.657]},
    "10 languages, total fixed/tatoeba": {"de": [0.88], "sw": [0.53], "tr": [0.62], "mean": [0.677]},
    "mbert 12 layers/nli zero-shot": {"en": [0.7], "de": [0.6], "zh": [0.5], "mean": [0.55]},
    "weam headline/nli zero-shot": {"en": [0.7], "de": [0.64], "zh": [0.54], "mean": [0.59]},
    "weam/nli zero-shot": {"en": [0.7], "de": [0.6], "zh": [0.5], "mean": [0.55]},
    "nli then weam/xnli zero-shot": {"en": [0.65], "de": [0.57], "zh": [0.47], "mean": [0.52]},
}
GAPS = {  # (ours, theirs) -> language -> (difference, low, high)
    ("tlm/xnli zero-shot", "mbert/xnli zero-shot"): {"de": (0.02, 0.01, 0.03), "mean": (0.025, 0.005, 0.045)},
    ("weam/xnli zero-shot", "mbert/xnli zero-shot"): {"de": (0.04, 0.02, 0.06), "mean": (0.045, 0.02, 0.07)},
    ("weam/xnli zero-shot", "tlm/xnli zero-shot"): {"mean": (0.02, 0.01, 0.03)},
    ("weam/xnli zero-shot", "mbert/xnli translate-train"): {"mean": (-0.01, -0.03, 0.01)},
    ("weam shuffled links/xnli zero-shot", "tlm/xnli zero-shot"): {"mean": (-0.02, -0.03, -0.01)},
    ("weam shuffled links/xnli zero-shot", "weam/xnli zero-shot"): {"mean": (-0.04, -0.05, -0.03)},
    ("weam headline/nli zero-shot", "mbert 12 layers/nli zero-shot"): {
        "de": (0.04, 0.02, 0.06),
        "mean": (0.04, 0.03, 0.05),
    },
    ("nli then weam/xnli zero-shot", "mbert/xnli zero-shot"): {"mean": (0.065, 0.05, 0.08)},
    ("weam/udpos", "mbert/udpos"): {"zh": (0.02, -0.01, 0.05), "mean": (0.005, -0.005, 0.015)},
    ("tlm/tatoeba", "mbert/tatoeba"): {"de": (-0.02, -0.03, -0.01), "mean": (-0.02, -0.03, -0.01)},
    ("weam/tatoeba", "mbert/tatoeba"): {"de": (-0.04, -0.05, -0.03), "mean": (-0.04, -0.05, -0.03)},
    ("weam/tatoeba", "tlm/tatoeba"): {"mean": (-0.02, -0.03, -0.01)},
    ("weam/mlqa zero-shot", "mbert/mlqa zero-shot"): {"mean": (0.02, -0.01, 0.05)},
    ("weam 2 layers/panx", "mbert 2 layers/panx"): {"mean": (0.01, -0.01, 0.03)},
    ("weam headline/xquad zero-shot", "mbert 12 layers/xquad zero-shot"): {
        "de": (0.03, 0.01, 0.05),
        "mean": (0.03, 0.01, 0.05),
    },
    ("en-sw 1 to 4 alpha 0/tatoeba", "mbert wide/tatoeba"): {"de": (-0.03, -0.05, -0.01), "sw": (0.03, 0.0, 0.06)},
    ("en-sw 1 to 4 alpha 0/tatoeba", "en-sw 1 to 4 alpha 1/tatoeba"): {
        "de": (-0.01, -0.02, -0.005),
        "sw": (0.01, 0.004, 0.02),
    },
    ("1 languages, total fixed/tatoeba", "mbert wide/tatoeba"): {
        "de": (0.01, 0.0, 0.02),
        "sw": (-0.01, -0.04, 0.02),
        "tr": (-0.03, -0.05, -0.01),
        "mean": (-0.01, -0.03, 0.01),
    },
}
SPACE = {  # (encoder, pair, metric) -> values by layer
    ("mbert", "en-de", "alignment_error_rate"): [0.4, 0.3, 0.35],
    ("mbert", "en-zh", "alignment_error_rate"): [0.5, 0.45, 0.4],
    ("mbert", "en-de", "word_retrieval"): [0.5, 0.7, 0.6],
    ("mbert", "en-zh", "word_retrieval"): [0.5, 0.4, 0.3],
    ("tlm", "en-de", "alignment_error_rate"): [0.4, 0.3, 0.32],
    ("tlm", "en-zh", "alignment_error_rate"): [0.5, 0.4, 0.38],
    ("weam", "en-de", "alignment_error_rate"): [0.4, 0.25, 0.3],
    ("weam", "en-zh", "alignment_error_rate"): [0.5, 0.35, 0.36],
    ("weam shuffled links", "en-de", "alignment_error_rate"): [0.4, 0.35, 0.36],
    ("weam shuffled links", "en-zh", "alignment_error_rate"): [0.5, 0.48, 0.49],
}
QUESTIONS = {  # its steps; what was measured of an encoder counts for every question that names it
    "headline": ["mbert 12 layers", "weam headline"],
    "systems": ["xnli-dev", "tlm", "weam", "mbert", "simcse", "simcse/tatoeba"],
    "beyond": [
        *(f"{name}/{task}/seed 1" for name in ("mbert", "weam") for task in ("udpos", "panx", "mlqa zero-shot")),
        *(f"{name}/xquad zero-shot/seed 1" for name in ("mbert 12 layers", "weam headline")),
    ],
    "ablations": ["links", "weam shuffled links"],
    "sizes": ["mbert 2 layers", "weam 2 layers"],
    "ratios": ["mbert wide", "en-sw 1 to 1 alpha 1", "en-sw 1 to 4 alpha 1", "en-sw 1 to 4 alpha 0"],
    "languages": ["mbert wide", "1 languages, total fixed", "10 languages, total fixed"],
    "intermediate": ["nli then weam", "weam then nli/xnli zero-shot/seed 1", "weam then nli/xnli zero-shot/seed 2"],
}
UNFINISHED = {
    "simcse": 5.0,
    "simcse/tatoeba": 1.0,
    "weam then nli/xnli zero-shot/seed 1": 15.0,
    "weam then nli/xnli zero-shot/seed 2": 15.0,
}


def claim(letter, verdict, *contrasts):
    parts = [
        dict(zip(("ours", "relation", "theirs", "verdict"), contrast, strict=True), figures=None)
        for contrast in contrasts
    ]
    return {"letter": letter, "text": f"Claim {letter}", "verdict": verdict, "contrasts": parts}


CLAIMS = [
    claim("a", HOLDS, ("tlm/xnli zero-shot", "above", "mbert/xnli zero-shot", HOLDS)),
    claim("b", NOT_MEASURED, ("tlm/xnli translate-train", "below", "mbert/xnli translate-train", NOT_MEASURED)),
    claim(
        "e",
        FAILS,
        ("tlm/xnli zero-shot", "below", "mbert/xnli zero-shot", FAILS),
        ("weam/xnli zero-shot", "like", "tlm/xnli zero-shot", UNDECIDED),
    ),
    claim("f", UNDECIDED, ("weam/xnli zero-shot", "below", "mbert/xnli translate-train", UNDECIDED)),
]


def score_rows():
    for system, languages in SCORES.items():
        encoder, _, evaluation = system.partition("/")
        task = evaluation.split()[0]
        row = {"encoder": encoder, "evaluation": evaluation, "benchmark": BENCHMARKS.get(task, task)}
        for language, values in languages.items():
            yield {**row, "language": language, "metric": METRICS.get(task, "accuracy"), "values": values, "count": 9}
            if task == "mlqa":
                yield {**row, "language": language, "metric": "exact_match", "values": [0.0], "count": 9}


def gap_rows():
    for (ours, theirs), languages in GAPS.items():
        for language, interval in languages.items():
            figures = dict(zip(("difference", "low", "high"), interval, strict=True))
            seeds = [len(SCORES[system]["mean"]) for system in (ours, theirs)]
            yield {
                "ours": ours,
                "theirs": theirs,
                "language": language,
                "metric": "accuracy",
                **figures,
                "seeds": seeds,
            }


def space_rows():
    for (encoder, pair, metric), values in SPACE.items():
        for layer, value in enumerate(values, start=1):
            yield {"encoder": encoder, "pair": pair, "layer": layer, "metric": metric, "value": value}


def course(names):
    log = [{"step": step, "loss": 3.0, **{name: 50 / step for name in names}, "epoch": 0.5} for step in (25, 50)]
    return {"steps": 1375, "tokens": 800_000, "seconds": 301.0, "log": log, "held_out": []}


def spread(evaluation, language, deviation, of_differences=None, metric="accuracy"):
    deviations = {"deviation": deviation, "of_differences": of_differences}
    return {"evaluation": evaluation, "language": language, "metric": metric, **deviations, "seeds": 2}


@pytest.fixture
def record():
    finished = {step for steps in QUESTIONS.values() for step in steps} - set(UNFINISHED)
    step = {"command": "run", "seconds": 1800.0, "threads": 1, "date": "2026-01-31"}
    return deepcopy(
        {
            "plan": "small",
            "date": "2026-01-31",
            "command": "python -m benchmarks.study.collect",
            "versions": {"python": "3.11.7", "torch": "2.13.0"},
            "questions": QUESTIONS,
            "finished": dict.fromkeys(sorted(finished), step),
            "unfinished": UNFINISHED,
            "seed_spread": [
                spread("xnli zero-shot", "de", 0.0141),
                spread("xnli zero-shot", "mean", 0.0271, 0.0091),
                spread("udpos", "mean", 0.0071),
                spread("mlqa zero-shot", "mean", 0.02, metric="exact_match"),
            ],
            "claims": CLAIMS,
            "encoders": {
                "tlm": course(["multilingual_loss"]),
                "weam": course(["multilingual_loss", "cross_lingual_loss"]),
            },
            "scores": list(score_rows()),
            "differences": list(gap_rows()),
            "space": list(space_rows()),
            "correlations": [
                {"space": "word_retrieval", "transfer": "tatoeba", "spearman": 0.9, "encoders": ["a"] * 9},
                {"space": "word_retrieval", "transfer": "xnli zero-shot", "spearman": -0.2, "encoders": ["a"] * 4},
            ],
        }
    )


@pytest.fixture
def study(record):
    return parse_study(record)


@pytest.fixture
def nothing(record):
    """Nothing is measured yet."""
    steps = {step: 30.0 for steps in QUESTIONS.values() for step in steps}
    empty = dict.fromkeys(("seed_spread", "scores", "differences", "space", "correlations"), [])
    claims = [claim("a", NOT_MEASURED, ("tlm/xnli zero-shot", "above", "mbert/xnli zero-shot", NOT_MEASURED))]
    return parse_study({**record, **empty, "claims": claims, "encoders": {}, "finished": {}, "unfinished": steps})


# Tables


def test_the_spread_is_in_points_with_the_seeds_that_a_point_needs(study):
    expected = """\
| mbert | en | de | zh | mean | mean, from the backbone | seeds | seeds for a point |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| XNLI zero-shot | – | 1.41 | – | 2.71 | 0.91 | 2 | 4 |
| UDPOS | – | – | – | 0.71 | – | 2 | 4 |"""
    assert spread_table(study) == expected


def test_claims_are_laid_out_by_contrast(study):
    expected = """\
| claim | the first, % | the second, % | difference | seeds | verdict |
| --- | ---: | ---: | ---: | ---: | ---: |
| a. tlm zero-shot above mbert zero-shot | 48.0 | 45.5 | +2.5 [+0.5, +4.5] | 1 and 2 | holds |
| b. tlm translate-train below mbert translate-train | – | 51.0 | – | – | not measured yet |
| e. tlm zero-shot below mbert zero-shot | 48.0 | 45.5 | +2.5 [+0.5, +4.5] | 1 and 2 | does not hold |
| e. weam zero-shot like tlm zero-shot | 50.0 | 48.0 | +2.0 [+1.0, +3.0] | 1 and 1 | undecided at this scale |
| f. weam zero-shot below mbert translate-train | 50.0 | 51.0 | -1.0 [-3.0, +1.0] | 1 and 1 | undecided at this \
scale |"""
    assert claims_table(study) == expected


def test_systems_have_a_row_each_and_dashes_where_nothing_was_measured(study):
    expected = """\
| mean, % | XNLI zero-shot | XNLI translate-train | UDPOS | PAN-X, F1 | Tatoeba | AER de / zh, last layer | \
AER, best layer | word retrieval de / zh, last layer |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| mbert | 45.5 ± 0.7 | 51.0 | 60.0 | 40.5 ± 0.7 | 85.0 | 35.0 / 40.0 | 30.0 (2) / 40.0 (3) | 60.0 / 30.0 |
| tlm | 48.0 | – | – | – | 83.0 | 32.0 / 38.0 | 30.0 (2) / 38.0 (3) | – |
| weam | 50.0 | – | 60.5 | 40.0 | 81.0 | 30.0 / 36.0 | 25.0 (2) / 35.0 (2) | – |"""
    assert systems_table(study) == expected


def test_languages_have_the_backbones_scores_and_differences_to_them(study):
    expected = """\
| XNLI zero-shot | en | de | zh | mean |
| --- | ---: | ---: | ---: | ---: |
| mbert, % | 61.0 ± 1.4 | 51.0 ± 1.4 | 40.0 ± 0.0 | 45.5 ± 0.7 |
| tlm | – | +2.0 [+1.0, +3.0] | – | +2.5 [+0.5, +4.5] |
| weam | – | +4.0 [+2.0, +6.0] | – | +4.5 [+2.0, +7.0] |"""
    assert language_table(study, "xnli zero-shot", ["tlm", "weam", "simcse"]) == expected


def test_headline_rows_differ_from_the_backbone_with_all_layers(study):
    expected = """\
| mean, % | XNLI zero-shot from English NLI | difference | PAN-X | difference | Tatoeba | difference | AER de / zh, \
last layer | word retrieval de / zh, last layer |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| mbert 12 layers | 55.0 | – | – | – | – | – | – | – |
| weam headline | 59.0 | +4.0 [+3.0, +5.0] | – | – | – | – | – | – |"""
    assert headline_table(study) == expected


def test_what_goes_on_from_english_nli_has_rows_of_its_own(study):
    assert DEV_ROWS not in PARTS["headline"](study)
    ours, theirs = "weam headline then nli/xnli translate-train", "mbert 12 layers then nli/xnli translate-train"
    record = deepcopy(study.record)
    record["questions"]["headline"] += [f"{system}/seed 1" for system in (ours, theirs)]
    scores = {**study.scores, (ours, "mean"): [0.6], (theirs, "mean"): [0.58]}
    gaps = {**study.gaps, (ours, theirs, "mean"): Gap(0.02, 0.01, 0.03, (3, 3))}
    refined = replace(study, record=record, scores=scores, gaps=gaps)
    expected = """\
| mean, % | XNLI zero-shot | difference | XNLI translate-train | difference |
| --- | ---: | ---: | ---: | ---: |
| mbert 12 layers then nli | – | – | 58.0 | – |
| weam headline then nli | – | – | 60.0 | +2.0 [+1.0, +3.0] |"""
    assert refined_table(refined) == expected
    assert "On XNLI translate-train, above mbert: weam headline then nli +2.0" in headline_answer(refined)
    text = PARTS["headline"](refined)
    assert expected in text and DEV_ROWS in text


def test_headline_rows_differ_from_each_other_and_from_fewer_pairs(study):
    record = deepcopy(study.record)
    record["questions"]["headline"] += ["tlm headline", "weam headline 60,000 pairs"]
    ours = ("tlm headline/nli zero-shot", "weam headline 60,000 pairs/nli zero-shot")
    scores = {**study.scores, **{(system, "mean"): [0.6] for system in ours}}
    smaller = "weam headline/nli zero-shot"
    gaps = {
        (ours[0], smaller, "mean"): Gap(-0.01, -0.02, 0.01),
        (smaller, ours[0], "mean"): Gap(0.01, -0.01, 0.02),
        (ours[1], smaller, "mean"): Gap(0.03, 0.01, 0.05),
    }
    known = replace(study, record=record, scores=scores, gaps=gaps)
    test = "XNLI zero-shot from English NLI"  # Tatoeba, of which nothing is known, has no columns
    expected = f"""\
| mean, points | {test}, less weam | {test}, less tlm | {test}, less itself on 12,000 pairs |
| --- | ---: | ---: | ---: |
| weam headline | – | +1.0 [-1.0, +2.0] | – |
| tlm headline | -1.0 [-2.0, +1.0] | – | – |
| weam headline 60,000 pairs | – | – | +3.0 [+1.0, +5.0] |"""
    assert siblings_table(known, "headline", ("nli zero-shot", "tatoeba")) == expected
    assert siblings_table(known, "beyond", ("panx",)) == ""


def test_the_transfer_gap_is_beside_that_of_the_backbone(study):
    ours, theirs = "weam headline/nli zero-shot", "mbert 12 layers/nli zero-shot"
    known = {(ours, "transfer gap"): [0.11, 0.09], (theirs, "transfer gap"): [0.15]}
    gaps = {**study.gaps, (ours, theirs, "transfer gap"): Gap(-0.05, -0.06, -0.04, (2, 1))}
    narrowed = replace(study, scores={**study.scores, **known}, gaps=gaps)
    expected = """\
| XNLI zero-shot from English NLI, % | English | mean of the others | transfer gap | difference |
| --- | ---: | ---: | ---: | ---: |
| mbert 12 layers | 70.0 | 55.0 | 15.0 | – |
| weam headline | 70.0 | 59.0 | 10.0 ± 1.4 | -5.0 [-6.0, -4.0] |"""
    assert transfer_table(narrowed, "nli zero-shot", narrowed.encoders("headline")) == expected
    assert transfer_answer(narrowed) == (
        "Answer: on XNLI zero-shot from English NLI, narrower: weam headline -5.0 (one seed); wider: none; "
        "undecided: none."
    )
    assert transfer_answer(study) == ""
    assert "transfer gap" not in narrowed.languages(ours), "it is no language"


def test_trainings_have_their_cost(study):
    expected = """\
| training | steps | pieces | minutes |
| --- | ---: | ---: | ---: |
| tlm | 1,375 | 800,000 | 5 |
| weam | 1,375 | 800,000 | 5 |"""
    assert trainings_table(study, "systems") == expected


def test_the_placebo_stands_beside_tlm_and_weam(study):
    expected = """\
| mean | weam less tlm | shuffled less tlm | shuffled less weam | reading |
| --- | ---: | ---: | ---: | ---: |
| XNLI zero-shot | +2.0 [+1.0, +3.0] | -2.0 [-3.0, -1.0] | -4.0 [-5.0, -3.0] | weam above tlm; worse with shuffled \
links (one seed) |
| Tatoeba | -2.0 [-3.0, -1.0] | – | – | weam below tlm |
| AER, last layer (low is good) | -2.0 | +7.5 | +9.5 | no interval |"""
    assert placebo_table(study) == expected


@pytest.mark.parametrize(
    ("variant", "encoders"),
    [
        ("warm head", ("weam warm head", "tlm warm head", "weam warm head shuffled links")),
        ("all layers", ("weam headline", "tlm headline", "weam shuffled links headline")),
    ],
)
def test_the_placebo_of_a_variant_has_rows_where_it_was_measured(study, variant, encoders):
    weam, tlm, shuffled = (f"{encoder}/tatoeba" for encoder in encoders)
    gaps = {(weam, tlm, "mean"): Gap(0.02, 0.01, 0.03), (shuffled, weam, "mean"): Gap(-0.01, -0.02, 0.0)}
    *_, row, _ = placebo_table(replace(study, gaps={**study.gaps, **gaps})).splitlines()
    expected = "| +2.0 [+1.0, +3.0] | – | -1.0 [-2.0, +0.0] | weam above tlm; shuffled links not told apart |"
    assert row == f"| Tatoeba ({variant}) {expected}"


def test_ablations_differ_from_what_they_are_named_after(study):
    expected = """\
| mean, % | XNLI zero-shot | difference | UDPOS | difference | PAN-X | difference | Tatoeba | difference | \
AER de / zh, last layer | word retrieval |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| mbert | 45.5 ± 0.7 | – | 60.0 | – | 40.5 ± 0.7 | – | 85.0 | – | 35.0 / 40.0 | 60.0 / 30.0 |
| tlm | 48.0 | – | – | – | – | – | 83.0 | – | 32.0 / 38.0 | – |
| weam | 50.0 | – | 60.5 | – | 40.0 | – | 81.0 | – | 30.0 / 36.0 | – |
| weam shuffled links | 46.0 | -4.0 [-5.0, -3.0] | – | – | – | – | – | – | 36.0 / 49.0 | – |"""
    assert ablation_table(study) == expected


def test_ratios_have_both_languages(study):
    expected = """\
| % | PAN-X de | less mbert wide | PAN-X sw | less mbert wide | Tatoeba de | less mbert wide | \
Tatoeba sw | less mbert wide |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| mbert wide | – | – | – | – | 90.0 | – | 50.0 | – |
| en-sw 1 to 1 alpha 1 | – | – | – | – | 89.0 | – | 55.0 | – |
| en-sw 1 to 4 alpha 1 | – | – | – | – | 88.0 | – | 52.0 | – |
| en-sw 1 to 4 alpha 0 | – | – | – | – | 87.0 | -3.0 [-5.0, -1.0] | 53.0 | +3.0 [+0.0, +6.0] |"""
    assert ratio_table(study, "sw") == expected


def test_sampling_is_compared_with_pairs_drawn_as_they_come(study):
    expected = """\
| points, less alpha 1 | PAN-X de | PAN-X low-resource | Tatoeba de | Tatoeba low-resource |
| --- | ---: | ---: | ---: | ---: |
| en-sw 1 to 4 alpha 0 | – | – | -1.0 [-2.0, -0.5] | +1.0 [+0.4, +2.0] |"""
    assert sampling_table(study) == expected


def test_growth_tells_aligned_languages_from_others(study):
    expected = """\
| % | PAN-X mean | less mbert wide | de | aligned | not aligned | Tatoeba mean | less mbert wide | de | aligned | \
not aligned |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| mbert wide | – | – | – | – | – | 66.7 | – | – | – | – |
| 1 languages, total fixed | – | – | – | – | – | 65.7 | -1.0 [-3.0, +1.0] | +1.0 [+0.0, +2.0] | +1.0 | -2.0 |
| 10 languages, total fixed | – | – | – | – | – | 67.7 | – | – | – | – |"""
    assert growth_table(study) == expected


def test_sizes_differ_from_the_backbone_of_their_depth(study):
    expected = """\
| mean, % | PAN-X | difference | Tatoeba | difference | AER de / zh, last layer |
| --- | ---: | ---: | ---: | ---: | ---: |
| mbert, 2 layers | 39.0 | – | – | – | – |
| weam, 2 layers | 40.0 | +1.0 [-1.0, +3.0] | – | – | – |
| mbert, 6 layers | 40.5 ± 0.7 | – | 85.0 | – | 35.0 / 40.0 |
| weam, 6 layers | 40.0 | – | 81.0 | -4.0 [-5.0, -3.0] | 30.0 / 36.0 |
| tlm, 6 layers | – | – | 83.0 | -2.0 [-3.0, -1.0] | 32.0 / 38.0 |"""
    assert size_table(study) == expected


def test_orders_of_training_have_all_languages(study):
    expected = """\
| trained on, in this order | en | de | zh | mean | less mbert |
| --- | ---: | ---: | ---: | ---: | ---: |
| XNLI | 61.0 ± 1.4 | 51.0 ± 1.4 | 40.0 ± 0.0 | 45.5 ± 0.7 | – |
| alignment, XNLI | 60.0 | 55.0 | 45.0 | 50.0 | +4.5 [+2.0, +7.0] |
| alignment, English NLI | 70.0 | 60.0 | 50.0 | 55.0 | – |
| English NLI, alignment, XNLI | 65.0 | 57.0 | 47.0 | 52.0 | +6.5 [+5.0, +8.0] |"""
    assert orders_table(study) == expected


def test_a_task_of_the_deep_encoders_stands_beside_their_backbone(study):
    expected = """\
| XQuAD zero-shot | en | de | zh | mean |
| --- | ---: | ---: | ---: | ---: |
| mbert 12 layers, % | 50.0 | 40.0 | 40.0 | 40.0 |
| weam headline | – | +3.0 [+1.0, +5.0] | – | +3.0 [+1.0, +5.0] |"""
    assert language_table(study, "xquad zero-shot", study.encoders("beyond")) == expected
    assert language_table(study, "udpos", ["mbert 12 layers", "weam headline"]) == ""
    assert expected in PARTS["beyond"](study)


def test_other_tasks_are_scored_by_f1_not_by_exact_match(study):
    expected = """\
| mean, % | PAN-X, F1 | difference | XQuAD zero-shot, F1 | difference | MLQA zero-shot, F1 | difference |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
| mbert | 40.5 ± 0.7 | – | – | – | 30.0 | – |
| mbert 12 layers | – | – | 40.0 | – | – | – |
| weam | 40.0 | – | – | – | 32.0 | +2.0 [-1.0, +5.0] |
| weam headline | – | – | 43.0 | +3.0 [+1.0, +5.0] | – | – |"""
    assert tasks_table(study) == expected


def test_spaces_have_the_last_and_the_best_layer(study):
    expected = """\
| de / zh, % | AER, last layer | AER, best layer | word retrieval, last layer | word retrieval, best layer | cosine \
of aligned words, last layer | of random words |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
| mbert | 35.0 / 40.0 | 30.0 (2) / 40.0 (3) | 60.0 / 30.0 | 70.0 (2) / 50.0 (1) | – | – |
| tlm | 32.0 / 38.0 | 30.0 (2) / 38.0 (3) | – | – | – | – |
| weam | 30.0 / 36.0 | 25.0 (2) / 35.0 (2) | – | – | – | – |
| weam shuffled links | 36.0 / 49.0 | 35.0 (2) / 48.0 (2) | – | – | – | – |"""
    assert space_table(study) == expected


def test_correlations_have_their_number_of_encoders(study):
    expected = """\
| last layer | Tatoeba | XNLI zero-shot |
| --- | ---: | ---: |
| word retrieval | +0.90 (9) | -0.20 (4) |"""
    assert correlations_table(study) == expected


def test_a_step_counts_for_the_first_question_that_has_it(study):
    expected = """\
| question | steps | finished | core hours taken | core hours left, estimated |
| --- | ---: | ---: | ---: | ---: |
| headline | 2 | 2 | 1.0 | 0.0 |
| systems | 6 | 4 | 2.0 | 0.1 |
| beyond | 8 | 8 | 4.0 | 0.0 |
| ablations | 2 | 2 | 1.0 | 0.0 |
| sizes | 2 | 2 | 1.0 | 0.0 |
| ratios | 4 | 4 | 2.0 | 0.0 |
| languages | 2 | 2 | 1.0 | 0.0 |
| intermediate | 3 | 1 | 0.5 | 0.5 |"""
    assert steps_table(study) == expected


def test_what_is_left_is_listed_by_question_and_encoder(record):
    record["unfinished"]["nli then weam/space"] = 1.0
    record["questions"]["intermediate"].append("nli then weam/space")
    expected = """\
- **systems** – simcse
- **intermediate** – weam then nli; nli then weam: space"""
    assert left_answer(parse_study(record)) == expected


# Answers


def test_the_answer_on_spread(study):
    expected = """\
Answer: on XNLI zero-shot the mean spreads by 2.71 points over 2 seeds, its difference from a system with the same \
seed by 0.91; a difference of one point needs 4 seeds a system. On UDPOS the mean spreads by 0.71 points over 2 \
seeds; a difference of one point needs 4 seeds a system. That counts seeds alone: test examples add to it, the \
intervals below hold both, and a deviation over so few seeds is itself a rough figure."""
    assert spread_answer(study) == expected


def test_the_answer_on_headline(study):
    expected = """\
Answer: on XNLI zero-shot from English NLI, above mbert: weam headline +4.0 (one seed); below: none; undecided: \
none. On Tatoeba nothing is measured yet."""
    assert headline_answer(study) == expected


def test_the_answer_on_systems(study):
    expected = """\
Answer: on XNLI zero-shot, above mbert: tlm +2.5 (one seed), weam +4.5 (one seed); below: none; undecided: none. On \
Tatoeba, above mbert: none; below: tlm -2.0, weam -4.0; undecided: none."""
    assert systems_answer(study) == expected


def test_the_answer_on_placebo(study):
    expected = """\
Answer: weam is above tlm, and shuffled links are below true ones, on: XNLI zero-shot; not so on: none. Shuffled \
links are above tlm, too, on: none. Under the representation exchange, shuffled less true links: none. The \
alignment error rate at the last layer is 35.0 % with tlm, 33.0 % with weam, 42.5 % with weam shuffled links."""
    assert placebo_answer(study) == expected


def test_the_answer_on_ratios(study):
    gaps = study.gaps | {
        ("en-sw 1 to 1 alpha 1/tatoeba", "mbert wide/tatoeba", "sw"): Gap(0.05, 0.03, 0.07),
        ("en-sw 1 to 4 alpha 1/tatoeba", "mbert wide/tatoeba", "sw"): Gap(-0.02, -0.03, -0.01),
    }
    expected = """\
Answer: on Tatoeba, the low-resource language is better than mbert wide: en-sw 1 to 1 alpha 1 +5.0; worse: en-sw 1 to \
4 alpha 1 -2.0; undecided: 1 of 3. On Tatoeba, the low-resource language is better drawn more often than with alpha 1: \
en-sw 1 to 4 alpha 0 +1.0; worse: none; undecided: 0 of 1."""
    assert ratios_answer(replace(study, gaps=gaps)) == expected
    assert ratios_answer(replace(study, gaps={})) == ""


def test_the_answer_on_languages(study):
    expected = """\
Answer: on Tatoeba from 1 to 10 languages, total fixed: mean 65.7 → 67.7, de 91.0 → 88.0."""
    assert languages_answer(study) == expected


def test_the_answer_on_sizes(study):
    expected = """\
Answer: on PAN-X, weam less mbert of its depth: +1.0 [-1.0, +3.0] with 2 layers. On Tatoeba, weam less mbert of its \
depth: -4.0 [-5.0, -3.0] with 6 layers."""
    assert sizes_answer(study) == expected


def test_the_answer_on_orders(study):
    expected = """\
Answer: the best mean is that of `alignment, English NLI`, 55.0 %. Less XNLI alone: `alignment, XNLI` +4.5 [+2.0, \
+7.0], `English NLI, alignment, XNLI` +6.5 [+5.0, +8.0]."""
    assert orders_answer(study) == expected


def test_the_answer_on_tasks(study):
    expected = """\
Answer: on UDPOS, above mbert: none; below: none; undecided: weam +0.5 (one seed). On PAN-X nothing is measured \
yet. On XQuAD zero-shot, above mbert: weam headline +3.0 (one seed); below: none; undecided: none. On MLQA zero-shot, \
above mbert: none; below: none; undecided: weam +2.0 (one seed)."""
    assert tasks_answer(study) == expected


def test_the_answer_on_space(study):
    expected = """\
Answer: alignment error rate at the last layer is best with weam, 33.0 %, mbert has 37.5 %. Word retrieval at the \
last layer is best with mbert, 45.0 %."""
    assert space_answer(study) == expected


def test_the_answer_on_correlations(study):
    expected = """\
Answer: once in twenty times chance alone gives more than ±0.69 over 9 encoders; beyond that: word retrieval with \
Tatoeba +0.90. Of 2 correlations about 0 would be beyond it by chance, and the encoders are few and kin: weak \
evidence."""
    assert correlations_answer(study) == expected


def test_a_claim_that_holds_is_answered_so(study):
    assert claim_answer(study, CLAIMS[0]) == (
        "**a. Claim a: holds.** Figures: tlm zero-shot has 48.0 %, mbert zero-shot 45.5 %: +2.5 [+0.5, +4.5], all of "
        "it above 0 (one seed)."
    )


def test_a_claim_that_was_not_measured_is_answered_so(study):
    assert claim_answer(study, CLAIMS[1]) == (
        "**b. Claim b: not measured yet.** Figures: tlm translate-train and mbert translate-train are not both "
        "measured yet."
    )


def test_a_claim_that_fails_names_all_its_contrasts(study):
    assert claim_answer(study, CLAIMS[2]) == (
        "**e. Claim e: does not hold.** Figures: tlm zero-shot has 48.0 %, mbert zero-shot 45.5 %: +2.5 [+0.5, +4.5], "
        "all of it above 0 (one seed); weam zero-shot has 50.0 %, tlm zero-shot 48.0 %: +2.0 [+1.0, +3.0], which "
        "reaches beyond one point (one seed)."
    )


def test_an_undecided_claim_is_answered_so(study):
    assert claim_answer(study, CLAIMS[3]) == (
        "**f. Claim f: undecided at this scale.** Figures: weam zero-shot has 50.0 %, mbert translate-train 51.0 %: "
        "-1.0 [-3.0, +1.0], which takes in 0 (one seed)."
    )


@pytest.mark.parametrize(
    ("relation", "low", "high", "words"),
    [
        ("above", -0.02, -0.01, "all of it below 0"),
        ("below", -0.02, -0.01, "all of it below 0"),
        ("above", -0.02, 0.01, "which takes in 0"),
        ("like", -0.01, 0.01, "all of it within one point"),
        ("like", -0.03, -0.02, "all of it beyond one point"),
        ("like", -0.03, 0.0, "which reaches beyond one point"),
    ],
)
def test_words_say_where_an_interval_lies(relation, low, high, words):
    assert reach(relation, Gap(0.0, low, high)) == words


@pytest.mark.parametrize(
    ("over_tlm", "shuffled", "words"),
    [
        ((0.01, 0.03), (-0.03, -0.01), "weam above tlm; worse with shuffled links"),
        ((0.01, 0.03), (-0.03, 0.01), "weam above tlm; shuffled links not told apart"),
        ((-0.01, 0.03), (0.01, 0.02), "weam and tlm not told apart; better with shuffled links"),
        ((-0.02, -0.01), (-0.03, 0.01), "weam below tlm; shuffled links not told apart"),
    ],
)
def test_the_placebo_is_read_by_both_intervals(over_tlm, shuffled, words):
    assert placebo_reading(Gap(0.0, *over_tlm), Gap(0.0, *shuffled)) == words


def test_intervals_that_chance_would_decide_are_counted(record):
    languages = [f"l{number}" for number in range(20)]
    sides = {"ours": "tlm/xnli zero-shot", "theirs": "mbert/xnli zero-shot"}
    figures = {"metric": "accuracy", "difference": 0.0, "low": -0.1, "high": 0.1, "seeds": [1, 1]}
    row = {"encoder": "mbert", "evaluation": "xnli zero-shot", "benchmark": "xnli", "metric": "accuracy"}
    record["scores"] += [{**row, "language": language, "values": [0.5]} for language in languages]
    record["differences"] += [{**sides, "language": language, **figures} for language in languages]
    found = chance(parse_study(record), "xnli zero-shot", ["mbert", "tlm", "weam"])
    assert found == "Of these 24 intervals about 1.2 would leave 0 out by chance alone."


# Parts


def test_every_part_says_when_nothing_is_measured(nothing):
    parts = {name: part(nothing) for name, part in PARTS.items() if name not in ("plan", "claims", "left")}
    hours = {"headline": 1.0, "systems": 3.0, "ablations": 1.0, "sizes": 1.0}
    hours |= {"ratios": 2.0, "languages": 1.0, "intermediate": 1.5}
    expected = {name: f"Not measured yet: an estimated {left:.1f} core hours are left." for name, left in hours.items()}
    assert parts == {
        **expected,
        "beyond": "Not measured yet: an estimated 4.0 core hours are left.",
        "spread": "Not measured yet: no evaluation of the backbone is finished with several seeds.",
        "space": "Not measured yet.",
        "transfer": "Not measured yet.",
        "correlations": "Not measured yet.",
    }


def test_claims_without_figures_are_not_measured(nothing):
    table, caption, answer = PARTS["claims"](nothing).split("\n\n")
    assert table.splitlines()[2] == "| a. tlm zero-shot above mbert zero-shot | – | – | – | – | not measured yet |"
    assert answer.startswith("**a. Claim a: not measured yet.**")


def test_claims_that_headline_rows_decide_say_what_those_were_trained_on(record):
    assert "headline" not in PARTS["claims"](parse_study(record))
    row = claim("c", HOLDS, ("weam headline/nli zero-shot", "above", "mbert 12 layers/nli zero-shot", HOLDS))
    text = PARTS["claims"](parse_study({**record, "claims": [row]}))
    assert "| c. weam headline zero-shot above mbert 12 layers zero-shot | 59.0 | 55.0 |" in text
    assert "Rows called headline are fine-tuned on English NLI instead, those called `then nli` on it first." in text


def test_a_plan_without_headline_rows_says_why(record):
    record["questions"]["headline"] = []
    assert PARTS["headline"](parse_study(record)) == (
        "All encoders of this plan have all layers: the next section has them."
    )


def test_a_question_that_is_not_finished_says_what_is_left(study):
    assert PARTS["systems"](study).startswith("4 of 6 steps are finished, an estimated 0.1 core hours are left.")
    assert PARTS["ablations"](study).startswith("| mean | weam less tlm |")


def test_dev_rows_are_named_wherever_they_were_training_data(study):
    captioned = {name for name, part in PARTS.items() if f"*{DEV_ROWS}*" in part(study)}
    assert captioned == {"plan", "spread", "claims", "systems", "transfer", "ablations", "intermediate", "beyond"}
    assert "fine-tuned on XNLI's dev rows (2,001 to train, 489 to select) or on XQuAD's questions" in DEV_ROWS


def test_the_plan_is_read_from_its_scale(study):
    text = PARTS["plan"](study)
    assert text.startswith("Plan `small`, gathered 2026-01-31: 25 of 29 steps are finished, 12.5 core hours were taken")
    assert "its first 6 layers, headline rows to 12, trained once for one epoch on 12,000 sentence pairs in all" in text
    assert "after 200 steps of warm-up for the prediction head, headline rows 1,000. English NLI has 10,000" in text
    assert "Versions: python 3.11.7, torch 2.13.0." in text


def test_the_commands_to_run_it_again_are_those_of_study_figures(record):
    assert [command.split()[2] for command in rerun_commands()] == [
        "benchmarks.study",
        "benchmarks.study.collect",
        "benchmarks.study.report",
    ]
    text = PARTS["plan"](parse_study({**record, "plan": "full"}))
    assert "benchmarks.study.collect --plan full\n" in text and "benchmarks.study.report\n" in text


def test_a_plot_is_shown_where_it_has_data_only(record):
    assert "../benchmarks/results/study_learning.svg" in PARTS["systems"](parse_study(record))
    text = PARTS["systems"](parse_study({**record, "encoders": {}}))
    assert "study_learning" not in text and "No plot yet: losses in training." in text


# The document


def marked(*names):
    return "".join(f"# {name}\n\n<!-- {name} -->\n<!-- /{name} -->\n\nby hand\n" for name in names)


def test_filling_in_twice_changes_nothing_and_hand_written_text_stays(study, nothing):
    once = filled(marked(*PARTS), study)
    assert filled(once, study) == once
    assert once.count("by hand\n") == len(PARTS)
    assert filled(filled(once, nothing), study) == once


def test_a_document_without_a_place_for_a_part_is_refused(study):
    with pytest.raises(ValueError, match="no marks <!-- left --> and <!-- /left -->"):
        filled(marked(*[name for name in PARTS if name != "left"]), study)


def test_all_committed_fine_tunings_of_an_encoder_began_with_the_same_weights():
    """Encoders are trained again where they are missing: one that came out otherwise would go by the same name."""
    weights: dict[str, set[str]] = {}
    results = json.loads((RESULTS / "study.json").read_text(encoding="utf-8"))["results"]
    for step, record in results.items():
        encoder, _, rest = step.partition("/")
        begun = encoder + rest.rpartition("/")[2] if encoder.endswith(THEN_NLI) else encoder
        if "/seed " in step:
            weights.setdefault(begun, set()).update(row["checkpoint_fingerprint"] for row in record["measurements"])
    assert len(weights) > 50
    assert {encoder for encoder, found in weights.items() if len(found) > 1} == set()


def test_the_document_is_what_the_committed_record_makes_it():
    text = DOCUMENT.read_text(encoding="utf-8")
    assert filled(text, read_study(RESULTS / "study.json")) == text


def test_the_document_shows_the_plots_that_are_there():
    shown = re.findall(r"\]\(\.\./benchmarks/results/(study_\w+\.svg)\)", DOCUMENT.read_text(encoding="utf-8"))
    assert sorted(shown) == sorted(path.name for path in RESULTS.glob("study_*.svg"))


def test_the_program_writes_document_and_plots(record, tmp_path, monkeypatch, capsys):
    write_json(record, tmp_path / "study.json")
    document = tmp_path / "study.md"
    document.write_text(marked(*PARTS), encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["report", "--results", str(tmp_path), "--document", str(document)])
    main()
    assert capsys.readouterr().out == f"wrote {document} and 6 plots\n"
    assert document.read_text(encoding="utf-8") == filled(marked(*PARTS), parse_study(record))


# Plots


def curves(study, name):
    return {(curve.panel, curve.name): list(curve.points) for curve in PLOTS[name].curves(study)}


def test_losses_are_drawn_over_steps_as_running_means(study):
    assert curves(study, "learning") == {
        ("multilingual loss", "tlm"): [(50, 1.5)],
        ("multilingual loss", "weam"): [(50, 1.5)],
        ("cross lingual loss", "weam"): [(50, 1.5)],
    }


def test_lines_of_the_ratios_begin_at_the_run_that_all_exponents_share(study):
    assert curves(study, "ratio") == {
        ("Tatoeba: de, beside sw", "alpha 0"): [(1, 89.0), (4, 87.0)],
        ("Tatoeba: de, beside sw", "alpha 1"): [(1, 89.0), (4, 88.0)],
        ("Tatoeba: de, beside sw", "mbert wide"): [(1, 90.0), (4, 90.0)],
        ("Tatoeba: sw, beside de", "alpha 0"): [(1, pytest.approx(55.0)), (4, 53.0)],
        ("Tatoeba: sw, beside de", "alpha 1"): [(1, pytest.approx(55.0)), (4, 52.0)],
        ("Tatoeba: sw, beside de", "mbert wide"): [(1, 50.0), (4, 50.0)],
    }


def test_lines_of_the_languages_end_at_the_run_that_both_share(study):
    found = curves(study, "languages")
    assert found["Tatoeba: de, aligned in all", "pairs fixed: total"] == [(1, 91.0), (10, 88.0)]
    assert found["Tatoeba: de, aligned in all", "pairs fixed: each"] == [(10, 88.0)]
    assert found["Tatoeba: de, aligned in all", "mbert wide"] == [(1, 90.0), (10, 90.0)]


def test_spaces_are_drawn_over_layers(study):
    assert curves(study, "layers")["alignment error rate, en-de", "weam"] == [(1, 40.0), (2, 25.0), (3, 30.0)]


def test_sizes_are_drawn_before_and_after(study):
    found = curves(study, "size")
    assert found["PAN-X, mean without English", "mbert, before"] == [(2, 39.0), (6, 40.5)]
    assert found["PAN-X, mean without English", "weam, after"] == [(2, 40.0), (6, 40.0)]
    assert found["alignment error rate at the last layer", "tlm, after"] == [(6, 35.0)]


def test_the_forest_has_each_difference_to_the_backbone(study):
    rows = [(row.panel, row.language, row.name) for row in forest_rows(study)]
    assert rows == [
        ("headline: XNLI zero-shot from English NLI", "de", "weam"),
        ("headline: XNLI zero-shot from English NLI", "mean", "weam"),
        ("systems: XNLI zero-shot", "de", "tlm"),
        ("systems: XNLI zero-shot", "de", "weam"),
        ("systems: XNLI zero-shot", "mean", "tlm"),
        ("systems: XNLI zero-shot", "mean", "weam"),
        ("systems: UDPOS", "zh", "weam"),
        ("systems: UDPOS", "mean", "weam"),
        ("systems: Tatoeba", "de", "tlm"),
        ("systems: Tatoeba", "de", "weam"),
        ("systems: Tatoeba", "mean", "tlm"),
        ("systems: Tatoeba", "mean", "weam"),
    ]


def test_headline_rows_with_more_pairs_have_a_panel_of_their_own(study):
    record = deepcopy(study.record)
    ours, theirs = "weam headline 60,000 pairs/nli zero-shot", "mbert 12 layers/nli zero-shot"
    record["questions"]["headline"].append(f"{ours}/seed 1")
    scores = {**study.scores, (ours, "mean"): [0.6]}
    gaps = {**study.gaps, (ours, theirs, "mean"): Gap(0.05, 0.04, 0.06)}
    rows = forest_rows(replace(study, record=record, scores=scores, gaps=gaps))
    means = [(row.panel, row.name) for row in rows if row.language == "mean"]
    test = "XNLI zero-shot from English NLI"
    assert means[:2] == [(f"headline: {test}", "weam"), (f"headline 60,000 pairs: {test}", "weam")]


def test_plots_are_the_same_file_each_time_and_drawings(study, tmp_path):
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
        assert write_plots(study, folder) == available(study)
    for name in available(study):
        first, second = (folder / f"study_{name}.svg" for folder in folders)
        assert first.read_bytes() == second.read_bytes()
        assert ElementTree.parse(first).getroot().tag == "{http://www.w3.org/2000/svg}svg"


def test_a_plot_without_data_is_not_written_and_an_old_one_goes(record, nothing, tmp_path):
    (tmp_path / "study_size.svg").write_text("old", encoding="utf-8")
    assert write_plots(nothing, tmp_path) == []
    assert list(tmp_path.iterdir()) == []
    only_space = {**record, "scores": [], "differences": [], "encoders": {}}
    assert write_plots(parse_study(only_space), tmp_path) == ["layers"]
    assert [path.name for path in tmp_path.iterdir()] == ["study_layers.svg"]


def test_a_panel_with_the_backbone_alone_is_left_out():
    lines = [Curve("XNLI", "%", "mbert wide", [(1, 50.0)]), Curve("XNLI", "%", "alpha 1", [])]
    measured = [Curve("Tatoeba", "%", name, [(1, 70.0)]) for name in ("mbert wide", "alpha 1")]
    assert drawn([*lines, *measured]) == measured and drawn(lines) == []


def test_the_backbone_alone_is_no_plot(record):
    known = [row for row in record["scores"] if row["encoder"].startswith("mbert")]
    space = [row for row in record["space"] if row["encoder"] == "mbert"]
    assert available(parse_study({**record, "scores": known, "space": space, "encoders": {}, "differences": []})) == []

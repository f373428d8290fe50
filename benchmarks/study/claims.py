"""What the paper claims, and whether the measured differences bear it out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.study.plan import E5, LARGE_PAIRS, Scale, deepened
from weam.results import MEAN

SEEDS_TO_DECIDE = 3
LIKE = 0.01  # systems within a point of each other are alike
ZERO, TRANSLATED, FROM_NLI = "xnli zero-shot", "xnli translate-train", "nli zero-shot"
REPRESENTATION = "weam-representation"
HOLDS, FAILS, UNDECIDED, NOT_MEASURED = "holds", "does not hold", "undecided at this scale", "not measured yet"


@dataclass(frozen=True)
class Contrast:
    """Two systems and how the first is said to stand to the second: above, below or like it; each with its setting."""

    system: str
    relation: str
    other: str
    setting: str = ZERO
    other_setting: str = ZERO


@dataclass(frozen=True)
class Claim:
    """A claim of the paper: it holds if all its contrasts do."""

    letter: str
    text: str
    contrasts: tuple[Contrast, ...]


CLAIMS = (
    Claim("a", "TLM is far above the backbone zero-shot", (Contrast("tlm", "above", E5),)),
    Claim(
        "b",
        "TLM is below the backbone in translate-train",
        (Contrast("tlm", "below", E5, TRANSLATED, TRANSLATED),),
    ),
    Claim(
        "c",
        "WEAM is above the backbone zero-shot and in translate-train",
        (Contrast("weam", "above", E5), Contrast("weam", "above", E5, TRANSLATED, TRANSLATED)),
    ),
    Claim(
        "d",
        "On XNLI TLM and the word-aligned backbone are alike, both above the backbone",
        (
            Contrast("tlm", "like", "word-alignment"),
            Contrast("tlm", "above", E5),
            Contrast("word-alignment", "above", E5),
        ),
    ),
    Claim(
        "e",
        "WEAM is clearly above TLM and the word-aligned backbone",
        (Contrast("weam", "above", "tlm"), Contrast("weam", "above", "word-alignment")),
    ),
    Claim(
        "f", "WEAM zero-shot is just below translate-train", (Contrast("weam", "below", E5, other_setting=TRANSLATED),)
    ),
    Claim(
        "c to f, the other reading",
        "WEAM with the representation exchange is above the backbone, TLM and the word-aligned backbone, below "
        "translate-train",
        (
            *(Contrast(REPRESENTATION, "above", other) for other in (E5, "tlm", "word-alignment")),
            Contrast(REPRESENTATION, "below", E5, other_setting=TRANSLATED),
        ),
    ),
)


def verdict(relation: str, low: float, high: float) -> str:
    """Judge a contrast by the 95 % interval of its difference.

    >>> verdict("above", 0.004, 0.02), verdict("like", -0.004, 0.008), verdict("below", -0.01, 0.02)
    ('holds', 'holds', 'undecided at this scale')
    """
    if relation == "like":
        inside, outside = -LIKE <= low and high <= LIKE, high < -LIKE or low > LIKE
    else:
        sign = 1 if relation == "above" else -1
        ends = sorted((sign * low, sign * high))
        inside, outside = ends[0] > 0, ends[1] < 0
    return HOLDS if inside else FAILS if outside else UNDECIDED


def weighed(relation: str, row: Mapping[str, Any]) -> str:
    """Judge a contrast by its figures: an interval over fewer seeds than this knows too little of seeds to decide."""
    return verdict(relation, row["low"], row["high"]) if min(row["seeds"]) >= SEEDS_TO_DECIDE else UNDECIDED


def judged(verdicts: Sequence[str]) -> str:
    """Join the verdicts of a claim's contrasts: one that fails decides, then one that is missing or undecided."""
    return next((word for word in (FAILS, NOT_MEASURED, UNDECIDED) if word in verdicts), HOLDS)


def evaluations(contrast: Contrast, scale: Scale) -> list[tuple[str, str]]:
    """Return the pairs of evaluations that may decide a contrast, the first of them that has the seeds does.

    All layers and a large English training set go first, most pairs before fewer. Where translate-train takes part,
    both sides go on from there with XNLI's dev rows, in English for zero-shot.
    """
    is_translated = TRANSLATED in (contrast.setting, contrast.other_setting)
    sides = ((contrast.system, contrast.setting), (contrast.other, contrast.other_setting))
    found = []
    for pairs in (LARGE_PAIRS, None) if scale.deep else ():
        encoders = [replace(deepened(system, pairs=pairs), after_nli=is_translated) for system, _ in sides]
        tests = [setting if is_translated else FROM_NLI for _, setting in sides]
        found.append(tuple(f"{encoder.name}/{test}" for encoder, test in zip(encoders, tests, strict=True)))
    found.append(tuple(f"{scale.encoder(system).name}/{setting}" for system, setting in sides))
    return [(run, baseline) for run, baseline in found]


def judge(claims: Sequence[Claim], differences: Sequence[Mapping[str, Any]], scale: Scale) -> list[dict[str, Any]]:
    """Set the figures of each claim beside it, and judge it by the mean over languages other than English."""
    found = {(row["run"], row["baseline"]): row for row in differences if row["language"] == MEAN}
    judgements = []
    for claim in claims:
        evidence: list[dict[str, Any]] = []
        for contrast in claim.contrasts:
            pairs = evaluations(contrast, scale)
            decides = (pair for pair in pairs if pair in found and min(found[pair]["seeds"]) >= SEEDS_TO_DECIDE)
            run, baseline = pair = next(decides, pairs[-1])
            word = weighed(contrast.relation, found[pair]) if pair in found else NOT_MEASURED
            row = {"run": run, "relation": contrast.relation, "baseline": baseline}
            evidence.append({**row, "verdict": word, "figures": found.get(pair)})
        verdicts = [row["verdict"] for row in evidence]
        judgements.append(
            {"letter": claim.letter, "text": claim.text, "verdict": judged(verdicts), "contrasts": evidence}
        )
    return judgements

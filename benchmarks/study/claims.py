"""What the study claims, and whether the measured differences bear it out."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.study.plan import HEADLINE, LARGE_HEADLINE, LAYERS, THEN_NLI, deepened
from weam.results import MEAN

SEEDS_TO_DECIDE = 3
LIKE = 0.01  # systems within a point of each other are alike
ZERO, TRANSLATED = "xnli zero-shot", "xnli translate-train"
REPRESENTATION = "weam-representation"
HOLDS, FAILS, UNDECIDED, NOT_MEASURED = "holds", "does not hold", "undecided at this scale", "not measured yet"


@dataclass(frozen=True)
class Contrast:
    """Two systems and how the first is said to stand to the second: above, below or like it.

    A system is an encoder and how it is tested, as `weam/xnli zero-shot`.
    """

    ours: str
    relation: str
    theirs: str


@dataclass(frozen=True)
class Claim:
    """A claim of the paper: it holds if all its contrasts do."""

    letter: str
    text: str
    contrasts: tuple[Contrast, ...]


def zero_shot(encoder: str, relation: str, *others: str) -> tuple[Contrast, ...]:
    """Return the contrasts of an encoder with others on zero-shot XNLI."""
    return tuple(Contrast(f"{encoder}/{ZERO}", relation, f"{other}/{ZERO}") for other in others)


def below_translate_train(encoder: str) -> Contrast:
    """Return the contrast of an encoder zero-shot with mBERT that is trained on each language."""
    return Contrast(f"{encoder}/{ZERO}", "below", f"mbert/{TRANSLATED}")


CLAIMS = (
    Claim("a", "TLM is far above mBERT zero-shot", zero_shot("tlm", "above", "mbert")),
    Claim(
        "b", "TLM is below mBERT in translate-train", (Contrast(f"tlm/{TRANSLATED}", "below", f"mbert/{TRANSLATED}"),)
    ),
    Claim(
        "c",
        "WEAM is above mBERT zero-shot and in translate-train",
        (
            *zero_shot("weam", "above", "mbert"),
            Contrast(f"weam/{TRANSLATED}", "above", f"mbert/{TRANSLATED}"),
        ),
    ),
    Claim(
        "d",
        "On XNLI TLM and word-aligned mBERT are alike, both above mBERT",
        (
            *zero_shot("tlm", "like", "word-alignment"),
            *zero_shot("tlm", "above", "mbert"),
            *zero_shot("word-alignment", "above", "mbert"),
        ),
    ),
    Claim("e", "WEAM is clearly above TLM and word-aligned mBERT", zero_shot("weam", "above", "tlm", "word-alignment")),
    Claim("f", "WEAM zero-shot is just below translate-train", (below_translate_train("weam"),)),
    Claim(
        "c to f, the other reading",
        "WEAM with the representation exchange is above mBERT, TLM and word-aligned mBERT, below translate-train",
        (
            *zero_shot(REPRESENTATION, "above", "mbert", "tlm", "word-alignment"),
            below_translate_train(REPRESENTATION),
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


def at_full_depth(contrast: Contrast) -> list[Contrast]:
    """Return a contrast as the headline rows have it, all layers and a large English training set: most pairs first.

    Where translate-train takes part, both sides go on from there with XNLI's dev rows, in English for zero-shot.

    >>> at_full_depth(Contrast("tlm/xnli zero-shot", "above", "mbert/xnli zero-shot"))[1]
    Contrast(ours='tlm headline/nli zero-shot', relation='above', theirs='mbert 12 layers/nli zero-shot')
    """
    sides = [side.split("/") for side in (contrast.ours, contrast.theirs)]
    is_translated = any(evaluation == TRANSLATED for _, evaluation in sides)
    found = []
    for kind in (LARGE_HEADLINE, HEADLINE):
        ours, theirs = (
            deepened(encoder, max(LAYERS), kind) + (f"{THEN_NLI}/{test}" if is_translated else "/nli zero-shot")
            for encoder, test in sides
        )
        found.append(Contrast(ours, contrast.relation, theirs))
    return found


def decisive(contrast: Contrast, found: Mapping[tuple[str, str], Mapping[str, Any]]) -> Contrast:
    """Return the contrast that decides: the first of the headline's that has the seeds to, else the breadth's."""
    for deeper in at_full_depth(contrast):
        row = found.get((deeper.ours, deeper.theirs))
        if row is not None and min(row["seeds"]) >= SEEDS_TO_DECIDE:
            return deeper
    return contrast


def judge(claims: Sequence[Claim], differences: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Set the figures of each claim beside it, and judge it by the mean over languages other than English."""
    found = {(row["ours"], row["theirs"]): row for row in differences if row["language"] == MEAN}
    judgements = []
    for claim in claims:
        evidence = []
        for contrast in (decisive(contrast, found) for contrast in claim.contrasts):
            row = found.get((contrast.ours, contrast.theirs))
            word = NOT_MEASURED if row is None else weighed(contrast.relation, row)
            evidence.append({**asdict(contrast), "verdict": word, "figures": row})
        judgements.append(
            {
                "letter": claim.letter,
                "text": claim.text,
                "verdict": judged([row["verdict"] for row in evidence]),
                "contrasts": evidence,
            }
        )
    return judgements

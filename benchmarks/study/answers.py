"""Say in sentences what the study measured: what an interval leaves open is called undecided.

`benchmarks/study/report.py` puts these beside the tables. No figure and no verdict is written down here.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import sqrt
from typing import Any

from benchmarks.study.cells import percent, points, seed_note, signed
from benchmarks.study.claims import LIKE, REPRESENTATION
from benchmarks.study.collect import TRANSFER_GAP
from benchmarks.study.plan import MBERT, SIZES, THEN_NLI, WIDE_MBERT, baseline, drawn_as_it_comes
from benchmarks.study.record import (
    ERROR_RATE,
    FROM_ENGLISH,
    FULL,
    HIGH,
    OF_ENCODERS,
    OF_SYSTEMS,
    RETRIEVAL,
    TAGS,
    TITLES,
    TRANSLATED,
    WORD_RETRIEVAL,
    ZERO_SHOT,
    Gap,
    Study,
    depths,
    growths,
    mixtures,
    own_steps,
)
from benchmarks.study.tables import (
    ORDERS,
    OTHER_PLACEBO,
    PLACEBO,
    TASKS,
    in_points,
    placebo_tests,
    plain,
    seeds_needed,
    tested_on,
)
from weam.results import MEAN


def listed(words: Sequence[str]) -> str:
    """Write a list in a sentence.

    >>> listed(["tlm", "weam"]), listed([])
    ('tlm, weam', 'none')
    """
    return ", ".join(words) or "none"


def several(number: int, noun: str) -> str:
    """Write a number of things.

    >>> several(1, "seed"), several(3, "language")
    ('1 seed', '3 languages')
    """
    return f"{number} {noun}{'s' * (number != 1)}"


def answer(sentences: Sequence[str]) -> str:
    """Make an answer of sentences that begin small and end without a full stop; nothing of none.

    >>> answer(["de gains", "es does not"])
    'Answer: de gains. Es does not.'
    """
    if not sentences:
        return ""
    first, *rest = sentences
    return f"Answer: {'. '.join([first, *(sentence[0].upper() + sentence[1:] for sentence in rest)])}."


def progress(study: Study, question: str, is_known: bool) -> str:
    """Say how much of a question is finished, if not all of it is."""
    steps = own_steps(study)[question]
    left = [step for step in steps if step not in study.record["finished"]]
    hours = sum(study.record["unfinished"].get(step, 0) for step in left) / 60
    if not is_known:
        return f"Not measured yet: an estimated {hours:.1f} core hours are left."
    if not left:
        return ""
    done = len(steps) - len(left)
    return f"{done} of {len(steps)} steps are finished, an estimated {hours:.1f} core hours are left."


def sides(study: Study, encoders: Sequence[str], evaluation: str) -> str:
    """Say which encoders an evaluation shows above the backbone, which below, and of which it does not say."""
    words = {f"above {MBERT}": 1, "below": -1, "undecided": 0}
    gaps = gaps_between(study, dict.fromkeys(encoders, MEAN), baseline, evaluation)
    return grouped(gaps, evaluation, words) or f"on {TITLES[evaluation]} nothing is measured yet"


def gaps_between(
    study: Study, languages: Mapping[str, str], theirs: Callable[[str], str], evaluation: str
) -> dict[str, Gap]:
    """Return what is known of encoders, each in a language of its own, less what a function names for it."""
    gaps = {
        name: study.gap(f"{name}/{evaluation}", f"{theirs(name)}/{evaluation}", language)
        for name, language in languages.items()
    }
    return {name: gap for name, gap in gaps.items() if gap is not None}


def grouped(known: Mapping[str, Gap], evaluation: str, words: Mapping[str, int]) -> str:
    """List encoders under the word for the side of 0 that the interval lies on; nothing if there are none."""
    groups = []
    for word, side in words.items():
        names = [f"{name} {signed(g.value)}{seed_note(g, evaluation)}" for name, g in known.items() if g.side == side]
        groups.append(f"{word}: {listed(names)}")
    return f"on {TITLES[evaluation]}, {'; '.join(groups)}" if known else ""


def spread_answer(study: Study) -> str:
    """Say what difference can be seen through the spread over seeds."""
    sentences = []
    for (evaluation, language), (deviation, of_differences, seeds) in study.spread.items():
        if language == MEAN:
            needed = several(seeds_needed(deviation, of_differences), "seed")
            spreads = f"the mean spreads by {in_points(deviation)} points over {several(seeds, 'seed')}"
            if of_differences is not None:
                spreads += f", its difference from a system with the same seed by {in_points(of_differences)}"
            sentences.append(f"on {TITLES[evaluation]} {spreads}; a difference of one point needs {needed} a system")
    if not sentences:
        return ""
    return answer(
        [
            *sentences,
            "that counts seeds alone: test examples add to it, the intervals below hold both, and a deviation over so "
            "few seeds is itself a rough figure",
        ]
    )


def claim_answer(study: Study, claim: dict[str, Any]) -> str:
    """Answer a claim by its verdict, and by what its contrasts show."""
    evidence = "; ".join(contrast_words(study, contrast) for contrast in claim["contrasts"])
    return f"**{claim['letter']}. {claim['text']}: {claim['verdict']}.** Figures: {evidence}."


def contrast_words(study: Study, contrast: dict[str, Any]) -> str:
    """Say what a contrast shows."""
    ours, theirs = contrast["ours"], contrast["theirs"]
    gap = study.gap(ours, theirs)
    if gap is None:
        return f"{plain(ours)} and {plain(theirs)} are not both measured yet"
    figures = f"{plain(ours)} has {percent(study.mean(ours))} %, {plain(theirs)} {percent(study.mean(theirs))} %"
    interval = reach(contrast["relation"], gap) + seed_note(gap, ours.partition("/")[2])
    return f"{figures}: {points(gap)}, {interval}"


def reach(relation: str, gap: Gap) -> str:
    """Say where the interval of a difference lies.

    >>> reach("above", Gap(0.02, 0.01, 0.03)), reach("like", Gap(0.0, -0.005, 0.02))
    ('all of it above 0', 'which reaches beyond one point')
    """
    if relation != "like":
        return {1: "all of it above 0", -1: "all of it below 0", 0: "which takes in 0"}[gap.side]
    if -LIKE <= gap.low and gap.high <= LIKE:
        return "all of it within one point"
    return "all of it beyond one point" if gap.low > LIKE or gap.high < -LIKE else "which reaches beyond one point"


def systems_answer(study: Study) -> str:
    """Say which systems are above the backbone."""
    encoders = study.encoders("systems")
    tests = [sides(study, encoders, evaluation) for evaluation in (ZERO_SHOT, RETRIEVAL)]
    return answer(tests)


def headline_answer(study: Study) -> str:
    """Say which systems are above the backbone with all layers."""
    encoders = study.encoders("headline")
    tests = [sides(study, encoders, evaluation) for evaluation in (FULL, RETRIEVAL)]
    refined = [name for name in encoders if name.endswith(THEN_NLI)]
    return answer([*tests, *(sides(study, refined, evaluation) for evaluation in (ZERO_SHOT, TRANSLATED) if refined)])


def transfer_answer(study: Study) -> str:
    """Say which encoders are shown to lose less from English to the other languages than the backbone, which more."""
    words = {"narrower": -1, "wider": 1, "undecided": 0}
    tests = []
    for question, evaluation in FROM_ENGLISH:
        encoders = dict.fromkeys(study.encoders(question), TRANSFER_GAP)
        tests.append(grouped(gaps_between(study, encoders, baseline, evaluation), evaluation, words))
    return answer([test for test in tests if test])


def chance(study: Study, evaluation: str, encoders: Sequence[str]) -> str:
    """Say how many of the intervals by language would leave 0 out if no system differed from the backbone."""
    pairs = [(f"{name}/{evaluation}", f"{baseline(name)}/{evaluation}") for name in encoders]
    count = sum((*pair, language) in study.gaps for pair in pairs for language in study.languages(pair[1]))
    return f"Of these {count} intervals about {count / 20:.1f} would leave 0 out by chance alone." if count else ""


def placebo_answer(study: Study) -> str:
    """Say on which tests the links of WEAM are shown to matter, and on which they are not."""
    shown: list[str] = []
    not_shown: list[str] = []
    above_tlm: list[str] = []
    for title, (_, (over_tlm, placebo_over_tlm, shuffled)) in placebo_tests(study).items():
        if over_tlm is not None and shuffled is not None:
            (shown if over_tlm.side > 0 and shuffled.side < 0 else not_shown).append(title)
        if placebo_over_tlm is not None and placebo_over_tlm.side > 0:
            above_tlm.append(f"{title} {points(placebo_over_tlm)}")
    if not shown + not_shown:
        return ""
    rates = {encoder: study.last(encoder, ERROR_RATE) for encoder in ("tlm", "weam", PLACEBO)}
    texts = [f"{percent(rate)} % with {encoder}" for encoder, rate in rates.items() if rate is not None]
    first = f"weam is above tlm, and shuffled links are below true ones, on: {listed(shown)}"
    second = f"shuffled links are above tlm, too, on: {listed(above_tlm)}"
    third = f"under the representation exchange, shuffled less true links: {listed(other_placebo(study))}"
    fourth = f"the alignment error rate at the last layer is {', '.join(texts)}"
    return answer([f"{first}; not so on: {listed(not_shown)}", second, third, *([fourth] if texts else [])])


def other_placebo(study: Study) -> list[str]:
    """Return, test by test, what shuffling the links does under the representation exchange."""
    found = []
    for evaluation in OF_SYSTEMS:
        gap = study.gap(f"{OTHER_PLACEBO}/{evaluation}", f"{REPRESENTATION}/{evaluation}")
        if gap is not None:
            found.append(f"{TITLES[evaluation]} {points(gap)}")
    return found


def ratios_answer(study: Study) -> str:
    """Say where the low-resource language is told from the backbone, and from itself drawn as it comes."""
    low = {mixture.encoder: mixture.low for mixture in mixtures(study)}
    sentences = []
    for which, theirs in ((f"than {WIDE_MBERT}", baseline), ("drawn more often than with alpha 1", drawn_as_it_comes)):
        for evaluation in OF_ENCODERS:
            gaps = gaps_between(study, low, theirs, evaluation)
            words = {f"the low-resource language is better {which}": 1, "worse": -1}
            undecided = sum(gap.side == 0 for gap in gaps.values())
            groups = grouped(gaps, evaluation, words)
            sentences += [f"{groups}; undecided: {undecided} of {len(gaps)}"] if groups else []
    return answer(sentences)


def languages_answer(study: Study) -> str:
    """Say how scores go from the fewest languages to the most."""
    sentences = []
    for evaluation in OF_ENCODERS:
        courses = [course(study, evaluation, fixed) for fixed in ("total", "each")]
        sentences += [f"on {TITLES[evaluation]} {'; '.join(filter(None, courses))}"] if any(courses) else []
    return answer(sentences)


def course(study: Study, evaluation: str, fixed: str) -> str:
    """Say where scores begin and end as languages are added, with the pairs of all or of each fixed."""
    runs = {g.count: g.encoder for g in growths(study) if g.fixed == fixed or g.count == max(SIZES)}
    counts = [count for count in sorted(runs) if study.mean(f"{runs[count]}/{evaluation}") is not None]
    if len(counts) < 2:
        return ""
    parts = []
    for language in (MEAN, HIGH):
        ends = [percent(study.mean(f"{runs[count]}/{evaluation}", language)) for count in (counts[0], counts[-1])]
        parts.append(f"{language} {' → '.join(ends)}")
    return f"from {counts[0]} to {several(counts[-1], 'language')}, {fixed} fixed: {', '.join(parts)}"


def sizes_answer(study: Study) -> str:
    """Say what alignment brings at each depth."""
    sentences = []
    for evaluation in OF_ENCODERS:
        texts = []
        for layers, encoders in depths(study).items():
            for encoder in encoders:
                gap = study.gap(f"{encoder}/{evaluation}", f"{baseline(encoder)}/{evaluation}")
                if gap is not None and encoder.split()[0] == "weam":
                    texts.append(f"{points(gap)} with {layers} layers")
        sentences += [f"on {TITLES[evaluation]}, weam less mbert of its depth: {', '.join(texts)}"] if texts else []
    return answer(sentences)


def orders_answer(study: Study) -> str:
    """Say which order of trainings is best, and which are above XNLI alone."""
    means = {order: study.mean(system) for order, system in ORDERS.items()}
    known = {order: mean for order, mean in means.items() if mean is not None}
    if len(known) < 2:
        return ""
    best = max(known, key=lambda order: known[order])
    texts = []
    for order, system in ORDERS.items():
        gap = study.gap(system, f"{MBERT}/{ZERO_SHOT}")
        texts += [f"`{order}` {points(gap)}"] if gap is not None else []
    first = f"the best mean is that of `{best}`, {percent(known[best])} %"
    return answer([first, f"less XNLI alone: {listed(texts)}"])


def tasks_answer(study: Study) -> str:
    """Say for each task on which the plan compares systems which of them are above the backbone."""
    compared = [task for task in (TAGS, *TASKS) if any(not name.startswith(MBERT) for name in tested_on(study, task))]
    return answer([sides(study, study.encoders("beyond"), task) for task in compared])


def space_answer(study: Study) -> str:
    """Say which encoder of that depth aligns words best at the last layer, placebos included, beside the backbone."""
    names = dict.fromkeys([*study.encoders("systems"), *study.encoders("ablations")])
    sentences = []
    for metric, choose in ((ERROR_RATE, min), (WORD_RETRIEVAL, max)):
        values = {name: study.last(name, metric) for name in names}
        known = {name: value for name, value in values.items() if value is not None}
        if known:
            best = choose(known, key=lambda name: known[name])
            beside = f", {MBERT} has {percent(known[MBERT])} %" if MBERT in known and best != MBERT else ""
            sentences.append(
                f"{metric.replace('_', ' ')} at the last layer is best with {best}, {percent(known[best])} %{beside}"
            )
    return answer(sentences)


def correlations_answer(study: Study) -> str:
    """Say which rank correlations are more than chance would give, and how many would be by chance."""
    rows = study.record["correlations"]
    if not rows:
        return ""
    counts = sorted({len(row["encoders"]) for row in rows}, reverse=True)
    bounds = ", ".join(f"±{by_chance(count):.2f} over {count} encoders" for count in counts if by_chance(count) < 1)
    strong = [row for row in rows if abs(row["spearman"]) > by_chance(len(row["encoders"]))]
    pairs = [(row["space"].replace("_", " "), TITLES[row["transfer"]], row["spearman"]) for row in strong]
    texts = [f"{metric} with {test} {value:+.2f}" for metric, test, value in pairs]
    first = f"once in twenty times chance alone gives more than {bounds or '±1.00'}; beyond that: {listed(texts)}"
    kin = f"of {several(len(rows), 'correlation')} about {len(rows) / 20:.0f} would be beyond it by chance"
    return answer([first, f"{kin}, and the encoders are few and kin: weak evidence"])


def by_chance(encoders: int) -> float:
    """Return what a rank correlation of unrelated figures exceeds once in twenty times, about.

    >>> round(by_chance(9), 2)
    0.69
    """
    return 1.96 / sqrt(encoders - 1)


def left_answer(study: Study) -> str:
    """List the steps that are not finished, by question and encoder: one without colon lacks all of its steps."""
    lines = []
    for question, steps in own_steps(study).items():
        all_steps = Counter(step.partition("/")[0] for step in steps)
        left = [step for step in steps if step in study.record["unfinished"]]
        words = []
        for encoder, count in Counter(step.partition("/")[0] for step in left).items():
            own = [step.partition("/")[2] or "itself" for step in left if step.partition("/")[0] == encoder]
            words.append(encoder if count == all_steps[encoder] else f"{encoder}: {listed(own)}")
        lines += [f"- **{question}** – {'; '.join(words)}"] if words else []
    return "\n".join(lines)

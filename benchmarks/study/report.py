"""Write what the study found: the marked parts of `docs/study.md`, and `benchmarks/results/study_*.svg`.

    python -m benchmarks.study.report

Reads `benchmarks/results/study.json` of `benchmarks.study.collect`. What stands between `<!-- NAME -->` marks is
written here, sentences included; all else in the document is written by hand and stays.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

from benchmarks.markdown import RESULTS, ROOT, fill
from benchmarks.study import collect
from benchmarks.study.answers import (
    chance,
    claim_answer,
    correlations_answer,
    headline_answer,
    languages_answer,
    left_answer,
    orders_answer,
    placebo_answer,
    progress,
    ratios_answer,
    sizes_answer,
    space_answer,
    spread_answer,
    systems_answer,
    tasks_answer,
    transfer_answer,
)
from benchmarks.study.curves import available
from benchmarks.study.plan import JOINT, LARGE_PAIRS, WARM_HEAD, Scale
from benchmarks.study.plots import write_plots
from benchmarks.study.record import (
    ANSWERS,
    DEV_ROWS,
    ENTITIES,
    FROM_ENGLISH,
    FULL,
    RETRIEVAL,
    TAGS,
    TRANSLATED,
    ZERO_SHOT,
    Study,
    depths,
    growths,
    mixtures,
    read_study,
)
from benchmarks.study.tables import (
    ablation_table,
    by_backbone,
    claims_table,
    correlations_table,
    growth_table,
    headline_table,
    language_table,
    orders_table,
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

DOCUMENT = ROOT / "docs" / "study.md"
CAPTION = f"*{DEV_ROWS}*"


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.study.report", description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=RESULTS, help="Where study.json is, and the plots go.")
    parser.add_argument("--document", type=Path, default=DOCUMENT, help="What is filled in.")
    return parser.parse_args()


def paragraphs(*parts: str) -> str:
    r"""Join what is not empty.

    >>> paragraphs("a", "", "b")
    'a\n\nb'
    """
    return "\n\n".join(part for part in parts if part)


def picture(study: Study, name: str, what: str) -> str:
    """Show a plot, or say that there is none yet."""
    if name not in available(study):
        return f"No plot yet: {what}."
    return f"![{what}](../benchmarks/results/study_{name}.svg)"


def plan_part(study: Study) -> str:
    """Say what was run, on what, and how to run it again."""
    record, scale = study.record, study.scale
    finished, left = record["finished"], record["unfinished"]
    spent = sum(step["seconds"] * step["threads"] for step in finished.values()) / 3600
    state = (
        f"Plan `{record['plan']}`, gathered {record['date']}: {len(finished)} of {len(finished) + len(left)} steps are "
        f"finished, {spent:.1f} core hours were taken, an estimated {sum(left.values()) / 60:.1f} are left."
    )
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    option = "" if record["plan"] == "small" else f" --plan {record['plan']}"
    commands = "\n".join(line + option * ("report" not in line) for line in rerun_commands())
    again = f"Versions: {versions}. To run it again:\n\n```bash\n{commands}\n```"
    return paragraphs(f"{state} {scale_words(scale)}", CAPTION, again)


def scale_words(scale: Scale) -> str:
    """Describe a scale."""
    layers = f"cut to its first {scale.layers} layers" if scale.layers else "with all its layers"
    deeper = f", headline rows to {scale.headline_layers}" if scale.headline_layers else ""
    pairs = f"{scale.pairs:,} sentence pairs in all" if scale.pairs else "all sentence pairs at hand"
    launch = ", ".join(f"{name} {value}" for name, value in scale.launch.items())
    larger = f"; rows that say so {LARGE_PAIRS:,}" if scale.headline_layers else ""
    warm = f"{scale.head_warmup_steps:,} steps of warm-up for the prediction head"
    warmer = f", headline rows {WARM_HEAD:,}" if scale.headline_layers else ""
    examples = f"{scale.nli_train:,} English examples" if scale.nli_train else "all English examples"
    seeds = f"{len(scale.seeds)} seeds where a claim depends on them, else {len(scale.few_seeds)}"
    return (
        f"Each encoder is the backbone {layers}{deeper}, trained once for one epoch on {pairs} "
        f"({', '.join(JOINT)} unless said otherwise{larger}), after {warm}{warmer}. English NLI has {examples}. "
        f"Fine-tunings have {seeds}; where there are several, ± is their standard deviation. All with {launch}."
    )


def rerun_commands() -> list[str]:
    """Return the commands that `collect` names at its top."""
    return [line.strip() for line in str(collect.__doc__).splitlines() if line.startswith("    python -m")]


def spread_part(study: Study) -> str:
    """Say how far the backbone's scores spread over seeds, and what difference can be seen then."""
    if not study.spread:
        return "Not measured yet: no evaluation of the backbone is finished with several seeds."
    return paragraphs(spread_table(study), CAPTION, spread_answer(study))


def claims_part(study: Study) -> str:
    """Lay out the claims, and answer each in two sentences."""
    other = "Rows called headline are fine-tuned on English NLI instead, those called `then nli` on it first."
    caption = f"{CAPTION} {other}" if "headline" in claims_table(study) else CAPTION
    return paragraphs(claims_table(study), caption, *(claim_answer(study, claim) for claim in study.record["claims"]))


def headline_part(study: Study) -> str:
    """Lay out the systems of the claims with all layers."""
    if not study.record["questions"]["headline"]:
        return "All encoders of this plan have all layers: the next section has them."
    scores = headline_table(study)
    if not scores:
        return progress(study, "headline", False)
    encoders = study.encoders("headline")
    by_language = language_table(study, FULL, encoders)
    refined = refined_table(study)
    return paragraphs(
        progress(study, "headline", True),
        scores,
        siblings_table(study, "headline", (FULL, RETRIEVAL)),
        by_language,
        chance(study, FULL, encoders),
        refined,
        language_table(study, TRANSLATED, encoders),
        CAPTION if refined else "",
        headline_answer(study),
        trainings_table(study, "headline"),
    )


def systems_part(study: Study) -> str:
    """Lay out every system."""
    scores = systems_table(study)
    if not scores:
        return progress(study, "systems", False)
    by_language = language_table(study, ZERO_SHOT, study.encoders("systems"))
    return paragraphs(
        progress(study, "systems", True),
        scores,
        CAPTION,
        by_language,
        CAPTION if by_language else "",
        chance(study, ZERO_SHOT, study.encoders("systems")),
        picture(study, "forest", "differences to mbert by language"),
        systems_answer(study),
        trainings_table(study, "systems"),
        picture(study, "learning", "losses in training"),
    )


def transfer_part(study: Study) -> str:
    """Lay out the distance between English and the other languages."""
    tables = [
        transfer_table(study, evaluation, encoders)
        for question, evaluation in FROM_ENGLISH
        for encoders in by_backbone(study.encoders(question))
    ]
    return paragraphs(*tables, CAPTION, transfer_answer(study)) if any(tables) else "Not measured yet."


def ablations_part(study: Study) -> str:
    """Lay out what in WEAM does it, the placebo first."""
    if not study.encoders("ablations"):
        return progress(study, "ablations", False)
    state = progress(study, "ablations", True)
    return paragraphs(state, placebo_table(study), CAPTION, ablation_table(study), CAPTION, placebo_answer(study))


def ratios_part(study: Study) -> str:
    """Lay out the ratios of a low-resource to a high-resource language."""
    known = mixtures(study)
    if not known:
        return progress(study, "ratios", False)
    tables = [ratio_table(study, low) for low in dict.fromkeys(mixture.low for mixture in known)]
    tables.append(sampling_table(study))
    plot = picture(study, "ratio", "scores over the ratio")
    return paragraphs(progress(study, "ratios", True), *tables, plot, ratios_answer(study))


def languages_part(study: Study) -> str:
    """Lay out the number of languages."""
    if not growths(study):
        return progress(study, "languages", False)
    plot = picture(study, "languages", "scores over the number of languages")
    state = progress(study, "languages", True)
    return paragraphs(state, growth_table(study), plot, languages_answer(study))


def sizes_part(study: Study) -> str:
    """Lay out the number of layers."""
    if not set(depths(study)) - {study.depth}:
        return progress(study, "sizes", False)
    plot = picture(study, "size", "scores over the number of layers")
    return paragraphs(progress(study, "sizes", True), size_table(study), plot, sizes_answer(study))


def intermediate_part(study: Study) -> str:
    """Lay out English NLI before and after alignment."""
    if not any("nli" in system.replace("xnli", "") for system, _ in study.scores):
        return progress(study, "intermediate", False)
    return paragraphs(progress(study, "intermediate", True), orders_table(study), CAPTION, orders_answer(study))


def beyond_part(study: Study) -> str:
    """Lay out the other tasks."""
    encoders = study.encoders("beyond")
    by_language = [
        language_table(study, evaluation, kin)
        for evaluation in (TAGS, ENTITIES, ANSWERS)
        for kin in by_backbone(encoders)
    ]
    parts = [*by_language, tasks_table(study), siblings_table(study, "beyond", (ENTITIES, ANSWERS))]
    if not any(parts):
        return progress(study, "beyond", False)
    return paragraphs(progress(study, "beyond", True), *parts, CAPTION, tasks_answer(study))


def space_part(study: Study) -> str:
    """Lay out the alignment of the spaces."""
    if not study.layers:
        return "Not measured yet."
    return paragraphs(space_table(study), picture(study, "layers", "alignment over the layers"), space_answer(study))


def correlations_part(study: Study) -> str:
    """Lay out how alignment and transfer go together."""
    return paragraphs(correlations_table(study), correlations_answer(study)) or "Not measured yet."


def left_part(study: Study) -> str:
    """Lay out what is not measured yet."""
    return paragraphs(steps_table(study), left_answer(study) or "Everything is measured.")


PARTS: dict[str, Callable[[Study], str]] = {
    "plan": plan_part,
    "spread": spread_part,
    "claims": claims_part,
    "headline": headline_part,
    "systems": systems_part,
    "transfer": transfer_part,
    "ablations": ablations_part,
    "ratios": ratios_part,
    "languages": languages_part,
    "sizes": sizes_part,
    "intermediate": intermediate_part,
    "beyond": beyond_part,
    "space": space_part,
    "correlations": correlations_part,
    "left": left_part,
}


def filled(document: str, study: Study) -> str:
    """Return a document with all its marked parts.

    Raises:
        ValueError: it has no place for one.
    """
    for name, part in PARTS.items():
        if f"<!-- {name} -->" not in document or f"<!-- /{name} -->" not in document:
            raise ValueError(f"the document has no marks <!-- {name} --> and <!-- /{name} -->")
        document = fill(document, name, part(study))
    return document


def main() -> None:
    """Fill in the document and draw."""
    arguments = parse_arguments()
    study = read_study(arguments.results / "study.json")
    text = filled(arguments.document.read_text(encoding="utf-8"), study)
    arguments.document.write_text(text, encoding="utf-8")
    print(f"wrote {arguments.document} and {len(write_plots(study, arguments.results))} plots")


if __name__ == "__main__":
    main()

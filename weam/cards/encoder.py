"""What a card says of a pre-trained encoder, each part a function of what was measured; losses in nats per token."""

from collections.abc import Sequence

from huggingface_hub import EvalResult

from weam.cards.evidence import Evidence
from weam.markdown import listed, table
from weam.pretraining.held_out import ERROR_RATE, RETRIEVAL, HeldOutScores, from_measurements
from weam.pretraining.objectives import OBJECTIVES
from weam.results import Results

WEAM = """{base} aligned across {languages} with WEAM, the Word-Exchange Aligning Model \
([Yang et al. 2021](https://arxiv.org/abs/2106.01732)):
pre-training went on over translated sentence pairs, and {exchange} in the other language."""
EXCHANGES = {
    "target": "the representation of each masked word predicted\nthat word and its aligned word",
    "representation": "each masked word was predicted from its own context and through\nits aligned word",
}
TLM = """{base} trained further across {languages} by translation language modelling, which is WEAM with a
cross-lingual weight of 0: pre-training went on over translated sentence pairs, and each masked word was predicted from
its context in both languages."""
BASELINE = """{base} trained further on translated sentence pairs of {languages}, as something to compare WEAM, the
Word-Exchange Aligning Model ([Yang et al. 2021](https://arxiv.org/abs/2106.01732)), with: """
INTRODUCTIONS = {
    "weam": WEAM,
    "tlm": TLM,
    "mlm": BASELINE + "each masked word was\npredicted from its own sentence.",
    "word-alignment": BASELINE
    + """the vectors of
aligned words were drawn together, and those of the source side kept where they were ([Cao, Kitaev and Klein
2020](https://arxiv.org/abs/2002.03518)).""",
    "translation-ranking": BASELINE
    + """each sentence had
to find its translation among those of the batch ([LaBSE, Feng et al. 2022](https://arxiv.org/abs/2007.01852)).""",
    "simcse": BASELINE
    + """each sentence had to
find itself under another dropout ([SimCSE, Gao et al. 2021](https://arxiv.org/abs/2104.08821)); no translation was
used.""",
    "weam-apart": WEAM[:-1] + "; the two sentences\nof a pair were encoded apart.",
    "weam-ranking": WEAM[:-1] + "; each sentence had to find\nits translation among those of the batch as well.",
}


def encoder_introduction(runs: Sequence[Evidence]) -> str:
    """Say what the encoder is, how it was trained, and its languages."""
    first = runs[0]
    model = first.results.settings["model"]
    base = first.checkpoint if model["model_name_or_path"] else "A BERT trained from scratch,"
    objective = model["objective"]
    if objective == "weam" and not model["cross_lingual_weight"]:
        objective = "tlm"
    exchange = EXCHANGES[model["exchange"]]
    text = INTRODUCTIONS[objective].format(base=base, languages=listed(first.languages), exchange=exchange)
    tested = {language for run in runs[1:] for language in run.languages}
    not_aligned = sorted(tested - set(first.languages))
    if not_aligned:
        origin = f", inherited from {first.checkpoint}" if model["model_name_or_path"] else ""
        text += f"\n\nTested as well, but not aligned here{origin}: {listed(not_aligned)}."
    return text


def held_out_section(run: Evidence) -> str:
    """Lay out the scores on held-out pairs before and after training."""
    sides = dict(zip(("before", "after"), from_measurements(run.results.measurements), strict=True))
    if run.baseline is not None:
        sides[f"{run.other}, after"] = from_measurements(run.baseline.measurements)[1]
    names = [scores.language_pair for scores in sides["before"]]
    rows = [_held_out_row(sides[when][number], when) for number in range(len(names)) for when in sides]
    head = ["pair", "", "multilingual loss", "cross-lingual loss", "retrieval, %", "AER, %"]
    return f"""## Held-out pairs, before and after

Losses in nats per token; retrieval is the share of sentences whose translation is the nearest of the held-out ones,
mean of both directions; AER is the alignment error rate of `align_words` on hand-aligned sentences.

{table(head, rows)}"""


def _held_out_row(scores: HeldOutScores, when: str) -> list[str]:
    retrieval = 50 * (scores.retrieval_source_to_target + scores.retrieval_target_to_source)
    losses = ["" if x is None else f"{x:.2f}" for x in (scores.multilingual_loss, scores.cross_lingual_loss)]
    rate = scores.alignment_error_rate
    error_rate = "not measured" if rate is None else f"{100 * rate:.1f}"
    return [scores.language_pair, when, *losses, f"{retrieval:.1f}", error_rate]


def bitext_data(run: Evidence) -> str:
    """List the sentence pairs that went in, and those held out."""
    settings, lines = run.results.settings["bitext"], []
    for report in run.results.data:
        dropped = ", ".join(f"{count:,} {reason}" for reason, count in report["dropped"].items())
        kept = f"{report['kept']:,} of {report['read']:,} sentence pairs kept"
        lines.append(f"- {report['language_pair']}: {kept}" + (f" (dropped: {dropped})" if dropped else ""))
    if settings["max_train_pairs"] is not None:
        lines.append(f"- trained on at most {settings['max_train_pairs']:,} pairs of each language pair")
    for m in run.results.measurements:
        if not m.steps and m.metric in (RETRIEVAL[0], ERROR_RATE):
            what = "held-out pairs" if m.metric == RETRIEVAL[0] else "hand-aligned sentences"
            lines.append(f"- {m.language}: {m.count:,} {what} (`{m.data_fingerprint}`)")
    source = f"the Hub data set {settings['dataset_name']}" if settings["dataset_name"] else "files"
    return "\n".join([*lines, f"- read from {source}; the licence of the text is its owners' to state"])


def encoder_task(results: Results) -> str:
    """Return what the Hub calls the use of a pre-trained encoder."""
    return "fill-mask" if OBJECTIVES[results.settings["model"]["objective"]].predicts else "feature-extraction"


def held_out_results(run: Evidence) -> list[EvalResult]:
    """Return the held-out figures after pre-training."""
    return [
        EvalResult(
            task_type=encoder_task(run.results),
            dataset_type=run.results.settings["bitext"]["dataset_name"] or m.benchmark,
            dataset_name=f"held-out pairs {m.language}",
            dataset_config=m.language,
            metric_type=m.metric,
            metric_name=m.metric.replace("_", " "),
            metric_value=m.value,
        )
        for m in run.results.measurements
        if m.steps
    ]

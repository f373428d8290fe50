"""What a card says of a pre-trained encoder, each part a function of what was measured; losses in nats per token."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

from huggingface_hub import EvalResult

from weam.cards.run import CardRun
from weam.markdown import listed, table
from weam.pretraining.held_out import ERROR_RATE, RETRIEVAL, HeldOutScores, from_measurements
from weam.pretraining.objectives import OBJECTIVES

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
to find its translation among those of the step ([LaBSE, Feng et al. 2022](https://arxiv.org/abs/2007.01852)).""",
    "simcse": BASELINE
    + """each sentence had to
find itself under another dropout ([SimCSE, Gao et al. 2021](https://arxiv.org/abs/2104.08821)); no translation was
used.""",
    "weam-apart": WEAM[:-1] + "; the two sentences\nof a pair were encoded apart.",
    "weam-ranking": WEAM[:-1] + "; each sentence had to find\nits translation among those of the step as well.",
    "word-contrastive": BASELINE
    + """each word had to
find its aligned word among those of the step ([Wu and Dredze 2020](https://arxiv.org/abs/2010.02537)).""",
    "weam-contrastive": WEAM[:-1] + "; each word had to find\nits aligned word among those of the step as well.",
    "weam-contrastive-ranking": WEAM[:-1]
    + "; each word had to find\nits aligned word, and each sentence its translation, among those of the step as well.",
    "pointer": BASELINE
    + """each masked word had
to point at its aligned word in the other sentence ([XLM-Align, Chi et al. 2021](https://arxiv.org/abs/2106.06381)).""",
    "weam-pointer": WEAM[:-1] + "; each masked word had to\npoint at its aligned word as well.",
    "embedding-alignment": BASELINE
    + """each masked word was
predicted from its own sentence, and the embeddings of words that translate each other were drawn together
([ALIGN-MLM, Deshpande et al. 2022](https://arxiv.org/abs/2211.08547)).""",
}
# How the encoder is loaded; tests run it.
SNIPPET = """\
from transformers import AutoModel, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained({place})
model = AutoModel.from_pretrained({place})  # the stock encoder, no remote code needed"""
REMOTE_CODE = """\
With `trust_remote_code=True`, `AutoModel` also has `align_words(tokenizer, sources, targets)` and
`AutoModelForPreTraining` is the model with WEAM's losses.

A head that you fine-tune on it is a stock model, but its config still names this code, which is not saved with it.
Say `del model.config.auto_map` before you save or push such a model; the programs of WEAM do."""
HELD_OUT = """## Held-out pairs, before and after

Losses in nats per token; retrieval is the share of sentences whose translation is the nearest of the held-out ones,
mean of both directions; AER is the alignment error rate of `align_words` on hand-aligned sentences."""


class PretrainingRun(CardRun):
    """A pre-training: the encoder that came of it, and its scores on held-out pairs before and after."""

    title = "Pre-training"
    kind = "run_pretraining held-out"
    tags: ClassVar = ("word-alignment",)
    is_pretraining: ClassVar = True

    @property
    def objective(self) -> str:
        """What was learnt; WEAM without its cross-lingual loss is TLM."""
        model = self.results.settings["model"]
        is_tlm = model["objective"] == "weam" and not model["cross_lingual_weight"]
        return "tlm" if is_tlm else model["objective"]

    @property
    def hub_task(self) -> str:
        """What the Hub calls the use of the encoder."""
        return "fill-mask" if OBJECTIVES[self.objective].predicts else "feature-extraction"

    def introduction(self, others: Sequence[CardRun]) -> str:
        """Say what the encoder is, how it was trained, and its languages."""
        model = self.results.settings["model"]
        has_base = bool(model["model_name_or_path"])
        text = INTRODUCTIONS[self.objective].format(
            base=self.checkpoint if has_base else "A model trained from scratch,",
            languages=listed(self.languages),
            exchange=EXCHANGES[model["exchange"]],
        )
        if share := model.get("start_share"):
            text += f" The weights are an average: {1 - share:g} of the trained ones and {share:g} of those before."
        tested = {language for run in others for language in run.languages}
        not_aligned = sorted(tested - set(self.languages))
        if not_aligned:
            origin = f", inherited from {self.checkpoint}" if has_base else ""
            text += f"\n\nTested as well, but not aligned here{origin}: {listed(not_aligned)}."
        return text

    def snippet(self, repository: str) -> str:
        """Show how the encoder is loaded."""
        return SNIPPET.format(place=f'"{repository}"')

    def remarks(self) -> str:
        """Say what the model's own code adds, where it is published with it."""
        is_ours = OBJECTIVES[self.results.settings["model"]["objective"]].auto_class is None
        return REMOTE_CODE if is_ours else ""

    def figures(self) -> str:
        """Lay out the scores on held-out pairs before and after training."""
        sides = dict(zip(("before", "after"), from_measurements(self.results.measurements), strict=True))
        if self.baseline is not None:
            sides[f"{self.baseline_name}, after"] = from_measurements(self.baseline.measurements)[1]
        rows = [
            _held_out_row(scores, when)
            for together in zip(*sides.values(), strict=True)  # those of one language pair
            for when, scores in zip(sides, together, strict=True)
        ]
        head = ["pair", "", "multilingual loss", "cross-lingual loss", "retrieval, %", "AER, %"]
        return f"{HELD_OUT}\n\n{table(head, rows)}"

    def data(self) -> Iterator[str]:
        """List the sentence pairs that went in, and those held out."""
        settings = self.results.settings["bitext"]
        for report in self.results.data:
            dropped = listed([f"{count:,} {reason}" for reason, count in report["dropped"].items()])
            kept = f"{report['kept']:,} of {report['read']:,} sentence pairs kept"
            yield f"{report['language_pair']}: {kept}" + (f" (dropped: {dropped})" if dropped else "")
        if settings["max_train_pairs"] is not None:
            yield f"trained on at most {settings['max_train_pairs']:,} pairs of each language pair"
        names = {RETRIEVAL[0]: "held-out pairs", ERROR_RATE: "hand-aligned sentences"}
        for m in self.results.measurements:
            if not m.steps and m.metric in names:
                yield f"{m.language}: {m.count:,} {names[m.metric]} (`{m.data_fingerprint}`)"
        source = f"the Hub data set {settings['dataset_name']}" if settings["dataset_name"] else "files"
        yield f"read from {source}; the licence of the text is its owners' to state"

    def data_sets(self) -> list[str]:
        """Return the Hub data set of the bitext."""
        name = self.results.settings["bitext"]["dataset_name"]
        return [name] if name else []

    def eval_results(self) -> list[EvalResult]:
        """Return the held-out figures after pre-training."""
        return [
            EvalResult(
                task_type=self.hub_task,
                dataset_type=self.results.settings["bitext"]["dataset_name"] or m.benchmark,
                dataset_name=f"held-out pairs {m.language}",
                dataset_config=m.language,
                metric_type=m.metric,
                metric_name=m.metric.replace("_", " "),
                metric_value=m.value,
            )
            for m in self.results.measurements
            if m.steps
        ]

    def limits(self, others: Sequence[CardRun]) -> Iterator[str]:
        """Say that held-out pairs are no downstream task, where none was measured."""
        if not others:
            yield "The figures above are measured on held-out pairs of the training text, not on downstream tasks."


def _held_out_row(scores: HeldOutScores, when: str) -> list[str]:
    retrieval = 50 * (scores.retrieval_source_to_target + scores.retrieval_target_to_source)
    losses = ["" if x is None else f"{x:.2f}" for x in (scores.multilingual_loss, scores.cross_lingual_loss)]
    rate = scores.alignment_error_rate
    error_rate = "not measured" if rate is None else f"{100 * rate:.1f}"
    return [scores.language_pair, when, *losses, f"{retrieval:.1f}", error_rate]

"""XNLI (Conneau et al. 2018): does the premise entail the hypothesis? Accuracy in fifteen languages."""

from typing import ClassVar

from weam.transfer.tasks.text_pairs import TextPairTask


class XNLI(TextPairTask):
    """Natural language inference.

    Local layout: `xnli/dev.LL.jsonl.gz`, `xnli/test.LL.jsonl.gz`, and for training `nli_train/train.LL.jsonl.gz` or
    `xnli/train.LL.jsonl.gz`, all JSON lines with `premise`, `hypothesis`, `label`. On the Hub `facebook/xnli`, whose
    training sets in other languages than English are machine translations: those of translate-train.
    """

    benchmark = "xnli"
    title = "XNLI"
    licence = "CC BY-NC 4.0"
    languages = ("en", "ar", "bg", "de", "el", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh")
    labels = ("entailment", "neutral", "contradiction")
    columns = ("premise", "hypothesis", "label")
    patterns: ClassVar = {
        "train": ("xnli/train.{language}.jsonl.gz", "nli_train/train.{language}.jsonl.gz"),
        "dev": ("xnli/dev.{language}.jsonl.gz",),
        "test": ("xnli/test.{language}.jsonl.gz",),
    }

    @classmethod
    def hub_source(cls, split: str, language: str) -> str:
        """Return the configuration of a language."""
        return f"facebook/xnli:{language}"

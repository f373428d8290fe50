"""XNLI (Conneau et al. 2018): does the premise entail the hypothesis? Accuracy in fifteen languages."""

from weam.transfer.tasks.text_pairs import TextPairTask


class XNLI(TextPairTask):
    """Natural language inference.

    Local files are JSON lines with `premise`, `hypothesis`, `label`. On the Hub `facebook/xnli`, whose training sets in
    other languages than English are machine translations: those of translate-train.
    """

    benchmark = "xnli"
    title = "XNLI"
    licence = "CC BY-NC 4.0"
    languages = ("en", "ar", "bg", "de", "el", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh")
    labels = ("entailment", "neutral", "contradiction")
    columns = ("premise", "hypothesis", "label")

    @classmethod
    def hub_source(cls, split: str, language: str) -> str:
        """Return the configuration of a language."""
        return f"facebook/xnli:{language}"

"""PAWS-X (Yang et al. 2019): are two sentences paraphrases? Accuracy in seven languages.

Part of XTREME; XTREME-R drops it. Kept here as XTREME's.
"""

from weam.transfer.tasks.task import check_label
from weam.transfer.tasks.text_pairs import TextPairTask


class PAWSX(TextPairTask):
    """Paraphrase identification.

    Local files are JSON lines with `sentence1`, `sentence2` and `label`, 1 for paraphrases. On the Hub `google/xtreme`,
    whose training sets in other languages are machine translations.
    """

    benchmark = "pawsx"
    title = "PAWS-X"
    licence = "free for any use"
    languages = ("en", "de", "es", "fr", "ja", "ko", "zh")
    labels = ("different", "paraphrase")
    columns = ("sentence1", "sentence2", "label")

    @classmethod
    def hub_source(cls, split: str, language: str) -> str:
        """Return XTREME's configuration of a language."""
        return f"google/xtreme:PAWS-X.{language}"

    def label_name(self, label: object, place: str) -> str:
        """Return the name of a row's label; the Hub has digits as text."""
        return check_label(int(label) if label in ("0", "1") else label, self.labels, place)

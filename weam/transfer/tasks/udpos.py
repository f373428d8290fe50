"""UDPOS: part-of-speech tags of Universal Dependencies (Nivre et al. 2020). Share of words with the right tag."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset

from weam.scores import ExampleScores, Scored
from weam.storage import numbered_lines
from weam.transfer.tasks.tagging import TaggedSentence, TaggingTask
from weam.transfer.tasks.task import check_label

COLUMNS = 10  # of CoNLL-U
WORD, TAG = 1, 3
TREEBANKS = {  # of XTREME
    "en": "English", "af": "Afrikaans", "ar": "Arabic", "bg": "Bulgarian", "de": "German", "el": "Greek",
    "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian", "fi": "Finnish", "fr": "French",
    "he": "Hebrew", "hi": "Hindi", "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese",
    "kk": "Kazakh", "ko": "Korean", "mr": "Marathi", "nl": "Dutch", "pt": "Portuguese", "ru": "Russian",
    "ta": "Tamil", "te": "Telugu", "th": "Thai", "tl": "Tagalog", "tr": "Turkish", "ur": "Urdu",
    "vi": "Vietnamese", "yo": "Yoruba", "zh": "Chinese",
}  # fmt: skip


class UDPOS(TaggingTask):
    """Part-of-speech tagging.

    Local files are CoNLL-U. On the Hub `google/xtreme`, `udpos.English` and so on. Words are those of the treebank:
    multiword tokens are read as their parts. The share of right tags equals micro-averaged F1, as each word gets one
    tag.
    """

    benchmark = "udpos"
    title = "UDPOS"
    licence = "each treebank has its own"
    metric = "accuracy"
    languages = tuple(TREEBANKS)
    labels = (
        "ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT", "SCONJ",
        "SYM", "VERB", "X",
    )  # fmt: skip
    untagged = "X"
    columns = ("tokens", "pos_tags")

    @classmethod
    def hub_source(cls, split: str, language: str) -> str:
        """Return XTREME's configuration of a language."""
        return f"google/xtreme:udpos.{TREEBANKS[language]}"

    def from_file(self, path: Path) -> list[TaggedSentence]:
        """Return the sentences of a CoNLL-U file."""
        return list(self._conllu(path))

    def _conllu(self, path: Path) -> Iterator[TaggedSentence]:
        """Yield the sentences of a CoNLL-U file; comments, multiword tokens and empty nodes are passed over."""
        words: list[str] = []
        tags: list[str] = []
        for place, line in [*numbered_lines(path), (f"{path}: end", "")]:
            cells = line.split("\t")
            if not line.strip() and words:
                yield TaggedSentence(tuple(words), tuple(tags))
                words, tags = [], []
            elif line.strip() and not line.startswith("#"):
                if len(cells) != COLUMNS:
                    raise ValueError(f"{place}: has {len(cells)} columns between tabs, CoNLL-U has {COLUMNS}")
                if cells[0].isdigit():
                    words.append(cells[WORD])
                    tags.append(check_label(cells[TAG], self.labels, place))

    def score(
        self, outputs: tuple[np.ndarray, ...], encoded: Dataset, examples: Sequence[TaggedSentence], language: str
    ) -> Scored:
        """Count words with the right tag."""
        predicted: list[Any] = self.tags(outputs[0], encoded, examples)
        right = [
            sum(tag == gold for tag, gold in zip(tags, sentence.tags, strict=True))
            for tags, sentence in zip(predicted, examples, strict=True)
        ]
        words = [len(sentence.words) for sentence in examples]
        return Scored({"accuracy": ExampleScores(np.array(right, float), np.array(words, float))}, predicted)

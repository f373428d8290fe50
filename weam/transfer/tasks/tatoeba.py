"""Tatoeba (Artetxe and Schwenk 2019): find the translation of a sentence among 1,000, by cosine. Nothing is trained.

A sentence's vector is the mean hidden state of its tokens at one layer, which is chosen on dev pairs, not on the test.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from tqdm.auto import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from weam.metrics import retrieved
from weam.scores import ExampleScores, Scored
from weam.sentence_vectors import layer_vectors
from weam.storage import numbered_lines
from weam.transfer.tasks.files import DataFiles, hub_rows, load_from_hub, read_files
from weam.transfer.tasks.task import Benchmark, check_text

CODES = {  # of XTREME
    "af": "afr", "ar": "ara", "bg": "bul", "bn": "ben", "de": "deu", "el": "ell", "es": "spa", "et": "est",
    "eu": "eus", "fa": "pes", "fi": "fin", "fr": "fra", "he": "heb", "hi": "hin", "hu": "hun", "id": "ind",
    "it": "ita", "ja": "jpn", "jv": "jav", "ka": "kat", "kk": "kaz", "ko": "kor", "ml": "mal", "mr": "mar",
    "nl": "nld", "pt": "por", "ru": "rus", "sw": "swh", "ta": "tam", "te": "tel", "th": "tha", "tl": "tgl",
    "tr": "tur", "ur": "urd", "vi": "vie", "zh": "cmn",
}  # fmt: skip


class Tatoeba(Benchmark):
    """Translation retrieval; the benchmark has test pairs only."""

    benchmark = "tatoeba"
    title = "Tatoeba"
    licence = "CC BY 2.0 FR"
    languages = tuple(CODES)
    hub_task = "sentence-similarity"
    metric = "accuracy"
    hub_splits: ClassVar = {"test": "validation"}

    @classmethod
    def hub_source(cls, split: str, language: str) -> str:
        """Return XTREME's configuration of a language."""
        return f"google/xtreme:tatoeba.{CODES[language]}"


@dataclass(frozen=True)
class Translation:
    """A sentence and its English translation."""

    english: str
    other: str


def read_translations(files: DataFiles, split: str, language: str) -> list[Translation]:
    """Return the pairs of a split: lines `English<TAB>other` of local files, or XTREME's test pairs from the Hub.

    Raises:
        ValueError: a line has not two texts; or dev pairs were not named: the benchmark has none.
        FileNotFoundError: there are none in this language.
    """
    paths = files.find(split, language)
    if split == "dev" and not paths:
        raise ValueError(
            "Tatoeba has no dev pairs to choose the layer on: name some, as in --dev_file "
            f"{language}=FILE (English<TAB>{language}), or choose the layer yourself with --layer"
        )
    if paths:
        return read_files(paths, _translations)
    source = Tatoeba.hub_source(split, language)
    columns = ("source_sentence", "target_sentence")
    rows = hub_rows(load_from_hub(source, Tatoeba.hub_splits[split]), source, columns)
    return [Translation(english, other) for other, english in (check_text(row, columns, place) for place, row in rows)]


def _translations(path: Path) -> Iterator[Translation]:
    for place, line in numbered_lines(path):
        texts = line.split("\t")
        if len(texts) != 2 or not all(text.strip() for text in texts):
            raise ValueError(f"{place}: has not two texts with a tab between them; write English<TAB>other")
        yield Translation(*texts)


def choose_layer(
    encoder: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, dev: dict[str, list[Translation]]
) -> tuple[int, list[float]]:
    """Return the layer (from 1) that retrieves best on dev pairs, and the mean accuracy at every layer.

    Both directions and all languages count alike; of equally good layers the lowest is taken.
    """
    accuracies = []
    for pairs in tqdm(dev.values(), desc="choosing the layer", unit=" languages"):
        english, other = _sides(encoder, tokenizer, pairs)
        for queries, candidates in ((other, english), (english, other)):
            accuracies.append([retrieved(*both).mean() for both in zip(queries, candidates, strict=True)])
    means = np.mean(accuracies, axis=0)  # (layers,)
    return int(means.argmax()) + 1, [round(float(mean), 4) for mean in means]


def score_retrieval(
    encoder: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, pairs: Sequence[Translation], layer: int
) -> Scored:
    """Score retrieval in both directions at a layer: `accuracy` seeks English, `accuracy_from_english` starts there."""
    english, other = (side[layer - 1] for side in _sides(encoder, tokenizer, pairs))
    to_english, from_english = retrieved(other, english), retrieved(english, other)
    metrics = {"accuracy": ExampleScores.mean(to_english), "accuracy_from_english": ExampleScores.mean(from_english)}
    hits = [
        {"to English": bool(to), "from English": bool(back)} for to, back in zip(to_english, from_english, strict=True)
    ]
    return Scored(metrics, hits)


def _sides(
    encoder: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, pairs: Sequence[Translation]
) -> tuple[np.ndarray, np.ndarray]:
    """Return (layers, N, H) vectors of the English sentences and of the others."""
    english = layer_vectors(encoder, tokenizer, [pair.english for pair in pairs])
    return english, layer_vectors(encoder, tokenizer, [pair.other for pair in pairs])

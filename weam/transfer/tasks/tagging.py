"""UDPOS and PAN-X: a tag for each word of a sentence.

UDPOS, the part-of-speech tags of Universal Dependencies (Nivre et al. 2020): the share of words with the right tag.
PAN-X, also called WikiANN (Pan et al. 2017; Rahimi et al. 2019), the names of persons, organisations and places: F1
over whole entities, as seqeval counts them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset
from transformers import AutoModelForTokenClassification, PreTrainedTokenizerBase

from modeling_weam import spaced_words
from weam.scores import ExampleScores, Scored
from weam.storage import numbered_lines
from weam.transfer.tasks.task import IGNORED, RowTask, check_label

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


@dataclass(frozen=True)
class TaggedSentence:
    """Words and as many tags."""

    words: tuple[str, ...]
    tags: tuple[str, ...]


class TaggingTask(RowTask):
    """A benchmark of tagged words. A word is tagged at its first token.

    Attributes:
        untagged: the tag of words that the tokenizer makes no token of.
    """

    auto_class = AutoModelForTokenClassification
    hub_task = "token-classification"
    labels: tuple[str, ...]
    untagged: str

    def sentence(self, words: object, tags: object, place: str) -> TaggedSentence:
        """Return the checked sentence of a row with a list of words and one of tags, by name or by number.

        Raises:
            ValueError: they are no such lists, or differ in length; a tag is none of the set; names the place.
        """
        if not (isinstance(words, list) and isinstance(tags, list) and all(isinstance(word, str) for word in words)):
            raise ValueError(f"{place}: give a list of texts as tokens, and a list of tags")
        if len(words) != len(tags) or not words:
            raise ValueError(f"{place}: has {len(words)} tokens and {len(tags)} tags; give one tag for each token")
        return TaggedSentence(tuple(words), tuple(check_label(tag, self.labels, place) for tag in tags))

    def examples(self, rows: Iterable[tuple[str, dict[str, Any]]]) -> list[TaggedSentence]:
        """Return the sentences of rows whose two columns hold words and tags."""
        words, tags = self.columns
        return [self.sentence(row[words], row[tags], place) for place, row in rows]

    def encode(self, examples: Sequence[TaggedSentence], tokenizer: PreTrainedTokenizerBase) -> Dataset:
        """Encode each sentence as one row, or as several where it is longer than a row; no word is lost.

        Columns beside the model's inputs: `labels` (-100 but at first tokens), `sentence` (its number), `word` (the
        number of the word that begins at a token, -1 elsewhere), `length`.
        """
        encoded = tokenizer(
            [spaced_words(sentence.words) for sentence in examples],
            is_split_into_words=True,
            truncation=True,
            max_length=self.max_length,
            return_overflowing_tokens=True,
        )
        columns = {name: encoded[name] for name in tokenizer.model_input_names if name in encoded}
        columns["sentence"] = list(encoded["overflow_to_sample_mapping"])
        columns["word"] = _first_tokens(
            [encoded.word_ids(row) for row in range(len(columns["sentence"]))], columns["sentence"]
        )
        numbers = {tag: number for number, tag in enumerate(self.labels)}
        columns["labels"] = [
            [IGNORED if word < 0 else numbers[examples[sentence].tags[word]] for word in words]
            for sentence, words in zip(columns["sentence"], columns["word"], strict=True)
        ]
        columns["length"] = [len(row) for row in columns["input_ids"]]
        return Dataset.from_dict(columns)

    def tags(self, logits: np.ndarray, encoded: Dataset, examples: Sequence[TaggedSentence]) -> list[list[str]]:
        """Return the predicted tags of each sentence from (rows, L, C) logits."""
        predicted = [[self.untagged] * len(sentence.words) for sentence in examples]
        numbers = logits.argmax(axis=-1)  # (rows, L)
        for row, (sentence, words) in enumerate(zip(encoded["sentence"], encoded["word"], strict=True)):
            for position, word in enumerate(words):
                if word >= 0:
                    predicted[sentence][word] = self.labels[numbers[row, position]]
        return predicted


def _first_tokens(rows: Sequence[Sequence[int | None]], sentences: Sequence[int]) -> list[list[int]]:
    """Return for each token the number of the word that begins there, else -1.

    The second row of a long sentence may begin within a word.

    >>> _first_tokens([[None, 0, 0, None], [None, 0, 1, None]], [0, 0])
    [[-1, 0, -1, -1], [-1, -1, 1, -1]]
    """
    seen: set[tuple[int, int]] = set()
    firsts = []
    for words, sentence in zip(rows, sentences, strict=True):
        first = []
        for word in words:
            new = word is not None and (sentence, word) not in seen
            first.append(word if word is not None and new else -1)
            if word is not None:
                seen.add((sentence, word))
        firsts.append(first)
    return firsts


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


class PANX(TaggingTask):
    """Named-entity recognition.

    Local files are JSON lines with `tokens` and `ner_tags` (B-PER to O). On the Hub `google/xtreme`, `PAN-X.en` and so
    on.
    """

    benchmark = "panx"
    title = "PAN-X (WikiANN)"
    licence = "not stated"
    metric = "f1"
    languages = (
        "en", "af", "ar", "bg", "bn", "de", "el", "es", "et", "eu", "fa", "fi", "fr", "he", "hi", "hu", "id", "it",
        "ja", "jv", "ka", "kk", "ko", "ml", "mr", "ms", "my", "nl", "pt", "ru", "sw", "ta", "te", "th", "tl", "tr",
        "ur", "vi", "yo", "zh",
    )  # fmt: skip
    labels = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")
    untagged = "O"
    columns = ("tokens", "ner_tags")

    @classmethod
    def hub_source(cls, split: str, language: str) -> str:
        """Return XTREME's configuration of a language."""
        return f"google/xtreme:PAN-X.{language}"

    def score(
        self, outputs: tuple[np.ndarray, ...], encoded: Dataset, examples: Sequence[TaggedSentence], language: str
    ) -> Scored:
        """Count right, predicted and gold entities: F1 = 2 right / (predicted + gold)."""
        predicted = self.tags(outputs[0], encoded, examples)
        counts = [entity_counts(tags, sentence.tags) for tags, sentence in zip(predicted, examples, strict=True)]
        right = np.array([2.0 * count.right for count in counts])
        entities = np.array([float(count.predicted + count.gold) for count in counts])
        return Scored({"f1": ExampleScores(right, entities)}, predicted)


@dataclass(frozen=True)
class EntityCounts:
    """How many entities one sentence has: in both taggings with the same type and extent, and in each of the two."""

    right: int
    predicted: int
    gold: int


def entity_counts(predicted: Sequence[str], gold: Sequence[str]) -> EntityCounts:
    """Count the entities in the tags of one sentence, as `seqeval` reads them by default.

    >>> entity_counts(["B-PER", "I-PER", "O", "B-LOC"], ["B-PER", "I-PER", "O", "O"])
    EntityCounts(right=1, predicted=2, gold=1)

    Raises:
        ValueError: the two differ in length.
    """
    from seqeval.metrics.sequence_labeling import get_entities  # loads scikit-learn, which no other task needs

    if len(predicted) != len(gold):
        raise ValueError(f"a sentence has one predicted tag for each gold tag, not {len(predicted)} for {len(gold)}")
    found, wanted = set(get_entities(list(predicted))), set(get_entities(list(gold)))  # (type, first, last)
    return EntityCounts(right=len(found & wanted), predicted=len(found), gold=len(wanted))

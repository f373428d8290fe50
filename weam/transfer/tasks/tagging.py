"""A tag for each word of a sentence: what UDPOS and PAN-X share."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from datasets import Dataset
from transformers import AutoModelForTokenClassification, PreTrainedTokenizerBase

from modeling_weam import spaced_words
from weam.transfer.tasks.task import IGNORED, RowTask, check_label


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

"""Questions in the words of the small tokenizer, and logits that answer them."""

import numpy as np
from datasets import Dataset

from weam.transfer.tasks.answer_spans import Question, Windows

SHORT_WORDS = "the cat sees a dog . die katze sieht ein hund , not the red house ? nicht das rotes haus".split()
LONG_CONTEXT = " ".join(np.random.default_rng(0).choice(SHORT_WORDS, 60))
NARROW = Windows(max_length=20, stride=5, max_answer_length=4)


def ask(context: str, answer: str, number: int = 0, question: str = "the cat ?") -> Question:
    """Ask for an answer by its only or first place in the context."""
    return Question(f"q{number}", question, context, (answer,), (context.index(answer),))


def ask_words(first: int, last: int, number: int = 0) -> Question:
    """Ask for words first..last of the long context, each of which is one token."""
    words = LONG_CONTEXT.split()
    start = len(" ".join(words[:first])) + (first > 0)
    return Question(f"q{number}", "the cat ?", LONG_CONTEXT, (" ".join(words[first : last + 1]),), (start,))


def label_logits(encoded: Dataset) -> list[np.ndarray]:
    """Return logits for starts and ends: 10 at the labels, 0 elsewhere, and 5 columns of padding."""
    labels = np.array(encoded["labels"][:])
    logits = np.zeros((2, len(encoded), max(encoded["length"][:]) + 5))
    for side in (0, 1):
        logits[side, np.arange(len(encoded)), labels[:, side]] = 10
    return list(logits)

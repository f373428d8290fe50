"""Score an encoder of a bed: tags and names fine-tuned in English; retrieval, alignment, word retrieval as it is.

The layer of retrieval and alignment is chosen on held-out bitext, never on the test set; every layer's figure is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from torch.nn import functional
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from benchmarks.study.beds.clone import clone, gold_links, treebank
from benchmarks.study.beds.plan import HELD_OUT_SHARE
from modeling_weam import WEAMBertModel
from weam.alignment.gold import GoldSentence, score_links
from weam.bitext.selection import choose_held_out
from weam.metrics import retrieved
from weam.sentence_vectors import layer_vectors
from weam.storage import read_lines
from weam.transfer.arguments import CheckpointArguments, FineTuningArguments
from weam.transfer.examples import encode_examples
from weam.transfer.fine_tuning import fine_tune, load_base, predict
from weam.transfer.tasks.files import DataFiles
from weam.transfer.tasks.panx import PANX
from weam.transfer.tasks.task import Task
from weam.transfer.tasks.udpos import UDPOS
from weam.transfer.tasks.xnli import XNLI

LANGUAGES = ("en", "clone")
DEV_PAIRS = 200
ALIGNED_SENTENCES = 300  # the first ones of the test set
WORD_SENTENCES = 200  # whose words are the candidates of word retrieval
TASKS: dict[str, type[Task]] = {"udpos": UDPOS, "panx": PANX, "xnli": XNLI}


@dataclass(frozen=True)
class FineTuning:
    """How an encoder learns a task: fixed, without selection."""

    epochs: float
    learning_rate: float = 1e-3
    batch_size: int = 16


FINE_TUNING = {"udpos": FineTuning(1.0), "panx": FineTuning(1.0), "xnli": FineTuning(1.0)}


def task_of(name: str, data: Path) -> Task:
    """Return a task with the bed's files."""
    ending = {"udpos": "conllu"}.get(name, "jsonl")
    named = {("train", "en"): [data / name / f"train.en.{ending}"]}
    named |= {("test", language): [data / name / f"test.{language}.{ending}"] for language in LANGUAGES}
    return TASKS[name](DataFiles(None, named))


def score_task(name: str, checkpoint: Path, data: Path, seed: int, folder: Path) -> dict[str, Any]:
    """Fine-tune in English and test in every language; return a score in per cent for each."""
    task, plan = task_of(name, data), FINE_TUNING[name]
    args = FineTuningArguments(
        output_dir=str(folder / name),
        seed=seed,
        num_train_epochs=plan.epochs,
        learning_rate=plan.learning_rate,
        per_device_train_batch_size=plan.batch_size,
        eval_strategy="no",
        save_strategy="no",
        load_best_model_at_end=False,
        bf16=True,
        use_cpu=True,
        report_to="none",
        disable_tqdm=True,
    )
    base = load_base(task, CheckpointArguments(model_name_or_path=str(checkpoint)))
    train = encode_examples(task, task.read("train", "en"), base.tokenizer)
    trainer = fine_tune(task, base, base.name, (train.rows, {}), args)
    tests = {name: encode_examples(task, task.read("test", name), base.tokenizer) for name in LANGUAGES}
    scores = {
        language: 100 * predict(trainer, task, test, language).metrics[task.metric].value
        for language, test in tests.items()
    }
    return {"metric": task.metric, "steps": trainer.state.global_step, **scores}


def score_as_it_is(checkpoint: Path, data: Path) -> dict[str, Any]:
    """Return retrieval, alignment error and word retrieval of an encoder that is not fine-tuned, at every layer."""
    tokenizer = AutoTokenizer.from_pretrained(str(checkpoint))
    encoder = WEAMBertModel.from_pretrained(str(checkpoint), add_pooling_layer=False).eval()
    dev = held_out_sentences(data)
    test = [[word for word, _ in sentence] for sentence in treebank(data / "udpos" / "test.en.conllu")]
    parts = {"dev": dev, "test": test}
    retrieval = {part: retrieval_by_layer(encoder, tokenizer, rows) for part, rows in parts.items()}
    errors = {part: errors_by_layer(encoder, tokenizer, rows[:ALIGNED_SENTENCES]) for part, rows in parts.items()}
    layers = {"retrieval": int(np.argmax(retrieval["dev"])), "alignment": int(np.argmin(errors["dev"]))}
    return {
        "retrieval": {"layer": layers["retrieval"] + 1, "clone": retrieval["test"][layers["retrieval"]], **retrieval},
        "alignment": {"layer": layers["alignment"] + 1, "error": errors["test"][layers["alignment"]], **errors},
        "word retrieval": word_retrieval_by_layer(encoder, tokenizer, test[:WORD_SENTENCES]),
    }


def held_out_sentences(data: Path) -> list[list[str]]:
    """Return English sentences of the bitext that no arm is trained on."""
    sources, targets = zip(*(line.rstrip("\n").split("\t") for line in read_lines(data / "bitext.tsv")), strict=True)
    bitext = Dataset.from_dict({"source": sources, "target": targets})
    rows, _ = choose_held_out(bitext, HELD_OUT_SHARE, DEV_PAIRS)
    return [sources[row].split() for row in rows]


def retrieval_by_layer(
    encoder: WEAMBertModel, tokenizer: PreTrainedTokenizerBase, sentences: Sequence[list[str]]
) -> list[float]:
    """Return for each layer how many sentences find their clone among all, in per cent; the mean of both directions."""
    sides = [
        layer_vectors(encoder, tokenizer, [" ".join(words) for words in side])
        for side in (sentences, [clone(words) for words in sentences])
    ]  # each (layers, sentences, H)
    return [
        100 * float(np.mean([retrieved(one, other).mean(), retrieved(other, one).mean()]))
        for one, other in zip(*sides, strict=True)
    ]


def errors_by_layer(
    encoder: WEAMBertModel, tokenizer: PreTrainedTokenizerBase, sentences: Sequence[list[str]]
) -> list[float]:
    """Return for each layer the alignment error rate of mutual nearest neighbours, which have nothing to tune, in %."""
    gold = [
        GoldSentence(tuple(words), tuple(clone(words)), frozenset(true := gold_links(len(words))), frozenset(true))
        for words in sentences
    ]
    sources, targets = [list(pair.source) for pair in gold], [list(pair.target) for pair in gold]
    errors = []
    for layer in range(1, encoder.config.num_hidden_layers + 1):
        links = encoder.align_corpus(tokenizer, zip(sources, targets, strict=True), layer=layer, method="argmax")
        errors.append(100 * score_links(list(links), gold).alignment_error_rate)
    return errors


def word_retrieval_by_layer(
    encoder: WEAMBertModel, tokenizer: PreTrainedTokenizerBase, sentences: Sequence[list[str]]
) -> dict[str, Any]:
    """Return for each layer how many words find their own clone among those of all sentences, in per cent.

    A word is the mean of its tokens, in its sentence; the mean of both directions, by cosine (Cao et al. 2020).
    """
    sides = [word_vectors(encoder, tokenizer, side) for side in (sentences, [clone(words) for words in sentences])]
    order = clone_order([len(words) for words in sentences])
    by_layer = []
    for source, target in zip(*sides, strict=True):
        similarity = source @ target[order].T  # (words, words), own on the diagonal
        own = torch.arange(len(similarity))
        hits = [(similarity.argmax(dim=dim) == own).float().mean() for dim in (0, 1)]
        by_layer.append(100 * float(torch.stack(hits).mean()))
    return {"clone": max(by_layer), "test": by_layer, "words": len(order)}


def clone_order(lengths: Sequence[int]) -> list[int]:
    """Return where, among the words of all cloned sentences, the clone of each word is.

    >>> clone_order([2, 3])
    [1, 0, 4, 3, 2]
    """
    starts = np.cumsum([0, *lengths])
    return [int(start) + place for start, length in zip(starts, lengths, strict=False) for place in range(length)[::-1]]


@torch.no_grad()
def word_vectors(
    encoder: WEAMBertModel, tokenizer: PreTrainedTokenizerBase, sentences: Sequence[list[str]]
) -> list[torch.Tensor]:
    """Return for each layer (words, H) unit vectors of the words of all sentences."""
    layers: list[list[torch.Tensor]] = [[] for _ in range(encoder.config.num_hidden_layers)]
    for words in sentences:
        encoded = tokenizer(words, is_split_into_words=True, return_tensors="pt")
        numbers = encoded.word_ids(0)
        kept = [place for place, number in enumerate(numbers) if number is not None]
        word = torch.tensor([numbers[place] for place in kept])
        for layer, states in enumerate(encoder(**encoded, output_hidden_states=True).hidden_states[1:]):
            sums = torch.zeros(len(words), states.shape[-1]).index_add(0, word, states[0, kept])
            layers[layer].append(functional.normalize(sums, dim=-1))
    return [torch.cat(vectors) for vectors in layers]

"""Score an encoder of a bed: tags and names fine-tuned in English; retrieval, alignment, word retrieval as it is.

The layer of retrieval and alignment is chosen on held-out sentences, never on the test set, and is one for all
languages; every layer's figure is kept. Word retrieval is read at the last layer.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from benchmarks.study.beds.plan import OTHER_DOMAIN, FineTuning
from benchmarks.study.space import word_vectors
from modeling_weam import AlignmentOptions, WEAMBertModel
from weam.alignment.encoder import error_rates
from weam.alignment.gold import GoldSentence, read_gold
from weam.metrics import retrieved
from weam.sentence_vectors import layer_vectors
from weam.storage import read_lines
from weam.transfer.arguments import CheckpointArguments, FineTuningArguments
from weam.transfer.examples import encode_examples
from weam.transfer.fine_tuning import fine_tune, load_base, predict
from weam.transfer.tasks.files import SPLITS, DataFiles
from weam.transfer.tasks.sib200 import SIB200
from weam.transfer.tasks.tagging import PANX, UDPOS
from weam.transfer.tasks.task import Task
from weam.transfer.tasks.text_pairs import XNLI

WORD_SENTENCES = 200  # of each language pair, whose words are the candidates of word retrieval
TASKS: dict[str, type[Task]] = {"udpos": UDPOS, "panx": PANX, "xnli": XNLI, "sib200": SIB200}
ByLayer = dict[str, list[float]]  # language or pair -> a figure in per cent for each layer, the first one first


def task_files(name: str, data: Path) -> DataFiles:
    """Return the bed's files of a task."""
    files = sorted((data / name).glob("*.*.*"))  # PART.LANGUAGE.ENDING
    entries = {
        part: [f"{path.name.split('.')[1]}={path}" for path in files if path.name.startswith(f"{part}.")]
        for part in SPLITS
    }
    return DataFiles(**entries)


def task_arguments(plan: FineTuning, seed: int, folder: Path) -> FineTuningArguments:
    """Return the arguments of a fine-tuning."""
    return FineTuningArguments(
        output_dir=str(folder),
        seed=seed,
        num_train_epochs=plan.epochs,
        learning_rate=plan.learning_rate,
        warmup_steps=plan.warmup,
        per_device_train_batch_size=plan.batch_size,
        eval_strategy="no",
        save_strategy="no",
        load_best_model_at_end=False,
        use_cpu=True,
        report_to="none",
        disable_tqdm=True,
    )


def score_task(name: str, checkpoint: Path, data: Path, args: FineTuningArguments) -> dict[str, Any]:
    """Fine-tune in English and test in every language; return a score in per cent for each."""
    files = task_files(name, data)
    task = TASKS[name](files)
    base = load_base(task, CheckpointArguments(model_name_or_path=str(checkpoint)))
    train = encode_examples(task, task.read("train", "en"), base.tokenizer)
    trainer = fine_tune(task, base, base.name, (train.rows, {}), args)
    languages = files.languages("test", [])
    tests = {language: encode_examples(task, task.read("test", language), base.tokenizer) for language in languages}
    scores = {
        language: 100 * predict(trainer, task, test, language).metrics[task.metric].value
        for language, test in tests.items()
    }
    return {"metric": task.metric, "steps": trainer.state.global_step, **scores}


def load(checkpoint: Path) -> tuple[WEAMBertModel, PreTrainedTokenizerBase]:
    """Load an encoder as it is, and its tokenizer."""
    encoder = WEAMBertModel.from_pretrained(str(checkpoint), add_pooling_layer=False).eval()
    return encoder, AutoTokenizer.from_pretrained(str(checkpoint))


def score_as_it_is(checkpoint: Path, data: Path) -> dict[str, Any]:
    """Return retrieval, alignment error and word retrieval of an encoder that is not fine-tuned, at every layer."""
    encoder, tokenizer = load(checkpoint)
    retrieval, errors = {}, {}
    for part in ("dev", "test"):
        files = sorted((data / "retrieval").glob(f"{part}.*.tsv"))
        retrieval[part] = {
            path.name.split(".")[1]: retrieval_by_layer(encoder, tokenizer, sides_of(path)) for path in files
        }
        prefixes = [path.with_suffix("") for path in sorted((data / "gold").glob(f"{part}.*.gold"))]
        errors[part] = {path.name.split(".")[1]: errors_by_layer(encoder, tokenizer, path) for path in prefixes}
    words = {path.name.split(".")[1]: words_by_layer(encoder, tokenizer, path) for path in prefixes}
    return {
        "retrieval": at_best_layer(retrieval, best=np.argmax),
        "alignment": at_best_layer(errors, best=np.argmin),
        "word retrieval": {"by layer": {"test": words}},
    }


def sides_of(path: Path) -> list[tuple[str, ...]]:
    """Read sentence pairs; return the two sides."""
    return list(zip(*(line.rstrip("\n").split("\t") for line in read_lines(path)), strict=True))


def at_best_layer(figures: dict[str, ByLayer], best: Callable[[np.ndarray], np.integer]) -> dict[str, Any]:
    """Return the test figures of the layer that is best on the held-out part, their mean over languages, and all."""
    layer = int(best(np.mean(list(figures["dev"].values()), axis=0)))
    chosen = {language: by_layer[layer] for language, by_layer in figures["test"].items()}
    return {"layer": layer + 1, "mean": fmean(chosen.values()), **chosen, "by layer": figures}


def score_other_domain(checkpoint: Path, data: Path) -> dict[str, Any]:
    """Return retrieval at every layer among PUD's sentences, which are the same ones in all its languages."""
    encoder, tokenizer = load(checkpoint)
    task = UDPOS(task_files("udpos", data))
    texts = {
        language: [" ".join(example.words) for example in task.read("test", language)]
        for language in task.files.languages("test", [])
    }
    english = texts.pop("en")
    return {"by layer": {key: retrieval_by_layer(encoder, tokenizer, (english, text)) for key, text in texts.items()}}


def retrieval_by_layer(
    encoder: WEAMBertModel, tokenizer: PreTrainedTokenizerBase, sides: Sequence[Sequence[str]]
) -> list[float]:
    """Return for each layer how many sentences find their translation among all; the mean of both directions."""
    vectors = [layer_vectors(encoder, tokenizer, side) for side in sides]  # each (layers, sentences, H)
    return [
        100 * float(np.mean([retrieved(one, other).mean(), retrieved(other, one).mean()]))
        for one, other in zip(*vectors, strict=True)
    ]


def errors_by_layer(encoder: WEAMBertModel, tokenizer: PreTrainedTokenizerBase, prefix: Path) -> list[float]:
    """Return for each layer the alignment error rate of mutual nearest neighbours, which have nothing to tune."""
    layers = dict.fromkeys(range(1, encoder.config.num_hidden_layers + 1))
    rates = error_rates(encoder, tokenizer, read_gold(prefix), layers, AlignmentOptions(method="argmax"))
    return [100 * rate for rate in rates]


def words_by_layer(encoder: WEAMBertModel, tokenizer: PreTrainedTokenizerBase, prefix: Path) -> list[float]:
    """Return for each layer how many linked words find a word that they are linked to among those of all sentences.

    A word is the mean of its tokens, in its sentence; the mean of both directions, by cosine (Cao et al. 2020).
    """
    gold = read_gold(prefix)[:WORD_SENTENCES]
    sources, targets = (
        functional.normalize(torch.from_numpy(np.concatenate(word_vectors(encoder, tokenizer, side), axis=1)), dim=-1)
        for side in ([pair.source for pair in gold], [pair.target for pair in gold])
    )  # each (layers, words, H)
    linked = linked_words(gold)  # (source words, target words)
    by_layer = []
    for source, target in zip(sources, targets, strict=True):
        similarity = source @ target.T
        hits = [
            (true.gather(1, found.argmax(dim=1, keepdim=True))[true.any(dim=1)]).float().mean()
            for true, found in ((linked, similarity), (linked.T, similarity.T))
        ]
        by_layer.append(100 * float(torch.stack(hits).mean()))
    return by_layer


def linked_words(gold: Sequence[GoldSentence]) -> torch.Tensor:
    """Return (source words, target words) bool of all sentences: which are surely linked."""
    source_starts = np.cumsum([0, *(len(pair.source) for pair in gold)])
    target_starts = np.cumsum([0, *(len(pair.target) for pair in gold)])
    linked = torch.zeros(int(source_starts[-1]), int(target_starts[-1]), dtype=torch.bool)
    for pair, source_start, target_start in zip(gold, source_starts, target_starts, strict=False):
        for source, target in pair.sure:
            linked[source_start + source, target_start + target] = True
    return linked


UNTRAINED: dict[str, Callable[[Path, Path], dict[str, Any]]] = {  # what is scored without fine-tuning
    "as it is": score_as_it_is,
    OTHER_DOMAIN: score_other_domain,
}

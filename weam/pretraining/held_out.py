"""Held-out pairs: kept out of training, scored before and after it.

Measures what alignment should change: both losses, translation retrieval and word alignment. Which pairs are held out
is chosen in `weam/bitext/selection.py`; downstream tasks are not here.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset
from transformers import PreTrainedModel

from data_collator_weam import DataCollatorForWordExchange
from modeling_weam import WEAMPreTrainingMixin
from weam.alignment.encoder import PAIRS_OF_SAMPLE, aligner_error_rate
from weam.alignment.gold import GoldSentence
from weam.metrics import retrieval_accuracy
from weam.results import Measurement
from weam.sentence_vectors import layer_vectors
from weam.storage import CHECKED, read_json, write_json
from weam.trainer import mean_losses

BENCHMARK = "held-out"  # its name in results
BEFORE_FILE = "held_out_before.json"
BATCH_SIZE = 32
ERROR_RATE = "alignment_error_rate"
LOSSES = ("multilingual_loss", "cross_lingual_loss")
RETRIEVAL = ("retrieval_source_to_target", "retrieval_target_to_source")
METRICS = (*LOSSES, *RETRIEVAL, ERROR_RATE)
FIXED_EPOCH = 0  # held-out pairs keep these masks throughout


@dataclass(frozen=True)
class HeldOut:
    """The held-out pairs of one language pair, and hand-aligned sentences where there are some.

    Attributes:
        language_pair: such as en-de.
        features: of the pairs, as training features, with the column `epoch`.
        sources: of the pairs.
        targets: of the pairs.
        gold: hand-aligned sentences to test with.
        gold_to_choose_by: others, that choose the layer that aligns words.
    """

    language_pair: str
    features: Dataset
    sources: list[str]
    targets: list[str]
    gold: list[GoldSentence]
    gold_to_choose_by: list[GoldSentence] = field(default_factory=list)

    @property
    def fingerprint(self) -> str:
        """A hash of the pairs, as results have it."""
        return _fingerprint([self.sources, self.targets])

    @property
    def gold_fingerprint(self) -> str:
        """A hash of the hand-aligned sentences and their links."""
        return _fingerprint([[x.source, x.target, sorted(x.sure), sorted(x.possible)] for x in self.gold])


def _fingerprint(examples: list[list]) -> str:
    return hashlib.sha256(json.dumps(examples, ensure_ascii=False).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class HeldOutScores:
    """What a model does on held-out pairs; losses in nats per token, the others from 0 to 1.

    A model without a prediction head has no losses, one that reads each sentence by itself no cross-lingual one, and
    there is no error rate without hand-aligned sentences: None.
    """

    __pydantic_config__ = CHECKED

    language_pair: str
    pairs: int
    multilingual_loss: float | None
    cross_lingual_loss: float | None
    retrieval_source_to_target: float
    retrieval_target_to_source: float
    gold_sentences: int
    alignment_error_rate: float | None


def make_held_out(language_pair: str, pairs: Dataset, features: Dataset, gold: list[GoldSentence]) -> HeldOut:
    """Gather what `score_held_out` needs of held-out pairs and their features, which are in one order.

    Half of the hand-aligned sentences, at most so many as a sample has, choose a layer; the others test.
    """
    choosing = min(len(gold) // 2, PAIRS_OF_SAMPLE)
    epochs = np.full(len(features), FIXED_EPOCH, dtype=np.int64)
    return HeldOut(
        language_pair=language_pair,
        features=features.add_column("epoch", epochs),
        sources=list(pairs["source"]),
        targets=list(pairs["target"]),
        gold=gold[choosing:],
        gold_to_choose_by=gold[:choosing],
    )


@torch.no_grad()
def score_held_out(model: PreTrainedModel, collator: DataCollatorForWordExchange, held_out: HeldOut) -> HeldOutScores:
    """Score a model on held-out pairs; leaves its training mode as it was.

    Args:
        model: of one of `weam/pretraining/objectives`; its encoder is a `WordAlignmentMixin`.
        collator: the one that it is trained with.
        held_out: the pairs.
    """
    tokenizer = collator.tokenizer
    was_training = model.training
    model.eval()
    losses = held_out_losses(model, collator, held_out.features) if isinstance(model, WEAMPreTrainingMixin) else {}
    layer = model.base_model.align_layer()
    sides = (held_out.sources, held_out.targets)
    sources, targets = (layer_vectors(model.base_model, tokenizer, side)[layer - 1] for side in sides)
    error_rate = None
    if held_out.gold:
        error_rate = aligner_error_rate(model.base_model, tokenizer, held_out.gold)
    model.train(was_training)
    return HeldOutScores(
        language_pair=held_out.language_pair,
        pairs=len(held_out.sources),
        **{name: losses.get(name) for name in LOSSES},
        retrieval_source_to_target=retrieval_accuracy(sources, targets),
        retrieval_target_to_source=retrieval_accuracy(targets, sources),
        gold_sentences=len(held_out.gold),
        alignment_error_rate=error_rate,
    )


def held_out_losses(
    model: PreTrainedModel, collator: DataCollatorForWordExchange, features: Dataset
) -> dict[str, float]:
    """Return the mean of each part of the loss over all masked tokens of the features."""
    sums = torch.zeros(2 * len(model.loss_names), dtype=torch.float64)
    by_length = np.argsort(features["length"])
    for start in range(0, len(by_length), BATCH_SIZE):
        batch = collator(list(features.select(by_length[start : start + BATCH_SIZE])))
        outputs = model(**{key: values.to(model.device) for key, values in batch.items()})
        sums += outputs.loss_parts.sum(dim=0).cpu()
    return mean_losses(sums.tolist(), model.loss_names)


@dataclass(frozen=True)
class Provenance:
    """Where the model that was scored comes from.

    Attributes:
        seed: of its training.
        checkpoint: what that began with.
        checkpoint_fingerprint: of those weights.
    """

    seed: int
    checkpoint: str
    checkpoint_fingerprint: str


def to_measurements(
    scores: Sequence[HeldOutScores], held_out: Sequence[HeldOut], provenance: Provenance, steps: int
) -> list[Measurement]:
    """Write scores as results have them; what was not measured is left out."""
    measurements = []
    for score, part in zip(scores, held_out, strict=True):
        record = asdict(score)
        for metric in METRICS:
            gold = metric == ERROR_RATE
            count = score.gold_sentences if gold else score.pairs
            data = part.gold_fingerprint if gold else part.fingerprint
            if record[metric] is not None:
                figure = (BENCHMARK, score.language_pair, metric, record[metric], count)
                measurements.append(Measurement(*figure, steps=steps, **asdict(provenance), data_fingerprint=data))
    return measurements


def from_measurements(measurements: Sequence[Measurement]) -> tuple[list[HeldOutScores], list[HeldOutScores]]:
    """Return the scores before and after training that results have.

    Raises:
        ValueError: results lack a metric of a language pair.
    """
    held_out = [measurement for measurement in measurements if measurement.benchmark == BENCHMARK]
    languages = list(dict.fromkeys(measurement.language for measurement in held_out))
    last = max((measurement.steps for measurement in held_out), default=0)
    before, after = ([m for m in held_out if m.steps == steps] for steps in (0, last))
    return [_from(before, name) for name in languages], [_from(after, name) for name in languages]


def _from(measurements: Sequence[Measurement], language_pair: str) -> HeldOutScores:
    found = {m.metric: m for m in measurements if m.language == language_pair}
    missing = [metric for metric in RETRIEVAL if metric not in found]
    if missing:
        raise ValueError(f"the held-out scores of {language_pair} lack {', '.join(missing)}; measure again")
    optional = {metric: found[metric].value if metric in found else None for metric in (*LOSSES, ERROR_RATE)}
    return HeldOutScores(
        language_pair=language_pair,
        pairs=found[RETRIEVAL[0]].count,
        multilingual_loss=optional[LOSSES[0]],
        cross_lingual_loss=optional[LOSSES[1]],
        retrieval_source_to_target=found[RETRIEVAL[0]].value,
        retrieval_target_to_source=found[RETRIEVAL[1]].value,
        gold_sentences=found[ERROR_RATE].count if ERROR_RATE in found else 0,
        alignment_error_rate=optional[ERROR_RATE],
    )


def read_held_out(path: Path, language_pairs: Sequence[str]) -> list[HeldOutScores]:
    """Read held-out scores written by `write_held_out`, which must be of these language pairs in this order.

    Raises:
        ValueError: they are damaged, or of others.
    """
    remedy = "remove it, and the untrained model is scored again"
    scores = read_json(path, list[HeldOutScores], remedy)
    found = [score.language_pair for score in scores]
    if found != list(language_pairs):
        raise ValueError(f"{path} has scores of {', '.join(found)}, not of {', '.join(language_pairs)}; {remedy}")
    return scores


def write_held_out(scores: Sequence[HeldOutScores], path: Path) -> None:
    """Write held-out scores, so that a resumed run need not measure the untrained model again."""
    write_json([asdict(score) for score in scores], path)

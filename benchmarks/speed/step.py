"""One training step of one contender on one batch: seconds, tokens, and memory at the peak."""

import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForMaskedLM, BertTokenizer

from benchmarks.processes import process_status
from data_collator_weam import DataCollatorForWordExchange
from weam.alignment.symmetrization import Links
from weam.families import FAMILIES
from weam.pretraining.features import encode_pairs
from weam.pretraining.objectives import OBJECTIVES
from weam.processor import has_bfloat16


class Contender(NamedTuple):
    """What is trained."""

    objective: str
    exchange: str


STOCK = "stock masked language model"
CONTENDERS: dict[str, Contender | None] = {
    STOCK: None,
    "WEAM": Contender("weam", "target"),
    "WEAM, representation exchange": Contender("weam", "representation"),
    "WEAM + word contrast, the default": Contender("weam-contrastive", "representation"),
    "WEAM + translation ranking, recipes/best.yaml": Contender("weam-ranking", "representation"),
    "WEAM + both contrasts": Contender("weam-contrastive-ranking", "representation"),
}

SPECIAL_TOKENS = 3  # [CLS] source [SEP] target [SEP]

Example = dict[str, Any]
Data = tuple[list[Example], Path]


@dataclass(frozen=True)
class Shape:
    """What determines the work of a step; the hidden size is 768."""

    layers: int
    vocabulary: int
    batch_size: int
    length: int
    mask_rate: float
    family: str = "bert"


@dataclass(frozen=True)
class Measured:
    """What a contender needed."""

    seconds: float  # of one step, in the mean
    tokens_per_second: float  # tokens, without padding; in the Trainer without special tokens, too
    megabytes: float  # at the peak, above parameters, gradients and optimiser state; not measured in the Trainer: nan


def make_model(contender: str, shape: Shape, device: torch.device) -> nn.Module:
    """Build a contender with random weights, as it trains (dropout included)."""
    sizes = {"hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072, "pad_token_id": 0}
    config = AutoConfig.for_model(shape.family, vocab_size=shape.vocabulary, num_hidden_layers=shape.layers, **sizes)
    chosen = CONTENDERS[contender]
    if chosen is None:
        return AutoModelForMaskedLM.from_config(config).to(device).train()
    config.weam = {"exchange": chosen.exchange}
    return OBJECTIVES[chosen.objective].model_class(FAMILIES[shape.family])(config).to(device).train()


def full_rows(features: list[Example], shape: Shape) -> list[Example]:
    """Join real pairs, side by side with their links, until each row has the full length."""
    drawn = iter(random.Random(0).sample(features, len(features)))
    rows: list[Example] = [{"id": row, "source_ids": [], "target_ids": []} for row in range(shape.batch_size)]
    links: list[Links] = [[] for _ in rows]
    for row, own in zip(rows, links, strict=True):
        while len(row["source_ids"]) + len(row["target_ids"]) < shape.length - SPECIAL_TOKENS:
            pair, sides = next(drawn), (len(row["source_ids"]), len(row["target_ids"]))
            own += [(i + sides[0], j + sides[1]) for i, j in pair["links"]]
            row["source_ids"] += pair["source_ids"]
            row["target_ids"] += pair["target_ids"]
    return encode_pairs(pa.Table.from_pylist(rows), links, shape.length, SPECIAL_TOKENS).to_pylist()


def make_batch(shape: Shape, data: Data, device: torch.device) -> dict[str, torch.Tensor]:
    """Mask full rows once; tokens that a smaller vocabulary lacks become others."""
    features, vocabulary = data
    tokenizer = BertTokenizer(vocab=str(vocabulary), do_lower_case=False)
    collator = DataCollatorForWordExchange(tokenizer, shape.mask_rate, shape.length, return_sequence_ids=True)
    batch = collator(full_rows(features, shape))
    for name in ("input_ids", "labels"):
        batch[name] = batch[name].where(batch[name] < shape.vocabulary, batch[name] % shape.vocabulary)
    return {name: values.to(device) for name, values in batch.items()}


def measure_step(contender: str, shape: Shape, steps: int, data: Data, in_bfloat16: bool | None = None) -> Measured:
    """Train on one batch for some steps after an uncounted first one; by default in the precision of the programs."""
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    in_bfloat16 = (device.type == "cuda" or has_bfloat16()) if in_bfloat16 is None else in_bfloat16
    batch = make_batch(shape, data, device)
    chosen = CONTENDERS[contender]
    if chosen is None:
        del batch["aligned_positions"]
    if chosen is None or not OBJECTIVES[chosen.objective].encodes_apart:
        del batch["sequence_ids"]
    if shape.family != "bert":
        del batch["token_type_ids"]
    before = memory(device)
    model = make_model(contender, shape, device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5, fused=True)

    def step() -> None:
        for part in getattr(model, "parts", (None,)):  # one after the other, as `WEAMTrainer` has them
            with torch.autocast(device.type, torch.bfloat16, enabled=in_bfloat16):
                loss = model(**batch, **({"part": part} if part else {})).loss
            loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    step()
    start = now(device)
    for _ in range(steps):
        step()
    seconds = (now(device) - start) / steps
    kept = 4 * sum(parameter.nbytes for parameter in model.parameters())  # with gradients and two moments
    return Measured(seconds, int(batch["attention_mask"].sum()) / seconds, (peak_memory(device) - before - kept) / 1e6)


def now(device: torch.device) -> float:
    """Return the time when all that was asked for is done; of one thread its own, whatever else the processor does."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.process_time() if device.type == "cpu" and torch.get_num_threads() == 1 else time.perf_counter()


def memory(device: torch.device) -> int:
    """Return the bytes in use."""
    return torch.cuda.memory_allocated() if device.type == "cuda" else process_status("VmRSS")


def peak_memory(device: torch.device) -> int:
    """Return the most bytes that were in use at any time."""
    return torch.cuda.max_memory_allocated() if device.type == "cuda" else process_status("VmHWM")

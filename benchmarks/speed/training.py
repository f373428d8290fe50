"""Real sentence pairs through the Trainer: tokens per second of WEAM and of transformers' example recipe."""

import tempfile
from math import nan
from typing import Any

import torch
from datasets import Dataset
from transformers import (
    BertTokenizer,
    DataCollatorForLanguageModeling,
    PreTrainedTokenizerBase,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from benchmarks.speed.step import SPECIAL_TOKENS, STOCK, Data, Example, Measured, Shape, make_model, now
from data_collator_weam import DataCollatorForWordExchange
from weam.trainer import WEAMTrainer

RECIPES = {
    "example recipe, padded to 128": (STOCK, "random"),
    "example recipe, grouped by length": (STOCK, "group_by_length"),
    "WEAM, grouped by length": ("WEAM", "group_by_length"),
    "WEAM, representation exchange, grouped by length": ("WEAM, representation exchange", "group_by_length"),
}


class Clock(TrainerCallback):
    """Notes when each step ended, and counts the tokens of the sentences in each batch."""

    def __init__(self, collator: Any, special: int, device: torch.device) -> None:  # noqa: ANN401
        """Count what this collator makes; its rows have so many special tokens."""
        self.collator, self.special, self.device = collator, special, device
        self.times: list[float] = []
        self.tokens: list[int] = []

    def __call__(self, examples: list[Example]) -> dict[str, torch.Tensor]:
        """Make a batch and count it."""
        batch = self.collator(examples)
        self.tokens.append(int(batch["attention_mask"].sum()) - self.special * len(examples))
        return batch

    def on_step_end(self, *_: object, **__: object) -> None:
        """Note the time."""
        self.times.append(now(self.device))


def joined(feature: Example, tokenizer: PreTrainedTokenizerBase, length: int | None) -> Example:
    """Join a pair into the row of the example recipe, padded if a length is given."""
    row = [tokenizer.cls_token_id, *feature["source_ids"], *feature["target_ids"], tokenizer.sep_token_id]
    padding = 0 if length is None else length - len(row)
    return {
        "input_ids": row + [tokenizer.pad_token_id] * padding,
        "attention_mask": [1] * len(row) + [0] * padding,
        "special_tokens_mask": [1] + [0] * (len(row) - 2) + [1] * (1 + padding),
        "length": len(row),
    }


def measure_training(recipe: str, shape: Shape, steps: int, data: Data) -> Measured:
    """Train for ten times as many steps after a first one, which is not counted."""
    features, vocabulary = data
    contender, order = RECIPES[recipe]
    tokenizer = BertTokenizer(vocab=str(vocabulary), do_lower_case=False)
    on_gpu = torch.cuda.is_available()
    device = torch.device("cuda" if on_gpu else "cpu")
    with tempfile.TemporaryDirectory() as folder:
        args = TrainingArguments(
            folder,
            per_device_train_batch_size=shape.batch_size,
            max_steps=1 + (steps if order == "random" else 10 * steps),
            train_sampling_strategy=order,
            remove_unused_columns=False,
            save_strategy="no",
            report_to="none",
            bf16=on_gpu,
            use_cpu=not on_gpu,
            disable_tqdm=True,
        )
        torch.manual_seed(args.seed)
        model = make_model(contender, shape, device)
        if contender == STOCK:
            padded = shape.length if order == "random" else None
            stock = DataCollatorForLanguageModeling(tokenizer, mlm_probability=shape.mask_rate)
            rows = Dataset.from_list([joined(feature, tokenizer, padded) for feature in features])
            clock = Clock(lambda examples: stock([without_length(x) for x in examples]), 2, device)
            trainer = Trainer(model, args, data_collator=clock, train_dataset=rows)
        else:
            ours = DataCollatorForWordExchange(tokenizer, shape.mask_rate, shape.length)
            trainer = WEAMTrainer(model, args, ours, Dataset.from_list(features))
            clock = Clock(ours, SPECIAL_TOKENS, device)
            trainer.data_collator = clock
        trainer.add_callback(clock)
        trainer.train()
    seconds = (clock.times[-1] - clock.times[0]) / (len(clock.times) - 1)
    tokens = sum(clock.tokens[1 : len(clock.times)]) / (len(clock.times) - 1)  # the loader may make one batch more
    return Measured(seconds, tokens / seconds, megabytes=nan)


def without_length(example: Example) -> Example:
    """Leave out what only the sampler reads."""
    return {name: values for name, values in example.items() if name != "length"}

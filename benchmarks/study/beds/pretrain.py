"""Pre-train the small multilingual BERT of a bed from scratch, with masked language modelling on monolingual text.

Every row is `[CLS] chunk [SEP] chunk [SEP]`, two chunks of one language that follow each other, as BERT reads text; all
rows are equally long, so that a processor makes its kernels once. No row has two languages, and no text is in both.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from datasets import Dataset, concatenate_datasets
from tokenizers import BertWordPieceTokenizer
from transformers import BertConfig, BertForMaskedLM, BertTokenizer, PreTrainedTokenizerBase, set_seed

from benchmarks.study.beds.plan import PreTraining
from data_collator_weam import DataCollatorForWordExchange
from modeling_weam import BertForWEAMPreTraining
from weam.pretraining.arguments import PreTrainingArguments
from weam.pretraining.checkpoint import save_as_stock
from weam.runs import find_checkpoint
from weam.storage import read_lines
from weam.trainer import WEAMTrainer, run_training

MOST_CHARACTERS = 3000  # of a vocabulary; Chinese needs them
POSITIONS = 128  # that the encoder has
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def write_tokenizer(texts: Sequence[Path], plan: PreTraining, folder: Path) -> None:
    """Train a WordPiece vocabulary on all texts, or one on each, and save what was learnt as one tokenizer.

    Raises:
        ValueError: vocabularies that are not joint have a token in common, so that the languages would not be apart.
    """
    tokens = list(SPECIAL)
    for group in [list(texts)] if plan.joint else [[text] for text in texts]:
        own = learn_tokens(group, plan.vocabulary)
        if not set(own).isdisjoint(tokens):
            raise ValueError(f"{group[0]} shares {sorted(set(own) & set(tokens))[:5]} with another language")
        tokens += own
    vocab = {token: number for number, token in enumerate(tokens)}
    tokenizer = BertTokenizer(vocab=vocab, do_lower_case=False, strip_accents=False)
    tokenizer.model_max_length = POSITIONS
    tokenizer.save_pretrained(str(folder))


def learn_tokens(texts: Sequence[Path], size: int) -> list[str]:
    """Train a WordPiece vocabulary, the same one in every process; return its tokens without the special ones.

    The trainer counts in hash tables, whose order differs from run to run, and lets that order decide between equally
    frequent tokens. So it is given the characters, and what may stand within a word, in an order of their own.
    """
    counts = sum((Counter(path.read_text(encoding="utf-8")) for path in texts), Counter())
    characters = sorted((c for c in counts if not c.isspace()), key=lambda c: (-counts[c], c))[:MOST_CHARACTERS]

    def train(first: list[str]) -> list[str]:
        tokenizer = BertWordPieceTokenizer(lowercase=False, strip_accents=False)
        tokenizer.train(
            list(map(str, texts)),
            vocab_size=size,
            limit_alphabet=MOST_CHARACTERS,
            initial_alphabet=characters,
            special_tokens=first,
            show_progress=False,
        )
        vocab = tokenizer.get_vocab()
        return [token for token in sorted(vocab, key=vocab.__getitem__) if token not in SPECIAL]

    within_words = sorted(token for token in train(SPECIAL) if token.startswith("##") and len(token) == 3)
    return train(SPECIAL + within_words)


def chunk_pairs(text: Path, tokenizer: PreTrainedTokenizerBase, length: int) -> Iterator[tuple[list[int], list[int]]]:
    """Yield the text, whole, as pairs of chunks that fill a row of so many tokens."""
    inside = length - 3
    first = inside // 2
    left: list[int] = []
    lines = list(read_lines(text))
    for start in range(0, len(lines), 1000):
        for ids in tokenizer(lines[start : start + 1000], add_special_tokens=False, verbose=False)["input_ids"]:
            left += ids
        while len(left) >= inside:
            yield left[:first], left[first:inside]
            left = left[inside:]


def read_rows_of_text(texts: Sequence[Path], tokenizer: PreTrainedTokenizerBase, length: int) -> Dataset:
    """Return the features of all texts, equally many rows of each, as `DataCollatorForWordExchange` reads them."""
    parts = []
    for text in texts:
        sources, targets = zip(*chunk_pairs(text, tokenizer, length), strict=True)
        parts.append(Dataset.from_dict({"source_ids": sources, "target_ids": targets}))
    rows = min(map(len, parts))
    joined = concatenate_datasets([part.select(range(rows)) for part in parts])
    numbers = np.arange(len(joined))
    return (
        joined.add_column("id", numbers)
        .add_column("length", np.full(len(joined), length))
        .add_column("links", [[] for _ in numbers])
    )


def pretrain(plan: PreTraining, texts: Sequence[Path], tokenizer_folder: Path, seed: int, folder: Path) -> None:
    """Train one seed, or go on with it, and save a stock checkpoint in the folder."""
    tokenizer = BertTokenizer.from_pretrained(str(tokenizer_folder))
    rows = read_rows_of_text(texts, tokenizer, plan.length)
    args = PreTrainingArguments(
        output_dir=str(folder / "training"),
        seed=seed,
        max_steps=plan.steps,
        per_device_train_batch_size=plan.batch_size,
        learning_rate=plan.learning_rate,
        warmup_steps=plan.warmup_steps,
        weight_decay=0.01,
        adam_beta2=0.98,
        use_cpu=True,
        train_sampling_strategy="random",
        logging_steps=100,
        save_steps=1000,
        save_total_limit=1,
        report_to="none",
    )
    set_seed(seed)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=plan.hidden_size,
        num_hidden_layers=plan.layers,
        num_attention_heads=plan.heads,
        intermediate_size=4 * plan.hidden_size,
        max_position_embeddings=POSITIONS,
        initializer_range=plan.initializer_range,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    config.weam = {"cross_lingual_weight": 0.0}  # masked language modelling of the row
    model = BertForWEAMPreTraining(config)
    collator = DataCollatorForWordExchange(tokenizer, plan.masked, plan.length, seed=seed)
    trainer = WEAMTrainer(model, args, collator, rows)
    run_training(trainer, find_checkpoint(Path(args.output_dir), "last"))
    trainer.save_model(str(folder))
    save_as_stock(folder, BertForMaskedLM)

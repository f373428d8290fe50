"""Which parallel text to read."""

from dataclasses import dataclass

from weam.arguments import option
from weam.storage import CACHE_DIR


@dataclass
class BitextArguments:
    """Which parallel text to train on."""

    train_file: list[str] = option([], "en-de=FILE (TSV or JSONL, .gz or not) or en-de=ENGLISH,GERMAN (Moses).")
    dataset_name: str | None = option(None, "Hub data set with a `translation` column.")
    dataset_config: list[str] = option([], "Its configurations, one for each language pair, like de-en.")
    dataset_revision: str = option("main", "Branch, tag or commit of the data set.")
    validation_fraction: float = option(0.01, "Share of source sentences to hold out of training.")
    gold_alignments: list[str] = option(
        [], "en-de=PREFIX of PREFIX.src-tgt and PREFIX.gold: some choose the layer that aligns, the others test it."
    )
    max_train_pairs: int | None = option(None, "Train on so many pairs of each language pair, always the same ones.")
    max_eval_pairs: int = option(1000, "Evaluate on at most so many held-out pairs of each language pair.")
    sampling_alpha: float = option(1.0, "Sample language pairs by size to this power: 1 natural, 0 uniform.")
    sampling_ratios: list[str] = option([], "Explicit ratios instead, like en-de=3 en-sw=1.")
    max_length: int = option(128, "Tokens of a pair, special ones included.")
    mlm_probability: float = option(0.3, "Share of tokens to mask.")
    pad_to_multiple_of: int = option(
        8,
        "Round batch lengths up: few shapes occur, of which a processor keeps a kernel each; suits tensor cores, too.",
    )
    cache_dir: str = option(str(CACHE_DIR), "Where prepared data is kept.")

    def __post_init__(self) -> None:
        """Refuse to guess which text is meant."""
        if bool(self.train_file) == bool(self.dataset_name):
            raise ValueError("give --train_file or --dataset_name: one of them, and not both")
        if self.max_train_pairs is not None and self.max_train_pairs < 1:
            raise ValueError("--max_train_pairs is less than 1; leave it out to train on all pairs")
        for name in ("max_eval_pairs", "pad_to_multiple_of"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name} is {getattr(self, name)}; give 1 or more")
        for name in ("validation_fraction", "mlm_probability"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"--{name} is {getattr(self, name)}; give a share from 0 to 1")
        if self.sampling_alpha < 0:
            raise ValueError(f"--sampling_alpha is {self.sampling_alpha}; give 0 or more")
        if self.dataset_name and not self.dataset_config:
            raise ValueError("--dataset_name needs --dataset_config, the language pairs to read, like de-en")

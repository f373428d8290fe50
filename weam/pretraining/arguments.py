"""The settings of `run_pretraining.py` beside `TrainingArguments`.

The defaults are the paper's recipe, but for the objective: WEAM alone is `recipes/paper.yaml`.
"""

from dataclasses import asdict, dataclass
from typing import Any

from modeling_weam import EXCHANGES
from weam.alignment.arguments import AlignmentArguments
from weam.arguments import LoraArguments, ProgramArguments, option, parse_settings
from weam.bitext.arguments import BitextArguments
from weam.pretraining.objectives import OBJECTIVES, Objective
from weam.results import training_recipe

NEW_HEAD_WARMUP_STEPS = 1000  # by docs/study/ablations.md, what in WEAM does it: 200 are too few


@dataclass
class ModelArguments(LoraArguments):
    """Which model to train and how it learns."""

    model_name_or_path: str | None = option(None, "The checkpoint: Hub name or folder. None: from --config_name.")
    model_revision: str = option("main", "Branch, tag or commit of the checkpoint.")
    config_name: str | None = option(None, "Folder or Hub name of a config, to train from scratch.")
    tokenizer_name: str | None = option(None, "Tokenizer, where it is not the checkpoint's.")
    num_hidden_layers: int | None = option(None, "Keep only so many of the checkpoint's layers, the lowest.")
    objective: str = option(
        "weam-contrastive",
        "What is learnt: WEAM with a contrast of aligned words, WEAM alone, or a system to compare them with.",
        tuple(OBJECTIVES),
    )
    exchange: str = option(
        "representation",
        "representation: a masked word is predicted from its aligned word, too; target: it predicts that word, too.",
        EXCHANGES,
    )
    cross_lingual_weight: float = option(1.0, "Weight of the cross-lingual loss; of --objective weam 0 makes TLM.")
    word_layer: int | None = option(None, "The layer that the word-contrastive loss draws together. None: the last.")
    freeze_layers: int = option(0, "Keep the embeddings and this many of the lowest layers as they are. 0: train all.")
    start_share: float = option(
        0.0, "Save an average of the trained weights and those at the start: the share of the latter. 0: no average."
    )
    head_warmup_steps: int | None = option(
        None,
        "First train the prediction head alone for so many steps. "
        f"None: {NEW_HEAD_WARMUP_STEPS} where the checkpoint brings no head trained on the layers kept, else 0.",
    )

    def __post_init__(self) -> None:
        """Refuse to guess which model is meant."""
        if (self.model_name_or_path is None) == (self.config_name is None):
            raise ValueError(
                "give --model_name_or_path to continue a checkpoint, or --config_name to train from scratch"
            )
        if self.head_warmup_steps is not None and self.head_warmup_steps < 0:
            raise ValueError(f"--head_warmup_steps is {self.head_warmup_steps}; give 0 or more")
        if self.head_warmup_steps and not self.system.predicts:
            raise ValueError(f"--objective {self.objective} has no prediction head; leave --head_warmup_steps out")
        if self.word_layer is not None and "contrastive" not in self.objective:
            raise ValueError(f"--objective {self.objective} contrasts no words; leave --word_layer out")
        self._check_what_is_trained()
        if not 0 <= self.start_share < 1:
            raise ValueError(f"--start_share is {self.start_share}; give 0 or more and less than 1, such as 0.5")
        if self.start_share and self.model_name_or_path is None:
            raise ValueError(
                "--config_name begins from scratch, with which there is nothing to average: leave --start_share out"
            )
        if not self.objective.startswith("weam") and self.cross_lingual_weight != 1.0:
            raise ValueError(
                f"--objective {self.objective} has no cross-lingual prediction; leave --cross_lingual_weight out"
            )

    def _check_what_is_trained(self) -> None:
        """Refuse what would train other weights than it says."""
        if self.freeze_layers < 0:
            raise ValueError(f"--freeze_layers is {self.freeze_layers}; give the number of layers, 0 or more")
        if self.freeze_layers and self.use_lora:
            raise ValueError("--use_lora puts adapters on all layers; leave it or --freeze_layers out")
        if self.use_lora and self.objective == "word-alignment":
            raise ValueError("--objective word-alignment keeps a copy of the encoder; leave --use_lora out")
        if self.objective == "embedding-alignment" and (self.freeze_layers or self.use_lora):
            raise ValueError(
                "--objective embedding-alignment trains the embeddings; leave --freeze_layers and --use_lora out"
            )

    @property
    def system(self) -> Objective:
        """The model that is trained, and what it leaves behind."""
        return OBJECTIVES[self.objective]

    @property
    def weam(self) -> dict[str, Any]:
        """The settings of the method, as `config.weam` has them."""
        weight = 0.0 if self.objective == "tlm" else self.cross_lingual_weight
        return {"exchange": self.exchange, "cross_lingual_weight": weight}

    @property
    def name(self) -> str:
        """The one of the two that was given."""
        return str(self.model_name_or_path or self.config_name)

    @property
    def origin(self) -> str:
        """What results call the model that training begins with."""
        return self.model_name_or_path or f"from scratch: {self.config_name}"


@dataclass
class OutputArguments:
    """What is written, and what may be written over."""

    overwrite_output_dir: bool = option(False, "Write into an output directory that is not empty.")
    prepare_only: bool = option(False, "Read, align and encode the text, then stop; a training finds it in the cache.")


@dataclass
class PreTrainingArguments(ProgramArguments):
    """`TrainingArguments` with the recipe of Yang et al. 2021 as defaults."""

    per_device_train_batch_size: int = option(32, "Sentence pairs in a batch, on each device.")
    per_device_eval_batch_size: int = option(32, "Sentence pairs in a batch of the evaluation.")
    num_train_epochs: float = option(2.0, "Passes over the bitext.")
    learning_rate: float = option(5e-5, "Peak learning rate.")


# what parse_arguments returns
Arguments = tuple[ModelArguments, BitextArguments, AlignmentArguments, OutputArguments, PreTrainingArguments]


def pretraining_settings(arguments: Arguments) -> dict[str, dict[str, Any]]:
    """Return the settings that make a difference to the result, by concern; no folders, no tokens."""
    model_args, bitext_args, alignment_args, _, args = arguments
    bitext = {name: value for name, value in asdict(bitext_args).items() if name != "cache_dir"}
    concerns = {"model": asdict(model_args), "bitext": bitext, "alignment": asdict(alignment_args)}
    return {**concerns, "training": training_recipe(args)}


def parse_arguments(argv: list[str] | None = None) -> Arguments:
    """Read `[FILE.yaml] [--name value ...]`; errors are those of `parse_settings`."""
    concerns = (ModelArguments, BitextArguments, AlignmentArguments, OutputArguments, PreTrainingArguments)
    return parse_settings(
        concerns, "Continue the pre-training of a masked language model on word-aligned bitext.", argv
    )

"""The files of a checkpoint that others made, checked as a whole before transformers reads them.

Nothing outside the checkpoint is read, no code of it is run, and an error names the file. Weights are not here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import transformers
from pydantic import AfterValidator, ConfigDict, Field
from tokenizers import Tokenizer
from transformers import CONFIG_MAPPING, AutoConfig, AutoTokenizer, PretrainedConfig, PreTrainedTokenizerBase
from transformers.activations import ACT2FN
from transformers.utils import cached_file

from modeling_weam import weam_settings
from weam.storage import CHECKED, read_json

SHARD_INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
AS_SAVED = "give the file that the checkpoint was saved with"
NAMED_CLASS = Annotated[str, Field(pattern=r"^\d{1,6}$")]  # JSON writes the number of a class as text
Share = Annotated[float, Field(ge=0, lt=1)]
Small = Annotated[float, Field(gt=0, lt=1)]
POSITIONS_PAST_PADDING = ("roberta", "xlm-roberta", "xlm-roberta-xl", "xmod", "camembert")  # begin after padding's
SpecialToken = str | dict[str, Any] | None
DType = Literal["float32", "float16", "bfloat16", "float64"]


def _known_activation(name: str) -> str:
    if name not in ACT2FN:
        raise ValueError(f"there is no activation {name!r}; known are {', '.join(sorted(ACT2FN))}")
    return name


Activation = Annotated[str, AfterValidator(_known_activation)]


@dataclass(frozen=True)
class ConfigFile:
    """What of `config.json` decides on size and meaning of a model; the rest is transformers' to judge.

    Sizes end where no encoder of this kind comes near, so that an impossible one is refused before memory is asked for.
    """

    __pydantic_config__ = ConfigDict(**{**CHECKED, "extra": "ignore"})

    model_type: str
    vocab_size: Annotated[int, Field(ge=1, le=2**24)] = 2**24
    hidden_size: Annotated[int, Field(ge=1, le=2**16)] = 768
    num_hidden_layers: Annotated[int, Field(ge=1, le=2**9)] = 12
    num_attention_heads: Annotated[int, Field(ge=1, le=2**12)] = 12
    intermediate_size: Annotated[int, Field(ge=1, le=2**20)] = 3072
    max_position_embeddings: Annotated[int, Field(ge=1, le=2**20)] = 512
    type_vocab_size: Annotated[int, Field(ge=0, le=2**10)] = 2
    local_attention: Annotated[int, Field(ge=1, le=2**20)] = 128
    hidden_act: Activation = "gelu"
    hidden_activation: Activation = "gelu"
    classifier_activation: Activation = "gelu"
    hidden_dropout_prob: Share = 0.1
    attention_probs_dropout_prob: Share = 0.1
    embedding_dropout: Share = 0.0
    attention_dropout: Share = 0.0
    mlp_dropout: Share = 0.0
    classifier_dropout: Share | None = None
    initializer_range: Annotated[float, Field(gt=0, le=10)] = 0.02
    layer_norm_eps: Small = 1e-12
    norm_eps: Small = 1e-5
    pad_token_id: Annotated[int, Field(ge=0)] | None = 0
    is_decoder: bool = False
    add_cross_attention: bool = False
    num_labels: Annotated[int, Field(ge=1, le=2**16)] | None = None
    id2label: dict[NAMED_CLASS, str] | None = None
    label2id: dict[str, int] | None = None
    problem_type: Literal["regression", "single_label_classification", "multi_label_classification"] | None = None
    architectures: list[str] | None = None
    dtype: DType | None = None
    torch_dtype: DType | None = None
    quantization_config: None = None  # quantised weights cannot be trained
    weam: Any = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check what takes two entries, or the method's own code."""
        size, heads, padding = self.hidden_size, self.num_attention_heads, self.pad_token_id
        if size % heads:
            raise ValueError(f"hidden_size {size} is no multiple of {heads} heads")
        if self.model_type == "modernbert" and size // heads % 2:
            raise ValueError(
                f"hidden_size {size} makes {heads} heads of {size // heads}; rotary positions need it even"
            )
        if padding is not None and padding >= self.vocab_size:
            raise ValueError(f"pad_token_id {padding} is none of {self.vocab_size} tokens")
        self._check_embeddings()
        weam_settings(PretrainedConfig(weam=self.weam))

    def _check_embeddings(self) -> None:
        """Check what BERT, RoBERTa and their kin embed beside tokens."""
        positions, padding = self.max_position_embeddings, self.pad_token_id
        if self.model_type in ("bert", *POSITIONS_PAST_PADDING) and self.type_vocab_size == 0:
            raise ValueError(f"type_vocab_size is 0; {self.model_type} has 1 or more")
        if self.model_type in POSITIONS_PAST_PADDING and (padding is None or positions <= padding + 1):
            raise ValueError(f"max_position_embeddings {positions} leaves none past that of pad_token_id {padding}")


@dataclass(frozen=True)
class ShardIndex:
    """Which file has which weight; all lie beside the index."""

    __pydantic_config__ = CHECKED

    metadata: dict[str, Any]
    weight_map: dict[str, Annotated[str, Field(pattern=r"^[\w-][\w.-]*\.(safetensors|bin)$")]]


@dataclass(frozen=True)
class TokenizerConfigFile:
    """What of `tokenizer_config.json` is relied on; the rest is transformers' to judge."""

    __pydantic_config__ = ConfigDict(**{**CHECKED, "extra": "ignore"})

    tokenizer_class: str | None = None
    model_max_length: int | float | None = None  # 1e30 where there is none, which not every pydantic takes for a float
    padding_side: Literal["left", "right"] = "right"
    model_input_names: list[str] | None = None
    added_tokens_decoder: dict[str, dict[str, Any]] = field(default_factory=dict)
    unk_token: SpecialToken = None
    sep_token: SpecialToken = None
    pad_token: SpecialToken = None
    cls_token: SpecialToken = None
    mask_token: SpecialToken = None


def find_file(name: str, file: str, revision: str) -> Path | None:
    """Return where a file of a checkpoint lies, from the Hub if `name` is no folder; None if it has no such file."""
    found = cached_file(
        name,
        file,
        revision=revision,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_gated_repo=False,
        _raise_exceptions_for_connection_errors=False,
    )
    return None if found is None else Path(found)


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Name the checkpoint in what transformers raises, which is whatever its code stumbles over.

    Raises:
        ValueError: in place of any error but those of files, which name theirs.
    """
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        text = f"{name} cannot be loaded ({type(error).__name__}: {error})"
        raise ValueError(f"{text}; {AS_SAVED}, or copy or download it again") from error


def load_config(name: str, revision: str) -> PretrainedConfig:
    """Read `config.json` of a checkpoint, and see that its shards lie beside it.

    Raises:
        OSError: there is no such checkpoint, or it has no `config.json`.
        ValueError: an entry is impossible, the kind of model is unknown, the checkpoint points outside itself, or it
            holds adapters.
    """
    path = cached_file(name, "config.json", revision=revision)
    if path is None:
        raise FileNotFoundError(f"{name} has no config.json; give a folder that holds a checkpoint, or a Hub name")
    model_type = read_json(Path(path), ConfigFile, AS_SAVED).model_type
    if model_type not in CONFIG_MAPPING:
        raise ValueError(
            f"{name} is of model_type {model_type!r}, which transformers {transformers.__version__} does not have, and "
            "code in a checkpoint is not run; install a version that has it, or give another checkpoint"
        )
    for file in SHARD_INDEXES:
        index = find_file(name, file, revision)
        if index is not None:
            read_json(index, ShardIndex, f"the weights lie beside it: {AS_SAVED}")
    if find_file(name, "adapter_config.json", revision) is not None:  # transformers would apply them without a word
        raise ValueError(f"{name} holds adapters; merge them into the weights first, with PEFT's merge_and_unload")
    with naming(name):
        return AutoConfig.from_pretrained(name, revision=revision, trust_remote_code=False)


def load_any_tokenizer(name: str, revision: str) -> PreTrainedTokenizerBase:
    """Load a tokenizer of one of transformers' classes.

    Raises:
        OSError: there is no such checkpoint.
        ValueError: a file of it is damaged, or it needs code of its own.
    """
    settings = find_file(name, "tokenizer_config.json", revision)
    if settings is not None:
        read_json(settings, TokenizerConfigFile, AS_SAVED)
    fast = find_file(name, "tokenizer.json", revision)
    if fast is not None:
        with naming(str(fast)):
            Tokenizer.from_file(str(fast))
    with naming(name):
        tokenizer = AutoTokenizer.from_pretrained(name, revision=revision, trust_remote_code=False)
        tokenizer("a", "b")  # only text shows that the token for unknown words is missing
    return tokenizer

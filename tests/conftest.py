"""What the tests share: a tokenizer of 29 tokens, a BERT of 2 layers, sentence pairs, and where research data lies."""

import atexit
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp

os.environ["HF_HOME"] = mkdtemp(prefix="weam-tests-")  # nothing of the tests is kept, and two workers share nothing
os.environ["HF_MODULES_CACHE"] = os.environ["HF_HOME"] + "/modules"
os.environ["OMP_NUM_THREADS"] = "1"  # models this small are slower on more, and sums come out in one order

import hypothesis
import pytest
import torch
from transformers import (
    AutoModelForMaskedLM,
    BertConfig,
    BertTokenizer,
    DebertaV2Config,
    ModernBertConfig,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    XLMRobertaConfig,
)

from modeling_weam import (
    BertForWEAMPreTraining,
    DebertaV2ForWEAMPreTraining,
    ModernBertForWEAMPreTraining,
    WEAMBertModel,
    WEAMPreTrainingMixin,
    XLMRobertaForWEAMPreTraining,
)

atexit.register(shutil.rmtree, os.environ["HF_HOME"], ignore_errors=True)
hypothesis.settings.register_profile("test", max_examples=50, deadline=None, derandomize=True)  # the same every time
hypothesis.settings.register_profile("nightly", max_examples=500, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "test"))
ROOT = Path(__file__).parent.parent
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = "the cat dog sees eats a red house die katze hund sieht isst ein rotes haus nicht not ##s ##e ##n . , ?".split()
TEXTS = [
    ("the cat sees a dog", "die katze sieht ein hund"),
    ("the dog eats", "hund isst"),
    ("a red house", "ein rotes haus"),
    ("not the cat .", "nicht die katze ."),
]


def small_tokenizer() -> PreTrainedTokenizerBase:
    return BertTokenizer(vocab={token: number for number, token in enumerate(SPECIAL + WORDS)}, do_lower_case=False)


FAMILIES = {
    "bert": BertForWEAMPreTraining,
    "xlm-roberta": XLMRobertaForWEAMPreTraining,
    "deberta-v2": DebertaV2ForWEAMPreTraining,
    "modernbert": ModernBertForWEAMPreTraining,
}
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}

RELATIVE = {  # positions as mDeBERTa v3 has them
    "relative_attention": True,
    "position_biased_input": False,
    "pos_att_type": ["p2c", "c2p"],
    "position_buckets": 16,
    "share_att_key": True,
    "norm_rel_ebd": "layer_norm",
}
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}


def small_config(**changes: object) -> BertConfig:
    reach = {"vocab_size": len(SPECIAL + WORDS), "max_position_embeddings": 64}
    return BertConfig(**{**SIZES, **reach, **changes})


def config_of(family: str, **changes: object) -> PretrainedConfig:
    """Return the config of a small model of a family, without dropout, for `small_tokenizer`."""
    vocabulary = {"vocab_size": len(SPECIAL + WORDS), "pad_token_id": 0, "max_position_embeddings": 64, **changes}
    if family == "modernbert":
        special = {"bos_token_id": 2, "cls_token_id": 2, "eos_token_id": 3, "sep_token_id": 3}
        return ModernBertConfig(**{**SIZES, "local_attention": 8, **special, **vocabulary})
    if family == "deberta-v2":
        return DebertaV2Config(**{**SIZES, **RELATIVE, **NO_DROPOUT, **vocabulary})
    kind = {"bert": BertConfig, "xlm-roberta": XLMRobertaConfig}[family]
    segments = {"bert": 2, "xlm-roberta": 1}[family]
    return kind(**{**SIZES, "type_vocab_size": segments, **NO_DROPOUT, **vocabulary})


def stock_model(model: WEAMPreTrainingMixin) -> PreTrainedModel:
    """Return the stock masked language model with the same weights."""
    stock = AutoModelForMaskedLM.from_config(model.config, trust_remote_code=False)
    stock.load_state_dict(model.state_dict())
    return stock.train(model.training)


@torch.no_grad()
def plant_translations(model: BertForWEAMPreTraining, tokenizer: PreTrainedTokenizerBase) -> WEAMBertModel:
    """Give cat-katze, dog-hund and sees-sieht one embedding each, which drowns position and context."""
    encoder = model.bert.eval()
    embeddings = encoder.embeddings.word_embeddings.weight
    for source, target in (("cat", "katze"), ("dog", "hund"), ("sees", "sieht")):
        source_id, target_id = tokenizer.convert_tokens_to_ids([source, target])
        embeddings[target_id] = embeddings[source_id]
    embeddings *= 100
    encoder.embeddings.position_embeddings.weight.zero_()
    return encoder


@pytest.fixture(autouse=True)
def processor_without_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever processor the tests run on, figures are those of float32."""
    for module in ("weam.arguments", "weam.processor"):
        monkeypatch.setattr(f"{module}.has_bfloat16", lambda: False)


@pytest.fixture
def set_threads() -> Iterator[Callable[[int], None]]:
    """Return what sets the number of threads, and leave it as it was."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerBase:
    return small_tokenizer()


@pytest.fixture
def model() -> BertForWEAMPreTraining:
    torch.manual_seed(0)
    return BertForWEAMPreTraining(small_config())


@pytest.fixture(scope="session")
def features(tokenizer: PreTrainedTokenizerBase) -> list[dict]:
    """Encoded pairs, word n linked to word n."""
    encoded = []
    for number, (source, target) in enumerate(TEXTS):
        sides = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in (source, target)]
        links = [[n, n] for n in range(min(map(len, sides)))]
        encoded.append({"id": number + 100, "source_ids": sides[0], "target_ids": sides[1], "links": links})
    return encoded


@pytest.fixture(scope="session")
def research_data() -> Path:
    """The folder of research data; tests that need it are skipped without."""
    folder = Path(os.environ.get("WEAM_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no research data in {folder}; set WEAM_DATA")
    return folder

"""Small models of every objective, and a batch of six pairs whose links are known."""

import pytest
import torch

from data_collator_weam import DataCollatorForWordExchange
from tests.conftest import config_of, small_tokenizer
from weam.families import FAMILIES
from weam.pretraining.objectives import OBJECTIVES
from weam.pretraining.objectives.systems import WordAlignment
from weam.pretraining.objectives.words import EmbeddingAlignment

CLS, SEP = 2, 3


def of(*names):
    """Return the models of some objectives, of every family."""
    return [OBJECTIVES[name].model_class(family) for name in names for family in FAMILIES.values()]


TEXTS = [  # "cats" and "katzen" are of two tokens each
    ("the cats sees a dog", "die katzen sieht ein hund nicht", [(0, 0), (1, 1), (2, 2), (3, 3), (5, 4)]),
    ("dog eats", "hund nicht isst", [(0, 0), (1, 2)]),
    ("a red house", "ein rotes haus .", [(2, 2), (0, 0), (1, 1)]),
    ("cats", "katzen", [(0, 1)]),  # from within a word to the end of one
    ("cats", "katzen", [(1, 0)]),  # from the end of a word into one
    ("the house ?", "haus", []),
]


def pair(tokenizer, number):
    """Encode one of the texts."""
    source, target, links = TEXTS[number]
    sides = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in (source, target)]
    return {"id": number + 7, "source_ids": sides[0], "target_ids": sides[1], "links": [list(link) for link in links]}


@pytest.fixture(scope="module")
def pairs(tokenizer):
    return [pair(tokenizer, number) for number in range(len(TEXTS))]


@pytest.fixture(scope="module")
def collator(tokenizer):
    return DataCollatorForWordExchange(tokenizer, mlm_probability=0.4, max_length=32, seed=3, return_sequence_ids=True)


@pytest.fixture
def batch(collator, pairs):
    batch = collator(pairs)
    assert (batch["labels"] != -100).sum() > 8
    assert (batch["input_ids"] == 4).any()
    return batch


DROPOUTS = {
    **dict.fromkeys(("bert", "xlm-roberta", "deberta-v2"), ("hidden_dropout_prob", "attention_probs_dropout_prob")),
    "modernbert": ("embedding_dropout", "mlp_dropout", "attention_dropout"),
}


def new_model(kind, dropout=0.1, **changes):
    """Draw a model; each of a kind is the same."""
    torch.manual_seed(0)
    family = kind.config_class.model_type
    model = kind(config_of(family, initializer_range=0.2, **dict.fromkeys(DROPOUTS[family], dropout), **changes))
    if isinstance(model, WordAlignment):
        model.freeze_reference(small_tokenizer())
    if isinstance(model, EmbeddingAlignment):
        model.dictionary = torch.tensor([[10, 20], [11, 21]])
    return model.eval()


def stock_encoder(encoder):
    """Copy an encoder into the stock class."""
    stock_class = type(encoder).__bases__[-1]
    assert stock_class.__module__.startswith("transformers.models.")
    stock = stock_class(encoder.config, **FAMILIES[encoder.config.model_type].encoder_options)
    stock.load_state_dict(encoder.state_dict())
    return stock.eval()


@torch.no_grad()
def encode(encoder, ids):
    """Return the vectors of one unmasked sentence, encoded by itself with the stock class: (1 + tokens + 1, H)."""
    return stock_encoder(encoder)(torch.tensor([[CLS, *ids, SEP]])).last_hidden_state[0]


def masked_tokens(batch):
    return (batch["labels"] != -100).sum()

"""The card of a pushed model, as a whole."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from tests.conftest import small_tokenizer
from weam.model_card import write_model_card

NAME = "someone/weam-tiny"
SCORES = {
    "language_pair": "en-de",
    "pairs": 200,
    "multilingual_loss": 3.456,
    "cross_lingual_loss": 4.0,
    "retrieval_source_to_target": 0.5,
    "retrieval_target_to_source": 0.25,
    "gold_sentences": 0,
    "alignment_error_rate": None,
}
BETTER = {"multilingual_loss": 2.0, "cross_lingual_loss": 1.994, "retrieval_source_to_target": 1.0}
GOLD = {"gold_sentences": 10, "alignment_error_rate": 0.3333}
CHINESE = {**SCORES, "language_pair": "en-zh", **GOLD}
RESULTS = {
    "base_model": "google-bert/bert-base-multilingual-cased",
    "command": "run_pretraining.py recipes/paper.yaml --push_to_hub",
    "data": [
        {"language_pair": "en-de", "read": 1300, "kept": 1234, "dropped": {"duplicate": 66}},
        {"language_pair": "en-zh", "read": 99, "kept": 99, "dropped": {}},
    ],
    "date": "2026-01-31",
    "before": [SCORES, CHINESE],
    "after": [{**SCORES, **BETTER}, {**CHINESE, **BETTER, "alignment_error_rate": 0.25}],
    "steps": 1500,
    "tokens": 2000000,
    "versions": {"python": "3.11.7", "torch": "2.13.0"},
}
CARD = """---
base_model: google-bert/bert-base-multilingual-cased
language:
- de
- en
- zh
library_name: transformers
pipeline_tag: fill-mask
tags:
- weam
- multilingual
- word-alignment
- bert
---

# weam-tiny

google-bert/bert-base-multilingual-cased aligned across de, en, zh with WEAM, the Word-Exchange Aligning Model \
([Yang et al. 2021](https://arxiv.org/abs/2106.01732)):
pre-training went on over translated sentence pairs, and each masked word was predicted from its own context and through
its aligned word in the other language.

## Use

```python
from transformers import AutoModel, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("someone/weam-tiny")
model = AutoModel.from_pretrained("someone/weam-tiny")  # a stock BERT encoder, no remote code needed
```

With `trust_remote_code=True`, `AutoModel` also has `align_words(tokenizer, sources, targets)` and
`AutoModelForPreTraining` goes on with this training.

## Held-out pairs, before and after

Losses in nats per token; retrieval is the share of sentences whose translation is the nearest of the held-out ones,
mean of both directions; AER is the alignment error rate of `align_words` on hand-aligned sentences.

| pair | | multilingual loss | cross-lingual loss | retrieval, % | AER, % |
|---|---|---|---|---|---|
| en-de | before | 3.46 | 4.00 | 37.5 | not measured |
| en-de | after | 2.00 | 1.99 | 62.5 | not measured |
| en-zh | before | 3.46 | 4.00 | 37.5 | 33.3 |
| en-zh | after | 2.00 | 1.99 | 62.5 | 25.0 |

## Training

1,500 steps, 2,000,000 pieces (padding not counted). Sentence pairs: en-de 1,234; en-zh 99.

```
run_pretraining.py recipes/paper.yaml --push_to_hub
```

Versions: python 3.11.7, torch 2.13.0. Measured 2026-01-31.

## Limits

The figures above are measured on held-out pairs of the training text, not on downstream tasks.
"""


def write_card(folder: Path, repository: str | None = NAME, **changes: object) -> str:
    """Write the card of RESULTS, some of them changed, and return it."""
    (folder / "results.json").write_text(json.dumps({**RESULTS, **changes}), encoding="utf-8")
    write_model_card(folder, repository)
    return (folder / "README.md").read_text(encoding="utf-8")


def metadata(card: str) -> dict[str, Any]:
    """Return what the Hub reads of a card."""
    return ModelCard(card).data.to_dict()


def test_whole_card(tmp_path):
    assert write_card(tmp_path) == CARD


def test_front_matter_loads_with_the_hub_client(tmp_path):
    write_card(tmp_path)
    assert ModelCard.load(tmp_path / "README.md").data.to_dict() == {
        "base_model": "google-bert/bert-base-multilingual-cased",
        "language": ["de", "en", "zh"],
        "library_name": "transformers",
        "pipeline_tag": "fill-mask",
        "tags": ["weam", "multilingual", "word-alignment", "bert"],
    }


def test_snippets_run_offline(tmp_path, model, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    model.save_pretrained(tmp_path)
    small_tokenizer().save_pretrained(tmp_path)
    snippets = re.findall(r"```python\n(.*?)```", write_card(tmp_path), re.DOTALL)
    names: dict[str, Any] = {}
    for snippet in snippets:
        exec(snippet.replace(NAME, str(tmp_path)), names)
    assert len(snippets) == 1
    assert type(names["model"]).__name__ == "BertModel"
    assert names["tokenizer"].tokenize("the cat") == ["the", "cat"]


def test_without_a_repository_the_card_has_the_name_of_the_folder(tmp_path):
    folder = tmp_path / "weam-local"
    folder.mkdir()
    card = write_card(folder, repository=None)
    assert "\n# weam-local\n" in card and 'from_pretrained("weam-local")' in card


@pytest.mark.parametrize("name", ["google-bert/bert-base-multilingual-cased", "bert-base-multilingual-cased"])
def test_a_name_on_the_hub_is_metadata(tmp_path, name):
    card = write_card(tmp_path, base_model=name)
    assert metadata(card)["base_model"] == name
    assert f"\n{name} aligned across " in card


@pytest.mark.parametrize(
    "name", ["models/backbone", "backbone", "./backbone", "models/old/backbone/", "{here}/backbone"]
)
def test_a_folder_is_shown_by_its_last_name_and_is_no_metadata(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    folder = Path(name.format(here=tmp_path))
    folder.mkdir(parents=True)
    card = write_card(tmp_path, base_model=name.format(here=tmp_path))
    assert "base_model" not in metadata(card)
    assert "\nbackbone aligned across " in card and str(tmp_path) not in card


def test_a_folder_that_has_gone_is_no_metadata_either(tmp_path):
    assert "base_model" not in metadata(write_card(tmp_path, base_model="/abs/path/backbone"))


def test_a_model_from_scratch_has_no_base(tmp_path):
    card = write_card(tmp_path, base_model=None)
    assert "base_model" not in metadata(card)
    assert "\nA BERT trained from scratch, aligned across de, en, zh with WEAM" in card

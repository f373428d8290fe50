"""The cards of pushed models, as a whole: encoders and fine-tuned models, with baselines and without."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from huggingface_hub import EvalResultEntry, ModelCard, parse_eval_result_entries
from transformers import (
    AutoModelForMultipleChoice,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)

from tests.conftest import small_config, small_tokenizer
from tests.support.results import MBERT, base_evaluation, evaluation, pretraining
from weam.cards.card import gather, main, make_card, write_card, write_model_card
from weam.pretraining.objectives import OBJECTIVES
from weam.results import Comparison, Results, write_results

NAME = "someone/weam-tiny"


def card(*results: Results, baseline: tuple[Results, ...] = ()) -> str:
    """Return the text of a card."""
    return str(make_card(gather(results, baseline), NAME))


def body(text: str) -> str:
    """Return a card without its front matter."""
    return text.split("---\n", 2)[2]


def section(text: str, title: str) -> str:
    """Return one section of a card without its heading."""
    return text.split(f"\n## {title}\n\n")[1].split("\n## ")[0].strip()


PRETRAINING_CARD = """---
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
model-index:
- name: weam-tiny
  results:
  - task:
      type: fill-mask
    dataset:
      name: held-out pairs en-de
      type: held-out
      config: en-de
    metrics:
    - type: multilingual_loss
      value: 2.0
      name: multilingual loss
    - type: cross_lingual_loss
      value: 1.994
      name: cross lingual loss
    - type: retrieval_source_to_target
      value: 1.0
      name: retrieval source to target
    - type: retrieval_target_to_source
      value: 0.25
      name: retrieval target to source
  - task:
      type: fill-mask
    dataset:
      name: held-out pairs en-zh
      type: held-out
      config: en-zh
    metrics:
    - type: multilingual_loss
      value: 2.0
      name: multilingual loss
    - type: cross_lingual_loss
      value: 1.994
      name: cross lingual loss
    - type: retrieval_source_to_target
      value: 1.0
      name: retrieval source to target
    - type: retrieval_target_to_source
      value: 0.25
      name: retrieval target to source
    - type: alignment_error_rate
      value: 0.25
      name: alignment error rate
---

# weam-tiny

google-bert/bert-base-multilingual-cased aligned across de, en, zh with WEAM, the Word-Exchange Aligning Model \
([Yang et al. 2021](https://arxiv.org/abs/2106.01732)):
pre-training went on over translated sentence pairs, and each masked word was predicted from its own context and \
through
its aligned word in the other language.

## Use

```python
from transformers import AutoModel, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("someone/weam-tiny")
model = AutoModel.from_pretrained("someone/weam-tiny")  # the stock encoder, no remote code needed
```

With `trust_remote_code=True`, `AutoModel` also has `align_words(tokenizer, sources, targets)` and
`AutoModelForPreTraining` is the model with WEAM's losses.

A head that you fine-tune on it is a stock model, but its config still names this code, which is not saved with it.
Say `del model.config.auto_map` before you save or push such a model; the programs of WEAM do.

## Held-out pairs, before and after

Losses in nats per token; retrieval is the share of sentences whose translation is the nearest of the held-out ones,
mean of both directions; AER is the alignment error rate of `align_words` on hand-aligned sentences.

| pair |  | multilingual loss | cross-lingual loss | retrieval, % | AER, % |
| --- | --- | --- | --- | --- | --- |
| en-de | before | 3.46 | 4.00 | 37.5 | not measured |
| en-de | after | 2.00 | 1.99 | 62.5 | not measured |
| en-zh | before | 3.46 | 4.00 | 37.5 | 33.3 |
| en-zh | after | 2.00 | 1.99 | 62.5 | 25.0 |

## Data

In `code`: hashes of the examples, in their order.

- en-de: 1,234 of 1,300 sentence pairs kept (dropped: 66 duplicate)
- en-zh: 99 of 99 sentence pairs kept
- en-de: 200 held-out pairs (`1111111111111111`)
- en-zh: 200 held-out pairs (`1111111111111111`)
- en-zh: 10 hand-aligned sentences (`2222222222222222`)
- read from files; the licence of the text is its owners' to state

## Training

- model: objective weam, exchange representation, cross_lingual_weight 1.0
- alignment: aligner fast_align
- training: learning_rate 5e-05, seed 42
- one training, seed 42: 1,500 steps, 2,000,000 tokens (padding not counted), 1.50 hours

```
run_pretraining.py recipes/paper.yaml --push_to_hub
```

Versions: python 3.11.7, torch 2.13.0. Measured 2026-01-31.

## Limits

- The figures above are measured on held-out pairs of the training text, not on downstream tasks.
- The model reads a limited number of tokens at once; longer input is cut, or must be read in windows.
"""

EVALUATION_CARD = """---
datasets:
- facebook/xnli
language:
- de
- en
library_name: transformers
metrics:
- accuracy
pipeline_tag: text-classification
tags:
- weam
- multilingual
- cross-lingual-transfer
- xnli
model-index:
- name: weam-tiny
  results:
  - task:
      type: text-classification
    dataset:
      name: XNLI en
      type: facebook/xnli
      config: en
      split: test
    metrics:
    - type: accuracy
      value: 0.75
      name: accuracy, zero-shot
  - task:
      type: text-classification
    dataset:
      name: XNLI de
      type: facebook/xnli
      config: de
      split: test
    metrics:
    - type: accuracy
      value: 0.41666666666666663
      name: accuracy, zero-shot
---

# weam-tiny

aligned fine-tuned for XNLI in English (zero-shot).

Tested in de, en. Inherited from aligned, without examples of this task: de.

## Use

```python
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

tokenizer = AutoTokenizer.from_pretrained("someone/weam-tiny")
model = AutoModelForSequenceClassification.from_pretrained("someone/weam-tiny")
classify = pipeline("text-classification", model=model, tokenizer=tokenizer)
print(classify({"text": "She sings in the garden.", "text_pair": "Somebody sings."}))
```

The weights are those of the seed that is best on dev.

## XNLI, zero-shot

In percent, mean ± standard deviation over 2 seeds. base had the same settings and the same examples. The \
difference is this model's figure less that of base; in brackets its 95 % interval (paired bootstrap).

| language | n | accuracy | base | difference |
| --- | --- | --- | --- | --- |
| en | 5,010 | 75.0 ± 7.1 | 65.0 ± 7.1 | +10.0 [+5.0, +15.0] |
| de | 5,010 | 41.7 ± 11.8 | 41.7 ± 11.8 | +0.0 |
| mean | 10,020 | 58.3 ± 2.4 | 53.3 ± 9.4 | +5.0 |

## Data

In `code`: hashes of the examples, in their order.

- train: en 20,000 (`cccccccccccccccc`)
- dev: en 2,490 (`dddddddddddddddd`)
- test: en 5,010 (`en tests`), de 5,010 (`de tests`)
- licence of XNLI: CC BY-NC 4.0

## Training

- transfer: setting zero-shot, seeds 1 2, max_train_samples 20000
- task: benchmark xnli, max_length 128
- training: learning_rate 2e-05
- 2 trainings, seed 1 and 2: 625 steps, 2,000,000 tokens (padding not counted), 1.00 hours

```
run_xnli.py --model_name_or_path /abs/aligned --output_dir out
run_xnli.py --model_name_or_path /abs/base --output_dir out
```

Versions: python 3.11.7, torch 2.13.0. Measured 2026-01-31.

## Limits

- XNLI: the training set was reduced to 20,000 examples of a language; figures of trainings on the whole of it are \
not comparable.
- XNLI may be used for non-commercial purposes only (CC BY-NC 4.0).
- The model reads a limited number of tokens at once; longer input is cut, or must be read in windows.
"""


def test_links_from_a_file_are_not_called_those_of_our_aligner() -> None:
    results = pretraining()
    results.settings["alignment"]["alignments"] = ["en-de=links.txt"]
    text = str(make_card(gather([results]), NAME))
    assert "- alignment: links from a file, unit word" in text and "fast_align" not in text


def test_the_whole_card_of_a_pretrained_encoder():
    assert card(pretraining()) == PRETRAINING_CARD


def test_the_whole_card_of_a_fine_tuned_model_beside_its_baseline():
    ours = replace(
        evaluation(max_train_samples=20000),
        comparisons=[Comparison(0.1, 0.05, 0.15, "xnli", "en", "accuracy", "/abs/base")],
    )
    assert card(ours, baseline=(base_evaluation(max_train_samples=20000),)) == EVALUATION_CARD


# What the Hub reads


def test_the_hub_reads_every_language_and_metric_as_it_was_measured(tmp_path):
    values = {("en", 1): 0.1 + 0.2, ("en", 2): 0.7, ("th", 1): 1 / 3, ("th", 2): 2 / 3}
    results = evaluation(MBERT, values, "xquad", ("exact_match", "f1"))
    path = tmp_path / "README.md"
    make_card(gather([results]), NAME).save(path)
    read = ModelCard.load(path).data
    assert [(x.dataset_type, x.dataset_config, x.metric_type, x.metric_value) for x in read.eval_results] == [
        ("google/xquad", "xquad.en", "exact_match", (0.1 + 0.2 + 0.7) / 2),
        ("google/xquad", "xquad.en", "f1", (0.1 + 0.2 + 0.7) / 2),
        ("google/xquad", "xquad.th", "exact_match", 0.5),
        ("google/xquad", "xquad.th", "f1", 0.5),
    ]
    assert {x.task_type for x in read.eval_results} == {"question-answering"}
    assert {x.verified for x in read.eval_results} == {None}
    assert (read.model_name, read.base_model, read.language) == ("weam-tiny", MBERT, ["en", "th"])
    assert (read.datasets, read.metrics) == (["google/xquad", "rajpurkar/squad"], ["exact_match", "f1"])
    assert (read.pipeline_tag, read.library_name, read.license) == ("question-answering", "transformers", None)


def test_benchmarks_of_one_data_set_do_not_merge():
    runs = [evaluation(values={("de", 1): value}, benchmark=name) for name, value in (("udpos", 0.5), ("panx", 0.75))]
    results = ModelCard(card(pretraining(), *runs)).data.eval_results[-2:]
    assert [(x.dataset_type, x.dataset_config, x.dataset_name, x.metric_value) for x in results] == [
        ("google/xtreme", "udpos.German", "UDPOS de", 0.5),
        ("google/xtreme", "PAN-X.de", "PAN-X (WikiANN) de", 0.75),
    ]


def test_examples_from_files_are_no_data_set_of_the_hub():
    for files in ({"data_dir": "/abs/data"}, {"test_file": ["en=/abs/test.jsonl"]}):
        text = card(evaluation(**files))
        data = ModelCard(text).data
        assert data.datasets is None
        assert {(x.dataset_type, x.dataset_config, x.dataset_split) for x in data.eval_results} == {
            ("xnli", None, None)
        }
        assert "- read from local files; " in text
        assert "/abs/data" not in text and "/abs/test" not in text


def test_bitext_of_the_hub_is_a_data_set():
    results = pretraining()
    bitext = {**results.settings["bitext"], "dataset_name": "Helsinki-NLP/opus-100"}
    text = card(replace(results, settings={**results.settings, "bitext": bitext}))
    assert ModelCard(text).data.datasets == ["Helsinki-NLP/opus-100"]
    assert ModelCard(text).data.eval_results[0].dataset_type == "Helsinki-NLP/opus-100"
    assert "read from the Hub data set Helsinki-NLP/opus-100; " in text


def leaderboard_entries(folder: Path) -> dict[str, list[EvalResultEntry]]:
    """Read back what is beside a card, by file."""
    return {
        path.name: parse_eval_result_entries(yaml.safe_load(path.read_text(encoding="utf-8")))
        for path in (folder / ".eval_results").glob("*")
    }


def test_leaderboards_of_the_hub_get_the_metric_of_each_benchmark(tmp_path):
    """Written and read back by the client's own functions; a figure for each language, of the mean over seeds."""
    values = {("de-en", 1): 0.75}
    runs = [pretraining(), evaluation(), evaluation(values=values, benchmark="mlqa", metrics=("exact_match", "f1"))]
    write_card(gather(runs), NAME, tmp_path / "README.md")
    day = {"date": "2026-01-31"}
    both = {**day, "notes": "accuracy, zero-shot, mean over 2 seeds"}
    assert leaderboard_entries(tmp_path) == {
        "xnli.yaml": [
            EvalResultEntry("facebook/xnli", "en", 0.75, **both),
            EvalResultEntry("facebook/xnli", "de", 0.41666666666666663, **both),
        ],
        "mlqa.yaml": [EvalResultEntry("facebook/mlqa", "mlqa.de.en", 0.75, **day, notes="f1, zero-shot, one seed")],
    }


@pytest.mark.parametrize(
    ("benchmark", "settings"),
    [
        ("xnli", {"data_dir": "/abs/data"}),
        ("xnli", {"test_file": ["en=/abs/test.jsonl"]}),
        ("xnli", {"max_test_samples": 100}),
        ("mlqa-dev", {}),
    ],
)
def test_no_leaderboard_gets_what_is_not_measured_on_the_test_set_of_the_hub(benchmark, settings, tmp_path):
    write_card(gather([evaluation(benchmark=benchmark, **settings)]), NAME, tmp_path / "README.md")
    assert leaderboard_entries(tmp_path) == {}


# Names


@pytest.mark.parametrize("name", [MBERT, "bert-base-multilingual-cased"])
def test_a_name_on_the_hub_is_metadata(name):
    text = card(pretraining(name))
    assert ModelCard(text).data.base_model == name
    assert f"\n{name} aligned across " in text


@pytest.mark.parametrize("name", ["models/backbone", "backbone", "./backbone", "models/old/backbone/", "{}/backbone"])
def test_a_folder_is_shown_by_its_last_name_and_is_no_metadata(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    folder = Path(name.format(tmp_path))
    folder.mkdir(parents=True)
    text = card(pretraining(str(folder)))
    assert ModelCard(text).data.base_model is None
    assert "\nbackbone aligned across " in text and str(tmp_path) not in text


def test_a_folder_that_has_gone_is_no_metadata_either():
    assert ModelCard(card(pretraining("/abs/path/backbone"))).data.base_model is None


def test_a_model_from_scratch_has_no_base():
    text = card(pretraining(None))
    assert ModelCard(text).data.base_model is None
    assert "\nA model trained from scratch, aligned across de, en, zh with WEAM" in text


def test_without_a_repository_the_card_has_the_name_of_the_folder(tmp_path):
    folder = tmp_path / "weam-local"
    folder.mkdir()
    write_results(pretraining(), folder)
    write_model_card(folder)
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert "\n# weam-local\n" in text and 'from_pretrained("weam-local")' in text


def test_translation_language_modelling_is_called_so():
    assert "\nbase trained further across de, en, zh by translation language modelling" in card(
        pretraining("/abs/base", cross_lingual_weight=0.0)
    )


INTRODUCED = {  # words that stand in the card of one objective only
    "mlm": "each masked word was\npredicted from its own sentence.",
    "word-alignment": "Cao, Kitaev and Klein",
    "translation-ranking": "LaBSE, Feng et al. 2022",
    "simcse": "SimCSE, Gao et al. 2021",
    "tlm": "trained further across de, en, zh by translation language modelling",
    "weam-ranking": "aligned word in the other language; each sentence had to find\nits translation",
    "weam-apart": "aligned word in the other language; the two sentences\nof a pair were encoded apart.",
    "word-contrastive": "each word had to\nfind its aligned word among those of the step ([Wu and Dredze 2020]",
    "weam-contrastive": "aligned word in the other language; each word had to find\nits aligned word among",
    "weam-contrastive-ranking": "its aligned word, and each sentence its translation",
    "pointer": "XLM-Align, Chi et al. 2021",
    "weam-pointer": "aligned word in the other language; each masked word had to\npoint at its aligned word",
    "embedding-alignment": "ALIGN-MLM, Deshpande et al. 2022",
}


def test_the_reading_of_the_exchange_is_told():
    texts = [card(pretraining("/abs/base", exchange=exchange)) for exchange in ("target", "representation")]
    told = ["predicted\nthat word and its aligned word in the other", "through\nits aligned word in the other"]
    assert [[words in text for words in told] for text in texts] == [[True, False], [False, True]]


def test_an_average_with_the_start_is_told():
    told = "The weights are an average: 0.75 of the trained ones and 0.25 of those before."
    assert [told in card(pretraining("/abs/base", start_share=share)) for share in (0.25, 0.0)] == [True, False]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_is_introduced_by_its_own_words(objective):
    introduction = card(pretraining("/abs/base", objective=objective)).split("\n## Use\n")[0]
    assert [name for name, words in INTRODUCED.items() if words in introduction] == [objective] * (objective != "weam")
    is_ours = objective.startswith("weam")
    assert ("\nbase aligned across de, en, zh with WEAM, " in introduction) == is_ours
    assert ("\nbase trained further " in introduction) != is_ours


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_card_promises_code_and_a_head_only_where_they_are(objective):
    text = card(pretraining(objective=objective))
    system = OBJECTIVES[objective]
    assert ("trust_remote_code" in text) == (system.auto_class is None)
    task = "fill-mask" if system.predicts else "feature-extraction"
    read = ModelCard(text).data
    assert {read.pipeline_tag, *(x.task_type for x in read.eval_results)} == {task}


def test_losses_that_a_model_does_not_have_are_left_empty():
    results = pretraining(objective="simcse")
    measured = [m for m in results.measurements if not m.metric.endswith("_loss")]
    text = card(replace(results, measurements=measured))
    assert "| en-de | after |  |  | 62.5 | not measured |" in section(text, "Held-out pairs, before and after")
    assert "- en-de: 200 held-out pairs (`1111111111111111`)" in section(text, "Data")
    assert {x.metric_type for x in ModelCard(text).data.eval_results} == {
        "retrieval_source_to_target",
        "retrieval_target_to_source",
        "alignment_error_rate",
    }


# Encoders with evaluations


def test_an_encoder_shows_its_evaluations_beside_those_of_its_base():
    text = card(pretraining("/abs/base"), evaluation(), baseline=(base_evaluation(),))
    assert section(text, "XNLI, zero-shot").splitlines()[2:] == [
        "| language | n | accuracy | base | difference |",
        "| --- | --- | --- | --- | --- |",
        "| en | 5,010 | 75.0 ± 7.1 | 65.0 ± 7.1 | +10.0 |",
        "| de | 5,010 | 41.7 ± 11.8 | 41.7 ± 11.8 | +0.0 |",
        "| mean | 10,020 | 58.3 ± 2.4 | 53.3 ± 9.4 | +5.0 |",
    ]
    assert "| en-de | after | 2.00 | 1.99 | 62.5 | not measured |" in text
    assert "### Pre-training\n" in text and "### XNLI, zero-shot\n" in text
    assert "not on downstream tasks" not in text
    assert ModelCard(text).data.pipeline_tag == "fill-mask"


def test_languages_that_were_not_aligned_are_called_inherited():
    values = {("sw", 1): 0.5, ("de", 1): 0.5, ("ar", 1): 0.5}
    text = card(pretraining(), evaluation(values=values))
    assert f"Tested as well, but not aligned here, inherited from {MBERT}: ar, sw.\n" in text
    assert ModelCard(text).data.language == ["ar", "de", "en", "sw", "zh"]


def test_a_baseline_of_the_pretraining_stands_below_ours():
    other = pretraining("/abs/other")
    text = section(card(pretraining(), baseline=(other,)), "Held-out pairs, before and after")
    assert [line.split(" | ")[1] for line in text.splitlines() if line.startswith("| en-zh")] == [
        "before",
        "after",
        "other, after",
    ]


# Fine-tuned models


def test_mlqa_shows_one_language_with_both_metrics_and_f1_of_every_pair():
    ours = {("en-en", 1): 0.8, ("en-de", 1): 0.6, ("de-en", 1): 0.5, ("de-de", 1): 0.7}
    theirs = {pair: value - 0.1 for pair, value in ours.items()}
    runs = [
        evaluation(name, values, "mlqa", ("exact_match", "f1")) for name, values in (("a/b", ours), ("c/d", theirs))
    ]
    interval = Comparison(0.1, 0.05, 0.15, "mlqa", "mean", "f1", "c/d")
    text = section(card(replace(runs[0], comparisons=[interval]), baseline=(runs[1],)), "MLQA, zero-shot")
    assert text.endswith("Mean over all pairs: exact match 65.0 (+10.0), f1 65.0 (+10.0 [+5.0, +15.0]).")
    tables = [[line for line in part.splitlines() if line.startswith("|")] for part in text.split("\n\n")]
    assert [lines for lines in tables if lines] == [
        [
            "| language | n | exact match | c/d | difference | f1 | c/d | difference |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
            "| en | 5,010 | 80.0 | 70.0 | +10.0 | 80.0 | 70.0 | +10.0 |",
            "| de | 5,010 | 70.0 | 60.0 | +10.0 | 70.0 | 60.0 | +10.0 |",
            "| mean | 10,020 | 75.0 | 65.0 | +10.0 | 75.0 | 65.0 | +10.0 |",
        ],
        [
            "| context | en | de |",
            "| --- | --- | --- |",
            "| en | 80.0 (+10.0) | 60.0 (+10.0) |",
            "| de | 50.0 (+10.0) | 70.0 (+10.0) |",
        ],
    ]


def test_a_comparison_without_the_baseline_file_shows_the_difference_alone():
    comparisons = [Comparison(-0.1, -0.2, 0.0123, "xnli", "de", "accuracy", "/abs/base")]
    text = section(card(replace(evaluation(), comparisons=comparisons)), "XNLI, zero-shot")
    assert text.startswith("In percent, mean ± standard deviation over 2 seeds. The difference is ")
    assert text.splitlines()[2] == "| language | n | accuracy | difference |"
    assert "| en | 5,010 | 75.0 ± 7.1 |  |\n| de | 5,010 | 41.7 ± 11.8 | -10.0 [-20.0, +1.2] |" in text


def test_the_limits_are_those_of_the_run():
    text = section(card(evaluation(values={("en", 1): 0.5}, max_test_samples=100)), "Limits")
    assert text.splitlines() == [
        "- XNLI: tested on 100 examples of a language at most.",
        "- XNLI: one seed, so nothing is known of the spread over seeds.",
        "- XNLI may be used for non-commercial purposes only (CC BY-NC 4.0).",
        "- The model reads a limited number of tokens at once; longer input is cut, or must be read in windows.",
    ]


def test_a_limit_that_left_all_training_examples_is_no_reduction():
    assert "reduced" in card(evaluation(max_train_samples=20000))
    assert "reduced" not in card(evaluation(max_train_samples=20001))


def test_what_a_task_reports_of_its_examples_is_shown():
    results = evaluation(benchmark="xquad")
    report = {"split": "train", "language": "en", "answers outside every window": 3, "of": 100}
    text = section(card(replace(results, data=[*results.data, report])), "Data")
    assert "\n- train en: answers outside every window 3, of 100\n" in text


def test_a_checkpoint_tested_as_it_is():
    results = evaluation("/abs/tuned", setting="test-only", data_dir="/abs/data")
    untrained = [replace(measurement, steps=0) for measurement in results.measurements[::2]]
    text = card(replace(results, measurements=untrained))
    assert 'from_pretrained("tuned")' in text  # the run leaves no weights
    assert "\ntuned tested on XNLI as it is.\n\nTested in de, en.\n" in text
    assert section(text, "XNLI").startswith("In percent.\n")


# Refusals


def test_other_settings_are_refused_by_name():
    with pytest.raises(
        ValueError, match=r"baseline base was measured with other settings .*transfer.seeds: \[3\], not"
    ):
        card(evaluation(), baseline=(base_evaluation(seeds=[3]),))
    slower = base_evaluation(max_train_samples=10)
    slower.settings["training"]["learning_rate"] = 1e-5
    with pytest.raises(ValueError, match=r"max_train_samples: 10, not None; training.learning_rate: 1e-05, not 2e-05"):
        card(evaluation(), baseline=(slower,))


@pytest.mark.parametrize("place", ["data", "measurements"])
def test_other_examples_are_refused_by_name(place):
    other = base_evaluation()
    if place == "data":
        other.data[0]["fingerprint"] = "eeee"
    else:
        changed = [replace(x, data_fingerprint="eeee") if x.language == "de" else x for x in other.measurements]
        other = replace(other, measurements=changed)
    name = {"data": "train en: eeee, not cccccccccccccccc", "measurements": "xnli de: eeee, not de tests"}[place]
    with pytest.raises(ValueError, match=rf"other examples \({name}\); measure both alike"):
        card(evaluation(), baseline=(other,))


def test_where_files_lie_and_which_checkpoint_it_is_makes_no_difference():
    ours, other = evaluation(data_dir="/abs/here"), base_evaluation(data_dir="/abs/there", compare_with="x.json")
    assert "| +10.0 |" in card(ours, baseline=(other,))


def test_settings_that_an_earlier_version_called_otherwise_are_the_same():
    run, baseline = pretraining("/abs/one"), pretraining("/abs/two", head_warmup_learning_rate=0.001)
    for results, unit in ((run, "subword"), (baseline, "piece")):
        results.settings["alignment"].update(alignments=["en-de=links.txt"], alignments_unit=unit)
    assert "| two, after |" in card(run, baseline=(baseline,))


def test_a_layer_chosen_on_dev_may_be_another_one():
    values = {("de", 1): 0.5, ("zh", 1): 0.5}
    ours, other = (evaluation(name, values, "tatoeba") for name in ("/abs/aligned", "/abs/base"))
    for results, layer in ((ours, 8), (other, 7)):
        del results.data[:2]  # nothing is trained or selected on
        results.settings["task"].update({"layer": layer, "dev accuracy by layer": [0.1 * layer]})
    assert "| +0.0 |" in card(ours, baseline=(other,))
    for results in (ours, other):
        results.settings["task"]["dev accuracy by layer"] = []
    with pytest.raises(ValueError, match="task.layer: 7, not 8"):
        card(ours, baseline=(other,))


@pytest.mark.parametrize(
    ("results", "baseline", "message"),
    [
        ([evaluation(), evaluation()], [], "0 pre-trainings and 2 evaluations; a card is written from one evaluation"),
        ([pretraining(), pretraining()], [], "2 pre-trainings and 0 evaluations"),
        ([pretraining(), evaluation("a/b"), evaluation("c/d")], [], "of several checkpoints: a/b, c/d; give those of"),
        ([pretraining(), evaluation(MBERT)], [], "is what the pre-training began with, .* as a baseline"),
        ([pretraining()], [base_evaluation()], "the baseline run_xnli xnli zero-shot of base has nothing to stand"),
        ([evaluation()], [base_evaluation(setting="translate-train")], "results are run_xnli xnli zero-shot"),
        ([evaluation()], [base_evaluation(), base_evaluation()], "2 baselines for run_xnli xnli zero-shot; give one"),
    ],
)
def test_runs_that_do_not_belong_together_are_refused(results, baseline, message):
    with pytest.raises(ValueError, match=message):
        gather(results, baseline)


# The snippets run

CLASSES = {
    "xnli": AutoModelForSequenceClassification,
    "udpos": AutoModelForTokenClassification,
    "xquad": AutoModelForQuestionAnswering,
    "xcopa": AutoModelForMultipleChoice,
}


def run_snippet(text: str, folder: Path) -> dict[str, Any]:
    """Run the one snippet of a card with a folder in the place of the repository; return its names."""
    (snippet,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {}
    exec(snippet.replace(NAME, str(folder)), names)
    return names


def save_headed(benchmark: str, folder: Path) -> None:
    """Save a small model with the head of a benchmark."""
    torch.manual_seed(0)
    CLASSES[benchmark].from_config(small_config()).save_pretrained(folder)
    small_tokenizer().save_pretrained(folder)


def test_the_snippet_of_an_encoder_runs_offline(tmp_path, model, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    model.save_pretrained(tmp_path)
    small_tokenizer().save_pretrained(tmp_path)
    names = run_snippet(card(pretraining()), tmp_path)
    assert type(names["model"]).__name__ == "BertModel"
    assert names["tokenizer"].tokenize("the cat") == ["the", "cat"]


@pytest.mark.parametrize("benchmark", CLASSES)
def test_the_snippets_of_fine_tuned_models_run_offline(tmp_path, monkeypatch, capsys, benchmark):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    save_headed(benchmark, tmp_path)
    run_snippet(card(evaluation(benchmark=benchmark)), tmp_path)
    shown = capsys.readouterr().out
    assert "She" in shown if benchmark == "xcopa" else "LABEL_" in shown or benchmark == "xquad"


def test_models_of_single_languages_are_loaded_from_their_folders(tmp_path):
    results = evaluation(setting="translate-train")
    results.data[0]["language"] = "de"
    text = card(results)
    save_headed("xnli", tmp_path / "de")
    assert run_snippet(text, tmp_path)["classify"].model.num_labels == 2
    assert "There is a model in the folder of each language: de. The weights are those of the seed that is best" in text


# The command


def write(results: Results, folder: Path) -> str:
    """Write results into a folder; return their path."""
    folder.mkdir()
    write_results(results, folder)
    return str(folder / "results.json")


def test_the_command_writes_a_card_with_evaluations_and_baselines(tmp_path):
    results = [write(pretraining("/abs/base"), tmp_path / "a"), write(evaluation(), tmp_path / "b")]
    baseline = write(base_evaluation(), tmp_path / "c")
    output = tmp_path / "README.md"
    main(["--results", *results, "--baseline", baseline, "--repository", NAME, "--output", str(output)])
    expected = card(pretraining("/abs/base"), evaluation(), baseline=(base_evaluation(),))
    assert output.read_text(encoding="utf-8") == expected


def test_the_command_writes_over_a_card_only_if_told_to(tmp_path):
    results, output = write(pretraining(), tmp_path / "a"), tmp_path / "README.md"
    output.write_text("mine")
    with pytest.raises(FileExistsError, match=r"README\.md exists; choose another --output, or .* --overwrite"):
        main(["--results", results, "--output", str(output)])
    assert output.read_text() == "mine"
    leaderboard = tmp_path / ".eval_results" / "xnli.yaml"  # of an evaluation that is no longer shown
    leaderboard.parent.mkdir()
    leaderboard.write_text("earlier")
    main(["--results", results, "--output", str(output), "--overwrite"])
    assert not leaderboard.exists()
    assert f"\n# {tmp_path.name}\n" in output.read_text(encoding="utf-8")


def test_the_command_refuses_another_format(tmp_path):
    (tmp_path / "results.json").write_text('{"format": 1}')
    with pytest.raises(ValueError, match="of results format 1, this version reads 2"):
        main(["--results", str(tmp_path / "results.json"), "--output", str(tmp_path / "README.md")])
    assert not (tmp_path / "README.md").exists()

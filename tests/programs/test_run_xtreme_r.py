"""Tags, names, paraphrases, plausible causes and retrieval through the real command line."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForMultipleChoice, AutoModelForTokenClassification

from modeling_weam import BertForWEAMPreTraining
from tests.conftest import NO_DROPOUT, plant_translations, small_config, small_tokenizer
from tests.support.command_line import Evaluation, check_same_training, make_evaluation, predictions, results
from tests.support.evaluation_data import (
    panx_rows,
    pawsx_rows,
    tagged_sentences,
    write_panx,
    write_pawsx,
    write_tatoeba,
    write_udpos,
    write_xcopa,
    xcopa_rows,
)
from weam.results import read_results
from weam.transfer.tasks.tagging import entity_counts

TRAINING = "--num_train_epochs 3 --per_device_train_batch_size 8 --learning_rate 2e-3".split()
EXACT = "--max_steps 6 --optim sgd --learning_rate 0.1 --lr_scheduler_type constant --logging_steps 1".split()
EXACT += ["--train_sampling_strategy", "sequential"]
UDPOS = "--task udpos --languages en de --max_length 8".split()  # longer sentences take several rows
XCOPA = "--task xcopa --languages it tr --max_length 64".split()
PANX = "--task panx --languages en de --max_length 64".split()
PAWSX = "--task pawsx --languages en de --max_length 64".split()
TATOEBA = "--task tatoeba --languages de".split()


def make(folder: Path, write: Callable[[Path], Path]) -> Evaluation:
    """Make a workspace with a checkpoint without dropout."""
    write(folder / "data")
    return make_evaluation(folder, "run_xtreme_r", initializer_range=0.15, **NO_DROPOUT)


@pytest.fixture(scope="module")
def udpos(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """Tagged sentences."""
    return make(tmp_path_factory.mktemp("udpos"), write_udpos)


@pytest.fixture(scope="module")
def tagger(udpos: Evaluation) -> Path:
    """A tagger, trained on English."""
    return udpos.here("trained", *UDPOS, *TRAINING)


@pytest.fixture(scope="module")
def xcopa(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """Choices of causes and effects."""
    return make(tmp_path_factory.mktemp("xcopa"), write_xcopa)


def measured(folder: Path) -> list[tuple[str, str, str, int]]:
    """Return what was measured on how many examples."""
    found = read_results(folder / "results.json").measurements
    return [(m.benchmark, m.language, m.metric, m.count) for m in found]


def value(folder: Path, language: str) -> float:
    """Return the first figure of a language."""
    return next(m["value"] for m in results(folder)["measurements"] if m["language"] == language)


def test_tags_are_measured_over_words(tagger: Path) -> None:
    assert measured(tagger) == [("udpos", "en", "accuracy", 20), ("udpos", "de", "accuracy", 20)]
    for language in ("en", "de"):
        gold = tagged_sentences("test", language, 20)
        lines = predictions(tagger, "seed-42", f"udpos.{language}")
        pairs = [
            (tag, word[1])
            for line, words in zip(lines, gold, strict=True)
            for tag, word in zip(line["prediction"], words, strict=True)
        ]
        right = sum(tag == expected for tag, expected in pairs)
        assert value(tagger, language) == pytest.approx(right / len(pairs))
    assert value(tagger, "en") > 0.8


def test_the_tagger_loads_with_the_stock_class_and_its_tags(tagger: Path) -> None:
    model, report = AutoModelForTokenClassification.from_pretrained(tagger, output_loading_info=True)
    assert not report["missing_keys"]
    assert [model.config.id2label[number] for number in (0, 7, 16)] == ["ADJ", "NOUN", "X"]


def test_choices_are_measured_and_learnt(xcopa: Evaluation) -> None:
    folder = xcopa.here("trained", *XCOPA, *TRAINING)
    assert measured(folder) == [("xcopa", "it", "accuracy", 20), ("xcopa", "tr", "accuracy", 20)]
    for language in ("it", "tr"):
        gold = [f"choice{row['label'] + 1}" for row in xcopa_rows("test", language, 20)]
        found = [line["prediction"] for line in predictions(folder, "seed-42", f"xcopa.{language}")]
        assert value(folder, language) == sum(map(str.__eq__, found, gold)) / 20
    assert value(folder, "tr") > 0.8  # our "Turkish" is English
    AutoModelForMultipleChoice.from_pretrained(folder)


def test_names_are_measured_by_entity(tmp_path: Path) -> None:
    folder = make(tmp_path, write_panx).here("trained", *PANX, *TRAINING, "--learning_rate", "5e-3")
    assert measured(folder) == [("panx", "en", "f1", 20), ("panx", "de", "f1", 20)]
    lines = predictions(folder, "seed-42", "panx.en")
    gold = [row["ner_tags"] for row in panx_rows("test", "en", 20)]
    counts = [entity_counts(line["prediction"], tags) for line, tags in zip(lines, gold, strict=True)]
    right = sum(count.right for count in counts)
    assert right > 0
    assert value(folder, "en") == pytest.approx(2 * right / sum(count.predicted + count.gold for count in counts))


def test_paraphrases_are_measured(tmp_path: Path) -> None:
    folder = make(tmp_path, write_pawsx).here("trained", *PAWSX, *TRAINING)
    assert measured(folder) == [("pawsx", "en", "accuracy", 20), ("pawsx", "de", "accuracy", 20)]
    gold = [("different", "paraphrase")[row["label"]] for row in pawsx_rows("test", "en", 20)]
    found = [line["prediction"] for line in predictions(folder, "seed-42", "pawsx.en")]
    assert value(folder, "en") == sum(map(str.__eq__, found, gold)) / 20


@pytest.mark.parametrize(("name", "options"), [("udpos", UDPOS), ("xcopa", XCOPA)])
def test_accumulation_changes_nothing(name: str, options: list[str], request: pytest.FixtureRequest) -> None:
    workspace: Evaluation = request.getfixturevalue(name)
    whole = workspace.here("8", *options, *EXACT, "--per_device_train_batch_size", "8")
    shared = ["--per_device_train_batch_size", "1", "--gradient_accumulation_steps", "8"]
    other = workspace.here("1 x 8", *options, *EXACT, *shared)
    check_same_training(whole, other, workspace.folder / "checkpoint")


@pytest.fixture(scope="module")
def tatoeba(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """Translations, and a model that knows some nouns and verbs in both languages."""
    folder = tmp_path_factory.mktemp("tatoeba")
    write_tatoeba(folder / "data")
    workspace = make_evaluation(folder, "run_xtreme_r")
    torch.manual_seed(0)
    model = BertForWEAMPreTraining(small_config())
    plant_translations(model, small_tokenizer())
    model.save_pretrained(folder / "checkpoint")
    return workspace


@pytest.fixture(scope="module")
def retrieved(tatoeba: Evaluation) -> Path:
    """Choose the layer on dev pairs and score."""
    return tatoeba.here("chosen", *TATOEBA, "--dev_file", f"de={tatoeba.folder / 'data/dev.en-de.tsv'}")


def test_the_layer_is_the_one_that_is_best_on_dev(retrieved: Path) -> None:
    task = results(retrieved)["settings"]["task"]
    by_layer = task["dev accuracy by layer"]
    assert len(by_layer) == 2
    assert task["layer"] == by_layer.index(max(by_layer)) + 1


def test_both_directions_of_retrieval_are_measured(retrieved: Path) -> None:
    assert measured(retrieved) == [("tatoeba", "de", metric, 40) for metric in ("accuracy", "accuracy_from_english")]
    lines = [line["prediction"] for line in predictions(retrieved, "test-only", "tatoeba.de")]
    figures = {m.metric: m.value for m in read_results(retrieved / "results.json").measurements}
    assert figures["accuracy"] == sum(line["to English"] for line in lines) / 40 > 1 / 40
    assert figures["accuracy_from_english"] == sum(line["from English"] for line in lines) / 40


def test_the_chosen_layer_scores_like_the_same_layer_given(tatoeba: Evaluation, retrieved: Path) -> None:
    layer = results(retrieved)["settings"]["task"]["layer"]
    given = tatoeba.here("given", *TATOEBA, "--layer", str(layer))
    assert results(given)["measurements"] == results(retrieved)["measurements"]
    assert results(given)["settings"]["task"]["dev accuracy by layer"] == []


@pytest.mark.parametrize("layer", ["0", "3"])
def test_a_layer_that_the_model_has_not_is_refused(tatoeba: Evaluation, layer: str) -> None:
    with pytest.raises(ValueError, match=f"--layer is {layer}; the layers of .* are 1 to 2"):
        tatoeba.here("refused", *TATOEBA, "--layer", layer)
    assert not (tatoeba.folder / "refused").exists()


def test_retrieval_from_the_lowest_layers_alone_is_that_of_their_layer(tatoeba: Evaluation) -> None:
    whole = tatoeba.here("first of two", *TATOEBA, "--layer", "1")
    alone = tatoeba.here("only one", *TATOEBA, "--layer", "1", "--num_hidden_layers", "1")
    figures = [[(m["metric"], m["value"]) for m in results(folder)["measurements"]] for folder in (whole, alone)]
    assert figures[0] == figures[1] and len(figures[0]) == 2
    with pytest.raises(ValueError, match="--layer is 2; the layers of .* are 1 to 1"):
        tatoeba.here("refused", *TATOEBA, "--layer", "2", "--num_hidden_layers", "1")


def test_without_dev_pairs_the_layer_must_be_given(tatoeba: Evaluation) -> None:
    with pytest.raises(ValueError, match="Tatoeba has no dev pairs to choose the layer on: name some"):
        tatoeba.here("refused", *TATOEBA)


def test_retrieval_takes_no_settings_of_a_training(tatoeba: Evaluation) -> None:
    with pytest.raises(ValueError, match="tatoeba trains nothing: leave --setting"):
        tatoeba.here("refused", *TATOEBA, "--setting", "translate-train")
    with pytest.raises(ValueError, match="tatoeba trains nothing, so there is nothing to push"):
        tatoeba.here("refused", *TATOEBA, "--push_to_hub")


def test_every_file_that_is_named_for_retrieval_is_read(tatoeba: Evaluation) -> None:
    for name in ("--test_file", "--train_file"):
        with pytest.raises(ValueError, match=f"{name} names a file for deu"):
            tatoeba.here("refused", *TATOEBA, "--layer", "1", name, "deu=mine.tsv")

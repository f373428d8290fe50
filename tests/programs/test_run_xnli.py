"""Natural language inference through the real command line: results, laws, interruptions, settings, broken input."""

import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from tests.conftest import NO_DROPOUT
from tests.support.command_line import (
    TWO_PROCESSES,
    Evaluation,
    check_same_training,
    make_evaluation,
    predictions,
    results,
    weights,
)
from tests.support.evaluation_data import write_json_lines, write_xnli, xnli_rows
from weam.cards.card import card_run
from weam.results import read_results
from weam.transfer.zero_shot import remove_models

LABELS = ("entailment", "neutral", "contradiction")
SHORT = "--max_length 32 --per_device_train_batch_size 8 --learning_rate 2e-3 --languages en de".split()
TWO_SEEDS = [*SHORT, *"zh --seeds 1 2 --num_train_epochs 4".split()]
TWO_SEEDS += "--eval_strategy steps --eval_steps 8 --save_strategy steps --save_steps 8".split()
ONE_EPOCH = [*SHORT, "--num_train_epochs", "1"]
EXACT = "--max_length 32 --languages en de --max_steps 6 --optim sgd --learning_rate 0.1".split()
EXACT += "--lr_scheduler_type constant --logging_steps 1 --train_sampling_strategy sequential".split()
BATCH_OF_EIGHT = ["--per_device_train_batch_size", "8"]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """A checkpoint with dropout, published with the code and the head of our pre-training."""
    folder = tmp_path_factory.mktemp("xnli")
    write_xnli(folder / "data")
    return make_evaluation(folder, "run_xnli", published=True, initializer_range=0.15)


@pytest.fixture(scope="module")
def exact_workspace(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """A checkpoint without dropout, for runs that draw it in another order."""
    folder = tmp_path_factory.mktemp("exact")
    write_xnli(folder / "data")
    return make_evaluation(folder, "run_xnli", initializer_range=0.15, **NO_DROPOUT)


@pytest.fixture(scope="module")
def zero_shot(workspace: Evaluation) -> tuple[str, Path]:
    """Train two seeds on English and test three languages; what was said, and the folder."""
    return workspace.run("zero-shot", *TWO_SEEDS), workspace.folder / "zero-shot"


def files(folder: Path) -> dict[str, int]:
    """Return all files and when each was written."""
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def values(folder: Path, seed: int) -> dict[str, float]:
    """Return the measured figures of one seed by language."""
    measured = read_results(folder / "results.json").measurements
    return {measurement.language: measurement.value for measurement in measured if measurement.seed == seed}


def best(folder: Path) -> tuple[int, dict[int, tuple[float, int]]]:
    """Return which seed is best on dev, and the best dev accuracy of each with its step, from the logs."""
    found = {}
    for training in results(folder)["trainings"]:
        scores = [(record["eval_accuracy"], -record["step"]) for record in training["log"] if "eval_accuracy" in record]
        accuracy, step = max(scores)
        found[training["seed"]] = accuracy, -step
    return max(found, key=lambda seed: (found[seed][0], seed)), found


def test_there_is_a_measurement_for_each_language_and_seed(zero_shot: tuple[str, Path]) -> None:
    _, folder = zero_shot
    read = read_results(folder / "results.json")
    assert (read.program, read.format, read.comparisons) == ("run_xnli", 2, [])
    assert read.settings["training"]["world_size"] == 1
    assert [(m.benchmark, m.language, m.metric, m.seed, m.count) for m in read.measurements] == [
        ("xnli", language, "accuracy", seed, 30) for seed in (1, 2) for language in ("en", "de", "zh")
    ]
    assert [(training.name, training.seed, training.steps) for training in read.trainings] == [
        ("seed-1", 1, 48),
        ("seed-2", 2, 48),
    ]


def test_measurements_name_checkpoint_and_examples(workspace: Evaluation, zero_shot: tuple[str, Path]) -> None:
    read = read_results(zero_shot[1] / "results.json")
    of_data = {record["language"]: record["fingerprint"] for record in read.data if record["split"] == "test"}
    assert len(set(of_data.values())) == 2  # our "Chinese" is English
    assert {m.checkpoint for m in read.measurements} == {str(workspace.folder / "checkpoint")}
    assert len({m.checkpoint_fingerprint for m in read.measurements}) == 1
    assert all(m.data_fingerprint == of_data[m.language] for m in read.measurements)
    assert [(record["split"], record["language"], record["count"]) for record in read.data] == [
        ("train", "en", 96),
        ("dev", "en", 24),
        ("test", "en", 30),
        ("test", "de", 30),
        ("test", "zh", 30),
    ]


def test_the_task_is_learnt(zero_shot: tuple[str, Path]) -> None:
    for seed in (1, 2):
        assert values(zero_shot[1], seed)["en"] > 0.7  # by chance it would be a third


def test_measured_is_the_step_that_is_best_on_dev(zero_shot: tuple[str, Path]) -> None:
    _, folder = zero_shot
    _, by_seed = best(folder)
    for measurement in read_results(folder / "results.json").measurements:
        assert measurement.steps == by_seed[measurement.seed][1]


def test_the_figures_of_the_card_are_on_the_screen(zero_shot: tuple[str, Path]) -> None:
    output, folder = zero_shot
    figures = card_run(read_results(folder / "results.json")).figures()
    rows = [line.split()[1] for line in figures.splitlines() if line.startswith("|")]
    assert rows == ["language", "---", "en", "de", "zh", "mean"]
    assert figures in output


def test_predictions_give_the_measured_figures(zero_shot: tuple[str, Path]) -> None:
    _, folder = zero_shot
    for seed in (1, 2):
        for language, value in values(folder, seed).items():
            lines = predictions(folder, f"seed-{seed}", f"xnli.{language}")
            gold = [row["label"] for row in xnli_rows("test", language, 30)]
            right = [line["prediction"] == label for line, label in zip(lines, gold, strict=True)]
            assert sum(right) / 30 == pytest.approx(value)
            assert [line["scores"] for line in lines] == [{"accuracy": [float(hit), 1.0]} for hit in right]


def test_the_folder_holds_the_model_of_the_best_seed(zero_shot: tuple[str, Path]) -> None:
    _, folder = zero_shot
    seed, _ = best(folder)
    kept = weights(folder / "runs" / f"seed-{seed}" / "model")
    assert all(torch.equal(tensor, kept[name]) for name, tensor in weights(folder).items())
    assert {path.name for path in folder.iterdir()} == {
        "README.md",
        "config.json",
        "model.safetensors",
        "predictions",
        "results.json",
        "runs",
        "tokenizer.json",
        "tokenizer_config.json",
    }


def test_the_model_predicts_the_same_with_the_stock_class(zero_shot: tuple[str, Path]) -> None:
    _, folder = zero_shot
    model, report = AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True)
    assert type(model).__name__ == "BertForSequenceClassification" and not report["missing_keys"]
    assert model.config.id2label == dict(enumerate(LABELS))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = xnli_rows("test", "de", 30)
    texts = [[row[column] for row in rows] for column in ("premise", "hypothesis")]
    with torch.no_grad():
        logits = model.eval()(**tokenizer(*texts, padding=True, return_tensors="pt")).logits
    labels = [model.config.id2label[number] for number in logits.argmax(dim=-1).tolist()]
    seed, _ = best(folder)
    assert labels == [line["prediction"] for line in predictions(folder, f"seed-{seed}", "xnli.de")]


def test_the_config_maps_to_no_code_though_the_base_did(workspace: Evaluation, zero_shot: tuple[str, Path]) -> None:
    configs = [(folder / "config.json").read_text() for folder in (workspace.folder / "checkpoint", zero_shot[1])]
    assert ["auto_map" in config for config in configs] == [True, False]


@pytest.fixture(scope="module")
def killed(workspace: Evaluation) -> Path:
    """A run that was killed in the second epoch of its second seed."""
    process = workspace.start("killed", *TWO_SEEDS)
    state = workspace.folder / "killed/runs/seed-2/checkpoint-16/trainer_state.json"
    deadline = time.monotonic() + 120
    while not state.exists():
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()[0]
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    folder = workspace.folder / "killed"
    assert not (folder / "runs/seed-2/model").exists(), "it had finished before it was killed"
    return folder


def test_a_killed_run_does_not_go_on_with_another_learning_rate(workspace: Evaluation, killed: Path) -> None:
    before = files(killed)
    message = r"was started with another training \(learning_rate 0.002, now 0.001\)"
    with pytest.raises(ValueError, match=message):
        workspace.here("killed", *TWO_SEEDS, "--learning_rate", "1e-3", "--resume_from_checkpoint", "last")
    assert files(killed) == before


def test_a_killed_run_goes_on_as_if_it_had_not_been(
    workspace: Evaluation, killed: Path, zero_shot: tuple[str, Path]
) -> None:
    folder = shutil.copytree(killed, workspace.folder / "resumed")
    first_seed = files(folder / "runs/seed-1")
    output = workspace.run("resumed", *TWO_SEEDS, "--resume_from_checkpoint", "last")

    assert files(folder / "runs/seed-1") == first_seed
    assert "fine-tuning seed-1" not in output and "fine-tuning seed-2, 2 of 2" in output
    whole = zero_shot[1]
    assert results(folder)["measurements"] == results(whole)["measurements"]
    for name in ("", "runs/seed-2/model"):
        ours = weights(whole / name)
        assert all(torch.equal(tensor, ours[key]) for key, tensor in weights(folder / name).items())


def test_a_second_start_is_refused_and_overwrites_nothing(workspace: Evaluation, zero_shot: tuple[str, Path]) -> None:
    before = files(zero_shot[1])
    with pytest.raises(FileExistsError, match="zero-shot is not empty; continue it with --resume_from_checkpoint last"):
        workspace.here("zero-shot", *TWO_SEEDS)
    assert files(zero_shot[1]) == before


def test_overwriting_starts_anew(workspace: Evaluation) -> None:
    first = workspace.here("overwritten", *ONE_EPOCH, "--max_test_samples", "5")
    other = [*ONE_EPOCH[:-2], "--max_steps", "2", "--languages", "de", "--setting", "translate-train"]
    workspace.here("overwritten", *other, "--overwrite_output_dir")
    assert [(m["language"], m["steps"], m["count"]) for m in results(first)["measurements"]] == [("de", 2, 30)]
    assert [path.name for path in (first / "predictions").rglob("*.jsonl")] == ["xnli.de.jsonl"]
    assert [path.parent.name for path in first.glob("**/model.safetensors") if "runs" not in path.parts] == ["de"]


def test_a_folder_is_not_overwritten_by_a_run_that_begins_with_what_it_holds(
    workspace: Evaluation, zero_shot: tuple[str, Path]
) -> None:
    before = files(zero_shot[1])
    inside = ["--model_name_or_path", str(zero_shot[1] / "runs" / "seed-1" / "model")]
    with pytest.raises(ValueError, match="lies in .*zero-shot, which --overwrite_output_dir clears"):
        workspace.here("zero-shot", *TWO_SEEDS, *inside, "--overwrite_output_dir")
    baseline = ["--compare_with", str(zero_shot[1] / "results.json")]  # whose predictions would be cleared
    with pytest.raises(ValueError, match="results.json lies in .*zero-shot, which --overwrite_output_dir clears"):
        workspace.here("zero-shot", *TWO_SEEDS, *baseline, "--overwrite_output_dir")
    assert files(zero_shot[1]) == before


def test_models_of_an_earlier_run_are_removed_and_nothing_else(tmp_path: Path) -> None:
    kept = [tmp_path / name for name in ("notes.txt", "de/mine.txt", "runs/de-seed-1/model/config.json")]
    left = [tmp_path / name for name in ("config.json", "de/config.json", "zh/config.json")]
    copied = [tmp_path / "runs" / job / "model" / "config.json" for job in ("seed-1", "de-seed-1", "zh-seed-2")]
    for path in (*kept, *left, *copied):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    remove_models(tmp_path)
    assert all(path.exists() for path in (*kept, *copied))
    assert not any(path.exists() for path in left) and not (tmp_path / "zh").exists()


def test_translate_train_has_a_model_for_each_language(workspace: Evaluation) -> None:
    folder = workspace.here("translated", *ONE_EPOCH, "--setting", "translate-train")
    measured = read_results(folder / "results.json").measurements
    assert [(m.language, m.count) for m in measured] == [("en", 30), ("de", 30)]
    assert not (folder / "model.safetensors").exists()
    for language in ("en", "de"):
        model = weights(folder / "runs" / f"{language}-seed-42" / "model")
        assert all(torch.equal(tensor, model[name]) for name, tensor in weights(folder / language).items())
        tested = [path.name for path in (folder / "predictions" / f"{language}-seed-42").iterdir()]
        assert tested == [f"xnli.{language}.jsonl"]
    german, english = weights(folder / "de"), weights(folder / "en")
    assert not torch.equal(german["classifier.weight"], english["classifier.weight"])


def test_translate_train_all_has_one_model_for_all(workspace: Evaluation) -> None:
    folder = workspace.here("all", *ONE_EPOCH, "--setting", "translate-train-all")
    read = read_results(folder / "results.json")
    assert [(training.name, training.steps) for training in read.trainings] == [("seed-42", 2 * 96 // 8)]
    assert [m.language for m in read.measurements] == ["en", "de"]
    assert (folder / "model.safetensors").exists()
    (evaluation,) = [record for record in read.trainings[0].log if "eval_accuracy" in record]
    mean = (evaluation["eval_en_accuracy"] + evaluation["eval_de_accuracy"]) / 2
    assert evaluation["eval_accuracy"] == pytest.approx(mean)


def test_comparisons_say_how_much_better_each_language_is(workspace: Evaluation, zero_shot: tuple[str, Path]) -> None:
    _, other = zero_shot
    folder = workspace.here("compared", *ONE_EPOCH, "--compare_with", str(other / "results.json"))
    comparisons = read_results(folder / "results.json").comparisons
    ours, theirs = values(folder, 42), [values(other, seed) for seed in (1, 2)]
    expected = {language: ours[language] - (theirs[0][language] + theirs[1][language]) / 2 for language in ("en", "de")}
    expected["mean"] = (expected["en"] + expected["de"]) / 2
    assert {c.language: c.difference for c in comparisons} == pytest.approx(expected)
    for comparison in comparisons:
        assert comparison.low <= comparison.difference <= comparison.high
        assert (comparison.benchmark, comparison.metric) == ("xnli", "accuracy")
        assert comparison.checkpoint == str(workspace.folder / "checkpoint")


def test_an_intermediate_task_is_trained_first_and_its_head_is_kept(exact_workspace: Evaluation) -> None:
    extra = write_json_lines(exact_workspace.folder / "extra.jsonl", xnli_rows("train", "de", 40))
    folder = exact_workspace.here("intermediate", *EXACT, *BATCH_OF_EIGHT, "--intermediate_task", str(extra))
    (training,) = results(folder)["trainings"]
    intermediate = folder / "runs/seed-42/intermediate/model"
    model = AutoModelForSequenceClassification.from_pretrained(intermediate)
    tokenizer = AutoTokenizer.from_pretrained(intermediate)
    rows = xnli_rows("train", "en", 8)
    texts = [[row[column] for row in rows] for column in ("premise", "hypothesis")]
    labels = torch.tensor([LABELS.index(row["label"]) for row in rows])
    with torch.no_grad():
        loss = model.eval()(**tokenizer(*texts, padding=True, return_tensors="pt"), labels=labels).loss
    assert training["log"][0]["loss"] == pytest.approx(loss.item(), rel=1e-3)
    assert training["steps"] == 6
    assert {"split": "intermediate", "language": "en", "count": 40}.items() <= results(folder)["data"][0].items()


def test_an_intermediate_model_that_was_not_saved_to_its_end_is_trained_again(exact_workspace: Evaluation) -> None:
    extra = write_json_lines(exact_workspace.folder / "more.jsonl", xnli_rows("train", "de", 40))
    options = [*EXACT, *BATCH_OF_EIGHT, "--intermediate_task", str(extra)]
    whole = exact_workspace.here("intermediate whole", *options)
    broken = exact_workspace.folder / "intermediate broken"
    shutil.copytree(whole / "runs/seed-42/intermediate/model", broken / "runs/seed-42/intermediate/model")
    (broken / "runs/seed-42/intermediate/model/model.safetensors").unlink()
    shutil.copy(whole / "runs/settings.json", broken / "runs")
    exact_workspace.here("intermediate broken", *options, "--resume_from_checkpoint", "last")
    assert results(broken)["measurements"] == results(whole)["measurements"]


def test_adapters_are_merged_and_only_they_and_the_head_are_trained(workspace: Evaluation) -> None:
    folder = workspace.here("adapters", *ONE_EPOCH, "--use_lora", "--lora_r", "4")
    model, report = AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    base = AutoModelForSequenceClassification.from_pretrained(workspace.folder / "checkpoint").state_dict()
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, base[name])}
    layers = [f"bert.encoder.layer.{n}.attention.self.{part}.weight" for n in (0, 1) for part in ("query", "value")]
    assert {name for name in changed if "encoder" in name or "embeddings" in name} == set(layers)
    assert "classifier.weight" in changed


def test_the_lowest_layers_alone_can_be_fine_tuned(workspace: Evaluation) -> None:
    """The layer begins as the first of the checkpoint: a step of Adam moves no weight further than the rate."""
    options = [*SHORT, "--max_steps", "2", "--learning_rate", "1e-5", "--num_hidden_layers", "1"]
    folder = workspace.here("one layer", *options)
    model, report = AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True)
    assert model.config.num_hidden_layers == len(model.bert.encoder.layer) == 1
    assert not report["missing_keys"] and not report["unexpected_keys"]
    start, end = weights(workspace.folder / "checkpoint"), weights(folder)
    for name in (name for name in end if "encoder" in name):
        torch.testing.assert_close(end[name], start[name], rtol=0, atol=2.1e-5)
    assert not any(".layer.1." in name for name in end)
    assert results(folder)["settings"]["checkpoint"]["num_hidden_layers"] == 1
    assert set(values(folder, 42)) == {"en", "de"}


def test_only_testing_gives_the_figures_of_the_trained_model(
    workspace: Evaluation, zero_shot: tuple[str, Path]
) -> None:
    _, model = zero_shot
    options = [*SHORT, "zh", "--setting", "test-only", "--model_name_or_path", str(model)]
    folder = workspace.here("tested", *options)
    seed, _ = best(model)
    assert values(folder, 42) == values(model, seed)
    assert {m.steps for m in read_results(folder / "results.json").measurements} == {0}


def refuse(workspace: Evaluation, error: type[Exception], message: str, *options: str) -> None:
    """Run with broken input: the error must come before anything is written."""
    with pytest.raises(error, match=message):
        workspace.here("refused", *SHORT, *options)
    assert not (workspace.folder / "refused").exists()


def test_other_test_examples_are_not_compared(workspace: Evaluation, zero_shot: tuple[str, Path]) -> None:
    other = str(zero_shot[1] / "results.json")
    message = "was tested on other examples of xnli en, xnli de: use the same files and --max_test_samples"
    refuse(workspace, ValueError, message, "--compare_with", other, "--max_test_samples", "10")


def test_results_of_another_format_are_not_compared(workspace: Evaluation, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"format": 1}')
    message = "results.json is of results format 1, this version reads 2"
    refuse(workspace, ValueError, message, "--compare_with", str(tmp_path / "results.json"))


def test_a_head_with_its_classes_in_another_order_is_not_tested(
    workspace: Evaluation, zero_shot: tuple[str, Path]
) -> None:
    """Its scores would be those of other classes; names that transformers made up say nothing."""
    turned, unnamed = (shutil.copytree(zero_shot[1], workspace.folder / name) for name in ("turned", "unnamed"))
    names = {turned: ["Contradiction", "Neutral", "Entailment"], unnamed: ["LABEL_0", "LABEL_1", "LABEL_2"]}
    for folder, classes in names.items():
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, "id2label": dict(enumerate(classes))}))
    only = ["--setting", "test-only", "--model_name_or_path"]
    message = "are Contradiction, Neutral, Entailment, those of xnli entailment, neutral, contradiction: bring the rows"
    refuse(workspace, ValueError, message, *only, str(turned))
    workspace.here("unnamed tested", *SHORT, "zh", *only, str(unnamed))


def test_a_checkpoint_without_a_head_is_not_tested(workspace: Evaluation) -> None:
    refuse(workspace, ValueError, "has no trained head for xnli: it lacks .*classifier", "--setting", "test-only")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (["--train_file", "de=x.jsonl"], ValueError, "names a file for de, but the setting zero-shot reads en there"),
        (["--languages", "xx"], ValueError, "xnli has no xx; its languages are en, ar, bg, de"),
        (
            ["--languages", "fr"],
            FileNotFoundError,
            "there is no file .*/test.fr.jsonl.gz, which --test_file names for fr",
        ),
        (["--model_name_or_path", ""], ValueError, "give --model_name_or_path"),
        (["--num_hidden_layers", "3"], ValueError, "--num_hidden_layers is 3, and .* has 2; give 1 to that"),
        (["--max_length", "65"], ValueError, "--max_length is 65; give 5, .* to 64, the positions"),
        (
            ["--setting", "test-only", "--push_to_hub"],
            ValueError,
            "test-only trains nothing, so there is nothing to push",
        ),
        (["--resume_from_checkpoint", "runs/seed-1"], ValueError, "goes on with --resume_from_checkpoint last"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(
    workspace: Evaluation, options: list[str], error: type[Exception], message: str
) -> None:
    refuse(workspace, error, message, *options)


def test_a_label_outside_the_set_is_reported_with_its_line(workspace: Evaluation, tmp_path: Path) -> None:
    rows = xnli_rows("test", "de", 2)
    path = write_json_lines(tmp_path / "bad.jsonl", [rows[0], {**rows[1], "label": "maybe"}])
    refuse(workspace, ValueError, "bad.jsonl:2: the label is 'maybe'", "--test_file", f"de={path}")


def test_a_checkpoint_without_a_tokenizer_is_refused(workspace: Evaluation, tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        shutil.copy(workspace.folder / "checkpoint" / name, tmp_path / name)
    refuse(workspace, ValueError, "has no tokenizer", "--model_name_or_path", str(tmp_path))


@pytest.fixture(scope="module")
def batch_of_eight(exact_workspace: Evaluation) -> Path:
    """Six steps of SGD on batches of eight."""
    return exact_workspace.here("8", *EXACT, *BATCH_OF_EIGHT)


def test_accumulation_changes_nothing(exact_workspace: Evaluation, batch_of_eight: Path) -> None:
    options = ["--per_device_train_batch_size", "1", "--gradient_accumulation_steps", "8"]
    folder = exact_workspace.here("1 x 8", *EXACT, *options)
    check_same_training(batch_of_eight, folder, exact_workspace.folder / "checkpoint")


def test_two_processes_change_nothing(exact_workspace: Evaluation, batch_of_eight: Path) -> None:
    options = "--per_device_train_batch_size 4 --per_device_eval_batch_size 4".split()
    exact_workspace.run("2 processes", *EXACT, *options, launch=TWO_PROCESSES)
    folder = exact_workspace.folder / "2 processes"
    assert results(folder)["settings"]["training"]["world_size"] == 2
    check_same_training(batch_of_eight, folder, exact_workspace.folder / "checkpoint")
    for language in ("en", "de"):
        assert predictions(folder, "seed-42", f"xnli.{language}") == predictions(
            batch_of_eight, "seed-42", f"xnli.{language}"
        )

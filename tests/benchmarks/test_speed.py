"""The benchmarks of speed compare like with like: the same rows, the same masks, real tokens counted once.

At the end what docs/scaling.md says to do, done, and the benchmark of aligners whose figures it shows.
"""

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import launch_command_parser
from datasets import Dataset
from transformers import BertForMaskedLM, BertTokenizer

from benchmarks.aligners.growth import align_original, measure, read_tokens, write_tokens
from benchmarks.pages import scaling as scaling_tables
from benchmarks.speed import __main__ as speed
from benchmarks.speed.__main__ import conditions, take_turns
from benchmarks.speed.fine_tuning import stock_rows
from benchmarks.speed.step import CONTENDERS, STOCK, Measured, Shape, full_rows, make_batch, make_model, measure_step
from benchmarks.speed.training import RECIPES, joined, measure_training
from modeling_weam import BertForWEAMPreTraining
from tests.conftest import ROOT, SPECIAL, WORDS
from tests.support.command_line import make_workspace, sentence_pairs
from tests.support.evaluation_data import write_lines
from weam.pretraining.arguments import parse_arguments
from weam.transfer.tasks.answer_spans import Windows
from weam.transfer.tasks.mlqa import XQuAD

SHAPE = Shape(layers=1, vocabulary=len(SPECIAL + WORDS), batch_size=4, length=32, mask_rate=0.3)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Sixty encoded pairs of three lengths, and a vocabulary file."""
    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    path.write_text("\n".join(SPECIAL + WORDS), encoding="utf-8")
    features = [
        {"id": n, "source_ids": [5 + n % 7] * (3 + n % 3), "target_ids": [9, 8, 7], "links": [[0, 2], [2, 0]]}
        for n in range(60)
    ]
    return [{**feature, "length": len(feature["source_ids"]) + 6} for feature in features], path


def test_rows_are_full_and_their_links_lead_to_the_words_that_they_linked(data):
    features = [{**feature, "target_ids": [feature["source_ids"][0] + 10] * 3} for feature in data[0]]
    rows = full_rows(features, SHAPE)
    assert [row["length"] for row in rows] == [32] * 4
    for row in rows:
        assert len(row["links"]) > 4
        assert all(row["target_ids"][j] == row["source_ids"][i] + 10 for i, j in row["links"])


def test_every_contender_gets_the_same_masks_without_padding(data):
    batch = make_batch(SHAPE, data, torch.device("cpu"))
    assert batch["attention_mask"].all()
    assert (batch["labels"] != -100).float().mean() == pytest.approx(0.3, abs=0.1)
    again = make_batch(SHAPE, data, torch.device("cpu"))
    assert all(torch.equal(values, again[name]) for name, values in batch.items())


def test_tokens_beyond_a_smaller_vocabulary_become_others(data):
    batch = make_batch(replace(SHAPE, vocabulary=6), data, torch.device("cpu"))
    assert batch["input_ids"].max() < 6
    assert set(batch["labels"].unique().tolist()) <= {-100, *range(6)}


def test_the_stock_contender_is_the_stock_class():
    device = torch.device("cpu")
    assert type(make_model(STOCK, SHAPE, device)) is BertForMaskedLM
    assert all(isinstance(make_model(x, SHAPE, device), BertForWEAMPreTraining) for x in CONTENDERS if x != STOCK)


@pytest.mark.parametrize("contender", CONTENDERS)
def test_a_step_is_measured(contender, data):
    measured = measure_step(contender, SHAPE, 1, data)
    assert measured.tokens_per_second == pytest.approx(4 * 32 / measured.seconds)


@pytest.mark.parametrize("recipe", RECIPES)
def test_tokens_of_sentences_are_counted_and_padding_is_not(recipe, data):
    measured = measure_training(recipe, SHAPE, 1, data)
    mean = sum(feature["length"] for feature in data[0]) / len(data[0])
    assert measured.tokens_per_second * measured.seconds / 4 == pytest.approx(mean - 3, abs=1.01)


def test_the_row_of_the_example_recipe_is_the_pair_and_its_padding(data):
    tokenizer = BertTokenizer(vocab=str(data[1]), do_lower_case=False)
    row = joined(data[0][0], tokenizer, 10)
    assert tokenizer.convert_ids_to_tokens(row["input_ids"])[0] == "[CLS]"
    assert row["attention_mask"] == [1] * 8 + [0] * 2
    assert row["special_tokens_mask"] == [1] + [0] * 6 + [1] * 3


def test_ratios_are_of_medians_over_the_rounds(monkeypatch):
    """The stock contender took 4, 2 and 3 seconds, the other one 1, 9 and 1.5."""
    found = {STOCK: iter([4.0, 2.0, 3.0]), "WEAM": iter([1.0, 9.0, 1.5])}
    monkeypatch.setattr(speed, "in_a_fresh_process", lambda measure, name, *_: Measured(next(found[name]), 100.0, 50.0))
    monkeypatch.setattr(speed, "peak", lambda name, *_: {STOCK: 200.0, "WEAM": 50.0}[name])
    stock, ours = take_turns(SHAPE, [STOCK, "WEAM"], (3, 1), ([], None))
    assert (stock.seconds, stock.times_stock_seconds, stock.times_stock_megabytes) == (3.0, 1.0, 1.0)
    assert (ours.seconds, ours.times_stock_seconds, ours.times_stock_megabytes) == (1.5, 0.5, 0.25)


def test_conditions_vary_one_thing_at_a_time_and_keep_the_tokens_of_a_batch():
    base = Shape(layers=4, vocabulary=119_547, batch_size=8, length=128, mask_rate=0.3)
    found = list(conditions(base))
    assert base in found and len(set(found)) == len(found)
    assert {shape.batch_size * shape.length for shape in found} == {8 * 128}
    fields = ("vocabulary", "length", "mask_rate")
    assert all(sum(getattr(shape, name) != getattr(base, name) for name in fields) <= 1 for shape in found)


@pytest.mark.parametrize(("pads", "length"), [(True, 8), (False, 3)])
def test_the_plain_script_reads_the_rows_that_we_read_under_the_names_of_the_stock_head(pads, length, tokenizer):
    ours = {"input_ids": [2, 5, 3], "attention_mask": [1, 1, 1], "token_type_ids": [0, 0, 0], "labels": [1, 1]}
    (row,) = stock_rows(Dataset.from_list([ours]), XQuAD(windows=Windows(8, 2, 4)), tokenizer, pads)
    assert row["input_ids"] == [2, 5, 3] + [0] * (length - 3)
    assert sum(row["attention_mask"]) == 3
    assert (row["start_positions"], row["end_positions"]) == (1, 1)
    assert "labels" not in row


# docs/scaling.md

OWN = ["--model_name_or_path", "BASE", "--train_file", "en-de=corpus.tsv.gz"]  # what a recipe of one's own names
PAGE = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
LAUNCHES = [
    shlex.split(line)
    for text in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    for line in text.replace("\\\n", "").splitlines()
    if "run_pretraining.py" in line
]


def settings(words: list[str]) -> list[str]:
    """Return what stands behind the program's name, with a recipe of ours."""
    program = words.index("run_pretraining.py")
    return [str(ROOT / "recipes" / "paper.yaml"), *words[program + 2 :], *OWN]


def test_the_page_prepares_and_trains() -> None:
    prepare, train = (parse_arguments(settings(words)) for words in LAUNCHES)
    assert prepare[3].prepare_only and not train[3].prepare_only
    assert train[-1].per_device_train_batch_size == scaling_tables.PAIRS_OF_A_GPU
    for concern in (1, 2):  # what decides on the bitext and its links
        assert prepare[concern] == train[concern]


def test_the_launch_profile_is_one_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    launch = launch_command_parser().parse_args(LAUNCHES[1][2:])
    assert (launch.num_machines, launch.num_processes) == (8, scaling_tables.PLANNED_GPUS[-1])
    profile = load_config_from_file(launch.config_file)
    assert profile.distributed_type == "MULTI_GPU" and profile.mixed_precision == "bf16"
    single = load_config_from_file(str(ROOT / "recipes" / "accelerate" / "several_gpus.yaml"))
    assert single.num_processes == scaling_tables.PLANNED_GPUS[0]


def test_what_was_prepared_is_not_prepared_again_and_nothing_was_trained(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    output = workspace.here("trained", "--prepare_only")
    assert not output.exists()
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*") if path.is_file()}
    workspace.here("trained", "--max_steps", "2", "--per_device_train_batch_size", "16", "--learning_rate", "1e-4")
    assert kept == {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*") if path.is_file()}
    assert (output / "model.safetensors").exists()


def test_the_plan_knows_what_a_token_costs() -> None:
    assert 6 * scaling_tables.ENCODER_WEIGHTS == pytest.approx(510e6, rel=0.01)
    assert 6 * scaling_tables.HEAD_WEIGHTS == pytest.approx(551e6, rel=0.01)


# The benchmark of aligners


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """The research data's layout, with 432 pairs of our words in two files."""
    write_lines(tmp_path / "data" / "tokenizer" / "mbert-vocab.txt", *SPECIAL, *WORDS)
    lines = ["\t".join(pair) for pair in sentence_pairs()]
    write_lines(tmp_path / "data" / "bitext" / "en-de.a.tsv.gz", *lines[:200])
    write_lines(tmp_path / "data" / "bitext" / "en-de.b.tsv.gz", *lines[200:])
    return tmp_path / "data"


def test_a_smaller_bitext_is_the_beginning_of_a_larger_one(data_dir: Path, tmp_path: Path) -> None:
    for pairs in (100, 432):
        write_tokens(pairs, data_dir, tmp_path / f"{pairs}.txt")
    smaller, larger = (list(read_tokens(tmp_path / f"{pairs}.txt")) for pairs in (100, 432))
    assert smaller == larger[:100]
    words = {(tuple(source.split()), tuple(target.split())) for source, target in sentence_pairs()}
    assert {(tuple(source), tuple(target)) for source, target in larger} == words


def test_beyond_the_text_at_hand_pairs_are_joined(data_dir: Path, tmp_path: Path) -> None:
    write_tokens(440, data_dir, tmp_path / "tokens.txt")
    pairs = list(read_tokens(tmp_path / "tokens.txt"))
    assert len(pairs) == 440
    known = {(" ".join(source), " ".join(target)) for source, target in pairs[:432]}
    for source, target in pairs[432:]:
        halves = [
            (" ".join(source[:i]), " ".join(target[:j])) in known
            and (" ".join(source[i:]), " ".join(target[j:])) in known
            for i in range(1, len(source))
            for j in range(1, len(target))
        ]
        assert any(halves)


def test_ours_writes_links_for_every_pair_and_says_what_they_cost(data_dir: Path, tmp_path: Path) -> None:
    write_tokens(300, data_dir, tmp_path / "tokens.txt")
    cost = measure(None, tmp_path / "tokens.txt")
    assert len((tmp_path / "tokens.weam").read_text().splitlines()) == 300
    assert cost.training_seconds is not None and 0 < cost.training_seconds <= cost.seconds
    assert cost.megabytes > 20 and cost.processor_seconds > 0


def test_a_program_that_fails_is_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="/bin/false ended with exit code 1"):
        align_original(Path("/bin/false"), tmp_path / "tokens.txt")

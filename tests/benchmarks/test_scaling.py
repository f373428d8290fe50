"""What docs/scaling.md says to do, done; and the benchmarks whose figures it shows."""

import re
import shlex
from pathlib import Path

import pytest
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import launch_command_parser

from benchmarks.aligners.growth import align_original, measure, read_tokens, write_tokens
from benchmarks.pages import scaling as scaling_tables
from tests.conftest import ROOT, SPECIAL, WORDS
from tests.support.command_line import make_workspace, sentence_pairs
from tests.support.evaluation_data import write_lines
from weam.pretraining.arguments import parse_arguments

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
    assert len((tmp_path / "tokens.ours").read_text().splitlines()) == 300
    assert cost.training_seconds is not None and 0 < cost.training_seconds <= cost.seconds
    assert cost.megabytes > 20 and cost.processor_seconds > 0


def test_a_program_that_fails_is_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="/bin/false ended with exit code 1"):
        align_original(Path("/bin/false"), tmp_path / "tokens.txt")

"""Runs the programs as users do: through `accelerate launch`, in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import BertForMaskedLM

from tests.conftest import ROOT, small_config, small_tokenizer
from tests.support import forks
from weam.pretraining.checkpoint import load_model
from weam.transfer.tasks.files import SPLITS

ONE_PROCESS = "--num_processes 1 --num_machines 1 --mixed_precision no --dynamo_backend no".split()
TWO_PROCESSES = ["--multi_gpu", *ONE_PROCESS, "--num_processes", "2", "--main_process_port", "0"]  # 0: a free one


@dataclass(frozen=True)
class Workspace:
    """A folder with a small checkpoint, text for it and a cache; `run` trains in it."""

    folder: Path

    def arguments(self, output: str, *options: str) -> list[str]:
        """Return the settings of a training that writes into the folder `output`; `options` go before ours."""
        settings = {
            "--model_name_or_path": self.folder / "checkpoint",
            "--train_file": f"en-de={self.folder / 'train.tsv'}",
            "--cache_dir": self.folder / "cache",
            "--output_dir": self.folder / output,
            "--objective": "weam",  # half the time of the default
        }
        named = [str(word) for pair in settings.items() if pair[0] not in options for word in pair]
        common = ["--use_cpu", "--bf16", "no", "--validation_fraction", "0.1", "--report_to", "none"]
        return [*named, *common, *options]

    def command(self, output: str, *options: str, launch: list[str] = ONE_PROCESS) -> list[str]:
        """Return the whole command line."""
        return [*launcher(launch), str(ROOT / "run_pretraining.py"), *self.arguments(output, *options)]

    def start(self, output: str, *options: str, launch: list[str] = ONE_PROCESS) -> subprocess.Popen:
        """Start a training in a process group of its own."""
        command = self.command(output, *options, launch=launch)
        return subprocess.Popen(command, env=environment(), start_new_session=True, **PIPES)

    def kill_after(self, checkpoint: str, output: str, *options: str) -> None:
        """Start a training and send SIGKILL once it has saved this checkpoint, before it has finished."""
        process = self.start(output, *options)
        wait_for(self.folder / output / checkpoint / "trainer_state.json", process.poll)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert not (self.folder / output / "model.safetensors").exists(), "it had finished before it was killed"

    def kill_fork_after(self, checkpoint: str, output: str, *options: str) -> None:
        """Kill likewise, but a training that was not started through the launcher."""
        log = self.folder / f"{output}.log"
        (process,) = forks.start("run_pretraining", self.arguments(output, *options), log)
        wait_for(self.folder / output / checkpoint / "trainer_state.json", lambda: process.exitcode)
        os.killpg(process.pid, signal.SIGKILL)
        process.join()
        assert not (self.folder / output / "model.safetensors").exists(), "it had finished before it was killed"

    def forked(self, output: str, *options: str, processes: int = 1) -> Path:
        """Train in so many processes that were not started through the launcher; return the folder."""
        log = self.folder / f"{output}.log"
        forks.finish(forks.start("run_pretraining", self.arguments(output, *options), log, processes), log)
        return self.folder / output

    def run(self, output: str, *options: str, launch: list[str] = ONE_PROCESS) -> Path:
        """Train and return the folder; a failure shows what the program said."""
        command = self.command(output, *options, launch=launch)
        finished = subprocess.run(command, env=environment(), timeout=300, **PIPES)
        assert finished.returncode == 0, finished.stdout
        return self.folder / output

    def here(self, output: str, *options: str) -> Path:
        """Train in this process, which saves its start; return the folder."""
        in_this_process("run_pretraining", self.arguments(output, *options))
        return self.folder / output


PIPES: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}


@dataclass(frozen=True)
class Evaluation:
    """One of the evaluation programs, a checkpoint and data in a folder; `run` fine-tunes in it."""

    folder: Path
    program: str

    def arguments(self, output: str, *options: str) -> list[str]:
        """Return the settings of a run that writes into the folder `output`; `options` go before ours."""
        ours = {
            "--model_name_or_path": self.folder / "checkpoint",
            "--output_dir": self.folder / output,
            "--report_to": "none",
        }
        named = [str(word) for name, value in ours.items() if name not in options for word in (name, value)]
        chosen = [word for name, word in pairwise(options) if name in ("--task", "--benchmark")]
        benchmark = chosen[0] if chosen else self.program.removeprefix("run_")
        return ["--use_cpu", "--bf16", "no", *named, *with_files(options, self.folder / "data", benchmark)]

    def command(self, output: str, *options: str, launch: list[str] = ONE_PROCESS) -> list[str]:
        """Return the whole command line."""
        return [*launcher(launch), str(ROOT / f"{self.program}.py"), *self.arguments(output, *options)]

    def start(self, output: str, *options: str) -> subprocess.Popen:
        """Start a run in a process group of its own."""
        return subprocess.Popen(self.command(output, *options), env=environment(), start_new_session=True, **PIPES)

    def run(self, output: str, *options: str, launch: list[str] = ONE_PROCESS) -> str:
        """Run and return what the program said."""
        command = self.command(output, *options, launch=launch)
        finished = subprocess.run(command, env=environment(), timeout=300, **PIPES)
        assert finished.returncode == 0, finished.stdout
        return finished.stdout

    def forked(self, output: str, *options: str) -> str:
        """Run in a process that was not started through the launcher; return what the program said."""
        log = self.folder / f"{output}.log"
        forks.finish(forks.start(self.program, self.arguments(output, *options), log), log)
        return log.read_text(encoding="utf-8")

    def here(self, output: str, *options: str) -> Path:
        """Run in this process, which saves its start; return the output folder."""
        in_this_process(self.program, self.arguments(output, *options))
        return self.folder / output


def wait_for(file: Path, ended: Callable[[], int | None]) -> None:
    """Wait until a program has written a file; it must not end before."""
    deadline = time.monotonic() + 120
    while not file.exists():
        assert ended() is None and time.monotonic() < deadline, f"there is no {file}"
        time.sleep(0.002)


def with_files(options: Sequence[str], data: Path, benchmark: str) -> list[str]:
    """Return the options of a program, with the files of a benchmark for what they name no file for."""
    named = list(options)
    for split in SPLITS:
        endings = {path.name.split(".", 2)[2] for path in (data / benchmark).glob(f"{split}.*")}
        for template in (str(data / benchmark / f"{split}.{{language}}.{ending}") for ending in endings):
            option = f"--{split}_file"
            place = named.index(option) + 1 if option in named else len(named)
            named[place:place] = [template] if option in named else [option, template]
    return named


def in_this_process(program: str, arguments: list[str]) -> None:
    """Run a program with these arguments as its command line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [f"{program}.py", *arguments])
        import_module(program).main()


def launcher(launch: list[str]) -> list[str]:
    """Return `accelerate launch` with its options."""
    return [sys.executable, "-m", "accelerate.commands.launch", *launch]


def environment() -> dict[str, str]:
    """One thread per process, so that sums come out in one order; no network."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


def sentence_pairs() -> list[tuple[str, str]]:
    """Return 432 different pairs in the words of the small tokenizer."""
    determiners = [("the", "die"), ("a", "ein")]
    nouns = [("cat", "katze"), ("dog", "hund"), ("house", "haus")]
    verbs = [("sees", "sieht"), ("eats", "isst")]
    negations = [("", ""), ("not", "nicht")]
    parts = product(determiners, nouns, negations, verbs, determiners, nouns, [(".", "."), (",", ","), ("?", "?")])
    return [tuple(" ".join(filter(None, side)) for side in zip(*words, strict=True)) for words in parts]


def make_workspace(folder: Path, **config: object) -> Workspace:
    """Write a small random checkpoint and its text."""
    torch.manual_seed(0)
    config = {"max_position_embeddings": 128, **config}  # as many as the default --max_length
    BertForMaskedLM(small_config(**config)).save_pretrained(folder / "checkpoint")
    small_tokenizer().save_pretrained(folder / "checkpoint")
    write_tsv(folder / "train.tsv", sentence_pairs())
    return Workspace(folder)


def make_evaluation(folder: Path, program: str, published: bool = False, **config: object) -> Evaluation:
    """Write a small random checkpoint; a published one is saved by our pre-training, with its code and head."""
    torch.manual_seed(0)
    BertForMaskedLM(small_config(**config)).save_pretrained(folder / "checkpoint")
    if published:
        load_model(str(folder / "checkpoint"), "main", {}).model.save_pretrained(folder / "checkpoint")
    small_tokenizer().save_pretrained(folder / "checkpoint")
    return Evaluation(folder, program)


def write_tsv(path: Path, pairs: list[tuple[str, str]]) -> Path:
    """Write sentence pairs, one a line; return the path."""
    path.write_text("".join(f"{source}\t{target}\n" for source, target in pairs), encoding="utf-8")
    return path


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """Return the saved weights."""
    return load_file(folder / "model.safetensors")


def results(folder: Path) -> dict[str, Any]:
    """Return `results.json`."""
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))


def training(folder: Path) -> dict[str, Any]:
    """Return what the results tell of the one training."""
    (only,) = results(folder)["trainings"]
    return only


def held_out(folder: Path, steps: int) -> dict[tuple[str, str], float]:
    """Return held-out figures after so many steps by language pair and metric."""
    rows = [row for row in results(folder)["measurements"] if row["steps"] == steps]
    return {(row["language"], row["metric"]): row["value"] for row in rows}


def step_losses(folder: Path) -> list[dict[str, float]]:
    """Return the logged training steps."""
    return [record for record in training(folder)["log"] if "loss" in record]


def predictions(folder: Path, training: str, test: str) -> list[dict[str, Any]]:
    """Return the predictions of a training on a test, such as `xnli.de`."""
    path = folder / "predictions" / training / f"{test}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def check_same_training(one: Path, other: Path, start: Path) -> None:
    """Compare the logged losses of six steps, and the final weights; something must have been learnt."""
    pairs = list(zip(step_losses(one), step_losses(other), strict=True))
    assert len(pairs) == 6
    for first, second in pairs:
        for name in ("loss", "num_input_tokens_seen"):
            assert second[name] == pytest.approx(first[name], rel=1e-4), name
    base, moved = weights(start), 0.0
    for name, tensor in weights(one).items():
        torch.testing.assert_close(weights(other)[name], tensor, rtol=1e-4, atol=1e-5)
        if name in base:
            moved = max(moved, (tensor - base[name]).abs().max().item())
    assert moved > 1e-3, "nothing was learned, so nothing was compared"

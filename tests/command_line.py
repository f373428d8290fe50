"""Runs `run_pretraining.py` as users do: through `accelerate launch`, in a process of its own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from transformers import BertForMaskedLM

from tests.conftest import ROOT, small_config, small_tokenizer

TWO_PROCESSES = "--multi_gpu --num_processes 2 --num_machines 1 --mixed_precision no --dynamo_backend no".split()
ONE_PROCESS = "--num_processes 1 --num_machines 1 --mixed_precision no --dynamo_backend no".split()


@dataclass(frozen=True)
class Workspace:
    """A folder with a small checkpoint, text for it and a cache; `run` trains in it."""

    folder: Path

    def command(self, output: str, *options: str, launch: list[str] = ONE_PROCESS) -> list[str]:
        """Return the command line of a training that writes into the folder `output`."""
        settings = {
            "--model_name_or_path": self.folder / "checkpoint",
            "--train_file": f"en-de={self.folder / 'train.tsv'}",
            "--cache_dir": self.folder / "cache",
            "--output_dir": self.folder / output,
        }
        named = [str(word) for pair in settings.items() if pair[0] not in options for word in pair]
        launcher = [sys.executable, "-m", "accelerate.commands.launch", *launch]
        common = ["--use_cpu", "--validation_fraction", "0.1", "--report_to", "none"]
        return [*launcher, str(ROOT / "run_pretraining.py"), *named, *common, *options]

    def start(self, output: str, *options: str, launch: list[str] = ONE_PROCESS) -> subprocess.Popen:
        """Start a training in a process group of its own."""
        command = self.command(output, *options, launch=launch)
        return subprocess.Popen(command, env=environment(), start_new_session=True, **PIPES)

    def run(self, output: str, *options: str, launch: list[str] = ONE_PROCESS) -> Path:
        """Train and return the folder; a failure shows what the program said."""
        command = self.command(output, *options, launch=launch)
        finished = subprocess.run(command, env=environment(), timeout=300, **PIPES)
        assert finished.returncode == 0, finished.stdout
        return self.folder / output


PIPES: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}


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
    BertForMaskedLM(small_config(**config)).save_pretrained(folder / "checkpoint")
    small_tokenizer().save_pretrained(folder / "checkpoint")
    write_tsv(folder / "train.tsv", sentence_pairs())
    return Workspace(folder)


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


def step_losses(folder: Path) -> list[dict[str, float]]:
    """Return the logged training steps."""
    return [record for record in results(folder)["log"] if "loss" in record]

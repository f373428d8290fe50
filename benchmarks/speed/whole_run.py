"""Measure where a whole run of `run_mlqa.py` spends its time: 2,500 questions, 16 pairs of languages to test.

    python -m benchmarks.speed.whole_run

One epoch, without a dev set, on an empty cache: what is not training or prediction weighs more here than by default.
Seconds are of this process's processor time on one thread, so that what else runs on the machine does not decide.
"""

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import run_mlqa
from benchmarks.processes import in_a_fresh_process
from benchmarks.records import described, measuring_parser, write_part
from weam.transfer import examples, fine_tuning, zero_shot

PROGRAM = "python -m benchmarks.speed.whole_run"
LANGUAGES = ("en", "de", "es", "zh")
QUESTIONS = 2_500
IMPORTS, REST = "Python and imports", "scores, files, model card and the rest"
WATCHED = {  # part of a run -> the function that does it and nothing else
    "reading and encoding": (zero_shot, "read_examples"),
    "training": (fine_tuning, "run_training"),
    "prediction": (fine_tuning.FineTuner, "predict"),
}


@dataclass(frozen=True)
class Row:
    """A part of the run: seconds of processor time, and what share of the whole that is."""

    part: str
    seconds: float
    share: float


def watched(function: Callable[..., Any], part: str, seconds: dict[str, float]) -> Callable[..., Any]:
    """Return a function that adds the processor time of another to a part."""

    def call(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        start = time.process_time()
        try:
            return function(*arguments, **options)
        finally:
            seconds[part] += time.process_time() - start

    return call


def run(model_name: str, layers: int, data_dir: Path) -> dict[str, float]:
    """Run the program, and return the seconds of each part."""
    seconds: dict[str, float] = defaultdict(float, {IMPORTS: time.process_time()})
    squad = data_dir / "squad"
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        stack.enter_context(patch.object(examples, "CACHE_DIR", Path(folder) / "cache"))
        for part, (owner, name) in WATCHED.items():
            stack.enter_context(patch.object(owner, name, watched(getattr(owner, name), part, seconds)))
        settings = {
            "model_name_or_path": model_name,
            "num_hidden_layers": layers,
            "benchmark": "mlqa-dev",
            "languages": " ".join(LANGUAGES),
            "train_file": f"en={squad / 'squad-v1.1-dev.minus-xquad.en.json.gz'}",
            "test_file": str(squad / "mlqa-dev.context-{context}.question-{question}.json.gz"),
            "max_train_samples": QUESTIONS,
            "num_train_epochs": 1,
            "eval_strategy": "no",
            "save_strategy": "no",
            "load_best_model_at_end": "no",
            "output_dir": f"{folder}/output",
            "report_to": "none",
            "disable_tqdm": "yes",
        }
        run_mlqa.main([word for name, value in settings.items() for word in (f"--{name}", *str(value).split())])
    whole = time.process_time()
    return {**seconds, REST: whole - sum(seconds.values())}


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = measuring_parser(PROGRAM, __doc__, "speed")
    parser.add_argument("--model_name_or_path", default="models/backbone")
    parser.add_argument("--num_hidden_layers", type=int, default=12, help="Of the model, the lowest.")
    return parser.parse_args()


def main() -> None:
    """Measure, write, print."""
    arguments = parse_arguments()
    own = (arguments.model_name_or_path, arguments.num_hidden_layers, arguments.data_dir)
    found = in_a_fresh_process(run, *own)
    order = [IMPORTS, *WATCHED, REST]
    rows = [Row(part, round(found[part], 1), round(found[part] / sum(found.values()), 4)) for part in order]
    settings = {"model": arguments.model_name_or_path, "layers": arguments.num_hidden_layers}
    write_part(described(PROGRAM, rows, **settings), "whole run", arguments.output)
    print(*rows, sep="\n")


if __name__ == "__main__":
    main()

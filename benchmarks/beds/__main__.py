"""Make and measure a bed.

    python -m benchmarks.beds clone --data_dir ../shared/data --output_dir outputs/beds/clone [--seeds 1 2 3]

Writes the texts, pre-trains a BERT for each seed, trains every arm from it and scores it; what is finished is not done
again, and what was interrupted goes on. `--stage` does one of them alone.
"""

import argparse
from pathlib import Path

from benchmarks.beds.clone import write_bed
from benchmarks.beds.plan import PreTraining
from benchmarks.beds.pretrain import pretrain, write_tokenizer

STAGES = ("data", "pretrain")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.beds", description=__doc__.splitlines()[0])
    parser.add_argument("bed", choices=["clone"])
    parser.add_argument("--data_dir", type=Path, default=Path("../shared/data"), help="The research data.")
    parser.add_argument("--output_dir", type=Path, default=Path("outputs/beds/clone"))
    parser.add_argument("--stage", choices=STAGES, help="One stage alone.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="Of the pre-training.")
    return parser.parse_args()


def main() -> None:
    """Do what is not yet done."""
    arguments = parse_arguments()
    data, tokenizer = arguments.output_dir / "data", arguments.output_dir / "tokenizer"
    texts = [data / "en.txt", data / "clone.txt"]
    if arguments.stage in (None, "data") and not tokenizer.exists():
        write_bed(arguments.data_dir, data)
        write_tokenizer(texts, PreTraining.vocabulary, tokenizer)
    for seed in arguments.seeds if arguments.stage in (None, "pretrain") else ():
        folder = arguments.output_dir / f"seed-{seed}" / "backbone"
        if not (folder / "model.safetensors").exists():
            pretrain(PreTraining(), texts, tokenizer, seed, folder)


if __name__ == "__main__":
    main()

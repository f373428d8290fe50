"""The command for alignment: files of sentence pairs, or a bitext in shards, or a checkpoint to be prepared.

weam align text --help
weam align prepare --help
weam align train --help
weam align apply --help
"""

import argparse
import gc

from weam.alignment import encoder, shards, text
from weam.runs import start_logging

COMMANDS = {
    "text": ("Align the sentence pairs of files, or of standard input.", text.add_arguments, text.run),
    "prepare": ("Note in a checkpoint what its encoder needs to align.", encoder.add_arguments, encoder.run),
    "train": ("Train an aligner on a bitext, or on a sample, and save it.", shards.add_train_arguments, shards.train),
    "apply": ("Align a bitext, or a shard, with a saved aligner.", shards.add_apply_arguments, shards.apply),
}


def main(argv: list[str] | None = None) -> None:
    """Run a command; None is the program's own command line."""
    parser = argparse.ArgumentParser(prog="weam align", description="Align words.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (description, add_arguments, run) in COMMANDS.items():
        command = commands.add_parser(name, help=description, description=description)
        add_arguments(command)
        command.set_defaults(run=run)
    arguments = parser.parse_args(argv)
    start_logging()
    gc.freeze()  # else all that was imported is searched for garbage with every ten thousand pairs
    arguments.run(arguments)


if __name__ == "__main__":
    main()

"""Fine-tune a checkpoint on natural language inference and score it in every language of XNLI.

    accelerate launch run_xnli.py --model_name_or_path CHECKPOINT --output_dir OUT
    accelerate launch run_xnli.py --model_name_or_path CHECKPOINT --setting translate-train --output_dir OUT

Reads `facebook/xnli` from the Hub, or local files with --train_file and --test_file. `--help` lists all settings, a
YAML file may hold them. Leaves results.json, the model, its predictions and a model card in OUT.
"""

from dataclasses import dataclass

from weam.arguments import option, parse_settings
from weam.cards.publish import prepare_output, publish
from weam.runs import leave_process_group, start_program
from weam.transfer.arguments import CheckpointArguments, FineTuningArguments, TransferArguments
from weam.transfer.tasks.text_pairs import XNLI
from weam.transfer.zero_shot import evaluate_transfer


@dataclass
class XNLIArguments:
    """What is particular to text pairs."""

    max_length: int = option(128, "Tokens of a premise and a hypothesis together, special ones included.")


CONCERNS = (CheckpointArguments, TransferArguments, XNLIArguments, FineTuningArguments)


def main(argv: list[str] | None = None) -> None:
    """Read the settings and run."""
    checkpoint_args, transfer_args, xnli_args, args = parse_settings(CONCERNS, "Cross-lingual transfer on XNLI.", argv)
    start_program(args)
    task = XNLI(transfer_args.files, xnli_args.max_length)
    repository = prepare_output(checkpoint_args, transfer_args, args)
    publish(evaluate_transfer("run_xnli", task, checkpoint_args, transfer_args, args), args, repository)


if __name__ == "__main__":
    main()
    leave_process_group()

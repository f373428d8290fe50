"""Zero-shot transfer beyond XNLI and MLQA: tags, names, paraphrases, causes, topics, retrieval.

    accelerate launch run_xtreme_r.py --task udpos --model_name_or_path CHECKPOINT --output_dir OUT
    accelerate launch run_xtreme_r.py --task tatoeba --layer 8 --model_name_or_path CHECKPOINT --output_dir OUT

Tasks: udpos, panx, pawsx (XTREME's; XTREME-R drops it), xcopa, sib200 (topics in 205 languages, of neither), and
tatoeba, which trains nothing. Reads the Hub, or local files with --train_file and --test_file. `--help` lists all
settings, a YAML file may hold them. Leaves results.json, the model, its predictions and a model card in OUT.
"""

from dataclasses import dataclass

from weam.arguments import option, parse_settings
from weam.cards.publish import prepare_output, publish
from weam.runs import leave_process_group, start_program
from weam.transfer.arguments import CheckpointArguments, FineTuningArguments, TransferArguments
from weam.transfer.retrieval import check_trains_nothing, evaluate_retrieval
from weam.transfer.tasks.sib200 import SIB200
from weam.transfer.tasks.tagging import PANX, UDPOS
from weam.transfer.tasks.tatoeba import Tatoeba
from weam.transfer.tasks.text_pairs import PAWSX
from weam.transfer.tasks.xcopa import XCOPA
from weam.transfer.zero_shot import evaluate_transfer

TATOEBA = Tatoeba.benchmark
TASKS = {task.benchmark: task for task in (UDPOS, PANX, PAWSX, XCOPA, SIB200)}


@dataclass
class TaskArguments:
    """Which task, and what is particular to it."""

    task: str = option("udpos", "What to train and test on.", (*TASKS, TATOEBA))
    max_length: int = option(128, "Tokens of an input, special ones included.")
    layer: int | None = option(None, "tatoeba: layer of the vectors. None: chosen on --dev_file.")


CONCERNS = (CheckpointArguments, TransferArguments, TaskArguments, FineTuningArguments)


def main(argv: list[str] | None = None) -> None:
    """Read the settings and run."""
    checkpoint_args, transfer_args, task_args, args = parse_settings(
        CONCERNS, "Transfer on tasks of XTREME and XTREME-R, and on SIB-200.", argv
    )
    start_program(args)
    if task_args.task == TATOEBA:
        check_trains_nothing(checkpoint_args, transfer_args, args)
    repository = prepare_output(checkpoint_args, transfer_args, args)
    if task_args.task == TATOEBA:
        results = evaluate_retrieval("run_xtreme_r", task_args.layer, checkpoint_args, transfer_args, args)
    else:
        task = TASKS[task_args.task](transfer_args.files, task_args.max_length)
        results = evaluate_transfer("run_xtreme_r", task, checkpoint_args, transfer_args, args)
    publish(results, args, repository)


if __name__ == "__main__":
    main()
    leave_process_group()

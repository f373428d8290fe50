"""Fine-tune a checkpoint on extractive question answering and score it in every language of MLQA or XQuAD.

    accelerate launch run_mlqa.py --model_name_or_path CHECKPOINT --output_dir OUT
    accelerate launch run_mlqa.py --model_name_or_path CHECKPOINT --benchmark xquad --output_dir OUT
    accelerate launch run_mlqa.py --model_name_or_path OUT --setting test-only --benchmark xquad --output_dir OTHER

MLQA is scored for all pairs of context and question language. Reads the Hub, or local files with --train_file and
--test_file. `--help` lists all settings, a YAML file may hold them. Leaves results.json, the model, its answers and a
model card in OUT.
"""

from dataclasses import dataclass

from weam.arguments import option, parse_settings
from weam.cards.publish import prepare_output, publish
from weam.runs import leave_process_group, start_program
from weam.transfer.arguments import CheckpointArguments, FineTuningArguments, TransferArguments
from weam.transfer.tasks.answer_spans import Windows
from weam.transfer.tasks.mlqa import MLQA, MLQADev, XQuAD
from weam.transfer.zero_shot import evaluate_transfer

BENCHMARKS = {task.benchmark: task for task in (MLQA, MLQADev, XQuAD)}


@dataclass
class QuestionArguments:
    """What is particular to questions and contexts."""

    benchmark: str = option("mlqa", "What to test on; mlqa-dev is MLQA's dev set.", tuple(BENCHMARKS))
    max_length: int = option(384, "Tokens of a question and a window of its context, special ones included.")
    doc_stride: int = option(128, "Tokens that neighbouring windows share.")
    max_answer_length: int = option(30, "Tokens of an answer.")


CONCERNS = (CheckpointArguments, TransferArguments, QuestionArguments, FineTuningArguments)


def main(argv: list[str] | None = None) -> None:
    """Read the settings and run."""
    checkpoint_args, transfer_args, question_args, args = parse_settings(CONCERNS, "Transfer on MLQA and XQuAD.", argv)
    start_program(args)
    windows = Windows(question_args.max_length, question_args.doc_stride, question_args.max_answer_length)
    task = BENCHMARKS[question_args.benchmark](transfer_args.files, windows)
    repository = prepare_output(checkpoint_args, transfer_args, args)
    publish(evaluate_transfer("run_mlqa", task, checkpoint_args, transfer_args, args), args, repository)


if __name__ == "__main__":
    main()
    leave_process_group()

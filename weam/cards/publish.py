"""Before and after a run: the Hub repository, then results, card and push."""

import logging
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.constants import EVAL_RESULTS_FOLDER
from huggingface_hub.errors import HfHubHTTPError
from transformers import TrainingArguments
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from weam.cards.card import card_run, write_model_card
from weam.results import RESULTS_FILE, SETTINGS_FILE, Results, read_results, write_results
from weam.runs import check_not_overwritten, check_output_dir, clear_output_dir
from weam.scores import PREDICTIONS_FOLDER
from weam.transfer.arguments import CheckpointArguments, TransferArguments
from weam.transfer.zero_shot import remove_models

logger = logging.getLogger("weam")

# What a continued run needs, and the Trainer's pickles: weights are safetensors only.
NOT_PUSHED = [f"{PREFIX_CHECKPOINT_DIR}-*", "runs/*", SETTINGS_FILE, "*.bin", "*.unfinished"]


def prepare_output(
    checkpoint_args: CheckpointArguments, transfer_args: TransferArguments, args: TrainingArguments
) -> str | None:
    """Refuse an output directory that holds something, and create the Hub repository if there is to be one.

    A directory that is to be overwritten loses the models of the run that it holds, and what a continued run would take
    for its own.

    Raises:
        ValueError: a checkpoint to resume from is named, the one to begin with would be overwritten, or nothing is
            trained that could be pushed.
        FileExistsError: the directory is not empty.
    """
    checkpoint, overwrite = checkpoint_args.model_name_or_path, transfer_args.overwrite_output_dir
    if args.push_to_hub and transfer_args.setting == "test-only":
        raise ValueError("test-only trains nothing, so there is nothing to push; leave --push_to_hub out")
    if overwrite:
        check_not_overwritten([checkpoint, transfer_args.compare_with], Path(args.output_dir))
    if args.resume_from_checkpoint not in (None, "last"):
        raise ValueError("a run of several trainings goes on with --resume_from_checkpoint last, and nothing else")
    with args.main_process_first(local=False):
        if args.process_index != 0:
            return None
        resuming = args.resume_from_checkpoint is not None
        check_output_dir(Path(args.output_dir), resuming, overwrite)
        if not resuming:
            remove_models(Path(args.output_dir))
            clear_output_dir(Path(args.output_dir), ("runs", PREDICTIONS_FOLDER, EVAL_RESULTS_FOLDER))
        return create_repository(args) if args.push_to_hub else None


def publish(results: Results | None, args: TrainingArguments, repository: str | None) -> None:
    """Write what the main process measured and the card, print its figures, and push if there is a repository.

    The other processes have no results, and do nothing.
    """
    if results is None:
        return
    output_dir = Path(args.output_dir)
    write_results(results, output_dir)
    write_model_card(output_dir)
    logger.info("\n%s\n\nsaved to %s", card_run(results).figures(), output_dir)
    if repository is not None:
        logger.info("pushed: %s", push_model(output_dir, repository, args))


def create_repository(args: TrainingArguments) -> str:
    """Create the Hub repository that `--push_to_hub` names, or find it; return its full name.

    Called before training, so that a missing permission costs seconds and not days.
    """
    api = HfApi(token=args.hub_token)
    name = args.hub_model_id or Path(args.output_dir).name
    try:
        repository = api.create_repo(name, private=args.hub_private_repo, exist_ok=True).repo_id
        if args.hub_revision is not None:
            api.create_branch(repository, branch=args.hub_revision, exist_ok=True)
    except HfHubHTTPError as error:
        error.add_note(f"the repository {name} can be neither created nor found; check --hub_model_id and the token")
        raise
    return repository


def push_model(folder: Path, repository: str, args: TrainingArguments) -> str:
    """Push a finished folder, with its card and code but without training checkpoints; return its address."""
    write_model_card(folder, repository)
    program = read_results(folder / RESULTS_FILE).program
    commit = HfApi(token=args.hub_token).upload_folder(
        repo_id=repository,
        folder_path=folder,
        revision=args.hub_revision,
        ignore_patterns=NOT_PUSHED,
        commit_message=f"Weights, card and results of {program}",
    )
    return commit.commit_url

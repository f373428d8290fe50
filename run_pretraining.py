"""Continue the pre-training of a multilingual encoder on word-aligned bitext.

    accelerate launch run_pretraining.py recipes/quickstart.yaml
    accelerate launch run_pretraining.py recipes/paper.yaml --train_file en-de=corpus.tsv.gz --output_dir OUT

A YAML file holds any setting (`--help` lists them), the command line overrides it. Reads the bitext, aligns its words,
trains, scores held-out pairs before and after, and saves a checkpoint that the stock Auto classes load.
"""

import gc
import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from huggingface_hub.constants import EVAL_RESULTS_FOLDER
from tqdm.auto import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer, TrainingArguments, set_seed

from data_collator_weam import DataCollatorForWordExchange
from weam.alignment.encoder import PAIRS_OF_SAMPLE, Sample, note_alignment
from weam.alignment.links import ENCODER
from weam.cards.publish import create_repository, publish
from weam.checkpoint import (
    LoadedModel,
    add_adapters,
    check_length,
    check_vocabulary,
    load_tokenizer,
    merge_adapters,
)
from weam.pretraining.arguments import (
    NEW_HEAD_WARMUP_STEPS,
    Arguments,
    ModelArguments,
    parse_arguments,
    pretraining_settings,
)
from weam.pretraining.checkpoint import average_with_start, load_model, save_as_stock, write_settings
from weam.pretraining.held_out import (
    BEFORE_FILE,
    HeldOutScores,
    Provenance,
    read_held_out,
    score_held_out,
    to_measurements,
    write_held_out,
)
from weam.pretraining.mixture import mix_language_pairs
from weam.pretraining.objectives.systems import WordAlignment
from weam.pretraining.objectives.words import ContrastsWords, EmbeddingAlignment
from weam.pretraining.preparation import LanguagePair, prepare_language_pairs
from weam.results import SETTINGS_FILE, Measurement, Results, command_line, course
from weam.runs import (
    check_not_overwritten,
    check_output_dir,
    check_settings,
    clear_output_dir,
    encoder_precision,
    find_checkpoint,
    leave_process_group,
    seconds_since_start,
    start_program,
)
from weam.trainer import WEAMTrainer, freeze_layers, run_training, warm_up_head

logger = logging.getLogger("weam")
MAY_CHANGE = {  # settings of a training that goes on: where something is, and what is saved at its end
    "start_share",
    *("model_name_or_path", "model_revision", "config_name", "tokenizer_name"),
    *("train_file", "dataset_name", "dataset_config", "dataset_revision", "gold_alignments"),
}

OF_OPTIMISER = ("learning_rate", "weight_decay", "adam_beta1", "adam_beta2", "adam_epsilon")  # its state has these
OF_ORDER = ("train_sampling_strategy", "data_seed")  # of the examples


def main(argv: list[str] | None = None) -> None:
    """Run the stages in order."""
    arguments = parse_arguments(argv)
    model_args, bitext_args, alignment_args, output_args, args = arguments
    start_program(args)
    writes = args.process_index == 0 and not output_args.prepare_only
    repository = prepare_output(arguments) if writes else None
    checkpoint = find_checkpoint(Path(args.output_dir), args.resume_from_checkpoint)

    set_seed(args.seed)  # what the checkpoint lacks, such as a head, is drawn now
    tokenizer, loaded = load(model_args)
    check_length(loaded.model, tokenizer, bitext_args.max_length)
    model_args.head_warmup_steps = head_warmup_steps(model_args, loaded)  # results say what it came to
    if alignment_args.aligner == ENCODER and alignment_args.aligner_model is None:
        alignment_args.aligner_model = model_args.model_name_or_path
        alignment_args.aligner_model_revision = model_args.model_revision
    gc.freeze()  # else all that was imported is searched for garbage with every ten thousand pairs
    with args.main_process_first(desc="preparing the bitext"):
        language_pairs = prepare_language_pairs(bitext_args, alignment_args, tokenizer, args.seed)
    for language_pair in language_pairs.values():
        logger.info(language_pair.report)
    if output_args.prepare_only:
        logger.info("prepared: a training with these settings finds the text in %s", bitext_args.cache_dir)
        return
    key = unchanging(arguments, loaded, language_pairs)
    check_settings(key, Path(args.output_dir) / SETTINGS_FILE, args)
    collator = DataCollatorForWordExchange(
        tokenizer,
        bitext_args.mlm_probability,
        bitext_args.max_length,
        bitext_args.pad_to_multiple_of,
        args.seed,
        return_sequence_ids=model_args.system.encodes_apart,
    )

    model = loaded.model.to(args.device)
    with encoder_precision(args):
        before = score_before(model, collator, language_pairs, args)
    trainer = train(model, collator, language_pairs, arguments, checkpoint)
    save_weights(trainer, model_args, Path(args.output_dir))
    if args.process_index == 0:
        # what was saved, not what is in memory: a training engine may have the weights in shards
        saved = type(loaded.model).from_pretrained(args.output_dir, config=model.config).to(args.device)
        after = score_after(saved, collator, language_pairs, arguments)
        held_out = [pair.held_out for pair in language_pairs.values()]
        provenance = Provenance(args.seed, model_args.origin, loaded.fingerprint)
        measured = to_measurements(before, held_out, provenance, steps=0)
        measured += to_measurements(after, held_out, provenance, trainer.state.global_step)
        publish(to_results(arguments, trainer, language_pairs, measured), args, repository)


def prepare_output(arguments: Arguments) -> str | None:
    """Refuse an output directory that holds something, and create the Hub repository if there is to be one.

    Raises:
        ValueError: what the training begins with would be overwritten.
        FileExistsError: the directory is not empty.
    """
    model_args, _, alignment_args, output_args, args = arguments
    resuming = args.resume_from_checkpoint is not None
    if output_args.overwrite_output_dir:
        named = (model_args.name, model_args.tokenizer_name, alignment_args.aligner_model)
        check_not_overwritten(named, Path(args.output_dir))
    check_output_dir(Path(args.output_dir), resuming, output_args.overwrite_output_dir)
    if not resuming:
        clear_output_dir(Path(args.output_dir), (BEFORE_FILE, SETTINGS_FILE, EVAL_RESULTS_FOLDER))
    return create_repository(args) if args.push_to_hub else None


def load(args: ModelArguments) -> tuple[PreTrainedTokenizerBase, LoadedModel]:
    """Load tokenizer and model and see that they fit."""
    tokenizer = load_tokenizer(args.tokenizer_name or args.name, args.model_revision)
    loaded = load_model(
        args.name,
        args.model_revision,
        args.weam,
        args.system,
        args.num_hidden_layers,
        from_scratch=args.model_name_or_path is None,
    )
    check_vocabulary(loaded.model, tokenizer)
    if isinstance(loaded.model, WordAlignment):
        loaded.model.freeze_reference(tokenizer)
    if isinstance(loaded.model, ContrastsWords):
        loaded.model.choose_layer(args.word_layer)
    return tokenizer, loaded


def head_warmup_steps(args: ModelArguments, loaded: LoadedModel) -> int:
    """Return for how many steps the prediction head is trained alone, and say so where that was not asked for."""
    if args.head_warmup_steps is not None:
        return args.head_warmup_steps
    if not (args.system.predicts and loaded.lacks_trained_head):
        return 0
    logger.info(
        "%s has no prediction head trained on these layers: first it learns alone, for %d steps (--head_warmup_steps)",
        args.name,
        NEW_HEAD_WARMUP_STEPS,
    )
    return NEW_HEAD_WARMUP_STEPS


def unchanging(
    arguments: Arguments, loaded: LoadedModel, language_pairs: dict[str, LanguagePair]
) -> dict[str, dict[str, Any]]:
    """Return what a run may not change when it goes on: not where its files lie, nor how long and where it trains."""
    settings, args = pretraining_settings(arguments), arguments[-1]
    batch_size = args.per_device_train_batch_size * args.gradient_accumulation_steps * args.world_size
    return {
        "checkpoint": {"weights": loaded.fingerprint},
        "model": {name: value for name, value in settings["model"].items() if name not in MAY_CHANGE},
        "bitext": {name: value for name, value in settings["bitext"].items() if name not in MAY_CHANGE},
        "data": {name: pair.prepared for name, pair in language_pairs.items()},
        "training": {
            "seed": args.seed,
            "pairs of a step": batch_size,  # else it would go on elsewhere in the text
            **{name: getattr(args, name) for name in (*OF_OPTIMISER, *OF_ORDER)},
        },
    }


def score_before(
    model: PreTrainedModel,
    collator: DataCollatorForWordExchange,
    language_pairs: dict[str, LanguagePair],
    args: TrainingArguments,
) -> list[HeldOutScores]:
    """Score the model as it came, on the main process; a resumed run reads what it measured when it began."""
    path = Path(args.output_dir) / BEFORE_FILE
    if args.process_index != 0:
        return []
    if args.resume_from_checkpoint is not None and path.exists():
        return read_held_out(path, list(language_pairs))
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = model.config.weam
    note_alignment(model.base_model.eval(), collator.tokenizer, samples(language_pairs))
    scores = score(model, collator, language_pairs)
    model.config.weam = settings  # training makes the statistics untrue
    write_held_out(scores, path)
    return scores


def score_after(
    model: PreTrainedModel,
    collator: DataCollatorForWordExchange,
    language_pairs: dict[str, LanguagePair],
    arguments: Arguments,
) -> list[HeldOutScores]:
    """Score the saved model, and note in its folder how it aligns words."""
    model_args, _, _, _, args = arguments
    with encoder_precision(args):
        note_alignment(model.base_model.eval(), collator.tokenizer, samples(language_pairs))
        scores = score(model, collator, language_pairs)
    noted = model.config.weam
    if model_args.system.auto_class is not None:  # a stock checkpoint: its other settings are of the training alone
        noted = {name: noted[name] for name in ("align_layer", "align_statistics")}
    write_settings(noted, Path(args.output_dir))
    return scores


def train(
    model: PreTrainedModel,
    collator: DataCollatorForWordExchange,
    language_pairs: dict[str, LanguagePair],
    arguments: Arguments,
    checkpoint: Path | None,
) -> Trainer:
    """Mix the language pairs, warm the head up and train."""
    model_args, bitext_args, _, _, args = arguments
    # The program pushes the finished folder. The Trainer saves its arguments, in which a token must not stand.
    not_pushing: dict[str, Any] = {"push_to_hub": False, "hub_token": None}
    args = replace(args, **not_pushing)
    train_features = {name: pair.train for name, pair in language_pairs.items()}
    held_out_features = {name: pair.held_out.features for name, pair in language_pairs.items()}
    mixture = mix_language_pairs(train_features, bitext_args.sampling_alpha, bitext_args.sampling_ratios, args.seed)

    # A checkpoint holds the head as it was warmed up; one of adapters does not.
    if checkpoint is None or model_args.use_lora:
        warm_up_head(model, args, collator, mixture, model_args.head_warmup_steps or 0)
    if isinstance(model, EmbeddingAlignment):
        model.learn_dictionary(train_features.values())
    if model_args.freeze_layers:
        freeze_layers(model, model_args.freeze_layers)
    if model_args.use_lora:
        model = add_adapters(model, model_args.lora)
    trainer = WEAMTrainer(model, args, collator, mixture, held_out_features)
    run_training(trainer, checkpoint)
    return trainer


def save_weights(trainer: Trainer, model_args: ModelArguments, folder: Path) -> None:
    """Save the trained model and its tokenizer; adapters are merged first. Every process calls this."""
    trainer.model = merge_adapters(trainer.model)
    trainer.save_model(str(folder))
    if trainer.args.process_index != 0:
        return
    if model_args.start_share:
        _, start = load(model_args)
        average_with_start(folder, start, model_args.start_share)
    if model_args.system.auto_class is not None:
        save_as_stock(folder, model_args.system.auto_class)


def samples(language_pairs: dict[str, LanguagePair]) -> list[Sample]:
    """Take held-out pairs of each language pair, to fit the word aligner on."""
    held_out = [pair.held_out for pair in language_pairs.values()]
    return [Sample(x.sources[:PAIRS_OF_SAMPLE], x.targets[:PAIRS_OF_SAMPLE], x.gold_to_choose_by) for x in held_out]


def score(
    model: PreTrainedModel, collator: DataCollatorForWordExchange, language_pairs: dict[str, LanguagePair]
) -> list[HeldOutScores]:
    """Score the held-out pairs of every language pair."""
    progress = tqdm(language_pairs.values(), desc="scoring held-out pairs", unit=" language pairs")
    return [score_held_out(model, collator, pair.held_out) for pair in progress]


def to_results(
    arguments: Arguments, trainer: Trainer, language_pairs: dict[str, LanguagePair], measured: list[Measurement]
) -> Results:
    """Gather what the run leaves in `results.json`."""
    args = arguments[-1]
    return Results(
        program="run_pretraining",
        command=command_line(args.hub_token),
        settings=pretraining_settings(arguments),
        data=[asdict(pair.report) for pair in language_pairs.values()],
        trainings=[course("", args.seed, trainer.state)],
        measurements=measured,
        total_seconds=seconds_since_start(),
    )


if __name__ == "__main__":
    main()
    leave_process_group()

"""Stage 6 without training: translation retrieval of a checkpoint as it is, into the results of the other programs."""

from dataclasses import asdict
from pathlib import Path

from tqdm.auto import tqdm
from transformers import AutoModel, TrainingArguments

from weam.checkpoint import load_fast_tokenizer, load_with_head
from weam.results import Measurement, Results, Training, command_line
from weam.runs import encoder_precision, seconds_since_start
from weam.scores import predictions_file, write_predictions
from weam.transfer.arguments import CheckpointArguments, TransferArguments
from weam.transfer.comparison import check_comparable, with_comparisons
from weam.transfer.examples import check_named, record_of
from weam.transfer.jobs import choose_languages
from weam.transfer.tasks.task import fingerprint, subset
from weam.transfer.tasks.tatoeba import Tatoeba, Translation, choose_layer, read_translations, score_retrieval

BENCHMARK = Tatoeba.benchmark
NAME = "test-only"


Pairs = dict[str, list[Translation]]  # by language


def check_trains_nothing(
    checkpoint_args: CheckpointArguments, transfer_args: TransferArguments, args: TrainingArguments
) -> None:
    """Refuse what only a training has a use for.

    Raises:
        ValueError: settings of a training are given, or a push is asked for.
    """
    if transfer_args.setting not in ("zero-shot", NAME) or checkpoint_args.use_lora or transfer_args.intermediate_task:
        raise ValueError("tatoeba trains nothing: leave --setting, --use_lora and --intermediate_task out")
    if args.push_to_hub:
        raise ValueError("tatoeba trains nothing, so there is nothing to push; leave --push_to_hub out")


def evaluate_retrieval(
    program: str,
    layer: int | None,
    checkpoint_args: CheckpointArguments,
    transfer_args: TransferArguments,
    args: TrainingArguments,
) -> Results | None:
    """Choose the layer on dev pairs, unless it is given, and score retrieval in every language.

    Returns:
        What was measured; None in all processes but the main one.

    Raises:
        ValueError: a language or layer is unknown, or there are no dev pairs.
    """
    dev, test = read_pairs(transfer_args, chooses=layer is None)
    check_comparable(transfer_args.baseline, {(BENCHMARK, name): fingerprint(pairs) for name, pairs in test.items()})
    if args.process_index != 0:  # one process is enough
        return None
    name, revision = checkpoint_args.model_name_or_path, checkpoint_args.model_revision
    tokenizer = load_fast_tokenizer(checkpoint_args.tokenizer_name or name, revision)
    loaded = load_with_head(AutoModel, name, revision, num_hidden_layers=checkpoint_args.num_hidden_layers)
    encoder = loaded.model.to(args.device).eval()
    if layer is not None and not 1 <= layer <= encoder.config.num_hidden_layers:
        raise ValueError(f"--layer is {layer}; the layers of {name} are 1 to {encoder.config.num_hidden_layers}")
    with encoder_precision(args):
        chosen, by_layer = (layer, []) if layer is not None else choose_layer(encoder, tokenizer, dev)
    measurements = []
    for language, pairs in tqdm(test.items(), desc="scoring retrieval", unit=" languages"):
        with encoder_precision(args):
            scored = score_retrieval(encoder, tokenizer, pairs, chosen)
        write_predictions(scored, predictions_file(Path(args.output_dir), NAME, BENCHMARK, language))
        origin = (args.seed, 0, name, loaded.fingerprint, fingerprint(pairs))
        for metric, ratio in scored.metrics.items():
            measurements.append(Measurement(BENCHMARK, language, metric, ratio.value, ratio.count, *origin))
    task = {"benchmark": BENCHMARK, "layer": chosen, "dev accuracy by layer": by_layer}
    results = Results(
        program=program,
        command=command_line(args.hub_token),
        settings={"checkpoint": asdict(checkpoint_args), "transfer": asdict(transfer_args), "task": task},
        data=[
            record_of(split, language, len(pairs), fingerprint(pairs))
            for split, parts in (("dev", dev), ("test", test))
            for language, pairs in parts.items()
        ],
        trainings=[Training(NAME, args.seed, 0, 0, 0.0, [])],
        measurements=measurements,
        total_seconds=seconds_since_start(),
    )
    return with_comparisons(results, Path(args.output_dir), transfer_args.baseline)


def read_pairs(args: TransferArguments, chooses: bool) -> tuple[Pairs, Pairs]:
    """Return dev pairs, if a layer is to be chosen, and test pairs."""
    files, languages = args.files, choose_languages(Tatoeba, args.languages)
    named = files.languages("dev", languages) or languages[:1]
    dev = {name: read_translations(files, "dev", name) for name in named} if chooses else {}
    check_named(args, {"train": set(), "dev": set(dev), "test": set(languages)})
    test = {name: read_translations(files, "test", name) for name in languages}
    return (
        {name: subset(pairs, args.max_dev_samples) for name, pairs in dev.items()},
        {name: subset(pairs, args.max_test_samples) for name, pairs in test.items()},
    )

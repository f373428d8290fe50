"""Results of runs that never were, for what is written from results."""

from dataclasses import replace

from weam.pretraining.held_out import HeldOut, HeldOutScores, Provenance, to_measurements
from weam.results import Measurement, Results, Training

MBERT = "google-bert/bert-base-multilingual-cased"
DAY = {"date": "2026-01-31", "versions": {"python": "3.11.7", "torch": "2.13.0"}}
SCORES = HeldOutScores("en-de", 200, 3.456, 4.0, 0.5, 0.25, 0, None)
BETTER = {"multilingual_loss": 2.0, "cross_lingual_loss": 1.994, "retrieval_source_to_target": 1.0}
CHINESE = replace(SCORES, language_pair="en-zh", gold_sentences=10, alignment_error_rate=0.3333)


def pretraining(base: str | None = MBERT, **model: object) -> Results:
    """Return results of a pre-training; `model` changes settings of it."""

    class Pair(HeldOut):
        fingerprint, gold_fingerprint = "1111111111111111", "2222222222222222"

    pairs = [Pair(name, None, [], [], []) for name in ("en-de", "en-zh")]
    origin = Provenance(42, base or "from scratch: some/config", "aaaaaaaaaaaaaaaa")
    after = [replace(SCORES, **BETTER), replace(CHINESE, **BETTER, alignment_error_rate=0.25)]
    return Results(
        program="run_pretraining",
        command="run_pretraining.py recipes/paper.yaml --push_to_hub",
        settings={
            "model": {
                "model_name_or_path": base,
                "objective": "weam",
                "exchange": "representation",
                "cross_lingual_weight": 1.0,
                "use_lora": False,
                "lora_r": 16,
                **model,
            },
            "bitext": {"train_file": ["en-de=/abs/a.tsv"], "dataset_name": None, "max_train_pairs": None},
            "alignment": {"aligner": "fast_align", "alignments": [], "alignments_unit": "word"},
            "training": {"learning_rate": 5e-05, "seed": 42},
        },
        data=[
            {"language_pair": "en-de", "read": 1300, "kept": 1234, "dropped": {"duplicate": 66}},
            {"language_pair": "en-zh", "read": 99, "kept": 99, "dropped": {}},
        ],
        trainings=[Training("", 42, 1500, 2_000_000, 5400.0, [])],
        measurements=to_measurements([SCORES, CHINESE], pairs, origin, 0) + to_measurements(after, pairs, origin, 1500),
        total_seconds=6000.0,
        **DAY,
    )


XNLI_VALUES = {("en", 1): 0.8, ("en", 2): 0.7, ("de", 1): 1 / 3, ("de", 2): 0.5}  # (language, seed) -> accuracy


def evaluation(
    checkpoint: str = "/abs/aligned",
    values: dict[tuple[str, int], float] = XNLI_VALUES,
    benchmark: str = "xnli",
    metrics: tuple[str, ...] = ("accuracy",),
    **transfer: object,
) -> Results:
    """Return results of an evaluation; `transfer` changes its settings."""
    defaults = {"setting": "zero-shot", "seeds": [1, 2], "max_train_samples": None}
    files = {"train_file": [], "dev_file": [], "test_file": [], "max_test_samples": None}
    languages = list(dict.fromkeys(language for language, _ in values))
    seeds = dict.fromkeys(seed for _, seed in values)
    program = {"xnli": "run_xnli", "mlqa": "run_mlqa", "xquad": "run_mlqa"}.get(benchmark, "run_xtreme_r")
    return Results(
        program=program,
        command=f"{program}.py --model_name_or_path {checkpoint} --output_dir out",
        settings={
            "checkpoint": {"model_name_or_path": checkpoint, "use_lora": False},
            "transfer": {**defaults, **files, **transfer},
            "task": {"benchmark": benchmark, "max_length": 128},
            "training": {"learning_rate": 2e-05},
        },
        data=[
            {"split": "train", "language": "en", "count": 20000, "fingerprint": "cccccccccccccccc"},
            {"split": "dev", "language": "en", "count": 2490, "fingerprint": "dddddddddddddddd"},
            *({"split": "test", "language": x, "count": 5010, "fingerprint": f"{x} tests"} for x in languages),
        ],
        trainings=[Training(f"seed-{seed}", seed, 625, 1_000_000, 1800.0, []) for seed in seeds],
        measurements=[
            Measurement(benchmark, language, metric, value, 5010, seed, 625, checkpoint, "b" * 16, f"{language} tests")
            for (language, seed), value in values.items()
            for metric in metrics
        ],
        total_seconds=4000.0,
        **DAY,
    )


def base_evaluation(**transfer: object) -> Results:
    """Return results of the untouched base, ten points worse in English and as good in German."""
    values = {("en", 1): 0.7, ("en", 2): 0.6, ("de", 1): 0.5, ("de", 2): 1 / 3}
    return evaluation("/abs/base", values, **transfer)

"""The tables of docs/scaling.md: how cost grows, and a plan for a hundred million pairs from these figures."""

from dataclasses import dataclass

from benchmarks.markdown import table
from benchmarks.records import Record, read
from benchmarks.speed.step import STOCK

# What the plan takes for granted; nothing of it was measured here.
PLANNED_PAIRS = 100_000_000
PLANNED_EPOCHS = 2
PLANNED_GPUS = (8, 64)
PAIRS_OF_A_GPU = 512  # in a step
PEAK_FLOPS = 312e12  # of an A100 in bfloat16, a second
UTILISATION = 0.35  # of it
NETWORK = 25e9  # bytes a second between machines of eight GPUs: 200 Gbit
ALIGNER_PAIRS = 5_000_000  # `weam align train` trains on so many
SHARDS = 16  # processes that align, on as many pairs of cores

# mBERT; a multiplication and an addition for each weight and token forward, twice that backward.
ENCODER_WEIGHTS = 12 * (4 * 768**2 + 2 * 768 * 3072)
HEAD_WEIGHTS = 768**2 + 768 * 119_547
PARAMETERS = 178_000_000
MASKED = 0.3  # of the tokens; each goes through the head once


def growth() -> str:
    """Lay out what one step costs under other lengths, vocabularies and mask rates."""
    rows = read("speed")["growth"]["rows"]
    found = {(*row["shape"].values(), row["contender"]): row for row in rows}
    lines = []
    for row in rows:
        if row["contender"] != STOCK:
            stock = found[*row["shape"].values(), STOCK]
            lines.append(
                [condition(row["shape"]), f"{stock['seconds']:.1f}", f"{row['seconds']:.1f}"]
                + [f"{row['times_stock_seconds']:.2f}", f"{stock['megabytes']:,}", f"{row['megabytes']:,}"]
                + [f"{row['times_stock_megabytes']:.2f}"]
            )
    columns = ["one step", "stock, s", "WEAM, s", "times stock", "stock, MB", "WEAM, MB", "times stock"]
    return table(columns, lines)


def condition(shape: Record) -> str:
    """Name what a measurement varies.

    >>> condition({"layers": 4, "vocabulary": 30522, "batch_size": 8, "length": 128, "mask_rate": 0.3})
    '8 x 128 tokens, vocabulary 30,522, 30 % masked'
    """
    rows, masked = f"{shape['batch_size']} x {shape['length']} tokens", f"{100 * shape['mask_rate']:.0f} % masked"
    return f"{rows}, vocabulary {shape['vocabulary']:,}, {masked}"


def processes() -> str:
    """Lay out what sharing a batch out over processes brings."""
    rows = [
        [str(row["processes"]), f"{row['seconds']:.2f}", f"{100 * row['efficiency']:.0f}"]
        for row in read("speed")["processes"]["rows"]
    ]
    return table(["processes", "one step, s", "efficiency, %"], rows)


def alignment() -> str:
    """Lay out what aligning costs, beside the original program."""
    rows = [
        [f"{row['pairs']:,}", f"{row['tokens'] / row['pairs']:.1f}", f"{row['weam']['seconds']:.0f}"]
        + [f"{row['original']['seconds']:.0f}", f"{row['times_original']:.2f}"]
        + [f"{1e6 * row['weam']['processor_seconds'] / row['cells']:.1f}"]
        + [f"{row['weam']['megabytes']:,}", f"{row['original']['megabytes']:,}"]
        for row in read("alignment")["growth"]["rows"]
    ]
    columns = ["pairs", "tokens a pair", "ours, s", "original, s", "times original", "ours, core s a million cells"]
    return table([*columns, "ours, MB", "original, MB"], rows)


def start_up() -> str:
    """Lay out how long a run takes to its first batch."""
    rows = [
        [f"{row['pairs']:,}", f"{row['first_seconds']:.0f}", f"{max(0, row['first_megabytes']):,}"]
        + [f"{row['again_seconds']:.1f}", f"{max(0, row['again_megabytes']):,}", f"{row['gigabytes_on_disk']:.1f}"]
        for row in read("speed")["start"]["rows"]
    ]
    return table(["pairs", "first, s", "memory, MB", "again, s", "memory, MB", "on disk, GB"], rows)


def preparation() -> str:
    """Lay out how long one core and several take to prepare text, now and in the version before."""
    rows = [
        [row["code"], str(row["cores"]), f"{row['pairs']:,}", f"{row['seconds']:.1f}", f"{row['megabytes']:,}"]
        for row in read("speed")["preparation"]["rows"]
    ]
    return table(["version", "cores", "pairs", "seconds", "memory, MB"], rows)


@dataclass(frozen=True)
class Unit:
    """What one pair of sentences costs, from the largest measurements."""

    tokens: float
    flops: float  # of a training step, forward and backward
    prepare_seconds: float  # of two cores, without links
    align_seconds: float  # of two cores, with a trained aligner
    first_bytes: float  # in memory, the first time
    aligner_seconds: float  # of two cores, to train
    aligner_bytes: float  # both directions


def unit() -> Unit:
    """Return the cost of a pair."""
    aligned = read("alignment")["growth"]["rows"][-1]
    started = read("speed")["start"]["rows"][-1]
    tokens = aligned["tokens"] / aligned["pairs"] + 3  # with special tokens
    training = aligned["weam"]["training_seconds"]
    return Unit(
        tokens=tokens,
        flops=6 * tokens * (ENCODER_WEIGHTS + MASKED * HEAD_WEIGHTS),
        prepare_seconds=started["first_seconds"] / started["pairs"],
        align_seconds=(aligned["weam"]["seconds"] - training) / aligned["pairs"],
        first_bytes=1e6 * started["first_megabytes"] / started["pairs"],
        aligner_seconds=training / aligned["pairs"],
        aligner_bytes=1e6 * aligned["weam"]["megabytes"] / aligned["pairs"],
    )


def preparing() -> str:
    """Lay out what so many pairs would cost before any training: the measured cost of a pair times the pairs."""
    one = unit()
    aligner = ALIGNER_PAIRS * one.aligner_bytes
    stages = {
        f"train the aligner on {ALIGNER_PAIRS:,} pairs": (2, ALIGNER_PAIRS * one.aligner_seconds, aligner),
        f"align, {SHARDS} shards at once": (2 * SHARDS, PLANNED_PAIRS * one.align_seconds / SHARDS, SHARDS * aligner),
        "read, cut, choose, encode": (2, PLANNED_PAIRS * one.prepare_seconds, PLANNED_PAIRS * one.first_bytes),
    }
    rows = [
        [stage, str(cores), f"{seconds / 3600:.1f}", f"{held / 1e9:.0f}"]
        for stage, (cores, seconds, held) in stages.items()
    ]
    return table(["stage", "cores", "hours", "memory, GB"], rows)


def training() -> str:
    """Lay out the training on so many GPUs, under what is taken for granted above."""
    rows = []
    computing = PAIRS_OF_A_GPU * unit().flops / (PEAK_FLOPS * UTILISATION)
    for gpus in PLANNED_GPUS:
        batch = gpus * PAIRS_OF_A_GPU
        steps = PLANNED_EPOCHS * PLANNED_PAIRS / batch
        network = 2 * 4 * PARAMETERS / NETWORK if gpus > 8 else 0.0
        seconds = computing + network
        rows.append(
            [str(gpus), f"{batch:,}", f"{steps:,.0f}", f"{computing:.3f}", f"{network:.3f}"]
            + [f"{steps * seconds / 3600:.1f}", f"{PAIRS_OF_A_GPU / seconds:,.0f}"]
        )
    columns = ["GPUs", "pairs a step", "steps", "computing, s a step", "network, s a step", "hours", "pairs/s of a GPU"]
    return table(columns, rows)


TABLES = {
    "growth": growth,
    "processes": processes,
    "alignment": alignment,
    "start": start_up,
    "preparation": preparation,
    "preparing": preparing,
    "training": training,
}

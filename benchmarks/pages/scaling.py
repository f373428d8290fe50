"""Write the tables of docs/scaling.md: how cost grows, and a plan from these figures.

python -m benchmarks.pages
"""

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
ALIGNER_PAIRS = 5_000_000  # `python -m weam.alignment` trains on so many
SHARDS = 16  # processes that align, on as many pairs of cores

# mBERT; a multiplication and an addition for each weight and piece forward, twice that backward.
ENCODER_WEIGHTS = 12 * (4 * 768**2 + 2 * 768 * 3072)
HEAD_WEIGHTS = 768**2 + 768 * 119_547
PARAMETERS = 178_000_000
MASKED = 0.3  # of the pieces; each goes through the head once


def growth() -> str:
    """Write what one step costs under other lengths, vocabularies and mask rates."""
    record = read("speed")["parts"]["growth"]
    rows = record["rows"]
    base = rows[0]["shape"]
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
    head = (
        f"{base['layers']} layers of 768, {base['batch_size'] * base['length']:,} pieces a batch, in float32 on "
        f"{record['machine']['threads']} cores; memory beyond parameters, gradients and optimiser state. What stands "
        f"beside the stock model is {rows[1]['contender']}. Measured "
        f"{record['date']} with `{record['command']}`."
    )
    columns = ["one step", "stock, s", "WEAM, s", "times stock", "stock, MB", "WEAM, MB", "times stock"]
    return f"{head}\n\n{table(columns, lines)}"


def condition(shape: Record) -> str:
    """Name what a measurement varies.

    >>> condition({"layers": 4, "vocabulary": 30522, "batch_size": 8, "length": 128, "mask_rate": 0.3})
    '8 x 128, 30,522 pieces, 30 % masked'
    """
    rows, masked = f"{shape['batch_size']} x {shape['length']}", f"{100 * shape['mask_rate']:.0f} % masked"
    return f"{rows}, {shape['vocabulary']:,} pieces, {masked}"


def processes() -> str:
    """Write what sharing a batch out over processes brings."""
    record = read("scaling")
    head = (
        f"The same {record['batch_size']} pairs a step, shared out; each process has one thread of a processor, "
        f"gradients travel by Gloo. Median of {record['rounds']} rounds of {record['steps']} steps. Measured "
        f"{record['date']} with `{record['command']}`."
    )
    rows = [
        [str(row["processes"]), f"{row['seconds']:.2f}", f"{100 * row['efficiency']:.0f}"] for row in record["rows"]
    ]
    return f"{head}\n\n{table(['processes', 'one step, s', 'efficiency, %'], rows)}"


def alignment() -> str:
    """Write what aligning costs, beside the original program."""
    record = read("alignment_growth")
    head = (
        "Real pairs of all languages in mBERT's pieces, beyond those at hand joined two by two. Ours trains and aligns "
        "both directions in two processes and intersects; the original does both directions in two processes, one "
        "thread each. Cells are source pieces times target pieces, added up over the pairs: what a round of training "
        f"looks at. Memory is that of both directions. Measured {record['date']} with `{record['command']}`."
    )
    rows = [
        [f"{row['pairs']:,}", f"{row['pieces'] / row['pairs']:.1f}", f"{row['ours']['seconds']:.0f}"]
        + [f"{row['original']['seconds']:.0f}", f"{row['times_original']:.2f}"]
        + [f"{1e6 * row['ours']['processor_seconds'] / row['cells']:.1f}"]
        + [f"{row['ours']['megabytes']:,}", f"{row['original']['megabytes']:,}"]
        for row in record["rows"]
    ]
    columns = ["pairs", "pieces a pair", "ours, s", "original, s", "times original", "ours, core s a million cells"]
    return f"{head}\n\n{table([*columns, 'ours, MB', 'original, MB'], rows)}"


def start_up() -> str:
    """Write how long a run takes to its first batch."""
    record = read("start_up")
    head = (
        "From the command to the first batch, on generated pairs of eight words a side with links from a file: the "
        "first time, when everything is read, cut and encoded, and again, when it is on disk. Memory at the peak, "
        "beyond that on a thousand pairs, mapped files left out. "
        f"Measured {record['date']} with `{record['command']}`."
    )
    rows = [
        [f"{row['pairs']:,}", f"{row['first_seconds']:.0f}", f"{row['first_megabytes']:,}"]
        + [f"{row['again_seconds']:.1f}", f"{row['again_megabytes']:,}", f"{row['gigabytes_on_disk']:.1f}"]
        for row in record["rows"]
    ]
    columns = ["pairs", "first, s", "memory, MB", "again, s", "memory, MB", "on disk, GB"]
    return f"{head}\n\n{table(columns, rows)}"


@dataclass(frozen=True)
class Unit:
    """What one pair of sentences costs, from the largest measurements."""

    pieces: float
    flops: float  # of a training step, forward and backward
    prepare_seconds: float  # of one core, without links
    align_seconds: float  # of two cores, with a trained aligner
    disk_bytes: float
    first_bytes: float  # in memory, the first time
    again_bytes: float
    aligner_seconds: float  # of two cores, to train
    aligner_bytes: float  # both directions


def unit() -> Unit:
    """Return the cost of a pair."""
    aligned = read("alignment_growth")["rows"][-1]
    started = read("start_up")["rows"][-1]
    pieces = aligned["pieces"] / aligned["pairs"] + 3  # with special pieces
    training = aligned["ours"]["training_seconds"]
    return Unit(
        pieces=pieces,
        flops=6 * pieces * (ENCODER_WEIGHTS + MASKED * HEAD_WEIGHTS),
        prepare_seconds=started["first_seconds"] / started["pairs"],
        align_seconds=(aligned["ours"]["seconds"] - training) / aligned["pairs"],
        disk_bytes=1e9 * started["gigabytes_on_disk"] / started["pairs"],
        first_bytes=1e6 * started["first_megabytes"] / started["pairs"],
        again_bytes=1e6 * started["again_megabytes"] / started["pairs"],
        aligner_seconds=training / aligned["pairs"],
        aligner_bytes=1e6 * aligned["ours"]["megabytes"] / aligned["pairs"],
    )


def plan() -> str:
    """Write what a hundred million pairs would cost."""
    one, giga = unit(), 1e9
    cores = [
        [f"train the aligner on {ALIGNER_PAIRS:,} pairs", "2 cores", hours(ALIGNER_PAIRS * one.aligner_seconds)]
        + [f"{ALIGNER_PAIRS * one.aligner_bytes / giga:.0f}"],
        [f"align, {SHARDS} shards at once", f"{2 * SHARDS} cores", hours(PLANNED_PAIRS * one.align_seconds / SHARDS)]
        + [f"{SHARDS * ALIGNER_PAIRS * one.aligner_bytes / giga:.0f}"],
        ["read, cut, choose, encode", "1 core", hours(PLANNED_PAIRS * one.prepare_seconds)]
        + [f"{PLANNED_PAIRS * one.first_bytes / giga:.0f}"],
    ]
    training = [training_row(gpus, one) for gpus in PLANNED_GPUS]
    head = (
        f"{PLANNED_PAIRS:,} pairs of {one.pieces:.0f} pieces, {PLANNED_EPOCHS} epochs, mBERT's shape. First what needs "
        "no GPU, each time the measured cost of a pair times the pairs; on disk it comes to "
        f"{PLANNED_PAIRS * one.disk_bytes / giga:.0f} GB. Reading, disk and memory were measured on the shorter pairs "
        "above, of eight words a side: expect more. The memory of an aligner is an upper bound: its table grows slower "
        "than the text."
    )
    text = (
        f"Then the training, target exchange: a pair costs {one.flops / giga:.1f} GFLOP; {PAIRS_OF_A_GPU} pairs a GPU "
        "and step. "
        f"**Assumed, not measured:** a GPU of {PEAK_FLOPS / 1e12:.0f} TFLOP/s (A100, bfloat16) used to "
        f"{100 * UTILISATION:.0f} %, and {8 * NETWORK / 1e9:.0f} Gbit/s between machines of eight, over which "
        f"{4 * PARAMETERS / 1e6:,.0f} MB of gradients go twice a step, in the worst case after everything is computed. "
        f"Every process holds the order of its epoch, {PLANNED_PAIRS * one.again_bytes / giga:.1f} GB."
    )
    columns = ["GPUs", "pairs a step", "steps", "computing, s a step", "network, s a step", "hours", "pairs/s of a GPU"]
    return "\n\n".join([head, table(["stage", "on", "hours", "memory, GB"], cores), text, table(columns, training)])


def training_row(gpus: int, one: Unit) -> list[str]:
    """Lay out the training on so many GPUs."""
    batch = gpus * PAIRS_OF_A_GPU
    steps = PLANNED_EPOCHS * PLANNED_PAIRS / batch
    computing = PAIRS_OF_A_GPU * one.flops / (PEAK_FLOPS * UTILISATION)
    network = 2 * 4 * PARAMETERS / NETWORK if gpus > 8 else 0.0
    return [
        *(str(gpus), f"{batch:,}", f"{steps:,.0f}", f"{computing:.3f}", f"{network:.3f}"),
        *(hours(steps * (computing + network)), f"{PAIRS_OF_A_GPU / (computing + network):,.0f}"),
    ]


def hours(seconds: float) -> str:
    """Write a time in hours.

    >>> hours(5400)
    '1.5'
    """
    return f"{seconds / 3600:.1f}"


SECTIONS = {
    "growth": growth,
    "processes": processes,
    "alignment": alignment,
    "start": start_up,
    "plan": plan,
}

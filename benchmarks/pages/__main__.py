"""Write the tables of the documentation from `benchmarks/results/*.json`.

    python -m benchmarks.pages

What stands between two marks such as `<!-- step -->` in a page is written here, tables only; the sentences around it
are written by hand. A test sees to it that the pages are what this writes. `quickstart.json` holds the `results.json`
of the quick start with an encoder of each family.
"""

from collections.abc import Callable
from pathlib import Path

from benchmarks.markdown import fill, percent, table
from benchmarks.pages import aligners as aligners_page
from benchmarks.pages import results as results_page
from benchmarks.pages import scaling as scaling_page
from benchmarks.records import ROOT, read
from benchmarks.study.beds.report import figure_over_seeds, read_figures
from weam.results import parse_results

BED_COLUMNS = ("tags", "retrieval", "AER")
BED_ROWS = (  # of the README: the method, its placebo, and what it is compared with
    "none",
    "TLM",
    "word-aligned (Cao)",
    "WEAM, representation",
    "WEAM, representation, links shuffled",
    "word-contrastive",
    "WEAM + word-contrastive",
    "WEAM + word-contrastive, links shuffled",
    "WEAM + translation ranking",
)


def beds() -> str:
    """Lay out what the two beds say of the systems that they have measured."""
    measured = {"clone": read_figures("clone"), "real": read_figures("real")}
    rows = []
    for name in BED_ROWS:
        counts = [str(len(figures.get(name, {}))) for figures in measured.values()]
        cells = [figure_over_seeds(figures, name, key) for figures in measured.values() for key in BED_COLUMNS]
        rows.append([name, " and ".join(counts), *(str(cell or "–") for cell in cells)])
    columns = [f"{key}, {bed}" for bed in measured for key in BED_COLUMNS]
    return table(["continued with", "encoders", *columns], rows)


def quickstart() -> str:
    """Lay out what the quick start measured."""
    return results_page.held_out(parse_results(read("quickstart")["BERT"], "BERT in quickstart.json"))


def families() -> str:
    """Lay out what the quick start measured with an encoder of each family, from scratch."""
    rows = [
        [family, *row]
        for family, results in read("quickstart").items()
        for row in results_page.held_out_rows(parse_results(results, f"{family} in quickstart.json"))
    ]
    return table(["family", *results_page.HELD_OUT], rows)


def step() -> str:
    """Lay out what a training step costs."""
    rows = [
        [row["contender"], f"{row['seconds']:.1f}", f"{row['times_stock_seconds']:.2f}"]
        + [f"{row['megabytes']:,}", f"{row['times_stock_megabytes']:.2f}"]
        for row in read("speed")["step"]["rows"]
    ]
    return table(["one step", "seconds", "times stock", "memory, MB", "times stock"], rows)


def step_families() -> str:
    """Lay out what a training step costs in each family of encoders, with a large vocabulary."""
    rows = [
        [row["shape"]["family"], row["contender"], f"{row['seconds']:.1f}", f"{row['times_stock_seconds']:.2f}"]
        + [f"{row['megabytes']:,}", f"{row['times_stock_megabytes']:.2f}"]
        for row in read("speed")["families"]["rows"]
    ]
    return table(["family", "one step", "seconds", "times stock", "memory, MB", "times stock"], rows)


def real_text() -> str:
    """Lay out how fast real text goes through a training."""
    rows = read("speed")["bitext"]["rows"]
    grouped = rows[1]["tokens_per_second"]
    cells = [
        [row["contender"], f"{row['tokens_per_second']:.0f}", f"{row['times_stock_tokens_per_second']:.2f}"]
        + [f"{row['tokens_per_second'] / grouped:.2f}"]
        for row in rows
    ]
    return table(["real text", "tokens/s", "times padded recipe", "times grouped recipe"], cells)


def collator() -> str:
    """Lay out how fast batches are made."""
    rows = [
        [row["collator"], str(row["batch_size"]), f"{row['pairs_per_second']:,}", f"{row['times_stock']:.2f}"]
        for row in read("speed")["collator"]["rows"]
    ]
    return table(["collator", "batch", "pairs/s", "times stock"], rows)


def fine_tuning() -> str:
    """Lay out how fast fine-tuning and prediction go beside a plain script."""
    rows = [
        [row["task"], row["contender"], f"{row['trained_per_second']:.1f}", f"{row['times_trained']:.2f}"]
        + [f"{row['predicted_per_second']:.1f}", f"{row['times_predicted']:.2f}"]
        for row in read("speed")["fine-tuning"]["rows"]
    ]
    return table(["task", "script", "trained rows/s", "times plain", "predicted rows/s", "times plain"], rows)


def memory() -> str:
    """Lay out the peak of memory after few steps and after many."""
    rows = [
        [f"{row['steps']:,}", f"{row['megabytes']:,}", f"{row['times_first']:.2f}"]
        for row in read("speed")["memory"]["rows"]
    ]
    return table(["steps", "memory at the peak, MB", "times the first"], rows)


def rounding() -> str:
    """Lay out what it brings to let few shapes occur."""
    rows = read("speed")["rounding"]["rows"]
    cells = [
        [f"{row['lengths']}", f"{row['scored']}", f"{row['seconds']:.1f}", f"{row['seconds'] / rows[0]['seconds']:.2f}"]
        + [f"{row['megabytes']:,}"]
        for row in rows
    ]
    columns = [
        "lengths are multiples of",
        "scored vectors are multiples of",
        "seconds",
        "times the first",
        "memory, MB",
    ]
    return table(columns, cells)


def precision_step() -> str:
    """Lay out what a step costs in either precision."""
    rows = [
        [row["contender"], row["precision"], f"{row['seconds']:.1f}", f"{row['times_stock']:.2f}"]
        + [f"{row['times_float32']:.2f}"]
        for row in read("speed")["precision, step"]["rows"]
    ]
    return table(["one step", "precision", "seconds", "times stock", "times float32"], rows)


def precision_scores() -> str:
    """Lay out what a training and an encoder reach in either precision."""
    last = read("speed")["precision, training"]["rows"][-1]
    rows = [[f"loss of a training after {last['steps']} steps", *(f"{last[name]:.4f}" for name in PRECISIONS)]]
    for row in read("speed")["precision, encoder"]["rows"]:
        rows.append([f"{row['metric']}, {row['data']}, %", *(f"{100 * row[name]:.2f}" for name in PRECISIONS)])
    return table(["figure", *PRECISIONS], rows)


def whole_run() -> str:
    """Lay out where a fine-tuning with its tests spends its time."""
    rows = [[row["part"], f"{row['seconds']:.1f}", percent(row["share"])] for row in read("speed")["whole run"]["rows"]]
    return table(["part of the run", "seconds", "share, %"], rows)


def quick_start_time() -> str:
    """Lay out how long the quick start takes, before and now, and what it reaches, with each seed."""
    rows = [
        [str(row["seed"]), row["code"], f"{row['seconds']:.0f}", f"{row['cross_lingual_loss']:.2f}"]
        + [percent(row["retrieval"]), percent(row["alignment_error_rate"])]
        for row in read("speed")["quick start"]["rows"]
    ]
    return table(["seed", "version", "seconds", "cross-lingual loss", "retrieval, %", "AER, %"], rows)


DOCS = ROOT / "docs"
PRECISIONS = ("float32", "bfloat16")
PAGES: dict[Path, dict[str, Callable[[], str]]] = {
    ROOT / "README.md": {"beds": beds},
    DOCS / "quickstart.md": {"quickstart": quickstart},
    DOCS / "pretraining.md": {"families": families},
    DOCS / "speed.md": {
        "step": step,
        "step of families": step_families,
        "real text": real_text,
        "fine-tuning": fine_tuning,
        "collator": collator,
        "memory": memory,
        "rounding": rounding,
        "precision of a step": precision_step,
        "precision": precision_scores,
        "whole run": whole_run,
        "quick start": quick_start_time,
    },
    DOCS / "results.md": results_page.TABLES,
    DOCS / "scaling.md": scaling_page.TABLES,
    DOCS / "word_alignment.md": aligners_page.TABLES,
}


def filled_pages() -> dict[Path, str]:
    """Return the pages with all their tables."""
    filled = {}
    for page, sections in PAGES.items():
        filled[page] = page.read_text(encoding="utf-8")
        for name, write in sections.items():
            filled[page] = fill(filled[page], name, write())
    return filled


def main() -> None:
    """Write the pages."""
    for page, text in filled_pages().items():
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

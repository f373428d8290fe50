"""Write the tables of the study into `docs/study/*.md` and the README, and draw `docs/figures/study_*.svg`.

    python -m benchmarks.study.report

Reads `benchmarks/results/study.json` of `benchmarks.study.collect`. What stands between two marks such as
`<!-- spread -->` in a page is a table that is written here; all else is written by hand.
"""

import argparse
import re
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from benchmarks.markdown import fill
from benchmarks.records import FIGURES, RESULTS, ROOT
from benchmarks.study import tables
from benchmarks.study.plots import write_plots
from benchmarks.study.record import Benchmark, Study, mixtures, read_study

PAGES = ROOT / "docs" / "study"
MARK = re.compile(r"^<!-- ([\w -]+) -->$", re.MULTILINE)


def by_language(question: str, *benchmarks: Benchmark) -> Callable[[Study], str]:
    """Return what lays out benchmarks of a question by language, one table for each backbone."""

    def tables_of(study: Study) -> str:
        groups = tables.by_backbone(study.encoders(question))
        return joined(tables.language_table(study, benchmark, names) for benchmark in benchmarks for names in groups)

    return tables_of


def siblings(question: str, *benchmarks: Benchmark) -> Callable[[Study], str]:
    """Return what lays out the systems of a question less WEAM and TLM."""
    return partial(tables.siblings_table, question=question, evaluations=benchmarks)


def transfer(study: Study) -> str:
    """Lay out the distance between English and the other languages."""
    from_english = {
        "all-layers": (Benchmark.XNLI_FROM_NLI, Benchmark.XNLI),
        "systems": (Benchmark.XNLI,),
        "beyond": (Benchmark.PANX,),
    }
    return joined(
        tables.transfer_table(study, benchmark, names)
        for question, benchmarks in from_english.items()
        for benchmark in benchmarks
        for names in tables.by_backbone(study.encoders(question))
    )


def ratios(study: Study) -> str:
    """Lay out the ratios of each low-resource language."""
    return joined(
        tables.ratio_table(study, low) for low in dict.fromkeys(text.low for text in mixtures(study).values())
    )


def joined(parts: Iterable[str]) -> str:
    """Join the tables that are not empty."""
    return "\n\n".join(part for part in parts if part)


TABLES: dict[str, Callable[[Study], str]] = {
    "results": tables.summary_table,
    "steps": tables.steps_table,
    "spread": tables.spread_table,
    "claims": tables.claims_table,
    "all layers": tables.deep_table,
    "all layers compared": siblings("all-layers", Benchmark.XNLI_FROM_NLI, Benchmark.TATOEBA),
    "all layers by language": by_language("all-layers", Benchmark.XNLI_FROM_NLI),
    "after English NLI": tables.refined_table,
    "translate-train by language": by_language("all-layers", Benchmark.XNLI_TRANSLATED),
    "all layers trainings": partial(tables.trainings_table, question="all-layers"),
    "all systems": tables.systems_table,
    "systems by language": by_language("systems", Benchmark.XNLI),
    "systems trainings": partial(tables.trainings_table, question="systems"),
    "transfer": transfer,
    "placebo": tables.placebo_table,
    "ablations": tables.ablation_table,
    "ratios": ratios,
    "sampling": tables.sampling_table,
    "languages": tables.growth_table,
    "sizes": tables.size_table,
    "orders": tables.orders_table,
    "tasks by language": by_language("beyond", Benchmark.UDPOS, Benchmark.PANX, Benchmark.XQUAD),
    "tasks": tables.tasks_table,
    "tasks compared": siblings("beyond", Benchmark.PANX, Benchmark.XQUAD),
    "space": tables.space_table,
    "correlations": tables.correlations_table,
}


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.study.report", description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=RESULTS, help="Where study.json is.")
    parser.add_argument("--pages", type=Path, default=PAGES, help="The folder whose pages are filled in.")
    parser.add_argument("--figures", type=Path, default=FIGURES, help="Where the plots go.")
    return parser.parse_args()


def filled(page: str, study: Study) -> str:
    """Return a page with all its tables; other marks stay as they are."""
    for name in MARK.findall(page):
        if name in TABLES:
            page = fill(page, name, TABLES[name](study) or "Not measured yet.")
    return page


def main() -> None:
    """Fill in the pages and draw."""
    arguments = parse_arguments()
    study = read_study(arguments.results / "study.json")
    pages = sorted(arguments.pages.glob("*.md"))
    for page in [*pages, ROOT / "README.md"] if arguments.pages == PAGES else pages:
        page.write_text(filled(page.read_text(encoding="utf-8"), study), encoding="utf-8")
    print(f"filled {len(pages)} pages, drew {len(write_plots(study, arguments.figures))} plots")


if __name__ == "__main__":
    main()

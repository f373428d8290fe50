"""Tables of docs/word_alignment.md: errors of aligners, their speed, what scores mean."""

from statistics import mean, median

from benchmarks.markdown import MISSING, percent, table
from benchmarks.records import Record, read

RATE = "alignment_error_rate"
NAMES = {"align_words": "ours", "fast_align": "FastAlign", "eflomal": "Eflomal"}


def errors() -> str:
    """Lay out the error rates of all aligners, measured and published."""
    cells = read("aligners")["gold"]
    sets = list(dict.fromkeys(cell["data"] for cell in cells))
    methods = dict.fromkeys((cell["system"], cell["model"], row["method"]) for cell in cells for row in cell["rows"])
    found = {name: aligner_row(cells, sets, *name) for name in methods}
    rows = [row for name, row in found.items() if name in best_methods(cells)]
    for published in read("alignment")["published"]["rows"]:
        rates = [percent(published[RATE].get(name)) for name in sets]
        rows.append([f"{published['aligner']} (published)", *rates, *[MISSING] * 5])
    return table(["aligner", *sets, "mean", "precision", "recall", "pairs/s", "memory, MB"], rows)


def aligner_row(cells: list[Record], sets: list[str], system: str, model: str, method: str) -> list[str]:
    """Lay out an aligner: its error rates, means over the sets, pairs a second over all of them, the largest memory."""
    own = {cell["data"]: cell for cell in cells if (cell["system"], cell["model"]) == (system, model)}
    scores = {name: row for name, cell in own.items() for row in cell["rows"] if row["method"] == method}
    title = ", ".join(filter(None, (NAMES.get(system, system), model if system == "align_words" else "", method)))
    means = [mean(row[key] for row in scores.values()) for key in (RATE, "precision", "recall")]
    speed = sum(cell["pairs"] for cell in own.values()) / sum(cell["cpu_seconds"] for cell in own.values())
    memory = max(cell["peak_megabytes"] or 0 for cell in own.values())
    rates = [percent(scores[name][RATE] if name in scores else None) for name in sets]
    return [title, *rates, *map(percent, means), f"{speed:,.0f}", f"{memory:,}" if memory else MISSING]


def best_methods(cells: list[Record]) -> set[tuple[str, str, str]]:
    """Keep, of a statistical aligner's ways to join directions, the one with the lowest mean error rate."""
    rates: dict[tuple[str, str], dict[str, list[float]]] = {}
    for cell in cells:
        for row in cell["rows"]:
            of_system = rates.setdefault((cell["system"], cell["model"]), {})
            of_system.setdefault(row["method"], []).append(row[RATE])
    return {
        (*name, method)
        for name, methods in rates.items()
        for method in methods
        if name[0] not in ("fast_align", "eflomal") or method == min(methods, key=lambda m: mean(methods[m]))
    }


def speed() -> str:
    """Lay out how fast real pairs are aligned."""
    rounds: dict[str, list[Record]] = {}
    for cell in read("aligners")["speed"]:
        rounds.setdefault(cell["system"], []).append(cell)
    rates = {name: median(cell["pairs"] / cell["cpu_seconds"] for cell in own) for name, own in rounds.items()}
    base = next(iter(rates.values()))
    rows = [
        [name, f"{rates[name]:.0f}", f"{rates[name] / base:.2f}", f"{max(c['peak_megabytes'] for c in own):,}"]
        + [f"{own[0]['links']:,}", f"{own[0]['other_links']:,}"]
        for name, own in rounds.items()
    ]
    return table(["aligner", "pairs/s", "times the first", "memory, MB", "links", "other than the first's"], rows)


def calibration() -> str:
    """Lay out what share of the links with such a score is right."""
    bins: dict[str, list[list[tuple[float, int, int]]]] = {}
    for cell in read("aligners")["gold"]:
        if cell["system"] == "align_words":
            bins.setdefault(cell["model"], []).append(cell["rows"][0]["reliability"])
    columns = ["score"]
    rows = [[f"{tenth / 10:.1f} to {(tenth + 1) / 10:.1f}"] for tenth in range(10)]
    for model, of_sets in bins.items():
        columns += [f"{model}: links", "mean score, %", "right, %"]
        for row, parts in zip(rows, zip(*of_sets, strict=True), strict=True):
            total, right, links = (sum(part) for part in zip(*parts, strict=True))
            row += [f"{links:,}", *(percent(x / links if links else None) for x in (total, right))]
    return table(columns, rows)


def layers() -> str:
    """Lay out which layer is surest of its links, which is best by hand-made alignments, and the errors of both."""
    rows = []
    models: dict[str, dict[str, list[Record]]] = {}
    for cell in read("aligners")["layers"]:
        models.setdefault(cell["model"], {})[cell["data"]] = cell["rows"]
    for model, of_sets in models.items():
        together = [
            {
                "layer": parts[0]["layer"],
                "expected_links": sum(part["expected_links"] for part in parts),
                RATE: mean(part[RATE] for part in parts),
            }
            for parts in zip(*of_sets.values(), strict=True)
        ]
        for name, by_layer in {**of_sets, "all six": together}.items():
            surest = max(by_layer, key=lambda row: row["expected_links"])
            best = min(by_layer, key=lambda row: row[RATE])
            cells = [str(surest["layer"]), percent(surest[RATE]), str(best["layer"]), percent(best[RATE])]
            rows.append([model, name, *cells])
    return table(["encoder", "set", "surest layer", "its AER, %", "best layer", "its AER, %"], rows)


TABLES = {"errors": errors, "layers": layers, "speed": speed, "calibration": calibration}

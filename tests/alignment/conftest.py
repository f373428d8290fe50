"""The output of the original FastAlign and `atools` on hand-aligned pairs."""

import gzip
from pathlib import Path

import pytest

from weam.alignment.aligner import SentencePair, WordAligner
from weam.alignment.formats import parse_pharaoh
from weam.alignment.gold import GoldSentence, read_gold
from weam.alignment.symmetrization import Links

REFERENCE_PAIRS = ("en-fr", "zh-en", "de-en")


class Reference:
    """What the original program answers for one set: tokens, and links by direction or heuristic."""

    def __init__(self, path: Path) -> None:
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
            header, *rows = (line.rstrip("\n").split("\t") for line in file)
        columns = dict(zip(header, zip(*rows, strict=True), strict=True))
        self.pairs: list[SentencePair] = []
        for tokens in columns.pop("pieces"):
            source, target = tokens.split(" ||| ")
            self.pairs.append((source.split(" "), target.split(" ")))
        self.links = {name: [parse_pharaoh(line) for line in lines] for name, lines in columns.items()}


@pytest.fixture(scope="module", params=REFERENCE_PAIRS)
def reference_name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def reference(reference_name: str, research_data: Path) -> Reference:
    return Reference(research_data / "fast_align_reference" / f"{reference_name}.tsv.gz")


@pytest.fixture(scope="module")
def directions(reference: Reference) -> list[tuple[Links, Links]]:
    aligner = WordAligner.train(reference.pairs, progress=False)
    return list(aligner.align_directions(reference.pairs, progress=False))


@pytest.fixture(scope="module")
def gold(reference_name: str, research_data: Path) -> list[GoldSentence]:
    return read_gold(research_data / "gold_alignments" / reference_name)

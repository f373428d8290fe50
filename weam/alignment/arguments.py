"""Where alignment links come from."""

from dataclasses import dataclass

from weam.alignment.aligner import ALIGNERS
from weam.alignment.symmetrization import HEURISTICS
from weam.arguments import option


@dataclass
class AlignmentArguments:
    """How the words of the parallel text are aligned."""

    aligner: str = option("fast_align", "eflomal is slower and aligns better.", ALIGNERS)
    symmetrization: str = option("intersect", "How both directions are joined.", HEURISTICS)
    alignments: list[str] = option([], "en-de=FILE of Pharaoh lines from any aligner, one for each line of the bitext.")
    alignments_unit: str = option("word", "What FILE links: words between spaces, or tokens.", ("word", "subword"))

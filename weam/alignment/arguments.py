"""Where alignment links come from."""

from dataclasses import dataclass

from weam.alignment.aligner import ALIGNERS
from weam.alignment.links import ENCODER, AlignerSettings
from weam.alignment.symmetrization import HEURISTICS
from weam.arguments import option


@dataclass
class AlignmentArguments:
    """How the words of the parallel text are aligned."""

    aligner: str = option(
        "fast_align",
        "eflomal is slower and aligns better; encoder uses a checkpoint, of the base model unless --aligner_model.",
        (*ALIGNERS, ENCODER),
    )
    aligner_model: str | None = option(None, "Checkpoint whose encoder aligns: Hub name or folder.")
    aligner_model_revision: str = option("main", "Branch, tag or commit of it.")
    symmetrization: str = option("intersect", "How both directions are joined.", HEURISTICS)
    alignments: list[str] = option([], "en-de=FILE of Pharaoh lines from any aligner, one for each line of the bitext.")
    alignments_unit: str = option("word", "What FILE links: words between spaces, or tokens.", ("word", "subword"))

    def settings(self, seed: int) -> AlignerSettings:
        """What of these says how links are made; `seed` is that of the run."""
        return AlignerSettings(self.aligner, self.symmetrization, seed, self.aligner_model, self.aligner_model_revision)

"""What `run_pretraining.py --objective` offers: WEAM, alone and with word contrast, and what these are compared with.

Each is written once for all families of models; `Objective.model_class` joins it with the classes of one.
"""

from dataclasses import dataclass
from functools import cache

from transformers import AutoModel, AutoModelForMaskedLM, PreTrainedModel

from modeling_weam import WEAMPreTrainingMixin
from weam.families import Family
from weam.pretraining.objectives.systems import (
    EncoderObjective,
    MonolingualMLM,
    SimCSE,
    TranslationRanking,
    WEAMApart,
    WEAMWithRanking,
    WordAlignment,
)
from weam.pretraining.objectives.words import (
    EmbeddingAlignment,
    PointerAlone,
    WEAMWithPointer,
    WEAMWithWordContrast,
    WEAMWithWordContrastAndRanking,
    WordContrast,
)


@dataclass(frozen=True)
class Objective:
    """What `run_pretraining.py --objective` trains and leaves behind.

    Attributes:
        kind: what it makes of a family's model; for `WEAMPreTrainingMixin` that is the published class.
        auto_class: the stock Auto class that a system to compare with is saved with; None: as WEAM, with its code.
    """

    kind: type[WEAMPreTrainingMixin] | type[EncoderObjective]
    auto_class: type[AutoModelForMaskedLM] | type[AutoModel] | None

    @property
    def predicts(self) -> bool:
        """Whether it has a prediction head."""
        return issubclass(self.kind, WEAMPreTrainingMixin)

    @property
    def encodes_apart(self) -> bool:
        """Whether it must be told which sentence of a pair each token is of."""
        return self.kind is not WEAMPreTrainingMixin

    def model_class(self, family: Family) -> type[PreTrainedModel]:
        """Return the model that is trained."""
        return _model_class(self.kind, family)  # type: ignore[arg-type]


@cache
def _model_class(kind: type, family: Family) -> type[PreTrainedModel]:
    """Join an objective with the classes of a family, as `class BertForSimCSE(SimCSE, BertPreTrainedModel)` would."""
    if kind is WEAMPreTrainingMixin:
        return family.pre_training
    base = family.pre_training if issubclass(kind, WEAMPreTrainingMixin) else family.base
    return type(f"{family.name}For{kind.__name__}", (kind, base), {"family": family, "__module__": __name__})


OBJECTIVES = {
    "weam": Objective(WEAMPreTrainingMixin, None),
    "tlm": Objective(WEAMPreTrainingMixin, AutoModelForMaskedLM),  # with a cross-lingual weight of 0
    "mlm": Objective(MonolingualMLM, AutoModelForMaskedLM),
    "word-alignment": Objective(WordAlignment, AutoModel),
    "translation-ranking": Objective(TranslationRanking, AutoModel),
    "simcse": Objective(SimCSE, AutoModel),
    "weam-ranking": Objective(WEAMWithRanking, None),
    "weam-apart": Objective(WEAMApart, AutoModelForMaskedLM),
    "word-contrastive": Objective(WordContrast, AutoModel),
    "weam-contrastive": Objective(WEAMWithWordContrast, None),
    "weam-contrastive-ranking": Objective(WEAMWithWordContrastAndRanking, None),
    "pointer": Objective(PointerAlone, AutoModel),
    "weam-pointer": Objective(WEAMWithPointer, AutoModelForMaskedLM),
    "embedding-alignment": Objective(EmbeddingAlignment, AutoModelForMaskedLM),
}

"""WEAM: continued pre-training of multilingual encoders on word-aligned bitext, and what it brings.

A public name is loaded when it is first used, so that `import weam` itself takes no time.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what type checkers and editors see; a test compares
    from data_collator_weam import DataCollatorForWordExchange as DataCollatorForWordExchange
    from modeling_weam import BertForWEAMPreTraining as BertForWEAMPreTraining
    from modeling_weam import DebertaV2ForWEAMPreTraining as DebertaV2ForWEAMPreTraining
    from modeling_weam import ModernBertForWEAMPreTraining as ModernBertForWEAMPreTraining
    from modeling_weam import XLMRobertaForWEAMPreTraining as XLMRobertaForWEAMPreTraining
    from weam.alignment.aligner import WordAligner as WordAligner
    from weam.alignment.links import AlignerSettings as AlignerSettings
    from weam.alignment.links import align_bitext as align_bitext
    from weam.alignment.picture import show_alignment as show_alignment
    from weam.bitext.reading import load_bitext as load_bitext
    from weam.metrics import mlqa_score as mlqa_score
    from weam.metrics import squad_score as squad_score
    from weam.pretraining.checkpoint import load_pretraining_model as load_pretraining_model
    from weam.pretraining.features import build_features as build_features
    from weam.results import Results as Results
    from weam.results import read_results as read_results
    from weam.trainer import WEAMTrainer as WEAMTrainer
    from weam.trainer import warm_up_head as warm_up_head
    from weam.transfer.evaluation import evaluate as evaluate
    from weam.transfer.tasks.files import DataFiles as DataFiles
    from weam.transfer.tasks.mlqa import MLQA as MLQA
    from weam.transfer.tasks.mlqa import XQuAD as XQuAD
    from weam.transfer.tasks.sib200 import SIB200 as SIB200
    from weam.transfer.tasks.tagging import PANX as PANX
    from weam.transfer.tasks.tagging import UDPOS as UDPOS
    from weam.transfer.tasks.text_pairs import PAWSX as PAWSX
    from weam.transfer.tasks.text_pairs import XNLI as XNLI
    from weam.transfer.tasks.xcopa import XCOPA as XCOPA

MODULE_OF = {
    "DataCollatorForWordExchange": "data_collator_weam",
    "BertForWEAMPreTraining": "modeling_weam",
    "DebertaV2ForWEAMPreTraining": "modeling_weam",
    "ModernBertForWEAMPreTraining": "modeling_weam",
    "XLMRobertaForWEAMPreTraining": "modeling_weam",
    "WordAligner": "weam.alignment.aligner",
    "AlignerSettings": "weam.alignment.links",
    "align_bitext": "weam.alignment.links",
    "show_alignment": "weam.alignment.picture",
    "load_bitext": "weam.bitext.reading",
    "mlqa_score": "weam.metrics",
    "squad_score": "weam.metrics",
    "load_pretraining_model": "weam.pretraining.checkpoint",
    "build_features": "weam.pretraining.features",
    "Results": "weam.results",
    "read_results": "weam.results",
    "WEAMTrainer": "weam.trainer",
    "warm_up_head": "weam.trainer",
    "evaluate": "weam.transfer.evaluation",
    "DataFiles": "weam.transfer.tasks.files",
    "MLQA": "weam.transfer.tasks.mlqa",
    "XQuAD": "weam.transfer.tasks.mlqa",
    "PANX": "weam.transfer.tasks.tagging",
    "PAWSX": "weam.transfer.tasks.text_pairs",
    "SIB200": "weam.transfer.tasks.sib200",
    "UDPOS": "weam.transfer.tasks.tagging",
    "XCOPA": "weam.transfer.tasks.xcopa",
    "XNLI": "weam.transfer.tasks.text_pairs",
}
__all__ = list(MODULE_OF)


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Load a public name."""
    if name not in MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(MODULE_OF[name]), name)

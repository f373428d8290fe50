"""Which models have a family, and what is said of those that have none."""

import subprocess
import sys
from pathlib import Path

import transformers
from transformers import AutoModelForMaskedLM

from tests.conftest import ROOT, config_of
from tests.support.command_line import PIPES, environment

OLDER = """
import sys
import transformers

class NoModernBert:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("transformers.models.modernbert"):
            raise ImportError(name)

sys.meta_path.insert(0, NoModernBert())
transformers.CONFIG_MAPPING._mapping.pop("modernbert")

import torch
import modeling_weam
from weam.families import FAMILIES
from weam.pretraining.checkpoint import load_model

ids = torch.tensor([[0, 7, 4, 2]])
loaded = load_model(sys.argv[1], "main", {})
assert loaded.model(input_ids=ids, labels=ids).loss > 0
try:
    load_model(sys.argv[2], "main", {})
except ValueError as error:
    message = str(error)
print("RESULT", type(loaded.model).__name__, list(FAMILIES), hasattr(modeling_weam, "WEAMModernBertModel"), message)
"""


def test_a_transformers_without_modernbert_has_the_other_families_and_is_named(tmp_path: Path) -> None:
    """As before 4.48: here the import of that model is forbidden."""
    for family in ("xlm-roberta", "modernbert"):
        AutoModelForMaskedLM.from_config(config_of(family)).save_pretrained(tmp_path / family)
    command = [sys.executable, "-c", OLDER, str(tmp_path / "xlm-roberta"), str(tmp_path / "modernbert")]
    finished = subprocess.run(command, env=environment(), cwd=ROOT, timeout=120, **PIPES)
    assert finished.returncode == 0, finished.stdout
    assert finished.stdout.partition("RESULT ")[2].startswith(
        f"XLMRobertaForWEAMPreTraining ['bert', 'xlm-roberta'] False {tmp_path / 'modernbert'} is of model_type "
        f"'modernbert', which transformers {transformers.__version__} does not have"
    )

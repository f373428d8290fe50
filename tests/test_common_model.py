"""The tests that transformers has for every model of its own, on both published classes of each family.

They come with the source distribution of the installed transformers and are not copied here: `.ci/run` downloads it
into a cache folder, and without it this file is skipped. What generates or exports is left out of them.
"""

import importlib
import os
import sys
import tarfile
import unittest
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, ClassVar

import pytest
import torch
import transformers
from transformers import PretrainedConfig

from tests.conftest import FAMILIES, config_of

CACHE = Path(os.environ.get("WEAM_TRANSFORMERS_SOURCE", Path.home() / ".cache" / "weam"))
ARCHIVE = CACHE / f"transformers-{transformers.__version__}.tar.gz"
PACKAGE = "transformers_common_tests"
LEFT_OUT = {"generation/test_utils.py": "GenerationTesterMixin", "exporters/test_export.py": "ExportTesterMixin"}


def common_tests(folder: Path) -> Any:  # noqa: ANN401
    """Import the common tests from the archive, with empty classes in place of those that are left out."""
    name = f"transformers-{transformers.__version__}/tests/test_modeling_common.py"
    package = folder / PACKAGE
    for path, kind in LEFT_OUT.items():
        (package / path).parent.mkdir(parents=True)
        (package / path).write_text(f"class {kind}:\n    pass\n", encoding="utf-8")
    with tarfile.open(ARCHIVE) as archive:
        (package / "test_modeling_common.py").write_bytes(archive.extractfile(name).read())
    sys.path.insert(0, str(folder))
    return importlib.import_module(f"{PACKAGE}.test_modeling_common")


if not ARCHIVE.is_file():
    pytest.skip(
        f"no source distribution of transformers at {ARCHIVE}: pip download --no-deps --no-binary :all: "
        f"transformers=={transformers.__version__} -d {CACHE}, or set WEAM_TRANSFORMERS_SOURCE",
        allow_module_level=True,
    )
EXPLAINED = "|".join(  # why a test skips these models; other reasons are "test requires" a device or a library
    (
        "(?i)composite|subconfig",  # models of several, such as one for images and one for text
        "conversion",  # no weight has another name in a checkpoint
        "cache as input|returning cache|language modeling head to check",  # they do not generate
        "keep_in_fp32",  # no layer needs more than the dtype asked for
        "position embeddings|sliding window mask|base_model_class",  # tests of other kinds of positions
        "output_attentions|output_router_logits|sparse experts|grouped_mm",  # no experts
        "TP plan",  # BERT and XLM-R have none in transformers
        "prioritized",  # transformers leaves out a slow test of theirs
        "support SDPA",  # said of parts of composite models only
    )
)
common = common_tests(Path(mkdtemp(prefix="weam-common-tests-")))


class SmallModel:
    """Makes what the common tests ask for: sizes, a config, a batch."""

    batch_size, seq_length, is_training = 3, 7, True
    hidden_size, num_hidden_layers, num_attention_heads = 32, 2, 2

    def __init__(self, family: str) -> None:
        """Make them for a family."""
        self.family = family

    def get_config(self) -> PretrainedConfig:
        """Return a small config."""
        return config_of(self.family, vocab_size=99)

    def prepare_config_and_inputs_for_common(self) -> tuple[PretrainedConfig, dict[str, torch.Tensor]]:
        """Return it with a batch without padding."""
        config = self.get_config()
        generator = torch.Generator().manual_seed(0)
        input_ids = torch.randint(5, config.vocab_size, (self.batch_size, self.seq_length), generator=generator)
        return config, {"input_ids": input_ids, "attention_mask": torch.ones_like(input_ids)}


class CommonTests(common.ModelTesterMixin):
    """The common tests for the published classes of a family."""

    family: ClassVar[str]
    explained: ClassVar[str] = EXPLAINED

    def setUp(self) -> None:
        """Choose the classes."""
        trained = FAMILIES[self.family]
        encoder = type(trained(config_of(self.family)).base_model)
        self.all_model_classes = (encoder, trained)
        self.model_tester = SmallModel(self.family)

    def skipTest(self, reason: str) -> None:  # noqa: N802  # unittest's name
        """Skip what does not concern these models; another reason is a failure."""
        self.assertRegex(reason, self.explained)
        super().skipTest(reason)

    def test_training(self) -> None:
        """An encoder has no loss."""
        self.all_model_classes = self.all_model_classes[1:]
        super().test_training()

    def check_training_gradient_checkpointing(self, gradient_checkpointing_kwargs: dict | None = None) -> None:
        """An encoder has no loss."""
        self.all_model_classes = self.all_model_classes[1:]
        super().check_training_gradient_checkpointing(gradient_checkpointing_kwargs)

    def _prepare_for_class(
        self, inputs: dict[str, Any], model_class: type, return_labels: bool = False
    ) -> dict[str, Any]:
        inputs = dict(inputs)
        if return_labels and model_class is FAMILIES[self.family]:
            inputs["labels"] = torch.full_like(inputs["input_ids"], 7)
        return inputs


class TestBert(CommonTests, unittest.TestCase):
    """BERT."""

    family = "bert"


class TestXLMRoberta(CommonTests, unittest.TestCase):
    """XLM-R."""

    family = "xlm-roberta"


class TestDebertaV2(CommonTests, unittest.TestCase):
    """DeBERTa, as mDeBERTa v3 is."""

    family = "deberta-v2"
    # It collects its hidden states by itself.
    explained = f"{EXPLAINED}|Cannot capture hidden states|usage of the `capture_outputs`|all layers share"

    def test_training_gradient_checkpointing_use_reentrant_true(self) -> None:
        """Refused by transformers' own class, too: a backward pass goes through what all layers share once for each."""
        self.skipTest("all layers share the normalised embeddings of relative positions")


class TestModernBert(CommonTests, unittest.TestCase):
    """ModernBERT."""

    family = "modernbert"

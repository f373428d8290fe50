"""The laws of training through the program for every family beside BERT, each with its own kind of tokenizer."""

import re
import subprocess
from pathlib import Path

import pytest
import torch
from huggingface_hub import ModelCard
from safetensors.torch import load
from transformers import AutoModel, AutoModelForMaskedLM

from tests.conftest import FAMILIES, ROOT, config_of
from tests.support import hub_server
from tests.support.command_line import (
    ONE_PROCESS,
    PIPES,
    Workspace,
    launcher,
    results,
    sentence_pairs,
    step_losses,
    training,
    weights,
    write_tsv,
)
from tests.support.tokenizers import byte_fallback_tokenizer, deberta_tokenizer, unigram_tokenizer

TOKENIZERS = {
    "xlm-roberta": unigram_tokenizer,
    "deberta-v2": deberta_tokenizer,
    "modernbert": byte_fallback_tokenizer,
}
DROPOUT = {
    **dict.fromkeys(("xlm-roberta", "deberta-v2"), {"hidden_dropout_prob": 0.1}),
    "modernbert": {"mlp_dropout": 0.1, "embedding_dropout": 0.1},
}
EIGHT = ["--per_device_train_batch_size", "8"]
LONG = "--num_train_epochs 4 --save_steps 6 --learning_rate 1e-3 --max_length 96".split()  # 10 steps in an epoch
EXACT = "--max_steps 4 --logging_steps 1 --learning_rate 1e-3 --max_length 96 --optim sgd".split()
EXACT += ["--lr_scheduler_type", "constant"]
TOKEN = "hf_SECRETTOKENofatest"
ADAPTERS = "--use_lora --max_steps 2 --save_steps 1 --logging_steps 1 --learning_rate 1e-2 --max_length 96".split()


@pytest.fixture(params=TOKENIZERS)
def family(request: pytest.FixtureRequest) -> str:
    """Each of them."""
    return request.param


def make_workspace(folder: Path, family: str, **config: object) -> Workspace:
    """Write a small random checkpoint of the family, and text."""
    torch.manual_seed(0)
    tokenizer = TOKENIZERS[family]()
    sizes = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id, "max_position_embeddings": 128}
    AutoModelForMaskedLM.from_config(config_of(family, **sizes, **config)).save_pretrained(folder / "checkpoint")
    tokenizer.save_pretrained(folder / "checkpoint")
    write_tsv(folder / "train.tsv", sentence_pairs()[:80])
    return Workspace(folder)


def test_killed_and_resumed_equals_uninterrupted(family: str, tmp_path: Path) -> None:
    """With dropout, bit for bit; what is left loads as the stock model of the family."""
    workspace = make_workspace(tmp_path, family, **DROPOUT[family])
    whole = workspace.here("whole", *LONG, *EIGHT)
    workspace.kill_fork_after("checkpoint-12", "killed", *LONG, *EIGHT)
    resumed = workspace.here("killed", *LONG, *EIGHT, "--resume_from_checkpoint", "last")
    ours, theirs, start = weights(whole), weights(resumed), weights(workspace.folder / "checkpoint")
    assert ours.keys() == theirs.keys() == start.keys()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())
    assert any(not torch.equal(tensor, start[name]) for name, tensor in ours.items())
    assert results(resumed)["measurements"] == results(whole)["measurements"]
    assert [training(folder)["steps"] for folder in (whole, resumed)] == [40, 40]
    stock = family.replace("-", "_")
    assert type(AutoModel.from_pretrained(whole)).__module__ == f"transformers.models.{stock}.modeling_{stock}"
    assert (whole / "modeling_weam.py").exists()


def test_a_batch_is_the_same_however_it_is_shared_out(family: str, tmp_path: Path) -> None:
    """As 1 x 8 by accumulation, and as 4 in each of two processes."""
    workspace = make_workspace(tmp_path, family, initializer_range=0.1)
    whole = workspace.here("8", *EXACT, *EIGHT)
    accumulated = "--per_device_train_batch_size 1 --gradient_accumulation_steps 8".split()
    two = workspace.forked("4 + 4", *EXACT, "--per_device_train_batch_size", "4", processes=2)
    assert results(two)["settings"]["training"]["world_size"] == 2
    for shared in (workspace.here("1 x 8", *EXACT, *accumulated), two):
        for first, second in zip(step_losses(whole), step_losses(shared), strict=True):
            for name in ("loss", "grad_norm", "multilingual_loss", "cross_lingual_loss"):
                assert second[name] == pytest.approx(first[name], rel=1e-4), name
        theirs = weights(shared)
        for name, tensor in weights(whole).items():
            torch.testing.assert_close(theirs[name], tensor, rtol=1e-4, atol=1e-5)


def test_adapters_are_trained_by_the_recipe_resumed_merged_and_pushed_with_a_card(family: str, tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path, family)
    base, name = f"someone/{family}", f"someone/weam-{family}"
    with hub_server.Hub(TOKEN, "someone") as hub:
        hub.add_repository(base, workspace.folder / "checkpoint")
        pushing = ["--model_name_or_path", base, "--push_to_hub", "--hub_model_id", name, "--hub_token", TOKEN]
        arguments = [str(ROOT / "recipes/paper.yaml"), *workspace.arguments("pushed", *ADAPTERS, *pushing)]
        command = [*launcher(ONE_PROCESS), str(ROOT / "run_pretraining.py"), *arguments]
        env = hub_server.environment(hub, workspace.folder / "home")
        finished = subprocess.run(command, env=env, timeout=300, **PIPES)
        assert finished.returncode == 0, finished.stdout
        files = hub.repositories[name].at("main").files
    last = ["--resume_from_checkpoint", str(workspace.folder / "pushed" / "checkpoint-1")]
    resumed, pushed = weights(workspace.here("resumed", *ADAPTERS, *last)), load(files["model.safetensors"])
    start = weights(workspace.folder / "checkpoint")
    assert pushed.keys() == resumed.keys() == start.keys()
    assert all(torch.equal(tensor, resumed[name]) for name, tensor in pushed.items())
    changed = {name for name, tensor in pushed.items() if not torch.equal(tensor, start[name])}
    assert changed and all(re.search(r"\.(Wqkv|query|value|query_proj|value_proj)\.", name) for name in changed)
    card = ModelCard(files["README.md"].decode())
    assert (card.data.base_model, card.data.pipeline_tag, card.data.language) == (base, "fill-mask", ["de", "en"])
    assert f'AutoModel.from_pretrained("{name}")' in card.text and "BERT" not in card.text.replace("WEAM", "")
    assert FAMILIES[family].__name__.encode() in files["config.json"] and "modeling_weam.py" in files

"""A trained model goes to the Hub and comes back, with the real client on both sides and a Hub on this machine."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from huggingface_hub import ModelCard
from safetensors.torch import load, load_file

from tests.conftest import FAMILIES, ROOT, SPECIAL, WORDS
from tests.support.command_line import PIPES, Workspace, make_workspace
from tests.support.hub_server import Commit, Hub, environment

TOKEN = "hf_SECRETTOKENofatest"
BASE, NAME, BRANCH = "someone/bert-tiny", "someone/weam-tiny", "trial"
MAIN, TRIAL, REFUSED = "trained", "trained for a branch", "refused"  # output directories
TRAINING = f"--max_steps 2 --validation_fraction 0.2 --save_steps 1 --model_name_or_path {BASE} --push_to_hub".split()

# Run with `python -I` in an empty folder: nothing of ours is in reach but what was pushed.
LOAD = """
import json, sys
from transformers import AutoModel, AutoModelForMaskedLM, AutoModelForPreTraining, AutoTokenizer, pipeline

name, commit, branch = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(name)
batch = tokenizer(["the cat sees a dog", "not a red house ."], padding=True, return_tensors="pt")

def load(auto_class, revision, trust):
    model = auto_class.from_pretrained(name, revision=revision, trust_remote_code=trust)
    outputs = model.eval()(**batch)
    values = outputs[0] if auto_class is AutoModel else outputs.logits
    return model, {"class": type(model).__name__, "module": type(model).__module__, "values": values.tolist()}

def record(revision):
    aligner, encoder = load(AutoModel, revision, True)
    return {
        "links": aligner.align_words(tokenizer, ["the cat eats"], ["die katze isst"]),
        "encoder": encoder,
        "stock encoder": load(AutoModel, revision, False)[1],
        "pre-training": load(AutoModelForPreTraining, revision, True)[1],
        "masked": load(AutoModelForMaskedLM, revision, False)[1],
        "filled": pipeline("fill-mask", model=name, revision=revision)("the [MASK] eats")[0]["token_str"],
    }

revisions = {"main": "main", "commit": commit, "branch": branch}
result = {place: record(revision) for place, revision in revisions.items()}
ours = [module for module in sys.modules if module.split(".")[0] in ("weam", "modeling_weam", "data_collator_weam")]
print("RESULT", json.dumps({**result, "ours": ours}))
"""


@dataclass(frozen=True)
class Pushed:
    """Two runs, the first pushed to main, the second to a branch of the same repository."""

    hub: Hub
    workspace: Workspace
    output: str  # of both programs

    @property
    def main(self) -> Commit:
        """The last commit of main."""
        return self.hub.repositories[NAME].at("main")

    @property
    def branch(self) -> Commit:
        """The last commit of the branch."""
        return self.hub.repositories[NAME].at(BRANCH)

    @property
    def card(self) -> str:
        """README.md as pushed to main."""
        return self.main.files["README.md"].decode()


def train(
    hub: Hub, workspace: Workspace, output: str, *options: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Train two steps and push, as users do."""
    command = workspace.command(output, *TRAINING, *options)
    env = environment(hub, workspace.folder / "home", **variables)
    return subprocess.run(command, env=env, cwd=workspace.folder, timeout=120, **PIPES)


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with Hub(TOKEN, "someone") as hub:
        yield hub


@pytest.fixture(scope="module")
def workspace(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A folder whose checkpoint is on the Hub."""
    workspace = make_workspace(tmp_path_factory.mktemp("push"))
    hub.add_repository(BASE, workspace.folder / "checkpoint")
    return workspace


@pytest.fixture(scope="module")
def pushed(hub: Hub, workspace: Workspace) -> Pushed:
    first = train(hub, workspace, MAIN, "--hub_model_id", NAME, HF_TOKEN=TOKEN)
    assert first.returncode == 0, first.stdout
    again = ["--hub_model_id", NAME, "--hub_revision", BRANCH, "--learning_rate", "0.01", "--hub-token", TOKEN]
    second = train(hub, workspace, TRIAL, *again)
    assert second.returncode == 0, second.stdout
    return Pushed(hub, workspace, first.stdout + second.stdout)


@pytest.fixture(scope="module")
def loaded(pushed: Pushed, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a stranger gets who loads the repository by name."""
    folder, home = tmp_path_factory.mktemp("empty"), tmp_path_factory.mktemp("home")
    command = [sys.executable, "-I", "-c", LOAD, NAME, pushed.main.oid, BRANCH]
    finished = subprocess.run(command, env=environment(pushed.hub, home), cwd=folder, timeout=120, **PIPES)
    assert finished.returncode == 0, finished.stdout
    return json.loads(finished.stdout.partition("RESULT ")[2])


def test_the_pushed_repository_is_complete(pushed):
    assert set(pushed.main.files) == {
        ".gitattributes",
        "README.md",
        "config.json",
        "held_out_before.json",
        "model.safetensors",
        "modeling_weam.py",
        "results.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }


def test_training_checkpoints_and_pickles_stay_here(pushed):
    here = {path.name for path in (pushed.workspace.folder / MAIN).iterdir()}
    assert {"checkpoint-2", "training_args.bin"} <= here
    assert not re.search(r"checkpoint-|\.(bin|pth?|unfinished)\b", " ".join([*pushed.main.files, *pushed.branch.files]))


def test_pushed_weights_are_the_trained_ones(pushed):
    trained = load_file(pushed.workspace.folder / MAIN / "model.safetensors")
    torch.testing.assert_close(load(pushed.main.files["model.safetensors"]), trained, rtol=0, atol=0)


def test_the_card_is_ours(pushed):
    assert pushed.card.startswith("---\n") and "# weam-tiny\n" in pushed.card
    assert f'AutoModel.from_pretrained("{NAME}")' in pushed.card
    assert "generated automatically" not in pushed.card and "fine-tuned version" not in pushed.card


def test_the_card_names_base_model_and_languages(pushed):
    front_matter = pushed.card.split("---\n")[1]
    assert f"base_model: {BASE}\n" in front_matter
    assert "language:\n- de\n- en\n" in front_matter


def test_the_card_shows_the_figures_of_the_results(pushed):
    results = json.loads(pushed.main.files["results.json"])
    for when, steps in (("before", 0), ("after", 2)):
        scores = {row["metric"]: row["value"] for row in results["measurements"] if row["steps"] == steps}
        losses = f"{scores['multilingual_loss']:.2f} | {scores['cross_lingual_loss']:.2f}"
        assert f"| en-de | {when} | {losses} | " in pushed.card
    assert f"2 steps, {results['trainings'][0]['tokens']:,} tokens" in pushed.card


def test_the_hub_reads_the_figures_of_the_card(pushed, tmp_path):
    (tmp_path / "README.md").write_bytes(pushed.main.files["README.md"])
    measured = json.loads(pushed.main.files["results.json"])["measurements"]
    read = [
        (x.dataset_config, x.metric_type, x.metric_value)
        for x in ModelCard.load(tmp_path / "README.md").data.eval_results
    ]
    assert read == [(row["language"], row["metric"], row["value"]) for row in measured if row["steps"] == 2]


def test_the_token_goes_to_the_hub_only(pushed):
    assert TOKEN not in pushed.output
    commits = pushed.hub.repositories[NAME].commits.values()
    leaks = [path for commit in commits for path, content in commit.files.items() if TOKEN.encode() in content]
    assert leaks == []
    assert any(TOKEN in request.headers.get("authorization", "") for request in pushed.hub.requests)


@pytest.mark.parametrize("output", [MAIN, TRIAL])
def test_the_token_is_in_no_file_of_the_output_directory(pushed, output):
    files = [path for path in (pushed.workspace.folder / output).rglob("*") if path.is_file()]
    assert [str(path) for path in files if TOKEN.encode() in path.read_bytes()] == []


def test_a_second_push_finds_the_repository_and_goes_to_its_branch(pushed):
    assert len(pushed.hub.repositories[NAME].commits) == 3  # the Hub's own first one, and one for each run
    assert set(pushed.branch.files) == set(pushed.main.files)
    assert pushed.branch.files["model.safetensors"] != pushed.main.files["model.safetensors"]


def test_the_pushed_code_is_what_runs(loaded):
    assert loaded["ours"] == []
    for place in ("main", "commit", "branch"):
        for part, name in (("encoder", "WEAMBertModel"), ("pre-training", "BertForWEAMPreTraining")):
            assert loaded[place][part]["class"] == name
            assert loaded[place][part]["module"].startswith("transformers_modules.")


def test_without_trust_the_stock_classes_give_the_same_numbers(loaded):
    main = loaded["main"]
    assert main["stock encoder"]["class"] == "BertModel" and main["masked"]["class"] == "BertForMaskedLM"
    assert main["stock encoder"]["values"] == main["encoder"]["values"]
    assert main["masked"]["values"] == main["pre-training"]["values"]


def test_words_are_aligned_and_masks_filled(loaded):
    links = loaded["main"]["links"][0]
    assert links and all(0 <= word < 3 for link in links for word in link)
    assert loaded["main"]["filled"] in SPECIAL + WORDS


def test_a_pinned_commit_and_main_are_the_same_model(loaded):
    keys = ("links", "filled")
    assert [loaded["commit"][key] for key in keys] == [loaded["main"][key] for key in keys]
    assert loaded["commit"]["encoder"]["values"] == loaded["main"]["encoder"]["values"]


def test_a_branch_is_another_model(loaded):
    assert loaded["branch"]["encoder"]["values"] != loaded["main"]["encoder"]["values"]


def test_a_repository_that_cannot_be_created_fails_before_anything_is_read(hub, workspace):
    before = len(hub.requests)
    finished = train(hub, workspace, REFUSED, "--hub_model_id", "stranger/weam-tiny", HF_TOKEN=TOKEN)
    assert finished.returncode != 0
    assert "403" in finished.stdout and "the repository stranger/weam-tiny can be neither" in finished.stdout
    assert not any(BASE in request.path for request in hub.requests[before:])  # not even the checkpoint
    assert not (workspace.folder / REFUSED).exists()
    assert TOKEN not in finished.stdout


# Models built in Python

BUILD = """
import sys
import torch
from transformers import Trainer, TrainingArguments
from tests.conftest import FAMILIES, config_of, small_tokenizer

folder, token = sys.argv[1:]
for family, model_class in FAMILIES.items():
    model = model_class(config_of(family))
    model.push_to_hub(f"someone/{family}", token=token)
    Trainer(model=model, args=TrainingArguments(folder, use_cpu=True)).save_model(f"{folder}/{family}")
"""
LOAD_EACH = """
import json, sys
import torch
from transformers import AutoModel, AutoModelForMaskedLM, AutoModelForPreTraining

facts = {}
for place in sys.argv[1:]:
    ids = {"input_ids": torch.tensor([[2, 7, 8, 3]])}
    models = [auto.from_pretrained(place, trust_remote_code=trust).eval() for auto, trust in
              ((AutoModelForPreTraining, True), (AutoModelForMaskedLM, False), (AutoModel, True), (AutoModel, False))]
    trained, masked, aligner, encoder = models
    same = torch.equal(trained(**ids).logits, masked(**ids).logits)
    same &= torch.equal(aligner(**ids)[0], encoder(**ids)[0])
    facts[place] = [[type(model).__name__ for model in models], same]
print("RESULT", json.dumps(facts))
"""


def test_models_built_in_python_are_pushed_and_saved_whole(hub, tmp_path_factory):
    """By `push_to_hub` and `Trainer.save_model`; they load by name or folder where nothing of ours is in reach."""
    folder, home, empty = (tmp_path_factory.mktemp(name) for name in ("built", "home", "empty"))
    build = [sys.executable, "-c", BUILD, str(folder), TOKEN]
    finished = subprocess.run(build, env=environment(hub, home), cwd=ROOT, timeout=120, **PIPES)
    assert finished.returncode == 0, finished.stdout
    places = [*(f"someone/{family}" for family in FAMILIES), *(str(folder / family) for family in FAMILIES)]
    load = [sys.executable, "-I", "-c", LOAD_EACH, *places]
    finished = subprocess.run(load, env=environment(hub, empty), cwd=empty, timeout=120, **PIPES)
    assert finished.returncode == 0, finished.stdout
    facts = json.loads(finished.stdout.partition("RESULT ")[2])
    assert list(facts) == places
    for place, name in zip(places, [*FAMILIES.values(), *FAMILIES.values()], strict=True):
        family = name.__name__.removesuffix("ForWEAMPreTraining")
        names = [name.__name__, f"{family}ForMaskedLM", f"WEAM{family}Model", f"{family}Model"]
        assert facts[place] == [names, True]

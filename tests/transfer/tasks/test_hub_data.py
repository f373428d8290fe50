"""The benchmarks read from the Hub under their real names: with the real client, from a Hub on this machine."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import PIPES
from tests.support.hub_server import Hub, environment, parquet, with_card

READ = """
import json, sys
from dataclasses import asdict
from weam.transfer.tasks.answer_spans import Windows
from weam.transfer.tasks.files import DataFiles
from weam.transfer.tasks.mlqa import MLQA, XQuAD
from weam.transfer.tasks.tagging import UDPOS
from weam.transfer.tasks.text_pairs import XNLI

tasks = {"mlqa": MLQA(DataFiles(), Windows()), "xquad": XQuAD(DataFiles(), Windows()),
         "xnli": XNLI(DataFiles()), "udpos": UDPOS(DataFiles())}
found = {}
for wanted in sys.argv[1:]:
    name, split, language = wanted.split()
    try:
        found[wanted] = [asdict(example) for example in tasks[name].read(split, language)]
    except (ValueError, OSError) as error:
        found[wanted] = " ".join([str(error), *getattr(error, "__notes__", [])])
print("RESULT", json.dumps(found))
"""
PREMISES = {"en": "the cat sees a dog", "de": "die katze sieht ein hund"}
CONTEXTS = {"en": "the dog eats in a red house", "de": "hund isst im rotes haus", "es": "el perro come"}
WANTED = (
    "xnli test de",
    "xnli train en",
    "mlqa test de-es",
    "mlqa test de-en",
    "mlqa train de",
    "xquad test de",
    "udpos test de",
    "udpos dev de",
    "xnli test fr",
    "mlqa test es-de",
    "xquad test zh",
    "udpos test zh",
)


def xnli_rows(language: str, split: str) -> list[dict[str, Any]]:
    """Return two pairs with the labels as numbers."""
    premise = PREMISES[language]
    return [{"premise": premise, "hypothesis": f"{split} {n}", "label": n} for n in (1, 2)]


def question(context: str, asked: str) -> dict[str, Any]:
    """Return one row of MLQA, the answer in the language of the context."""
    text = CONTEXTS[context]
    answer = text.split()[1]
    found = {"answer_start": [text.index(answer)], "text": [answer]}
    return {"context": text, "question": f"{asked} ?", "answers": found, "id": f"{context}-{asked}"}


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    """A Hub with the benchmarks as they lie on the real one, some rows of each."""
    with Hub("no token") as hub:
        splits = {f"{la}/{s}-00000-of-00001.parquet": xnli_rows(la, s) for la in PREMISES for s in ("train", "test")}
        hub.add_dataset("facebook/xnli", main=with_card({path: parquet(rows) for path, rows in splits.items()}))
        crossed = {f"mlqa.de.{asked}/test/0000.parquet": parquet([question("de", asked)]) for asked in ("es", "en")}
        crossed["mlqa-translate-train.de/train/0000.parquet"] = parquet([question("de", "de")])
        branches = {"main": {"README.md": b"", "mlqa.py": b"raise SystemExit"}, "refs/convert/parquet": crossed}
        hub.add_dataset("facebook/mlqa", **branches)
        xquad = {"xquad.de/validation-00000-of-00001.parquet": parquet([question("de", "de")])}
        hub.add_dataset("google/xquad", main=with_card(xquad))
        udpos = {
            f"udpos.German/{split}-00000-of-00001.parquet": parquet([{"tokens": [split, "haus"], "pos_tags": [5, 7]}])
            for split in ("train", "validation", "test")
        }
        hub.add_dataset("google/xtreme", main=with_card(udpos))
        yield hub


@pytest.fixture(scope="module")
def read(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the tasks read in a new process with an empty cache: examples, or the error."""
    env = environment(hub, tmp_path_factory.mktemp("home"), PYTHONPATH=str(Path(__file__).parent.parent))
    finished = subprocess.run([sys.executable, "-c", READ, *WANTED], env=env, timeout=300, **PIPES)
    assert finished.returncode == 0, finished.stdout
    return json.loads(finished.stdout.partition("RESULT ")[2])


def test_xnli_has_its_language_with_labels_by_name(read: dict[str, Any]) -> None:
    assert read["xnli test de"] == [
        {"first": "die katze sieht ein hund", "second": "test 1", "label": "neutral"},
        {"first": "die katze sieht ein hund", "second": "test 2", "label": "contradiction"},
    ]
    assert [example["second"] for example in read["xnli train en"]] == ["train 1", "train 2"]


@pytest.mark.parametrize(("wanted", "asked"), [("mlqa test de-es", "es"), ("mlqa test de-en", "en")])
def test_mlqa_has_its_pair_of_languages_and_no_other(read: dict[str, Any], wanted: str, asked: str) -> None:
    assert read[wanted] == [
        {
            "id": f"de-{asked}",
            "question": f"{asked} ?",
            "context": "hund isst im rotes haus",
            "answers": ["isst"],
            "answer_starts": [5],
        }
    ]


def test_mlqa_trains_on_its_own_translations(read: dict[str, Any]) -> None:
    assert [example["id"] for example in read["mlqa train de"]] == ["de-de"]


def test_xquad_has_its_language(read: dict[str, Any]) -> None:
    assert [(example["id"], example["answers"]) for example in read["xquad test de"]] == [("de-de", ["isst"])]


def test_udpos_has_its_treebank_with_tags_by_name(read: dict[str, Any]) -> None:
    assert read["udpos test de"] == [{"words": ["test", "haus"], "tags": ["DET", "NOUN"]}]
    assert read["udpos dev de"] == [{"words": ["validation", "haus"], "tags": ["DET", "NOUN"]}]


@pytest.mark.parametrize(
    ("wanted", "parts"),
    [
        ("xnli test fr", ("'fr' not found", "['en', 'de']", "the test split of facebook/xnli:fr")),
        ("xquad test zh", ("'xquad.zh' not found", "['xquad.de']")),
        ("udpos test zh", ("'udpos.Chinese' not found", "['udpos.German']")),
        ("mlqa test es-de", ("facebook/mlqa", "mlqa.es.de")),
    ],
)
def test_a_language_that_the_data_set_has_not_is_named(
    read: dict[str, Any], wanted: str, parts: tuple[str, ...]
) -> None:
    assert isinstance(read[wanted], str)
    for part in parts:
        assert part in read[wanted]

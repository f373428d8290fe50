"""Beds: their files, one arm from training to record, records collected without loss, and the page made of them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from transformers import AutoModelForMaskedLM, AutoTokenizer

from benchmarks.study.beds import arms, files, records
from benchmarks.study.beds.__main__ import measure
from benchmarks.study.beds.arms import Bed, arm_arguments, teach
from benchmarks.study.beds.contrasts import CANDIDATES
from benchmarks.study.beds.plan import BEDS, TAGS_FIRST, WITH_RANKING, Alignment, PreTraining
from benchmarks.study.beds.pretrain import learn_tokens, pretrain, write_tokenizer
from benchmarks.study.beds.report import (
    APART,
    figures_of,
    filled_pages,
    mean_ranks,
    ranks_table,
    read_figures,
)
from benchmarks.study.beds.score import linked_words, load
from modeling_weam import WEAMBertModel
from tests.conftest import ROOT
from tests.support.command_line import sentence_pairs
from weam.alignment.gold import GoldSentence, read_gold
from weam.pretraining.arguments import ModelArguments, parse_arguments


def test_collecting_keeps_other_records_and_replaces_those_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "RESULTS", tmp_path)
    for name, found in (("first", [("TLM", 1, 10), ("TLM", 2, 20)]), ("again", [("TLM", 2, 21), ("none", 1, 30)])):
        folder = tmp_path / name
        folder.mkdir()
        for arm, seed, score in found:
            text = json.dumps({"name": arm, "seed": seed, "scores": {"udpos": score}})
            (folder / f"{arm}.seed-{seed}.json").write_text(text)
    (tmp_path / "beds").mkdir()
    records.collect("clone", tmp_path / "first")
    records.collect("clone", tmp_path / "again")
    records.collect("clone", tmp_path / "absent")
    scores = {key: record["scores"]["udpos"] for key, record in records.read_collected("clone").items()}
    assert scores == {("TLM", 1): 10, ("TLM", 2): 21, ("none", 1): 30}


def test_a_seed_does_not_go_on_from_another_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "RESULTS", tmp_path)
    (tmp_path / "beds").mkdir()

    def record(fingerprint: str, **changes: object) -> dict:
        begun = {"held_out": [{"checkpoint_fingerprint": fingerprint}]}
        given = {"bed": "distant", "name": "none", "seed": 1, "pretraining": None, "base": None, "training": begun}
        return {**given, **changes}

    records.check_encoder(record("a"))
    records.collected_file("distant").write_text(json.dumps([record("a")]))
    for known in (record("a"), record("b", seed=2), record("b", base="none"), record("b", pretraining={})):
        records.check_encoder(known)
    with pytest.raises(ValueError, match=r"the encoder is b, that of seed 1 in .*distant\.json is a: name new seeds"):
        records.check_encoder(record("b"))


def test_tags_that_the_first_seeds_lack_do_not_change_a_mean_that_all_have() -> None:
    scores = {"metric": "accuracy", "steps": 1, "en": 90.0, "ar": 70.0, "de": 88.0, "es": 90.0}
    first, later = (
        figures_of({"bed": "distant", "scores": {"udpos": {**scores, **more}}})
        for more in ({}, {"ko": 60.0, "th": 40.0})
    )
    assert later["tags, ko and th"] == 50.0
    assert {name: later[name] for name in first} == first
    assert first["tags, no bitext"] == 89.0


def test_the_pages_are_what_the_records_make_them() -> None:
    for page, text in filled_pages({bed: read_figures(bed) for bed in BEDS}).items():
        assert page.read_text(encoding="utf-8") == text


def test_all_arms_of_the_encoders_that_were_made_here_are_scored_on_tags() -> None:
    """A figure that lacks in one seed would be over fewer encoders than its row says."""
    made_here = [bed for bed, plan in BEDS.items() if plan.pretraining is not None]
    found = [record for bed in made_here for record in records.read_collected(bed).values()]
    assert [(each["bed"], each["name"], each["seed"]) for each in found if "udpos" not in each["scores"]] == []


def test_the_default_objective_is_one_of_the_two_that_lead_where_languages_are_apart() -> None:
    ranks = [mean_ranks({arm: read_figures(bed)[arm] for arm in CANDIDATES}) for bed in APART]
    leading = sorted(CANDIDATES, key=lambda arm: sum(of_bed[arm] for of_bed in ranks))[:2]
    assert ModelArguments.objective in [BEDS["clone"].named(arm).settings["objective"] for arm in leading]


def test_a_system_that_a_bed_has_not_measured_has_no_rank() -> None:
    beds = {bed: read_figures(bed) for bed in APART}
    whole = ranks_table(beds)
    del beds["clone"]["MLM"]
    assert {line.split("|")[1] for line in whole.splitlines()} - {
        line.split("|")[1] for line in ranks_table(beds).splitlines()
    } == {" MLM "}


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Bed:
    """A bed of our words, whose other language is German in reversed order, with a tokenizer."""
    bed = Bed("clone", tmp_path_factory.mktemp("bed"))
    files.make_folders(bed.data)
    pairs = [(source, " ".join(reversed(target.split()))) for source, target in sentence_pairs()]
    for language, texts in (("en", [source for source, _ in pairs]), ("xx", [target for _, target in pairs])):
        files.write_lines(bed.data / "text" / f"{language}.txt", texts)
        tagged = [[(word, "NOUN" if len(word) > 3 else "DET") for word in text.split()] for text in texts[:20]]
        files.write_treebank(bed.data / "udpos" / f"test.{language}.conllu", tagged)
        files.write_treebank(bed.data / "udpos" / "train.en.conllu", tagged)
    links = [
        [(word, len(target.split()) - 1 - word) for word in range(len(source.split()))] for source, target in pairs
    ]
    files.write_bitext(bed.data, "xx", pairs)
    files.write_links(bed.data, "xx", links)
    gold = [
        GoldSentence(tuple(source.split()), tuple(target.split()), frozenset(found), frozenset(found))
        for (source, target), found in zip(pairs, links, strict=True)
    ]
    for part in ("dev", "test"):
        files.write_retrieval(bed.data, part, "xx", files.held_out_pairs(pairs))
        files.write_gold(bed.data, part, "en-xx", gold[:5])
    assert read_gold(bed.data / "gold" / "test.en-xx") == gold[:5]
    write_tokenizer(bed.texts, PreTraining(vocabulary=60, joint=True), bed.tokenizer)
    pretrain(PreTraining(layers=2, hidden_size=16, steps=2, joint=True), bed.texts, bed.tokenizer, 7, bed.backbone(7))
    return bed


def test_a_vocabulary_is_learnt_alike_each_time(bed: Bed) -> None:
    assert len({tuple(learn_tokens(bed.texts, 60)) for _ in range(5)}) == 1


def test_chinese_words_of_test_sets_are_cut_into_the_characters_of_the_text(tmp_path: Path) -> None:
    """The text has a space between them, as `words_of` leaves it; tags and hand-made links are of whole words."""
    (tmp_path / "zh.txt").write_text("\u4e16 \u754c \u4eba\n", encoding="utf-8")
    write_tokenizer([tmp_path / "zh.txt"], PreTraining(vocabulary=20, joint=True), tmp_path / "tokenizer")
    tokenizer = AutoTokenizer.from_pretrained(str(tmp_path / "tokenizer"))
    assert tokenizer.tokenize("\u4e16\u754c\u4eba") == ["\u4e16", "\u754c", "\u4eba"]


def test_an_encoder_that_keeps_its_hidden_states_aligns_at_each_layer_as_one_that_does_not(bed: Bed) -> None:
    kept, tokenizer = load(bed.backbone(7))
    plain = WEAMBertModel.from_pretrained(str(bed.backbone(7)), add_pooling_layer=False).eval()
    pairs = [(pair.source, pair.target) for pair in read_gold(bed.data / "gold" / "test.en-xx")]
    found = [
        [list(encoder.align_corpus(tokenizer, pairs, layer=layer, method="argmax")) for layer in (1, 2)]
        for encoder in (kept, plain)
    ]
    assert found[0] == found[1]  # cosines, too
    assert found[0][0] != found[0][1]


def test_shuffled_links_link_the_same_words_to_others(bed: Bed) -> None:
    true, shuffled = ((bed.data / "links" / f"{name}.en-xx.txt").read_text() for name in ("true", "shuffled"))
    for line, other in zip(true.splitlines(), shuffled.splitlines(), strict=True):
        links, found = set(line.split()), set(other.split())
        assert links.isdisjoint(found)
        assert {link.split("-")[0] for link in found} <= {link.split("-")[0] for link in links}


def test_every_arm_of_every_bed_is_a_command_line_that_the_program_takes(tmp_path: Path) -> None:
    bed = Bed("real", tmp_path)
    files.make_folders(bed.data)
    for language in ("de", "zh"):
        files.write_bitext(bed.data, language, [("a", "b")] * 400)
        files.write_links(bed.data, language, [[(0, 0)]] * 400)
    for plan in BEDS.values():
        for arm in plan.all_arms:
            if arm.settings:
                parse_arguments(arm_arguments(arm, plan.alignment, bed, 7))
    lines = [path.read_text().count("\n") for path in sorted(bed.data.glob("*/*.first-390"))]
    assert lines == [390, 390]  # of the bitext, and of its links


def test_the_best_recipe_is_the_arm_that_won() -> None:
    recipe = yaml.safe_load((ROOT / "recipes" / "best.yaml").read_text(encoding="utf-8"))
    plan = BEDS["distant"]
    assert recipe.pop("logging_steps")
    assert {"exchange": "representation", **recipe} == {
        **WITH_RANKING[0].settings,
        "max_steps": plan.alignment.steps,
        "warmup_steps": plan.alignment.warmup_steps,
    }


def test_an_arm_is_trained_scored_and_not_done_again(bed: Bed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "RESULTS", tmp_path)  # what the repository has on record is no record of this bed
    monkeypatch.setitem(BEDS, "clone", replace(BEDS["clone"], alignment=Alignment(steps=2, batch_size=4)))
    monkeypatch.setattr(arms, "run_in_child", lambda program, argv: program(argv[1:]))
    arm = BEDS["clone"].named("WEAM, representation")
    measure(arm, bed, 7, ["udpos"])
    path = bed.records / "weam-representation.seed-7.json"
    record = json.loads(path.read_text())
    assert record["training"]["training"]["steps"] == 2
    assert 0 <= record["scores"]["udpos"]["xx"] <= 100
    assert not (bed.arm(7, arm.name) / "tasks").exists()
    by_layer = record["scores"]["as it is"]["alignment"]["by layer"]["test"]["en-xx"]
    assert len(by_layer) == 2 and record["scores"]["as it is"]["alignment"]["mean"] in by_layer
    written = path.stat().st_mtime_ns
    measure(arm, bed, 7, ["udpos"])
    assert path.stat().st_mtime_ns == written


def test_an_encoder_that_is_taught_a_task_keeps_its_prediction_head(bed: Bed) -> None:
    teach("udpos", BEDS["clone"].fine_tuning, bed, 7, bed.arm(7, TAGS_FIRST.name))
    before, after = (
        AutoModelForMaskedLM.from_pretrained(folder) for folder in (bed.backbone(7), bed.arm(7, TAGS_FIRST.name))
    )
    head, taught = (dict(model.cls.predictions.transform.named_parameters()) for model in (before, after))
    assert all(torch.equal(head[name], taught[name]) for name in head)
    layers = [model.bert.encoder.layer[0].output.dense.weight for model in (before, after)]
    assert not torch.equal(*layers)


def test_linked_words_of_sentences_stand_one_after_the_other() -> None:
    pairs = [
        GoldSentence(("a", "b"), ("x",), frozenset({(1, 0)}), frozenset({(1, 0)})),
        GoldSentence(("c",), ("y", "z"), frozenset({(0, 1)}), frozenset({(0, 0), (0, 1)})),
    ]
    assert linked_words(pairs).tolist() == [[False] * 3, [True, False, False], [False, False, True]]

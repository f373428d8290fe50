"""From settings to training features and held-out pairs, for every language pair of a run."""

import json
from itertools import product

import datasets
import pytest
from datasets import concatenate_datasets

from tests.support.command_line import write_tsv
from tests.support.hub_server import write_hub_folder
from weam.alignment.arguments import AlignmentArguments
from weam.alignment.gold import GoldSentence
from weam.bitext.arguments import BitextArguments
from weam.bitext.reading import pair_id
from weam.bitext.selection import sentence_key
from weam.pretraining.preparation import prepare_language_pairs

GERMAN = dict(zip("the a cat dog house sees eats".split(), "die ein katze hund haus sieht isst".split(), strict=True))
NOUNS, VERBS, ARTICLES = ("cat", "dog", "house"), ("sees", "eats"), ("the", "a")
ENGLISH = [" ".join(words) for words in product(ARTICLES, NOUNS, VERBS, ARTICLES, NOUNS)]  # 72 sentences
EN_DE = [(sentence, " ".join(GERMAN[word] for word in sentence.split())) for sentence in ENGLISH]
EN_NL = [(sentence, sentence.replace("the", "a red").replace("eats", "not")) for sentence in ENGLISH]  # a language, too


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """One cache for all tests: what it holds is named by all that determines it."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def prepare(tokenizer, cache):
    def call(alignment=None, seed=1, **bitext):
        bitext_args = BitextArguments(**{"validation_fraction": 0.2, "cache_dir": str(cache), **bitext})
        return prepare_language_pairs(bitext_args, AlignmentArguments(**(alignment or {})), tokenizer, seed)

    return call


def write_gold(prefix):
    prefix.with_suffix(".src-tgt").write_text("the cat ||| die katze\n", encoding="utf-8")
    prefix.with_suffix(".gold").write_text("1-1 2-2 2p1\n", encoding="utf-8")
    return prefix


@pytest.fixture(scope="module")
def two_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("text")
    return [f"en-de={write_tsv(folder / 'de.tsv', EN_DE)}", f"en-nl={write_tsv(folder / 'nl.tsv', EN_NL)}"]


# Reading


def test_two_language_pairs_with_their_gold(prepare, two_files, tmp_path):
    prepared = prepare(train_file=two_files, gold_alignments=[f"en-de={write_gold(tmp_path / 'gold')}"])
    assert list(prepared) == ["en-de", "en-nl"]
    for name, rows in (("en-de", EN_DE), ("en-nl", EN_NL)):
        pair = prepared[name]
        assert pair.held_out.language_pair == name
        held_out = list(zip(pair.held_out.sources, pair.held_out.targets, strict=True))
        assert set(held_out) <= set(rows)
        ids = {pair_id(tuple(name.split("-")), *row) for row in rows}
        held_out_ids = {pair_id(tuple(name.split("-")), *row) for row in held_out}
        assert set(pair.held_out.features["id"]) == held_out_ids
        assert set(pair.train["id"]) == ids - held_out_ids
        assert str(pair.report) == f"{name}: 72 of 72 sentence pairs kept; dropped: none"
    sure = frozenset({(0, 0), (1, 1)})
    sentence = GoldSentence(("the", "cat"), ("die", "katze"), sure, sure | {(1, 0)})
    assert (prepared["en-de"].held_out.gold, prepared["en-nl"].held_out.gold) == ([sentence], [])


def test_the_aligner_finds_the_links_of_a_word_for_word_translation(prepare, two_files):
    train = prepare(train_file=two_files)["en-de"].train
    assert train["links"][:] == [[[n, n] for n in range(5)]] * len(train)


def test_several_files_of_a_language_pair_are_joined_in_their_order(prepare, two_files, tmp_path):
    """An alignment file counts lines through both files, so it tells their order."""
    files = [write_tsv(tmp_path / "first.tsv", EN_DE[:40]), write_tsv(tmp_path / "second.tsv", EN_DE[40:])]
    lines = ["0-4\n"] * 40 + ["4-0\n"] * 32
    (tmp_path / "links").write_text("".join(lines), encoding="utf-8")
    options = [f"en-de={files[0]}", two_files[1], f"en-de={files[1]}"]
    prepared = prepare({"alignments": [f"en-de={tmp_path / 'links'}"]}, train_file=options)
    assert list(prepared) == ["en-de", "en-nl"]
    features = concatenate_datasets(
        [prepared["en-de"].train, prepared["en-de"].held_out.features.remove_columns("epoch")]
    )
    links = dict(zip(features["id"][:], features["links"][:], strict=True))
    expected = [[[0, 4]]] * 40 + [[[4, 0]]] * 32
    assert [links[pair_id(("en", "de"), *row)] for row in EN_DE] == expected


def test_a_hub_data_set_is_read_by_its_configurations(prepare, two_files, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")
    de_en = [(german, english) for english, german in EN_DE]
    folder = write_hub_folder(tmp_path / "opus", {"de-en": de_en, "en-nl": EN_NL})
    prepared = prepare(dataset_name=str(folder), dataset_config=["de-en", "en-nl"])
    assert list(prepared) == ["de-en", "en-nl"]
    held_out = prepared["de-en"].held_out
    assert set(zip(held_out.sources, held_out.targets, strict=True)) <= set(de_en)
    assert prepared["de-en"].report.read == 72
    from_file = prepare(train_file=two_files)["en-nl"]
    rows = {row["id"]: row for row in from_file.train}  # German sources hold other sentences out
    shared = [row for row in prepared["en-nl"].train if row["id"] in rows]
    assert shared == [rows[row["id"]] for row in shared]
    assert len(shared) > 30
    assert prepared["en-nl"].held_out.sources == from_file.held_out.sources


def test_a_hub_configuration_without_the_language_names_data_set_and_row(prepare, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")
    folder = write_hub_folder(tmp_path / "opus", {"de-en": EN_DE})
    readme = (folder / "README.md").read_text(encoding="utf-8")
    (folder / "README.md").write_text(readme.replace("config_name: de-en", "config_name: fr-en"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"opus \(fr-en\), row 1: no text under translation/fr"):
        prepare(dataset_name=str(folder), dataset_config=["fr-en"])


def test_a_json_file_without_translations_names_the_row(prepare, tmp_path):
    rows = [{"translation": dict(zip(("en", "de"), EN_DE[0], strict=True))}, {"en": "a", "de": "b"}]
    (tmp_path / "a.json").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with pytest.raises(ValueError, match=r"a\.json:2: no text under translation/en; write"):
        prepare(train_file=[f"en-de={tmp_path / 'a.json'}"])


# Alignments made elsewhere


def test_links_between_words_become_links_between_their_tokens(prepare, tmp_path):
    known = ("the cats eats a house", "haus isst katzen ein die")  # cat ##s, katze ##n
    path = write_tsv(tmp_path / "a.tsv", [*EN_DE, known])
    (tmp_path / "links").write_text("0-0\n" * 72 + "0-4 1-2 2-1 3-3 4-0\n", encoding="utf-8")
    prepared = prepare({"alignments": [f"en-de={tmp_path / 'links'}"]}, train_file=[f"en-de={path}"])["en-de"]
    features = concatenate_datasets([prepared.train, prepared.held_out.features.remove_columns("epoch")])
    links = dict(zip(features["id"][:], features["links"][:], strict=True))
    assert links[pair_id(("en", "de"), *known)] == [[0, 5], [1, 2], [1, 3], [2, 2], [2, 3], [3, 1], [4, 4], [5, 0]]
    assert links[pair_id(("en", "de"), *EN_DE[3])] == [[0, 0]]


@pytest.mark.parametrize("text", ["en-fr=somewhere", "de-en=somewhere", "en-de=", "en-de", "somewhere"])
@pytest.mark.parametrize("option", ["gold_alignments", "alignments"])
def test_an_option_for_a_language_pair_without_data_is_refused(prepare, two_files, option, text):
    bitext, alignment = ({option: [text]}, {}) if option == "gold_alignments" else ({}, {option: [text]})
    with pytest.raises(ValueError, match=rf"--{option} {text}: write LANGUAGES=PATH for one of \['en-de', 'en-nl'\]"):
        prepare(alignment, train_file=two_files, **bitext)


def test_two_files_of_links_for_a_language_pair_are_refused(prepare, two_files):
    with pytest.raises(ValueError, match="--alignments names two files for en-de, a and b; give one"):
        prepare({"alignments": ["en-de=a", "en-de=b"]}, train_file=two_files)


# The split


@pytest.mark.parametrize(
    ("fraction", "message"),
    [(1.0, "0 pairs to train on and 72 held out"), (0.0, "72 pairs to train on and 0 held out")],
)
def test_nothing_to_train_on_or_to_evaluate_is_refused_with_what_was_dropped(prepare, tmp_path, fraction, message):
    path = write_tsv(tmp_path / "a.tsv", [*EN_DE, EN_DE[0], ("", "hund")])
    with pytest.raises(ValueError, match=rf"en-de: {message}; .*validation_fraction.*72 of 74.*dropped: ") as refusal:
        prepare(train_file=[f"en-de={path}"], validation_fraction=fraction)
    assert "1 duplicate" in str(refusal.value)
    assert "1 with an empty side" in str(refusal.value)


def test_a_sentence_held_out_of_one_language_pair_is_held_out_of_the_other(prepare, two_files):
    prepared = prepare(train_file=two_files)
    english = dict(zip((pair_id(("en", "nl"), *row) for row in EN_NL), ENGLISH, strict=True))
    trained = {sentence_key(english[number]) for number in prepared["en-nl"].train["id"]}
    assert len(prepared["en-de"].held_out.sources) > 5
    leaked = trained & set(map(sentence_key, prepared["en-de"].held_out.sources))
    assert len(leaked) == 0


def test_a_sentence_is_held_out_whichever_side_it_is_on(prepare, tmp_path):
    """As in OPUS-100, whose configurations are alphabetical: English is the target of de-en and the source of en-nl."""
    de_en = [(german, english) for english, german in EN_DE]
    files = [f"de-en={write_tsv(tmp_path / 'de.tsv', de_en)}", f"en-nl={write_tsv(tmp_path / 'nl.tsv', EN_NL)}"]
    prepared = prepare(train_file=files)
    english = dict(zip((pair_id(("de", "en"), *row) for row in de_en), ENGLISH, strict=True))
    trained = {sentence_key(english[number]) for number in prepared["de-en"].train["id"]}
    leaked = trained & set(map(sentence_key, prepared["en-nl"].held_out.sources))
    assert len(leaked) == 0


def test_held_out_pairs_are_the_same_however_many_are_trained_on(prepare, two_files):
    few, every = prepare(train_file=two_files, max_train_pairs=10), prepare(train_file=two_files)
    for name in ("en-de", "en-nl"):
        assert len(few[name].train) == 10 < len(every[name].train)
        assert set(few[name].train["id"]) < set(every[name].train["id"])
        assert few[name].held_out.sources == every[name].held_out.sources


def test_no_more_pairs_are_evaluated_than_asked_for(prepare, two_files):
    few, every = prepare(train_file=two_files, max_eval_pairs=3), prepare(train_file=two_files)
    assert few["en-de"].held_out.sources == every["en-de"].held_out.sources[:3]
    assert few["en-de"].train[:] == every["en-de"].train[:]

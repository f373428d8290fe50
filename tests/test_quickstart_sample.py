"""The sample of the quick start: made again byte for byte, rightly linked, gold unseen in training, nothing unknown."""

import importlib.util
import json
import shutil
import sys

import pytest
from transformers import AutoConfig, AutoTokenizer, BertConfig

from tests.conftest import ROOT
from weam.alignment.gold import read_gold

FOLDER = ROOT / "recipes" / "quickstart"
LANGUAGES = ("de", "es", "zh")
# English words that some language has no word for; every other word has a link.
FUNCTION_WORDS = set("the a an to do does did is are am that on in for".split())


def load(name):
    """Load a program of the recipe as a module."""
    specification = importlib.util.spec_from_file_location(f"quickstart_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def grammar():
    return load("grammar")


@pytest.fixture(scope="module")
def training():
    return {language: read_pairs(FOLDER / f"train.en-{language}.tsv") for language in LANGUAGES}


@pytest.fixture(scope="module")
def gold():
    return {language: read_gold(FOLDER / f"gold.en-{language}") for language in LANGUAGES}


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(FOLDER / "model")


def read_pairs(path):
    lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    return [tuple(line.split("\t")) for line in lines]


def spelled(tokens, language):
    """Write gold tokens as people write them."""
    if language == "zh":
        return "".join(tokens)
    text = " ".join(tokens).replace("¿ ", "¿")
    for attached in (" .", " ?", " ,", " 's"):
        text = text.replace(attached, attached[1:])
    return text


def test_the_grammar_writes_the_same_files_again(grammar, tmp_path):
    grammar.write_sample(tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == sorted(path.name for pattern in ("train.*", "gold.*") for path in FOLDER.glob(pattern))
    for name in names:
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes(), name


def test_the_tokenizer_is_built_the_same_again(tmp_path):
    for path in FOLDER.glob("train.*.tsv"):
        shutil.copy(path, tmp_path)
    load("build_tokenizer").write_model(tmp_path, tmp_path / "model")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / "model" / name).read_bytes() == (FOLDER / "model" / name).read_bytes(), name
    configs = [json.loads((folder / "model" / "config.json").read_text()) for folder in (tmp_path, FOLDER)]
    for config in configs:
        del config["transformers_version"]
    assert configs[0] == configs[1]


def test_sizes_and_the_same_english_everywhere(training, gold):
    english = [source for source, _ in training["de"]]
    assert len(english) == 2000
    assert [len(gold[language]) for language in LANGUAGES] == [200] * 3
    for language in LANGUAGES:
        assert [source for source, _ in training[language]] == english
        assert [sentence.source for sentence in gold[language]] == [sentence.source for sentence in gold["de"]]
    assert all(5 <= len(sentence.split()) <= 15 for sentence in english)


def test_no_sentence_is_there_twice_in_any_language(training, gold):
    texts = [source for source, _ in training["de"]] + [spelled(sentence.source, "en") for sentence in gold["de"]]
    assert len(set(texts)) == 2200
    for language in LANGUAGES:
        texts = [target for _, target in training[language]]
        texts += [spelled(sentence.target, language) for sentence in gold[language]]
        assert len(set(texts)) == 2200, language


def test_links_count_from_1_and_reach_every_content_word(gold):
    for language in LANGUAGES:
        raw = (FOLDER / f"gold.en-{language}.gold").read_text().splitlines()
        assert all("0" not in link.split("-") for line in raw for link in line.split())
        assert not any("p" in line for line in raw)
        for sentence in gold[language]:
            linked = {i for i, _ in sentence.sure}
            left = {word.lower() for i, word in enumerate(sentence.source) if i not in linked} - {","}
            assert left <= FUNCTION_WORDS, (language, sentence)
            assert (len(sentence.source) - 1, len(sentence.target) - 1) in sentence.sure  # the last marks


def test_sentences_begin_and_end_as_people_write_them(training):
    for language in LANGUAGES:
        for source, target in training[language]:
            assert source[0].isupper() and source[-1] in ".?"
            assert target[-1] in ("。？" if language == "zh" else ".?")
            assert target.lstrip("¿")[0].isupper() or language == "zh"
            assert "  " not in target and (" " not in target or language != "zh")
            assert (target[0] == "¿") == (language == "es" and source[-1] == "?")


def test_the_tokenizer_knows_every_sentence(training, gold, tokenizer):
    config = AutoConfig.from_pretrained(FOLDER / "model")
    assert isinstance(config, BertConfig) and tokenizer.is_fast
    assert config.vocab_size == len(tokenizer) <= 1600
    assert config.pad_token_id == tokenizer.pad_token_id == 0
    texts = [text for language in LANGUAGES for pair in training[language] for text in pair]
    texts += [spelled(sentence.source, "en") for sentence in gold["de"]]
    texts += [spelled(sentence.target, language) for language in LANGUAGES for sentence in gold[language]]
    seen = {number for ids in tokenizer(texts)["input_ids"] for number in ids}
    assert tokenizer.unk_token_id not in seen and tokenizer.mask_token_id not in seen
    tokens = tokenizer.convert_ids_to_tokens(sorted(seen))
    assert "Lehrerin" in tokens and sum(token.startswith("##") for token in tokens) > 50
    assert tokenizer.decode(tokenizer("Él está aquí.")["input_ids"], skip_special_tokens=True).startswith("Él está")


# Sentences written by hand


def find(grammar, english, german=None):
    """Find a noun."""
    return next(noun for noun in grammar.ALL_NOUNS if noun.en[0] == english and german in (None, noun.de[0]))


def adjective(grammar, english, kind):
    """Find an adjective said of a class."""
    return next(entry for entry in grammar.ALL_ADJECTIVES if entry.en[0] == english and kind in entry.classes)


def time(grammar, english):
    """Find a time by its first English word."""
    columns = next(columns for columns in grammar.rows(grammar.TIMES) if columns[1].startswith(english))
    return grammar.phrase(columns[1:], "1.time")


def check(grammar, written, mark, texts, links):
    """Compare a sentence and its links with what was written by hand."""
    tokens = {language: grammar.finished(written[language], language, mark) for language in grammar.LANGUAGES}
    sentence = grammar.Sentence(tokens)
    assert tuple(sentence.text(language) for language in grammar.LANGUAGES) == texts
    for language, expected in links.items():
        assert " ".join(f"{i}-{j}" for i, j in sentence.links(language)) == expected, language


def test_an_old_teacher_bought_a_book(grammar):
    subject = grammar.NounPhrase(
        find(grammar, "teacher", "Lehrerin"), "1.subject", "the", adjective(grammar, "old", "adult")
    )
    book = grammar.NounPhrase(find(grammar, "book"), "1.object", "a", adjective(grammar, "new", "thing"))
    yesterday = time(grammar, "yesterday")
    clause = grammar.Clause(subject, grammar.BY_NAME["buy"], object=book, tense="past", time=yesterday, time_first=True)
    texts = (
        "Yesterday the old teacher bought a new book.",
        "Gestern hat die alte Lehrerin ein neues Buch gekauft.",
        "Ayer la profesora vieja compró un libro nuevo.",
        "昨天那位年老的老师买了一本新书。",
    )
    links = {
        "de": "1-1 2-3 3-4 4-5 5-2 5-9 6-6 7-7 8-8 9-10",
        "es": "1-1 2-2 3-4 4-3 5-5 6-6 7-8 8-7 9-9",
        "zh": "1-1 2-2 2-3 3-4 4-6 5-7 5-8 6-9 6-10 7-11 8-12 9-13",
    }
    check(grammar, grammar.clause_phrase(clause), ".", texts, links)


def test_the_car_is_too_expensive(grammar):
    car = grammar.NounPhrase(find(grammar, "car"), "1.object", "the")
    subject = grammar.NounPhrase(grammar.ALL_PRONOUNS["I"], "1.subject")
    modal = grammar.ALL_MODALS["can"]
    main = grammar.Clause(subject, grammar.BY_NAME["buy"], object=car, modal=modal, negated=True)
    expensive = adjective(grammar, "expensive", "thing")
    reason = grammar.described(grammar.it_for(car, "2.subject"), expensive, grammar.TOO, "2")
    texts = (
        "I cannot buy the car because it is too expensive.",
        "Ich kann das Auto nicht kaufen, weil es zu teuer ist.",
        "No puedo comprar el coche porque es demasiado caro.",
        "我不能买那辆汽车，因为它太贵了。",
    )
    links = {
        "de": "1-1 2-2 2-5 3-6 4-3 5-4 6-8 7-9 8-12 9-10 10-11 11-13",
        "es": "1-2 2-1 2-2 3-3 4-4 5-5 6-6 7-7 8-7 9-8 10-9 11-10",
        "zh": "1-1 2-2 2-3 3-4 4-5 4-6 5-7 6-9 7-10 9-11 10-12 11-14",
    }
    check(grammar, grammar.with_reason(main, reason), ".", texts, links)


def test_a_question_with_dative_and_contraction(grammar):
    david, farmer = find(grammar, "David"), grammar.NounPhrase(find(grammar, "farmer"), "1.object", "the")
    clause = grammar.Clause(
        grammar.NounPhrase(david, "1.subject"), grammar.BY_NAME["help"], object=farmer, tense="past"
    )
    texts = (
        "Did David help the farmer?",
        "Hat David dem Bauern geholfen?",
        "¿Ayudó David al campesino?",
        "大卫帮助了那位农民吗？",
    )
    links = {
        "de": "1-1 2-2 3-5 4-3 5-4 6-6",
        "es": "2-3 3-2 4-4 5-5 6-1 6-6",
        "zh": "1-3 2-1 3-2 4-4 4-5 5-6 6-8",
    }
    check(grammar, grammar.clause_phrase(clause, "question"), "?", texts, links)


def test_a_separable_verb_and_a_subject_left_out(grammar):
    aunt = grammar.NounPhrase(find(grammar, "aunt"), "1.object", "our")
    subject = grammar.NounPhrase(grammar.ALL_PRONOUNS["we"], "1.subject")
    every_day = time(grammar, "every:1 day")
    clause = grammar.Clause(subject, grammar.BY_NAME["call"], object=aunt, time=every_day)
    texts = (
        "We call our aunt every day.",
        "Wir rufen jeden Tag unsere Tante an.",
        "Llamamos a nuestra tía todos los días.",
        "我们每天给我们的阿姨打电话。",
    )
    links = {
        "de": "1-1 2-2 2-7 3-5 4-6 5-3 6-4 7-8",
        "es": "1-1 2-1 3-3 4-4 5-5 6-7 7-8",
        "zh": "1-1 2-3 2-7 2-8 3-4 3-5 4-6 5-2 6-2 7-9",
    }
    check(grammar, grammar.clause_phrase(clause), ".", texts, links)
    assert grammar.german_clause(clause, "final")[-1].text == "anrufen"

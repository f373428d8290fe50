"""Scores against values worked out by hand, and against the official scorers' rules written out slowly.

At the end the `evaluate` metrics: loaded from their folders without a network, they give what `weam.metrics` gives.
"""

import socket
import string
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import evaluate
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT
from weam.metrics import (
    alignment_error_rate,
    mean_answer_scores,
    mlqa_score,
    retrieval_accuracy,
    squad_score,
)


def test_a_perfect_alignment_has_no_error() -> None:
    scores = alignment_error_rate([[(0, 0)], [(1, 1)]], [{(0, 0)}, {(1, 1)}], [{(0, 0)}, {(1, 1)}])
    assert (scores.precision, scores.recall, scores.alignment_error_rate) == (1, 1, 0)


def test_possible_links_are_right_but_not_needed() -> None:
    sure, possible = [{(0, 0)}], [{(0, 0), (1, 1)}]
    assert alignment_error_rate([[(0, 0)]], sure, possible).alignment_error_rate == 0
    assert alignment_error_rate([[(0, 0), (1, 1)]], sure, possible).alignment_error_rate == 0


def test_counts_are_summed_over_sentences_before_they_are_divided() -> None:
    predicted = [[(0, 0)], [(0, 0), (1, 1), (2, 2)]]
    sure = [{(0, 0)}, {(0, 1)}]
    scores = alignment_error_rate(predicted, sure, sure)
    assert (scores.precision, scores.recall) == (1 / 4, 1 / 2)
    assert scores.alignment_error_rate == pytest.approx(1 - (1 + 1) / (4 + 2))


def test_sure_links_count_as_possible_and_repeated_links_once() -> None:
    scores = alignment_error_rate([[(0, 0), (0, 0)]], [{(0, 0)}], [set()])
    assert (scores.precision, scores.alignment_error_rate) == (1, 0)


def test_no_links_at_all() -> None:
    assert alignment_error_rate([[]], [{(0, 0)}], [set()]).alignment_error_rate == 1
    assert alignment_error_rate([[]], [set()], [set()]).alignment_error_rate == 0


def test_unequal_numbers_of_sentences_are_refused() -> None:
    with pytest.raises(ValueError, match="argument 2"):
        alignment_error_rate([[(0, 0)]], [{(0, 0)}, {(0, 0)}], [set(), set()])


def test_a_query_counts_where_its_own_candidate_is_the_nearest_by_cosine() -> None:
    candidates = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    queries = np.array([[0.9, 0.1], [0.9, 0.1], [-5.0, 4.0], [0.1, -0.2]])  # the second is nearest to the first
    assert retrieval_accuracy(queries, candidates) == 0.75
    assert retrieval_accuracy(candidates, candidates) == 1.0
    assert retrieval_accuracy(candidates, -candidates) == 0.0


def test_retrieval_has_a_direction() -> None:
    """Both queries are nearest to the first candidate, but each candidate is nearest to its own query."""
    queries, candidates = np.array([[1.0, 0.1], [1.0, 0.3]]), np.array([[1.0, 0.15], [0.0, 1.0]])
    assert retrieval_accuracy(queries, candidates) == 0.5
    assert retrieval_accuracy(candidates, queries) == 1.0


def test_retrieval_does_not_depend_on_the_length_of_vectors() -> None:
    generator = np.random.default_rng(0)
    queries, candidates = generator.normal(size=(2, 200, 8)).astype(np.float32)
    candidates += queries
    lengths = 10.0 ** generator.uniform(-4, 4, size=(200, 1)).astype(np.float32)
    accuracy = retrieval_accuracy(queries, candidates)
    assert 0.05 < accuracy < 0.95
    assert retrieval_accuracy(queries * lengths, candidates) == accuracy
    assert retrieval_accuracy(queries, candidates * lengths) == accuracy


def test_vectors_that_are_all_the_same_retrieve_one_in_n() -> None:
    assert retrieval_accuracy(np.ones((4, 3)), np.ones((4, 3))) == 0.25


def test_a_zero_vector_has_cosine_zero_and_does_not_warn() -> None:
    queries, candidates = np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[1.0, 0.0], [0.0, 0.0]])
    with np.errstate(all="raise"):
        assert retrieval_accuracy(queries, candidates) == 0.5
        assert retrieval_accuracy(queries.astype(np.float32), candidates.astype(np.float32)) == 0.5


@pytest.mark.parametrize(("queries", "candidates"), [((2, 3), (3, 3)), ((2, 3), (2, 4)), ((0, 3), (0, 3))])
def test_unequal_or_no_sentence_vectors_are_refused(queries: tuple[int, int], candidates: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="as many candidates as queries"):
        retrieval_accuracy(np.ones(queries), np.ones(candidates))


COMBINING_GRAVE, COMBINING_ACUTE, FATHA = "\u0300", "\u0301", "\u064e"


@pytest.mark.parametrize(
    ("language", "prediction", "answer", "exact_match", "f1"),
    [
        ("en", "The  White Whale!", "white whale", 1, 1),
        ("en", "Theatre", "atre", 0, 0),  # articles are whole words
        ("en", "well-known", "wellknown", 1, 1),  # a sign goes without leaving a space
        ("en", "x x y", "x x x", 0, 2 / 3),  # multisets: two in common
        ("en", "red whale", "whale red", 0, 1),
        ("en", "$5", "5", 1, 1),  # ASCII signs go, symbols too
        ("en", "5 €", "5", 0, 2 / 3),  # other symbols stay
        ("en", "caf\u00e9", "cafe" + COMBINING_ACUTE, 0, 0),  # the same on the screen, not to the scorer
        ("en", "", "", 1, 0),
        ("en", "The", "!", 1, 0),
        ("en", "", "whale", 0, 0),
        ("de", "Der alte Mann und das Meer", "alte Mann und Meer", 1, 1),
        ("de", "einen „Wal“", "Wal", 1, 1),
        ("de", "the Wal", "Wal", 0, 2 / 3),  # another language's article is a word
        ("es", "La casa de las flores", "casa de flores", 1, 1),
        ("es", "¿El sol?", "sol", 1, 1),
        ("es", "la" + COMBINING_GRAVE, COMBINING_GRAVE, 1, 1),  # a word ends before a combining mark
        ("vi", "Thủ đô của Việt Nam", "thủ đô Việt Nam", 1, 1),
        ("vi", "những cái", "", 1, 0),
        ("vi", "la" + COMBINING_GRAVE, "", 0, 0),  # only the composed letter is in the article
        ("ar", "الكتاب", "كتاب", 1, 1),
        ("ar", "سالم", "س م", 1, 1),  # inside a word too, where it leaves a space
        ("ar", "ا" + FATHA + "لكتاب", "كتاب", 0, 0),  # a vowel sign parts the article
        ("ar", "كتاب، قلم", "كتاب", 0, 2 / 3),
        ("hi", "भारत।", "भारत", 1, 1),
        ("hi", "हिंदी", "हद", 0, 0),  # vowel signs are not punctuation
        ("hi", "the भारत", "भारत", 0, 2 / 3),
        ("zh", "《红楼梦》", "红楼梦", 1, 1),
        ("zh", "中国，北京！", "中国北京", 1, 1),
        ("zh", "中国", "国家", 0, 1 / 2),
        ("zh", "2008年iPhone手机", "年iPhone", 0, 4 / 7),  # 2008, 年, iphone, 手, 机
        ("zh", "新York City", "york city 新", 0, 1),
        ("zh", "a 北京", "北京", 0, 4 / 5),
        ("zh", "＄5", "5", 0, 0),  # a full-width symbol is not ASCII
        ("zh", "龥龥", "龥", 0, 2 / 3),
        ("zh", "龦龦", "龦", 0, 0),  # the next character, where the official range ends
    ],
)
def test_mlqa_scores(language: str, prediction: str, answer: str, exact_match: float, f1: float) -> None:
    assert mlqa_score(prediction, [answer], language) == pytest.approx({"exact_match": exact_match, "f1": f1})


@pytest.mark.parametrize(
    ("prediction", "answer", "exact_match", "f1"),
    [
        ("An answer: $5", "answer 5", 1, 1),
        ("", "the", 1, 0),
        ("der Wal", "Wal", 0, 2 / 3),  # English rules for every language
        ("भारत।", "भारत", 0, 0),
        ("中国北京", "中国", 0, 0),
    ],
)
def test_squad_scores(prediction: str, answer: str, exact_match: float, f1: float) -> None:
    assert squad_score(prediction, [answer]) == pytest.approx({"exact_match": exact_match, "f1": f1})


def test_the_best_of_several_answers_counts() -> None:
    answers = ["red", "red whale calf", "fish"]
    assert mlqa_score("red whale", answers, "en") == pytest.approx({"exact_match": 0, "f1": 4 / 5})
    assert squad_score("red whale", [*answers, "Red Whale"]) == {"exact_match": 1, "f1": 1}


def test_an_unknown_language_is_refused_with_the_remedy() -> None:
    with pytest.raises(ValueError, match="'fr', only for ar, de, en, es, hi, vi, zh; `squad_score`"):
        mlqa_score("la baleine", ["baleine"], "fr")


def test_a_question_without_answers_and_a_mean_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one accepted answer"):
        mlqa_score("whale", [], "en")
    with pytest.raises(ValueError, match="at least one accepted answer"):
        squad_score("whale", [])
    with pytest.raises(ValueError, match="no questions"):
        mean_answer_scores([])


def test_answer_scores_are_averaged_over_questions() -> None:
    scores = [squad_score("whale", ["whale"]), squad_score("whale", ["fish"]), squad_score("red whale", ["whale"])]
    assert mean_answer_scores(scores) == pytest.approx({"exact_match": 1 / 3, "f1": 5 / 9})


ARTICLES = {
    "ar": "",
    "de": "ein eine einen einem eines einer der die das den dem des",
    "en": "a an the",
    "es": "un una unos unas el la los las",
    "hi": "",
    "vi": "của là cái chiếc những",
    "zh": "",
}
TOKENS = [
    *" ".join(ARTICLES.values()).split(),
    *(" ", "\t", "\n", "\u00a0", "\u3000", "\u200b", "\x1f", "_", "-", "$", "€", "¿", "।", "，", "＄", "ـ", "،"),
    *(COMBINING_GRAVE, COMBINING_ACUTE, FATHA, "ि", "्", "ا", "ل", "ال", "ك", "न", "一", "国", "龥", "龦", "㐀", "𠀀"),
    *("x", "X", "I", "İ", "ß", "é", "Δ", "ж", "5", "२", "٣", "Ａ", "カ", "한", "😀"),
]
texts = st.lists(st.sampled_from(TOKENS) | st.characters(codec="utf-8"), max_size=8).map("".join)


def is_punctuation(character: str) -> bool:
    return character in string.punctuation or unicodedata.category(character).startswith("P")


def without_articles(text: str, articles: list[str]) -> str:
    """Replace whole words, where a word is a run of letters, digits and underscores."""
    kept, word = "", ""
    for character in text + "\n":
        if character.isalnum() or character == "_":
            word += character
        else:
            kept += (" " if word in articles else word) + character
            word = ""
    return kept


def segmented(text: str) -> list[str]:
    """Cut Chinese characters and punctuation apart from each other and from what stands between them."""
    segments, between = [], ""
    for character in text:
        if "\u4e00" <= character <= "\u9fa5" or is_punctuation(character):
            segments += [*between.split(), character]
            between = ""
        else:
            between += character
    return segments + between.split()


def official_normalisation(text: str, language: str) -> str:
    text = "".join(character for character in text.lower() if not is_punctuation(character))
    text = text.replace("ال", " ") if language == "ar" else without_articles(text, ARTICLES[language].split())
    return " ".join(segmented(text) if language == "zh" else text.split())


def squad_normalisation(text: str) -> str:
    text = "".join(character for character in text.lower() if character not in string.punctuation)
    return " ".join(without_articles(text, ["a", "an", "the"]).split())


def official_scores(prediction: str, answer: str) -> dict[str, float]:
    """Score normalised strings, matching the tokens one by one."""
    tokens, unmatched = prediction.split(), answer.split()
    wanted = len(unmatched)
    for token in tokens:
        if token in unmatched:
            unmatched.remove(token)
    same = wanted - len(unmatched)
    f1 = 2 * (same / len(tokens)) * (same / wanted) / (same / len(tokens) + same / wanted) if same else 0.0
    return {"exact_match": float(prediction == answer), "f1": f1}


def best(scores: list[dict[str, float]]) -> dict[str, float]:
    return {name: max(score[name] for score in scores) for name in ("exact_match", "f1")}


@settings(max_examples=1000, deadline=None)
@given(texts, st.lists(texts, min_size=1, max_size=3), st.sampled_from(sorted(ARTICLES)))
def test_mlqa_equals_the_official_rules_on_any_text(prediction: str, answers: list[str], language: str) -> None:
    normalised = official_normalisation(prediction, language)
    slow = best([official_scores(normalised, official_normalisation(answer, language)) for answer in answers])
    assert mlqa_score(prediction, answers, language) == slow


@settings(max_examples=1000, deadline=None)
@given(texts, st.sampled_from(sorted(ARTICLES)))
def test_any_text_matches_its_official_normalisation(text: str, language: str) -> None:
    """Random texts seldom match each other; these mostly do."""
    normalised = official_normalisation(text, language)
    twice = official_normalisation(normalised, language)
    assert mlqa_score(text, [normalised], language) == official_scores(normalised, twice)


@settings(deadline=None)
@given(texts, st.lists(texts, min_size=1, max_size=3))
def test_squad_equals_the_official_rules_on_any_text(prediction: str, answers: list[str]) -> None:
    answers = [*answers, prediction.upper()]  # random texts seldom match each other
    normalised = squad_normalisation(prediction)
    slow = best([official_scores(normalised, squad_normalisation(answer)) for answer in answers])
    assert squad_score(prediction, answers) == slow


@settings(deadline=None)
@given(texts, texts, st.sampled_from(sorted(ARTICLES)))
def test_answer_scores_obey_their_laws(prediction: str, answer: str, language: str) -> None:
    scores = mlqa_score(prediction, [answer], language)
    assert scores["exact_match"] in (0, 1)
    assert 0 <= scores["f1"] <= 1
    assert mlqa_score(answer, [prediction], language) == scores
    assert mlqa_score(prediction, [answer, prediction], language)["exact_match"] == 1
    if scores["exact_match"]:
        assert scores["f1"] == bool(official_normalisation(prediction, language))


def test_just_the_punctuation_of_unicode_and_ascii_goes() -> None:
    basic_plane = map(chr, range(0x10000))
    gone = {character for character in basic_plane if mlqa_score(f"x{character}y", ["xy"], "hi")["exact_match"]}
    assert gone == {chr(code) for code in range(0x10000) if is_punctuation(chr(code))}
    assert gone >= set("$+<=>^`|~_।॥،؟«»¿„“”。，、！《》％")
    assert gone.isdisjoint("€£₹°©×＄＋")


# The `evaluate` metrics

Load = Callable[[str], evaluate.Metric]


def no_network(*_: Any) -> None:
    raise AssertionError("a metric in a local folder reached for the network")


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Load]:
    """Load with caches that are gone afterwards, one for each metric: a failed one keeps its cache locked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate.config, "HF_MODULES_CACHE", tmp_path_factory.mktemp("modules"))
        patch.setattr(sys, "path", [*sys.path])
        patch.setattr(socket.socket, "connect", no_network)
        yield lambda name: evaluate.load(str(ROOT / "metrics" / name), cache_dir=str(tmp_path_factory.mktemp(name)))


def prediction(question: str, text: str) -> dict[str, Any]:
    return {"id": question, "prediction_text": text}


def reference(question: str, *answers: str) -> dict[str, Any]:
    return {"id": question, "answers": {"text": list(answers), "answer_start": [0] * len(answers)}}


def test_every_folder_is_a_metric_with_its_name_and_papers(load: Load) -> None:
    names = sorted(path.parent.name for path in Path(ROOT, "metrics").glob("*/*.py"))
    assert names == ["alignment_error_rate", "mlqa", "retrieval_accuracy"]
    for name in names:
        metric = load(name)
        assert metric.name == name
        assert metric.description.strip() and metric.citation.strip().startswith("@")
        assert "predictions:" in metric.inputs_description


def test_mlqa_pairs_questions_by_id_and_averages(load: Load) -> None:
    predictions = [prediction("1", "Der rote Wal"), prediction("2", "ein Meer")]
    references = [reference("2", "See", "das Meer"), reference("1", "Wal")]
    scores = load("mlqa").compute(predictions=predictions, references=references, language="de")
    assert scores == pytest.approx({"exact_match": 1 / 2, "f1": 5 / 6})  # 0 and 2/3, 1 and 1


def test_the_language_makes_a_difference(load: Load) -> None:
    metric, sides = load("mlqa"), {"predictions": [prediction("1", "der Wal")], "references": [reference("1", "Wal")]}
    assert metric.compute(**sides, language="de") == {"exact_match": 1, "f1": 1}
    assert metric.compute(**sides, language="en") == pytest.approx({"exact_match": 0, "f1": 2 / 3})
    with pytest.raises(ValueError, match="no rules for the language 'fr'"):
        metric.compute(**sides, language="fr")


def test_mlqa_in_batches(load: Load) -> None:
    metric = load("mlqa")
    metric.add(prediction=prediction("1", "北京"), reference=reference("1", "北京！"))
    metric.add_batch(predictions=[prediction("2", "北京")], references=[reference("2", "南京")])
    assert metric.compute(language="zh") == {"exact_match": 1 / 2, "f1": 3 / 4}


@pytest.mark.parametrize(
    ("ids", "message"), [(("1", "3"), r"only one of predictions and references: \['2', '3'\]"), (("1", "1"), "'2'")]
)
def test_ids_without_a_partner_are_refused(load: Load, ids: tuple[str, str], message: str) -> None:
    references = [reference("1", "whale"), reference("2", "fish")]
    with pytest.raises(ValueError, match=message):
        load("mlqa").compute(
            predictions=[prediction(question, "whale") for question in ids], references=references, language="en"
        )


def test_repeated_ids_are_refused(load: Load) -> None:
    with pytest.raises(ValueError, match="only 1 of 2 ids differ"):
        load("mlqa").compute(
            predictions=[prediction("1", "whale"), prediction("1", "fish")],
            references=[reference("1", "whale"), reference("1", "fish")],
            language="en",
        )


def test_alignment_error_rate_of_pharaoh_lines(load: Load) -> None:
    """Four links, three of them possible, two of them sure; three sure links in all: 1 - (2 + 3) / (4 + 3)."""
    scores = load("alignment_error_rate").compute(
        predictions=["0-0 0-1 2-2", "1-0", ""],
        references=[
            {"sure": "0-0 1-1", "possible": "0-1"},
            {"sure": "1-0", "possible": "1-0"},
            {"sure": "", "possible": "3-4"},
        ],
    )
    assert scores == pytest.approx({"precision": 3 / 4, "recall": 2 / 3, "alignment_error_rate": 2 / 7})


def test_a_malformed_link_is_refused(load: Load) -> None:
    with pytest.raises(ValueError, match="'0:0' is not a link"):
        load("alignment_error_rate").compute(predictions=["0:0"], references=[{"sure": "", "possible": ""}])


def test_retrieval_accuracy_of_lists_and_of_an_array(load: Load) -> None:
    metric = load("retrieval_accuracy")
    scores = metric.compute(predictions=[[1.0, 0.0], [1.0, 1.0]], references=[[3.0, 0.0], [1.0, -1.0]])
    assert scores == {"retrieval_accuracy": 0.5}
    queries, candidates = np.random.default_rng(0).normal(size=(2, 50, 2)).astype(np.float32)
    candidates += queries
    expected = retrieval_accuracy(queries.astype(np.float64), candidates.astype(np.float64))
    assert 0 < expected < 1
    assert metric.compute(predictions=queries, references=candidates) == {"retrieval_accuracy": expected}

"""Answers to token spans and back, in six languages and on XQuAD; the search for the best span against a slow loop."""

import gzip
import json
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from tests.support.evaluation_data import LONG_CONTEXT, NARROW, ask, ask_words, label_logits
from tests.support.tokenizers import mbert_tokenizer, unigram_tokenizer
from weam.transfer.tasks import answer_spans
from weam.transfer.tasks.answer_spans import (
    Question,
    Windows,
    best_spans,
    check_questions,
    count_unanswerable,
    encode_windows,
    read_squad,
)

GERMAN = (
    "Im Frühjahr 1843 zog die Bürgermeisterin, die zuvor in Göttingen Völkerrecht gelehrt hatte, nach Lübeck, weil "
    "dort – so schrieb sie ihrer Schwester – „größere Aufgaben“ warteten; die Straßen waren jedoch überschwemmt."
)
TEXTS = {
    "en": (
        "After the bridge at Harrow's Mill had collapsed in 1987, the county, which had ignored three reports, paid "
        "$4.2 million to rebuild it, although most residents wanted a ferry-boat service instead.",
        ["1987", "the county", "$4.2 million", "a ferry-boat service"],
    ),
    "de": (GERMAN, ["Göttingen", "„größere Aufgaben“", "Im Frühjahr 1843", "überschwemmt"]),
    "de, NFD": (unicodedata.normalize("NFD", GERMAN), ["Göttingen", "„größere Aufgaben“", "die Bürgermeisterin"]),
    "es": (
        "Cuando el pingüino más viejo del zoológico murió, la señora Núñez, que lo había cuidado durante 31 años, "
        "preguntó: «¿quién alimentará ahora a las crías?», pero nadie supo qué responder.",
        ["Núñez", "31 años", "«¿quién alimentará ahora a las crías?»", "El pingüino más viejo del zoológico"[3:]],
    ),
    "zh": (
        "由于2008年的洪水冲毁了旧桥，市政府（当时由李明主持）决定投资3.5亿元修建新桥，但直到GPS测量完成以后，"
        "工程才在北京大学专家的指导下正式开始。",
        ["2008年", "李明", "3.5亿元", "GPS测量", "北京大学", "由于2008年的洪水冲毁了旧桥"],
    ),
    "ar": (
        "عندما وَصَلَ المُهَنْدِسُ إلى مدينة حلب عام 1936، كانت القلعة، التي بُنِيَتْ قبل قرون، قد تضررت من الزلزال؛ "
        "لذلك طلب من البلدية ثلاثة ملايين ليرة لترميمها.",
        ["مدينة حلب", "1936", "المُهَنْدِسُ", "ثلاثة ملايين ليرة"],
    ),
    "hi": (
        "जब 1911 में राजधानी कलकत्ता से दिल्ली लाई गई, तब वास्तुकार एडविन लुटियंस ने, जिन्हें पहाड़ी पर निर्माण का अनुभव "
        "नहीं था, राष्ट्रपति भवन की रूपरेखा बनाई और सत्रह वर्षों तक काम किया।",
        ["दिल्ली", "एडविन लुटियंस", "राष्ट्रपति भवन", "सत्रह वर्षों"],
    ),
}
XQUAD_INEXACT = {"en": 1, "de": 0, "es": 1, "zh": 0, "ar": 3, "hi": 2}  # answers that begin or end inside a token


def questions_of(language: str) -> list[Question]:
    context, answers = TEXTS[language]
    form = "NFD" if language.endswith("NFD") else "NFC"
    return [
        ask(context, unicodedata.normalize(form, answer), number, context[:3] + "?")
        for number, answer in enumerate(answers)
    ]


def round_trip(questions: list[Question], tokenizer: PreTrainedTokenizerBase, windows: Windows) -> list[str]:
    encoded = encode_windows(questions, tokenizer, windows)
    assert count_unanswerable(encoded, len(questions)) == 0
    return best_spans(*label_logits(encoded), encoded, questions, windows)


def reached(question: Question, tokenizer: PreTrainedTokenizerBase) -> str:
    """Return the text of all tokens that share a character with the answer."""
    spans = tokenizer(question.context, return_offsets_mapping=True, add_special_tokens=False)["offset_mapping"]
    start, end = question.answer_starts[0], question.answer_starts[0] + len(question.answers[0])
    touched = [(first, last) for first, last in spans if first < end and last > start]
    return question.context[touched[0][0] : touched[-1][1]].strip()


@pytest.fixture(scope="module")
def mbert() -> PreTrainedTokenizerBase:
    return mbert_tokenizer()


@pytest.fixture(scope="module")
def unigram() -> PreTrainedTokenizerBase:
    """XLM-R's kind of tokenizer, trained on the contexts here."""
    contexts = [context for context, _ in TEXTS.values()]
    return unigram_tokenizer().train_new_from_iterator(contexts, vocab_size=400, show_progress=False)


# From characters to tokens and back


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize("windows", [Windows(), Windows(max_length=60, stride=30)], ids=["one window", "several"])
def test_mbert_gives_every_answer_back_exactly(language: str, windows: Windows, mbert: PreTrainedTokenizerBase) -> None:
    questions = questions_of(language)
    assert round_trip(questions, mbert, windows) == [question.answers[0] for question in questions]


@pytest.mark.parametrize("language", TEXTS)
def test_unigram_gives_back_the_answer_s_tokens(language: str, unigram: PreTrainedTokenizerBase) -> None:
    questions = questions_of(language)
    texts = round_trip(questions, unigram, Windows(max_answer_length=60))
    assert texts == [reached(question, unigram) for question in questions]
    assert all(question.answers[0] in text for question, text in zip(questions, texts, strict=True))


def test_small_tokenizer_gives_answers_back_and_whole_tokens_where_they_are_parts(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    context = "the cat sees a red house , not a dogs ."
    answers = {"the cat": "the cat", "a red house": "a red house", "dog": "dog", "ed hou": "red house", ".": "."}
    questions = [ask(context, answer, number) for number, answer in enumerate(answers)]
    assert round_trip(questions, tokenizer, Windows()) == list(answers.values())


def test_blanks_around_an_answer_are_no_part_of_it(unigram: PreTrainedTokenizerBase) -> None:
    context = "die Bürgermeisterin   zog   nach Lübeck"
    question = ask(context, "   zog   ")
    encoded = encode_windows([question, ask(context, "zog")], unigram, Windows())
    assert encoded["labels"][0] == encoded["labels"][1]
    assert round_trip([question], unigram, Windows()) == ["zog"]


def test_characters_without_a_token_do_not_lose_the_answer(mbert: PreTrainedTokenizerBase) -> None:
    context = "\u200f" + TEXTS["ar"][0]  # a mark that the tokenizer drops
    assert reached(ask(context, context[:6]), mbert) == context[1:6]
    assert round_trip([ask(context, context[:6])], mbert, Windows(max_length=40, stride=10)) == [context[1:6]]


# Windows


def test_columns_of_one_window(tokenizer: PreTrainedTokenizerBase) -> None:
    encoded = encode_windows([ask("the cat sees a dog", "a dog", question="cat")], tokenizer, Windows())
    ids = tokenizer.convert_tokens_to_ids("[CLS] cat [SEP] the cat sees a dog [SEP]".split())
    nothing = [-1, -1]
    assert encoded.to_list() == [
        {
            "input_ids": ids,
            "token_type_ids": [0] * 3 + [1] * 6,
            "attention_mask": [1] * 9,
            "labels": [6, 7],
            "question": 0,
            "offsets": [nothing] * 3 + [[0, 3], [4, 7], [8, 12], [13, 14], [15, 18]] + [nothing],
            "length": 9,
        }
    ]


def test_windows_are_those_of_the_tokenizer(mbert: PreTrainedTokenizerBase) -> None:
    questions = questions_of("de")
    encoded = encode_windows(questions, mbert, Windows(max_length=40, stride=10))
    stock = mbert(
        [question.question for question in questions],
        [question.context for question in questions],
        truncation="only_second",
        max_length=40,
        stride=10,
        return_overflowing_tokens=True,
    )
    assert len(encoded) > len(questions)
    assert all(encoded[name][:] == stock[name] for name in mbert.model_input_names)


def test_a_context_of_two_questions_is_encoded_once(tokenizer: PreTrainedTokenizerBase) -> None:
    questions = [ask("the cat sees a dog", "a dog"), ask("the cat sees a dog", "the cat", 1, "cat")]
    (_, first), (_, second) = answer_spans._encode_texts(questions, tokenizer, Windows())
    assert first is second


def test_only_what_the_model_reads_is_kept(unigram: PreTrainedTokenizerBase) -> None:
    encoded = encode_windows([ask(TEXTS["en"][0], "1987")], unigram, Windows())
    assert encoded.column_names == ["input_ids", "attention_mask", "labels", "question", "offsets", "length"]


def test_windows_overlap_by_the_stride_and_cover_the_context(tokenizer: PreTrainedTokenizerBase) -> None:
    encoded = encode_windows([ask_words(20, 22)], tokenizer, NARROW)
    parts = [[tuple(span) for span in offsets if span != [-1, -1]] for offsets in encoded["offsets"]]
    assert [len(part) for part in parts] == [14] * 6 + [6]
    assert all(left[-5:] == right[:5] for left, right in zip(parts, parts[1:], strict=False))
    rejoined = parts[0] + [span for part in parts[1:] for span in part[5:]]
    assert rejoined == tokenizer(LONG_CONTEXT, return_offsets_mapping=True, add_special_tokens=False)["offset_mapping"]


def test_every_window_that_holds_the_whole_answer_is_labelled(tokenizer: PreTrainedTokenizerBase) -> None:
    before = 5  # [CLS] the cat ? [SEP]; windows start at words 0, 9, 18, ...
    encoded = encode_windows([ask_words(10, 12), ask_words(13, 14, 1), ask_words(5, 5, 2)], tokenizer, NARROW)
    labels = {owner: [] for owner in range(3)}
    for owner, label in zip(encoded["question"], encoded["labels"], strict=True):
        labels[owner].append(label)
    nowhere = [[0, 0]] * 5
    assert labels[0] == [[before + 10, before + 12], [before + 1, before + 3], *nowhere]
    assert labels[1] == [[0, 0], [before + 4, before + 5], *nowhere]  # the first window has half of it
    assert labels[2] == [[before + 5, before + 5], [0, 0], *nowhere]


def test_answers_that_no_window_holds_are_counted(tokenizer: PreTrainedTokenizerBase) -> None:
    questions = [ask_words(0, 20), ask_words(3, 4, 1), ask_words(6, 15, 2)]  # the last lies across a border
    encoded = encode_windows(questions, tokenizer, NARROW)
    assert count_unanswerable(encoded, 3) == 2


def test_batches_do_not_show(tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch) -> None:
    questions = [ask_words(number, number + 1, number) for number in range(7)]
    whole = encode_windows(questions, tokenizer, NARROW).to_list()
    monkeypatch.setattr(answer_spans, "ENCODED_AT_ONCE", 3)
    assert encode_windows(questions, tokenizer, NARROW).to_list() == whole
    assert [row["question"] for row in whole] == [number for number in range(7) for _ in range(7)]


def test_blanks_before_a_question_take_no_room(unigram: PreTrainedTokenizerBase) -> None:
    question = ask(TEXTS["en"][0], "1987")
    padded = replace(question, question=" " * 500 + question.question)
    assert encode_windows([padded], unigram, Windows()).to_list() == (
        encode_windows([question], unigram, Windows()).to_list()
    )


def test_text_that_looks_like_a_special_token_is_text(mbert: PreTrainedTokenizerBase) -> None:
    question = ask("What BERT calls [SEP] ends a sentence, [CLS] begins one.", "[SEP]")
    encoded = encode_windows([question], mbert, Windows())
    assert encoded["input_ids"][0].count(mbert.sep_token_id) == 2
    assert round_trip([question], mbert, Windows()) == ["[SEP]"]


def test_a_question_without_room_for_its_context_is_named(tokenizer: PreTrainedTokenizerBase) -> None:
    fits = ask(LONG_CONTEXT, "hund", question="cat " * 11)  # 3 special tokens, 6 left
    assert max(encode_windows([fits], tokenizer, NARROW)["length"][:]) == 20
    message = (
        r"question q1: its 12 tokens leave 5 of 20 for the context, which needs more than the stride of 5; "
        r"shorten the question, raise max_length or lower stride"
    )
    with pytest.raises(ValueError, match=message):
        encode_windows([fits, ask(LONG_CONTEXT, "hund", 1, "cat " * 12)], tokenizer, NARROW)


@pytest.mark.parametrize("change", [{"max_length": 0}, {"stride": -1}, {"max_answer_length": 0}])
def test_senseless_windows_are_refused(change: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="lengths must be at least 1, the stride at least 0"):
        Windows(**change)


# The best span


def slow_best_span(starts: np.ndarray, ends: np.ndarray, encoded: Dataset, question: Question, owner: int) -> str:
    """Compare every span, one after the other."""
    best, text = -np.inf, ""
    for row, window in enumerate(encoded):
        spans = window["offsets"] if window["question"] == owner else []
        for i in range(len(spans)):
            for j in range(i, min(i + NARROW.max_answer_length, len(spans))):
                score = starts[row, i] + ends[row, j]
                if -1 not in spans[i] + spans[j] and score > best:
                    best, text = score, question.context[spans[i][0] : spans[j][1]]
    return text


@pytest.mark.parametrize("decimals", [0, 1, 8], ids=["many ties", "some ties", "no ties"])
@pytest.mark.parametrize("seed", range(5))
def test_the_search_equals_a_loop_over_all_spans(seed: int, decimals: int, tokenizer: PreTrainedTokenizerBase) -> None:
    questions = [ask_words(3, 4), ask("the cat sees a dog .", "dog", 1), ask_words(30, 31, 2)]
    encoded = encode_windows(questions, tokenizer, NARROW)
    starts, ends = np.random.default_rng(seed).normal(0, 2, (2, len(encoded), 24)).round(decimals)
    expected = [slow_best_span(starts, ends, encoded, question, n) for n, question in enumerate(questions)]
    assert best_spans(starts, ends, encoded, questions, NARROW) == expected


def test_of_equal_spans_the_first_and_shortest_is_taken(tokenizer: PreTrainedTokenizerBase) -> None:
    question = ask_words(3, 4)
    encoded = encode_windows([question], tokenizer, NARROW)
    logits = np.zeros((len(encoded), 20))
    assert best_spans(logits, logits, encoded, [question], NARROW) == [LONG_CONTEXT.split()[0]]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_padding_question_and_special_tokens_never_win(dtype: str, tokenizer: PreTrainedTokenizerBase) -> None:
    question = ask("the cat sees a dog .", "a dog")  # 5 tokens before it, 6 of its own, [SEP]
    encoded = encode_windows([question], tokenizer, Windows())
    logits = np.full((2, 1, 16), -300, dtype=dtype)  # worse than padding
    logits[:, :, 12:] = -100
    logits[:, :, [0, 2, 4, 11]] = 100
    logits[0, 0, 8], logits[1, 0, 9] = -200, -200
    assert best_spans(*logits, encoded, [question], Windows()) == ["a dog"]


def test_blank_tokens_are_no_answer(unigram: PreTrainedTokenizerBase) -> None:
    question = ask("die Bürgermeisterin   zog nach Lübeck", "Lübeck")
    encoded = encode_windows([question], unigram, Windows())
    blank = [n for n, (start, end) in enumerate(encoded["offsets"][0]) if question.context[start:end].isspace()]
    logits = label_logits(encoded)
    for side in logits:
        side[0, blank] = 20
    assert len(blank) >= 2 and best_spans(*logits, encoded, [question], Windows()) == ["Lübeck"]


def test_answers_are_no_longer_than_allowed(tokenizer: PreTrainedTokenizerBase) -> None:
    question = ask_words(2, 8)
    encoded = encode_windows([question], tokenizer, NARROW)
    logits = label_logits(encoded)
    logits[1][0, 5 + 5] = 9  # word 5 is the best end within 4 tokens of word 2
    assert best_spans(*logits, encoded, [question], NARROW) == [" ".join(LONG_CONTEXT.split()[2:6])]
    longer = replace(NARROW, max_answer_length=7)
    assert best_spans(*logits, encoded, [question], longer) == list(question.answers)


@pytest.mark.parametrize("shape", [(1, 12), (2, 12), (1, 11)])
def test_logits_must_fit_the_windows(shape: tuple[int, int], tokenizer: PreTrainedTokenizerBase) -> None:
    question = ask("the cat sees a dog .", "a dog")
    encoded = encode_windows([question], tokenizer, Windows())
    starts = np.zeros(shape)
    if shape == (1, 12):
        assert best_spans(starts, starts, encoded, [question], Windows()) == ["the"]
        return
    with pytest.raises(ValueError, match=r"for 1 windows of up to 12 tokens; give one row a window"):
        best_spans(starts, starts, encoded, [question], Windows())


# Files


def record(**changes: object) -> dict:
    """Return a SQuAD file of one paragraph and two questions; `changes` are to the second."""
    first = {"id": "a", "question": "who sees?", "answers": [{"text": "cat", "answer_start": 4}]}
    answers = [{"text": "dog", "answer_start": 15}, {"text": "a dog", "answer_start": 13}]
    second = {"id": "b", "question": " whom?", "answers": answers, **changes}
    return {"data": [{"title": "t", "paragraphs": [{"context": "the cat sees a dog", "qas": [first, second]}]}]}


def write(folder: Path, content: object) -> Path:
    path = folder / "squad.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_files_are_read_gzipped_or_not(tmp_path: Path) -> None:
    path = write(tmp_path, record())
    gzipped = tmp_path / "squad.json.gz"
    gzipped.write_bytes(gzip.compress(path.read_bytes()))
    expected = [
        Question("a", "who sees?", "the cat sees a dog", ("cat",), (4,)),
        Question("b", " whom?", "the cat sees a dog", ("dog", "a dog"), (15, 13)),
    ]
    assert read_squad(path) == read_squad(gzipped) == expected


PLACE = r"squad\.json: data\[0\]"
FAULTS = [
    ({"version": "1.1"}, r"squad\.json: no list under 'data'; SQuAD v1\.1 is data > paragraphs"),
    ([], r"squad\.json: no list under 'data'"),
    ({"data": [{"title": "t"}]}, PLACE + ": no list under 'paragraphs'"),
    ({"data": [{"paragraphs": [{"qas": []}]}]}, PLACE + r"\.paragraphs\[0\]: no text under 'context'"),
    ({"data": [{"paragraphs": [{"context": "c"}]}]}, PLACE + r"\.paragraphs\[0\]: no list under 'qas'"),
    (record(id=7), PLACE + r"\.paragraphs\[0\]\.qas\[1\]: no text under 'id'"),
    (record(question=None), PLACE + r"\.paragraphs\[0\]\.qas\[1\]: no text under 'question'"),
    (record(answers={}), PLACE + r"\.paragraphs\[0\]\.qas\[1\]: no list under 'answers'"),
    (record(answers=[{"text": "dog"}]), r"\.qas\[1\]\.answers\[0\]: no whole number under 'answer_start'"),
    (record(answers=[{"answer_start": 4}]), r"\.qas\[1\]\.answers\[0\]: no text under 'text'"),
    (record(question=" \n"), r"squad\.json: question b: the question is empty"),
    (record(id="a"), r"squad\.json: question a: the id occurs twice"),
    (record(answers=[]), r"squad\.json: question b: no answers; remove it"),
    (record(answers=[{"text": "", "answer_start": 4}]), r"squad\.json: question b: an answer is empty"),
    (
        record(answers=[{"text": "dog", "answer_start": 14}]),
        r"squad\.json: question b: the answer 'dog' should be at character 14 of the context, which has ' do' there",
    ),
    (record(answers=[{"text": "dog", "answer_start": -3}]), "should be at character -3 of .* which has '' there"),
    (record(answers=[{"text": "a", "answer_start": -5}]), "should be at character -5 of .* which has '' there"),
    (record(question="\ud800?"), r"squad\.json: question b: question or context is no Unicode text"),
    ({"data": []}, r"squad\.json: no questions"),
]


@pytest.mark.parametrize(("content", "message"), FAULTS, ids=range(len(FAULTS)))
def test_faults_are_named(content: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        read_squad(write(tmp_path, content))


def test_files_that_are_not_json_are_named(tmp_path: Path) -> None:
    path = tmp_path / "squad.json"
    path.write_text("id\tquestion\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"squad\.json: not JSON \(Expecting value"):
        read_squad(path)
    path.write_bytes(b'{"data": "\xff"}')
    with pytest.raises(ValueError, match=r"squad\.json:1: .*convert the file to UTF-8"):
        read_squad(path)


def test_questions_from_elsewhere_are_checked_under_their_name() -> None:
    question = ask("the cat", "cat")
    check_questions([question], "hub/set, validation")
    with pytest.raises(ValueError, match=r"hub/set, validation: question q0: 1 answers, 2 offsets; give one for each"):
        check_questions([replace(question, answer_starts=(4, 0))], "hub/set, validation")


# Research data


@pytest.mark.parametrize("language", XQUAD_INEXACT)
def test_xquad_comes_back_from_mbert_s_tokens(
    language: str, mbert: PreTrainedTokenizerBase, research_data: Path
) -> None:
    questions = read_squad(research_data / "squad" / f"xquad.{language}.json.gz")
    assert len(questions) == 1190
    texts = round_trip(questions, mbert, Windows(max_answer_length=100))
    pairs = zip(texts, (question.answers[0] for question in questions), strict=True)
    inexact = [(text, answer) for text, answer in pairs if text != answer]
    assert all(answer in text for text, answer in inexact)
    assert len(inexact) <= XQUAD_INEXACT[language]

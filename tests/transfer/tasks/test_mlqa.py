"""MLQA and XQuAD: which files, whose rules, from questions to scores, and a loss that knows no padding."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset
from transformers import BertForQuestionAnswering, PreTrainedTokenizerBase
from transformers.modeling_outputs import QuestionAnsweringModelOutput

from tests.conftest import small_config
from tests.support.evaluation_data import NARROW, ask, ask_words, label_logits, write_lines
from weam.checkpoint import LoraSettings, add_adapters
from weam.metrics import squad_score
from weam.transfer.examples import encode_examples
from weam.transfer.tasks.answer_spans import Question, Windows
from weam.transfer.tasks.files import DataFiles
from weam.transfer.tasks.mlqa import MLQA, MLQADev, QuestionTask, XQuAD, questions_of

CONTEXT = "the cat sees a red house , not a dogs ."
SHORT = ask(CONTEXT, "a red house", 0)
TWO = [SHORT, ask_words(13, 14, 1)]  # the second takes several windows


def squad(*questions: str) -> str:
    qas = [{"id": q, "question": q, "answers": [{"text": "Haus", "answer_start": 4}]} for q in questions]
    return json.dumps({"data": [{"paragraphs": [{"context": "Das Haus", "qas": qas}]}]})


def rows(**changes: list) -> Dataset:
    answers = [{"text": ["Haus"], "answer_start": [4]}, {"text": ["Haus", "Das"], "answer_start": [4, 0]}]
    columns = {"id": ["a", "b"], "question": ["Was?", "Wer?"], "context": ["Das Haus"] * 2, "answers": answers}
    return Dataset.from_dict({**columns, **changes})


# Reading


def test_mlqa_tests_every_pair_of_context_and_question() -> None:
    assert MLQA(DataFiles(), Windows()).tests(["en", "de", "zh"]) == [
        "en-en", "en-de", "en-zh", "de-en", "de-de", "de-zh", "zh-en", "zh-de", "zh-zh",
    ]  # fmt: skip


def test_xquad_tests_the_languages_themselves() -> None:
    assert XQuAD(DataFiles(), Windows()).tests(["en", "de"]) == ["en", "de"]


@pytest.mark.parametrize(
    ("task", "language", "name"),
    [
        (MLQA, "de-en", "test-context-{context}-question-{question}.json"),
        (MLQADev, "de-en", "dev-context-{context}-question-{question}.json"),
        (XQuAD, "de", "xquad.{language}.json"),
    ],
)
def test_questions_are_read_from_files(task: type[QuestionTask], language: str, name: str, tmp_path: Path) -> None:
    write_lines(tmp_path / name.format(context="de", question="en", language="de"), squad("Was?", "Wo?"))
    assert task(DataFiles(test=[f"{tmp_path}/{name}"]), Windows()).read("test", language) == [
        Question("Was?", "Was?", "Das Haus", ("Haus",), (4,)),
        Question("Wo?", "Wo?", "Das Haus", ("Haus",), (4,)),
    ]


def test_named_files_are_joined(tmp_path: Path) -> None:
    paths = [write_lines(tmp_path / name, squad(name)) for name in ("zwei", "eins")]
    task = MLQA(DataFiles(train=[f"en={path}" for path in paths]), Windows())
    assert [question.id for question in task.read("train", "en")] == ["zwei", "eins"]


def test_a_file_without_questions_is_named(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.json", json.dumps({"data": []}))
    with pytest.raises(ValueError, match=r"a\.json: no questions"):
        XQuAD(DataFiles(), Windows()).read_custom(str(path))


def test_rows_of_a_data_set_become_questions() -> None:
    assert questions_of(rows(title=["t", "t"]), "me/set train") == [
        Question("a", "Was?", "Das Haus", ("Haus",), (4,)),
        Question("b", "Wer?", "Das Haus", ("Haus", "Das"), (4, 0)),
    ]


def test_a_data_set_without_columns_is_named() -> None:
    with pytest.raises(ValueError, match="^me/set train lacks context, answers; it has id, question$"):
        questions_of(rows().remove_columns(["context", "answers"]), "me/set train")


def test_repeated_ids_show_that_configurations_were_mixed_up() -> None:
    with pytest.raises(ValueError, match="^me/set train: question a: the id occurs twice; give every question"):
        questions_of(rows(id=["a", "a"]), "me/set train")


# Scores


@pytest.mark.parametrize(("language", "exact"), [("de-en", 1), ("en-de", 0), ("de", 1)])
def test_mlqa_s_rules_are_those_of_the_context_s_language(language: str, exact: float) -> None:
    score = MLQA(DataFiles(), Windows()).scorer(language)("die Katze", ["Katze"])  # an article in German
    assert score["exact_match"] == exact


def test_xquad_s_rules_are_squad_s_in_every_language() -> None:
    task = XQuAD(DataFiles(), Windows())
    assert {task.scorer(language) for language in task.languages} == {squad_score}


@pytest.mark.parametrize("windows", [Windows(), NARROW], ids=["one window", "several"])
def test_right_logits_give_all_answers(windows: Windows, tokenizer: PreTrainedTokenizerBase) -> None:
    task = MLQA(DataFiles(), windows)
    encoded = task.encode(TWO, tokenizer)
    scored = task.score(tuple(label_logits(encoded)), encoded, TWO, "en-en")
    assert scored.predictions == [{"id": "q0", "text": "a red house"}, {"id": "q1", "text": TWO[1].answers[0]}]
    assert {name: ratio.numerators.tolist() for name, ratio in scored.metrics.items()} == {
        "exact_match": [1, 1],
        "f1": [1, 1],
    }


def test_scores_are_means_over_questions_and_their_best_answers(tokenizer: PreTrainedTokenizerBase) -> None:
    answers = ("not a dogs", "a red house ,")
    questions = [
        Question("a", "the cat ?", CONTEXT, answers, tuple(map(CONTEXT.index, answers))),
        ask(CONTEXT, "the cat sees", 1),
    ]
    task = XQuAD(DataFiles(), Windows())
    encoded = task.encode(questions, tokenizer)  # 5 tokens, then the context
    logits = np.zeros((2, 2, encoded["length"][0]))
    logits[0, 0, 5 + 3] = logits[1, 0, 5 + 5] = 1  # a red house: equals the second answer but for a comma
    logits[0, 1, 5 + 1] = logits[1, 1, 5 + 1] = 1  # cat: half of `cat sees`, whose article does not count
    scored = task.score(tuple(logits), encoded, questions, "en")
    assert scored.predictions == [{"id": "a", "text": "a red house"}, {"id": "q1", "text": "cat"}]
    assert scored.metrics["exact_match"].numerators.tolist() == [1, 0]
    assert scored.metrics["f1"].numerators.tolist() == pytest.approx([1, 2 / 3])
    assert scored.metrics["f1"].value == pytest.approx(5 / 6)


# Checks and settings


def test_answers_that_no_window_holds_are_reported(tokenizer: PreTrainedTokenizerBase) -> None:
    questions = [*TWO, ask_words(0, 20, 2)]  # 21 tokens for windows of 15
    task = MLQA(DataFiles(), NARROW)
    assert task.check(encode_examples(task, questions, tokenizer)) == [{"answers outside every window": 1, "of": 3}]
    assert task.check(encode_examples(task, TWO, tokenizer)) == []


def test_questions_too_long_are_refused(tokenizer: PreTrainedTokenizerBase) -> None:
    with pytest.raises(ValueError, match="question q0: its 13 tokens leave 4 of 20 for the context"):
        MLQA(DataFiles(), NARROW).encode([ask(CONTEXT, "a red house", question="cat " * 13)], tokenizer)


def test_the_windows_are_settings() -> None:
    expected = {"benchmark": "mlqa-dev", "max_length": 20, "stride": 5, "max_answer_length": 4}
    assert MLQADev(DataFiles(), NARROW).settings() == expected


# The loss

ROWS_ALIKE = [ask("the cat sees", "cat", question="dog"), ask(CONTEXT, "a red house", 1)]  # 7 and 17 tokens


@pytest.fixture
def task() -> MLQA:
    return MLQA(DataFiles(), Windows())


@pytest.fixture
def answerer() -> BertForQuestionAnswering:
    torch.manual_seed(0)
    return BertForQuestionAnswering(small_config()).eval()


@torch.no_grad()
def first_loss(
    task: MLQA, model: torch.nn.Module, questions: list[Question], tokenizer: PreTrainedTokenizerBase
) -> float:
    """Return the loss of the first of the questions, which are in one batch."""
    batch = task.collator(tokenizer)(task.encode(questions, tokenizer).to_list())
    labels = batch.pop("labels")
    outputs = model(**batch)
    first = QuestionAnsweringModelOutput(start_logits=outputs.start_logits[:1], end_logits=outputs.end_logits[:1])
    return task.loss(first, labels[:1], None).item()


def test_a_loss_does_not_depend_on_the_padding(
    task: MLQA, answerer: BertForQuestionAnswering, tokenizer: PreTrainedTokenizerBase
) -> None:
    model = task.prepare_model(answerer)
    alone = first_loss(task, model, ROWS_ALIKE[:1], tokenizer)
    assert first_loss(task, model, ROWS_ALIKE, tokenizer) == pytest.approx(alone, rel=1e-5)


def test_the_stock_model_s_loss_depends_on_the_padding(
    task: MLQA, answerer: BertForQuestionAnswering, tokenizer: PreTrainedTokenizerBase
) -> None:
    alone = first_loss(task, answerer, ROWS_ALIKE[:1], tokenizer)
    assert first_loss(task, answerer, ROWS_ALIKE, tokenizer) > alone + 0.5  # log 17 - log 7 = 0.89


def test_adapters_keep_padding_out_too(
    task: MLQA, answerer: BertForQuestionAnswering, tokenizer: PreTrainedTokenizerBase
) -> None:
    settings = LoraSettings(rank=4, alpha=8, dropout=0.0, target_modules=("query", "value"))
    model = add_adapters(task.prepare_model(answerer), settings, ["qa_outputs"]).eval()
    alone = first_loss(task, model, ROWS_ALIKE[:1], tokenizer)
    assert first_loss(task, model, ROWS_ALIKE, tokenizer) == pytest.approx(alone, rel=1e-5)


def test_the_loss_is_the_mean_of_starts_and_ends(
    task: MLQA, answerer: BertForQuestionAnswering, tokenizer: PreTrainedTokenizerBase
) -> None:
    batch = task.collator(tokenizer)(task.encode(ROWS_ALIKE[:1], tokenizer).to_list())
    labels = batch.pop("labels")
    assert labels.tolist() == [[4, 4]]  # [CLS] dog [SEP] the cat sees [SEP]
    stock = answerer(**batch, start_positions=labels[:, 0], end_positions=labels[:, 1])
    torch.testing.assert_close(task.loss(stock, labels, None), stock.loss)


# Research data


def test_mlqa_s_dev_set_is_read(research_data: Path) -> None:
    files = DataFiles(test=[f"{research_data}/squad/mlqa-dev.context-{{context}}.question-{{question}}.json.gz"])
    task = MLQADev(files, Windows())
    assert [len(task.read("test", pair)) for pair in ("de-es", "es-de", "ar-ar")] == [196, 196, 517]

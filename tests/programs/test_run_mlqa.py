"""Question answering through the real command line: crossed tests, answers, broken questions, accumulation."""

from pathlib import Path

import pytest
from transformers import AutoModelForQuestionAnswering

from tests.conftest import NO_DROPOUT
from tests.support.command_line import Evaluation, check_same_training, make_evaluation, predictions, results
from tests.support.evaluation_data import squad_paragraphs, write_mlqa, write_squad
from weam.metrics import mlqa_score, squad_score
from weam.results import read_results

LANGUAGES = ["--languages", "en", "de"]
WINDOWS = "--max_length 24 --doc_stride 6 --max_answer_length 5".split()
TRAINING = "--num_train_epochs 2 --per_device_train_batch_size 8 --learning_rate 2e-3".split()
EXACT = "--max_steps 6 --optim sgd --learning_rate 0.1 --lr_scheduler_type constant --logging_steps 1".split()
EXACT += ["--train_sampling_strategy", "sequential", "--languages", "en", *WINDOWS]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """A checkpoint without dropout, and questions where the red house is."""
    folder = tmp_path_factory.mktemp("mlqa")
    write_mlqa(folder / "data")
    return make_evaluation(folder, "run_mlqa", published=True, **NO_DROPOUT)


@pytest.fixture(scope="module")
def trained(workspace: Evaluation) -> tuple[str, Path]:
    """Train on English, test both languages; what was said, and the folder."""
    return workspace.forked("trained", *LANGUAGES, *WINDOWS, *TRAINING), workspace.folder / "trained"


def measured(folder: Path) -> dict[tuple[str, str], float]:
    """Return the figures by test and metric."""
    return {(m.language, m.metric): m.value for m in read_results(folder / "results.json").measurements}


def test_all_pairs_of_context_and_question_are_scored(trained: tuple[str, Path]) -> None:
    measurements = read_results(trained[1] / "results.json").measurements
    assert [(m.benchmark, m.language, m.metric, m.count) for m in measurements] == [
        ("mlqa", pair, metric, 12) for pair in ("en-en", "en-de", "de-en", "de-de") for metric in ("exact_match", "f1")
    ]


def test_the_answers_are_learnt(trained: tuple[str, Path]) -> None:
    assert measured(trained[1])["en-en", "f1"] > 0.8


def test_every_answer_stands_under_its_id_and_in_its_context(trained: tuple[str, Path]) -> None:
    for context in ("en", "de"):
        for question in ("en", "de"):
            paragraphs = squad_paragraphs("test", context, question, 12)
            lines = predictions(trained[1], "seed-42", f"mlqa.{context}-{question}")
            answers = [line["prediction"] for line in lines]
            assert [answer["id"] for answer in answers] == [f"test-{number}" for number in range(12)]
            for answer, paragraph in zip(answers, paragraphs, strict=True):
                assert answer["text"] and answer["text"] in paragraph["context"]


@pytest.mark.parametrize("pair", ["en-en", "en-de", "de-en", "de-de"])
def test_the_figures_are_those_of_the_written_answers(trained: tuple[str, Path], pair: str) -> None:
    context = pair[:2]
    gold = {"en": "red house", "de": "rotes haus"}[context]
    lines = predictions(trained[1], "seed-42", f"mlqa.{pair}")
    scores = [mlqa_score(line["prediction"]["text"], [gold], context) for line in lines]
    for metric in ("exact_match", "f1"):
        mean = sum(score[metric] for score in scores) / 12
        assert measured(trained[1])[pair, metric] == pytest.approx(mean)


def test_answers_outside_every_window_are_reported(trained: tuple[str, Path]) -> None:
    output, folder = trained
    report = {"split": "train", "language": "en", "answers outside every window": 1, "of": 64}
    assert report in results(folder)["data"]
    assert "split train, language en, answers outside every window 1, of 64" in output


def test_the_model_loads_with_the_stock_class(trained: tuple[str, Path]) -> None:
    model, report = AutoModelForQuestionAnswering.from_pretrained(trained[1], output_loading_info=True)
    assert type(model).__name__ == "BertForQuestionAnswering" and not report["missing_keys"]


def test_the_model_is_tested_on_xquad_without_training(workspace: Evaluation, trained: tuple[str, Path]) -> None:
    options = [*LANGUAGES, *WINDOWS, "--setting", "test-only", "--benchmark", "xquad"]
    folder = workspace.here("xquad", *options, "--model_name_or_path", str(trained[1]))
    assert [(m["benchmark"], m["language"], m["count"]) for m in results(folder)["measurements"][::2]] == [
        ("xquad", "en", 10),
        ("xquad", "de", 10),
    ]
    lines = predictions(folder, "test-only", "xquad.de")
    scores = [squad_score(line["prediction"]["text"], ["rotes haus"])["f1"] for line in lines]
    assert measured(folder)["de", "f1"] == pytest.approx(sum(scores) / 10)


def broken(path: Path, **changes: object) -> str:
    """Write a file of three questions, the second of which is changed."""
    paragraphs = squad_paragraphs("dev", "en", "en", 3)
    paragraphs[1]["qas"][0].update(changes)
    return str(write_squad(path, paragraphs))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"answers": [{"text": "red house", "answer_start": 0}]},
            "question dev-1: the answer 'red house' should be",
        ),
        ({"question": " "}, "question dev-1: the question is empty"),
        ({"question": "the cat " * 10}, "question dev-1: its 20 tokens leave 1 of 24 for the context"),
    ],
)
@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_a_broken_question_is_named_before_training(
    workspace: Evaluation, tmp_path: Path, split: str, changes: dict[str, object], message: str
) -> None:
    file = broken(tmp_path / "broken.json", **changes)
    language = "de-en" if split == "test" else "en"
    with pytest.raises(ValueError, match=message):
        workspace.here("refused", *LANGUAGES, *WINDOWS, f"--{split}_file", f"{language}={file}")
    assert not (workspace.folder / "refused").exists()


def test_accumulation_changes_nothing(workspace: Evaluation) -> None:
    whole = workspace.here("8", *EXACT, "--per_device_train_batch_size", "8")
    options = ["--per_device_train_batch_size", "1", "--gradient_accumulation_steps", "8"]
    check_same_training(whole, workspace.here("1 x 8", *EXACT, *options), workspace.folder / "checkpoint")

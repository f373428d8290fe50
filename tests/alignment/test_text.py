"""The command for files: one line of links for each pair, whatever is in it, interrupted or not."""

import gzip
import io
import sys
from itertools import islice
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from modeling_weam import BertForWEAMPreTraining, WEAMBertModel
from tests.conftest import small_config
from weam.alignment import text
from weam.alignment.__main__ import main
from weam.alignment.aligner import WordAligner
from weam.alignment.formats import parse_pharaoh

PAIRS = [
    ("the cat sees a dog", "die katze sieht ein hund"),
    ("", "die katze"),
    ("a red house", "ein rotes haus"),
    ("\u00a0 \u3000 the\u00a0dog", "\u202e der hund"),
    ("not the cat .", "nicht die katze ."),
    ("cat " * 100, "katze " * 90),
]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, tokenizer) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("checkpoint")
    BertForWEAMPreTraining(small_config(num_hidden_layers=3)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def pairs_file(tmp_path) -> Path:
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(f"{source}\t{target}\n" for source, target in PAIRS), encoding="utf-8")
    return path


def align(checkpoint, *options) -> None:
    main(["text", "--model", str(checkpoint), "--device", "cpu", *map(str, options)])


def lines_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split("\n")[:-1]


def expected_lines(checkpoint, tokenizer) -> list[str]:
    encoder = WEAMBertModel.from_pretrained(checkpoint, add_pooling_layer=False).eval()
    words = [[text.split_words(side) for side in column] for column in zip(*PAIRS, strict=True)]
    return [" ".join(f"{i}-{j}" for i, j in links) for links in encoder.align_words(tokenizer, *words)]


def test_the_lines_are_the_links_of_align_words(checkpoint, tokenizer, pairs_file, tmp_path):
    align(checkpoint, "--input", pairs_file, "--output", tmp_path / "links", "--scores", tmp_path / "scores")
    links = lines_of(tmp_path / "links")
    assert links == expected_lines(checkpoint, tokenizer)
    assert links[1] == ""
    scores = [[float(score) for score in line.split()] for line in lines_of(tmp_path / "scores")]
    assert [len(line) for line in scores] == [len(parse_pharaoh(line)) for line in links]
    assert all(0 <= score <= 1 for line in scores for score in line)
    assert [path.name for path in tmp_path.iterdir() if "unfinished" in path.name] == []


def test_two_files_and_gzip(checkpoint, tokenizer, tmp_path):
    for name, column in zip(("a", "b"), zip(*PAIRS, strict=True), strict=True):
        (tmp_path / name).write_text("".join(f"{line}\n" for line in column), encoding="utf-8")
    align(checkpoint, "--source", tmp_path / "a", "--target", tmp_path / "b", "--output", tmp_path / "links.gz")
    with gzip.open(tmp_path / "links.gz", "rt", encoding="utf-8") as file:
        assert file.read().split("\n")[:-1] == expected_lines(checkpoint, tokenizer)


def test_standard_input_and_output_are_those_of_fast_align(checkpoint, tokenizer, monkeypatch, capsys):
    lines = "".join(f"{source} ||| {target}\n" for source, target in PAIRS)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
    align(checkpoint)
    assert capsys.readouterr().out.split("\n")[:-1] == expected_lines(checkpoint, tokenizer)


@pytest.mark.parametrize("stop", [0, 1, 4])
def test_an_interrupted_run_goes_on(checkpoint, pairs_file, tmp_path, monkeypatch, stop):
    options = ("--input", pairs_file, "--output", tmp_path / "links", "--scores", tmp_path / "scores")
    align(checkpoint, "--input", pairs_file, "--output", tmp_path / "whole")
    prepare, skipped = text.prepare, []

    def interrupted(arguments):
        align, key = prepare(arguments)

        def some(done):
            yield from islice(align(done), stop)
            raise KeyboardInterrupt

        return some, key

    monkeypatch.setattr(text, "prepare", interrupted)
    with pytest.raises(KeyboardInterrupt):
        align(checkpoint, *options)
    with (tmp_path / ".links.unfinished").open("a") as file:
        file.write("0-0 1-")  # killed within a line

    def watched(arguments):
        align, key = prepare(arguments)
        return lambda done: (skipped.append(done), align(done))[1], key

    monkeypatch.setattr(text, "prepare", watched)
    align(checkpoint, *options)
    assert skipped == [stop]
    assert lines_of(tmp_path / "links") == lines_of(tmp_path / "whole")
    assert len(lines_of(tmp_path / "scores")) == len(PAIRS)


def test_what_another_setting_left_is_not_gone_on_with(checkpoint, pairs_file, tmp_path):
    (tmp_path / ".links.unfinished").write_text("9-9\n")
    (tmp_path / ".links.unfinished.json").write_text('{"layer": 1}')
    align(checkpoint, "--input", pairs_file, "--output", tmp_path / "links")
    assert "9-9" not in lines_of(tmp_path / "links")


def test_shards_joined_are_the_whole(checkpoint, tokenizer, pairs_file, tmp_path):
    for number in range(4):
        align(checkpoint, "--input", pairs_file, "--output", tmp_path / f"links.{number}", "--shard", f"{number}/4")
    joined = [line for number in range(4) for line in lines_of(tmp_path / f"links.{number}")]
    assert joined == expected_lines(checkpoint, tokenizer)


SIDE = st.text(st.characters(codec="utf-8", exclude_characters="\n\t"), max_size=12)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs=st.lists(st.tuples(SIDE, SIDE), max_size=6))
def test_as_many_lines_come_out_as_go_in(checkpoint, tmp_path, pairs):
    for name, column in (("a", 0), ("b", 1)):
        data = "".join(f"{pair[column]}\n" for pair in pairs)
        (tmp_path / name).write_bytes(data.encode())
    (tmp_path / "links").unlink(missing_ok=True)
    align(checkpoint, "--source", tmp_path / "a", "--target", tmp_path / "b", "--output", tmp_path / "links")
    assert len(lines_of(tmp_path / "links")) == len(pairs)


def test_the_statistical_aligners_stand_behind_the_same_command(pairs_file, tmp_path):
    options = ["--input", str(pairs_file), "--output", str(tmp_path / "links"), "--aligner", "fast_align"]
    main(["text", *options, "--symmetrization", "union"])
    words = [tuple(map(text.split_words, pair)) for pair in PAIRS]
    trained = WordAligner.train(words, "fast_align", progress=False)
    assert [parse_pharaoh(line) for line in lines_of(tmp_path / "links")] == list(trained.align(words, "union"))


def test_a_side_too_long_for_memory_has_no_links_and_is_named(checkpoint, pairs_file, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(text, "LONGEST_SIDE", 40)
    align(checkpoint, "--input", pairs_file, "--output", tmp_path / "links")
    lines = lines_of(tmp_path / "links")
    assert lines[5] == "" and lines[0]
    assert "line 6 has a side of 450 characters" in caplog.text


def test_the_page_has_a_picture_of_each_pair_and_marks_errors(checkpoint, tmp_path):
    (tmp_path / "pairs.tsv").write_text("the cat\tdie katze\na dog\tein hund\n")
    (tmp_path / "gold.src-tgt").write_text("the cat ||| die katze\na dog ||| ein hund\n")
    (tmp_path / "gold.gold").write_text("1-2 2-1\n1-2 2-1\n")
    options = ("--html", tmp_path / "page.html", "--gold", tmp_path / "gold", "--html_pairs", 1)
    align(checkpoint, "--input", tmp_path / "pairs.tsv", "--output", tmp_path / "links", *options)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 1
    found = set(parse_pharaoh(lines_of(tmp_path / "links")[0]))
    assert page.count('class="wrong"') == len(found - {(0, 1), (1, 0)})
    assert page.count('class="missed"') == len({(0, 1), (1, 0)} - found)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--source", "a"], "give --input, or --source and --target"),
        (["--input", "a", "--source", "a", "--target", "b"], "give --input, or --source and --target"),
        (["--output", "links"], "go to standard output"),
        (["--input", "a", "--scores", "b"], "need --output"),
        (["--input", "a", "--output", "b", "--symmetrization", "union"], "needs a statistical aligner"),
        (["--input", "a", "--output", "b", "--aligner", "eflomal", "--threshold", "0.5"], "has no scores"),
        (["--shard", "0/2"], "--shard needs files"),
        (["--input", "a", "--output", "b", "--gold", "gold"], "--gold marks errors in the page of --html"),
    ],
)
def test_options_that_do_not_go_together_are_refused(checkpoint, options, message):
    with pytest.raises(ValueError, match=message):
        align(checkpoint, *options)


def test_the_encoder_needs_a_model():
    with pytest.raises(ValueError, match="needs --model"):
        main(["text", "--input", "a", "--output", "b"])


def test_unequal_files_and_malformed_lines_are_named(checkpoint, tmp_path, monkeypatch):
    (tmp_path / "a").write_text("the cat\na dog\n")
    (tmp_path / "b").write_text("die katze\n")
    with pytest.raises(ValueError, match="line 1"):
        align(checkpoint, "--source", tmp_path / "a", "--target", tmp_path / "b", "--output", tmp_path / "links")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"the cat ||| die katze\na dog\n")))
    with pytest.raises(ValueError, match="line 2: 1 sides instead of 2"):
        align(checkpoint)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"the cat ||| die katze\nein H\xfcnd ||| a dog\n")))
    with pytest.raises(ValueError, match="standard input, line 2: .*convert it to UTF-8"):
        align(checkpoint)


def test_gold_of_other_pairs_is_refused(checkpoint, tmp_path):
    (tmp_path / "pairs.tsv").write_text("the cat\tdie katze\na dog\tein hund\n")
    (tmp_path / "gold.src-tgt").write_text("the cat ||| die katze\n")
    (tmp_path / "gold.gold").write_text("1-2 2-1\n")
    options = ("--html", tmp_path / "page.html", "--gold", tmp_path / "gold")
    with pytest.raises(ValueError, match="gold has 1 sentence pairs, the input 2; give the gold of its pairs"):
        align(checkpoint, "--input", tmp_path / "pairs.tsv", "--output", tmp_path / "links", *options)
    (tmp_path / "gold.src-tgt").write_text("the cat ||| die katze\na red dog ||| ein hund\n")
    (tmp_path / "gold.gold").write_text("1-2 2-1\n1-1\n")
    with pytest.raises(ValueError, match="the gold is of another sentence pair, of 3 and 2 words instead of 2 and 2"):
        align(checkpoint, "--input", tmp_path / "pairs.tsv", "--output", tmp_path / "links", *options)


def test_an_existing_output_is_not_written_over(checkpoint, pairs_file, tmp_path):
    (tmp_path / "scores").write_text("mine")
    with pytest.raises(FileExistsError, match="scores exists"):
        align(checkpoint, "--input", pairs_file, "--output", tmp_path / "links", "--scores", tmp_path / "scores")


def test_a_checkpoint_without_trained_encoder_weights_is_refused(checkpoint, tokenizer, pairs_file, tmp_path):
    WEAMBertModel(small_config(), add_pooling_layer=False).save_pretrained(tmp_path / "broken")
    tokenizer.save_pretrained(tmp_path / "broken")
    weights = load_file(tmp_path / "broken" / "model.safetensors")
    kept = {name: value for name, value in weights.items() if "layer.1." not in name}
    save_file(kept, tmp_path / "broken" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match="would be drawn at random"):
        align(tmp_path / "broken", "--input", pairs_file, "--output", tmp_path / "links")


def test_half_precision(checkpoint, pairs_file, tmp_path):
    align(checkpoint, "--input", pairs_file, "--output", tmp_path / "links", "--dtype", "bfloat16")
    assert len(lines_of(tmp_path / "links")) == len(PAIRS)


def test_prepare_notes_a_layer_and_statistics(checkpoint, pairs_file, tmp_path):
    main(["prepare", "--model", str(checkpoint), "--bitext", f"en-de={pairs_file}", "--output", str(tmp_path / "new")])
    prepared = WEAMBertModel.from_pretrained(tmp_path / "new", add_pooling_layer=False)
    assert prepared.config.weam["align_layer"] in (1, 2, 3)
    assert prepared.alignment_statistics(prepared.align_layer()).shape == (2, 32)
    assert (tmp_path / "new" / "modeling_weam.py").exists()
    align(tmp_path / "new", "--input", pairs_file, "--output", tmp_path / "links")
    assert len(lines_of(tmp_path / "links")) == len(PAIRS)

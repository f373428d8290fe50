"""The texts of the distant bed: Arabic, Hindi, Japanese, Turkish and Chinese, for an encoder that was aligned before.

The encoder is given, multilingual E5 in our records, so there is no text to pre-train on. The links are FastAlign's, of
the encoder's tokens. Languages without bitext are tested too: what they lose is a price of the others' gain.
"""

from pathlib import Path

from transformers import PreTrainedTokenizerBase

from benchmarks.aligners.__main__ import read_bitext
from benchmarks.study.beds.files import (
    held_out_pairs,
    make_folders,
    pair_share,
    tatoeba,
    write_bitext,
    write_links,
    write_retrieval,
)
from benchmarks.study.beds.real import write_tests
from benchmarks.study.data import align_texts, write_lines
from weam.storage import read_lines

BITEXTS = {
    "ar": ("en-ar.tatoeba",),
    "hi": ("en-hi.tatoeba", "en-hi.wikipedia-mturk"),
    "ja": ("en-ja.tatoeba",),
    "tr": ("en-tr.tatoeba",),
    "zh": ("en-zh.tatoeba",),
}
MOST_PAIRS = 10_000  # of a language
TAGGED = ("en", "ar", "hi", "tr", "zh", "de", "es", "ko", "th")
RETRIEVED = ("de", "es", "sw", "vi")  # besides those with bitext
TOPICS = ("en", *BITEXTS, "de", "es", "sw", "ko", "th", "ta")
GOLD = ("en-hi", "ja-en", "zh-en")


def write_bed(data_dir: Path, folder: Path, tokenizer: PreTrainedTokenizerBase) -> None:
    """Write all files of the bed; the links join tokens of the tokenizer."""
    make_folders(folder)
    for language, names in BITEXTS.items():
        found = dict.fromkeys(pair for name in names for pair in read_bitext(data_dir / "bitext" / f"{name}.tsv.gz"))
        pairs = sorted(found, key=pair_share)[:MOST_PAIRS]
        write_bitext(folder, language, pairs)
        tokens = [tuple(" ".join(tokenizer.tokenize(side)) for side in pair) for pair in pairs]
        write_links(folder, language, list(align_texts(tokens)))
        write_retrieval(folder, "dev", language, held_out_pairs(pairs))
    for language in (*BITEXTS, *RETRIEVED):
        write_retrieval(folder, "test", language, read_bitext(tatoeba(data_dir, language)))
    write_tests(data_dir, folder, TAGGED, GOLD)
    write_topics(data_dir, folder)


def write_topics(data_dir: Path, folder: Path) -> None:
    """Write SIB-200: sentences and their topics, in English to learn, in every language to test."""
    for name in ("train.en", *(f"test.{language}" for language in TOPICS)):
        write_lines(folder / "sib200" / f"{name}.tsv", read_lines(data_dir / "sib200" / f"{name}.tsv.gz"))

"""The texts of the real bed: English, German, Spanish and Chinese, whose encoders saw no translations.

A pair of the bitext at hand belongs, by the hash of its English side, to one of two parts: of the first only the
foreign side is read, as monolingual text; the second is the bitext of alignment. English text is of other sources. So
no sentence that is aligned, on either side, was read in pre-training. Words, punctuation and Chinese characters stand
between spaces, as BERT parts them. The links are FastAlign's; hand-made ones exist for German and Chinese only, and
test.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tokenizers import normalizers, pre_tokenizers

from benchmarks.aligners.__main__ import read_bitext
from benchmarks.study.beds.files import (
    ENGLISH_ARTICLES,
    TAGGED,
    Pair,
    hash_share,
    held_out_pairs,
    in_random_order,
    inferences,
    make_folders,
    pair_share,
    paragraphs,
    tatoeba,
    treebank,
    write_bitext,
    write_gold,
    write_links,
    write_retrieval,
    write_treebank,
)
from benchmarks.study.data import align_texts, write_lines
from weam.alignment.gold import read_gold

BITEXTS = {
    "de": ("en-de.tatoeba", "en-de.multi30k", "en-de.wmt-sample"),
    "es": ("en-es.tatoeba",),
    "zh": ("en-zh.tatoeba",),
}
GOLD = ("de-en", "zh-en")
CHINESE_ARTICLES = ("drcd.dev.zh-hant", "drcd.test.zh-hant", "cmrc2018.trial.zh")
ENGLISH_SIDES = ("en-sw.globalvoices", "en-hi.wikipedia-mturk")
MONOLINGUAL_SHARE = 0.7
MOST_CHARACTERS = 120  # of the English side of a pair to align
MOST_PAIRS = 25_000  # of a language
MOST_TEXTS = 150_000  # of a language
GOLD_TO_CHOOSE_BY, GOLD_TO_TEST = 100, 250  # of the sentences of each set, in their order
MOST_GOLD_WORDS = 40  # of a sentence, which the encoder reads whole

_NORMALIZER = normalizers.BertNormalizer(lowercase=False, strip_accents=False, handle_chinese_chars=True)
_WORDS = pre_tokenizers.BertPreTokenizer()


def words_of(text: str) -> str:
    """Put spaces between what BERT takes for words.

    >>> words_of("It's 東京.")
    "It ' s 東 京 ."
    """
    return " ".join(word for word, _ in _WORDS.pre_tokenize_str(_NORMALIZER.normalize_str(text)))


def pairs_of(path: Path) -> Iterator[Pair]:
    """Yield the pairs of a file of bitext."""
    for english, foreign in read_bitext(path):
        yield words_of(english), words_of(foreign)


def english_text(data_dir: Path) -> Iterator[str]:
    """Yield English text that is no side of the bitext."""
    for premise, hypothesis in inferences(data_dir):
        yield from (words_of(premise), words_of(hypothesis))
    yield from (words_of(text) for _, text in paragraphs(data_dir, ENGLISH_ARTICLES))
    for name in ENGLISH_SIDES:
        yield from (english for english, _ in pairs_of(data_dir / "bitext" / f"{name}.tsv.gz"))


def part_language(data_dir: Path, language: str) -> tuple[list[str], list[Pair]]:
    """Return the monolingual text of a language, and pairs of which neither side is in it."""
    texts: dict[str, None] = {}
    pairs: dict[Pair, None] = {}
    for name in BITEXTS[language]:
        for english, foreign in pairs_of(data_dir / "bitext" / f"{name}.tsv.gz"):
            if hash_share(english.casefold()) < MONOLINGUAL_SHARE:
                texts[foreign] = None
            elif len(english) <= MOST_CHARACTERS:
                pairs[english, foreign] = None
    if language == "zh":
        texts |= dict.fromkeys(words_of(text) for _, text in paragraphs(data_dir, CHINESE_ARTICLES))
    unread = [pair for pair in pairs if pair[1] not in texts]
    return in_random_order(texts)[:MOST_TEXTS], sorted(unread, key=pair_share)[:MOST_PAIRS]


def write_texts(data_dir: Path, folder: Path) -> None:
    """Write text, bitext, links, and sentences to retrieve: held out of the bitext, and Tatoeba's test sets."""
    aligned: set[str] = set()
    for language in BITEXTS:
        texts, pairs = part_language(data_dir, language)
        write_lines(folder / "text" / f"{language}.txt", texts)
        write_bitext(folder, language, pairs)
        write_links(folder, language, list(align_texts(pairs)))
        write_retrieval(folder, "dev", language, held_out_pairs(pairs))
        write_retrieval(folder, "test", language, pairs_of(tatoeba(data_dir, language)))
        aligned |= {english for english, _ in pairs}
    english = dict.fromkeys(text for text in english_text(data_dir) if text not in aligned)
    write_lines(folder / "text" / "en.txt", in_random_order(english)[:MOST_TEXTS])


def write_tests(data_dir: Path, folder: Path, tagged: Sequence[str], gold: Sequence[str]) -> None:
    """Write English tags to learn, PUD's to test on in the tagged languages, and hand-made alignments."""
    trained = [sentence for name in TAGGED for sentence in treebank(data_dir, name)]
    write_treebank(folder / "udpos" / "train.en.conllu", trained)
    for language in tagged:
        path = folder / "udpos" / f"test.{language}.conllu"
        write_treebank(path, treebank(data_dir, f"pud.{language}"))
    for pair in gold:
        read = read_gold(data_dir / "gold_alignments" / pair)
        short = [each for each in read if max(len(each.source), len(each.target)) <= MOST_GOLD_WORDS]
        chosen_by = min(GOLD_TO_CHOOSE_BY, len(short) // 3)
        write_gold(folder, "dev", pair, short[:chosen_by])
        write_gold(folder, "test", pair, short[chosen_by:][:GOLD_TO_TEST])


def write_bed(data_dir: Path, folder: Path) -> None:
    """Write all files of the bed."""
    make_folders(folder)
    write_texts(data_dir, folder)
    write_tests(data_dir, folder, ("en", *BITEXTS), GOLD)

"""Makes the quick start's tokenizer and model configuration from its training text, always the same files.

A vocabulary of every letter, the endings that most words share, and the most frequent words; a trainer of subwords
would break ties differently from run to run. Run it after `grammar.py`:

    python recipes/quickstart/build_tokenizer.py
"""

from collections import Counter
from pathlib import Path

from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from transformers import BertConfig, BertTokenizerFast

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LARGEST = 1600
RAREST = 4  # a word seen less often is written in subwords
ENDINGS = 60
LONGEST_TEXT = 128


def count_words(folder: Path) -> Counter[str]:
    """Count the words of all training text as BERT tells words apart."""
    normalizer = BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=False)
    splitter = BertPreTokenizer()
    counts: Counter[str] = Counter()
    for path in sorted(folder.glob("train.*.tsv")):
        for line in path.read_text(encoding="utf-8").split("\n"):
            for text in line.split("\t"):
                counts.update(word for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text)))
    return counts


def build_vocabulary(counts: Counter[str]) -> list[str]:
    """Choose the tokens: all letters at both places, endings of many words, frequent words."""
    letters = sorted({letter for word in counts for letter in word})
    inside = sorted({letter for word in counts for letter in word[1:]})
    endings = Counter(word[-size:] for word in sorted(counts) for size in (2, 3) if len(word) > size + 1)
    shared = sorted(endings, key=lambda ending: (-endings[ending], ending))[:ENDINGS]
    tokens = SPECIAL + letters + [f"##{part}" for part in inside + shared]
    frequent = [word for word in counts if len(word) > 1 and counts[word] >= RAREST]
    frequent.sort(key=lambda word: (-counts[word], word))
    return (tokens + frequent)[:LARGEST]


def write_model(folder: Path, target: Path) -> None:
    """Write tokenizer and configuration.

    Args:
        folder: where the training text is.
        target: the folder to write to.
    """
    vocabulary = {token: number for number, token in enumerate(build_vocabulary(count_words(folder)))}
    tokenizer = BertTokenizerFast(
        vocab=vocabulary,
        do_lower_case=False,
        strip_accents=False,
        tokenize_chinese_chars=True,
        model_max_length=LONGEST_TEXT,
    )
    tokenizer.save_pretrained(target)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=192,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=768,
        max_position_embeddings=LONGEST_TEXT,
        pad_token_id=tokenizer.pad_token_id,
    )
    config.save_pretrained(target)


if __name__ == "__main__":
    here = Path(__file__).parent
    write_model(here, here / "model")

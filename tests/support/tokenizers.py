"""Tokenizers with other vocabularies than the small one."""

import json
import os
from collections.abc import Iterable
from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertTokenizer, DebertaV2Tokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from tests.conftest import ROOT
from tests.support.command_line import sentence_pairs

SPACE = "\u2581"  # as SentencePiece writes it


def mbert_tokenizer() -> PreTrainedTokenizerBase:
    """MBERT's own: 119,547 WordPieces."""
    path = Path(os.environ.get("WEAM_DATA", ROOT.parent / "shared" / "data")) / "tokenizer" / "mbert-vocab.txt"
    if not path.is_file():
        pytest.skip(f"no vocabulary of mBERT at {path}; set WEAM_DATA")
    tokens = path.read_text(encoding="utf-8").splitlines()
    return BertTokenizer(vocab={token: number for number, token in enumerate(tokens)}, do_lower_case=False)


def unigram_tokenizer(texts: Iterable[str] | None = None, vocab_size: int = 60) -> PreTrainedTokenizerBase:
    """A Unigram model with XLM-R's special tokens, as multilingual E5 has it: pad is 1, mask is last."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    settings = {"vocab_size": vocab_size, "special_tokens": special, "show_progress": False}
    tokenizer.train_from_iterator(texts or sides(), trainers.UnigramTrainer(unk_token="<unk>", **settings))
    tokenizer.add_special_tokens(["<mask>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "unk_token": "<unk>"}
    names |= {"pad_token": "<pad>", "mask_token": "<mask>"}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_input_names=["input_ids", "attention_mask"], **names
    )


def byte_level_tokenizer(texts: Iterable[str] | None = None, vocab_size: int = 300) -> PreTrainedTokenizerBase:
    """Byte-level BPE with ModernBERT's special tokens, whose templates give no token types."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    settings = {"vocab_size": vocab_size, "special_tokens": special, "show_progress": False}
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(texts or sides(), trainers.BpeTrainer(initial_alphabet=alphabet, **settings))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    names = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "mask_token": "[MASK]"}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_input_names=["input_ids", "attention_mask"], unk_token="[UNK]", **names
    )


def byte_fallback_tokenizer(texts: Iterable[str] | None = None, vocab_size: int = 400) -> PreTrainedTokenizerBase:
    """Gemma's kind, which mmBERT has: BPE that spells unknown characters in bytes, and no space before a first word."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", SPACE)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(
        prepend_scheme="never"
    )  # else words would merge, of so few texts
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    settings = {"vocab_size": vocab_size, "special_tokens": special, "show_progress": False}
    tokenizer.train_from_iterator(texts or sides(), trainers.BpeTrainer(**settings))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A <eos>", pair="<bos> $A <eos> $B <eos>", special_tokens=[("<bos>", 2), ("<eos>", 1)]
    )
    names = {"bos_token": "<bos>", "cls_token": "<bos>", "eos_token": "<eos>", "sep_token": "<eos>"}
    names |= {"unk_token": "<unk>", "pad_token": "<pad>", "mask_token": "<mask>", "padding_side": "left"}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_input_names=["input_ids", "attention_mask"], **names
    )


def deberta_tokenizer(texts: Iterable[str] | None = None, vocab_size: int = 60) -> PreTrainedTokenizerBase:
    """The class of mDeBERTa's: Unigram between [CLS] and [SEP], with token types that the model does not read."""
    unigram = json.loads(unigram_tokenizer(texts, vocab_size).backend_tokenizer.to_str())["model"]["vocab"]
    special = [(token, 0.0) for token in ("[PAD]", "[CLS]", "[SEP]", "[UNK]")]
    return DebertaV2Tokenizer(vocab=[*special, *map(tuple, unigram[4:]), ("[MASK]", 0.0)])


def sides() -> list[str]:
    """Return the sentences of all pairs."""
    return [side for pair in sentence_pairs() for side in pair]

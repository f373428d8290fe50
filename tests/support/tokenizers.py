"""Tokenizers with other vocabularies than the small one."""

import os
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from tests.conftest import ROOT
from tests.support.command_line import sentence_pairs


def mbert_tokenizer() -> PreTrainedTokenizerBase:
    """MBERT's own: 119,547 WordPieces."""
    path = Path(os.environ.get("WEAM_DATA", ROOT.parent / "shared" / "data")) / "tokenizer" / "mbert-vocab.txt"
    if not path.is_file():
        pytest.skip(f"no vocabulary of mBERT at {path}; set WEAM_DATA")
    pieces = path.read_text(encoding="utf-8").splitlines()
    return BertTokenizer(vocab={piece: number for number, piece in enumerate(pieces)}, do_lower_case=False)


def unigram_tokenizer() -> PreTrainedTokenizerBase:
    """A Unigram model with XLM-R's special pieces, as multilingual E5 has it: pad is 1, mask is last."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(vocab_size=60, special_tokens=special, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator([side for pair in sentence_pairs() for side in pair], trainer)
    tokenizer.add_special_tokens(["<mask>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", mask_token="<mask>", **names)

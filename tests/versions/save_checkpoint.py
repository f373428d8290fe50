"""Save a small checkpoint with the installed versions: `python -m tests.versions.save_checkpoint FOLDER`."""

import sys

import torch

from modeling_weam import BertForWEAMPreTraining
from tests.conftest import small_config, small_tokenizer


def main() -> None:
    """Save model and tokenizer."""
    torch.manual_seed(0)
    BertForWEAMPreTraining(small_config()).save_pretrained(sys.argv[1])
    small_tokenizer().save_pretrained(sys.argv[1])


if __name__ == "__main__":
    main()

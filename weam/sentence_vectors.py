"""Sentences -> vectors, at every layer of an encoder: the mean hidden state of a sentence's tokens."""

from collections.abc import Sequence

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from weam.checkpoint import longest_input


@torch.no_grad()
def layer_vectors(
    encoder: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, sentences: Sequence[str], batch_size: int = 32
) -> np.ndarray:
    """Return (layers, sentences, H) float32: means of hidden states, special tokens included; layer 1 comes first.

    Args:
        encoder: in evaluation mode.
        tokenizer: its tokenizer.
        sentences: any number; cut at the model's length.
        batch_size: sentences encoded at once; they are sorted by length.
    """
    config = encoder.config
    longest = min(longest_input(config), tokenizer.model_max_length)
    order = sorted(range(len(sentences)), key=lambda row: len(sentences[row]))
    vectors = np.empty((config.num_hidden_layers, len(sentences), config.hidden_size), dtype=np.float32)
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        texts = [sentences[row] for row in rows]
        encoded = tokenizer(
            texts, padding=True, padding_side="right", truncation=True, max_length=longest, return_tensors="pt"
        ).to(encoder.device)
        states = encoder(**encoded, output_hidden_states=True).hidden_states[1:]  # layers of (B, L, H)
        real = encoded["attention_mask"][..., None]  # (B, L, 1)
        for layer, state in enumerate(states):
            vectors[layer, rows] = ((state * real).sum(dim=1) / real.sum(dim=1)).float().cpu().numpy()
    return vectors

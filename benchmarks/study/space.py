"""Measure how far an encoder's space is aligned, layer by layer.

    python -m benchmarks.study.space --model_name_or_path CHECKPOINT --data_dir ../shared/data --output_dir OUT

On hand-aligned sentences: the alignment error rate of `align_words`, how often the nearest of all target words is the
aligned one, and the cosine similarity of aligned words beside that of words paired at random. Each sentence is encoded
by itself; a word is the mean of its tokens. Writes `results.json`, layer n as the benchmark `space layer n`.
"""

import argparse
import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from modeling_weam import WEAMBertModel
from weam.alignment.encoder import error_rates
from weam.alignment.gold import GoldSentence, read_gold
from weam.metrics import retrieval_accuracy
from weam.results import Measurement, Results, command_line, write_results

GOLD_SETS = {"en-de": "de-en", "en-zh": "zh-en"}  # the gold sets have English second
BATCH_SIZE = 32
WORD_PAIRS = 2000  # candidates in retrieval; fewer where there are fewer one-to-one links
SEED = 42


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.study.space", description=__doc__.splitlines()[0])
    parser.add_argument("--model_name_or_path", required=True, help="The encoder: Hub name or folder.")
    parser.add_argument("--num_hidden_layers", type=int, help="Keep only so many of its layers.")
    parser.add_argument("--data_dir", type=Path, required=True, help="The research data.")
    parser.add_argument("--max_sentences", type=int, help="Of each gold set; the first ones.")
    parser.add_argument("--output_dir", type=Path, required=True)
    return parser.parse_args()


@torch.no_grad()
def word_vectors(
    encoder: WEAMBertModel, tokenizer: PreTrainedTokenizerBase, sentences: Sequence[Sequence[str]]
) -> list[np.ndarray]:
    """Return for each sentence (layers, words, H) float32: the mean of each word's tokens, layer 1 first.

    Args:
        encoder: in evaluation mode.
        tokenizer: its fast tokenizer.
        sentences: words.
    """
    vectors = []
    for start in range(0, len(sentences), BATCH_SIZE):
        batch = [list(sentence) for sentence in sentences[start : start + BATCH_SIZE]]
        encoded = tokenizer(batch, is_split_into_words=True, padding=True, return_tensors="pt")
        states = torch.stack(encoder(**encoded, output_hidden_states=True).hidden_states[1:])  # (layers, B, L, H)
        for row, sentence in enumerate(batch):
            of_tokens = encoded.word_ids(row)
            mean = np.zeros((len(states), len(sentence), states.shape[-1]), dtype=np.float32)
            for word in range(len(sentence)):
                own = [position for position, number in enumerate(of_tokens) if number == word]
                if own:  # a word may leave none, such as a lone control character
                    mean[:, word] = states[:, row, own].mean(dim=1).numpy()
            vectors.append(mean)
    return vectors


def one_to_one_links(gold: Sequence[GoldSentence]) -> list[tuple[int, int, int]]:
    """Return (sentence, source word, target word) of sure links whose words have no other link."""
    found = []
    for number, sentence in enumerate(gold):
        links = set(sentence.sure) | set(sentence.possible)
        sources, targets = [i for i, _ in links], [j for _, j in links]
        alone = [(i, j) for i, j in sentence.sure if sources.count(i) == 1 and targets.count(j) == 1]
        found += [(number, i, j) for i, j in sorted(alone)]
    return found


def word_scores(source: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """Score aligned word vectors, (N, H) each, row by row.

    Random pairs are a source with the target of the row before: the order of rows is random.
    """
    source, target = (side / np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-9) for side in (source, target))
    there, back = retrieval_accuracy(source, target), retrieval_accuracy(target, source)
    return {
        "word_retrieval": (there + back) / 2,
        "cosine_aligned": float((source * target).sum(axis=1).mean()),
        "cosine_random": float((source * np.roll(target, 1, axis=0)).sum(axis=1).mean()),
    }


def measure(
    encoder: WEAMBertModel, tokenizer: PreTrainedTokenizerBase, gold: list[GoldSentence]
) -> list[tuple[int, dict[str, float], int]]:
    """Return for each layer its number, its scores and the number of word pairs."""
    links = one_to_one_links(gold)
    chosen = np.random.default_rng(SEED).permutation(len(links))[:WORD_PAIRS]
    sources = word_vectors(encoder, tokenizer, [sentence.source for sentence in gold])
    targets = word_vectors(encoder, tokenizer, [sentence.target for sentence in gold])
    scores = []
    layers = {layer: encoder.alignment_statistics(layer) for layer in range(1, encoder.config.num_hidden_layers + 1)}
    rates = error_rates(encoder, tokenizer, gold, layers)
    for layer, rate in zip(layers, rates, strict=True):
        pairs = [links[row] for row in chosen]
        source = np.stack([sources[number][layer - 1, i] for number, i, _ in pairs])
        target = np.stack([targets[number][layer - 1, j] for number, _, j in pairs])
        scores.append((layer, {"alignment_error_rate": rate, **word_scores(source, target)}, len(pairs)))
    return scores


def main() -> None:
    """Measure both gold sets and write the results."""
    arguments = parse_arguments()
    started = time.monotonic()
    layers = {} if arguments.num_hidden_layers is None else {"num_hidden_layers": arguments.num_hidden_layers}
    name = arguments.model_name_or_path
    encoder = WEAMBertModel.from_pretrained(name, add_pooling_layer=False, **layers).eval()
    tokenizer = AutoTokenizer.from_pretrained(name)
    measurements = []
    for pair, gold_set in GOLD_SETS.items():
        gold = read_gold(arguments.data_dir / "gold_alignments" / gold_set)[: arguments.max_sentences]
        data = hashlib.sha256(json.dumps([[s.source, s.target] for s in gold]).encode()).hexdigest()[:16]
        for layer, scores, count in measure(encoder, tokenizer, gold):
            for metric, value in scores.items():
                figure = (f"space layer {layer}", pair, metric, value, count)
                measurements.append(Measurement(*figure, SEED, 0, name, "", data))
    results = Results(
        program="study_space",
        command=command_line(None),
        settings={"space": {key: str(value) for key, value in vars(arguments).items()}},
        data=[],
        trainings=[],
        measurements=measurements,
        total_seconds=time.monotonic() - started,
    )
    arguments.output_dir.mkdir(parents=True, exist_ok=True)
    write_results(results, arguments.output_dir)


if __name__ == "__main__":
    main()

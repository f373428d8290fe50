"""Stage 4: the features of several language pairs -> one training set.

Decides how often each language pair is seen. The order is the Trainer's.
"""

from collections.abc import Mapping

import numpy as np
from datasets import Dataset, concatenate_datasets

from data_collator_weam import hash_uniform
from weam.storage import whole_column


def sampling_weights(sizes: Mapping[str, int], alpha: float) -> dict[str, float]:
    """Weigh language pairs by size to the power alpha (Conneau & Lample 2019): 1 natural, 0 uniform.

    >>> sampling_weights({"en-de": 900, "en-sw": 100}, alpha=0.5)
    {'en-de': 0.75, 'en-sw': 0.25}
    """
    powers = {language_pair: size**alpha for language_pair, size in sizes.items()}
    total = sum(powers.values())
    return {language_pair: power / total for language_pair, power in powers.items()}


def parse_sampling_ratios(texts: list[str], sizes: Mapping[str, int]) -> dict[str, float]:
    """Parse explicit ratios, one for each language pair of the data.

    >>> parse_sampling_ratios(["en-de=3", "en-sw=1"], {"en-de": 900, "en-sw": 100})
    {'en-de': 0.75, 'en-sw': 0.25}

    Raises:
        ValueError: a malformed ratio, one for a language pair without data, or data without a ratio.
    """
    ratios: dict[str, float] = {}
    for text in texts:
        language_pair, _, ratio = text.partition("=")
        try:
            ratios[language_pair] = float(ratio)
        except ValueError as error:
            raise ValueError(f"{text!r} is not a sampling ratio; write it like en-de=3") from error
        if not 0 < ratios[language_pair] < float("inf"):
            raise ValueError(f"the ratio in {text!r} must be a positive number; leave data out to not sample it")
    if set(ratios) != set(sizes):
        raise ValueError(f"sampling ratios name {sorted(ratios)} but the data has {sorted(sizes)}; give each one ratio")
    total = sum(ratios.values())
    return {language_pair: ratio / total for language_pair, ratio in ratios.items()}


def mixed_sizes(sizes: Mapping[str, int], weights: Mapping[str, float]) -> dict[str, int]:
    """Return how many examples of each language pair make one epoch.

    No pair is left out: the epoch is long enough to hold every one once, so the language pair that is scarcest for
    its weight sets the length and the others repeat.

    >>> mixed_sizes({"en-de": 900, "en-sw": 100}, {"en-de": 0.75, "en-sw": 0.25})
    {'en-de': 900, 'en-sw': 300}
    """
    length = max(sizes[language_pair] / weights[language_pair] for language_pair in sizes)
    return {language_pair: round(length * weights[language_pair]) for language_pair in sizes}


def mix_language_pairs(features: Mapping[str, Dataset], alpha: float, ratios: list[str], seed: int) -> Dataset:
    """Join the features of several language pairs, by explicit ratios if there are any, else by size and alpha."""
    sizes = {language_pair: len(dataset) for language_pair, dataset in features.items()}
    weights = parse_sampling_ratios(ratios, sizes) if ratios else sampling_weights(sizes, alpha)
    return mix(features, weights, seed)


def mix(features: Mapping[str, Dataset], weights: Mapping[str, float], seed: int) -> Dataset:
    """Join the features of several language pairs in the proportions of `weights`.

    A repeated example gets an id of its own, so that each copy is masked anew within an epoch. The rest of a last,
    incomplete repetition is drawn with `seed`.
    """
    sizes = mixed_sizes({pair: len(dataset) for pair, dataset in features.items()}, weights)
    parts: list[Dataset] = []
    for language_pair, dataset in features.items():
        repetitions, rest = divmod(sizes[language_pair], len(dataset))
        parts += [_repetition(dataset, number) for number in range(repetitions)]
        if rest:
            drawn = np.random.default_rng(seed).permutation(len(dataset))[:rest]
            parts.append(_repetition(dataset.select(np.sort(drawn)), repetitions))
    return concatenate_datasets(parts)


def _repetition(dataset: Dataset, number: int) -> Dataset:
    """Return the data set with the ids of its `number`-th copy; the first keeps its own."""
    if number == 0:
        return dataset
    renumbered = (hash_uniform(whole_column(dataset, "id"), number) * 2.0**63).astype(np.int64)
    return dataset.remove_columns("id").add_column("id", renumbered).select_columns(dataset.column_names)

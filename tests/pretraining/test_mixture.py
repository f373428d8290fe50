"""How often each language pair is seen."""

from collections import Counter

import pytest
from datasets import Dataset

from weam.pretraining.mixture import mix, mix_language_pairs, mixed_sizes, parse_sampling_ratios, sampling_weights

SIZES = {"en-de": 60, "en-sw": 10}


@pytest.fixture
def features():
    """Ids 0 to 59 are German, 1000 to 1009 Swahili; the length tells the language of a renumbered example too."""
    columns = {"en-de": (range(60), 5), "en-sw": (range(1000, 1010), 7)}
    return {
        name: Dataset.from_dict({"id": list(ids), "links": [[] for _ in ids], "length": [length] * len(ids)})
        for name, (ids, length) in columns.items()
    }


@pytest.mark.parametrize(("alpha", "expected"), [(1, 60 / 70), (0, 0.5), (0.5, 0.7101)])
def test_alpha_between_natural_and_uniform(alpha, expected):
    weights = sampling_weights(SIZES, alpha)
    assert weights["en-de"] == pytest.approx(expected, abs=1e-4)
    assert sum(weights.values()) == pytest.approx(1)


def test_the_scarcest_for_its_weight_sets_the_length():
    assert mixed_sizes(SIZES, {"en-de": 0.5, "en-sw": 0.5}) == {"en-de": 60, "en-sw": 60}
    assert mixed_sizes(SIZES, {"en-de": 0.9, "en-sw": 0.1}) == {"en-de": 90, "en-sw": 10}
    assert mixed_sizes(SIZES, sampling_weights(SIZES, 1)) == SIZES


def test_every_pair_is_there_and_repetitions_have_ids_of_their_own(features):
    mixture = mix(features, {"en-de": 0.7, "en-sw": 0.3}, seed=1)
    assert Counter(mixture["length"]) == {5: 60, 7: 26}  # 60 * 3 / 7 rounded
    assert set(range(60)) | set(range(1000, 1010)) <= set(mixture["id"])
    assert len(set(mixture["id"])) == 86
    assert min(mixture["id"]) >= 0


def test_the_rest_of_a_repetition_is_drawn_by_seed(features):
    weights = {"en-de": 0.7, "en-sw": 0.3}
    ids = [tuple(mix(features, weights, seed)["id"]) for seed in (1, 1, 2)]
    assert ids[0] == ids[1] != ids[2]


def test_natural_sizes_are_the_data_itself(features):
    assert mix_language_pairs(features, 1.0, [], 0)["id"] == [*range(60), *range(1000, 1010)]
    assert len(mix_language_pairs(features, 1.0, ["en-de=1", "en-sw=1"], 0)) == 120


@pytest.mark.parametrize(
    ("ratios", "message"),
    [
        (["en-de=3"], r"name \['en-de'\] but the data has \['en-de', 'en-sw'\]"),
        (["en-de=3", "en-sw=1", "en-fr=1"], "but the data has"),
        (["en-de=3", "en-sw"], "'en-sw' is not a sampling ratio; write it like en-de=3"),
        (["en-de=3", "en-sw=0"], "must be a positive number"),
        (["en-de=3", "en-sw=nan"], "must be a positive number"),
    ],
)
def test_ratios_that_do_not_fit_the_data_are_refused(ratios, message):
    with pytest.raises(ValueError, match=message):
        parse_sampling_ratios(ratios, SIZES)

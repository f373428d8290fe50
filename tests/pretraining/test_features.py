"""Truncation and links, written out."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weam.alignment.links import BitextLinks
from weam.bitext.reading import Row, cache_bitext
from weam.pretraining.features import FEATURES, build_features, encode_pairs, truncated_lengths


@pytest.mark.parametrize(
    ("lengths", "budget", "expected"),
    [
        ((3, 4), 7, (3, 4)),
        ((3, 5), 7, (3, 4)),
        ((9, 2), 7, (5, 2)),
        ((2, 9), 7, (2, 5)),
        ((9, 9), 7, (4, 3)),
        ((9, 9), 8, (4, 4)),
        ((100, 3), 6, (3, 3)),
    ],
)
def test_the_longer_side_is_cut_first(lengths, budget, expected):
    source, target = (np.array([length]) for length in lengths)
    assert tuple(int(length[0]) for length in truncated_lengths(source, target, budget)) == expected


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=1), st.integers(2, 300))
def test_truncation_equals_taking_one_token_at_a_time(lengths, budget):
    source, target = np.array(lengths).T
    for before, after in zip(lengths, zip(*truncated_lengths(source, target, budget), strict=True), strict=True):
        left = list(before)
        while sum(left) > budget:
            left[0 if left[0] > left[1] else 1] -= 1
        assert sorted(left) == sorted(after)
        assert after[0] <= before[0] and after[1] <= before[1]


def slow_feature(pair, links, max_length):
    """Make one feature, in plain Python."""
    lengths = [np.array([len(pair[side])]) for side in ("source_ids", "target_ids")]
    source, target = (int(length[0]) for length in truncated_lengths(*lengths, max_length - 3))
    return {
        "id": pair["id"],
        "source_ids": pair["source_ids"][:source],
        "target_ids": pair["target_ids"][:target],
        "links": [[i, j] for i, j in links if i < source and j < target],
        "length": source + target + 3,
    }


TOKENS = st.lists(st.integers(0, 119_546), min_size=1, max_size=9)
PAIR = st.fixed_dictionaries({"id": st.integers(0, 2**63 - 1), "source_ids": TOKENS, "target_ids": TOKENS})


@given(st.lists(PAIR, min_size=1, max_size=6), st.integers(5, 24), st.data())
def test_features_equal_those_made_one_by_one(pairs, max_length, data):
    """Whatever the lengths, whether links are none or many, and whether the columns have one chunk or more."""
    links = [
        sorted(
            data.draw(
                st.sets(
                    st.tuples(st.integers(0, len(pair["source_ids"]) - 1), st.integers(0, len(pair["target_ids"]) - 1))
                )
            )
        )
        for pair in pairs
    ]
    table = pa.concat_tables(
        [pa.Table.from_pylist(pairs[:1]), pa.Table.from_pylist(pairs[1:], pa.Table.from_pylist(pairs[:1]).schema)]
    )
    features = encode_pairs(table, links, max_length, special_tokens=3)
    assert features.schema == FEATURES.arrow_schema
    assert features.to_pylist() == [
        slow_feature(pair, pair_links, max_length) for pair, pair_links in zip(pairs, links, strict=True)
    ]
    again = encode_pairs(
        pa.concat_tables([table, table]).slice(1, len(pairs)), [*links, *links][1:][: len(pairs)], max_length, 3
    )
    assert again.to_pylist()[: len(pairs) - 1] == features.to_pylist()[1:]


def test_links_to_cut_tokens_are_dropped_and_the_others_stay():
    pairs = pa.table({"id": [9], "source_ids": [[1, 2, 3, 4, 5, 6]], "target_ids": [[7, 8]]})
    assert encode_pairs(pairs, [[(0, 1), (3, 0), (4, 0), (5, 1)]], max_length=9, special_tokens=3).to_pylist() == [
        {"id": 9, "source_ids": [1, 2, 3, 4], "target_ids": [7, 8], "links": [[0, 1], [3, 0]], "length": 9}
    ]


@pytest.mark.parametrize("lines", [1, 3])
def test_as_many_links_as_pairs(lines, tokenizer, tmp_path):
    bitext = cache_bitext(
        [Row("the cat", "die katze"), Row("a dog", "ein hund")], ("en", "de"), tokenizer, tmp_path, []
    )
    (tmp_path / "links.txt").write_text("0-0\n" * lines, encoding="utf-8")
    with pytest.raises(ValueError, match=f"{lines} of 2|more than the 2 pairs"):
        build_features(bitext, BitextLinks(tmp_path / "links.txt", {"lines": lines}), 128, tmp_path)
    assert not list(tmp_path.glob("features-*"))

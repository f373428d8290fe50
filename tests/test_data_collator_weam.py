"""Batches written out, the laws of masking, and the collator beside the stock one."""

import copy
import pickle

import numpy as np
import pytest
import torch
from tokenizers import processors
from torch.utils.data import DataLoader
from transformers import CanineTokenizer

from data_collator_weam import DataCollatorForWordExchange, hash_uniform
from tests.conftest import small_tokenizer
from tests.support.tokenizers import byte_level_tokenizer, unigram_tokenizer

PAIR = {"id": 1, "source_ids": [10, 11, 12], "target_ids": [20, 21], "links": [[0, 1], [2, 0]]}
SHORT = {"id": 2, "source_ids": [13], "target_ids": [22], "links": []}


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_a_batch_without_masks_written_out(tokenizer):
    batch = DataCollatorForWordExchange(tokenizer, mlm_probability=0.0)([PAIR, SHORT])
    assert {key: value.tolist() for key, value in batch.items()} == {
        "input_ids": [[2, 10, 11, 12, 3, 20, 21, 3], [2, 13, 3, 22, 3, 0, 0, 0]],
        "attention_mask": [[1, 1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 0, 0, 0]],
        "token_type_ids": [[0, 0, 0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 0, 0, 0]],
        "labels": [[-100] * 8, [-100] * 8],
        "aligned_positions": [[-1, 6, -1, 5, -1, 3, 1, -1], [-1] * 8],
    }
    assert all(value.dtype == torch.int64 for value in batch.values())


TOKENIZERS = {"WordPiece": small_tokenizer, "Unigram": unigram_tokenizer, "byte-level BPE": byte_level_tokenizer}


@pytest.fixture(params=TOKENIZERS)
def any_tokenizer(request):
    """A tokenizer of each kind, with the templates of BERT, XLM-R and ModernBERT."""
    return TOKENIZERS[request.param]()


def test_pairs_are_joined_as_the_tokenizer_joins_them(any_tokenizer):
    texts = (["the cat sees a dog", "not"], ["die katze sieht", "ein rotes haus"])
    expected = any_tokenizer(*texts, padding=True, return_tensors="pt")
    sides = [any_tokenizer(side, add_special_tokens=False)["input_ids"] for side in texts]
    features = [{"id": n, "source_ids": sides[0][n], "target_ids": sides[1][n], "links": []} for n in (0, 1)]
    collator = DataCollatorForWordExchange(any_tokenizer, mlm_probability=0.0, return_sequence_ids=True)
    batch = collator(features)
    assert set(expected) == {"input_ids", "attention_mask", "token_type_ids"} & set(batch)
    assert all(torch.equal(batch[name], expected[name]) for name in expected)
    sequence_ids = [[-1 if x is None else x for x in expected.sequence_ids(row)] for row in (0, 1)]
    assert batch["sequence_ids"].tolist() == sequence_ids
    assert collator.template.special_tokens == any_tokenizer.num_special_tokens_to_add(pair=True)


def test_sentences_to_be_encoded_apart_need_a_special_token_at_each_end():
    tokenizer = small_tokenizer()
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(single="$A", pair="$A $B")
    DataCollatorForWordExchange(tokenizer)
    with pytest.raises(ValueError, match="does not put one special token before a pair and one after it"):
        DataCollatorForWordExchange(tokenizer, return_sequence_ids=True)


def test_links_lead_to_the_aligned_token_whatever_stands_between(any_tokenizer):
    features = [{"id": 0, "source_ids": [40, 41, 42], "target_ids": [50, 51], "links": [[0, 1], [2, 0]]}]
    collator = DataCollatorForWordExchange(any_tokenizer, mlm_probability=1.0)
    batch = collator(features)
    labels, aligned = batch["labels"][0].tolist(), batch["aligned_positions"][0].tolist()
    linked = {label: labels[position] for label, position in zip(labels, aligned, strict=True) if position >= 0}
    assert linked == {40: 51, 51: 40, 42: 50, 50: 42}
    assert [label for label in labels if label >= 0] == [40, 41, 42, 50, 51]  # special tokens are not masked


def test_everything_maskable_is_masked_at_probability_one(tokenizer):
    batch = DataCollatorForWordExchange(tokenizer, mlm_probability=1.0)([PAIR, SHORT])
    assert batch["labels"].tolist() == [
        [-100, 10, 11, 12, -100, 20, 21, -100],
        [-100, 13, -100, 22, -100, -100, -100, -100],
    ]


def test_masks_depend_on_seed_epoch_id_and_position_alone(tokenizer, features):
    collator = DataCollatorForWordExchange(tokenizer, mlm_probability=0.5)
    together = collator(features)
    for row, feature in enumerate(features):
        alone = collator([feature])
        width = alone["input_ids"].shape[1]
        assert all(torch.equal(alone[key][0], together[key][row, :width]) for key in alone)
    reversed_batch = collator(features[::-1])
    assert all(torch.equal(reversed_batch[key].flip(0), together[key]) for key in together)

    for change in ({"seed": 7}, {"epoch": 1}, {"id": 12345}):
        other = DataCollatorForWordExchange(tokenizer, mlm_probability=0.5, seed=change.get("seed", 42))
        other.set_epoch(change.get("epoch", 0))
        changed = other([{**feature, "id": change.get("id", feature["id"])} for feature in features])
        assert not torch.equal(changed["labels"], together["labels"]), change


def test_no_global_random_state_is_read_or_moved(tokenizer, features):
    collator = DataCollatorForWordExchange(tokenizer, mlm_probability=0.5)
    torch.manual_seed(1)
    np.random.seed(1)
    before = torch.get_rng_state()
    first = collator(features)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    np.random.seed(2)
    assert equal(first, collator(features))


def test_an_example_may_fix_its_epoch(tokenizer, features):
    collator = DataCollatorForWordExchange(tokenizer, mlm_probability=0.5)
    fixed = [{**feature, "epoch": 0} for feature in features]
    at_first = collator(fixed)
    collator.set_epoch(5)
    assert equal(collator(fixed), at_first)
    assert not equal(collator(features), at_first)


def test_shares_of_masked_kept_and_random_tokens(tokenizer):
    generator = np.random.default_rng(0)
    tokens = generator.integers(5, len(tokenizer), size=(2000, 40))
    features = [{"id": n, "source_ids": p[:20], "target_ids": p[20:], "links": []} for n, p in enumerate(tokens)]
    batch = DataCollatorForWordExchange(tokenizer)(features)
    masked = batch["labels"] != -100
    ids, labels = batch["input_ids"][masked], batch["labels"][masked]
    assert masked.sum() / tokens.size == pytest.approx(0.3, abs=0.01)
    assert (ids == tokenizer.mask_token_id).float().mean() == pytest.approx(0.8, abs=0.01)
    random_share = 0.1 * (1 - 1 / (len(tokenizer) - 5))  # a random token may be the same one
    assert ((ids != tokenizer.mask_token_id) & (ids != labels)).float().mean() == pytest.approx(random_share, abs=0.01)
    drawn = ids[(ids != tokenizer.mask_token_id) & (ids != labels)]
    assert set(drawn.tolist()) == set(range(5, len(tokenizer)))  # every ordinary token, no special one


def test_positions_are_masked_independently(tokenizer):
    """Over many ids every position is masked at the same rate, and pairs of positions at its square."""
    features = [{"id": n, "source_ids": [10] * 5, "target_ids": [20] * 5, "links": []} for n in range(20000)]
    masked = (DataCollatorForWordExchange(tokenizer)(features)["labels"] != -100).double()
    masked = masked[:, [1, 2, 3, 4, 5, 7, 8, 9, 10, 11]]
    joint = masked.T @ masked / len(masked)
    assert torch.allclose(joint.diagonal(), torch.tensor(0.3).double(), atol=0.015)
    others = joint[~torch.eye(10, dtype=torch.bool)]
    assert torch.allclose(others, torch.tensor(0.09).double(), atol=0.015)


def test_one_of_several_links_is_drawn_anew_in_each_epoch(tokenizer):
    feature = {"id": 1, "source_ids": [10], "target_ids": [20, 21, 22], "links": [[0, 0], [0, 1], [0, 2]]}
    collator = DataCollatorForWordExchange(tokenizer)
    drawn = []
    for epoch in range(300):
        collator.set_epoch(epoch)
        aligned = collator([feature])["aligned_positions"][0].tolist()
        assert aligned[3:6] == [1, 1, 1]  # each target token has one link only
        drawn.append(aligned[1])
    assert all(60 < drawn.count(position) < 140 for position in (3, 4, 5))


def test_the_order_of_links_does_not_matter(tokenizer):
    feature = {"id": 1, "source_ids": [10, 11], "target_ids": [20, 21], "links": [[0, 0], [0, 1], [1, 0], [1, 1]]}
    collator = DataCollatorForWordExchange(tokenizer)
    shuffled = {**feature, "links": feature["links"][::-1]}
    assert equal(collator([feature]), collator([shuffled]))


def test_padding_to_a_multiple(tokenizer):
    batch = DataCollatorForWordExchange(tokenizer, pad_to_multiple_of=16)([PAIR])
    assert batch["input_ids"].shape == (1, 16)


def test_what_does_not_fit_is_refused(tokenizer):
    with pytest.raises(ValueError, match="pair 1 takes 8 tokens .* max_length is 7"):
        DataCollatorForWordExchange(tokenizer, max_length=7)([SHORT, PAIR])
    with pytest.raises(ValueError, match=r"pair 2 links tokens \[0, 1\] but its sides have \[1, 1\]"):
        DataCollatorForWordExchange(tokenizer)([PAIR, {**SHORT, "links": [[0, 1]]}])
    with pytest.raises(ValueError, match="mlm_probability is 1.5"):
        DataCollatorForWordExchange(tokenizer, mlm_probability=1.5)
    maskless = copy.deepcopy(tokenizer)
    maskless.mask_token = None
    with pytest.raises(ValueError, match="no mask_token"):
        DataCollatorForWordExchange(maskless)
    with pytest.raises(ValueError, match="CanineTokenizer is a slow tokenizer"):
        DataCollatorForWordExchange(CanineTokenizer())


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_persistent_workers_learn_of_a_new_epoch(tokenizer, features, context):
    collator = DataCollatorForWordExchange(tokenizer, mlm_probability=0.5)
    expected = []
    for epoch in (0, 1):
        collator.set_epoch(epoch)
        expected.append(collator(features))
    collator.set_epoch(0)
    loader = DataLoader(
        features,
        batch_size=len(features),
        collate_fn=collator,
        num_workers=1,
        persistent_workers=True,
        multiprocessing_context=context,
    )
    for epoch in (0, 1):
        collator.set_epoch(epoch)
        assert equal(next(iter(loader)), expected[epoch])


def slow_hash(*keys):
    """SplitMix64's finaliser on Python's integers."""
    limit, state = 2**64, 0
    for key in keys:
        state = (state + key + 0x9E3779B97F4A7C15) % limit
        state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % limit
        state = (state ^ (state >> 27)) * 0x94D049BB133111EB % limit
        state ^= state >> 31
    return (state >> 11) / 2**53


@pytest.mark.parametrize("keys", [(42, 0, 7, 1, 0), (0,), (2**63 - 1, 5, 123456789012345678), (1, 2, 3, -1)])
def test_hash_equals_its_definition_on_integers(keys):
    assert hash_uniform(*keys) == slow_hash(*keys)


def test_hash_never_changes():
    """Another hash would give every training other masks."""
    assert hash_uniform(42, 0, 7, 1, 0) == 0.5333233018778534


def test_it_can_be_pickled(tokenizer, features):
    collator = DataCollatorForWordExchange(tokenizer)
    assert equal(pickle.loads(pickle.dumps(collator))(features), collator(features))

import numpy as np
import pytest
from hypothesis import given, strategies as st

from ie_model.errors import InputError
from ie_model.inference.batching import (
    even_batches,
    first_occurrences,
    next_step,
    pad_batch,
    padded_tokens,
    padding_waste,
    round_up,
    stepped_batches,
    steps,
    token_budget_batches,
)

LENGTHS = st.lists(st.integers(0, 300), max_size=60)


@given(LENGTHS, st.integers(1, 600), st.integers(1, 32))
def test_batching_every_index_once_and_within_the_budget(lengths, budget, multiple):
    batches = token_budget_batches(lengths, budget, multiple)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        cost = round_up(max(lengths[i] for i in batch), multiple) * len(batch)
        assert cost <= budget or len(batch) == 1


@given(LENGTHS, st.integers(1, 600))
def test_batching_longest_first_and_no_batch_could_take_the_next_item(lengths, budget):
    batches = token_budget_batches(lengths, budget, 8)
    order = [lengths[i] for batch in batches for i in batch]
    assert order == sorted(order, reverse=True)
    for batch in batches[:-1]:
        assert round_up(lengths[batch[0]], 8) * (len(batch) + 1) > budget


def test_batching_equal_lengths_keep_their_order():
    assert token_budget_batches([5, 5, 5, 5], 16, 8) == [[0, 1], [2, 3]]


@given(LENGTHS, st.integers(1, 600), st.integers(1, 4))
def test_batching_evened_out_loses_nothing_and_makes_no_larger_batch(lengths, budget, streams):
    plain = token_budget_batches(lengths, budget, 8)
    even = even_batches(lengths, budget, 8, streams)
    assert sorted(i for batch in even for i in batch) == list(range(len(lengths)))
    largest = [
        max((padded_tokens(lengths, [b]) for b in some), default=0) for some in (even, plain)
    ]
    assert largest[0] <= largest[1]


def test_batching_evens_out_a_small_rest():
    lengths = [32] * 40  # 1,280 tokens: 1,024 and 256 would leave one of two streams idle
    assert [len(b) for b in token_budget_batches(lengths, 1024, 8)] == [32, 8]
    assert [len(b) for b in even_batches(lengths, 1024, 8, 2)] == [20, 20]
    assert even_batches(lengths, 1024, 8, 1) == token_budget_batches(lengths, 1024, 8)
    many = [32] * 1000
    assert even_batches(many, 1024, 8, 2) == token_budget_batches(many, 1024, 8)


@given(LENGTHS, st.integers(1, 600), st.integers(1, 4))
def test_batching_by_steps_has_few_sizes_and_stays_within_the_budget(lengths, budget, streams):
    few = even_batches(lengths, budget, 8, streams, stepped=True)
    assert sorted(i for batch in few for i in batch) == list(range(len(lengths)))
    for batch in few:
        length = round_up(max(lengths[i] for i in batch), 8)
        filled = next_step(len(batch), length, budget)
        assert filled in steps(length, budget)
        assert filled * length <= max(budget, length)


@given(LENGTHS, st.integers(1, 600))
def test_batching_by_steps_fills_up_the_last_batch_only(lengths, budget):
    few = stepped_batches(lengths, budget)
    order = [lengths[i] for batch in few for i in batch]
    assert order == sorted(order, reverse=True)
    for batch in few[:-1]:
        assert len(batch) in steps(round_up(lengths[batch[0]], 8), budget)


def test_batching_by_steps_cuts_a_rest_where_that_is_cheaper_than_padding():
    assert steps(48, 1024) == [21, 10, 5, 2, 1]
    assert [len(b) for b in stepped_batches([48] * 41, 1024)] == [21, 20]
    assert [len(b) for b in stepped_batches([48] * 32, 1024)] == [21, 10, 1]
    assert [len(b) for b in stepped_batches([256] * 5 + [8] * 3, 1024)] == [4, 1, 3]


@pytest.mark.parametrize("options", [{"budget": 0}, {"multiple": 0}])
def test_batching_refuses_limits_below_one(options):
    with pytest.raises(InputError, match=next(iter(options))):
        token_budget_batches([1], **{"budget": 8, **options})
    with pytest.raises(InputError, match=next(iter(options))):
        stepped_batches([1], **{"budget": 8, **options})


@given(st.lists(st.integers(0, 5), max_size=30))
def test_batching_first_occurrences_restore_every_item(keys):
    firsts, inverse = first_occurrences(keys)
    assert [keys[firsts[k]] for k in inverse] == keys
    assert len(firsts) == len(set(keys))
    assert all(keys.index(keys[i]) == i for i in firsts)


def test_batching_padding_waste_counts_places_without_a_token():
    assert padded_tokens([3, 8, 9], [[0, 1], [2]], 8) == 32
    assert padding_waste([3, 8, 9], [[0, 1], [2]], 8) == pytest.approx(1 - 20 / 32)
    assert padding_waste([], [], 8) == 0.0


@given(st.lists(st.lists(st.integers(1, 9), max_size=12), min_size=1, max_size=6))
def test_batching_pad_batch_masks_exactly_the_padding(rows):
    ids, mask = pad_batch([np.array(r, np.int32) for r in rows], pad_id=0, multiple=4)
    assert ids.shape == mask.shape == (len(rows), round_up(max(map(len, rows)), 4))
    assert ids.dtype == mask.dtype == np.int64
    for row, given_ids, given_mask in zip(rows, ids, mask, strict=True):
        assert given_ids[given_mask == 1].tolist() == row
        assert (given_ids[given_mask == 0] == 0).all()

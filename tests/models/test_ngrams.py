"""Hashed n-grams: what a row depends on, and what it does not."""

import pytest
import torch

from models.ngrams import NgramEmbedding


def ngrams(*orders: int, num_buckets: int = 1000) -> NgramEmbedding:
    torch.manual_seed(0)
    return NgramEmbedding(8, orders=orders, num_buckets=num_buckets, row_width=4)


def test_a_row_depends_on_the_last_n_tokens_and_their_order_alone() -> None:
    texts = torch.tensor([[7, 1, 2, 3], [8, 1, 2, 3], [7, 9, 2, 3], [7, 2, 1, 3]])
    rows = ngrams(3).rows(texts)[:, -1, 0]
    assert rows[0] == rows[1]
    assert len(set(rows.tolist())) == 3


def test_each_order_has_rows_of_its_own() -> None:
    rows = ngrams(2, 3, 5, num_buckets=10).rows(torch.randint(0, 256, (50, 20)))
    for index in range(3):
        assert set(rows[..., index].flatten().tolist()) == set(range(10 * index, 10 * index + 10))


def test_ngrams_spread_evenly_over_the_buckets() -> None:
    texts = torch.cartesian_prod(torch.arange(100), torch.arange(100))
    counts = torch.bincount(ngrams(2, num_buckets=256).rows(texts)[:, 1, 0], minlength=256)
    assert counts.min() > 0
    assert counts.max() < 3 * counts.float().mean()


def test_the_largest_vocabulary_does_not_overflow() -> None:
    rows = ngrams(2, 3, 4, 5, 6, 7, 8).rows(torch.full((1, 9), 2**18))
    assert rows.min() >= 0
    assert rows.max() < 7 * 1000


def test_a_text_shorter_than_the_order_is_embedded() -> None:
    assert ngrams(2, 6)(torch.tensor([[1, 2]])).shape == (1, 2, 8)


def test_padding_reads_as_nothing() -> None:
    embed, mask = ngrams(2, 3), torch.tensor([[0, 0, 1, 1]])
    padded = embed(torch.tensor([[5, 6, 1, 2]]), mask)[:, 2:]
    torch.testing.assert_close(padded, embed(torch.tensor([[1, 2]])))


def test_an_order_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"model\.ngram_orders=1"):
        ngrams(1)

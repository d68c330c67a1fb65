"""Prepared columns as arguments of a model."""

from __future__ import annotations

import torch

from launcher.tasks.inputs import model_inputs, real_positions


def test_tables_and_images_are_passed_as_inputs_alone() -> None:
    columns = {"inputs": torch.ones(2, 3), "labels": torch.zeros(2)}
    assert list(model_inputs(columns)) == ["inputs"]


def test_tokens_of_any_stored_type_become_the_type_that_embeddings_take() -> None:
    for dtype in (torch.uint8, torch.uint16, torch.int32):
        tokens = torch.tensor([[1, 250]], dtype=dtype)
        input_ids = model_inputs({"tokens": tokens})["input_ids"]
        assert (input_ids.dtype, input_ids.tolist()) == (torch.int64, [[1, 250]])


def test_packed_text_has_no_attention_mask() -> None:
    assert list(model_inputs({"tokens": torch.ones(2, 3)})) == ["input_ids"]


def test_padded_text_is_masked_after_its_length() -> None:
    columns = {"tokens": torch.ones(3, 4), "length": torch.tensor([4, 1, 0])}
    assert model_inputs(columns)["attention_mask"].int().tolist() == [[1, 1, 1, 1], [1, 0, 0, 0], [0, 0, 0, 0]]


def test_a_length_beyond_the_width_marks_the_whole_row() -> None:
    assert real_positions(torch.tensor([9]), 3).tolist() == [[True, True, True]]

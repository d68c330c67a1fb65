"""The recurrent network."""

import pytest
import torch
import torch.nn.functional as F

from models.lstm import LSTM

SIZES = {"vocab_size": 30, "num_outputs": 3, "width": 16, "num_layers": 2, "dropout": 0.0}


def test_a_row_has_the_output_of_its_real_tokens_alone(padded):
    model = LSTM(labels="classes", **SIZES)
    whole = model(**padded)
    for row, length in enumerate((12, 7, 3, 1)):
        torch.testing.assert_close(whole[row : row + 1], model(padded["input_ids"][row : row + 1, :length]))


def test_forget_gates_begin_open():
    gates = LSTM(labels="classes", **SIZES).lstm.bias_ih_l1.view(4, 16)
    assert torch.equal(gates[1], torch.ones(16))
    assert gates[[0, 2, 3]].abs().max() < 1


@pytest.mark.filterwarnings("error")
def test_one_layer_with_dropout_is_no_warning():
    LSTM(labels="classes", **SIZES | {"num_layers": 1, "dropout": 0.5})


def test_masked_tokens_are_refused():
    with pytest.raises(ValueError, match=r"model\.labels=masked_tokens is not one of next_tokens, classes, values"):
        LSTM(labels="masked_tokens", **SIZES)


def test_classes_without_a_number_of_outputs_are_refused():
    with pytest.raises(ValueError, match=r"model\.num_outputs=null"):
        LSTM(labels="classes", **SIZES | {"num_outputs": None})


def test_it_learns_to_count_to_three():
    torch.manual_seed(0)
    model = LSTM(labels="next_tokens", **SIZES)
    tokens = (torch.arange(10)[None, :] + torch.arange(3)[:, None]) % 3
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(80):
        loss = F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.05

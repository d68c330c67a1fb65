from __future__ import annotations

from launcher.jobs.shrink import shrunk
from launcher.parallel.axes import Axes

LARGE = {"width": 4096, "mlp_width": 11008, "num_layers": 32, "num_heads": 32, "num_kv_heads": 8, "dropout": 0.0}


def test_a_large_model_becomes_small() -> None:
    changes = shrunk(LARGE, [(Axes(tp=2), "1f1b")])
    assert changes["width"] == (4096, 256)
    assert changes["num_layers"] == (32, 1)
    assert "num_heads" not in changes


def test_layers_keep_dividing_into_stages() -> None:
    assert shrunk(LARGE, [(Axes(pp=4), "interleaved_1f1b")])["num_layers"] == (32, 8)
    assert shrunk({"num_layers": 33}, [(Axes(pp=2), "1f1b")])["num_layers"] == (33, 3)


def test_what_an_axis_did_not_divide_it_does_not_divide_now() -> None:
    _, width = shrunk({"mlp_width": 999}, [(Axes(tp=4), "1f1b")])["mlp_width"]
    assert width % 4 != 0
    _, width = shrunk({"mlp_width": 1000}, [(Axes(tp=4), "1f1b")])["mlp_width"]
    assert width % 4 == 0


def test_both_sides_of_a_comparison_count() -> None:
    changes = shrunk({"num_layers": 12}, [(Axes(tp=2), "1f1b"), (Axes(pp=3), "1f1b")])
    assert changes["num_layers"] == (12, 3)


def test_sizes_of_a_wrapped_config_shrink_too() -> None:
    model = {"config": {"hidden_size": 512, "num_hidden_layers": 8, "num_attention_heads": 4}}
    assert shrunk(model, [(Axes(dp_shard=2), "1f1b")]) == {
        "config.hidden_size": (512, 32),
        "config.num_hidden_layers": (8, 1),
    }

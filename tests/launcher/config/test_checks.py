import pytest

from launcher.config.groups import Groups
from launcher.config.validate import to_config
from launcher.errors import RequestError

TABLE = Groups(choices={"model": "mlp", "dataset": "iris", "task": "classification"})
WARMUP = {"name": "warmup_stable_decay", "final_fraction": 0.0}


def refused(cfg, groups=None):
    with pytest.raises(RequestError) as caught:
        to_config(cfg, groups=groups)
    return str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"run_id": "a b/c"}, ["run_id=a b/c", "run_id=a-b-c"]),
        ({"run_id": "-x"}, ["run_id=-x"]),
        ({"run_id": "x" * 65}, ["64"]),
        ({"trainer__max_steps": None}, ["trainer.max_steps and trainer.max_epochs", "trainer.max_epochs=10"]),
        (
            {"trainer__global_batch_size": 32, "trainer__micro_batch_size": 5},
            ["micro_batch_size=5 does not divide trainer.global_batch_size=32", "micro_batch_size=4", "_size=35"],
        ),
        ({"trainer__global_batch_size": 32, "trainer__micro_batch_size": 64}, ["trainer.micro_batch_size=32"]),
        (
            {"strategy__dp_replicate": "auto", "strategy__tp": "auto"},
            ["strategy.dp_replicate and strategy.tp are both auto", "strategy.dp_replicate=1"],
        ),
        ({"strategy__reshard_after_forward": 1.5}, ["strategy.reshard_after_forward=1.5", "true, false or auto"]),
        ({"engine__num_processes": "two"}, ["engine.num_processes=two", "auto"]),
        ({"engine__num_processes": 0}, ["engine.num_processes=0", "at least 1"]),
        ({"strategy__dp_replicate": 1.5}, ["strategy.dp_replicate=1.5"]),
        ({"trainer__precision": "fp16", "engine__device": "cpu"}, ["fp16", "engine.device=cpu", "bf16"]),
        ({"optimizer__lr": "fast"}, ["optimizer.lr=fast", "above 0", "optimizer.lr=1e-3"]),
        ({"optimizer__lr": -1}, ["optimizer.lr=-1"]),
        ({"optimizer__lr": 0}, ["optimizer.lr=0"]),
        ({"optimizer__lr": True}, ["optimizer.lr=true"]),
        (
            {
                "scheduler__name": "warmup_stable_decay",
                "scheduler__warmup_fraction": 0.9,
                "scheduler__decay_fraction": 0.2,
            },
            ["0.9", "0.2", "scheduler.decay_fraction=0.1"],
        ),
        ({"dataset__split__method": "ratio", "dataset__split__test": 0.95}, ["nothing to train on"]),
        ({"dataset__split__method": "column"}, ["dataset.split.column=COLUMN"]),
        ({"dataset__tokenizer": None}, ["dataset.tokenizer=bytes"]),
        ({"dataset__sequence_length": None}, ["dataset.sequence_length=256"]),
        ({"dataset__tokenizer": "bpe"}, ["dataset.vocab_size=2048"]),
        ({"dataset__inputs": 3}, ["dataset.inputs=3"]),
        ({"dataset__inputs": ["a", None]}, ["dataset.inputs=[a, null]"]),
    ],
)
def test_sections_that_contradict_each_other_are_refused(composed, changes, words):
    message = refused(composed(**changes))
    assert [word for word in words if word not in message] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"run_id": "Run_1.b-2"},
        {"trainer__max_epochs": 3},
        {"trainer__micro_batch_size": 8},
        {"strategy__dp_replicate": 2, "engine__num_processes": 2},
        {"strategy__dp_replicate": 1},
        {"trainer__precision": "fp16"},
        {"dataset__tokenizer": "bpe", "dataset__vocab_size": 2048},
    ],
)
def test_sections_that_agree_pass(composed, changes):
    to_config(composed(**changes))


def test_classes_are_of_one_column(composed):
    message = refused(composed("table", dataset__target=["a", "b"]), TABLE)
    assert "dataset.target=[a, b]: task=classification predicts one column" in message
    assert "dataset.target=a or task=regression" in message

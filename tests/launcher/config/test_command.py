"""Commands that start a run again."""

from __future__ import annotations

from launcher.config.command import train_command, with_changes
from launcher.config.multirun import Place


def test_a_command_starts_such_a_run_under_an_id_of_its_own() -> None:
    command = train_command(Place(), ["model=mlp", "run_id=mine", "+tracker.tags=[a]"])
    assert command == ["windlass", "train", "model=mlp", "+tracker.tags=[a]"]


def test_flags_that_say_where_groups_lie_are_part_of_it() -> None:
    command = train_command(Place(config_dir="my conf", config_name="other"), ["model=mlp"])
    assert command == ["windlass", "train", "--config-dir=my conf", "--config-name=other", "model=mlp"]


def test_what_changes_takes_the_place_of_what_was_said_of_the_same_key() -> None:
    command = ["windlass", "train", "--config-dir=conf", "strategy=ddp", "trainer.max_steps=5", "model=mlp"]
    changed = with_changes(command, ["strategy=fsdp", "+trainer.max_steps=9"])
    assert changed == ["windlass", "train", "--config-dir=conf", "model=mlp", "strategy=fsdp", "+trainer.max_steps=9"]

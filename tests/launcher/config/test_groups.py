from launcher.config.groups import CONF_DIR, Groups


def test_the_projects_own_groups_are_found_beside_the_package():
    assert {"model", "dataset", "task", "strategy", "optimizer", "trainer"} <= set(Groups().names())
    assert "hydra" not in Groups().names()


def test_options_come_from_every_root_and_parts_are_hidden(groups):
    root = groups(model__mine="_target_: mine.Model\n", model___part="x: 1\n")
    options = Groups(roots=(CONF_DIR, root)).options("model")
    assert {"mine", "mlp"} <= set(options)
    assert "_part" not in options


def test_values_of_an_option_include_those_it_builds_on(groups):
    root = groups(
        dataset___base="kind: table\nname: base\n",
        dataset__mine="defaults: [_base, _self_, {override /task@_global_.task: regression}]\nname: mine\n",
        dataset__other="defaults: [mine]\n",
    )
    mine = Groups(roots=(root,))
    assert (mine.values("dataset", "other")["kind"], mine.values("dataset", "other")["name"]) == ("table", "mine")
    assert mine.chosen_by("dataset", "other", "task") == "regression"
    assert mine.chosen_by("dataset", "_base", "task") is None


def test_an_option_that_cannot_be_read_is_empty(groups):
    root = groups(model__broken="a: [\n", model__listed="- 1\n")
    assert Groups(roots=(root,)).values("model", "broken") == {}
    assert Groups(roots=(root,)).values("model", "listed") == {}


def test_a_choice_is_shown_as_it_is_typed():
    assert Groups(choices={"model": "mlp", "debug": None}).chosen("model") == "model=mlp"
    assert Groups(choices={"debug": None}).chosen("debug") == "debug"

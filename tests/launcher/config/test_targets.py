import sys
from fractions import Fraction

import pytest

from launcher.config.targets import add_working_directory, build, check_target
from launcher.errors import RequestError

SOURCE = """
class Model:
    def __init__(self, width: int, rate: float = 0.1, flag: bool = False, name="n", part=None, size: int | None = 0):
        self.width = width
def build_part(size: int): return size
"""


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    (tmp_path / "windlass_targets.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    sys.modules.pop("windlass_targets", None)


def refused(section, **options):
    with pytest.raises(RequestError) as caught:
        check_target(section, path="model", **options)
    return str(caught.value)


def test_a_section_is_called_with_its_arguments_and_more():
    section = {"_target_": "fractions.Fraction", "_fits_": ["text/classes"], "denominator": 4}
    assert build(section, 3) == Fraction(3, 4)
    assert build({"_target_": "fractions.Fraction"}, numerator=3) == 3


def test_nested_targets_are_built_first():
    inner = {"_target_": "fractions.Fraction", "numerator": 1, "denominator": 2}
    built = build({"_target_": "builtins.dict", "one": inner, "many": [inner], "plain": {"part": inner}})
    assert built == {"one": Fraction(1, 2), "many": [Fraction(1, 2)], "plain": {"part": Fraction(1, 2)}}


def test_a_module_that_does_not_exist_is_refused_when_built():
    with pytest.raises(RequestError, match="there is no windlass_nowhere"):
        build({"_target_": "windlass_nowhere.Model"})


def test_an_error_inside_an_imported_module_comes_through(tmp_path):
    (tmp_path / "windlass_failing.py").write_text("import windlass_not_installed\n")
    add_working_directory()
    with pytest.raises(ModuleNotFoundError, match="windlass_not_installed"):
        build({"_target_": "windlass_failing.Model"})


def test_a_class_in_the_working_directory_can_be_built_once_it_is_added():
    add_working_directory()
    assert build({"_target_": "windlass_targets.Model", "width": 3}).width == 3


def test_the_working_directory_never_shadows_what_is_installed(tmp_path):
    add_working_directory()
    add_working_directory()
    assert sys.path[-1] == str(tmp_path)
    assert sys.path.count(str(tmp_path)) == 1


def test_right_arguments_pass_without_an_import():
    part = {"_target_": "windlass_targets.build_part", "size": 1}
    section = {"_target_": "windlass_targets.Model", "width": 3, "rate": 1, "flag": True, "part": part, "size": None}
    check_target(section, path="model")
    assert "windlass_targets" not in sys.modules


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"widht": 3}, ["model.widht", "did you mean model.width=3"]),
        ({"zzzz": 3}, ["model.zzzz", "flag, name, part, rate, size and width"]),
        ({"width": "wide"}, ["model.width=wide must be a whole number"]),
        ({"width": 1.5}, ["model.width=1.5"]),
        ({"width": True}, ["model.width=true"]),
        ({"rate": "fast"}, ["model.rate=fast must be a number"]),
        ({"flag": "yes"}, ["model.flag=yes must be true or false"]),
        ({"size": "big"}, ["model.size=big must be a whole number or null"]),
        ({"part": {"_target_": "windlass_targets.build_part", "sise": 1}}, ["model.part.sise", "model.part.size=1"]),
        ({"_partial_": True}, ["model._partial_=true"]),
        ({"_target_": "windlass_targets.Modle"}, ["did you mean model._target_=windlass_targets.Model"]),
    ],
)
def test_wrong_arguments_are_refused_without_an_import(changes, words):
    message = refused({"_target_": "windlass_targets.Model", "width": 3} | changes)
    assert [word for word in words if word not in message] == []
    assert "windlass_targets" not in sys.modules


@pytest.mark.parametrize("value", ["${data.num_features}", "???", "${data}"])
def test_a_value_that_is_not_known_yet_has_no_type(value):
    check_target({"_target_": "windlass_targets.Model", "width": value}, path="model")


def test_a_missing_argument_is_named():
    assert "model.width is missing" in refused({"_target_": "windlass_targets.Model"})


def test_an_argument_that_windlass_passes_is_neither_missing_nor_allowed():
    check_target({"_target_": "windlass_targets.Model"}, path="model", positional=1)
    section = {"_target_": "windlass_targets.Model", "width": 3}
    assert "model has no key width" in refused(section, positional=1)


def test_a_section_without_a_target_is_refused():
    assert "model._target_ is missing" in refused({"width": 3})


def test_the_keys_beside_a_targets_own_are_offered_too():
    section = {"_target_": "windlass_targets.Model", "width": 1, "max_rosw": 3}
    assert "did you mean model.max_rows=3" in refused(section, also=["max_rows"])

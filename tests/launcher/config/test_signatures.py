import pytest

from launcher.config.signatures import signature_of
from launcher.errors import RequestError

SOURCE = """
from dataclasses import dataclass, field
from typing import ClassVar, Generic

def function(a: int, b=1, *, c: "float" = 0.0): ...
def anything(a, **options): print(options)
def handed_on(a, **options): return function(0, **options)
def also_read(**options): options.pop("x"); return function(**options)
@some.decorator
def decorated(a): ...

class Plain: ...
class Own:
    def __init__(self, width: int, rate: float | None = None): ...
class Child(Own, Generic): ...
class Super(Own):
    def __init__(self, extra, **options):
        super().__init__(**options)
class Made(Own):
    def __new__(cls): ...
class Meta(metaclass=type): ...
class Elsewhere(unknown.Base): ...

@dataclass(frozen=True)
class Data:
    size: int
    name: str = "n"
    items: list = field(default_factory=list)
    hidden: int = field(init=False)
    shared: ClassVar[int] = 3
@dataclass
class More(Data):
    last: int = 0
"""


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    (tmp_path / "windlass_signatures.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)


def arguments(name):
    signature = signature_of(f"windlass_signatures.{name}", key="model._target_")
    return signature and {key: parameter.required for key, parameter in signature.parameters.items()}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("function", {"a": True, "b": False, "c": False}),
        ("handed_on", {"b": False, "c": False, "a": True}),
        ("Plain", {}),
        ("Own", {"width": True, "rate": False}),
        ("Child", {"width": True, "rate": False}),
        ("Super", {"width": True, "rate": False, "extra": True}),
        ("Data", {"size": True, "name": False, "items": False}),
        ("More", {"size": True, "name": False, "items": False, "last": False}),
    ],
)
def test_arguments_are_read_with_which_are_required(name, expected):
    assert arguments(name) == expected


@pytest.mark.parametrize("name", ["anything", "also_read"])
def test_keywords_that_the_body_reads_itself_leave_a_signature_open(name):
    assert signature_of(f"windlass_signatures.{name}", key="model._target_").open


@pytest.mark.parametrize("name", ["decorated", "Made", "Meta", "Elsewhere"])
def test_what_may_change_the_call_makes_it_unknown(name):
    assert arguments(name) is None


def test_annotations_are_the_names_in_them():
    signature = signature_of("windlass_signatures.Own", key="model._target_")
    assert signature.parameters["rate"].annotation == {"float", "None"}


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (3, ["no dotted name"]),
        ("a-b.C", ["no dotted name"]),
        ("Own", ["model._target_=module.Own"]),
        ("__main__.Own", ["workers cannot import"]),
        ("windlass_signatures.Ownn", ["did you mean model._target_=windlass_signatures.Own?"]),
        ("windlass_signature.Own", ["there is no windlass_signature", "current directory"]),
        ("models.mpl.MLP", ["did you mean model._target_=models.mlp.MLP?"]),
        ("models.mlp", ["is a module", "models.mlp.MLP"]),
        ("torch.optim.AdmW", ["did you mean model._target_=torch.optim.AdamW?"]),
    ],
)
def test_a_target_that_cannot_be_imported_is_refused_with_the_nearest(target, words):
    with pytest.raises(RequestError) as caught:
        signature_of(target, key="model._target_")
    assert [word for word in words if word not in str(caught.value)] == []


def test_a_file_that_does_not_parse_is_named_with_its_line(tmp_path):
    (tmp_path / "windlass_unparsable.py").write_text("x = 1\nclass (:\n")
    with pytest.raises(RequestError, match=r"windlass_unparsable.py does not parse at line 2"):
        signature_of("windlass_unparsable.Own", key="model._target_")

import sys

import pytest

from launcher.config.source import NotFoundError, find


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package that could not be imported without harm, found through the working directory."""
    files = {
        "__init__.py": "from .inner import Thing as Renamed\nfrom .lazy import *\nraise SystemExit('imported')\n",
        "inner.py": "class Thing: ...\nclass Other:\n    def make(cls): ...\nalias = Thing\nvalue = 3\n",
        "lazy.py": "def starred(): ...\n",
        "dynamic.py": "def __getattr__(name): ...\n",
        "made.py": "globals().update(x=1)\n",
        "optional.py": "try:\n    from nowhere import Gone\nexcept ImportError:\n    Gone = None\n",
        "broken.py": "def (:\n",
        "loop.py": "from .loop import Me\n",
    }
    root = tmp_path / "windlass_example"
    root.mkdir()
    for name, text in files.items():
        (root / name).write_text(text)
    (tmp_path / "windlass_namespace" / "sub").mkdir(parents=True)
    (tmp_path / "windlass_namespace" / "sub" / "mod.py").write_text("class Deep: ...\n")
    monkeypatch.chdir(tmp_path)
    return "windlass_example"


@pytest.mark.parametrize(
    ("dotted", "name"),
    [
        ("windlass_example.inner.Thing", "Thing"),
        ("windlass_example.Renamed", "Thing"),
        ("windlass_example.starred", "starred"),
        ("windlass_example.inner.alias", "Thing"),
        ("windlass_example.inner.Other.make", "make"),
        ("windlass_namespace.sub.mod.Deep", "Deep"),
        ("torch.optim.AdamW", "AdamW"),
    ],
)
def test_a_name_is_found_without_importing_anything(package, dotted, name):
    before = set(sys.modules)
    assert find(dotted).node.name == name
    assert set(sys.modules) == before


@pytest.mark.parametrize(
    "dotted",
    [
        "windlass_example.dynamic.anything",
        "windlass_example.made.x",
        "windlass_example.optional.Gone",
        "windlass_example.inner.value",
        "windlass_example.inner.Thing.inherited",
        "windlass_example.loop.Me",
        "math.sqrt",
        "itertools.chain",
        "transformers.AutoModel",
    ],
)
def test_what_source_does_not_tell_is_unknown_and_no_error(package, dotted):
    assert find(dotted) is None


@pytest.mark.parametrize(
    ("dotted", "name", "known"),
    [
        ("windlass_exampel.inner.Thing", "windlass_exampel", None),
        ("windlass_example.iner.Thing", "windlass_example.iner", "inner"),
        ("windlass_example.inner.Thign", "windlass_example.inner.Thign", "Thing"),
        ("windlass_namespace.sbu.mod.Deep", "windlass_namespace.sbu", "sub"),
    ],
)
def test_a_name_that_does_not_exist_comes_with_those_beside_it(package, dotted, name, known):
    with pytest.raises(NotFoundError) as caught:
        find(dotted)
    assert caught.value.name == name
    assert known is None or known in caught.value.known


def test_a_module_is_no_class(package):
    with pytest.raises(NotFoundError) as caught:
        find("windlass_example.inner")
    assert caught.value.is_module
    assert caught.value.known[0] == "Thing"


def test_a_file_that_does_not_parse_raises_syntax_error(package):
    with pytest.raises(SyntaxError):
        find("windlass_example.broken.Thing")


def test_a_file_that_changed_is_read_again(package, tmp_path):
    file = tmp_path / package / "inner.py"
    assert find("windlass_example.inner.Thing") is not None
    file.write_text("class Renewed: ...\nclass Longer: ...\n")
    assert find("windlass_example.inner.Renewed") is not None

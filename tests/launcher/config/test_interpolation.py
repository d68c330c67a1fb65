import pytest
from omegaconf import OmegaConf

from launcher.config.interpolation import leaves, plain
from launcher.errors import RequestError


def test_values_of_the_config_are_resolved_and_those_of_the_data_are_kept():
    cfg = OmegaConf.create(
        {
            "a": {"x": 1, "y": "${a.x}", "z": "${.x}"},
            "copy": "${a}",
            "items": [1, "${a.x}"],
            "size": "${data.size}",
            "through": "${size}",
            "all": "${data}",
            "maybe": "${oc.select:data.size,null}",
            "missing": "???",
            "of_missing": "${missing}",
            "nothing": None,
        }
    )
    assert plain(cfg) == {
        "a": {"x": 1, "y": 1, "z": 1},
        "copy": {"x": 1, "y": 1, "z": 1},
        "items": [1, 1],
        "size": "${data.size}",
        "through": "${size}",
        "all": "${data}",
        "maybe": "${oc.select:data.size,null}",
        "missing": "???",
        "of_missing": "???",
        "nothing": None,
    }


def test_a_key_of_another_name_is_not_the_data():
    assert plain(OmegaConf.create({"paths": {"data": "/d"}, "x": "${paths.data}"}))["x"] == "/d"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("${nope.x}", ["key=${nope.x}", "no key nope.x"]),
        ("${sectoin.seed}", ["did you mean ${section.seed}"]),
        ("${key}", ["key=${key}", "Recursive"]),
        ("${oc.env:NOT_SET_ANYWHERE}", ["NOT_SET_ANYWHERE"]),
        ("${nothing:1}", ["Unsupported interpolation type nothing"]),
    ],
)
def test_an_interpolation_to_nothing_is_refused(value, words):
    with pytest.raises(RequestError) as caught:
        plain(OmegaConf.create({"key": value, "section": {"seed": 1}}))
    assert [word for word in words if word not in str(caught.value)] == []


def test_leaves_have_dotted_paths_through_lists():
    assert dict(leaves({"a": {"b": [1, {"c": 2}]}, "d": None})) == {"a.b.0": 1, "a.b.1.c": 2, "d": None}

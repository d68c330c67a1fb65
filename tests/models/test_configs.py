"""Every model in conf/model, on every kind of data that it says it fits."""

import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

YAMLS = sorted((Path(__file__).parents[2] / "conf" / "model").glob("*.yaml"))
SMALLER = {"gpt2": {"size": "tiny"}}
TRANSFORMERS_BACKED = {"gpt2", "llama", "bert", "resnet", "hf"}
HF_CLASSES = {
    "text/next_tokens": "AutoModelForCausalLM",
    "text/masked_tokens": "AutoModelForMaskedLM",
    "text/classes": "AutoModelForSequenceClassification",
    "text/values": "AutoModelForSequenceClassification",
    "image/classes": "AutoModelForImageClassification",
    "image/values": "AutoModelForImageClassification",
}
HF_FAMILIES = {"text/masked_tokens": "bert", "image/classes": "vit", "image/values": "vit"}
CASES = [(path.stem, fit) for path in YAMLS for fit in OmegaConf.load(path)["_fits_"]]
cases = pytest.mark.parametrize(("name", "fit"), CASES, ids=[f"{name}-{fit}" for name, fit in CASES])


def overrides(name, fit):
    if name != "hf":
        return SMALLER.get(name, {})
    config = {"model_type": HF_FAMILIES.get(fit, "gpt_neox")}
    return {"auto_class": HF_CLASSES[fit], "config": config | ({"patch_size": 4} if "image" in fit else {})}


def expected_shape(data):
    if "num_outputs" in data:
        return (4, data["num_outputs"])
    return (4, data["sequence_length"], data["vocab_size"])


@pytest.mark.parametrize("path", YAMLS, ids=[path.stem for path in YAMLS])
def test_a_yaml_states_every_argument_of_its_class(path):
    section = OmegaConf.to_container(OmegaConf.load(path))
    module, _, class_name = section["_target_"].rpartition(".")
    signature = inspect.signature(getattr(import_module(module), class_name))
    keys = section.keys() - {"_target_", "_fits_"}
    signature.bind(**dict.fromkeys(keys))
    named = {name for name, p in signature.parameters.items() if p.kind is not inspect.Parameter.VAR_KEYWORD}
    assert named <= keys


@cases
def test_logits_have_the_shape_that_the_labels_need(build, batch, data_for, name, fit):
    model = build(name, fit, **overrides(name, fit))
    assert model(**batch(fit)).shape == expected_shape(data_for(fit))


@cases
def test_every_parameter_gets_a_finite_gradient(build, batch, name, fit):
    model = build(name, fit, **overrides(name, fit))
    model(**batch(fit)).square().mean().backward()
    without = [key for key, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert without == []


@cases
def test_a_model_on_the_meta_device_has_the_same_parameters(build, name, fit):
    model = build(name, fit, **overrides(name, fit))
    with torch.device("meta"):
        empty = build(name, fit, **overrides(name, fit))
    assert {parameter.device.type for parameter in empty.parameters()} == {"meta"}
    assert [(key, p.shape) for key, p in empty.named_parameters()] == [
        (key, p.shape) for key, p in model.named_parameters()
    ]


@cases
def test_shapes_can_be_counted_on_the_meta_device(build, batch, padded, data_for, name, fit):
    with torch.device("meta"):
        model = build(name, fit, **overrides(name, fit))
    masked = [padded] if fit.startswith("text") else []
    for columns in [batch(fit), *masked]:
        output = model(**{key: value.to("meta") for key, value in columns.items()})
        assert output.shape == expected_shape(data_for(fit))
        output.sum().backward()


@cases
def test_the_seed_decides_every_weight(build, name, fit):
    first, second = (build(name, fit, **overrides(name, fit)).state_dict() for _ in range(2))
    assert all(torch.equal(value, second[key]) for key, value in first.items())


@cases
def test_the_output_of_a_sample_does_not_depend_on_its_batch(build, batch, name, fit):
    model = build(name, fit, **overrides(name, fit))
    columns = batch(fit)
    alone = torch.cat([model(**{key: value[i : i + 1] for key, value in columns.items()}) for i in range(4)])
    torch.testing.assert_close(model(**columns), alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "fit"), [case for case in CASES if case[1] in ("text/masked_tokens", "text/classes", "text/values")]
)
def test_what_stands_in_the_padding_changes_nothing(build, padded, name, fit):
    model = build(name, fit, **overrides(name, fit))
    real = padded["attention_mask"]
    other = {**padded, "input_ids": padded["input_ids"].masked_fill(~real, 29)}
    kept = real if fit == "text/masked_tokens" else slice(None)
    torch.testing.assert_close(model(**padded)[kept], model(**other)[kept])


@pytest.mark.parametrize(("name", "fit"), [case for case in CASES if case[1] == "text/next_tokens"])
def test_no_token_sees_those_after_it(build, batch, name, fit):
    model = build(name, fit, **overrides(name, fit))
    ids = batch(fit)["input_ids"]
    changed = torch.cat([ids[:, :6], (ids[:, 6:] + 1) % 30], dim=1)
    torch.testing.assert_close(model(input_ids=ids)[:, :6], model(input_ids=changed)[:, :6])


@pytest.mark.parametrize(("name", "fit"), [case for case in CASES if case[0] in TRANSFORMERS_BACKED])
def test_transformers_says_nothing(build, batch, padded, transformers_log, capfd, name, fit):
    model = build(name, fit, **overrides(name, fit))
    model(**batch(fit))
    if fit.startswith("text"):
        model(**padded)
    assert transformers_log == []
    assert "".join(capfd.readouterr()) == ""


@pytest.mark.parametrize("name", sorted(TRANSFORMERS_BACKED))
def test_a_wrapped_model_is_reached_as_model(build, name):
    fit = next(fit for other, fit in CASES if other == name)
    assert type(build(name, fit, **overrides(name, fit)).model).__module__.startswith("transformers.")


def test_native_models_do_not_import_transformers():
    native = {path.stem for path in YAMLS} - TRANSFORMERS_BACKED
    modules = [OmegaConf.load(path)["_target_"].rpartition(".")[0] for path in YAMLS if path.stem in native]
    program = f"import {', '.join(modules)}, sys; sys.exit('transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2]).returncode == 0

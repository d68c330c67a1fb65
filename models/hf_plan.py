"""How the wrapped models of transformers are spread over devices, and filled anew once they are."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import initialization

STYLES = {
    "colwise": "colwise",
    "rowwise": "rowwise",
    "colwise_gather_output": "colwise_gather_output",
    "colwise_rep": "colwise_gather_output",
    "embedding_rowwise": "embedding",
    "replicated_with_grad_allreduce": "head_norm",
}
"""Tensor styles of modules, from the words of transformers to ours. A plan with any other style is not used."""

EXPERT_DIMS: dict[str, int | str] = {"packed_colwise": "packed:1", "colwise": 1, "rowwise": 2}
"""Styles of stacked expert weights (experts, out, in) and the dim they shard; packed = each half of that dim."""

_BERT = {
    **{f"encoder.layer.*.attention.self.{name}": "colwise" for name in ("query", "key", "value")},
    "encoder.layer.*.attention.output.dense": "rowwise",
    "encoder.layer.*.intermediate.dense": "colwise",
    "encoder.layer.*.output.dense": "rowwise",
}
OWN_PLANS: dict[str, dict[str, str]] = {
    "bert": _BERT,
    "roberta": _BERT,
    "xlm-roberta": _BERT,
    "electra": _BERT,
    "distilbert": {
        **{f"transformer.layer.*.attention.{name}": "colwise" for name in ("q_lin", "k_lin", "v_lin")},
        "transformer.layer.*.attention.out_lin": "rowwise",
        "transformer.layer.*.ffn.lin1": "colwise",
        "transformer.layer.*.ffn.lin2": "rowwise",
    },
    "vit": {
        **{f"layers.*.attention.{name}": "colwise" for name in ("q_proj", "k_proj", "v_proj")},
        "layers.*.attention.o_proj": "rowwise",
        "layers.*.mlp.fc1": "colwise",
        "layers.*.mlp.fc2": "rowwise",
    },
}
"""Plans by `model_type`, relative to the base model, of families for which transformers has none."""

SIZES = ("num_attention_heads", "num_key_value_heads", "intermediate_size", "moe_intermediate_size", "vocab_size")
"""Keys of a config that a tensor plan divides."""


class Wrapped(nn.Module):
    """A model whose parts all lie in `model`, a `PreTrainedModel`.

    `size_names` maps the wrapper's own yaml keys to keys of `model.config`.
    """

    size_names: ClassVar[Mapping[str, str]] = {f"config.{key}": key for key in SIZES}
    model: Any
    checkpoint: str | None = None

    @property
    def transformers_form(self) -> tuple[Any, dict[str, str]]:
        """The wrapped model's config, and how its names follow from ours."""
        config = copy.deepcopy(self.model.config)
        config.architectures = [type(self.model).__name__]
        return config, {"model.": ""}

    @property
    def initializes(self) -> bool:
        """Whether `reset_parameters` makes what the constructor makes, also where tensors are sharded."""
        return self.checkpoint is None and refillable(self.model)

    def reset_parameters(self) -> None:
        """Draw all parameters anew, fill all buffers and tie weights, as is needed after `to_empty`."""
        refill(self.model)

    @property
    def parallel_plan(self) -> dict[str, Any]:
        """`blocks`, and `tensor` with `tp_sizes` where the family has a tensor plan that is understood."""
        plan: dict[str, Any] = {"blocks": [f"model.{path}" for path in block_paths(self.model)]}
        tensor = tensor_plan(self.model)
        if tensor:
            plan["tensor"] = {f"model.{path}": style for path, style in tensor.items()}
            config = self.model.config.get_text_config()
            ends_split = any(style in ("embedding", "head") for style in tensor.values())
            keys = {name: key for name, key in self.size_names.items() if ends_split or key != "vocab_size"}
            sizes = {name: getattr(config, key, None) for name, key in keys.items()}
            plan["tp_sizes"] = {name: size for name, size in sizes.items() if isinstance(size, int)}
        return plan


def block_paths(model: Any) -> list[str]:
    """Paths of the lists of repeated layers: of one class, not inside one another, the largest and its like."""
    found: dict[str, int] = {}
    for path, module in model.named_modules():
        nested = any(path.startswith(f"{outer}.") for outer in found)
        if nested or not isinstance(module, nn.ModuleList) or len({type(layer) for layer in module}) != 1:
            continue
        if any(True for _ in module[0].children()):  # a list of bare Linear layers is no list of blocks
            found[path] = sum(parameter.numel() for parameter in module.parameters())
    return [path for path, size in found.items() if 4 * size >= max(found.values())]


def tensor_plan(model: Any) -> dict[str, Any]:
    """Patterns of module paths and their tensor styles; empty if there is no plan, or one not fully understood."""
    modules, parameters = dict(model.named_modules()), dict(model.named_parameters(remove_duplicate=False))
    stated = dict(model.tp_plan)
    if not stated:
        base = "".join(f"{name}." for name, module in model.named_children() if module is model.base_model)
        stated = {f"{base}{path}": style for path, style in OWN_PLANS.get(model.config.model_type, {}).items()}
        if not all(_matches(path, modules) for path in stated):
            return {}  # a release of transformers that names its layers otherwise
    experts: dict[str, dict[str, int | str]] = {path: {} for path in stated if stated[path] == "moe_tp_experts"}
    plan: dict[str, Any] = {}
    for path, style in stated.items():
        owner, _, name = path.rpartition(".")
        if path in experts:
            continue
        if _matches(path, modules) and style in STYLES:
            plan[path] = STYLES[style]
        elif _matches(path, parameters) and owner in experts and style in EXPERT_DIMS:
            experts[owner][name] = EXPERT_DIMS[style]
        elif _matches(path, modules) or _matches(path, parameters):
            return {}
        # What matches nothing is a layer that this size of the family does not have.
    plan |= {path: dims for path, dims in experts.items() if dims}
    if not any(style == "rowwise" or isinstance(style, dict) for style in plan.values()):
        return {}  # only the ends of the model would be sharded
    head = model.get_output_embeddings()
    return {path: "head" if head is not None and modules.get(path) is head else style for path, style in plan.items()}


def _matches(pattern: str, names: Mapping[str, Any]) -> bool:
    exact = re.compile(re.escape(pattern).replace(r"\*", r"[^.]+"))
    return any(exact.fullmatch(name) for name in names)


@torch.no_grad()
def refill(model: Any) -> None:
    """Initialise a model of transformers in place, whatever its tensors held, and tie its weights again.

    A tied weight is drawn once, by the module that lends it, whether or not it is tied at the moment.
    """
    padded: list[tuple[Any, int]] = [
        (module, module.padding_idx)
        for module in model.modules()
        if isinstance(module, nn.Embedding) and module.padding_idx is not None
    ]
    for module in model.modules():
        module.__dict__.pop("_is_hf_initialized", None)
    for target in model.all_tied_weights_keys:
        _set(model, target, _placeholder(model.get_parameter(target)))
    for module, _ in padded:
        module.padding_idx = None  # transformers would zero a row of a copy where the weight is sharded
    try:
        model.initialize_weights()
    finally:
        for module, row in padded:
            module.padding_idx = row
        for target, source in model.all_tied_weights_keys.items():
            _set(model, target, model.get_parameter(source))
    for module, row in padded:
        _zero_row(module.weight, row)


def _placeholder(like: Tensor) -> nn.Parameter:
    """Stands where a tied weight will be; its mark keeps transformers from drawing it."""
    parameter = nn.Parameter(torch.empty(like.shape, device="meta"))
    parameter._is_hf_initialized = True  # type: ignore[attr-defined]
    return parameter


def _set(model: Any, path: str, parameter: Any) -> None:
    owner, _, name = path.rpartition(".")
    setattr(model.get_submodule(owner), name, parameter)


def _zero_row(weight: Tensor, row: int) -> None:
    keep = torch.ones(weight.shape[0], 1, device=weight.device)
    keep[row] = 0
    if isinstance(weight, DTensor):
        whole = keep.expand(weight.shape)  # takes no memory of its own
        keep = distribute_tensor(whole, weight.device_mesh, weight.placements, src_data_rank=None)
    weight.mul_(keep)


def refillable(model: Any) -> bool:
    """Whether `refill` writes every parameter and buffer, each as a whole and from nothing but the config.

    Tried on a copy without data. Writes to a slice or from a tensor would miss or refuse a sharded parameter.
    """
    if any(isinstance(value, Tensor) for module in model.modules() for value in vars(module).values()):
        return False
    parameters = list(model.parameters())
    memo: dict[int, Any] = {id(one): nn.Parameter(torch.empty_like(one, device="meta")) for one in parameters}
    memo |= {id(one): torch.empty_like(one, device="meta") for one in model.buffers()}
    twin = copy.deepcopy(model, memo)
    draw = initialization.TORCH_INIT_FUNCTIONS["trunc_normal_"]
    # It returns at once where there is no data, and would look as if it wrote nothing.
    initialization.TORCH_INIT_FUNCTIONS["trunc_normal_"] = lambda tensor, **_: tensor.normal_()
    try:
        with _Writes(twin) as writes:
            refill(twin)
    finally:
        initialization.TORCH_INIT_FUNCTIONS["trunc_normal_"] = draw
    return not writes.refused and not writes.missing


class _Writes(TorchDispatchMode):
    """Watches which tensors of a model are written: `missing` are left, `refused` if one was written in part."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        tensors = [*model.parameters(), *model.buffers()]
        self.missing = {id(tensor) for tensor in tensors}
        self.wholes = {id(tensor): isinstance(tensor, nn.Parameter) for tensor in tensors}
        self.storages = {tensor.untyped_storage()._cdata for tensor in tensors}
        self.refused = False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Note what an in-place operation writes to, and run it."""
        if func._schema.is_mutable and args and isinstance(args[0], Tensor):
            target = args[0]
            if id(target) in self.wholes:
                self.missing.discard(id(target))
                self.refused |= func is torch.ops.aten.copy_.default and self.wholes[id(target)]
            else:
                self.refused |= target.untyped_storage()._cdata in self.storages
        return func(*args, **(kwargs or {}))

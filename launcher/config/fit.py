"""Whether model, task and dataset belong together."""

from __future__ import annotations

from collections.abc import Iterator

from launcher.config.groups import Groups
from launcher.config.interpolation import DATA_REFERENCE, leaves
from launcher.config.nearest import listed, nearest, shown
from launcher.config.schema import KINDS, LABELS, Config
from launcher.errors import RequestError

_TEXT_ONLY = ("next_tokens", "masked_tokens")
_SIZES = {
    "text": ("vocab_size", "sequence_length"),
    "table": ("num_features",),
    "image": ("num_features", "num_channels", "image_size"),
    "next_tokens": ("bytes_per_token",),
    "masked_tokens": ("pad_token_id", "mask_token_id"),
    "classes": ("num_outputs", "class_names"),
    "values": ("num_outputs",),
}


def data_names(kind: str, labels: str) -> list[str]:
    """What `${data...}` may name: the sizes that preparation finds in such data."""
    return ["kind", "labels", "num_rows", *_SIZES[kind], *_SIZES[labels]]


def check_fit(config: Config, groups: Groups) -> None:
    """Refuse a task that the dataset cannot have, a model that fits neither, and sizes that the data do not give.

    Raises:
        RequestError: what does not fit, with the options that would.
    """
    _check_task(config, groups)
    _check_model(config, groups)
    _check_data_references(config)


def _check_task(config: Config, groups: Groups) -> None:
    kind, labels = config.dataset.kind, config.task.get("_labels_")
    if labels is None:
        return
    if labels not in LABELS:
        raise RequestError(f"task._labels_={shown(labels)} must be {listed(LABELS)}")
    if kind != "text" and labels in _TEXT_ONLY:
        tasks = [task for task in groups.options("task") if _labels(groups, task) not in _TEXT_ONLY]
        raise RequestError(
            f"{groups.chosen('task')} predicts tokens, and {groups.chosen('dataset')} holds no text but "
            f"{kind} rows; use {listed(f'task={task}' for task in tasks)}"
        )


def _check_model(config: Config, groups: Groups) -> None:
    fits, kind, labels = config.model.get("_fits_"), config.dataset.kind, config.task.get("_labels_")
    if fits is None or labels is None:
        return
    allowed = {f"{kind}/{labels}" for kind in KINDS for labels in LABELS}
    if not isinstance(fits, list) or not allowed.issuperset(map(str, fits)):
        raise RequestError(f"model._fits_={shown(fits)} must be a list out of {listed(sorted(allowed))}")
    if f"{kind}/{labels}" in fits:
        return
    models = [name for name in groups.options("model") if f"{kind}/{labels}" in _fits_of_model(groups, name)]
    datasets = [
        name for name in groups.options("dataset") if any(fit in fits for fit in _fits_of_dataset(groups, name))
    ]
    tasks = [name for name in groups.options("task") if f"{kind}/{_labels(groups, name)}" in fits]
    ways = [
        f"{what} ({listed(f'{group}={name}' for name in names)})"
        for group, what, names in (
            ("model", "a model that fits", models),
            ("task", "another task", tasks),
            ("dataset", "a dataset that fits this model", [n for n in datasets if n != groups.choices.get("dataset")]),
        )
        if names
    ]
    raise RequestError(
        f"{groups.chosen('model')} takes {listed(fits)}, but {groups.chosen('dataset')} with "
        f"{groups.chosen('task')} is {kind}/{labels}; use {listed(ways)}"
    )


def _labels(groups: Groups, task: str) -> str:
    return str(groups.values("task", task).get("_labels_"))


def _fits_of_model(groups: Groups, name: str) -> list[str]:
    return groups.values("model", name).get("_fits_") or []


def _fits_of_dataset(groups: Groups, name: str) -> Iterator[str]:
    """`kind/labels` of a dataset with the task that it chooses itself, or else with any."""
    task = groups.chosen_by("dataset", name, "task")
    for name_of_task in groups.options("task") if task is None else [task]:
        yield f"{groups.values('dataset', name).get('kind')}/{_labels(groups, name_of_task)}"


def _check_data_references(config: Config) -> None:
    labels = config.task.get("_labels_")
    for path, value in leaves({"model": config.model, "task": config.task, "optimizer": config.optimizer}):
        for name in DATA_REFERENCE.findall(value) if isinstance(value, str) else ():
            if labels is not None and name not in data_names(config.dataset.kind, labels):
                known = data_names(config.dataset.kind, labels)
                best = nearest(name, known)
                hint = f"did you mean ${{data.{best}}}?" if best else f"they have {listed(known, conjunction='and')}"
                raise RequestError(f"{path}={value}: {config.dataset.kind} data with {labels} have no {name}; {hint}")

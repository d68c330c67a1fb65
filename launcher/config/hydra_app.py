"""The Hydra app behind `compose.py`, which imports this module only when something is composed.

It drives `hydra._internal.hydra.Hydra` as `hydra.main` does, for three reasons: `hydra.main` composes twice,
prints errors instead of raising them, and takes the global state that a user's own program may hold.
"""

from __future__ import annotations

import argparse
import copy
import io
import logging
import math
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, Generic, NoReturn, TypeVar

import hydra
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path, get_args_parser
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobRuntime
from hydra.types import RunMode
from hydra.version import VersionBase, setbase
from omegaconf import DictConfig, OmegaConf, open_dict

from launcher.config.command import train_command
from launcher.config.completion import complete
from launcher.config.explain import explained
from launcher.config.groups import CONF_DIR, Groups
from launcher.config.interpolation import pin_hydra, plain
from launcher.config.multirun import Place
from launcher.config.schema import Config
from launcher.config.typed import field_names
from launcher.config.validate import to_config
from launcher.errors import EngineError, RequestError

T = TypeVar("T")

CONFIG_NAME = "config"


def run(argv: Sequence[str], task: Callable[[DictConfig], T], metric: Callable[[T, str], float] | None) -> list[T]:
    """See `compose.run_app`."""
    parser = make_parser()
    args = parser.parse_intermixed_args(list(argv))
    args.config_name = args.config_name or CONFIG_NAME
    check_flags(args)
    with own_state():
        if args.shell_completion:
            complete(args.overrides, open_app=lambda words: open_app(parser.parse_known_args(words)[0]))
            return []
        app = open_app(args)
        jobs = _Jobs(task, metric)
        try:
            with explained(args.overrides, loader=app.config_loader, config_name=args.config_name):
                if args.help or args.hydra_help or args.cfg or args.info:
                    _answer(app, args, parser)
                else:
                    _run_jobs(app, args, jobs)
            return jobs.results
        except _TaskError as carried:
            error = carried.error
        raise error


def compose_checked(overrides: Sequence[str], config_dir: Path | None, *, whole: bool) -> DictConfig:
    """See `compose.compose`; unless it is to be a `whole` config, its sections need not go together."""
    place = Place(config_dir=None if config_dir is None else str(config_dir))
    return compose_at(place, overrides, whole=whole)


def compose_at(place: Place, overrides: Sequence[str], *, whole: bool = True) -> DictConfig:
    """The config that overrides describe, with groups and options from a place; checked if it is to be `whole`."""
    name = place.config_name or CONFIG_NAME
    with own_state():
        app = open_app(place)
        with explained(overrides, loader=app.config_loader, config_name=name):
            composed = app.compose_config(name, list(overrides), RunMode.RUN, from_shell=False)
            return checked(composed) if whole else composed


class _TaskError(BaseException):
    """Carries what a task raised past Hydra, which would print it and go on with the next job."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


class _Jobs(Generic[T]):
    """The task function that Hydra calls: checks each config, runs the task, keeps what it returned."""

    def __init__(self, task: Callable[[DictConfig], T], metric: Callable[[T, str], float] | None) -> None:
        self.task, self.metric = task, metric
        self.results: list[T] = []

    def __call__(self, cfg: DictConfig) -> float | tuple[float, ...] | None:
        """Run one job; what its metrics are is for a sweeper that learns from them."""
        hydra_cfg = HydraConfig.get()
        if hydra_cfg.mode == RunMode.MULTIRUN:
            print(f"run {hydra_cfg.job.num + 1}: {' '.join(typed_overrides(hydra_cfg))}", file=sys.stderr)
        wanted = cfg.sweep.metric
        try:
            result = self.task(_verified(cfg))
        except Exception as error:
            raise _TaskError(error) from error
        self.results.append(result)
        if self.metric is None:
            return None
        if isinstance(wanted, str):
            return self.metric(result, wanted)
        return tuple(self.metric(result, name) for name in wanted)


class _Loader(ConfigLoaderImpl):
    """Hydra's loader, but for the two things below."""

    def get_group_options(self, group_name: str, *args: Any, **kwargs: Any) -> list[str]:
        """Options that a user chooses; those whose name begins with an underscore are parts of others."""
        options = super().get_group_options(group_name, *args, **kwargs)
        return [option for option in options if not option.startswith("_")]

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """One config of a sweep, checked: the sweeper composes them all before the first job starts."""
        cfg = super().load_sweep_config(master_config, sweep_overrides)
        numbered = copy.deepcopy(cfg)
        with open_dict(numbered):
            numbered.hydra.job.num, numbered.hydra.job.id = 0, "0"
        with own_state():
            checked(numbered)
        return cfg


@contextmanager
def own_state() -> Iterator[None]:
    """Hydra keeps its state in singletons of the process; a user's own program gets its own back."""
    kinds = (GlobalHydra, HydraConfig, JobRuntime, VersionBase)
    saved = {kind: Singleton._instances.pop(kind, None) for kind in kinds}
    if hydra.__version__ < "1.4":  # later, Hydra deprecates the choice
        setbase("1.3")
    try:
        yield
    finally:
        for kind, instance in saved.items():
            Singleton._instances.pop(kind, None)
            if instance is not None:
                Singleton._instances[kind] = instance


def make_parser() -> argparse.ArgumentParser:
    """Hydra's parser of the command line, whose errors are ours."""
    parser = get_args_parser()

    def refuse(message: str) -> NoReturn:
        hint = "a key is set without dashes, key=value; " if message.startswith("unrecognized") else ""
        raise RequestError(f"{message}; {hint}windlass train --help lists the flags")

    parser.error = refuse  # type: ignore[method-assign]
    return parser


def check_flags(args: argparse.Namespace) -> None:
    """Refuse flags that do not go together."""
    asked = {
        "--run": args.run,
        "--multirun": args.multirun,
        "--cfg": args.cfg,
        "--info": args.info,
        "--shell-completion": args.shell_completion,
    }
    given = [flag for flag, value in asked.items() if value]
    if len(given) > 1:
        raise RequestError(f"{' and '.join(given)} ask for different things; give one of them")
    if args.resolve and not (args.cfg or args.help):
        raise RequestError("--resolve belongs to --cfg; for example windlass train --cfg job --resolve")
    if args.experimental_rerun is not None:
        raise RequestError("--experimental-rerun is not supported: a run's config.yaml holds all that it was given")


def open_app(args: argparse.Namespace | Place) -> Hydra:
    """Hydra with the project's groups and the user's."""
    main = str(CONF_DIR) if args.config_path is None else args.config_path
    if not main.startswith("pkg://"):
        main = str(_directory(main, flag="--config-path"))
    search_path = create_config_search_path(main)
    if args.config_dir is not None:
        search_path.prepend(
            provider="command-line",
            path=f"file://{_directory(args.config_dir, flag='--config-dir')}",
            anchor=SearchPathQuery(provider="schema"),
        )
    return Hydra(task_name="windlass", config_loader=_Loader(search_path))


def _directory(path: str | Path, *, flag: str) -> Path:
    directory = Path(path).expanduser().absolute()
    if not directory.is_dir():
        raise RequestError(f"{flag}={path}: there is no directory {directory}; name the one that holds your groups")
    return directory


def checked(whole: DictConfig) -> DictConfig:
    """The job's part of a composed config, checked."""
    HydraConfig.instance().set_config(whole)
    job = OmegaConf.masked_copy(whole, [str(key) for key in whole if key != "hydra"])
    OmegaConf.set_struct(job, True)
    return _verified(job)


def command_of_job(argv: Sequence[str]) -> list[str]:
    """See `compose.job_command`."""
    args = make_parser().parse_intermixed_args(list(argv))
    place = Place(config_dir=args.config_dir, config_path=args.config_path, config_name=args.config_name)
    return train_command(place, typed_overrides(HydraConfig.get()))


def typed_overrides(hydra_cfg: Any) -> list[str]:
    """The overrides of a job as they were typed: interpolations in them are not looked up."""
    return [str(line) for line in OmegaConf.to_container(hydra_cfg.overrides.task, resolve=False)]  # type: ignore[union-attr]


def _verified(job: DictConfig) -> DictConfig:
    pin_hydra(job)
    if "data" in job:
        raise RequestError("data: preparation fills this section in; drop what sets it")
    chosen, told = HydraConfig.get().runtime, HydraConfig.get().mode == RunMode.MULTIRUN
    sources = [Path(source.path) for source in chosen.config_sources if source.schema == "file"]
    choices = {str(key): value for key, value in chosen.choices.items()}
    for line in typed_overrides(HydraConfig.get()):
        group, _, value = line.partition("=")
        if group.partition(".")[0] == "sweep" and not (told and group == "sweep.metric"):
            raise RequestError(f"{line} is about a sweep, and this is one run; type -m to search, or drop it")
        if group in field_names(Config) and value.startswith("["):
            raise RequestError(f"{line}: a run has one {group}; type -m {group}={value.strip('[]')} to run each")
    with open_dict(job):
        job.pop("sweep")
    to_config(job, groups=Groups(roots=tuple(sources), choices=choices))
    return job


def _run_jobs(app: Hydra, args: argparse.Namespace, jobs: _Jobs[T]) -> None:
    if is_multirun(args):
        with tempfile.TemporaryDirectory(prefix="windlass-") as scratch:
            own = ["hydra.mode=MULTIRUN", f"hydra.sweep.dir='{scratch}'"]  # where Hydra leaves multirun.yaml
            returned = app.multirun(args.config_name, jobs, [*args.overrides, *own], with_log_configuration=False)
        if not jobs.results and isinstance(returned, list):  # jobs ran in other processes
            told = [job.return_value for batch in returned for job in batch]
            failed = sum(map(_lacks, told))
            if failed:
                raise EngineError(f"{failed} of {len(told)} jobs ended without sweep.metric; see windlass runs")
        return
    try:
        app.run(args.config_name, jobs, args.overrides, with_log_configuration=False)
    except AssertionError as error:  # Hydra 1.3's answer to a yaml that asks for several runs
        raise RequestError("a yaml sets hydra.mode to MULTIRUN; drop that, and type -m to run several") from error


def _lacks(told: float | tuple[float, ...] | None) -> bool:
    values = told if isinstance(told, tuple) else (told,)
    return any(value is not None and math.isnan(value) for value in values)


def is_multirun(args: argparse.Namespace) -> bool:
    """Whether a command line asks for several runs."""
    return args.multirun or "hydra.mode=MULTIRUN" in args.overrides


def _answer(app: Hydra, args: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Print what --help, --hydra-help, --cfg or --info asks for."""
    if args.help:
        app.app_help(args.config_name, parser, args)
    elif args.hydra_help:
        app.hydra_help(args.config_name, parser, args)
    else:
        whole = app.compose_config(args.config_name, args.overrides, RunMode.RUN)
        print(_info_text(app, args) if args.info else _config_text(app, whole, args), end="")


def _info_text(app: Hydra, args: argparse.Namespace) -> str:
    """What --info prints; Hydra logs it, through a handler that it adds to the root logger."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        with redirect_stdout(io.StringIO()) as text:
            app.show_info(args.info, args.config_name, args.overrides)
        return text.getvalue()
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def _config_text(app: Hydra, whole: DictConfig, args: argparse.Namespace) -> str:
    """The yaml text for --cfg; --resolve keeps what only the data can fill in."""
    HydraConfig.instance().set_config(whole)
    OmegaConf.set_readonly(whole.hydra, None)
    cfg = app.get_sanitized_cfg(whole, args.cfg)
    if args.resolve:
        cfg = OmegaConf.create(plain(cfg))
    if args.package in (None, "_global_"):
        return OmegaConf.to_yaml(cfg)
    part: Any = OmegaConf.select(cfg, args.package)
    if part is None:
        raise RequestError(f"--package={args.package}: there is no such section; it has {', '.join(map(str, cfg))}")
    return f"# @package {args.package}\n{OmegaConf.to_yaml(part)}" if OmegaConf.is_config(part) else f"{part}\n"

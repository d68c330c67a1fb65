"""What a command line asks for with `-m`, read with Hydra."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import OmegaConf

from launcher.config.command import override_path
from launcher.config.explain import explained
from launcher.config.hydra_app import CONFIG_NAME, check_flags, is_multirun, make_parser, open_app, own_state
from launcher.config.multirun import Multirun, Place, to_settings
from launcher.config.space import Space, split_overrides
from launcher.errors import RequestError

OWN_PLUGINS = "hydra._internal.core_plugins.basic_"


def read_multirun(argv: Sequence[str]) -> Multirun | None:
    """The sweep that a command line asks for; None without `-m`, or where the user brings a sweeper or launcher.

    Raises:
        RequestError: the command line is wrong.
    """
    if not any(word in ("-m", "--multirun") or "MULTIRUN" in word for word in argv):
        return None
    args = make_parser().parse_intermixed_args(list(argv))
    asks = args.help or args.hydra_help or args.cfg or args.info or args.shell_completion
    if asks or not is_multirun(args):
        return None
    check_flags(args)
    place = Place(
        config_dir=_absolute(args.config_dir), config_path=_absolute(args.config_path), config_name=args.config_name
    )
    lines = [line for line in args.overrides if not line.startswith("hydra.mode=")]
    return _read(lines, place, own=False)


def change_multirun(before: Multirun, overrides: Sequence[str]) -> Multirun:
    """A sweep with some of it asked for otherwise; the rest stays as it was found then.

    Raises:
        RequestError: an override is wrong.
    """
    changed = {override_path(line) for line in overrides}
    lines = [line for line in before.lines if override_path(line) not in changed]
    asked = _read([*lines, *overrides], before.place, own=True)
    assert asked is not None
    kept = {
        key: before.space.dimensions.get(key, dimension) if override_path(key) not in changed else dimension
        for key, dimension in asked.space.dimensions.items()
    }
    return replace(asked, run_id=before.run_id, space=Space(kept))


def _read(lines: list[str], place: Place, *, own: bool) -> Multirun | None:
    """The sweep that overrides ask for; None where they bring a sweeper or launcher, unless it is known to be `own`."""
    name = place.config_name or CONFIG_NAME
    with own_state():
        app = open_app(place)
        with explained(lines, loader=app.config_loader, config_name=name):
            parser = OverridesParser.create(config_loader=app.config_loader)
            fixed, _ = split_overrides(lines, parser, seed=0)
            composed = app.compose_config(name, fixed, RunMode.MULTIRUN)
            brought = [composed.hydra[part]._target_ for part in ("sweeper", "launcher")]
            chosen = any(override_path(line) in ("hydra/sweeper", "hydra/launcher") for line in lines)
            if not own and (chosen or any(not target.startswith(OWN_PLUGINS) for target in brought)):
                return None
            section = OmegaConf.to_container(composed.sweep, resolve=True)
            assert isinstance(section, dict)
            settings = to_settings({str(key): value for key, value in section.items()})
            from_yaml = {**(composed.hydra.sweeper.get("params") or {}), **settings.space}
            typed = {override_path(line) for line in lines}
            more = [f"{key}={value}" for key, value in from_yaml.items() if override_path(key) not in typed]
            fixed, space = split_overrides([*more, *lines], parser, seed=settings.seed)
    named = [line.partition("=")[2] for line in lines if line.startswith("run_id=")]
    if named and ("${" in named[-1] or "run_id" in space.dimensions):
        raise RequestError(
            f"run_id={named[-1]}: in a sweep it is the sweep's name, to which trials add their number; type run_id=NAME"
        )
    return Multirun(
        run_id=None if not named or named[-1] == "null" else named[-1],
        lines=tuple(line for line in lines if not line.startswith("run_id=")),
        fixed=tuple(line for line in fixed if not line.startswith(("run_id=", "sweep=", "sweep."))),
        space=space,
        settings=settings,
        place=place,
    )


def _absolute(path: str | None) -> str | None:
    """A directory as it is found from anywhere, since a sweep may be resumed elsewhere."""
    return path if path is None or path.startswith("pkg://") else str(Path(path).expanduser().absolute())

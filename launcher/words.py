"""Numbers and states of a run in words, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launcher.runs import read_json

if TYPE_CHECKING:
    from launcher.parallel.plan import Plan
    from launcher.runs import Run


def count(number: float) -> str:
    """1234567 as `1.23M`."""
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(number) >= 0.9995 * size:  # what three digits round to the next unit
            return f"{number / size:.3g}{unit}"
    return f"{number:.4g}"


def size(num_bytes: float) -> str:
    """Bytes with a binary unit."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(num_bytes) < 1024:
            return f"{num_bytes:.4g} {unit}"
        num_bytes /= 1024
    return f"{num_bytes:.4g} TiB"


def duration(seconds: float) -> str:
    """Seconds as `1h02m`, `3m05s` or `12s`."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{rest:02}s" if minutes else f"{rest}s"


def metrics(values: dict[str, float]) -> str:
    """Names and values on one line."""
    return "  ".join(f"{name} {value:.4g}" for name, value in values.items())


def step(event: dict[str, Any]) -> str:
    """The progress line."""
    parts = [
        f"step {event['step']}/{event['num_steps']}",
        f"loss {event['loss']:.4f}",
        f"lr {event['learning_rate']:.2e}",
    ]
    if "tokens_per_second" in event:
        parts.append(f"{count(event['tokens_per_second'])} tokens/s")
    else:
        parts.append(f"{count(event['samples_per_second'])} samples/s")
    if "mfu" in event:
        parts.append(f"MFU {event['mfu']:.1%}")
    if "seconds_left" in event:
        parts.append(f"{duration(event['seconds_left'])} left")
    return "  ".join(parts)


def event(event: dict[str, Any]) -> str:
    """One reported event on one line."""
    kind = event["event"]
    if kind == "step":
        return step(event)
    if kind == "evaluation":
        return f"{event['split']} at step {event['step']}: {metrics(event['metrics'])}"
    if kind == "parity":
        return f"{event['phase']} step {event['step']}/{event['num_steps']}  loss {event['loss']:.6f}"
    if kind == "checkpoint":
        return f"checkpoint at step {event['step']} ({size(event['bytes'])} in {event['seconds']:.3g} s)"
    if kind == "resumed" and event["step"] == 0:
        return "begun anew: there is no checkpoint to resume from"
    if kind == "resumed":
        return f"resumed from the checkpoint at step {event['step']}"
    if kind == "restart":
        return f"attempt {event['attempt']} after {event['cause']}: {event['message']}"
    if kind == "warning":
        return f"warning: {event['message']}"
    return event.get("name") or event.get("message") or kind


def plan(plan: Plan) -> str:
    """Processes, devices and batch sizes on one line."""
    processes = f"{plan.num_processes} process{'es' if plan.num_processes > 1 else ''} on {plan.device}"
    threads = f" with {plan.threads} thread{'s' if plan.threads > 1 else ''} each" if plan.device == "cpu" else ""
    mesh = "" if plan.axes.only_replicates else f", mesh {plan.axes}"
    return (
        f"{processes}{threads}{mesh}, global batch {plan.global_batch_size} = "
        f"{plan.axes.num_data} x {plan.accumulation} x {plan.micro_batch_size} "
        "(data shares x accumulation x micro batch)"
    )


def summary_rows(run: Run) -> list[tuple[str, str]]:
    """What the table at the end says."""
    summary, data = run.summary, read_json(run.data_path)
    rows = [(name, f"{value:.4g}") for name, value in summary["metrics"].items()]
    if data.get("floors"):
        floors = "  ".join(f"{name.replace('_', '-')} {value:.2f}" for name, value in data["floors"].items())
        rows.append(("bits per byte to beat", floors))
    rows.append(("parameters", count(summary["num_parameters"])))
    rows.append(("steps", f"{summary['steps']} in {duration(summary['train_seconds'])}"))
    for name, unit in (("tokens_per_second", "tokens/s"), ("samples_per_second", "samples/s")):
        if name in summary:
            rows.append(("throughput", f"{count(summary[name])} {unit}"))
    if "mfu" in summary:
        rows.append(("model FLOPs utilisation", f"{summary['mfu']:.1%}"))
    rows.append(("peak memory", f"{size(summary['peak_memory_bytes'])} a process"))
    rows.append(("device-hours", f"{summary['device_hours']:.4f}"))
    if restarts := run.history("restart"):
        rows.append(("restarts", f"{len(restarts)}, the last after {restarts[-1]['cause']}"))
    rows.append(("where", str(run.path)))
    return rows


def next_commands(run: Run) -> list[str]:
    """What one may type next."""
    commands = [f"next: windlass runs show {run.id}    windlass runs logs {run.id}"]
    offline = sorted(run.wandb_dir.glob("offline-run-*"))
    if offline:  # each attempt has one of its own, and they are sent in their order
        what = offline[0] if len(offline) == 1 else run.wandb_dir / "offline-run-*"
        commands.append(f"      wandb sync {what}    # to see it on a W&B server")
    return commands

"""How a worker stops: real signals to real processes."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

INSTALL = """
import os, signal, sys, time
from launcher.training import signals
signals.install()
"""
WAIT = """
try:
    print("ready", flush=True)
    time.sleep(60)
{handler}
"""


def end(program: str, signum: signal.Signals) -> subprocess.CompletedProcess[str]:
    """Send one signal to a program that said it is ready; returns how it ended and what it printed after."""
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signum)
    out, err = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_raises_where_the_worker_is_and_says_which(signum: signal.Signals) -> None:
    handler = "except signals.Stopped as stopped:\n    print(stopped, stopped.signum, signals.received())"
    ended = end(INSTALL + WAIT.format(handler=handler), signum)
    assert ended.stdout.strip() == f"stopped by {signum.name} {signum.value} {signum.value}"


def test_no_handler_of_user_code_swallows_the_stop() -> None:
    handler = "except Exception:\n    print('swallowed')"
    ended = end(INSTALL + WAIT.format(handler=handler), signal.SIGTERM)
    assert "swallowed" not in ended.stdout
    assert "Stopped: stopped by SIGTERM" in ended.stderr


def test_a_second_signal_does_not_disturb_the_ending() -> None:
    handler = """
except signals.Stopped:
    os.kill(os.getpid(), signal.SIGINT)
    print("ended in peace", signal.Signals(signals.received()).name)
"""
    ended = end(INSTALL + WAIT.format(handler=handler), signal.SIGTERM)
    assert ended.stdout.strip() == "ended in peace SIGTERM"


def test_a_shielded_worker_is_not_interrupted() -> None:
    program = INSTALL + "signals.shield()\nfor s in signals.STOPPING:\n    os.kill(os.getpid(), s)\nprint('shielded')"
    ended = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert ended.stdout.strip() == "shielded"


def test_nothing_is_received_where_nothing_was_sent() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", INSTALL + "print(signals.received())"], check=True, capture_output=True, text=True
    )
    assert ended.stdout.strip() == "None"

"""What this machine can train on."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from launcher.parallel.devices import Devices, find_devices, peak_flops, usable_cores

HAS_AFFINITY = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system pins no cores")


def python(program: str) -> str:
    """What a program prints in a fresh interpreter."""
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize(
    ("devices", "best"),
    [
        (Devices(cpu_cores=4), "cpu"),
        (Devices(cpu_cores=4, cuda=2), "cuda"),
        (Devices(cpu_cores=4, mps=1), "mps"),
        (Devices(cpu_cores=4, cuda=1, mps=1), "cuda"),
    ],
)
def test_the_best_device_is_the_fastest_kind_that_is_there(devices: Devices, best: str) -> None:
    assert devices.best == best


def test_kinds_that_are_not_there_are_not_named() -> None:
    assert Devices(cpu_cores=4, cuda=2).kinds == ["cuda", "cpu"]


def test_devices_of_the_cpu_are_its_cores() -> None:
    assert Devices(cpu_cores=4, cuda=2).count("cpu") == 4


def test_asking_for_the_cpu_finds_no_other_device() -> None:
    found = find_devices("cpu")
    assert (found.kinds, found.cpu_cores) == (["cpu"], usable_cores())


def test_asking_for_the_cpu_imports_no_torch() -> None:
    program = "import sys; from launcher.parallel.devices import find_devices; find_devices('cpu'); "
    assert python(program + "print('torch' in sys.modules)") == "False"


@HAS_AFFINITY
def test_only_cores_that_the_process_may_use_are_counted() -> None:
    program = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
    assert python(program + "from launcher.parallel.devices import usable_cores; print(usable_cores())") == "1"


@pytest.mark.parametrize(
    ("name", "half", "single"),
    [
        ("NVIDIA H100 80GB HBM3", 989e12, 67e12),
        ("NVIDIA H100 PCIe", 756e12, 51e12),
        ("NVIDIA H200", 989e12, 67e12),
        ("NVIDIA A100-SXM4-80GB", 312e12, 19.5e12),
        ("NVIDIA A10", 125e12, 31.2e12),
        ("NVIDIA L40S", 362e12, 91.6e12),
        ("NVIDIA L4", 121e12, 30.3e12),
        ("Tesla V100-SXM2-16GB", 125e12, 15.7e12),
        ("NVIDIA GeForce RTX 4090", 165e12, 82.6e12),
    ],
)
def test_a_known_device_has_the_peak_of_its_own_data_sheet(name: str, half: float, single: float) -> None:
    assert (peak_flops(name, "bf16"), peak_flops(name, "fp16"), peak_flops(name, "fp32")) == (half, half, single)


@pytest.mark.parametrize("name", ["cpu", "mps", "NVIDIA RTX A4000", "NVIDIA RTX A1000", "NVIDIA T400 4GB"])
def test_a_device_that_is_not_known_has_no_peak(name: str) -> None:
    assert peak_flops(name, "bf16") is None

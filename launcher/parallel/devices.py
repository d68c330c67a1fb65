"""Which devices this machine has and how fast they are."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

# Dense peak in FLOP/s without sparsity, from the vendors' data sheets: (part of the name, bf16/fp16, fp32).
# The first match counts, so longer names stand first.
_PEAKS = (
    ("GB200", 2500e12, 80e12),
    ("B200", 2250e12, 80e12),
    ("GH200", 989e12, 67e12),
    ("H200", 989e12, 67e12),
    ("H100 PCIe", 756e12, 51e12),
    ("H100 NVL", 835e12, 60e12),
    ("H100", 989e12, 67e12),
    ("H20", 148e12, 44e12),
    ("H800", 989e12, 67e12),
    ("A800", 312e12, 19.5e12),
    ("A100", 312e12, 19.5e12),
    ("A40", 150e12, 37.4e12),
    ("A10", 125e12, 31.2e12),
    ("L40S", 362e12, 91.6e12),
    ("L40", 181e12, 90.5e12),
    ("L4", 121e12, 30.3e12),
    ("T4", 65e12, 8.1e12),
    ("V100", 125e12, 15.7e12),
    ("RTX 4090", 165e12, 82.6e12),
    ("RTX 3090", 71e12, 35.6e12),
    ("MI300X", 1307e12, 163.4e12),
    ("MI250X", 383e12, 47.9e12),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    """What this machine can train on."""

    cpu_cores: int
    cuda: int = 0
    mps: int = 0

    def count(self, kind: str) -> int:
        """Devices of one kind; for the CPU, its cores."""
        return {"cpu": self.cpu_cores, "cuda": self.cuda, "mps": self.mps}[kind]

    @property
    def kinds(self) -> list[str]:
        """Kinds that are present, fastest first."""
        return [kind for kind in ("cuda", "mps", "cpu") if self.count(kind) > 0]

    @property
    def best(self) -> str:
        return self.kinds[0]


def find_devices(wanted: str = "auto") -> Devices:
    """Count the devices; torch is imported only where one other than the CPU may be there and is wanted."""
    cores = usable_cores()
    if wanted == "cpu" or not _accelerator_hinted():
        return Devices(cpu_cores=cores)
    # NVML answers without a CUDA context, which must not exist before workers start.
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    import torch

    mps = 1 if torch.backends.mps.is_available() else 0
    return Devices(cpu_cores=cores, cuda=torch.cuda.device_count(), mps=mps)


def _accelerator_hinted() -> bool:
    if platform.system() == "Darwin":
        return platform.machine() == "arm64"
    return any(Path(path).exists() for path in ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/kfd"))


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def peak_flops(device_name: str, precision: str) -> float | None:
    """Peak FLOP/s of a device in a precision, or None where it is not known (every CPU)."""
    for part, half, single in _PEAKS:
        if re.search(rf"\b{part}\b", device_name, re.IGNORECASE):
            return single if precision == "fp32" else half
    return None

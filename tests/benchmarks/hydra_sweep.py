"""What one would write with Hydra alone for a sweep; `-m` runs it, with the basic launcher or another one."""

from __future__ import annotations

from pathlib import Path

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from tests.benchmarks.plain_trial import run_trial

ConfigStore.instance().store(name="config", node={"settings": "???", "learning_rate": "???", "threads": 1})


@hydra.main(version_base="1.3", config_path=None, config_name="config")
def main(config: DictConfig) -> float:
    """Run one trial in this process; returns the loss on the validation split."""
    directory = Path(HydraConfig.get().runtime.output_dir)
    return run_trial(Path(config.settings), directory, learning_rate=config.learning_rate, threads=config.threads)


if __name__ == "__main__":
    main()

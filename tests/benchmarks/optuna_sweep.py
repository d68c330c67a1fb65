"""What one would write with Optuna alone for a sweep whose trials leave nothing behind: a fresh process for each."""

from __future__ import annotations

import argparse
import subprocess

import optuna


def main() -> None:
    """Try every learning rate, so many at a time."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--learning-rates", type=float, nargs="+", required=True)
    parser.add_argument("--jobs", type=int, required=True)
    parser.add_argument("words", nargs="+", help="a trial's command, with {rate} and {number}; prints its loss last")
    arguments = parser.parse_args()

    def objective(trial: optuna.Trial) -> float:
        rate = trial.suggest_float("learning_rate", 1e-5, 1.0, log=True)
        words = [word.format(rate=rate, number=trial.number) for word in arguments.words]
        printed = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
        return float(printed.splitlines()[-1])

    sampler = optuna.samplers.GridSampler({"learning_rate": arguments.learning_rates}, seed=0)
    study = optuna.create_study(direction="minimize", sampler=sampler)
    study.optimize(objective, n_trials=len(arguments.learning_rates), n_jobs=arguments.jobs)
    print(study.best_params)


if __name__ == "__main__":
    main()

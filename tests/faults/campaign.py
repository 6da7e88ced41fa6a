"""Thousands of kills, once: python -m tests.faults.campaign --events 2000 --random 200

Kills at file-system events are spread over all jobs by how many events each makes: before an
event, behind it, in the middle of a write, and in every fourth trial a second time while the
job is done again. Prints a table, and each damage as it is found.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path

from tests.faults import table
from tests.faults.forking import Forks
from tests.faults.jobs import JOBS
from tests.faults.trials import Trials, quick_folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=2000, help="kills at events")
    parser.add_argument("--random", type=int, default=200, help="kills at random times")
    parser.add_argument("--seed", type=int, default=19)
    parser.add_argument("jobs", nargs="*", help="some of the jobs alone")
    given = parser.parse_args()
    chance = random.Random(given.seed)
    began = time.monotonic()
    damages = 0
    with tempfile.TemporaryDirectory(prefix="ie-model-campaign-", dir=quick_folder()) as scratch:
        folder = Path(scratch)
        with Forks(folder) as forks:
            names = given.jobs or list(JOBS)
            trials = [Trials(forks, n, folder / str(k)) for k, n in enumerate(names)]
            # Rare jobs get their share, too: at least a third of what each would have alone.
            weights = [max(t.events, 60) for t in trials]
            kills = 0
            for trial in cycle(trials):
                if kills >= given.events:
                    break
                share = round(10 * weights[trials.index(trial)] / max(weights)) or 1
                for _ in range(min(share, given.events - kills)):
                    faults = [_fault(chance, trial)]
                    if chance.random() < 0.25 and kills + 2 <= given.events:
                        faults.append(_fault(chance, trial))
                    kills += len(faults)
                    kind = f"killed at an event: {trial.name}"
                    workers = "worker" in trial.name and chance.random() < 0.5
                    found = trial.kill(*faults, workers=workers)
                    if trial.count(kind, found, len(faults)):
                        damages += 1
                        print(f"DAMAGE {trial.name}: {faults}: {found}", flush=True)
            for _, trial in zip(range(given.random), cycle(trials), strict=False):
                seconds = chance.uniform(0.0, 1.1 * trial.seconds)
                found = trial.kill(seconds=seconds)
                if trial.count(f"killed at random: {trial.name}", found):
                    damages += 1
                    print(f"DAMAGE {trial.name}: after {seconds:.3f} s: {found}", flush=True)
    print("\n".join(table.lines()))
    used = sum(
        resource.getrusage(who).ru_utime + resource.getrusage(who).ru_stime
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    print(
        f"{sum(table.tried.values())} kills, {damages} damages; {time.monotonic() - began:.0f} s, "
        f"{used:.0f} s of CPU time"
    )
    sys.exit(damages > 0)


def _fault(chance: random.Random, trial: Trials) -> str:
    mode = chance.choice(["kill", "after", "torn"])
    return f"{mode} {chance.randint(1, max(trial.events, 1))}"


if __name__ == "__main__":
    main()

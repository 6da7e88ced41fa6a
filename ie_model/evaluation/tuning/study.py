"""The trials of a search, kept in one SQLite file that a killed search goes on from."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from filelock import FileLock, Timeout

from ie_model.config.schema import Config, describe_differences, differences
from ie_model.errors import InputError, RunError
from ie_model.evaluation.tuning.course import Course, PrunedError
from ie_model.evaluation.tuning.judge import Judge, micro_f1
from ie_model.evaluation.tuning.space import Space, Values, with_values
from ie_model.evaluation.tuning.workers import side_by_side
from ie_model.files import followed, writing
from ie_model.metrics.bootstrap import Counts

NAME = "ie-model"
_TABLES = {"studies", "version_info", "alembic_version"}  # what Optuna makes first


def optuna() -> Any:
    """The Optuna package, quiet.

    Raises:
        InputError: it is not installed.
    """
    try:
        import optuna as package
    except ImportError:
        raise InputError("a search needs optuna: pip install 'ie-model[tune]'") from None
    package.logging.set_verbosity(package.logging.WARNING)
    return package


class Study:
    """Trials of one config over one space. Use :func:`opened`.

    Attributes of a trial: ``values`` (dotted keys), ``counts`` (nested lists), ``reason`` (why it
    failed), ``start`` (it is the starting point). The study's own hold the ``protocol``, the
    numbers of the trials that were ``killed``, and counts of other seeds.
    """

    def __init__(self, file: Path, prune: bool, seed: int) -> None:
        package = optuna()
        self._file, self._prune = file, prune
        self._asked: dict[int, Any] = {}
        self._scratch = scratch_folder(file)
        # How many there are already moves the seed: a search that goes on must not repeat itself.
        found = _begun(file, package)
        self.study = package.create_study(
            storage=_storage(file, package),
            study_name=NAME,
            direction="maximize",
            load_if_exists=True,
            sampler=package.samplers.TPESampler(seed=seed + found, constant_liar=True),
            pruner=package.pruners.MedianPruner(n_startup_trials=4, n_min_trials=3),
        )

    @property
    def trials(self) -> list[Any]:
        """All that are over and count: finished, pruned, failed by themselves; not killed ones."""
        killed = set(self._killed)
        return [
            t
            for t in self.study.get_trials(deepcopy=False)
            if t.state.is_finished() and t.number not in killed
        ]

    @property
    def finished(self) -> list[Any]:
        """Trials with a score."""
        return [t for t in self.trials if t.state.name == "COMPLETE"]

    @property
    def killed(self) -> int:
        """Trials that a kill of the search ended."""
        return len(self._killed)

    @property
    def _killed(self) -> list[int]:
        return list(self.study.user_attrs.get("killed", []))

    def agree(self, protocol: dict[str, Any]) -> None:
        """Keep what the search is about, or check that it is what it was.

        Raises:
            InputError: it was begun with something else.
        """
        protocol = json.loads(json.dumps(protocol))
        begun = self.study.user_attrs.get("protocol")
        if begun is None:
            self.study.set_user_attr("protocol", protocol)
        elif found := differences(begun, protocol):
            raise InputError(
                f"{self._file}: the search was begun with something else: "
                f"{describe_differences(found)}. Undo the change to go on, give another file, or "
                "delete this one to start again"
            )

    def bury(self) -> None:
        """Count what a killed search was at as failed."""
        state = optuna().trial.TrialState
        for trial in self.study.get_trials(deepcopy=False, states=(state.RUNNING,)):
            # First: a kill in between must not make it one that counts.
            self.study.set_user_attr("killed", [*self._killed, trial.number])
            self.study.tell(trial.number, state=state.FAIL)

    def search(
        self, config: Config, space: Space, judge: Judge, trials: int, jobs: int
    ) -> Iterator[Any]:
        """Make trials until so many count; the first is the config itself. Yields each."""
        if not any(t.user_attrs.get("start") for t in self.trials):
            self._ask_start(config, space)
        running = 0

        def ask() -> tuple[int, Any, tuple[Any, ...]] | None:
            nonlocal running
            if len(self.trials) + running >= trials:
                return None
            trial = self.study.ask()
            self._asked[trial.number] = trial
            start = trial.user_attrs.get("start", False)
            inside = not start or trial.user_attrs["inside"]
            # A starting point outside of the space is a trial without parameters.
            values: Values = space.suggest(trial) if inside else {}
            trial.set_user_attr("values", {} if start else values)
            changed = config if start else with_values_or_none(config, values)
            running += 1
            prune = self._prune and not start
            return trial.number, attempt, (trial, changed, judge, self._scratch, prune)

        for number, (how, result) in side_by_side(ask, jobs):
            running -= 1
            yield self._over(number, how, result)

    def _ask_start(self, config: Config, space: Space) -> None:
        stored = space.stored(config)
        attrs = {"start": True, "inside": stored is not None}
        self.study.enqueue_trial(stored or {}, user_attrs=attrs)

    def _over(self, number: int, how: str, result: Any) -> Any:
        state = optuna().trial.TrialState
        trial = self._asked.pop(number)
        if how == "done":
            trial.set_user_attr("counts", result)
            self.study.tell(number, micro_f1(np.array(result)))
        elif how == "pruned":
            self.study.tell(number, state=state.PRUNED)
        else:
            trial.set_user_attr("reason", result)
            self.study.tell(number, state=state.FAIL)
        return self.study.get_trials(deepcopy=False)[number]

    def with_seeds(
        self, configs: dict[str, Config], seeds: list[int], judge: Judge, jobs: int
    ) -> dict[str, Counts]:
        """Counts of several configs under the same other seeds: ``[seeds, units, labels, 3]``.

        Raises:
            RunError: a training failed.
        """
        keys = {(name, seed): f"{name} seed {seed}" for name in configs for seed in seeds}
        missing = [k for k, name in keys.items() if name not in self.study.user_attrs]

        def ask() -> tuple[tuple[str, int], Any, tuple[Any, ...]] | None:
            if not missing:
                return None
            name, seed = missing.pop(0)
            config = with_values(configs[name], {"training.seed": seed})
            return (name, seed), attempt, (None, config, judge, self._scratch, False)

        for (name, seed), (how, result) in side_by_side(ask, jobs):
            if how != "done":
                raise RunError(f"{name} with seed {seed}: {result}")
            self.study.set_user_attr(keys[name, seed], result)
        known = self.study.user_attrs
        return {
            name: np.stack([np.array(known[keys[name, seed]]) for seed in seeds])
            for name in configs
        }


def attempt(
    trial: Any | None, config: Config | str, judge: Judge, scratch: Path, prune: bool
) -> tuple[str, Any]:
    """Make a trial: ``("done", counts)``, ``("pruned", None)`` or ``("failed", why)``.

    An Optuna trial, which is told how far it is, opens the study's file anew where it is
    unpickled.
    """
    if isinstance(config, str):
        return "failed", config

    course = Course(trial, prune) if trial is not None else None

    def report(percent: int, f1: float) -> None:
        if course is not None:
            course.judged(percent, f1)

    try:
        counts = judge.measure(config, report, scratch).tolist()
        if course is not None:
            course.over()
        return "done", counts
    except PrunedError:
        return "pruned", None
    except (InputError, RunError) as error:
        return "failed", str(error)


def with_values_or_none(config: Config, values: Values) -> Config | str:
    """The changed config, or why its values do not fit one another."""
    try:
        return with_values(config, values)
    except InputError as error:
        return str(error)


@contextlib.contextmanager
def opened(file: Path, *, prune: bool, seed: int) -> Iterator[Study]:
    """A study in a file, this process's alone. What a killed search left beside it is removed.

    By whatever links the file is named, it has one lock.

    Raises:
        InputError: another search is at it, the file is none, or its folder cannot be written.
        RunError: the disk is full or failed.
    """
    with writing(file):
        file = followed(file)
        if file.is_dir():
            raise InputError(f"{file}: is a folder; the study of a search is a file")
        if file.exists() and file.stat().st_nlink > 1:
            # SQLite finds what a killed search was about to write by the file's name.
            raise InputError(f"{file}: has a second name (a hard link); a search needs a copy")
    lock_file = file.with_name(f".{file.name}.lock")
    lock = FileLock(lock_file)
    with writing(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise InputError(f"{file}: another search is at work on it; wait for its end") from None
        # SQLite would make one that nobody but its owner may write.
        file.touch(exist_ok=True)
    try:
        shutil.rmtree(scratch_folder(file), ignore_errors=True)
        yield Study(file, prune, seed)
    except optuna().exceptions.StorageInternalError as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise RunError(
            f"{file}: the search cannot be kept there ({reason}); with that mended, the same "
            "command goes on"
        ) from error
    finally:
        shutil.rmtree(scratch_folder(file), ignore_errors=True)
        with contextlib.suppress(OSError):  # Windows: it goes with the release
            lock_file.unlink()  # while it is held: whoever waits for it sees that it is gone
        lock.release()


def scratch_folder(file: Path) -> Path:
    """Where the models of trials lie while they are judged."""
    return file.with_name(f".{file.name}.trials")


def _storage(file: Path, package: Any) -> Any:
    # Several processes write: each waits for the other.
    # A name may hold what means something in a URL, such as a question mark.
    url = f"sqlite:///{quote(str(file.resolve()))}"
    return package.storages.RDBStorage(url, engine_kwargs={"connect_args": {"timeout": 60}})


def _begun(file: Path, package: Any) -> int:
    """How many trials a file holds: none where a search was killed while it made the file.

    Raises:
        InputError: the file is something else; it is left as it is.
    """
    try:
        with contextlib.closing(
            sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)
        ) as db:
            tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
        if tables and not tables & _TABLES:
            raise InputError(f"{file}: a database of something else; name another file")
        return len(package.load_study(study_name=NAME, storage=_storage(file, package)).trials)
    except InputError:
        raise
    except KeyError:  # no study of that name
        return 0
    except Exception as error:
        raise InputError(
            f"{file}: not the file of a search ({type(error).__name__}); name another"
        ) from None

"""Distillation: a small model learns what larger ones say of annotated and of plain text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ie_model.config.loading import load_config
from ie_model.config.schema import Config, SourceConfig
from ie_model.errors import InputError
from ie_model.given import a_path, several
from ie_model.models.directory import read_settings
from ie_model.training.refusals import require_config
from ie_model.training.run import TrainResult, train


def distill(
    student: Config,
    teachers: Sequence[str | Path] = (),
    unlabelled: Sequence[str | Path | SourceConfig] = (),
    *,
    resume: bool = False,
) -> TrainResult:
    """Train a student on the annotations and on what teachers say of them and of more text.

    Args:
        student: what to train, from :func:`ie_model.load_config`. Its ``distillation`` section
            says how much the teachers count, and may name them and the texts.
        teachers: model directories, beside those of the config; all with the student's labels.
        unlabelled: files, folders or globs of text in any format, beside those of the config.
            Never give it documents that the result will be measured on.
        resume: go on with an interrupted run (``training.checkpoint_every``). What the
            teachers said is kept on disk in any case and is not computed again.

    Returns:
        As :func:`ie_model.train`.

    Raises:
        InputError: no teacher, one with other labels, nothing to read; as ``train`` does.
        RunError: as ``train`` does.
    """
    return train(distillation_config(student, teachers, unlabelled), resume=resume)


def read_student(
    file: Path,
    overrides: Sequence[str] = (),
    teachers: Sequence[str | Path] = (),
    unlabelled: Sequence[str | Path | SourceConfig] = (),
) -> Config:
    """The student's config from a file, with more teachers and texts.

    Raises:
        InputError: a faulty config, no teacher, or one that is no model directory.
    """
    for teacher in teachers:
        read_settings(teacher)
    return distillation_config(load_config(file, overrides), teachers, unlabelled)


def _source(given: str | Path | SourceConfig) -> SourceConfig:
    return (
        given
        if isinstance(given, SourceConfig)
        else SourceConfig(path=a_path(given, "distillation: unlabelled"))
    )


def distillation_config(
    student: Config,
    teachers: Sequence[str | Path] = (),
    unlabelled: Sequence[str | Path | SourceConfig] = (),
) -> Config:
    """The student's config with more teachers and texts.

    Raises:
        InputError: there is no teacher then, or one name is given where a list is wanted.
    """
    require_config(student)
    for name, value in (("teachers", teachers), ("unlabelled", unlabelled)):
        several(value, f"distillation: {name}", "paths")
    given = student.distillation
    section = given.model_copy(
        update={
            "teachers": [
                *given.teachers,
                *(a_path(t, "distillation: a teacher") for t in teachers),
            ],
            "unlabelled": [*given.unlabelled, *(_source(u) for u in unlabelled)],
        }
    )
    if not section.teachers:
        raise InputError("distillation: name at least one teacher, a trained model directory")
    return student.model_copy(update={"distillation": section})

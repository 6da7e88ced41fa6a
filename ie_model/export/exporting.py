"""Export a model for another engine or in a lower precision, behind the quality gate."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ie_model.config.loading import load_config
from ie_model.corpus.splits import split_documents
from ie_model.documents import Document
from ie_model.encoding.windows import Window
from ie_model.errors import InputError, RunError
from ie_model.export.acceptance import Limits, Verdict, judge
from ie_model.export.quantization import quantize
from ie_model.files import write_text
from ie_model.inference import engines
from ie_model.inference.engines import artifacts
from ie_model.inference.engines.conversion import convert
from ie_model.inference.engines.interface import Engine
from ie_model.inference.extractor import Extractor
from ie_model.models.card import EXPORTS_BEGIN, EXPORTS_END
from ie_model.models.directory import read_settings
from ie_model.models.hardware import multiplies_bf16
from ie_model.training.inputs import read_sources

log = logging.getLogger(__name__)

ENGINES = ("openvino", "onnx")
PRECISIONS = ("fp32", "bf16", "int8")
GATE_FRACTION = 0.3
"""Share of the training documents held back for the gate when there are no others."""


@dataclass(frozen=True)
class ExportResult:
    """The exported file and how it did; ``verdict`` is None for fp32, which is compared by
    its logits alone (see :mod:`ie_model.inference.engines.conversion`)."""

    path: Path
    engine: str
    precision: str
    verdict: Verdict | None


def export(
    model_dir: str | Path,
    engine: str = "openvino",
    precision: str = "int8",
    *,
    calibration: Sequence[Document] | None = None,
    gate: Sequence[Document] | None = None,
    limits: Limits | None = None,
    target: float = 0.99,
    reduce_range: bool | None = None,
    force: bool = False,
) -> ExportResult:
    """Export the model in ``model_dir`` into its own folder ``openvino/`` or ``onnx/``.

    Args:
        model_dir: a model directory.
        engine: ``openvino`` or ``onnx``.
        precision: ``fp32``, ``bf16`` (OpenVINO) or ``int8``.
        calibration: documents int8 is calibrated on, with or without entities; by default the
            training documents that the model's ``config.yaml`` names.
        gate: annotated documents to judge by, none of them used for calibration. By default
            the config's dev documents; without those, 30 % of the training documents are
            held back from calibration (the model has seen them in training, so its F1 there
            is no measure of quality, only the difference is). Where the config's documents are
            not at hand, 30 % of those given as ``calibration`` are held back.
        limits: what may be lost against fp32.
        target: the entity agreement that int8 aims at by leaving sensitive layers in fp32;
            more agreement is less speed (OpenVINO only).
        reduce_range: int8 weights of 7 bits, right on every CPU; by default where this one
            adds int8 products in 16 bits.
        force: keep the export although it failed the gate; the figures go into the model
            card either way.

    Raises:
        InputError: a combination that does not exist, or documents that cannot be read.
        RunError: the export is not good enough, with the figures; nothing was changed.
    """
    folder = Path(model_dir)
    if engine not in ENGINES:
        raise InputError(f"export: engine {engine!r} is unknown: use {' or '.join(ENGINES)}")
    if precision not in PRECISIONS or (engine, precision) == ("onnx", "bf16"):
        raise InputError(f"export: {engine} cannot be exported in {precision}")
    labels = read_settings(folder).labels
    if precision == "fp32":
        return ExportResult(convert(folder, engine), engine, precision, None)
    # Before the minutes of conversion: documents may be missing.
    if gate is None or precision == "int8":  # nothing else is calibrated
        calibration, gate = _documents(folder, labels, calibration, gate)
    reference = Extractor.from_pretrained(folder, "torch", precision="fp32", device="cpu")
    path = convert(folder, engine)
    # The search for layers to leave out looks at other documents than the verdict.
    search, final = (gate[::2], gate[1::2]) if len(gate) >= 20 else (gate, gate)
    expected = reference.predict(final)
    with tempfile.TemporaryDirectory() as scratch:
        quantized = None
        if precision == "int8":
            windows = (_windows(reference, calibration or ()), _windows(reference, search))
            quantized = quantize(
                folder, engine, *windows, reference.label_set,
                target=target, reduce_range=reduce_range,
            )  # fmt: skip
            path = Path(scratch) / path.with_stem(precision).name
            quantized.save(path)
        elif not multiplies_bf16():
            log.warning("this CPU emulates bf16: the export is right here, but slow")
        candidate = reference.with_engine(_engine(folder, engine, precision, path))
        verdict = judge(final, expected, candidate.predict(final), reference.labels, limits)
        candidate.close()
    log.info("%s %s: %s", engine, precision, verdict)
    if not verdict.passed and not force:
        raise RunError(
            f"{folder}: {engine} {precision} failed the quality gate and was not kept: "
            f"{'; '.join(verdict.failures)} ({verdict}). Calibrate on more documents like "
            "those it will see, use another precision, or keep it all the same with --force"
        )
    if quantized is not None:
        facts = {**quantized.facts, "gate": verdict.to_dict()}
        with artifacts.exclusive(folder, engine):
            path = artifacts.store(folder, engine, precision, quantized.save, facts)
    _write_card(folder, f"{engine} {precision}", verdict)
    return ExportResult(path, engine, precision, verdict)


def _engine(folder: Path, engine: str, precision: str, path: Path) -> Engine:
    if engine == "onnx":
        return engines.OnnxEngine(folder, precision, path=path)
    return engines.OpenVINOEngine(folder, precision, path=path)


def _windows(extractor: Extractor, documents: Sequence[Document]) -> list[Window]:
    encoded = extractor.encoder.encode([d.text for d in documents])
    return [window for e in encoded for window in e.windows]


def _documents(
    folder: Path,
    labels: Sequence[str],
    calibration: Sequence[Document] | None,
    gate: Sequence[Document] | None,
) -> tuple[Sequence[Document], Sequence[Document]]:
    """The documents to calibrate on and to judge by; see :func:`export`."""
    if calibration is None or gate is None:
        try:
            train, dev = _from_config(folder, labels)
        except InputError as error:
            if calibration is None:
                raise InputError(
                    f"{error}; an export is made and judged with the documents that "
                    f"{folder / 'config.yaml'} names, or with others: give some hundred texts "
                    "like those the model will see with --calibration FILE (calibration=), and "
                    "annotated ones with --documents FILE (gate=) if you have them"
                ) from error
            log.warning("%s; a part of the calibration documents judges the export", error)
            train, dev = list(calibration), []
            calibration = None
        if calibration is None and gate is None and not dev:
            train, dev = split_documents(train, GATE_FRACTION, seed=0)
        calibration = train if calibration is None else calibration
        gate = (dev or train) if gate is None else gate
    texts = {d.text for d in gate}
    calibration = [d for d in calibration if d.text not in texts]
    if not calibration or not gate:
        raise InputError(
            "export: nothing is left to calibrate on beside the documents of the quality gate; "
            "give other documents with --calibration"
        )
    return calibration, gate


def _from_config(folder: Path, labels: Sequence[str]) -> tuple[list[Document], list[Document]]:
    """The training and dev documents that the model's config names.

    Raises:
        InputError: there is no config, it names none, or they are not where it says.
    """
    file = folder / "config.yaml"
    config = load_config(file)
    data = config.data
    if not data.train:
        raise InputError(f"{file}: names no training documents")
    train = [d for _, d in read_sources(data.train, labels)]
    if not data.dev and data.dev_fraction:
        return split_documents(train, data.dev_fraction, config.training.seed)
    return train, [d for _, d in read_sources(data.dev, labels)]


def _write_card(folder: Path, name: str, verdict: Verdict) -> None:
    """Put the figures of one export into the model card, in place of older ones of its kind."""
    file = folder / "README.md"
    card = file.read_text(encoding="utf-8") if file.is_file() else ""
    before, begin, rest = card.partition(EXPORTS_BEGIN)
    inside, _, after = rest.partition(EXPORTS_END) if begin else ("", "", "")
    lines = [
        x for x in inside.splitlines() if x.startswith("- ") and not x.startswith(f"- {name}:")
    ]
    outcome = (
        "passed" if verdict.passed else f"FAILED ({'; '.join(verdict.failures)}), kept by force"
    )
    lines.append(f"- {name}: quality gate {outcome}; {verdict}")
    section = "\n".join([EXPORTS_BEGIN, "## Exports", "", *sorted(lines), EXPORTS_END])
    if not begin:
        before = before.rstrip("\n") + "\n\n" if before else ""
        after = "\n"
    write_text(file, before + section + after, scratch=folder)

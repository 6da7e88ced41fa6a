"""The measured plan: which engine, precision and batch size are fastest for one model here.

``ie-model bench --plan`` writes ``plan.json`` into the model directory; the extractor uses
it when it is asked for ``auto``. A plan is about one set of weights on one kind of machine:
elsewhere it is passed over and the defaults hold.
"""

from __future__ import annotations

import logging
import os
import platform
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ie_model.files import read_json, write_json
from ie_model.models.directory import weights_digest
from ie_model.models.hardware import available_cpus, cpu_name

log = logging.getLogger(__name__)

PLAN_FILE = "plan.json"


@dataclass(frozen=True)
class Plan:
    """How to run a model. ``None`` leaves a setting to the engine.

    ``batch_tokens`` is the padded tokens of one batch at most, ``multiple`` what padded
    lengths are rounded up to, ``streams`` how many batches OpenVINO works on side by side.
    """

    engine: str = "auto"
    precision: str = "auto"
    batch_tokens: int | None = None
    multiple: int | None = None
    streams: int | None = None
    device: str = "auto"

    @property
    def name(self) -> str:
        """A short name, such as ``openvino int8 1024``."""
        parts = [self.engine, self.precision, str(self.batch_tokens or "")]
        if self.streams:
            parts.append(f"{self.streams} streams")
        return " ".join(p for p in parts if p)


def machine(device: str = "auto") -> dict[str, Any]:
    """What a plan depends on besides the weights."""
    facts: dict[str, Any] = {
        "architecture": platform.machine(),
        "cpu": cpu_name(),
        "cpus": available_cpus(),
    }
    if device.startswith("cuda"):
        import torch

        facts["gpu"] = torch.cuda.get_device_name(device)
    return facts


def save_plan(
    model_dir: str | os.PathLike[str], plan: Plan, measured: dict[str, Any] | None = None
) -> Path:
    """Write the plan into the model directory, with what was measured for it; its path."""
    folder = Path(model_dir)
    values = {
        "plan": asdict(plan),
        "machine": machine(plan.device),
        "weights": weights_digest(folder),
        "measured": measured or {},
    }
    write_json(folder / PLAN_FILE, values, scratch=folder)
    return folder / PLAN_FILE


def _check(plan: Plan) -> None:
    """Raise :class:`ValueError` for what no measurement can have written."""
    for name, value in (("engine", plan.engine), ("precision", plan.precision)):
        if value not in _KNOWN[name]:
            raise ValueError(f"{name} is {value!r}")
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", plan.device):
        raise ValueError(f"device is {plan.device!r}")
    for name, most in _MOST.items():
        value = getattr(plan, name)
        if value is not None and (type(value) is not int or not 1 <= value <= most):
            raise ValueError(f"{name} is {value!r}, must be 1 to {most}")


_KNOWN = {
    "engine": ("auto", "torch", "openvino", "onnx"),
    "precision": ("auto", "fp32", "bf16", "int8"),
}
_MOST = {"batch_tokens": 1 << 18, "multiple": 512, "streams": 512}
"""Beyond these a plan would take gigabytes, whoever wrote it."""


def load_plan(model_dir: str | os.PathLike[str]) -> Plan | None:
    """The plan of a model directory if it is about these weights and this machine.

    A plan that cannot be read or used is passed over: it can only make answers slower.
    """
    file = Path(model_dir) / PLAN_FILE
    if not file.is_file():
        return None
    try:
        values = read_json(file)
        plan = Plan(**values["plan"])
        _check(plan)
        if values["weights"] != weights_digest(Path(model_dir)):
            log.info("%s: made for other weights, not used; run 'ie-model bench --plan'", file)
            return None
        if values["machine"] != machine(plan.device):
            log.info("%s: made on another machine, not used; run 'ie-model bench --plan'", file)
            return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        log.warning("%s: not usable (%s); run 'ie-model bench --plan' again", file, error)
        return None
    return plan

"""What this machine offers to engines: packages that are installed, and a GPU's driver.

Nothing heavy is imported before an engine that needs it is chosen.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

from ie_model.errors import InputError


def installed(package: str) -> bool:
    """Whether a package can be imported, found out without importing it."""
    return importlib.util.find_spec(package) is not None


def has_nvidia_driver() -> bool:
    """A cheap test that spares CPU machines the import of torch (a second or more)."""
    return os.name == "nt" or any(
        Path(path).exists() for path in ("/dev/nvidiactl", "/proc/driver/nvidia", "/dev/dxg")
    )


def import_openvino() -> Any:
    """The ``openvino`` package, without the usage statistics it sends when imported.

    Raises:
        InputError: it is not installed.
    """
    # Both openvino and nncf use a stub when this import fails.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        import openvino
    except ImportError as error:
        raise InputError(
            "engine 'openvino' needs the openvino package: pip install 'ie-model[openvino]'"
        ) from error
    return openvino


def import_onnxruntime() -> Any:
    """The ``onnxruntime`` package.

    Raises:
        InputError: it is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError(
            "engine 'onnx' needs the onnxruntime package: pip install 'ie-model[onnx]'"
        ) from error
    return onnxruntime

"""A folder as a wheel: the zip of PEP 427, written without a build tool or a package index."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from ie_model.files import whole_path

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same files give the same wheel


def write_wheel(
    root: Path,
    output_dir: Path,
    *,
    name: str,
    version: str,
    summary: str,
    readme: str,
    license: str | None,
    requires: Sequence[str],
    entry_points: Mapping[str, Mapping[str, str]],
) -> Path:
    """Write ``NAME-VERSION-py3-none-any.whl``, whole or not at all; returns it.

    Args:
        root: what is installed, as it will lie in ``site-packages``.
        output_dir: where to.
        name: of the distribution, normalised (letters, digits and ``-``).
        version: of the distribution.
        summary: one line.
        readme: Markdown.
        license: an SPDX expression, where it is known.
        requires: requirements.
        entry_points: group to name to value.
    """
    stem = f"{name.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    # An SPDX name has its place in the metadata since version 2.4.
    lines = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", f"Summary: {summary}"]
    lines += [f"License-Expression: {license}"] if license else []
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    lines += ["Description-Content-Type: text/markdown", "", readme]
    points = [
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in entries.items())
        for group, entries in entry_points.items()
    ]
    texts = {
        f"{info}/METADATA": "\n".join(lines),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: ie-model\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
        f"{info}/entry_points.txt": "\n".join(points),
    }
    target = output_dir / f"{stem}-py3-none-any.whl"
    with (
        whole_path(target) as scratch,
        zipfile.ZipFile(scratch, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as wheel,
    ):
        record = [
            _add(wheel, file.relative_to(root).as_posix(), file)
            for file in sorted(root.rglob("*"))
            if file.is_file()
        ]
        record += [_add(wheel, path, text.encode()) for path, text in texts.items()]
        record.append(f"{info}/RECORD,,")
        _add(wheel, f"{info}/RECORD", ("\n".join(record) + "\n").encode())
    return target


def _add(wheel: zipfile.ZipFile, path: str, content: Path | bytes) -> str:
    """Add one file; returns its line of RECORD. Large files are never held in memory."""
    entry = zipfile.ZipInfo(path, _EPOCH)
    entry.external_attr = 0o644 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    digest, size = hashlib.sha256(), 0
    with wheel.open(entry, "w", force_zip64=isinstance(content, Path)) as out:
        if isinstance(content, bytes):
            out.write(content)
            digest.update(content)
            size = len(content)
        else:
            with content.open("rb") as stream:
                while block := stream.read(1 << 20):
                    out.write(block)
                    digest.update(block)
                    size += len(block)
    code = base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
    return f"{path},sha256={code},{size}"

"""What each extra of the package costs on disk, beside what the package needs in any case.

    python scripts/measure_install.py

Measured are the files of the installed distributions that `pyproject.toml` asks for; what is not
installed is named.
"""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
_LEFT_OUT = ("torch", "nvidia-", "triton")  # torch is a choice of its own: CPU or CUDA


def closure(requirements: list[str]) -> set[str]:
    """The installed distributions that requirements ask for, with what those ask for."""
    found: set[str] = set()
    waiting = [(Requirement(text), "") for text in requirements]
    while waiting:
        requirement, asked = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": asked}):
            continue
        name = canonicalize_name(requirement.name)
        if name not in found:
            found.add(name)
            try:
                needs = metadata.requires(name) or []
            except metadata.PackageNotFoundError:
                print(f"not installed: {name}")
                continue
            waiting += [
                (Requirement(need), inner) for need in needs for inner in ("", *requirement.extras)
            ]
    return found


def megabytes(names: set[str]) -> float:
    """Size of the distributions' files."""
    total = 0
    for name in names:
        try:
            files = metadata.files(name) or []
        except metadata.PackageNotFoundError:
            continue
        total += sum(p.stat().st_size for f in files if (p := Path(f.locate())).is_file())
    return total / 1e6


def main() -> None:
    """Print a table: the base, torch, and what each extra adds."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    extras["all"] = [need for extra in Requirement(*extras["all"]).extras for need in extras[extra]]
    base = closure(project["dependencies"])
    torch = {name for name in base if name.startswith(_LEFT_OUT)}
    print(f"| torch {metadata.version('torch')} | {megabytes(torch):,.0f} MB |")
    print(f"| everything else the package needs | {megabytes(base - torch):,.0f} MB |")
    for extra, needs in sorted(extras.items()):
        print(f"| `{extra}` | {megabytes(closure(needs) - base):,.0f} MB |")


if __name__ == "__main__":
    main()

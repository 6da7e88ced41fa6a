"""An environment for each of the packages that `benchmark_peers.py` compares, torch first."""

from __future__ import annotations

import json
import subprocess
import venv
from dataclasses import dataclass
from pathlib import Path

TORCH = "torch==2.13.0"


@dataclass(frozen=True)
class Environment:
    """What is installed for a peer, beside torch if it needs it."""

    requirements: tuple[str, ...]
    torch: bool = True

    def install(self, home: Path) -> str | None:
        """Make the environment in a folder; why that could not be done, or ``None``."""
        torch = (TORCH,) if self.torch else ()
        mark = home / "installed.txt"
        if mark.is_file() and mark.read_text().split() == [*torch, *self.requirements]:
            return None
        venv.create(home, with_pip=True, clear=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
        report = home / "report.json"
        steps = [["install", "-q", *torch]] if torch else []
        steps.append(["install", "-q", "--dry-run", f"--report={report}", *self.requirements])
        steps.append(["install", "-q", *self.requirements])
        for step in steps:
            if report.is_file():
                new = {i["metadata"]["name"] for i in json.loads(report.read_text())["install"]}
                cuda = sorted(n for n in new if n.startswith(("nvidia", "triton")) or n == "torch")
                if cuda:
                    return f"would install another torch, or CUDA: {', '.join(cuda)}"
            done = subprocess.run([*pip, *step], capture_output=True, text=True, check=False)
            if done.returncode:
                return last_line(done.stderr)
        frozen = subprocess.run([*pip, "freeze"], capture_output=True, text=True, check=True)
        (home / "freeze.txt").write_text(frozen.stdout)
        mark.write_text("\n".join((*torch, *self.requirements)))
        return None


# SpanMarker and flair refuse transformers 5, spacy-transformers what came after 4.53.2.
ENVIRONMENTS = {
    "trainer": Environment(("transformers==5.23.0", "accelerate==1.15.0")),
    "span_marker": Environment(("span_marker==1.8.1", "transformers==4.57.6")),
    "flair": Environment(("flair==0.15.1", "transformers==4.57.6")),
    "spacy_transformer": Environment(
        ("spacy==3.8.18", "spacy-transformers==1.4.0", "transformers==4.53.2")
    ),
    "spacy": Environment(("spacy==3.8.18",), torch=False),
}


def last_line(output: str) -> str:
    """The last line that says something, errors of pip before its advice."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["nothing was said"])[-1][:300]

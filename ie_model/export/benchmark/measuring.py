"""Benchmark: this package's engines against the Hugging Face pipeline, side by side.

Everything runs in one process on the same texts, in rounds: each candidate once per round,
in an order that turns, so that whatever else the machine does falls on all of them alike.
Figures are medians over the rounds and ratios are taken within rounds.
"""

from __future__ import annotations

import logging
import re
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from ie_model.config.shipped import AUTHORED
from ie_model.corpus.reading import read_documents
from ie_model.documents import Document
from ie_model.errors import InputError
from ie_model.export.acceptance import entity_agreement
from ie_model.export.benchmark.baseline import DryEngine, hugging_face
from ie_model.export.benchmark.matrix_peak import measured_peaks, model_operations
from ie_model.export.benchmark.starts import first_answer
from ie_model.inference.batching import padding_waste, token_budget_batches
from ie_model.inference.engines import artifacts
from ie_model.inference.engines.interface import ENGINES, PRECISIONS
from ie_model.inference.engines.runtimes import installed
from ie_model.inference.extractor import Extractor
from ie_model.models.directory import read_settings
from ie_model.models.hardware import available_cpus, is_x86, multiplies_bf16
from ie_model.models.names import find_model
from ie_model.models.plan import Plan, machine

log = logging.getLogger(__name__)

CPU_BUDGETS = (512, 1024, 2048, 4096)
CUDA_BUDGETS = (16384, 65536, 262144)
PLAN_AGREEMENT = 0.995
"""A plan must give this share of fp32's entities (see ``gate.entity_agreement``)."""

_TRIAL_TEXTS = 64
_PIECE_WORDS = 150
_PIECE_CHARACTERS = 1500
_MARK = re.compile(r"\[\[[^|\[\]]+\|(.*?)\]\]")


@dataclass
class Candidate:
    """Something that takes texts, and what was measured of it.

    ``wall`` and ``cpu`` are seconds per round: elapsed, and of the process's CPUs.
    """

    name: str
    run: Callable[[Sequence[str]], list[Document] | None]
    plan: Plan | None = None
    extractor: Extractor | None = None
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    agreement: float | None = None

    def timed(self, texts: Sequence[str]) -> tuple[float, float, list[Document] | None]:
        """Run once over the texts: seconds elapsed, seconds of CPU, the answers."""
        wall, cpu = time.perf_counter(), time.process_time()
        answers = self.run(texts)
        return time.perf_counter() - wall, time.process_time() - cpu, answers


def sample_texts() -> list[str]:
    """The authored paragraphs that travel with the package, marks removed."""
    return [d.text for d in read_documents(AUTHORED, "markup")]


def bench(
    model_dir: str | Path,
    texts: Sequence[str] | None = None,
    *,
    engines: Sequence[str] | None = None,
    precisions: Sequence[str] | None = None,
    budgets: Sequence[int] | None = None,
    device: str = "cpu",
    threads: int | None = None,
    rounds: int = 3,
    baseline: bool = True,
    starts: bool = True,
) -> dict[str, Any]:
    """Measure a model with every engine, precision and batch size there is.

    Args:
        model_dir: a model directory; fp32 conversions are made where they are missing,
            int8 is measured where it was exported.
        texts: what to extract from; by default :func:`sample_texts`.
        engines: of ``torch``, ``openvino``, ``onnx``; by default those installed. Each that
            is named, engine or precision, has to be there in one combination at least.
        precisions: of ``fp32``, ``bf16``, ``int8``; by default those that the machine
            multiplies natively.
        budgets: padded tokens a batch, at most.
        device: ``cpu`` or ``cuda``.
        threads: CPU threads for everything measured; by default those the process may use.
        rounds: how often each candidate is measured.
        baseline: measure the Hugging Face pipeline too, with its defaults and tuned.
        starts: also start each engine in a process of its own, for the time to the first
            answer and the peak memory.

    Returns:
        A dict that goes into JSON as it is: ``machine``, ``peaks`` (matrix operations a
        second by precision), ``rows`` (one a candidate: speed, agreement, padding, share of the
        peak, ratio to each baseline), ``other_work`` (see there) and ``starts``.

    Raises:
        InputError: no texts, or an engine or precision was named that is not there.
    """
    folder = find_model(model_dir)
    read_settings(folder)  # says what is wrong with a folder that is no model
    texts = list(texts) if texts is not None else sample_texts()
    threads = threads or available_cpus()
    if not any(t.strip() for t in texts):
        raise InputError("bench: there is no text in the documents given")
    kinds = _kinds(folder, engines, precisions, device)
    reference = Extractor.from_pretrained(
        folder, "torch", precision="fp32", device="cpu", threads=threads
    )
    expected = reference.predict(texts)
    lengths = [len(w.input_ids) for e in reference.encoder.encode(texts) for w in e.windows]
    candidates = _ours(folder, kinds, budgets, device, threads)
    if baseline:
        candidates += [Candidate(name, run) for name, run in hugging_face(folder, device, threads)]
    pieces = _pieces(texts)
    finalists = _warm_up(candidates, texts)
    peaks: list[dict[str, float]] = []
    for number in range(rounds):
        peaks.append(measured_peaks(threads, device))
        turn = number % len(finalists)
        for candidate in finalists[turn:] + finalists[:turn]:
            wall, cpu, answers = candidate.timed(texts if candidate.plan else pieces)
            candidate.wall.append(wall)
            candidate.cpu.append(cpu)
            if answers is not None and candidate.agreement is None:
                candidate.agreement = entity_agreement(expected, answers)
        log.info("round %d of %d done", number + 1, rounds)
    report = _report(folder, texts, lengths, finalists, peaks, device)
    report["threads"] = threads
    report["other_work"] = other_work(finalists, texts)
    each = _one_each(finalists) if starts else []
    report["starts"] = [first_answer(folder, c.plan) for c in each]
    for candidate in candidates:
        if candidate.extractor is not None:
            candidate.extractor.close()
    return report


def _kinds(
    folder: Path, engines: Sequence[str] | None, precisions: Sequence[str] | None, device: str
) -> list[tuple[str, str]]:
    """The engines and precisions to measure.

    Raises:
        InputError: one that was asked for by name is in none of them.
    """
    cuda = device.startswith("cuda")
    native = ("fp32", "bf16") if cuda or multiplies_bf16() else ("fp32",)
    kinds: list[tuple[str, str]] = []
    reasons: dict[str, list[str]] = {}
    for kind in product(engines or ENGINES[1:], precisions or (*native, "int8")):
        why_not = _why_not(folder, *kind, cuda)
        if why_not is None:
            kinds.append(kind)
        else:
            for name in kind:
                reasons.setdefault(name, []).append(why_not)
    there = {name for kind in kinds for name in kind}
    for name in (*(engines or ()), *(precisions or ())):
        if name not in there:
            why = "; ".join(dict.fromkeys(reasons[name]))
            raise InputError(f"bench: {name} cannot be measured: {why}")
    return kinds


def _why_not(folder: Path, engine: str, precision: str, cuda: bool) -> str | None:
    """Why an engine cannot be measured in a precision; None where it can."""
    package = "onnxruntime" if engine == "onnx" else engine
    if engine not in ENGINES[1:]:
        return f"{engine!r} is no engine: use one of {', '.join(ENGINES[1:])}"
    if precision not in PRECISIONS[1:]:
        return f"{precision!r} is no precision: use one of {', '.join(PRECISIONS[1:])}"
    if not installed(package):
        return f"{package} is not installed"
    if cuda and engine != "torch":
        return f"{engine} runs on the CPU only"
    if (engine, precision) in (("onnx", "bf16"), ("torch", "int8")):
        return f"{engine} has no {precision}"
    if (engine, precision) == ("openvino", "bf16") and not is_x86():
        return "openvino computes bf16 on x86-64 only"
    if precision == "int8" and artifacts.locate(folder, engine, "int8") is None:
        return f"no int8 there: run 'ie-model export {folder} --engine {engine} --precision int8'"
    return None


def _ours(
    folder: Path,
    kinds: Sequence[tuple[str, str]],
    budgets: Sequence[int] | None,
    device: str,
    threads: int,
) -> list[Candidate]:
    candidates = []
    for engine, precision in kinds:
        # One extractor each: the batch size is the pipeline's, not the engine's.
        shared = Extractor.from_pretrained(
            folder, engine, precision=precision, threads=threads,
            device=device if engine == "torch" else "auto",
        )  # fmt: skip
        for budget in budgets or (CUDA_BUDGETS if device.startswith("cuda") else CPU_BUDGETS):
            plan = Plan(engine, precision, budget, device=device)
            extractor = shared.with_engine(shared.engine, batch_tokens=budget)
            candidates.append(Candidate(plan.name, extractor.predict, plan, extractor))
    return candidates


def _pieces(texts: Sequence[str]) -> list[str]:
    """The texts as the pipeline can take them: by paragraph, none longer than its window."""
    pieces = []
    for line in (line for text in texts for line in text.splitlines()):
        words = line.split(" ")
        for at in range(0, len(words), _PIECE_WORDS):
            piece = " ".join(words[at : at + _PIECE_WORDS])
            # A word without end (a URL, base64) could still be more than the model takes.
            pieces += [
                piece[k : k + _PIECE_CHARACTERS] for k in range(0, len(piece), _PIECE_CHARACTERS)
            ]
    return [piece for piece in pieces if piece.strip()]


def _warm_up(candidates: list[Candidate], texts: Sequence[str]) -> list[Candidate]:
    """Run everything twice on a few texts; drop batch sizes that are clearly slower."""
    few = list(texts[:: max(1, len(texts) // _TRIAL_TEXTS)])[:_TRIAL_TEXTS]
    seconds: dict[str, float] = {}
    for candidate in candidates:
        for _ in range(2):
            seconds[candidate.name] = candidate.timed(few if candidate.plan else _pieces(few))[0]
    best: dict[tuple[str, str], float] = {}
    for candidate in candidates:
        if candidate.plan is not None:
            kind = (candidate.plan.engine, candidate.plan.precision)
            best[kind] = min(best.get(kind, float("inf")), seconds[candidate.name])
    kept = []
    for candidate in candidates:
        plan = candidate.plan
        limit = 1.25 * best[plan.engine, plan.precision] if plan else float("inf")
        if seconds[candidate.name] <= limit:
            kept.append(candidate)
        else:
            log.info("%s: dropped after the warm-up, clearly slower", candidate.name)
    return kept


def _report(
    folder: Path,
    texts: Sequence[str],
    lengths: list[int],
    finalists: list[Candidate],
    peaks: list[dict[str, float]],
    device: str,
) -> dict[str, Any]:
    operations = model_operations(folder, lengths)
    tokens = sum(lengths)
    rows = []
    for candidate in finalists:
        seconds = statistics.median(candidate.wall)
        plan = candidate.plan
        row: dict[str, Any] = {
            "name": candidate.name,
            "plan": asdict(plan) if plan else None,
            "tokens_per_second": round(tokens / seconds, 1),
            "documents_per_second": round(len(texts) / seconds, 2),
            "tokens_per_cpu_second": round(tokens / statistics.median(candidate.cpu), 1),
            "agreement": candidate.agreement,
        }
        if plan is not None and candidate.extractor is not None and plan.batch_tokens:
            multiple = candidate.extractor.engine.multiple
            batches = token_budget_batches(lengths, plan.batch_tokens, multiple)
            row["padding_waste"] = round(padding_waste(lengths, batches, multiple), 4)
            if plan.precision in peaks[0]:
                pairs = zip(candidate.wall, peaks, strict=True)
                shares = [operations / wall / peak[plan.precision] for wall, peak in pairs]
                row["peak_share"] = round(statistics.median(shares), 4)
        for other in finalists:
            if other.plan is None:
                ratios = [
                    theirs / ours for theirs, ours in zip(other.wall, candidate.wall, strict=True)
                ]
                row[f"times {other.name}"] = round(statistics.median(ratios), 3)
        rows.append(row)
    rows.sort(key=lambda row: row["tokens_per_second"])
    return {
        "model": str(folder),
        "machine": machine(device),
        "device": device,
        "documents": len(texts),
        "tokens": tokens,
        "operations_per_token": round(operations / tokens),
        "rounds": len(finalists[0].wall),
        "peaks": {name: round(statistics.median(p[name] for p in peaks)) for name in peaks[0]},
        "rows": rows,
    }


def other_work(finalists: Sequence[Candidate], texts: Sequence[str]) -> float | None:
    """The share of the fastest engine's CPU time that is not its forward passes.

    Encoding and decoding are run again by themselves, on the answers of a dry engine.
    """
    ours = [c for c in finalists if c.extractor is not None]
    if not ours:
        return None
    fastest = min(ours, key=lambda c: statistics.median(c.wall))
    assert fastest.extractor is not None
    dry = fastest.extractor.with_engine(DryEngine(fastest.extractor, texts))
    dry.predict(texts)
    started = time.process_time()
    dry.predict(texts)
    return round((time.process_time() - started) / statistics.median(fastest.cpu), 4)


def _one_each(finalists: Sequence[Candidate]) -> list[Candidate]:
    best: dict[tuple[str, str], Candidate] = {}
    for candidate in sorted(finalists, key=lambda c: -statistics.median(c.wall)):
        if candidate.plan is not None:
            best[candidate.plan.engine, candidate.plan.precision] = candidate
    return list(best.values())


def best_plan(report: dict[str, Any], agreement: float = PLAN_AGREEMENT) -> tuple[Plan, dict]:
    """The fastest plan of a report that keeps the entities of fp32, and its figures.

    Raises:
        InputError: none does.
    """
    usable = [r for r in report["rows"] if r["plan"] and (r["agreement"] or 0) >= agreement]
    if not usable:
        raise InputError(f"bench: no engine and precision keeps {agreement:.1%} of fp32's entities")
    row = max(usable, key=lambda r: r["tokens_per_second"])
    return Plan(**row["plan"]), row

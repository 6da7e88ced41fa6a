"""Training windows: documents in, an Arrow table on disk out.

The encoded windows live in a memory-mapped `datasets.Dataset`, keyed by a fingerprint of
everything they depend on, so a corpus of a million documents trains in flat memory and is
encoded once.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from ie_model.config.schema import SourceConfig
from ie_model.corpus import folders
from ie_model.corpus.pipes import is_pipe
from ie_model.documents import Document, Entity
from ie_model.encoding.alignment import IGNORED, Ledger, align
from ie_model.encoding.letter_case import sometimes_without, token_ids
from ie_model.encoding.windows import EncodedText, Encoder
from ie_model.errors import InputError
from ie_model.files import read_json, sync_all, write_json, writing
from ie_model.labels import LabelSet
from ie_model.training.inputs import WeightedDocuments, read_sources
from ie_model.training.teachers import SoftTargets

if TYPE_CHECKING:
    import datasets

log = logging.getLogger(__name__)

_CHUNK = 256  # documents encoded at a time, at most
_CHUNK_CHARACTERS = 1 << 20
_PATIENCE, _LONGEST_WAIT = 10, 3600  # seconds
_TABLE, _LEDGER = "windows.arrow", "ledger.json"
_FORMAT = 8  # part of the cache key: raise it when columns change, or what a reader makes of a file


@dataclass(frozen=True)
class TrainingWindows:
    """Encoded windows, one row each, and what encoding counted.

    ``table`` has the columns ``input_ids`` and ``labels`` (lists of int, one per token) and,
    with teachers, ``soft`` (the units' probabilities, ``[units * tags]``) and ``share`` (the
    teachers' part of the loss); a unit is a token whose label is not :data:`IGNORED`.
    ``lengths`` int32 and ``weights`` float32 are ``[windows]``.
    """

    table: datasets.Dataset
    lengths: NDArray[np.int32]
    weights: NDArray[np.float32]
    ledger: Ledger
    fingerprint: str

    def __len__(self) -> int:
        return len(self.lengths)

    def token_ids(self) -> NDArray[np.int64]:
        """The distinct token ids that occur, sorted; chunk by chunk, so in flat memory."""
        seen = np.empty(0, np.int64)
        for chunk in self.table.data.column("input_ids").chunks:
            seen = np.union1d(seen, np.unique(token_ids(chunk.flatten().to_numpy())))
        return seen


def encode(
    documents: WeightedDocuments | None,
    sources: Sequence[SourceConfig],
    encoder: Encoder,
    labels: LabelSet,
    cache_dir: Path,
    scratch: Path,
    soft: SoftTargets | None = None,
) -> TrainingWindows:
    """The windows of a run's documents.

    Args:
        documents: what to encode; ``None`` is the corpora of ``sources`` as they are.
        sources: the configured corpora.
        encoder: makes the windows.
        labels: what an entity may be labelled.
        cache_dir: where windows of unchanged corpora are kept for later runs.
        scratch: where all others are kept while this run uses them.
        soft: what teachers add.

    Raises:
        InputError: a faulty document, or no text at all.
    """
    if documents is None and soft is None:
        return encode_sources(sources, encoder, labels, cache_dir)
    if documents is None:
        documents = read_sources(sources, labels.labels)
    shutil.rmtree(scratch, ignore_errors=True)
    return encode_documents(documents, encoder, labels, scratch, soft)


def encode_sources(
    sources: Sequence[SourceConfig],
    encoder: Encoder,
    labels: LabelSet,
    cache_dir: Path,
) -> TrainingWindows:
    """The windows of the configured corpora, encoded now or taken from the cache.

    Safe when several processes ask at once: one encodes, the others wait and read. A table
    that is not what was written, after a power cut, say, is written anew.

    Raises:
        InputError: a faulty document; or another process has been encoding for an hour.
    """
    key = _sources_key(sources, encoder, labels)
    folder = cache_dir / "windows" / key
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _waiting(FileLock(f"{folder}.lock")):
            if not _is_whole(folder):
                _remove_unfinished(folder.parent)
                documents = read_sources(sources, labels.labels)
                _write(documents, encoder, labels, folder)
    return _open(folder, key)


@contextlib.contextmanager
def _waiting(lock: FileLock) -> Iterator[None]:
    """Hold a lock; say what is waited for, and not for ever."""
    try:
        try:
            lock.acquire(timeout=_PATIENCE)
        except Timeout:
            message = "waiting for another process that encodes the same corpora (%s)"
            log.info(message, lock.lock_file)
            lock.acquire(timeout=_LONGEST_WAIT)
    except Timeout:
        raise InputError(
            f"{lock.lock_file}: held by another process for an hour; end that one, or set "
            "data.cache_dir to another folder"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _remove_unfinished(cache: Path) -> None:
    """Remove tables that killed processes did not bring to their end, of whatever corpora.

    Whoever is at work on one holds its lock.
    """
    for folder in cache.iterdir():
        if not folder.is_dir() or (folder / _LEDGER).exists():
            continue
        lock_file = Path(f"{folder}.lock")
        lock = FileLock(lock_file)
        with contextlib.suppress(Timeout, OSError):
            lock.acquire(timeout=0)
            if not (folder / _LEDGER).exists():
                shutil.rmtree(folder, ignore_errors=True)
                lock_file.unlink()  # while it is held: whoever waits for it sees that it is gone
            lock.release()


def encode_documents(
    documents: WeightedDocuments,
    encoder: Encoder,
    labels: LabelSet,
    folder: Path,
    soft: SoftTargets | None = None,
) -> TrainingWindows:
    """The windows of documents that are read once, kept in ``folder`` while they are used."""
    digest = hashlib.sha256()
    if soft is not None:
        digest.update(json.dumps([soft.teachers.keys, soft.share]).encode())

    def hashed(pairs: WeightedDocuments) -> Iterator[tuple[float, Document]]:
        for weight, document in pairs:
            digest.update(json.dumps([weight, document.to_dict()], default=str).encode())
            yield weight, document

    if soft is not None:
        soft = replace(soft, unlabelled=hashed(soft.unlabelled))
    with writing(folder):
        _write(hashed(documents), encoder, labels, folder, soft)
    return _open(folder, digest.hexdigest())


def _sources_key(sources: Sequence[SourceConfig], encoder: Encoder, labels: LabelSet) -> str:
    identity = [_FORMAT, encoder.key, labels.tags]
    digest = hashlib.sha256(json.dumps(identity).encode())
    for source in sources:
        digest.update(source.model_dump_json(exclude={"train_only"}).encode())
        text_dir = source.options.get("text_dir")
        if is_pipe(Path(source.path)):
            raise InputError(
                f"{source.path}: is a pipe, which can be read only once; training reads its "
                "corpora several times: write it to a file first"
            )
        for file in folders.source_files(source.path, source.format, text_dir):
            digest.update(str(file).encode())
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def _write(
    documents: WeightedDocuments,
    encoder: Encoder,
    labels: LabelSet,
    folder: Path,
    soft: SoftTargets | None = None,
) -> None:
    from datasets import Features, Sequence, Value
    from datasets.arrow_writer import ArrowWriter

    folder.mkdir(parents=True, exist_ok=True)
    ledger = Ledger()
    columns = {
        "input_ids": Sequence(Value("int32")),
        "labels": Sequence(Value("int16")),
        "weight": Value("float32"),
    }
    if soft is not None:
        columns |= {"soft": Sequence(Value("float16")), "share": Value("float32")}
    partial = folder / f"{_TABLE}.partial"
    with ArrowWriter(features=Features(columns), path=str(partial)) as writer:
        for chunk in _chunks(documents):
            for row in _encode_chunk(chunk, encoder, labels, ledger, soft):
                writer.write(row)
        for chunk in _chunks(soft.unlabelled if soft else ()):
            ledger.unlabelled += len(chunk)
            for row in _encode_chunk(chunk, encoder, labels, ledger, soft, annotated=False):
                writer.write(row)
        writer.finalize()
    if ledger.windows == 0:
        raise InputError("there is no text in the training documents")
    summary = {
        "ledger": ledger.to_dict(),
        "entities": ledger.entities,
        "lost": [[id_, e.start, e.end, e.label, e.text] for id_, e in ledger.lost],
        "sha256": _sha256(partial),
    }
    summary["self"] = _own_digest(summary)
    sync_all(folder)
    partial.replace(folder / _TABLE)
    # Written last: its presence says that the table was written to its end.
    write_json(folder / _LEDGER, summary)


def _is_whole(folder: Path) -> bool:
    """Whether the folder holds a table, and it is what was written."""
    try:
        summary = read_json(folder / _LEDGER)
        whole = summary.pop("self") == _own_digest(summary)
        whole = whole and summary["sha256"] == _sha256(folder / _TABLE)
    except FileNotFoundError:
        return False
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        whole = False
    if not whole:
        log.warning("%s: damaged; the corpora are encoded anew", folder)
    return whole


def _own_digest(summary: dict[str, Any]) -> str:
    """What would not be the same if a figure of the ledger had changed on the disk."""
    return hashlib.sha256(json.dumps(summary, sort_keys=True).encode()).hexdigest()


def _sha256(file: Path) -> str:
    if not file.is_file():
        raise FileNotFoundError(file)
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _chunks(documents: WeightedDocuments) -> Iterator[list[tuple[float, Document]]]:
    """Documents to encode together: bounded in number and in size.

    Where a chunk ends also depends on what the documents say, so that one more document
    changes few chunks: teachers keep their answers by chunk.
    """
    chunk: list[tuple[float, Document]] = []
    characters = 0
    for weight, document in documents:
        chunk.append((weight, document))
        characters += len(document.text)
        full = len(chunk) == _CHUNK or characters >= _CHUNK_CHARACTERS
        if full or crc32(document.text.encode("utf-8", "replace")) % (_CHUNK // 2) == 0:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def _encode_chunk(
    chunk: list[tuple[float, Document]],
    encoder: Encoder,
    labels: LabelSet,
    ledger: Ledger,
    soft: SoftTargets | None,
    annotated: bool = True,
) -> Iterator[dict[str, Any]]:
    texts = [document.text for _, document in chunk]
    encoded = encoder.encode(texts)
    chances = soft.teachers.soft_targets(texts, encoded) if soft else [None] * len(chunk)
    for (weight, document), text, chance in zip(chunk, encoded, chances, strict=True):
        tags, lost = align(text, document.entities, labels, document.unannotated)
        ledger.add(document, text, lost, encoder.lines)
        if soft is not None and not annotated:
            # The teachers' own answer stands in, so that these units are counted as trained on.
            assert chance is not None
            tags = chance.argmax(axis=1)
        soft_parts = [None] * len(text.windows) if chance is None else _split(chance, text)
        for window, window_tags, part in zip(
            text.windows, _split(tags, text), soft_parts, strict=True
        ):
            targets = np.full(len(window.input_ids), IGNORED, np.int16)
            targets[window.positions] = window_tags
            ids = sometimes_without(window.input_ids)
            row = {"input_ids": ids, "labels": targets, "weight": weight}
            if soft is not None and part is not None:
                row["soft"] = part[window_tags != IGNORED].astype(np.float16).ravel()
                row["share"] = soft.share if annotated else 1.0
            yield row


def _split(rows: NDArray[Any], encoded: EncodedText) -> list[NDArray[Any]]:
    """Each window's share of what a text's units have a row of: the units it answers for."""
    counts = np.cumsum([len(w.positions) for w in encoded.windows])
    return np.split(rows, counts[:-1]) if len(counts) else []


def _open(folder: Path, key: str) -> TrainingWindows:
    from datasets import Dataset

    table = Dataset.from_file(str(folder / _TABLE))
    summary = read_json(folder / _LEDGER)
    counts = summary["ledger"]
    ledger = Ledger(
        counts["documents"], counts["characters"], counts["units"], counts["tokens"],
        counts["windows"], counts["gold_seen"], counts["gold_touching"],
        [(id_, Entity(start, end, label, text=text))
         for id_, start, end, label, text in summary["lost"]],
        counts["unlabelled"],
        counts["unannotated"],
        Counter(summary["entities"]),
    )  # fmt: skip
    column = table.data.column("input_ids")
    lengths = np.concatenate([np.diff(chunk.offsets.to_numpy()) for chunk in column.chunks])
    weights = table.data.column("weight").to_numpy()
    return TrainingWindows(
        table.remove_columns("weight").with_format("numpy"),
        lengths.astype(np.int32),
        weights,
        ledger,
        key,
    )

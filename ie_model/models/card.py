"""The model card: ``README.md`` of a model directory, made from its settings and metrics."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, Template, TemplateError

from ie_model.config.loading import load_config
from ie_model.corpus.reading import read_documents
from ie_model.errors import InputError
from ie_model.files import read_json, write_text
from ie_model.models.catalogue import BACKBONES
from ie_model.models.directory import read_settings

if TYPE_CHECKING:
    from ie_model.config.schema import Config
    from ie_model.models.directory import ModelSettings

EXPORTS_BEGIN, EXPORTS_END = "<!-- exports -->", "<!-- /exports -->"
"""Around the figures of exports, which are kept when the rest of a card is written anew."""

_LOOK = 500  # documents looked at for an example
_EXAMPLE = range(40, 200)  # characters


@cache
def _template() -> Template:
    # Markdown, read by people and by the model hub. Of document text there is one example, in
    # which nothing ends a code block (see example_text).
    environment = Environment(
        loader=PackageLoader("ie_model.display"),
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    return environment.get_template("model_card.md.j2")


def write_card(
    folder: Path,
    config: Config,
    settings: ModelSettings,
    metrics: Mapping[str, Any],
    *,
    hub_id: str | None = None,
) -> None:
    """Write ``README.md`` into a model directory, whole or not at all.

    With a ``hub_id`` its example loads the model from there, else by its name.
    """
    text = _card(folder, config, settings, metrics, hub_id)
    write_text(folder / "README.md", text, scratch=folder)


def _card(
    folder: Path,
    config: Config,
    settings: ModelSettings,
    metrics: Mapping[str, Any],
    hub_id: str | None,
) -> str:
    """The card, with the figures of exports that the one in the folder has."""
    backbone = settings.origin["backbone"]
    # Models of 0.1.0 hold no example, but perhaps their training documents are still there.
    example = settings.origin.get("example") or example_text(config) or "Your text."
    text = _template().render(
        config=config, settings=settings, metrics=metrics, name=config.output_dir.name,
        hub_id=hub_id,
        front_matter=_front_matter(config, settings, metrics),
        backbone=PurePath(backbone).name if PurePath(backbone).is_absolute() else backbone,
        versions=", ".join(f"{k} {v}" for k, v in settings.origin["versions"].items()),
        example=json.dumps(example, ensure_ascii=False),
    )  # fmt: skip
    file = folder / "README.md"
    former = file.read_text(encoding="utf-8") if file.is_file() else ""
    _, begin, rest = former.partition(EXPORTS_BEGIN)
    exports = f"\n{begin}{rest.partition(EXPORTS_END)[0]}{EXPORTS_END}\n" if begin else ""
    return text.rstrip("\n") + "\n" + exports


def refresh_card(folder: Path, *, hub_id: str | None = None) -> bool:
    """Write the card of a model directory anew, after something in it has changed.

    Args:
        folder: the model directory.
        hub_id: where it is going to be; see :func:`write_card`.

    Returns:
        Whether it was; a directory keeps the card it has where that, ``config.yaml`` or
        ``metrics.json`` cannot be read, or a figure in them is none.
    """
    settings = read_settings(folder)
    try:
        config = load_config(folder / "config.yaml")
        metrics = read_json(folder / "metrics.json")
        metrics["training"]["steps"], settings.origin["ledger"], settings.origin["versions"]
        text = _card(folder, config, settings, metrics, hub_id)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, TemplateError):
        return False
    write_text(folder / "README.md", text, scratch=folder)
    return True


def example_text(config: Config) -> str | None:
    """A line of the training documents with entities in it; None if there is none to show.

    Taken from the first documents: it must not cost a pass over a large corpus.
    """

    def lines() -> Iterator[tuple[str, int]]:
        for source in config.data.train:
            documents = read_documents(source.path, source.format, **source.options)
            for document in islice(documents, _LOOK):
                start = 0
                for line in document.text.split("\n"):
                    inside = range(start, start + len(line))
                    count = sum(e.start in inside for e in document.entities)
                    if count and "`" not in line:
                        yield line.strip(), count
                    start += len(line) + 1

    short = None
    try:
        for line, count in lines():
            if count > 1 and len(line) in _EXAMPLE:
                return line
            short = short or (line if len(line) < _EXAMPLE.stop else None)
    except InputError:  # documents came from Python, or the corpora have moved
        return None
    return short


def _front_matter(config: Config, settings: ModelSettings, metrics: Mapping[str, Any]) -> str:
    """The head of the card, as the hub reads it: what is known, and nothing else."""
    from huggingface_hub import EvalResult, ModelCardData

    backbone = settings.origin["backbone"]
    known = BACKBONES.get(backbone)
    is_hub_id = backbone.count("/") == 1 and not backbone.startswith((".", "/", "~"))
    base = known.hub_id if known else backbone if is_hub_id else None
    languages = config.languages or (["en"] if known else [])
    scores = {part: metrics[part]["span"]["micro"] for part in ("test", "dev") if metrics.get(part)}
    crossval = settings.calibration.get("cross_validation")
    if crossval:
        scores["cross-validation"] = crossval
    results = [
        EvalResult(
            task_type="token-classification", dataset_type="custom",
            dataset_name=f"{part} documents", metric_type=metric, metric_name=f"span {metric}",
            metric_value=round(values[metric], 4),
        )
        for part, values in scores.items()
        for metric in ("precision", "recall", "f1")
    ]  # fmt: skip
    data = ModelCardData(
        language=languages or None, license=config.license, library_name="transformers",
        pipeline_tag="token-classification", base_model=base,
        tags=["token-classification", "information-extraction", "ie_model"],
        model_name=config.output_dir.name, eval_results=results or None,
    )  # fmt: skip
    return data.to_yaml()

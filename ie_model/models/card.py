"""The model card: ``README.md`` of a model directory, made from its settings and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader

from ie_model.models.directory import write_text

if TYPE_CHECKING:
    from ie_model.config.schema import Config
    from ie_model.models.directory import ModelSettings


def write_card(
    folder: Path, config: Config, settings: ModelSettings, metrics: Mapping[str, Any]
) -> None:
    """Write ``README.md`` into a model directory, whole or not at all."""
    # Markdown, read by people and by the model hub: nothing here comes from document text.
    environment = Environment(
        loader=PackageLoader("ie_model.display"),
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    text = environment.get_template("model_card.md.j2").render(
        config=config, settings=settings, metrics=metrics, name=config.output_dir.name
    )
    write_text(folder / "README.md", text)

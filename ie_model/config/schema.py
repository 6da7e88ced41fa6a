"""The typed configuration: every key, read by some code and described by the line under it.

:mod:`ie_model.config.loading` reads it from YAML.
"""

from __future__ import annotations

import contextlib
import copy
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ie_model.errors import InputError

SOURCES = (("data", "train"), ("data", "dev"), ("data", "test"), ("distillation", "unlabelled"))
"""Where a config lists corpora."""


class _Section(BaseModel):
    # Attribute docstrings become field descriptions, which docs/training.md must repeat.
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        protected_namespaces=(),
    )

    @field_validator("*", mode="before")
    @classmethod
    def _says_something(cls, value: Any, info: ValidationInfo) -> Any:
        """``early_stopping: true`` would be read as 1, an empty path as the working directory."""
        if value == "":
            raise ValueError("is empty")
        if isinstance(value, bool) and info.field_name:
            kind = cls.model_fields[info.field_name].annotation
            if {int, float} & {kind, *get_args(kind)} and bool not in get_args(kind):
                raise ValueError(f"takes a number, found {str(value).lower()}")
        return value


class SourceConfig(_Section):
    """One corpus: a file, a folder or a glob in any format the package reads."""

    path: Path
    """File, folder or glob pattern."""
    format: str | None = None
    """Format name (`ie-model annotations convert --help` lists them); by content if empty."""
    options: dict[str, Any] = {}
    """Options of the format's reader, for example the text_dir of brat files."""
    weight: float = Field(1.0, ge=0)
    """How often each of its windows is seen in an epoch; 0.5 is every other epoch on average."""
    train_only: bool = False
    """Never use its documents for testing in cross-validation (authored text, say)."""
    labels: dict[str, str | None] = {}
    """Renames labels while reading; null drops the label."""
    min_confidence: float = Field(0.0, ge=0, le=1)
    """Drops entities whose annotation carries a lower confidence."""
    fix: bool = False
    """Mend what needs no judgement (white space at edges, surfaces found nearby); counted."""
    flatten: Literal["error", "longest", "first", "confidence"] = "error"
    """What to do with overlapping spans: refuse them, or keep one by this rule (counted)."""

    @model_validator(mode="before")
    @classmethod
    def _plain_path(cls, given: Any) -> Any:
        return {"path": given} if isinstance(given, str) else given


class AugmentConfig(_Section):
    """What is done to copies of the training documents; everything is off by default."""

    copies: int = Field(0, ge=0)
    """Augmented copies of each training document, beside the document itself; 0 is off."""
    replace_mentions: float = Field(0.0, ge=0, le=1)
    """Probability that a mention becomes another of its label, the same all through a document."""
    resample_numbers: float = Field(0.0, ge=0, le=1)
    """Probability that a quantity gets other numbers of the same form (28,000 to 41,000)."""
    resample_dates: float = Field(0.0, ge=0, le=1)
    """Probability that a date gets another day, month, year or number of the same form."""
    add_abbreviations: float = Field(0.0, ge=0, le=1)
    """Probability that an organisation is abbreviated: Syrian Democratic Forces (SDF)."""
    change_case: float = Field(0.0, ge=0, le=1)
    """Probability that a line is put in capitals, small letters or Title Case."""
    exchange_sentences: float = Field(0.0, ge=0, le=1)
    """Probability that a sentence is exchanged for one of another document."""
    join_documents: float = Field(0.0, ge=0, le=1)
    """Probability that another document follows in the same text."""
    list_mentions: float = Field(0.0, ge=0, le=1)
    """Probability that one mention of a document becomes several in a row (Iraq Syria Turkey)."""
    number_labels: list[str] = ["QUANTITY"]
    """Labels whose mentions are resampled as numbers, never replaced whole."""
    date_labels: list[str] = ["DATE"]
    """Labels whose mentions are resampled as dates, never replaced whole."""
    organisation_labels: list[str] = ["ACTOR"]
    """Labels whose mentions may be abbreviated."""


class DataConfig(_Section):
    """What to train and measure on."""

    train: list[SourceConfig] = []
    """Corpora to train on; may be empty where documents are given from Python."""
    dev: list[SourceConfig] = []
    """Corpora for early stopping and the choice of the best checkpoint."""
    dev_fraction: float = Field(0.0, ge=0, lt=1)
    """With no dev corpora: this share of the training documents, whole near-duplicate groups."""
    test: list[SourceConfig] = []
    """Corpora that `train` evaluates on when it is done and that nothing else sees."""
    augment: AugmentConfig = AugmentConfig()
    """Changed copies of the training documents, beside the documents themselves."""
    cache_dir: Path | None = None
    """Where encoded windows are kept between runs; null is the user's cache folder."""


class DistillationConfig(_Section):
    """Learning from trained models; off while no teacher is named."""

    teachers: list[Path] = []
    """Model directories with the same labels; their probabilities are averaged."""
    unlabelled: list[SourceConfig] = []
    """Texts that only the teachers mark; annotations in them are ignored."""
    weight: float = Field(0.5, ge=0, le=1)
    """The teachers' share of the loss on annotated text (on unlabelled text it is all theirs)."""
    temperature: float = Field(1.0, gt=0)
    """Divides the logits of teachers and student in their part of the loss."""


class ModelConfig(_Section):
    """The encoder and what is changed about it."""

    backbone: str = "minilm"
    """Installed backbone (`ie-model backbones list`), a local model folder, or a hub id."""
    revision: str | None = None
    """Git revision of a hub model."""
    allow_download: bool = False
    """Let a hub id be fetched; without it only what is already on disk is used."""
    trust_remote_code: bool = False
    """Run Python code that comes with a hub model. Read that code first."""
    added_tokens: dict[str, str] = {}
    """Words an uncased encoder should tell from others (IS: isis), each starting as its value."""
    layers: int | list[Annotated[int, Field(ge=0)]] | None = None
    """Keeps the lowest so many of the encoder's layers, or those of these numbers, counted from
    0; null keeps all. Fewer layers are faster and know less: give them a teacher."""
    dropout: float | None = Field(None, ge=0, lt=1)
    """Replaces the encoder's dropout rates; null keeps them."""
    attention: Literal["sdpa", "eager", "flash_attention_2"] | None = None
    """Attention implementation; null takes the best one the model has."""

    @field_validator("layers")
    @classmethod
    def _layers_rise(cls, layers: int | list[int] | None) -> int | list[int] | None:
        if layers == [] or (isinstance(layers, int) and layers < 1):
            raise ValueError(f"at least one layer is needed, found {layers}")
        if isinstance(layers, list) and layers != sorted(set(layers)):
            raise ValueError(f"layer numbers must rise, found {layers}")
        return layers


class EncodingConfig(_Section):
    """How texts become model inputs."""

    @model_validator(mode="before")
    @classmethod
    def _former_name(cls, values: object) -> object:
        """``split_lines``, the name of ``lines`` in 0.1, is still read."""
        if isinstance(values, dict) and isinstance(values.get("split_lines"), bool):
            values = dict(values)
            values.setdefault("lines", "line" if values.pop("split_lines") else "document")
        return values

    window: int = Field(256, ge=16)
    """Tokens of one model input, special tokens included."""
    overlap: int = Field(64, ge=0)
    """Tokens shared by neighbouring windows of a long sequence."""
    lines: Literal["auto", "line", "paragraph", "document"] = "auto"
    """What is read on its own: each line (a paragraph of news), with auto but for the breaks
    inside hard-wrapped paragraphs; what stands between empty lines; or the whole document."""
    context: int = Field(0, ge=0)
    """Neighbouring lines of a document share a model input up to so many tokens, so that each
    is read beside the others; 0 reads each alone. At most the window."""
    letter_case: bool | Literal["auto"] = "auto"
    """An encoder whose vocabulary has lower case alone is told which words have capitals, by its
    token types; auto does so where it can (BERT, ELECTRA and ALBERT without case)."""
    whole_words: bool = False
    """No mention begins or ends inside a word; for data labelled word by word, such as posts."""


class TrainingConfig(_Section):
    """How the weights are found."""

    epochs: float = Field(10.0, gt=0)
    """Passes over the training windows; the last one may be a part, as in 1.5."""
    max_steps: int | None = Field(None, ge=1)
    """Stops after this many updates, whatever the epochs say."""
    learning_rate: float = Field(1e-4, gt=0)
    """Peak learning rate of the top encoder layer."""
    head_learning_rate: float | None = Field(None, gt=0)
    """Peak learning rate of the new classification head; null is the encoder's."""
    layer_decay: float = Field(1.0, gt=0, le=1)
    """Learning rate factor from each encoder layer to the one below it."""
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    """Course of the learning rate after the warm-up."""
    warmup: float = Field(0.1, ge=0, lt=1)
    """Share of the updates over which the learning rate rises."""
    weight_decay: float = Field(0.01, ge=0)
    """AdamW weight decay; not on biases and normalisation."""
    max_grad_norm: float = Field(1.0, gt=0)
    """Gradients longer than this are scaled down to it."""
    average_last: float = Field(0.0, ge=0, le=1)
    """Share of the updates, the last ones, whose weights are averaged; 0 is off."""
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    """Share of the target probability spread evenly over all tags."""
    class_weights: dict[str, Annotated[float, Field(ge=0)]] = {}
    """Weight of a label's tags in the loss, `O` included; 1 where absent."""
    batch_tokens: int = Field(1024, ge=16)
    """Padded tokens of one batch at most; what fits into memory at once."""
    batch_windows: int | None = Field(None, ge=1)
    """Windows of a `reference_batch`, or else of a batch, at most; a part of it has its share."""
    reference_batch: int | None = Field(None, ge=16)
    """Tokens of an update for which rates and epochs were chosen; divided among processes."""
    gradient_accumulation: int = Field(1, ge=1)
    """Batches whose gradients make one update; with a `reference_batch` they share it."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass: less memory, about a third slower."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """auto: bf16 where the hardware multiplies it natively, else fp32; fp16 needs a GPU."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to train."""
    threads: int | None = Field(None, ge=1)
    """CPU threads; null is what the process may use, shared with others of the same run."""
    seed: int = Field(0, ge=0, lt=1 << 32)
    """Seeds the new head, dropout, the order of windows, augmentation and a `dev_fraction`."""
    evaluate_every: int | None = Field(None, ge=1)
    """Updates between evaluations on dev; null is once an epoch."""
    early_stopping: int | None = Field(None, ge=1)
    """Stops after this many evaluations without a better dev F1; the best is kept."""
    checkpoint_every: int | None = Field(None, ge=1)
    """Updates between checkpoints one can resume from; null is none."""
    loggers: list[Literal["tensorboard", "wandb", "mlflow"]] = []
    """Experiment trackers, each used through the Trainer and installed by the user."""
    log_dir: Path | None = None
    """Where TensorBoard's events go; null is NAME.tensorboard beside the model."""


@dataclass(frozen=True)
class _Origin:
    """The file a config was read from; configs of two files may be equal."""

    file: str | None = field(default=None, compare=False)


class Config(_Section):
    """Everything one run depends on."""

    _origin: _Origin = PrivateAttr(_Origin())
    output_dir: Path = Path("runs/default")
    """The model directory to write."""
    labels: list[str] = ["ACTOR", "LOCATION", "QUANTITY", "OPERATION", "DATE"]
    """The declared label set; never inferred from data."""
    scheme: Literal["BIO", "BIOES"] = "BIO"
    """Tagging scheme."""
    touching: bool | None = None
    """May two spans of a label stand side by side? If not, they are one; null: as in the data."""
    min_score: float = Field(0.0, ge=0, lt=1)
    """The model leaves out spans scored lower; `ie-model calibrate` finds one for each label."""
    sure_score: float = Field(0.0, ge=0, le=1)
    """Mentions scored at least this decide, in their document, for doubtful ones of the same words
    (their label, and that they are kept); 0: every mention is judged by itself."""
    license: str | None = None
    """Licence of the trained model, as its card names it (apache-2.0)."""
    languages: list[str] = []
    """Languages of the texts, as the card names them (en); empty: those of a known backbone."""
    data: DataConfig = DataConfig()
    """What to train and measure on."""
    model: ModelConfig = ModelConfig()
    """The encoder."""
    encoding: EncodingConfig = EncodingConfig()
    """Windows."""
    training: TrainingConfig = TrainingConfig()
    """Optimisation."""
    distillation: DistillationConfig = DistillationConfig()
    """Teachers."""

    @field_validator("labels")
    @classmethod
    def _labels_are_usable(cls, labels: list[str]) -> list[str]:
        for label in labels:
            if not label or any(c.isspace() for c in label):
                raise ValueError(f"label {label!r} is empty or holds white space")
            if label == "O":
                raise ValueError("label 'O' is the tag of what has no label; give it another name")
            if labels.count(label) > 1:
                raise ValueError(f"label {label!r} is declared twice")
        if not labels:
            raise ValueError("at least one label is needed")
        return labels

    def of_file(self, file: str) -> Config:
        """A copy that knows which file it was read from; see :meth:`named`."""
        known = self.model_copy()
        known._origin = _Origin(file)
        return known

    @contextlib.contextmanager
    def named(self) -> Iterator[None]:
        """Lead the refusals of the block with the file this was read from, where there is one."""
        try:
            yield
        except InputError as error:
            file = self._origin.file
            if file is None or str(error).startswith(f"{file}: "):
                raise
            raise InputError(f"{file}: {error}") from error

    def to_yaml(self) -> str:
        """The resolved configuration, every key, as YAML that :func:`~ie_model.load_config` reads.

        Paths to data and teachers are absolute, so that the file may stand anywhere.
        """
        values = self.model_dump(mode="json")
        for section, part in SOURCES:
            for source in values[section][part]:
                source["path"] = os.path.abspath(source["path"])  # noqa: PTH100 (keeps links)
                if isinstance(source["options"].get("text_dir"), str):
                    source["options"]["text_dir"] = os.path.abspath(source["options"]["text_dir"])  # noqa: PTH100
        teachers = values["distillation"]["teachers"]
        values["distillation"]["teachers"] = [os.path.abspath(t) for t in teachers]  # noqa: PTH100
        return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def without_places(values: Mapping[str, Any]) -> dict[str, Any]:
    """The plain values of a config without where its corpora and caches are."""
    kept = copy.deepcopy(dict(values))
    kept.get("data", {}).pop("cache_dir", None)
    for section, part in SOURCES:
        for source in kept.get(section, {}).get(part, []):
            source.pop("path", None)
            source.pop("options", None)
    return kept


def differences(before: Any, now: Any) -> list[tuple[str, str, str]]:
    """Nested values that differ: ``[("training.epochs", "3", "not set"), ...]``, by key."""
    a, b = _flat(before), _flat(now)
    pairs = [(key, a.get(key, "not set"), b.get(key, "not set")) for key in sorted({*a, *b})]
    return [row for row in pairs if row[1] != row[2]]


def describe_differences(found: Sequence[tuple[str, str, str]]) -> str:
    """The first of the differences in words: ``training.epochs was 3, is 4; and 2 more``."""
    shown = [f"{key} was {before:.40}, is {now:.40}" for key, before, now in found[:5]]
    return "; ".join([*shown, *([f"and {len(found) - 5} more"] if len(found) > 5 else [])])


def _flat(values: Any, prefix: str = "") -> dict[str, str]:
    """Nested config values as ``{"training.epochs": "3"}``; 3 and 3.0 are the same."""
    if isinstance(values, Mapping) and values:
        items = [(str(k), v) for k, v in values.items()]
    elif isinstance(values, list | tuple) and values:
        items = [(str(i), v) for i, v in enumerate(values)]
    else:
        whole = isinstance(values, float) and values.is_integer()
        return {prefix: str(int(values) if whole else values)}
    flat: dict[str, str] = {}
    for key, value in items:
        flat.update(_flat(value, f"{prefix}.{key}" if prefix else key))
    return flat

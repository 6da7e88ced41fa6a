"""Tiny tokenizers and models of the real classes, with random weights, built offline."""

from __future__ import annotations

import gc
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from tests.faults import table

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

# How long an example takes says more of the machine than of the code, and a run that fails by
# chance says nothing of the change it was made for: `make fuzz` looks for new examples.
settings.register_profile(
    "repeatable",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="IE_MODEL_FUZZ" not in os.environ,
)
settings.load_profile("repeatable")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def pytest_collection_finish():
    # The modules are there to stay. Every training collects garbage, and went through them all.
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    table.hear(getattr(node, "workeroutput", {}).get("faults", [{}, {}]))


def pytest_terminal_summary(terminalreporter):
    if table.tried:
        terminalreporter.section("faults")
        for line in table.lines():
            terminalreporter.write_line(line)


WORDS = """
the a an of in on to and or by from police forces army troops iraqi iraq syria kirkuk
hawija federal cleared tuesday monday august operation strike strikes clearance said u s
coalition backed is isis alpha word first second line one two three four five six seven
eight 2018 3 9 000
""".split()
SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium for the tests of pages."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"], timeout=180_000
        )
        yield chromium
        chromium.close()


@pytest.fixture(autouse=True, scope="session")
def _disk_is_not_waited_for():
    """What a test writes need not outlast a loss of power; processes that are started do sync."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda descriptor: None)
        yield


@pytest.fixture(autouse=True)
def _same_logging_for_every_test():
    """Commands and exporters change log levels; that must not reach the next test."""
    logger = logging.getLogger("ie_model")
    level, root_level = logger.level, logging.root.level
    threshold = logging.root.manager.disable
    yield
    logger.setLevel(level)
    logging.root.setLevel(root_level)
    logging.disable(threshold)
    for name, child in logging.root.manager.loggerDict.items():
        if name.startswith("ie_model") and isinstance(child, logging.Logger):
            child.disabled = False


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of public data sets, where it is present."""
    if not SHARED.is_dir():
        pytest.skip("the shared data folder is not there")
    return SHARED


def make_bert_tokenizer(folder: Path):
    """A WordPiece tokenizer (uncased, as MiniLM's) over a tiny vocabulary."""
    from transformers import BertTokenizerFast

    letters = [chr(c) for c in range(33, 127)] + list("abcdefghijklmnopqrstuvwxyz")
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    pieces += letters + ["##" + c for c in "abcdefghijklmnopqrstuvwxyz0123456789"]
    vocabulary = list(dict.fromkeys(pieces))
    file = folder / "vocab.txt"
    file.write_text("\n".join(vocabulary), encoding="utf-8")
    return BertTokenizerFast(vocab=str(file), do_lower_case=True, model_max_length=512)


def make_byte_tokenizer():
    """A byte-level BPE tokenizer, as RoBERTa's: offsets may start with a space."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([" ".join(WORDS)] * 3, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", 2), ("<s>", 0), trim_offsets=False, add_prefix_space=False
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", cls_token="<s>",
        sep_token="</s>", pad_token="<pad>", unk_token="<unk>", mask_token="<mask>",
        model_max_length=512,
    )  # fmt: skip


@pytest.fixture(scope="session")
def bert_tokenizer(tmp_path_factory):
    return make_bert_tokenizer(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="session")
def byte_tokenizer():
    return make_byte_tokenizer()


TINY = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 64, "max_position_embeddings": 514}  # fmt: skip


@pytest.fixture(scope="session")
def common_folder(tmp_path_factory) -> Path:
    """One folder for all processes of a run."""
    root = tmp_path_factory.getbasetemp()
    return root.parent if "PYTEST_XDIST_WORKER" in os.environ else root


@pytest.fixture(scope="session")
def tiny_backbone(common_folder, bert_tokenizer) -> Path:
    """A BERT encoder of random weights with its tokenizer, as a local folder; never written to.

    There is one for all processes, since models that are made once for all name it.
    """
    import torch
    from transformers import BertConfig, BertModel

    folder = common_folder / "backbone"
    with FileLock(f"{folder}.lock"):
        if not folder.is_dir():
            torch.manual_seed(0)
            BertModel(BertConfig(vocab_size=len(bert_tokenizer), **TINY)).save_pretrained(folder)
            bert_tokenizer.save_pretrained(folder)
    return folder


SENTENCES = [
    "[[ACTOR|Iraqi federal police]] cleared [[LOCATION|Hawija]] on [[DATE|Tuesday]].",
    "[[ACTOR|Coalition]] [[OPERATION|strikes]] in [[LOCATION|Syria]] on [[DATE|Monday]].",
    "[[QUANTITY|three]] [[OPERATION|strikes]] by the [[ACTOR|army]] in [[LOCATION|Kirkuk]].",
    "The [[ACTOR|police]] said [[DATE|Monday]] the [[OPERATION|clearance operation]] is on.",
    "[[ACTOR|U.S.-backed forces]] cleared [[QUANTITY|nine]] of [[QUANTITY|ten]].",
    "In [[DATE|August]] [[ACTOR|ISIS]] said: one, two, [[QUANTITY|three]].",
    "[[LOCATION|Hawija]] is in [[LOCATION|Iraq]], said the [[ACTOR|federal police]].",
    "From [[LOCATION|Kirkuk]] to [[LOCATION|Syria]] by [[DATE|Tuesday]].",
]


@pytest.fixture
def tiny_config(tmp_path, tiny_backbone):
    """A configuration that trains the tiny encoder on eight sentences in a second."""
    from ie_model.config.loading import parse_config

    data = tmp_path / "sentences.txt"
    data.write_text("\n".join(SENTENCES) + "\n", encoding="utf-8")

    def make(**training):
        settings = {"epochs": 1, "threads": 1, "precision": "fp32", "device": "cpu", **training}
        return parse_config(
            {
                "output_dir": str(tmp_path / "model"),
                "data": {
                    "train": [{"path": str(data), "format": "markup"}],
                    "cache_dir": str(tmp_path / "cache"),
                },
                "model": {"backbone": str(tiny_backbone)},
                "encoding": {"window": 96, "overlap": 16},
                "training": settings,
            }
        )

    return make


@pytest.fixture
def killed(monkeypatch):
    """Trains until the update of a number begins, then is interrupted."""
    from ie_model.training.run import train
    from ie_model.training.trainer import SpanTrainer

    original = SpanTrainer.training_step

    def run(config, step):
        def dies(self, *args):
            if self.state.global_step == step:
                raise KeyboardInterrupt
            return original(self, *args)

        with monkeypatch.context() as patch:
            patch.setattr(SpanTrainer, "training_step", dies)
            with pytest.raises(KeyboardInterrupt):
                train(config)

    return run


def overfit(folder: Path, backbone: Path) -> Path:
    """A model directory whose tiny model has learned the eight sentences."""
    from ie_model.config.loading import parse_config
    from ie_model.training.run import train

    data = folder / "sentences.txt"
    data.write_text("\n".join(SENTENCES) + "\n", encoding="utf-8")
    config = parse_config(
        {
            "output_dir": str(folder / "model"),
            "data": {
                "train": [{"path": str(data), "format": "markup"}],
                "cache_dir": str(folder / "cache"),
            },
            "model": {"backbone": str(backbone), "dropout": 0.0},
            "encoding": {"window": 96, "overlap": 16},
            "training": {
                "epochs": 60, "learning_rate": 0.01, "threads": 1, "precision": "fp32",
                "device": "cpu",
            },
        }
    )  # fmt: skip
    return train(config).model_dir


@pytest.fixture(scope="session")
def made_once(common_folder, tmp_path_factory):
    """Makes a model once for all processes of a run; each gets a copy."""

    def made(name: str, make: Callable[[Path], Path]) -> Path:
        folder = common_folder / name
        with FileLock(f"{folder}.lock"):
            if not (folder / "model").is_dir():
                folder.mkdir(exist_ok=True)
                make(folder)
        # Each has its own, since conversions are stored in it.
        return shutil.copytree(folder, tmp_path_factory.mktemp(name) / name) / "model"

    return made


@pytest.fixture(scope="session")
def tiny_model(made_once, tiny_backbone) -> Path:
    """A model that has learned the eight sentences, with a WordPiece tokenizer."""
    return made_once("tiny", lambda folder: overfit(folder, tiny_backbone))


@pytest.fixture(scope="session")
def byte_model(made_once, byte_tokenizer) -> Path:
    """Another encoder that has learned them, with a byte-level tokenizer."""
    import torch
    from transformers import RobertaConfig, RobertaModel

    def make(folder: Path) -> Path:
        torch.manual_seed(1)
        pad = byte_tokenizer.pad_token_id
        size = {**TINY, "vocab_size": len(byte_tokenizer), "pad_token_id": pad}
        RobertaModel(RobertaConfig(**size)).save_pretrained(folder / "backbone")
        byte_tokenizer.save_pretrained(folder / "backbone")
        return overfit(folder, folder / "backbone")

    return made_once("byte", make)

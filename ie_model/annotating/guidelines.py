"""Guidelines beside the text: Markdown as a tree of tags, which the page builds node by node.

No HTML is made here or there: what is no Markdown stays text.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeAlias

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from ie_model.corpus.formats.files import read_text

NAME = "GUIDELINES.md"

Tree: TypeAlias = str | list[Any]
"""A text, or a tag and its content; a link is ``["a", address, ...]``."""

_LEAVES = ("code_inline", "code_block", "fence")
_BREAKS: dict[str, Tree] = {"softbreak": "\n", "hardbreak": ["br"], "hr": ["hr"]}


def find_guidelines(folders: Iterable[Path]) -> Path | None:
    """The first ``GUIDELINES.md`` in one of the folders, or in ``annotations`` in it."""
    for folder in folders:
        for file in (folder / NAME, folder / "annotations" / NAME):
            if file.is_file():
                return file
    return None


def read_guidelines(path: Path) -> list[Tree]:
    """The nodes of a Markdown file.

    Raises:
        InputError: no such file, or not UTF-8.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    root = SyntaxTreeNode(parser.parse(read_text(path).removeprefix("\ufeff")))
    return _all(root.children)


def _all(nodes: Iterable[SyntaxTreeNode]) -> list[Tree]:
    return [tree for node in nodes for tree in _trees(node)]


def _trees(node: SyntaxTreeNode) -> list[Tree]:
    if node.type in _BREAKS:
        return [_BREAKS[node.type]]
    if node.type in ("text", "image"):
        return [node.content]
    if node.type in _LEAVES:
        return [["code" if node.type == "code_inline" else "pre", node.content]]
    inner = _all(node.children)
    if node.type == "inline" or _is_tight(node):
        return inner
    if node.type == "link":
        address = str(node.attrs.get("href", ""))
        return [["a", address, *inner]] if address.startswith(("http://", "https://")) else inner
    return [[node.tag, *inner]]


def _is_tight(node: SyntaxTreeNode) -> bool:
    """Whether it is a paragraph of a tight list, which is none."""
    return bool(node.nester_tokens and node.nester_tokens.opening.hidden)

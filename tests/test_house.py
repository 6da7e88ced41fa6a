"""What the import contracts of pyproject.toml cannot see: where imports stand, private names."""

import ast
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "ie_model"


def name_of(file: Path) -> str:
    return ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts)


def room_of(module: str) -> str:
    """``ie_model.corpus.formats.brat`` is in ``corpus``, ``ie_model.labels`` in ``labels``."""
    return [*module.split("."), ""][1]


def is_ours(node: ast.AST) -> bool:
    names = (
        [a.name for a in node.names] if isinstance(node, ast.Import) else
        [node.module or ""] if isinstance(node, ast.ImportFrom) else []
    )  # fmt: skip
    return any(name.split(".")[0] == "ie_model" for name in names)


def imports_in_functions(tree: ast.AST) -> Iterator[ast.AST]:
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from (node for node in ast.walk(function) if is_ours(node))


def private_names(tree: ast.AST, room: str) -> Iterator[tuple[ast.AST, str]]:
    """Names with a leading underscore that are taken from a module of another room."""
    modules: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and is_ours(node):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                modules[alias.asname or alias.name] = whole
                hidden = [p for p in whole.split(".") if p.startswith("_") and p[:2] != "__"]
                if hidden and room_of(whole) != room:
                    yield node, whole
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            whole = modules.get(node.value.id, "")
            private = node.attr.startswith("_") and not node.attr.startswith("__")
            if private and whole and room_of(whole) != room:
                yield node, f"{whole}.{node.attr}"


def own_lazy_names(tree: ast.AST, module: str) -> Iterator[tuple[ast.AST, str]]:
    """Names that a module takes from its own room's ``__init__``: a circle nobody sees."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and is_ours(node):
            source = node.module or ""
            inside = source != "ie_model" and f"{module}.".startswith(f"{source}.")
            folder = PACKAGE.parent.joinpath(*source.split("."))
            if inside and folder.is_dir():
                for alias in node.names:
                    if not list(folder.glob(f"{alias.name}.py")) + list(folder.glob(alias.name)):
                        yield node, f"{source}.{alias.name}"


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.AST]:
    return {name_of(f): parsed(f) for f in FILES}


def parsed(file: Path) -> ast.AST:
    """The tree of a file. Python 3.11 counts its depth in one place for all threads, so while
    another one parses, too, it may give up with a SystemError (CPython issue 106905)."""
    for _ in range(5):
        with contextlib.suppress(SystemError):
            return ast.parse(file.read_text(encoding="utf-8"), str(file))
    raise AssertionError(f"{file} cannot be parsed")


def test_house_modules_are_imported_at_the_top(trees):
    found = [
        f"{module}:{node.lineno}: {ast.unparse(node)}"
        for module, tree in trees.items()
        for node in imports_in_functions(tree)
    ]
    assert not found, "move to the top, or cut the circle that forbids it:\n" + "\n".join(found)


def test_house_private_names_stay_in_their_room(trees):
    found = [
        f"{module}:{node.lineno}: {name}"
        for module, tree in trees.items()
        for node, name in private_names(tree, room_of(module))
    ]
    assert not found, "give it a public name, or move it down:\n" + "\n".join(found)


def test_house_modules_do_not_go_through_their_own_room(trees):
    found = [
        f"{module}:{node.lineno}: {name}"
        for module, tree in trees.items()
        for node, name in own_lazy_names(tree, module)
    ]
    assert not found, "import it from the module that defines it:\n" + "\n".join(found)


def test_house_finds_what_it_looks_for():
    code = """
from ie_model.corpus import reading
from ie_model.corpus.formats import brat, read_anything
from ie_model.models.directory import _sync
def late():
    import ie_model.training
    return reading._split(brat)
"""
    tree = ast.parse(code)
    assert [node.lineno for node in imports_in_functions(tree)] == [6]
    names = [name for _, name in private_names(tree, "cli")]
    assert names == ["ie_model.models.directory._sync", "ie_model.corpus.reading._split"]
    assert [name for _, name in private_names(tree, "corpus")] == names[:1]
    lazy = [name for _, name in own_lazy_names(tree, "ie_model.corpus.formats.conll")]
    assert lazy == ["ie_model.corpus.formats.read_anything"]

"""A row of words and their tags, as data sets of token classification have it -> a document."""

from __future__ import annotations

from collections.abc import Sequence

from ie_model.corpus.account import Account
from ie_model.corpus.formats.conll import TAG, tags_to_spans
from ie_model.corpus.formats.spacing import join_tokens
from ie_model.documents import Document, Entity
from ie_model.errors import InputError

_NOT_LABELLED = (-1, -100)  # of test sets without tags; of what the loss leaves out


def document_of(
    tokens: Sequence[str] | None,
    tags: Sequence[int | str | None] | None,
    names: Sequence[str] | None,
    where: str,
    column: str,
    account: Account,
) -> Document | None:
    """The document of a row; ``None``, and counted, where nothing in it is labelled.

    Args:
        tokens: the words; ``None`` and no list come from files, and are told of.
        tags: numbers of classes or names of tags, as many.
        names: of the classes, where the column has them.
        where: file and row, for messages.
        column: that of the tags, for messages.
        account: where rows and words without tags are counted.

    Raises:
        InputError: a word is none, there are more of one than of the other, or a tag is none.
    """
    if tokens is None or tags is None:
        account.set_aside("row whose tags are null", where)
        return None
    if not isinstance(tokens, list | tuple) or not isinstance(tags, list | tuple):
        raise InputError(f"{where}: expected a list of words and one of tags in {column!r}")
    for i, token in enumerate(tokens, 1):
        if not isinstance(token, str) or not token.strip():
            raise InputError(f"{where}, token {i}: {token!r} is no word; leave it out, and its tag")
    if len(tokens) != len(tags):
        raise InputError(f"{where}: {len(tokens)} tokens but {len(tags)} tags")
    known = [tag is not None and tag not in _NOT_LABELLED for tag in tags]
    if tags and not any(known):
        account.set_aside("row whose tags all say that it was not labelled", where)
        return None
    text, offsets = join_tokens(tokens)
    ends = [offset + len(token) for offset, token in zip(offsets, tokens, strict=True)]
    words = [
        _tag(tag, names, f"{where}, token {i} of {column!r}") if sure else "O"
        for i, (tag, sure) in enumerate(zip(tags, known, strict=True), 1)
    ]
    entities = tuple(
        Entity(offsets[first], ends[last - 1], label, text=text[offsets[first] : ends[last - 1]])
        for first, last, label in tags_to_spans(words)
    )
    unsure = [
        [start, end] for start, end, sure in zip(offsets, ends, known, strict=True) if not sure
    ]
    if unsure:
        account.set_aside("token that was not labelled", where, len(unsure))
    return Document(text, entities, meta={"unannotated": unsure} if unsure else {})


def _tag(tag: int | str | None, names: Sequence[str] | None, where: str) -> str:
    """A tag by its name, as ``B-`` or ``I-`` and a label.

    Raises:
        InputError: a number without a name, or a name that is no tag.
    """
    if isinstance(tag, int) and not isinstance(tag, bool):
        if names is None:
            raise InputError(
                f"{where}: the tag is the number {tag} and the column has no class names; cast it "
                "to Sequence(ClassLabel(names=[...])) with the names of the data's card"
            )
        if not 0 <= tag < len(names):
            raise InputError(f"{where}: tag {tag} is none of the {len(names)} classes")
        tag = names[tag]
    if not isinstance(tag, str) or TAG.fullmatch(tag) is None:
        raise InputError(
            f"{where}: {tag!r} is no tag; expected O, or B-, I-, E-, S-, L- or U- before a label"
        )
    return tag

"""What the pages of a Parquet column unpack to, by their own headers.

A file's footer says how large a column is, and nothing holds it to that. Memory is taken by
what stands before each page, in Thrift's compact protocol; so that is what is looked at.
Source: https://github.com/apache/parquet-format (``PageHeader`` in ``parquet.thrift``).
"""

from __future__ import annotations

from typing import Any, BinaryIO, NamedTuple

_USUAL_HEADER, _LONGEST_HEADER = 1024, 1 << 20
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 12
_NUMBERS = (4, 5, 6)
_DEEPEST = 8


class Pages(NamedTuple):
    """Bytes that all pages of a column chunk unpack to, and the largest; values in them."""

    unpacked: int
    largest: int
    values: int


def read_pages(file: BinaryIO, column: Any) -> Pages:
    """Go from header to header of one column chunk.

    Args:
        file: the Parquet file.
        column: pyarrow's ``ColumnChunkMetaData``.

    Raises:
        ValueError: there is no page where one should be, or it ends behind its column.
    """
    at = column.data_page_offset
    first = column.dictionary_page_offset or 0
    if column.has_dictionary_page and first > 0 and (first < at or at <= 0):  # 0: no data page
        at = first
    end = at + column.total_compressed_size
    unpacked = largest = values = 0
    while at < end:
        if at < 0:
            raise ValueError("a page begins before the file")
        file.seek(at)
        header = _Header(file.read(_USUAL_HEADER))
        try:
            header.read()
        except IndexError:  # long statistics
            file.seek(at)
            header = _Header(file.read(_LONGEST_HEADER))
            try:
                header.read()
            except IndexError:
                raise ValueError(f"no whole page at byte {at}") from None
        size, packed = header.page.get(2, 0), header.page.get(3, 0)
        if size < 0 or packed < 0 or not header.at:
            raise ValueError(f"a page at byte {at} has no size")
        unpacked, largest = unpacked + size, max(largest, size)
        values += max(header.page.get((5, 1), 0), header.page.get((8, 1), 0))
        at += header.at + packed
    return Pages(unpacked, largest, values)


class _Header:
    """The whole numbers of a ``PageHeader``, by field number; of inner structs by both."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0
        self.page: dict[int | tuple[int, int], int] = {}

    def read(self) -> None:
        """Raises IndexError where the data ends before the header does."""
        self._struct(None, 0)

    def _struct(self, outer: int | None, depth: int) -> None:
        field = 0
        while head := self._byte():
            kind, step = head & 15, head >> 4
            field = field + step if step else self._number()
            if kind in _NUMBERS:
                self.page[field if outer is None else (outer, field)] = self._number()
            else:
                self._skip(kind, depth, field if outer is None else None)

    def _skip(self, kind: int, depth: int, field: int | None = None) -> None:
        if depth > _DEEPEST:  # of lists in lists, too
            raise ValueError("nested too deep for a page's header")
        if kind in _NUMBERS:
            self._number()
        elif kind == _BYTE:
            self._byte()
        elif kind == _DOUBLE:
            self._jump(8)
        elif kind == _BINARY:
            self._jump(self._unsigned())
        elif kind in (_LIST, _SET):
            head = self._byte()
            count = head >> 4 if head >> 4 != 15 else self._unsigned()
            for _ in range(count):
                inner = head & 15
                self._jump(1) if inner in (_TRUE, _FALSE) else self._skip(inner, depth + 1)
        elif kind == _STRUCT:
            self._struct(field if depth == 0 and field is not None else -1, depth + 1)
        elif kind not in (_TRUE, _FALSE):  # these stand in the field's head; no map has a place
            raise ValueError("no page's header")

    def _byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def _jump(self, count: int) -> None:
        self.at += count
        if self.at > len(self.data):
            raise IndexError

    def _unsigned(self) -> int:
        number = shift = 0
        while True:
            byte = self._byte()
            number |= (byte & 127) << shift
            if byte < 128:
                return number
            shift += 7
            if shift > 63:
                raise ValueError("no page's header")

    def _number(self) -> int:
        zigzag = self._unsigned()
        return (zigzag >> 1) ^ -(zigzag & 1)

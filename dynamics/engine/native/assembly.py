"""An object of WebAssembly as a module: what a linker would do, of which little is needed.

LLVM writes an object in the binary format of modules (WebAssembly Core Specification, section 5),
with sections of its own that say what a linker is to fill in. Within one object that defines all
it calls, numbers of functions, types and globals are right as they stand. What is left: to say
what is exported, and to leave out what only a linker reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_MAGIC = b"\0asm\1\0\0\0"
_CUSTOM, _EXPORT, _DATA_COUNT = 0, 7, 12
# Relocations of functions, types and globals by their numbers, and of functions in tables of calls.
_BY_NUMBER = {0: "function", 6: "type", 7: "global"}
_FUNCTION_SYMBOL, _DATA_SYMBOL = 0, 1
_UNDEFINED, _EXPLICIT_NAME = 0x10, 0x40


class NotSelfContained(Exception):
    """The object has data in memory, which only a linker can place."""


def module(content: bytes, exported: str) -> bytes:
    """The object as a module that exports one of its functions.

    It imports `env.__linear_memory` and the global `env.__stack_pointer`, as the object does.

    Raises `NotSelfContained` for an object with constants or variables in memory.
    """
    sections = list(_sections(content))
    for kind in _relocations(sections):
        if kind not in _BY_NUMBER:
            raise NotSelfContained(f"a relocation of kind {kind}")
    number = _functions(sections)[exported]
    name = exported.encode()
    export = b"\1" + _number(len(name)) + name + b"\0" + _number(number)
    kept = [(kind, body) for kind, body in sections if kind not in (_CUSTOM, _DATA_COUNT)]
    at = next(i for i, (kind, _) in enumerate(kept) if kind > _EXPORT)
    kept.insert(at, (_EXPORT, export))
    return _MAGIC + b"".join(bytes([kind]) + _number(len(body)) + body for kind, body in kept)


@dataclass
class _Reader:
    """Numbers and names, one after the other."""

    content: bytes
    at: int = 0

    def byte(self) -> int:
        self.at += 1
        return self.content[self.at - 1]

    def number(self) -> int:
        """An unsigned number in groups of 7 bits, the last group first."""
        found = shift = 0
        while True:
            group = self.byte()
            found |= (group & 0x7F) << shift
            shift += 7
            if group < 0x80:
                return found

    def piece(self) -> bytes:
        """So many bytes as a number before them says."""
        length = self.number()
        self.at += length
        return self.content[self.at - length : self.at]


def _number(n: int) -> bytes:
    found = bytearray()
    while True:
        found.append(n & 0x7F | (0x80 if n > 0x7F else 0))
        n >>= 7
        if not n:
            return bytes(found)


def _sections(content: bytes) -> Iterator[tuple[int, bytes]]:
    reader = _Reader(content, len(_MAGIC))
    while reader.at < len(content):
        yield reader.byte(), reader.piece()


def _customs(sections: list[tuple[int, bytes]], begin: bytes) -> Iterator[_Reader]:
    """What follows the name of each section whose name begins like this."""
    for kind, body in sections:
        if kind == _CUSTOM:
            reader = _Reader(body)
            if reader.piece().startswith(begin):
                yield reader


def _relocations(sections: list[tuple[int, bytes]]) -> Iterator[int]:
    """The kinds of all that a linker would fill in."""
    for reader in _customs(sections, b"reloc."):
        reader.number()  # the section
        for _ in range(reader.number()):
            kind = reader.byte()
            yield kind
            if kind not in _BY_NUMBER:
                return  # how long the rest is depends on the kind
            reader.number()  # where
            reader.number()  # what


def _functions(sections: list[tuple[int, bytes]]) -> dict[str, int]:
    """The numbers of the functions that are defined, by name."""
    found = {}
    (reader,) = _customs(sections, b"linking")
    reader.number()  # the version
    while reader.at < len(reader.content):
        kind, part = reader.byte(), _Reader(reader.piece())
        if kind != 8:  # the table of symbols
            continue
        for _ in range(part.number()):
            symbol, flags = part.byte(), part.number()
            if symbol == _DATA_SYMBOL:
                part.piece()
                if not flags & _UNDEFINED:
                    for _ in range(3):
                        part.number()
                continue
            number = part.number()
            if symbol != 3 and (not flags & _UNDEFINED or flags & _EXPLICIT_NAME):
                name = part.piece().decode()
                if symbol == _FUNCTION_SYMBOL and not flags & _UNDEFINED:
                    found[name] = number
    return found

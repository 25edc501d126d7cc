"""A store as Zarr reads it: only what was described, and no chunk that is another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from zarr.core.buffer import default_buffer_prototype
from zarr.storage import LocalStore

from dynamics.experiments.contents import METADATA, Contents
from dynamics.experiments.layout import RECEIPTS, Chunk


class Guarded(LocalStore):
    """The results of a store and their starts, for reading.

    Descriptions are those that were checked when it was opened, whatever is on the disk now. Each
    chunk is compared with its checksum before it is decoded: `DamagedError` if it is another.
    """

    def __init__(self, contents: Contents) -> None:
        super().__init__(contents.path, read_only=True)
        self._contents = contents
        labels = set(contents.marks) - {"starts"}
        self._names = [name for name in contents.arrays if name not in {RECEIPTS, *labels}]

    def with_read_only(self, read_only: bool = True) -> Guarded:
        if not read_only:
            raise ValueError("what is opened for reading cannot be written to")
        return self

    async def get(self, key: str, prototype: Any = None, byte_range: Any = None) -> Any:
        data = await asyncio.to_thread(self._read, key)
        if data is None:
            return None
        if byte_range is not None:
            raise NotImplementedError("chunks are read whole")
        return (prototype or default_buffer_prototype()).buffer.from_bytes(data)

    def _read(self, key: str) -> bytes | None:
        if key == METADATA:
            return self._contents.group_in_bytes
        name, _, rest = key.partition("/")
        if name not in self._names:
            return None
        if rest == METADATA:
            return self._contents.metadata[name]
        position = rest.split("/")
        if position[0] != "c" or not all(part.isdecimal() for part in position[1:]):
            return None
        return self._contents.checked(Chunk(name, tuple(map(int, position[1:]))))

    async def exists(self, key: str) -> bool:
        return key == METADATA or key in {f"{name}/{METADATA}" for name in self._names}

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        if not prefix.strip("/"):
            yield METADATA
            for name in self._names:
                yield name

"""Standard output and error that may be closed, full, or unable to write a letter."""

from __future__ import annotations

import codecs
import errno
import io
import os
import unicodedata
from collections.abc import Iterable
from itertools import groupby
from typing import Any


class Stream:
    """Standard output or error, which may be closed, full, or unable to write a letter.

    Attributes:
        failure: the first error in writing; what follows it is dropped.
    """

    def __init__(self, stream: Any) -> None:
        self._stream: Any = stream
        self.failure: OSError | None = None
        if stream is None:  # closed before the program began
            self.failure = OSError(errno.EBADF, "it is closed")
            self._stream = io.StringIO()
        if hasattr(self._stream, "reconfigure"):
            self._stream.reconfigure(errors=_SPELLED)

    def write(self, text: str) -> int:
        try:
            if self.failure is None:
                self._stream.write(text)
        except OSError as error:
            self._give_up(error)
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self.failure = self.failure or error
        # What lies in the buffer would be tried again, and complained of, when Python ends.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


_SPELLED = "ravine-spelled"
_LETTERS = {
    "∇": "grad ", "‖": "||", "−": "-", "–": "-", "—": "-", "…": "...", "×": "x", "·": "*", "∘": "*",
    "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "→": "->", "⇒": "=>", "⇔": "<=>", "√": "sqrt",
    "“": '"', "”": '"', "‘": "'", "’": "'", "∈": " in ", "∂": "d", "∑": "sum", "ℓ": "l",
    "ł": "l", "Ł": "L", "∞": "inf", "⁺": "+", "⁻": "-", "∧": "and", "∨": "or", "¬": "not ",
    "±": "+-", "½": "1/2", "λ": "lambda", "Λ": "Lambda",
}  # fmt: skip


def _spelled(error: UnicodeError) -> tuple[str | bytes, int]:
    """What stands for letters that a stream's encoding does not have."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    if all("\udc80" <= letter <= "\udcff" for letter in letters):  # bytes of a file's name
        return bytes(ord(letter) - 0xDC00 for letter in letters), error.end
    runs = groupby(letters, lambda letter: "<super>" in unicodedata.decomposition(letter))
    return "".join(_raised(run) if raised else _in_line(run) for raised, run in runs), error.end


def _in_line(letters: Iterable[str]) -> str:
    return "".join(map(_letter, letters))


def _raised(letters: Iterable[str]) -> str:
    """x⁴ as x^4; but w⁺, the point after w, as w+."""
    plain = _in_line(letters)
    return plain if plain in "+-" else f"^{plain}"


def _letter(letter: str) -> str:
    if letter in _LETTERS:
        return _LETTERS[letter]
    name = unicodedata.name(letter, "")
    if name.startswith("GREEK ") and " LETTER " in name:
        word = name.rpartition(" LETTER ")[2].split()[0]
        return word.capitalize() if "CAPITAL" in name else word.lower()
    plain = "".join(_LETTERS.get(c, c) for c in unicodedata.normalize("NFKD", letter))
    return plain.encode("ascii", "ignore").decode() or "?"


codecs.register_error(_SPELLED, _spelled)


def spelled(text: str, encoding: str) -> str:
    """The text, what the encoding does not have spelled out: η as eta where there is ASCII only."""
    return text.encode(encoding, _SPELLED).decode(encoding, "surrogateescape")

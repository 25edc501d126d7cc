"""Image files: which formats there are, what each needs, and how each is written."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xarray
from matplotlib import animation

from figures import style
from figures.figure import Figure
from figures.panels import Panels
from landscapes.console import replacing

FRAMES_PER_SECOND = 20
_MOVIE_DOTS, _THUMBNAIL_DOTS = 110, 80  # per inch


@dataclass(frozen=True)
class Format:
    """A kind of image file.

    Attributes:
        metadata: what it is written with. No dates, so that the same data give the same file.
        moving: whether it shows an animation; the others show a still figure.
        writer: Matplotlib's name of what encodes it, and `needs`, what to install for that.
    """

    metadata: Mapping[str, Any] = field(default_factory=dict)
    moving: bool = False
    writer: str = ""
    needs: str = ""

    @property
    def available(self) -> bool:
        if self.writer == "ffmpeg":  # looked for anew: what is installed may change
            return shutil.which("ffmpeg") is not None
        return not self.writer or animation.writers.is_available(self.writer)


FORMATS = {
    "png": Format(),
    "pdf": Format({"CreationDate": None}),
    "svg": Format({"Date": None}),
    "gif": Format(moving=True, writer="pillow", needs="the package pillow"),
    "mp4": Format(moving=True, writer="ffmpeg", needs="the program ffmpeg"),
}


def formats_of(figure: Figure, asked: Iterable[str] | None) -> list[str]:
    """Those of the asked formats that this figure has; by default all that can be written here."""
    kinds = [k for k, f in FORMATS.items() if f.available] if asked is None else list(asked)
    return [k for k in kinds if not FORMATS[k].moving or figure.animate is not None]


def render(
    figure: Figure, data: xarray.Dataset, folder: Path, formats: Iterable[str]
) -> list[Path]:
    """Draws the data, writes one image for each format, and returns their paths."""
    formats = list(formats)
    still = [k for k in formats if not FORMATS[k].moving]
    images = {}
    with style.applied():
        if still:
            canvas = figure.draw(data)
            canvas.draw_without_rendering()
            canvas.set_layout_engine("none")  # laid out once, the same for every format
            for kind in still:
                images[kind] = _path(folder, figure, kind)
                replacing(images[kind], _saving(canvas, kind))
        for kind in formats:
            if FORMATS[kind].moving:
                images[kind] = _path(folder, figure, kind)
                replacing(images[kind], _filming(figure, data, kind))
    return [images[kind] for kind in formats]


def thumbnail(figure: Figure, data: xarray.Dataset, path: Path) -> None:
    """Writes a small PNG of the data."""
    with style.applied():
        canvas = figure.draw(data)
        replacing(path, lambda partial: canvas.savefig(partial, format="png", dpi=_THUMBNAIL_DOTS))


def _path(folder: Path, figure: Figure, kind: str) -> Path:
    return folder / f"{figure.name}.{kind}"


def _saving(canvas: Any, kind: str) -> Callable[[Path], None]:
    return lambda path: canvas.savefig(path, format=kind, metadata=dict(FORMATS[kind].metadata))


def _filming(figure: Figure, data: xarray.Dataset, kind: str) -> Callable[[Path], None]:
    def film(path: Path) -> None:
        assert figure.animate is not None
        panels = Panels.new(figure.layout(data))
        writer = animation.writers[FORMATS[kind].writer](fps=FRAMES_PER_SECOND)
        frames = figure.animate(data, panels)
        next(frames)
        # Laid out once: axes that moved with their labels would make the picture tremble.
        panels.canvas.draw_without_rendering()
        panels.canvas.set_layout_engine("none")
        # The encoder tells the format by the end of the name.
        with writer.saving(panels.canvas, path, _MOVIE_DOTS):
            writer.grab_frame()
            for _ in frames:
                writer.grab_frame()

    return film

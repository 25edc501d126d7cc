"""One static page that shows every figure of a folder, without network and without scripts."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable
from html import escape, unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree.ElementTree import tostring

import xarray

from figures import provenance
from figures.figure import FIGURES, Figure
from figures.rendering import FORMATS, thumbnail
from landscapes.console import write_text

_THUMBNAILS = "thumbnails"
# Mathematics between two dollar signs, unless they are escaped.
_MATHEMATICS = re.compile(r"(?<!\\)\$(.+?)(?<!\\)\$", re.DOTALL)

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light; }}
* {{ box-sizing: border-box; }}
body {{ margin: 0 auto; padding: 1rem; max-width: 90rem; color: #1a1a1a; background: #fff;
  font: 1rem/1.5 system-ui, sans-serif; }}
main {{ display: grid; gap: 2.5rem 2rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 26rem), 1fr)); }}
header {{ margin-bottom: 2rem; }}
article {{ min-width: 0; }}
h1 {{ font-size: 1.6rem; margin: 0 0 .5rem; }}
h2 {{ font-size: 1.1rem; margin: 0 0 .5rem; }}
p {{ margin: .5rem 0; overflow-wrap: anywhere; }}
img, video {{ display: block; width: 100%; height: auto; border: 1px solid #ddd; }}
code {{ font-size: .85rem; overflow-wrap: anywhere; }}
pre {{ margin: .5rem 0; padding: .5rem; background: #f4f4f4; white-space: pre-wrap; }}
nav a {{ margin-right: 1rem; }}
a {{ color: #00509d; }}
</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p>Areas and points are simulated; lines are predicted, by theory that is derived from the rules
that the simulation runs. Each picture can be made again with the command below it.</p>
<nav aria-label="Figures">
{contents}
</nav>
</header>
<main>
{articles}
</main>
</body>
</html>
"""

_ARTICLE = """<article id="{name}">
<h2><a href="#{name}">{title}</a></h2>
<a href="{image}"><img src="{small}" alt="{title}" loading="lazy"></a>
{caption}
<p>Illustrates {claims}.</p>
<pre><code>{command}</code></pre>
<p>{links}</p>
</article>
"""


def unavailable() -> str:
    """Why no page can be made here; empty if it can."""
    if importlib.util.find_spec("latex2mathml") is None:
        return "captions need the package latex2mathml; install ravine[gallery]"
    return ""


def add_thumbnail(figure: Figure, data: xarray.Dataset, folder: Path) -> None:
    """Draws the small image that the page shows."""
    (folder / _THUMBNAILS).mkdir(exist_ok=True)
    thumbnail(figure, data, folder / _THUMBNAILS / f"{figure.name}.png")


def build(folder: Path) -> Path:
    """Writes `index.html`, which shows all figures that lie in the folder; returns its path."""
    records = [
        record
        for figure in FIGURES.values()
        if (folder / _THUMBNAILS / f"{figure.name}.png").is_file()
        and (record := provenance.read_sidecar(provenance.sidecar_path(folder, figure)))
    ]
    contents = "\n".join(
        f'<a href="#{_text(r["figure"])}">{_text(r["figure"])}</a>' for r in records
    )
    articles = "\n".join(_article(record) for record in records)
    page = _PAGE.format(title="Figures of Ravine", contents=contents, articles=articles)
    path = folder / "index.html"
    write_text(path, page)
    return path


def _article(record: dict[str, Any]) -> str:
    name, images = record["figure"], record["images"]
    vector = [i for i in images if i.endswith(".svg")]
    links = [
        *((i, _kind(i)) for i in images),
        (record["data"], "data (netCDF)"),
        (f"{name}.json", "origin (JSON)"),
    ]
    body = record["caption"].partition("\n")[2].strip()
    return _ARTICLE.format(
        name=_text(name),
        title=_text(record["title"]),
        image=_link([*vector, *images, record["data"]][0]),
        small=_link(f"{_THUMBNAILS}/{name}.png"),
        caption="\n".join(_paragraphs(body)),
        claims=", ".join(f"<code>{_text(c)}</code> ({_text(f)})" for c, f in _claims(record)),
        command=_text(record["command"]),
        links=" · ".join(f'<a href="{_link(path)}">{_text(text)}</a>' for path, text in links),
    )


def _claims(record: dict[str, Any]) -> list[tuple[str, str]]:
    return list(record["claims"].items())


def _kind(image: str) -> str:
    kind = image.rpartition(".")[2]
    return kind.upper() if kind in FORMATS else image


def _paragraphs(text: str) -> Iterable[str]:
    for paragraph in re.split(r"\n\s*\n", text):
        if paragraph.strip():
            yield f"<p>{with_mathematics(paragraph.strip())}</p>"


def with_mathematics(text: str) -> str:
    """The text as HTML, what stands between dollar signs as MathML."""
    parts = _MATHEMATICS.split(text)
    # The parts at odd places are what stood between two dollar signs.
    return "".join(
        _mathml(part) if odd else _text(part.replace(r"\$", "$"))
        for part, odd in zip(parts, [False, True] * len(parts), strict=False)
    )


def _mathml(latex: str) -> str:
    from latex2mathml.converter import Converter  # an optional dependency

    tree = Converter().convert_to_element(latex)
    # Its own text form leaves < and & unescaped. The tree has some symbols as references.
    for element in tree.iter():
        element.text = unescape(element.text or "")
    return tostring(tree, encoding="unicode", short_empty_elements=False)


def _text(text: str) -> str:
    return escape(text, quote=True)


def _link(path: str) -> str:
    return escape(quote(path), quote=True)

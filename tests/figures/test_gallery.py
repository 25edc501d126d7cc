"""The page of all figures: valid, offline, fit for a telephone, and safe against its captions."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from figures import FIGURES, gallery
from figures.__main__ import main
from landscapes.console import DONE, INTERRUPTED
from tests.support.figure_cases import stub

pytestmark = pytest.mark.figures

html5lib = pytest.importorskip("html5lib")
pytest.importorskip("latex2mathml")

HOSTILE = """A title with <script>alert(1)</script> & "quotes".

Text <b>bold</b> & $a < b \\& c$, a price of \\$5, $\\text{<img src=x onerror=alert(1)>}$.

A second paragraph with $\\frac{2}{\\beta + \\rho\\beta^2}$ and $\\eta = 2/\\beta$.
"""
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys) -> Path:
    """A gallery of three small figures, one of them with a hostile caption."""
    for existing in list(FIGURES):
        monkeypatch.delitem(FIGURES, existing)
    for name in ("first_stub", "second_stub", "hostile"):
        stub(name, monkeypatch, takes=("landscape",))
    sys.modules["figures.hostile"].__doc__ = HOSTILE
    assert main(["--size", "quick", "--gallery", str(tmp_path), "--landscape", "x^2"]) == DONE
    assert str(tmp_path / "index.html") in capsys.readouterr().out
    return tmp_path / "index.html"


def parsed(text: str) -> Any:
    """The tree; a parse error is an exception."""
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    return parser.parse(text)


def test_it_is_valid_and_a_broken_page_is_not(page: Path):
    text = page.read_text(encoding="utf-8")
    parsed(text)
    for broken in (text.replace("</article>", "", 1), text.replace("<!DOCTYPE html>", "")):
        with pytest.raises(html5lib.html5parser.ParseError):
            parsed(broken)


def test_identifiers_are_unique_and_every_image_has_a_text(page: Path):
    tree = parsed(page.read_text(encoding="utf-8"))
    identifiers = [e.get("id") for e in tree.iter() if e.get("id")]
    assert sorted(identifiers) == ["first_stub", "hostile", "second_stub"]
    assert all(image.get("alt") for image in tree.iter("img"))
    assert tree.getroot().get("lang") == "en" if hasattr(tree, "getroot") else tree.get("lang")


def test_all_that_it_links_to_is_there_and_nothing_else_is_fetched(page: Path):
    tree = parsed(page.read_text(encoding="utf-8"))
    targets = [e.get(a) for e in tree.iter() for a in ("href", "src") if e.get(a)]
    assert len(targets) > 15
    for target in targets:
        if not target.startswith("#"):
            assert ":" not in target and not target.startswith("/")
            assert (page.parent / target).is_file(), target
    kinds = {target.rpartition(".")[2] for target in targets if "." in target}
    assert kinds >= {"png", "pdf", "svg", "nc", "json"}
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"url\(|@import|<script|<link|onerror=\"", text)
    # The only address is the name of MathML's vocabulary.
    assert set(re.findall(r"https?://[^\"']*", text)) == {"http://www.w3.org/1998/Math/MathML"}


def test_captions_are_mathematics_and_what_they_say_is_only_said(page: Path):
    text = page.read_text(encoding="utf-8")
    tree = parsed(text)
    assert not list(tree.iter("script")) and not list(tree.iter("b"))
    assert [image.get("src") for image in tree.iter("img") if image.get("src") == "x"] == []
    assert text.count("<math") == 2 + 4
    assert "<mfrac>" in text
    assert "a price of $5" in unescape(text)
    assert "<script>alert(1)</script>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "\\frac" not in text


def test_it_says_how_to_make_each_figure_again(page: Path):
    text = unescape(page.read_text(encoding="utf-8"))
    assert "python -m figures first_stub --size quick --landscape" in text
    assert "some_claim" in text and "(holds)" in text
    record = json.loads((page.parent / "first_stub.json").read_text(encoding="utf-8"))
    assert record["command"] in text


def test_a_part_that_is_made_again_leaves_the_others_on_the_page(page: Path, capsys):
    before = page.read_text(encoding="utf-8")
    again = ["first_stub", "--size", "quick", "--gallery", str(page.parent), "--landscape", "x^2"]
    assert main([*again, "--reuse-data"]) == DONE
    assert page.read_text(encoding="utf-8") == before


def test_an_interruption_leaves_a_page_of_what_is_done(monkeypatch, tmp_path: Path, capsys):
    def interrupt(_: Any) -> Any:
        raise KeyboardInterrupt

    for existing in list(FIGURES):
        monkeypatch.delitem(FIGURES, existing)
    stub("first_stub", monkeypatch)
    stub("second_stub", monkeypatch, simulate=interrupt)
    assert main(["--size", "quick", "--gallery", str(tmp_path)]) == INTERRUPTED
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert 'id="first_stub"' in text and "second_stub" not in text


@pytest.mark.parametrize("name", FIGURES)
def test_the_mathematics_of_every_caption_is_understood(name: str):
    converted = gallery.with_mathematics(FIGURES[name].caption)
    head = '<!DOCTYPE html><html lang="en"><head><title>t</title></head>'
    parsed(f"{head}<body>{converted}</body></html>")
    # What the converter does not know it leaves as it is, backslash and all.
    assert "\\" not in converted


# The page itself has no script. One is added to a copy, to say what the browser made of it.
_PROBE = """<script>addEventListener("load", () => {
  const images = [...document.images];
  images.forEach(image => image.loading = "eager");
  const boxes = name => [...document.querySelectorAll(name)].map(e => e.getBoundingClientRect());
  const loaded = image => image.complete || new Promise(done => image.onload = done);
  Promise.all(images.map(loaded)).then(() => parent.postMessage({
    wide: document.documentElement.scrollWidth, inner: innerWidth,
    columns: new Set(boxes("article").map(box => Math.round(box.left))).size,
    pictures: images.map(image => image.naturalWidth),
    mathematics: boxes("math").map(box => Math.round(box.width)),
  }, "*"));
});</script>"""
# Browsers refuse windows as narrow as a telephone; a frame can be.
_FRAME = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>t</title></head><body>
<script>addEventListener("message", e => document.title = JSON.stringify(e.data));</script>
<iframe src="probed.html" width="{width}" height="800" style="border:0"></iframe></body></html>"""


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium (on Debian: apt-get install chromium)")
@pytest.mark.parametrize(("width", "columns"), [(360, 1), (1300, 2)])
def test_in_a_browser_it_fits_the_screen(page: Path, width: int, columns: int, tmp_path: Path):
    text = page.read_text(encoding="utf-8").replace("</body>", _PROBE + "</body>")
    page.with_name("probed.html").write_text(text, "utf-8")
    frame = page.with_name("frame.html")
    frame.write_text(_FRAME.format(width=width), "utf-8")
    done = subprocess.run(
        [
            str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
            f"--user-data-dir={tmp_path / 'profile'}", "--allow-file-access-from-files",
            "--window-size=1400,900", "--virtual-time-budget=10000", "--dump-dom", frame.as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    found = re.search(r"<title>(\{.*?\})</title>", unescape(done.stdout))
    assert found, done.stdout[:2000] + done.stderr[-2000:]
    told = json.loads(found[1])
    assert told["inner"] == width
    assert told["wide"] <= width
    assert told["columns"] == columns
    assert len(told["pictures"]) == 3 and all(pixels > 100 for pixels in told["pictures"])
    assert len(told["mathematics"]) == 6 and all(pixels > 3 for pixels in told["mathematics"])

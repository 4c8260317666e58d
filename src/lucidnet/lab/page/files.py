"""The page's files as they lie in the package: read once and listed by name; no path is looked up."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from functools import cache
from importlib import resources

from ...core.page import escaped
from ...plots.colors import DARK, LIGHT, Colors

KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
MODULES = (
    *("frame", "colour", "numbers", "formula", "readout", "heatmap", "plane", "curve", "health"),
    *("stream", "units", "thumbs", "setup", "presets", "inside", "networks", "app"),
)
"""The modules of the page, each after those that it imports."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self' http://localhost:* http://127.0.0.1:*"
)
"""What the page may load, and who may embed it: notebooks of this machine."""


def _text(name: str) -> str:
    return resources.files(__package__).joinpath("static", name).read_text(encoding="utf-8")


@cache
def _files() -> dict[str, tuple[str, bytes]]:
    """Return all files of the page, by address."""
    names = ["index.html", "style.css", "icon.svg", *(f"{name}.js" for name in MODULES)]
    made = {f"/{name}": (_kind(name), _text(name).encode()) for name in names}
    made["/colors.css"] = (_kind("colors.css"), colors_css().encode())
    return made | {"/": made["/index.html"]}


def _kind(name: str) -> str:
    return f"{KINDS[name[name.rindex('.') :]]}; charset=utf-8"


def read_static(path: str) -> tuple[str, bytes] | None:
    """Return content type and content of a file of the page; None if there is none at this address."""
    return _files().get(path)


def colors_css() -> str:
    """Return the colours of all pictures as CSS variables, for light and dark mode."""
    dark = _variables(DARK)
    return f":root{{{_variables(LIGHT)}}}\n@media(prefers-color-scheme:dark){{:root{{{dark}}}}}\n"


def _variables(colors: Colors) -> str:
    named: dict[str, str] = {"page": colors.page, "ink": colors.ink, "muted": colors.muted}
    named |= {"missing": colors.missing, "a": colors.networks[0], "b": colors.networks[1]}
    named |= {f"signed-{i}": one for i, one in enumerate(colors.signed)}
    named |= {f"class-{i}": one for i, one in enumerate(colors.classes)}
    return "".join(f"--{name}:{value};" for name, value in named.items())


def _joined() -> str:
    """Concatenate all JavaScript modules, each after those that it imports from."""
    parts = []
    for name in MODULES:
        text = re.sub(r"(?m)^import .*\n", "", _text(f"{name}.js"))
        parts.append(re.sub(r"(?m)^export ", "", text))
    return "\n".join(parts)


def saved_page(config: object, frames: Sequence[str], title: str) -> str:
    """Return a page that needs no server: it contains its files, the configuration and all frames.

    Parameters
    ----------
    config : dict
        As the server tells it.
    frames : sequence of str
        The frames: each compressed (zlib), in base64.
    title : str
        What stands in the browser's tab.
    """
    script, style = _joined(), colors_css() + _text("style.css")
    data = json.dumps({"config": config, "frames": list(frames)}, allow_nan=False).replace("<", "\\u003c")
    policy = f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data:"
    page = _text("index.html")
    page = re.sub(r"(?m)^ *<link .*\n", "", page)
    page = page.replace(
        "<title>lucidnet lab</title>", f"<title>{escaped(title)}</title>\n<style>{style}</style>"
    )
    page = page.replace("<head>", f'<head>\n<meta http-equiv="Content-Security-Policy" content="{policy}">')
    head, tail = page.split('<script type="module" src="app.js"></script>')
    recorded = f'<script type="application/json" id="recorded">{data}</script>\n'
    return f'{head}{recorded}<script type="module">{script}</script>{tail}'


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

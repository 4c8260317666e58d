"""What the package says of itself that depends on where its source is published.

This repository names no address of its own, and a made-up one would be worse than none. Whoever publishes the
package says it while building::

    LUCIDNET_REPOSITORY=https://host/owner/lucidnet python -m build

Then the links of the README become absolute, to files of the version's tag, its pictures are fetched from
there, and the package's page links to source, issues and changelog. Without it the page names files, which
are in the source distribution, and tells in words what its pictures show.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

REPOSITORY = "LUCIDNET_REPOSITORY"
RELATIVE = re.compile(r"\[([^\]\n]+)\]\((?!https?://|#)([^)\s]+)\)")
"""A link in Markdown to a file of the repository."""
PICTURE = re.compile(r"!" + RELATIVE.pattern)
"""A picture in Markdown that is a file of the repository."""


class SourceAddress(MetadataHookInterface):
    """Fills in the long description and the addresses."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        """Set `readme` and `urls`."""
        address = os.environ.get(REPOSITORY, "").rstrip("/")
        if address and not address.startswith("https://"):
            raise ValueError(f"{REPOSITORY} must begin with https://, got {address!r}")
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        text = described(text, address, f"v{metadata['version']}")
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
        if address:
            metadata["urls"] = {
                "Source": address,
                "Issues": f"{address}/issues",
                "Changelog": f"{address}/blob/v{metadata['version']}/CHANGELOG.md",
            }


def described(text: str, address: str, tag: str) -> str:
    """Return a README with absolute links to a tag; without an address links become the names of files."""

    def picture(found: re.Match[str]) -> str:
        shown, path = found.groups()
        return f"![{shown}]({address}/raw/{tag}/{path})" if address else f"({shown})"

    def link(found: re.Match[str]) -> str:
        shown, path = found.groups()
        if address:
            return f"[{shown}]({address}/blob/{tag}/{path})"
        return shown if shown.strip("`").rstrip("/") in path else f"{shown} (`{path}`)"

    return RELATIVE.sub(link, PICTURE.sub(picture, text))


def get_metadata_hook() -> type[MetadataHookInterface]:
    """Tell hatchling which class it is."""
    return SourceAddress

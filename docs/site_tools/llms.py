"""Write `llms.txt` for the site: the repository's, with links to pages in the place of their sources."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parent.parent.parent / "llms.txt"
LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")


def of_site(text: str) -> str:
    """Return the text with links into the site; of what is no page of it the link goes, then empty lines."""

    def link(found: re.Match[str]) -> str:
        shown, path = found.groups()
        if path == "README.md":
            return f"[{shown}](index.html)"
        page = re.fullmatch(r"docs/(.*)\.md", path)
        return f"[{shown}]({page[1]}.html)" if page else ""

    kept = []
    for line in text.splitlines():
        told = LINK.sub(link, line)
        if told == line or LINK.search(told):
            kept.append(re.sub(r"(, )+$", "", re.sub(r"^- (, )+", "- ", told)))
    return "\n".join(kept) + "\n"


def write(app: Any, problem: Exception | None) -> None:
    """Put the text beside the pages, when they are made."""
    if problem is None and app.builder.format == "html":
        (Path(app.outdir) / "llms.txt").write_text(of_site(SOURCE.read_text("utf-8")), encoding="utf-8")

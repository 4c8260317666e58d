"""What the theme leaves out for people who use a keyboard or listen to a page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

CHANGES = (
    ('<p class="caption" role="heading">', '<p class="caption" role="heading" aria-level="2">'),
    ('<summary aria-label="Toggle hidden content">', "<summary>"),
    ('<aside class="sidebar-drawer">', '<aside class="sidebar-drawer" aria-label="All pages">'),
    ('<aside class="toc-drawer', '<aside aria-label="On this page" class="toc-drawer'),
)
"""What the theme writes, and what it should."""


def mend(app: Any, failed: Exception | None) -> None:
    """Give headings of the menu a level, regions a name, and code and tables that scroll a place in the tab order."""
    if failed or app.builder.name != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        text = path.read_text("utf-8")
        changed = text
        for old, new in CHANGES:
            changed = changed.replace(old, new)
        changed = re.sub(r"<pre>", '<pre tabindex="0">', changed)
        changed = re.sub(r'<div class="table-wrapper', '<div tabindex="0" class="table-wrapper', changed)
        if changed != text:
            path.write_text(changed, "utf-8")

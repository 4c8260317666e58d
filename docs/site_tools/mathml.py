"""Formulas become MathML when the site is built: browsers set it by themselves, and no page needs a script."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging


def setup(app: Any) -> dict[str, bool]:
    """Let Sphinx write formulas so."""
    app.add_html_math_renderer("mathml", (inline, None), (displayed, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def inline(translator: Any, node: Any) -> None:
    """Write a formula within a line."""
    translator.body.append(written(node, block=False))
    raise nodes.SkipNode


def displayed(translator: Any, node: Any) -> None:
    """Write a formula that has a line of its own; where it is wide it scrolls, by keys, too."""
    translator.body.append(f'<div class="math" tabindex="0">{written(node, block=True)}</div>\n')
    raise nodes.SkipNode


def written(node: Any, block: bool) -> str:
    """Return the MathML of a formula; one that cannot be read is a warning, which ends the build."""
    text = node.astext()
    try:
        return " ".join(line.strip() for line in str(tex2mathml(text, as_block=block)).splitlines())
    except MathError as error:
        logging.getLogger(__name__).warning("a formula cannot be read: %s in %s", error, text, location=node)
        return ""

"""Write the formulas that the lab shows: `python docs/site_tools/shown.py`, into the package.

They are those of the reference, set as MathML, so that the page in the browser needs neither Sphinx nor a script
for them; tests/test_formulas.py holds that they are the same.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from docutils.utils.math.latex2mathml import tex2mathml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from site_tools import formulas, typeset

XMLNS = ' xmlns="http://www.w3.org/1998/Math/MathML"'
"""Needless in HTML, and in each formula."""
FILE = Path(__file__).resolve().parents[2] / "src" / "lucidnet" / "lab" / "page" / "formulas.json"


def shown() -> dict[str, list[str]]:
    """Return value and gradient of each layer, activation and rule as MathML, by the name of its class."""
    tables = formulas.LAYERS | formulas.RULES
    return {name: [_set(lines) for lines in one.lines if lines] for name, one in sorted(tables.items())}


def _set(lines: list[str]) -> str:
    written = str(tex2mathml(typeset.block(lines), as_block=True))
    return "".join(line.strip() for line in written.splitlines()).replace(XMLNS, "")


def main() -> None:
    """Write the file, a class on a line."""
    rows = [f"{json.dumps(name)}: {json.dumps(one, ensure_ascii=False)}" for name, one in shown().items()]
    FILE.write_text("{\n" + ",\n".join(rows) + "\n}\n", "utf-8")


if __name__ == "__main__":
    main()

"""The lessons with the installed package, each in an empty folder: no test framework, no checkout, no Jupyter.

    python lessons.py FOLDER_OF_PAGES [page ...]

What a page writes lies in a folder of its own that did not exist before. An error or a warning ends it.
"""

import os
import re
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

CELL = re.compile(r"^```\{code-cell\}[^\n]*\n((?::\w+:[^\n]*\n)*)(.*?)^```", re.MULTILINE | re.DOTALL)


def cells(page):
    """Return the code of a page, cell by cell; the lines that are options of a cell are none of it."""
    return [code for _, code in CELL.findall(page.read_text("utf-8"))]


def run(page):
    """Run a page, and close its pictures; return how many cells it has."""
    names, codes = {"__name__": "__main__"}, cells(page)
    with tempfile.TemporaryDirectory() as empty, warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "FigureCanvasAgg is non-interactive")  # there is no screen
        os.chdir(empty)
        try:
            for code in codes:
                exec(compile(code, page.name, "exec"), names)
        finally:
            os.chdir("/")
            import matplotlib.pyplot as plt

            plt.close("all")
    return len(codes)


def main(folder, *chosen):
    import lucidnet as ln

    assert (Path(ln.__file__).parent.parent / f"lucidnet-{ln.__version__}.dist-info").exists(), (
        f"this is not the installed package: {ln.__file__}"
    )
    os.environ["MPLBACKEND"] = "agg"
    failed = []
    for page in sorted(Path(folder).resolve().glob("*.md")):
        if chosen and page.stem not in chosen:
            continue
        before = time.monotonic()
        sys.stdout.flush()
        said, sys.stdout = sys.stdout, open(os.devnull, "w")  # noqa: SIM115
        try:
            count = run(page)
        except Exception:
            failed.append(page.stem)
            traceback.print_exc()
        finally:
            sys.stdout.close()
            sys.stdout = said
        if page.stem not in failed:
            print(f"{page.stem}: {count} cells, {time.monotonic() - before:.0f} s")
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])

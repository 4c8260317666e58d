"""Lay MathJax beside the pages, whose formulas then need nothing from elsewhere."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE, MEMBER = "mathjax@3.2.2", "package/es5/tex-svg.js"
SHA256 = "d4295dc33744836935c1399feece5159577b34c5c8ffb9f1c6324cd82e03a882"
PLACE = Path(__file__).parent.parent / "_static" / "mathjax" / "tex-svg.js"


def main() -> None:
    """Fetch the one file that is needed out of MathJax's package, check it, and put it in its place."""
    if PLACE.exists() and hashlib.sha256(PLACE.read_bytes()).hexdigest() == SHA256:
        return
    npm = shutil.which("npm")
    if npm is None:
        sys.exit(f"npm is needed once, to fetch {PACKAGE}; or put its es5/tex-svg.js into {PLACE.parent}")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([npm, "pack", "--silent", PACKAGE], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        (packed,) = Path(folder).glob("*.tgz")
        with tarfile.open(packed) as archive:
            member = archive.extractfile(MEMBER)
            script = member.read() if member else b""
    found = hashlib.sha256(script).hexdigest()
    if found != SHA256:
        sys.exit(f"{PACKAGE}: expected a file with the SHA-256 {SHA256}, got {found}")
    PLACE.parent.mkdir(parents=True, exist_ok=True)
    PLACE.write_bytes(script)


if __name__ == "__main__":
    main()

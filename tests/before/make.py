"""Writes files/ anew with the code that is imported: meant for the code before the change, see README.md.

``PYTHONPATH=OLD/src python tests/before/make.py``
"""

import json
import os
import shutil
import tempfile
from pathlib import Path

os.environ.setdefault("JAX_ENABLE_X64", "1")  # all as in tests/conftest.py
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("LUCIDNET_PROGRAMS", "off")

from situations import FILES, MODELS, SITUATIONS, processes, stopped, stream_goes_on, streamed, used, whole

import lucidnet as ln


def note(folder, expected):
    """Write the numbers that must come out beside the file."""
    text = json.dumps(rounded(expected), separators=(",", ":"))
    (folder / "expected.json").write_text(text + "\n", encoding="utf-8")


def rounded(tree):
    """Return nested dicts and lists with numbers of ten decimals: ten thousand times as many as are compared."""
    if isinstance(tree, dict):
        return {name: rounded(branch) for name, branch in tree.items()}
    return [rounded(item) for item in tree] if isinstance(tree, list) else round(tree, 10)


def main():
    shutil.rmtree(FILES, ignore_errors=True)
    for name, situation in SITUATIONS.items():
        folder = FILES / name
        if situation.mesh:
            processes("stop", folder)
            expected = processes("whole")[0]
        else:
            stopped(name, folder)
            expected = whole(name)
        note(folder, expected)
    for name, make in MODELS.items():
        model, x, y = make()
        model.about = {"data": "waves"}
        model.fit(x, y, epochs=2, batch_size=5, verbose=0)
        save(model, f"model_{name}", lambda loaded, x=x, y=y: used(loaded, x, y))
    save(streamed(), "online_kernl", stream_goes_on)


def save(model, name, goes_on):
    """Save a model, and note what becomes of it after loading."""
    folder = FILES / name
    folder.mkdir(parents=True)
    model.save(folder / "model.safetensors")
    with tempfile.TemporaryDirectory() as other:
        copy = shutil.copy(folder / "model.safetensors", Path(other))
        note(folder, goes_on(ln.load(copy)))


if __name__ == "__main__":
    main()

"""Mutants of whole files: bytes that are wrong, and content that is wrong under a hash that is right."""

import gzip
import io
import json
import struct
import zipfile

import numpy as np

from lucidnet.interop import container

from .seeds import unpacked

WORDS = [
    0,
    1,
    2,
    3,
    7,
    8,
    63,
    64,
    65,
    127,
    128,
    255,
    256,
    2**15,
    2**16 - 1,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**62,
    2**63,
    2**64 - 1,
]
ODD = [
    0, 1, -1, 2, 3, 7, 64, 65, 1000, 10**5, 10**8, 2**31, 2**63, 2**64, 10**30, 10**400, -(10**12), 0.0, -0.5, 1e-300, 1e300, 0.5,
    float("nan"), float("inf"), -float("inf"), True, False, None, "", "a", "\ud800", "\0", "dense1", "/", "@", "../../etc/passwd",
    "Dense", "Sequential", "float64", "float16", "complex64", "object", "<U5", "mse", [], {}, [[]], [1], [1, 2, 3], [None], [0],
    [10**9, 10**9], [2**31], [-1], {"a": 1}, {"type": "Dense"}, {"type": "Dense", "units": 3}, {"type": "Input", "shape": [9]},
    {"type": "Sequential", "layers": []}, {"type": "ZeroPadding2D", "padding": 9000}, {"type": "LeakyRNN", "units": 1},
    {"array": "@training/x"}, {"tuple": [1, 2]}, {"list": []}, {"dict": {}}, {"pairs": [[1, 2]]}, {"number": 1, "dtype": "float32"},
    {"number": 1e30, "dtype": "uint8"}, {"array": "dense1/W"},
]  # fmt: skip
"""What is put where something else stood."""


def mutant(kind, files, rng, folder, parsed):
    """Return a mutant: every other one has the right hash, where the format has one."""
    content = files[rng.integers(len(files))]
    if rng.random() < 0.5 and kind in INSIDE:
        return INSIDE[kind](content, rng, folder, parsed)
    return damaged(content, files, rng)


def damaged(content, files, rng):
    """Return bytes of which some are changed, lacking, or twice there."""
    made = bytearray(content)
    for _ in range(1 + int(rng.geometric(0.5))):
        if not made:
            break
        at, length = int(rng.integers(len(made))), int(rng.geometric(0.15))
        way = rng.integers(8)
        if way == 0:
            made[at] ^= 1 << int(rng.integers(8))
        elif way == 1:
            made[at : at + length] = rng.bytes(length)
        elif way == 2:
            del made[at : at + length]
        elif way == 3:
            made[at:at] = made[at : at + length]
        elif way == 4:
            width = int(rng.choice([1, 2, 4, 8]))
            word = WORDS[rng.integers(len(WORDS))] % 256**width
            made[at : at + width] = word.to_bytes(width, str(rng.choice(["little", "big"])))
        elif way == 5:
            del made[at:]
        elif way == 6:
            other = files[rng.integers(len(files))]
            made[at:] = other[min(at, len(other)) :]
        else:
            made[at : at + 1] = b"0123456789,.-+eE\"'\n\r\t \0[]{}:"[int(rng.integers(28)) :][:1]
    return bytes(made)


def changed(tree, rng):
    """Return plain data in which one place is another."""
    if rng.random() < 0.08 or not isinstance(tree, (dict, list)) or not tree:
        if isinstance(tree, int) and not isinstance(tree, bool) and rng.random() < 0.3:
            return tree + int(rng.integers(-2, 3))
        if isinstance(tree, str) and tree and rng.random() < 0.3:
            at = int(rng.integers(len(tree)))
            return tree[:at] + chr(int(rng.integers(32, 0x2FFF))) + tree[at + 1 :]
        if rng.random() < 0.02:
            for _ in range(int(rng.choice([3, 60, 300]))):
                tree = {"type": "Sequential", "layers": [tree]}
            return tree
        return ODD[rng.integers(len(ODD))]
    if isinstance(tree, list):
        at = int(rng.integers(len(tree)))
        if rng.random() < 0.1:
            return [*tree[:at], *tree[at + 1 :]]
        if rng.random() < 0.1:
            return [*tree, tree[at]]
        return [*tree[:at], changed(tree[at], rng), *tree[at + 1 :]]
    key = list(tree)[rng.integers(len(tree))]
    made = dict(tree)
    if rng.random() < 0.06:
        del made[key]
    elif rng.random() < 0.06:
        made[str(ODD[rng.integers(len(ODD))])] = made.pop(key)
    elif rng.random() < 0.06:
        made[list(tree)[rng.integers(len(tree))]] = made[key]
    else:
        made[key] = changed(made[key], rng)
    return made


def changed_arrays(arrays, rng):
    """Return arrays of which one is another."""
    made = dict(arrays)
    if not made:
        return {"dense1/W": np.zeros(3, "f")}
    name = list(made)[rng.integers(len(made))]
    array, way = made[name], rng.integers(7)
    if way == 0:
        del made[name]
    elif way == 1:
        made[name + str(rng.choice(["x", "/", "\0", "'"]))] = made.pop(name)
    elif way == 2:
        made[name] = array.astype(str(rng.choice(["f8", "f4", "f2", "i8", "u1", "?"])))
    elif way == 3:
        made[name] = array.reshape(-1) if rng.random() < 0.5 else array[None]
    elif way == 4:
        made[name] = np.resize(array, rng.integers(0, 5, rng.integers(0, 4)))
    elif way == 5:
        made[name] = array[..., ::-1].copy() if array.ndim else array
    else:
        flat = array.astype(array.dtype).reshape(-1).copy()
        if flat.size and flat.dtype.kind == "f":
            flat[rng.integers(flat.size)] = rng.choice([np.nan, np.inf, -1e30, 0])
        made[name] = flat.reshape(array.shape)
    return made


def in_container(content, rng, folder, parsed):
    """Return a model file with another content, and the right hash."""
    if content not in parsed:
        parsed[content] = unpacked(content, folder)
    description, arrays = parsed[content]
    for _ in range(int(rng.geometric(0.7))):
        if rng.random() < 0.25:
            arrays = changed_arrays(arrays, rng)
        else:
            description = changed(description, rng)
    text = json.dumps(description)
    if rng.random() < 0.1 and len(text) > 9:
        at = int(rng.integers(len(text)))
        text = (
            text[:at]
            + str(rng.choice(["9" * 5000, "[" * 20000, '"a":1,"a":2,', "1e999", "\\ud800", "-"]))
            + text[at + 1 :]
        )
    with np.errstate(all="ignore"):
        arrays = {name: np.ascontiguousarray(array).reshape(array.shape) for name, array in arrays.items()}
    return packed(text, arrays)


def packed(text, arrays):
    """Return a file as `container.write` writes it, of any text; what the library would refuse to write, too."""
    ours = {"version": 1, "sha256": container.fingerprint(text, arrays), "description": text}
    header, begin = {"__metadata__": {"lucidnet": json.dumps(ours)}}, 0
    names = {kind: name for name, kind in container.DTYPES.items()}
    for name, array in arrays.items():
        slot = {
            "dtype": names[array.dtype.str],
            "shape": array.shape,
            "data_offsets": [begin, begin + array.nbytes],
        }
        header[name], begin = slot, begin + array.nbytes
    head = json.dumps(header).encode()
    return b"".join([len(head).to_bytes(8, "little"), head, *(array.tobytes() for array in arrays.values())])


def in_zip(content, rng, folder, parsed):
    """Return a ZIP file, whole as such, of a member that is damaged."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w") as new:
        names = old.namelist()
        which = names[rng.integers(len(names))]
        for name in names:
            member = old.read(name)
            if name == which:
                way = rng.integers(6)
                member = header_changed(member, rng) if way < 4 else damaged(member, [member], rng)
                name = (
                    str(rng.choice([name, name, name, "x", "../x.npy", "y.npy", "x.npy/", "\0"]))
                    if way == 5
                    else name
                )
            packing = int(rng.choice([0, 8, 8, 8, zipfile.ZIP_BZIP2]))
            new.writestr(zipfile.ZipInfo(name), member, packing)
    return made.getvalue()


def header_changed(member, rng):
    """Return an NPY file whose header says something else, and is as long as it says."""
    version, length = member[6], struct.unpack("<H", member[8:10])[0]
    given = {"descr": "<f4", "fortran_order": False, "shape": (12, 4)}
    try:
        given = dict(eval(member[10 : 10 + length]))  # of our own file
    except Exception:
        return damaged(member, [member], rng)
    kinds = [
        "<f8",
        "|O",
        "<U3",
        "|S5",
        "<c16",
        "<M8[s]",
        "|V9",
        [("a", "<f4")],
        "f4,f4",
        "<f99",
        "|b1",
        7,
        ">i2",
        "<U999999999",
    ]
    shapes = [
        (),
        (0,),
        (2**31, 2),
        (2**62, 2**62, 0),
        (1,) * 65,
        (-1,),
        (3.0,),
        "x",
        7,
        (12,),
        (4, 12),
        (10**9,),
        (True,),
    ]
    way = rng.integers(5)
    if way == 0:
        given["descr"] = kinds[rng.integers(len(kinds))]
    elif way == 1:
        given["shape"] = shapes[rng.integers(len(shapes))]
    elif way == 2:
        given["fortran_order"] = [True, 1, None][rng.integers(3)]
    elif way == 3:
        given[str(rng.choice(["shape ", "more", "descr"]))] = 1
    text = repr(given)
    if way == 4:
        text = str(
            rng.choice(
                [
                    "{" * 3000,
                    "-" * 5000 + "1",
                    "(" * 150 + ")" * 150,
                    "__import__('os')",
                    "{'shape': (1,), 'shape': (2,)}",
                    "",
                ]
            )
        )
    head = text.encode() + b"\n"
    return (
        member[:6] + bytes([version, 0]) + struct.pack("<H", len(head) % 65536) + head + member[10 + length :]
    )


def in_gzip(content, rng, folder, parsed):
    """Return an IDX file that is damaged, in gzip that is whole; or the other way round."""
    if rng.random() < 0.8:
        return gzip.compress(damaged(content, [content], rng), 1)
    return damaged(gzip.compress(content, 1), [content], rng)


def in_hdf5(content, rng, folder, parsed):
    """Return an HDF5 file whose blocks with a checksum (version 2 of the format) have the right one, where it is Jenkins' lookup3."""
    made = bytearray(damaged(content, [content], rng))
    for mark, size in ((b"\x89HDF\r\n\x1a\n", 44), (b"OHDR", None)):
        at = made.find(mark)
        while at >= 0:
            end = at + size if size else at + _header_length(made, at)
            if end + 4 <= len(made) and made[8] >= 2:
                made[end : end + 4] = lookup3(bytes(made[at:end])).to_bytes(4, "little")
            at = made.find(mark, at + 4)
    return bytes(made)


def _header_length(made, at):
    if at + 8 > len(made):
        return 1 << 40
    flags = made[at + 5]
    width = 1 << (flags & 3)
    begin = at + 6 + (16 if flags & 32 else 0) + (4 if flags & 16 else 0)
    return begin + width + int.from_bytes(made[begin : begin + width], "little") - at


def lookup3(key):
    """Return the checksum of HDF5's metadata (Bob Jenkins, lookup3.c, hashlittle, 2006)."""
    m = 0xFFFFFFFF

    def rot(x, k):
        return ((x << k) | (x >> (32 - k))) & m

    a = b = c = (0xDEADBEEF + len(key)) & m
    at, left = 0, len(key)
    while left > 12:
        a = (a + int.from_bytes(key[at : at + 4], "little")) & m
        b = (b + int.from_bytes(key[at + 4 : at + 8], "little")) & m
        c = (c + int.from_bytes(key[at + 8 : at + 12], "little")) & m
        a = ((a - c) & m) ^ rot(c, 4)
        c = (c + b) & m
        b = ((b - a) & m) ^ rot(a, 6)
        a = (a + c) & m
        c = ((c - b) & m) ^ rot(b, 8)
        b = (b + a) & m
        a = ((a - c) & m) ^ rot(c, 16)
        c = (c + b) & m
        b = ((b - a) & m) ^ rot(a, 19)
        a = (a + c) & m
        c = ((c - b) & m) ^ rot(b, 4)
        b = (b + a) & m
        at, left = at + 12, left - 12
    if not left:
        return c
    tail = key[at:] + bytes(12 - left)
    a = (a + int.from_bytes(tail[:4], "little")) & m
    b = (b + int.from_bytes(tail[4:8], "little")) & m
    c = (c + int.from_bytes(tail[8:12], "little")) & m
    c = ((c ^ b) - rot(b, 14)) & m
    a = ((a ^ c) - rot(c, 11)) & m
    b = ((b ^ a) - rot(a, 25)) & m
    c = ((c ^ b) - rot(b, 16)) & m
    a = ((a ^ c) - rot(c, 4)) & m
    b = ((b ^ a) - rot(a, 14)) & m
    return ((c ^ b) - rot(b, 24)) & m


INSIDE = {"model": in_container, "checkpoint": in_container, "npz": in_zip, "idx": in_gzip, "hdf5": in_hdf5}
"""What makes mutants whose hash, or checksum, is right."""

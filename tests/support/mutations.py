# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input by the thousand, the same in every run: a seed damages a good document, archive or stream in one way or several.

``PYCONTAINER_TEST_SCALE=20`` makes twenty times as many. A case that was found wrong is to be had again by its number.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import random
import re
import resource
import signal

from . import scale

LONGEST = 30  # seconds of one case: more is a hang
MEMORY = 1 << 30  # bytes that a case may ask for beyond what is there

# What stands in the place of something else in a JSON document.
ODD = (
    None,
    True,
    False,
    0,
    -1,
    1,
    1 << 63,
    -(1 << 70),
    10**30,
    10**400,
    1.5,
    float("inf"),
    float("nan"),
    "",
    "x",
    "\0",
    "\ud800",
    "/",
    "..",
    "../../etc",
    "a" * 300,
    "é" * 2000,
    "sha256:" + "0" * 64,
    "sha256:" + "A" * 64,
    "sha512:" + "0" * 64,
    "md5:" + "0" * 32,
    "sha256:",
    "unknown/unknown",
    "2024-13-45T99:99:99Z",
    [],
    {},
    [[]],
    [None],
    [0],
    [""],
    ["x"],
    {"": ""},
    {"x": None},
    {"x": []},
    [{}],
    [[], {}],
)

# What Python calls things: no reader of the specification knows these words.
PYTHON = re.compile(
    r"\bNone\b|NoneType|'(str|int|float|dict|list|bool)'|embedded null|int_max_str_digits|\[Errno|unhashable|codec can|surrogates|"
    r"\bTrue\b|\bFalse\b|argument must be|positional argument|object is not|indices must|too large to convert|\{'|\['|\\ud[89a-f]"
)


def cases(count):
    """Seeds for so many cases (scale.py)."""
    return range(scale.scaled(count))


class Wrong(Exception):
    """A case that hangs."""


@contextlib.contextmanager
def bounded():
    """A case that takes too long, or too much memory, raises."""

    def late(_number, _frame):
        raise Wrong("it hangs")

    before = signal.signal(signal.SIGALRM, late)
    limits = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm", encoding="ascii") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, limits[1]))
    signal.setitimer(signal.ITIMER_REAL, LONGEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, limits)
        signal.signal(signal.SIGALRM, before)


def outcomes(seeds, attempt, accepted):
    """Call ``attempt(random.Random)`` for every seed; ``["case N: what is wrong with it"]``.

    :param attempt: may raise ``accepted``. :returns: besides that list, how many did not.
    """
    wrong, fine = [], 0
    for seed in seeds:
        try:
            with bounded():
                attempt(random.Random(seed))
            fine += 1
        except accepted as error:
            if not str(error) or "Traceback" in str(error):
                wrong.append("case %d: an error that says nothing: %r" % (seed, error))
        except Exception as error:  # pylint: disable=broad-except  # that is what is looked for
            trace = error.__traceback__
            while trace.tb_next is not None:
                trace = trace.tb_next
            code = trace.tb_frame.f_code
            wrong.append(
                "case %d: %s:%d %s: %s: %s"
                % (
                    seed,
                    os.path.basename(code.co_filename),
                    trace.tb_lineno,
                    code.co_name,
                    type(error).__name__,
                    ascii(str(error))[:200],
                )
            )
    return wrong, fine


# ---------------------------------------------------------------------------------------------------------------- documents


def places(value, path=()):
    """The paths of everything in a document."""
    found = [path]
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in items:
        found += places(inner, path + (key,))
    return found


def document(chance, good):
    """A good JSON document, damaged: as bytes."""
    damaged = copy.deepcopy(good)
    for _number in range(chance.choice((1, 1, 1, 2, 3))):
        path = chance.choice(places(damaged))
        if not path:
            if chance.random() < 0.1:
                damaged = copy.deepcopy(chance.choice(ODD))
            continue
        holder = damaged
        for key in path[:-1]:
            holder = holder[key]
        _change(chance, holder, path[-1])
    data = json.dumps(damaged).encode()
    kind = chance.random()
    if kind < 0.08:
        return binary(chance, data)
    if kind < 0.1:
        return b"[" * 100000
    if kind < 0.12:
        return data.replace(b"}", b', "x": ' + b'{"x":' * 3000 + b"1" + b"}" * 3000 + b"}", 1)
    return data


def _change(chance, holder, key):
    how = chance.randrange(6)
    if how == 0:
        del holder[key]
    elif how == 1 and isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    elif how == 1:
        holder[chance.choice(("x", "", key.upper() if isinstance(key, str) else "y"))] = (
            copy.deepcopy(holder[key])
        )
    elif how == 2 and isinstance(holder[key], list) and holder[key]:
        holder[key] = holder[key] * chance.choice((2, 7, 300))
    elif how == 3 and isinstance(holder[key], str):
        holder[key] = text(chance, holder[key])
    else:
        holder[key] = copy.deepcopy(chance.choice(ODD))


def text(chance, good):
    """A good text, damaged."""
    at = chance.randrange(len(good) + 1)
    piece = chance.choice(
        (
            "",
            "/",
            ":",
            "@",
            "..",
            "//",
            "\0",
            "\n",
            " ",
            "é",
            "\ud800",
            "A",
            "-",
            "_",
            "\U0001f433",
            "x" * 200,
            "[::1]",
            "%2f",
            "?",
            "#",
            good,
        )
    )
    return chance.choice(
        (
            good[:at] + piece + good[at:],
            good[:at] + piece + good[at + 1 :],
            good[:at],
            good[at:],
            piece,
            good[::-1],
            good.upper(),
        )
    )


# ------------------------------------------------------------------------------------------------------------------- bytes


def binary(chance, good):
    """Good bytes, damaged: bits, bytes and ranges changed, left out, doubled, cut off."""
    data = bytearray(good)
    for _number in range(chance.choice((1, 1, 2, 4))):
        at = chance.randrange(len(data) + 1)
        length = chance.choice((1, 2, 8, 64, 512, 4096))
        how = chance.randrange(8)
        if how == 0 and at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        elif how == 1:
            data[at : at + length] = chance.randbytes(len(data[at : at + length]))
        elif how == 2:
            del data[at : at + length]
        elif how == 3:
            data[at:at] = data[at : at + length]
        elif how == 4:
            del data[at:]
        elif how == 5:
            data[at : at + length] = bytes(len(data[at : at + length]))
        elif how == 6:
            data[at:at] = chance.randbytes(length)
        elif at < len(data):
            data[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
    return bytes(data)


FIELDS = {  # of a tar header: where, how long
    "name": (0, 100),
    "mode": (100, 8),
    "uid": (108, 8),
    "gid": (116, 8),
    "size": (124, 12),
    "mtime": (136, 12),
    "type": (156, 1),
    "link": (157, 100),
    "magic": (257, 8),
    "major": (329, 8),
    "minor": (337, 8),
    "prefix": (345, 155),
    "sparse": (386, 96),
    "more": (482, 1),
    "real size": (483, 12),
}
NUMBERS = (
    b"",
    b"0",
    b"7777777",
    b"77777777777",
    b"-1",
    b"+1",
    b"8",
    b"0x1",
    b"1_0",
    b" 12 ",
    b"\x80" + bytes(11),
    b"\xff" * 12,
    b"\x80" + b"\xff" * 11,
    b"\x80\0\0\0\0\0\0\1\0\0\0\0",
    b"\xff" + bytes(11),
)
NAMES = (
    b"",
    b".",
    b"..",
    b"/",
    b"../x",
    b"a/../../x",
    b"/etc/passwd",
    b"a\xff\xfe",
    b"x" * 100,
    b".wh.",
    b".wh..",
    b".wh...",
    b".wh.a",
    b"a/.wh..wh..opq",
    b".wh..wh..opq",
    b".wh..wh.plnk/x",
    b"a" + b"/a" * 49,
    b"file",
    b"dir",
    b"dir/",
    b"./",
    b"//",
    b"dir/file/x",
)
PAX = (
    b"path",
    b"linkpath",
    b"size",
    b"uid",
    b"gid",
    b"mtime",
    b"SCHILY.xattr.user.x",
    b"SCHILY.xattr.security.capability",
    b"SCHILY.xattr.",
    b"GNU.sparse.major",
    b"GNU.sparse.minor",
    b"GNU.sparse.map",
    b"GNU.sparse.offset",
    b"GNU.sparse.numbytes",
    b"GNU.sparse.numblocks",
    b"GNU.sparse.name",
    b"GNU.sparse.realsize",
    b"GNU.sparse.size",
    b"comment",
    b"",
)
VALUES = NAMES + (
    b"0",
    b"1",
    b"-1",
    b"1.5",
    b"1e9",
    b"9" * 19,
    b"9" * 40,
    b"0,1",
    b"0,512,1024,512",
    b"5,1,0,1",
    b"a" * 3000,
    b"x\0y",
    b"4294967295",
    b"\xff" * 50,
    b"-99999999999999999999.5",
    b"." * 20,
)


def archive(chance, good):
    """A good tar archive, damaged where readers look: header fields with a right checksum, pax records, parts of sparse files, order."""
    if chance.random() < 0.15:
        return binary(chance, good)
    blocks = [good[at : at + 512] for at in range(0, len(good), 512)]
    headers = [number for number, block in enumerate(blocks) if block[257:262] == b"ustar"]
    for _number in range(chance.choice((1, 1, 2, 3))):
        number = chance.choice(headers)
        how = chance.random()
        if how < 0.55:
            blocks[number] = header(chance, blocks[number])
        elif how < 0.8:
            blocks[number] = pax(chance) + blocks[number]
        elif how < 0.9:
            blocks[number] = blocks[chance.choice(headers)] + blocks[number]
        else:
            blocks[number] = b""
    data = b"".join(blocks)
    return data[: chance.randrange(len(data))] if chance.random() < 0.1 else data


def header(chance, block):
    """A tar header with another field or two, and the checksum that goes with them."""
    fields = bytearray(block[:512])
    for _number in range(chance.choice((1, 1, 2))):
        name = chance.choice(sorted(FIELDS))
        at, length = FIELDS[name]
        if name in ("name", "link", "prefix"):
            value = chance.choice(NAMES)
        elif name == "type":
            value = chance.choice(
                (
                    b"\0",
                    b"0",
                    b"1",
                    b"2",
                    b"3",
                    b"4",
                    b"5",
                    b"6",
                    b"7",
                    b"S",
                    b"L",
                    b"K",
                    b"x",
                    b"g",
                    b"V",
                    b"D",
                    b"M",
                    b"N",
                    b"Z",
                    b"\xff",
                )
            )
        elif name == "sparse":
            value = b"".join(chance.choice(NUMBERS).ljust(12, b"\0")[:12] for dummy in range(8))
        else:
            value = chance.choice(NUMBERS)
        fields[at : at + length] = value.ljust(length, b"\0")[:length]
    fields[148:156] = b" " * 8
    fields[148:156] = b"%06o\0 " % sum(fields)
    return bytes(fields) + block[512:]


def pax(chance):
    """A pax header with odd records."""
    data = b""
    for _number in range(chance.choice((1, 2, 4))):
        key, value = chance.choice(PAX), chance.choice(VALUES)
        body = b" %s=%s\n" % (key, value)
        length = len(body) + len(str(len(body) + 3))
        data += (
            str(
                length
                if chance.random() < 0.95
                else chance.choice((0, 1, 5, length + 1, length - 1, 10**19))
            ).encode()
            + body
        )
    made = bytearray(512)
    made[:4], made[100:107], made[124:135] = b"./PH", b"0000644", b"%011o" % len(data)
    made[156:157], made[257:265] = chance.choice((b"x", b"x", b"x", b"g")), b"ustar\x0000"
    made[148:156] = b" " * 8
    made[148:156] = b"%06o\0 " % sum(made)
    return bytes(made) + data + bytes(-len(data) % 512)

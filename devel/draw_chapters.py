# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw docs/chapters.svg: the parts of the engine, their chapters, and who imports whom.

    .venv/bin/python devel/draw_chapters.py

Everything comes from tests/unit/test_arrows.py: the floors and chapters that it asserts, and the
imports that it finds. A line's width tells how many imports it stands for.
"""

from __future__ import annotations

import collections
import html
import math
import pathlib
import sys

CHECKOUT = pathlib.Path(__file__).resolve().parents[1]
PICTURE = CHECKOUT / "docs" / "chapters.svg"
WIDTH = 1180
LINE, GAP, EDGE = 18, 58, 44  # pixels: a line of text, between floors, around all
NOTE = (
    "A line leads down from a part to a part that it imports; its width tells how often. "
    "Within a part, a chapter imports those left of it."
)
LETTER = 7.3  # pixels of one letter at 12 px
COLOURS = ["#e8eef7", "#e6f2ec", "#fdf3e1", "#f6e9ee", "#eceaf6", "#e5f1f3"]


class Part:
    """A part of the house: a box with its chapters, lowest first."""

    def __init__(self, name: str, chapters: list[str]) -> None:
        self.name, self.chapters = name, chapters
        self.lines = _wrapped(chapters)
        longest = max([len(name) + 2, *map(len, self.lines)])
        self.width = longest * LETTER + 24
        self.height = 30 + LINE * len(self.lines)
        self.x = self.y = 0.0


def _wrapped(chapters: list[str], length: int = 46) -> list[str]:
    lines = [""]
    for number, chapter in enumerate(chapters):
        word = ("" if number == 0 else " → ") + chapter
        if len(lines[-1] + word) > length:
            lines.append("")
            word = word.strip()
        lines[-1] += word
    return [line for line in lines if line]


def _chapters(arrows, name: str) -> list[str]:
    found = []
    for line in arrows.CHAPTERS.get(name, []):
        inside = [chapter.replace(".", "/") for chapter in line.split(" ") if chapter]
        if inside:
            found.append(", ".join(inside))
    return found


def placed(arrows) -> dict[str, Part]:
    """``{name: part}`` with places, the top floor first."""
    parts, y = {}, float(EDGE)
    # What all use is one floor, without lines: they would hide the others. The roof is left out.
    ground = arrows.FLOORS.index("kernel store")
    floors = [" ".join(arrows.FLOORS[:ground]), *arrows.FLOORS[ground:-1]]
    for floor in reversed(floors):
        row = [Part(name, _chapters(arrows, name)) for name in floor.split(" ")]
        free = WIDTH - sum(part.width for part in row)
        x, space = 0.0, free / (len(row) + 1)
        for part in row:
            x += space
            part.x, part.y = x, y
            x += part.width
            parts[part.name] = part
        y += max(part.height for part in row) + GAP
    return parts


def imports(arrows) -> dict[tuple[str, str], int]:
    """``{(importing part, imported part): how many}``."""
    found = collections.Counter()
    for path in arrows.FILES:
        own = arrows.floor_part(arrows.module_of(path))
        for module, _name in arrows.inner(path)[0]:
            other = arrows.floor_part(module)
            if own != other and own and other:
                found[own, other] += 1
    return dict(found)


def _curve(begin: Part, end: Part, count: int) -> str:
    x1, y1 = begin.x + begin.width / 2, begin.y + begin.height
    x2, y2 = end.x + end.width / 2, end.y
    bend = (y2 - y1) / 2
    return (
        f'<path d="M{x1:.0f},{y1:.0f} C{x1:.0f},{y1 + bend:.0f} {x2:.0f},{y2 - bend:.0f} '
        f'{x2:.0f},{y2:.0f}" stroke-width="{0.6 + math.log2(1 + count) / 2:.1f}">'
        f"<title>{begin.name} imports {end.name}: {count}</title></path>"
    )


def picture(arrows) -> str:
    """The SVG document."""
    parts, counts = placed(arrows), imports(arrows)
    height = max(part.y + part.height for part in parts.values()) + 20
    text = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" '
        f'font-family="DejaVu Sans Mono, monospace" font-size="12">',
        "<!-- made by devel/draw_chapters.py -->",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="{WIDTH / 2:.0f}" y="24" text-anchor="middle" fill="#394358">{NOTE}</text>',
        '<g fill="none" stroke="#7a8699" stroke-opacity="0.55">',
    ]
    ground = set(" ".join(arrows.FLOORS[: arrows.FLOORS.index("kernel store")]).split(" "))
    for (one, other), count in sorted(counts.items()):
        if other not in ground and one in parts:
            text.append(_curve(parts[one], parts[other], count))
    text.append("</g>")
    for number, part in enumerate(parts.values()):
        colour = COLOURS[number % len(COLOURS)]
        text.append(
            f'<rect x="{part.x:.0f}" y="{part.y:.0f}" width="{part.width:.0f}" '
            f'height="{part.height:.0f}" rx="5" fill="{colour}" stroke="#56617a"/>'
        )
        middle = part.x + part.width / 2
        text.append(
            f'<text x="{middle:.0f}" y="{part.y + 19:.0f}" text-anchor="middle" '
            f'font-weight="bold">{html.escape(part.name)}</text>'
        )
        for row, line in enumerate(part.lines):
            text.append(
                f'<text x="{middle:.0f}" y="{part.y + 37 + row * LINE:.0f}" '
                f'text-anchor="middle" fill="#394358">{html.escape(line)}</text>'
            )
    return "\n".join([*text, "</svg>", ""])


def main() -> None:
    sys.path[:0] = [str(CHECKOUT / "tests"), str(CHECKOUT / "tests" / "unit")]
    import test_arrows

    PICTURE.write_text(picture(test_arrows), encoding="utf-8")


if __name__ == "__main__":
    main()

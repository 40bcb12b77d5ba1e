# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan a build with its results: images for several platforms, merged steps, pushes, files and
archives.
"""

from __future__ import annotations

from ... import images
from ...errors import InvalidInput
from ...images.model import manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from ...engine import Engine
    from ...images import Registries
    from ..outputs.outputs import Output
    from .build_plan import BuildPlan

    Make = Callable[[list[str], "str | None", "str | None"], BuildPlan]


class Wish:
    """The results of a build.

    :ivar names: for the image.
    :ivar platforms: texts; None for the host's.
    :ivar squash: whether the steps become one layer.
    :ivar outputs: those with a ``dest``.
    :ivar pushed: the names that are pushed.
    :ivar index: names of more images for the index.
    :ivar sign: as of :func:`images.plan_push`.
    """

    names: list[str]
    platforms: list[str | None]
    pushed: list[str]
    outputs: list[Output]

    def __init__(
        self,
        names: Iterable[str],
        *,
        platforms: Iterable[str] = (),
        squash: bool = False,
        outputs: Sequence[Output] = (),
        pushed: Iterable[str] = (),
        registries: Registries | None = None,
        index: Iterable[str] = (),
        sign: dict[str, Any] | None = None,
        option: str = "platform",
    ) -> None:
        """Sort the requested results.

        :param outputs: all of them: those of type image and registry become names and pushes.
        :param option: the name of the option with the platforms.
        :raises InvalidInput: for a combination that is not supported.
        """
        self.names, self.squash, self.registries = list(names), squash, registries
        self.index, self.sign = list(index), sign
        self.platforms, self.pushed = list(platforms) or [None], list(pushed)
        for output in outputs:
            if output.is_image:
                self.names += [name for name in output.names if name not in self.names]
                self.pushed += [
                    name
                    for name in (output.names or self.names)
                    if output.push and name not in self.pushed
                ]
        self.outputs = [output for output in outputs if not output.is_image]
        self._check(option)

    def _check(self, option: str) -> None:
        if len(self.platforms) == 1:
            return
        shown = ",".join(platform or "" for platform in self.platforms)
        seen = [manifest.parse_platform(platform) for platform in self.platforms]
        if len(set(seen)) < len(seen):
            raise InvalidInput(option, shown, "different platforms")
        if not self.pushed:
            raise InvalidInput(
                option,
                shown,
                "one platform, or several together with a push: a name on a host is one "
                "platform's image",
            )
        if self.squash:
            raise InvalidInput(option, shown, "one platform together with squash")
        for output in self.outputs:
            raise InvalidInput(
                option, shown, f"one platform together with an output of type {output.kind}"
            )


def plan(engine: Engine, wish: Wish, make: Make) -> BuildPlan:
    """Plan a build and its results.

    :param make: plans the build of one platform. It is called with names, platform, and what to
        call the image where it gets no name.
    """
    for output in wish.outputs:
        output.check()
    several = len(wish.platforms) > 1
    title = images.tagged(wish.names[0]).familiar if wish.names else None
    made = []
    for number, platform in enumerate(wish.platforms):
        shown = f"{title} for {platform}" if several else title
        made.append(make([] if number or wish.squash else wish.names, platform, shown))
    first, others, findings = made[0], made[1:], made[0].checks
    for number, other in enumerate(others, 1):
        for change in other.changes:
            change.name = f"{change.name} {wish.platforms[number]}"
        first.changes.extend(other.changes)
        first.warnings += [warning for warning in other.warnings if warning not in first.warnings]
        other.warnings = first.warnings  # what it says while it is built comes there too
    if wish.squash:
        first = _squash(engine, first, wish.names)
    _push(first, others, wish)
    for output in wish.outputs:
        _give_out(engine, first, output, wish.names, title or "of the build")
    facts = first.facts
    first.facts = lambda: dict(facts(), checks=[finding.facts() for finding in findings])
    return first


def _squash(engine: Engine, built: BuildPlan, names: list[str]) -> Any:
    """Return the plan of ``built`` with its steps merged, and named."""
    if not built.unknown:
        merged = _merged(engine, built, names)
        merged.changes[:0], merged.warnings[:0] = built.changes, built.warnings
        return merged

    def apply() -> None:
        merged = _merged(engine, built, names)
        merged.apply()
        built.is_there(merged.record())

    built.add(
        "layers",
        None,
        "one",
        f"merge the layers of the build's steps into one, and name the image {', '.join(names)}",
        apply,
    )
    return built


def _merged(engine: Engine, built: BuildPlan, names: list[str]) -> Any:
    if built.upper > 1:
        return images.plan_squash(engine, built.image, names, built.upper)
    plan_ = images.ImagePlan(engine, built.subject, built.reference).is_there(built.record())
    for name in names:
        images.name_image(plan_, built.image, images.tagged(name).tagged)
    return plan_


def _push(first: Any, others: list[BuildPlan], wish: Wish) -> None:
    """Add the pushes. The registry is compared when the images exist."""

    def now(target: Any, texts: list[str]) -> None:
        index = wish.index + [other.image for other in others]
        images.plan_push(target, texts, wish.registries, index=index, sign=wish.sign)

    def later(text: str) -> None:
        target = images.ImagePlan(first.engine, first.subject).is_there(first.record())
        now(target, [text])
        target.apply()

    if not wish.pushed:
        return
    if not any(each.unknown for each in [first] + others):
        now(first, wish.pushed)
        return
    what = "index" if others or wish.index else "image"
    for text in wish.pushed:
        first.add(
            "registry " + text, None, "pushed", f"push {what} {text}", lambda text=text: later(text)
        )


def _give_out(engine: Engine, first: Any, output: Output, names: list[str], shown: str) -> None:
    references = [images.tagged(name).tagged for name in names]
    if output.dest == "-":
        return  # the command's own
    if not first.unknown:
        first.extend(output.plan(engine, first.record(), references, shown))
        return

    def later() -> None:
        plan = output.plan(engine, first.record(), references, shown)
        first.warnings += plan.warnings
        plan.apply()

    first.add("output " + output.dest, None, "as in the image", output.action(shown), later)

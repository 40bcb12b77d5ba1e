# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""read -> plan -> apply: the one way anything on a host is changed.

A noun (image, container, volume, network, registry) offers a function that reads what is there and returns a
:class:`Plan`: an ordered list of :class:`Change`, each with what it changes, the value before, the value after and how
it is carried out. Check mode is the plan without ``apply``; diff mode is the plan, rendered; "changed" is "the plan is
not empty". So check mode and the real run can't disagree, and no module compares anything itself.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Change:
    """One step of a plan.

    :param name: what changes, in the user's words: an option (``memory``) or the object's ``state``.
    :param before: its value now (JSON-able; None for "not there").
    :param after: its value afterwards (JSON-able; None for "gone").
    :param action: the step as a short imperative sentence, e.g. ``pull image alpine:latest``; None: another change's says it.
    :param apply: called without arguments to carry the step out; None when another change of the plan does it.
    :param live: whether a running container keeps running through it.
    """

    __slots__ = ("name", "before", "after", "action", "apply", "live")

    def __init__(
        self,
        name: str,
        before: Any,
        after: Any,
        action: str | None,
        apply: Callable[[], object] | None = None,
        live: bool = True,
    ) -> None:
        self.name, self.before, self.after = name, before, after
        self.action, self.apply, self.live = action, apply, live


class Plan:
    """An ordered list of changes to one object.

    :param subject: what the plan is about, e.g. ``container web``: the diff's header.
    :param facts: called without arguments after ``apply`` (or instead of it in check mode) for what to return to the
        user: a dictionary of result keys, e.g. ``{"container": {...}}``.
    """

    def __init__(self, subject: str, facts: Callable[[], dict[str, Any]] | None = None) -> None:
        self.subject = subject
        self.changes: list[Change] = []
        self.facts: Callable[[], dict[str, Any]] = facts or dict
        self.warnings: list[str] = []

    def add(
        self,
        name: str,
        before: Any,
        after: Any,
        action: str | None,
        apply: Callable[[], object] | None = None,
        live: bool = True,
    ) -> None:
        """Append a change; see :class:`Change` for the parameters."""
        self.changes.append(Change(name, before, after, action, apply, live))

    def extend(self, other: Plan) -> None:
        """Append another plan's changes and warnings, e.g. the pull of an image that a container needs."""
        self.changes.extend(other.changes)
        self.warnings.extend(other.warnings)

    @property
    def changed(self) -> bool:
        return bool(self.changes)

    @property
    def actions(self) -> list[str]:
        """What is done, in order, as sentences; a change without one rides on another's."""
        return [change.action for change in self.changes if change.action]

    def diff(self) -> dict[str, Any]:
        """The plan as Ansible's diff mode shows it: equal keys on both sides, only what changes."""
        before: dict[str, Any] = {}
        after: dict[str, Any] = {}
        for change in self.changes:
            # of two steps on one thing, the first saw it as it was
            before.setdefault(change.name, change.before)
            after[change.name] = change.after
        return {
            "before_header": self.subject,
            "after_header": self.subject,
            "before": before,
            "after": after,
        }

    def apply(self) -> None:
        for change in self.changes:
            if change.apply is not None:
                change.apply()


def carry_out(plan: Plan, check: bool) -> dict[str, Any]:
    """Apply ``plan`` unless ``check``, and return the result dictionary of a task.

    :returns: ``changed``, ``actions`` (sentences), ``diff``, ``warnings`` and what ``plan.facts()`` adds.
    """
    if not check:
        plan.apply()
    result = {
        "changed": plan.changed,
        "actions": plan.actions,
        "diff": plan.diff(),
        "warnings": list(plan.warnings),
    }
    result.update(plan.facts())
    return result

# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Apply instructions to the configuration of an existing image: ``commit --change``, ``import
--change``, the option ``changes``.
"""

from __future__ import annotations

from ...errors import InvalidInput
from ...images.model import manifest
from ..parse import expansion, instructions, lines
from . import stage_state as states

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from ..parse.instructions import Instruction

    Item = tuple[str, Instruction]  # as given, and read


NAMES = (
    "CMD",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "HEALTHCHECK",
    "LABEL",
    "ONBUILD",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
)


def by(
    items: Iterable[str] | None, option: str = "changes"
) -> Callable[[dict[str, Any]], None] | None:
    """Return a function that applies Containerfile instructions to a ``config``, or None where
    there are none.

    :param items: texts of one or more instructions.
    :raises InvalidInput: naming ``option``, for another instruction or a wrong one.
    """
    found = [(item, instruction) for item in items or () for instruction in _read(item, option)]
    return (lambda config: _apply(config, found, option)) if found else None


def _read(item: str, option: str) -> list[Instruction]:
    try:
        file = lines.read(str(item).encode("utf-8", "surrogateescape"))
        for raw in file.instructions:
            if raw.name not in NAMES:
                raise InvalidInput(option, item, f"instructions {', '.join(NAMES)}")
        return [instructions.parse(raw, file.escape) for raw in file.instructions]
    except lines.BadFile as error:
        raise InvalidInput(
            option, item, f"an instruction of a Containerfile ({error.message})"
        ) from None


def _apply(config: dict[str, Any], found: list[Item], option: str) -> None:
    state = states.State(manifest.host_platform())
    state.config, lexer = config, expansion.Lexer()
    for item, instruction in found:
        try:
            if instruction.name == "WORKDIR":
                path = lexer.word(instruction.args[0], state.values())
                if not path:
                    raise expansion.Trouble("the path is empty")
                config["WorkingDir"] = state.workdir(path)
            else:
                states.apply(state, instruction, lexer)
        except expansion.Trouble as error:
            raise InvalidInput(
                option, item, f"an instruction of a Containerfile ({error})"
            ) from None

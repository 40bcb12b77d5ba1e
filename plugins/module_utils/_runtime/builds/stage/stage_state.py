# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a stage: the image's configuration, its history and layers, and the arguments in
force.

Instructions that only change the configuration are applied here. The history has BuildKit's form,
because tools that explain images read that.
"""

from __future__ import annotations

import copy
import datetime
import json
import posixpath
import re

from ...images.model import manifest
from ...kernel.processes import signal_names
from ..parse import instructions, lines
from ..parse.expansion import Trouble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, TypedDict

    from ...images.library.built import Layer
    from ..parse.expansion import Lexer
    from ..parse.instructions import Instruction

    Platform = tuple[str, str, str]  # os, architecture, variant

    class StepNote(TypedDict):
        """A step for external caches: its key, the layer that it added ("" for none), and when."""

        keys: list[str]
        diff_id: str
        created: str

    Expand = Callable[[str], str]  # a word with its variables


DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SHELL = ["/bin/sh", "-c"]
COMMENT = "buildkit.dockerfile.v0"  # what tools know this form of history by
START = "1970-01-01T00:00:00Z"


def normal_variant(platform: Platform) -> str:
    """Return the variant of a platform; "" for a redundant one: arm64 has only v8."""
    return "" if platform[1:] == ("arm64", "v8") else platform[2]


def moment(seconds: float) -> str:
    """Return a time as image configurations have it."""
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )


class State:
    """The state of a stage.

    :ivar config: the ``config`` of the image's configuration (OCI image-spec, config.md).
    :ivar history: its ``history``.
    :ivar layers: lowest first.
    :ivar args: ``{name: value}`` of the ARGs in force.
    :ivar epoch: the latest time that is kept, in seconds, or None.
    :ivar created: time of the last step, RFC 3339.
    :ivar origin: id of the last built image so far, or None.
    :ivar uses: ids of other stages' images that files are copied from.
    :ivar steps: the steps so far.
    :ivar below: how many layers are the base image's.
    :ivar extra: more members of the configuration.
    :ivar command_set: whether this stage has a CMD of its own.
    """

    platform: Platform
    config: dict[str, Any]
    history: list[dict[str, Any]]
    layers: list[Layer]
    args: dict[str, str | None]
    author: str
    created: str
    origin: str | None
    uses: list[str]
    extra: dict[str, Any]
    command_set: bool
    steps: list[StepNote]
    below: int

    def __init__(self, platform: Platform, epoch: int | None = None) -> None:
        self.platform, self.epoch = platform, epoch
        self.config = {"Env": ["PATH=" + DEFAULT_PATH], "WorkingDir": "/"}
        self.history, self.layers, self.args = [], [], {}
        self.author, self.created, self.origin, self.uses = (
            "",
            moment(epoch) if epoch is not None else START,
            None,
            [],
        )
        self.extra, self.command_set, self.steps, self.below = {}, False, [], 0

    @classmethod
    def of_image(
        cls,
        record: Mapping[str, Any],
        layers: Sequence[Layer],
        platform: Platform,
        epoch: int | None,
    ) -> State:
        """Return the state that ``FROM image`` begins with."""
        document, state = copy.deepcopy(record["config"]), cls(platform, epoch)
        state.config = {
            key: value for key, value in document["config"].items() if value is not None
        }
        state.history = list(document.get("history") or [])
        state.author, state.layers, state.below = (
            document.get("author") or "",
            list(layers),
            len(layers),
        )
        state.created = moment(epoch) if epoch is not None else document.get("created") or START
        state.extra = {
            key: document[key] for key in ("os.version", "os.features") if document.get(key)
        }
        state.platform = (
            document.get("os") or platform[0],
            document.get("architecture") or platform[1],
            document.get("variant") or "",
        )
        if "PATH" not in state.env():
            state.config["Env"] = list(state.config.get("Env") or []) + ["PATH=" + DEFAULT_PATH]
        return state

    def child(self) -> State:
        """Return the state that ``FROM stage`` begins with."""
        other = copy.copy(self)
        other.config, other.history = copy.deepcopy(self.config), copy.deepcopy(self.history)
        other.steps = list(self.steps)
        other.layers, other.args, other.uses, other.command_set = (
            list(self.layers),
            dict(self.args),
            list(self.uses),
            False,
        )
        return other

    @property
    def chain(self) -> str:
        """The ChainID of the file system (OCI image-spec, config.md); "" for an empty one."""
        return (
            manifest.chain_ids([layer.diff_id for layer in self.layers])[-1] if self.layers else ""
        )

    @property
    def paths(self) -> list[str]:
        """Directories of the layers, topmost first."""
        return [layer.path for layer in reversed(self.layers)]

    def set_platform(self, platform: Platform) -> None:
        """Set the image's platform, whatever its base is for."""
        same = self.platform[:2] == platform[:2]
        self.platform = platform[:2] + (
            normal_variant(platform) or (self.platform[2] if same else ""),
        )

    def env(self) -> dict[str, str]:
        return dict(entry.partition("=")[::2] for entry in self.config.get("Env") or ())

    def values(self) -> dict[str, str]:
        """Return the values of variables: the environment takes precedence over arguments."""
        return dict(
            {key: value for key, value in self.args.items() if value is not None}, **self.env()
        )

    def shell(self) -> list[str]:
        return list(self.config.get("Shell") or SHELL)

    def workdir(self, path: str) -> str:
        """Return a path of the image, as seen from its working directory; cleaned."""
        found = posixpath.normpath(posixpath.join(self.config.get("WorkingDir") or "/", path))
        return "/" + found.lstrip("/")

    def note(self, text: str, created: str | None = None, layer: bool = False) -> None:
        """Add a line of history.

        :param created: the time of the step, where it has its own.
        :param layer: whether it added one.
        """
        if created is not None:
            self.created = created
        entry: dict[str, Any] = {"created": self.created, "created_by": text, "comment": COMMENT}
        if not layer:
            entry["empty_layer"] = True
        self.history.append(entry)

    def document(self) -> bytes:
        """Return the image's configuration: the same bytes for the same state.

        :raises Trouble: where it is larger than any reader accepts.
        """
        system, architecture, variant = self.platform
        body = {
            "created": self.created,
            "architecture": architecture,
            "os": system,
            "history": self.history,
            "config": {
                key: value for key, value in self.config.items() if value not in (None, "", [])
            },
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in self.layers]},
        }
        if normal_variant(self.platform):
            body["variant"] = variant
        if self.author:
            body["author"] = self.author
        body.update(self.extra)
        data = json.dumps(body, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode(
            "utf-8", "surrogateescape"
        )
        if len(data) > manifest.MAX_CONFIG:
            raise Trouble(
                f"the image's configuration would have {len(data)} bytes; accepted: "
                f"{manifest.MAX_CONFIG} with its environment, labels and history"
            )
        return data


# ------------------------------------------------------------------------- instructions of metadata


def quoted(words: Iterable[str]) -> str:
    """Return a list of words as Go's %q prints it."""
    return f"[{' '.join((json.dumps(word, ensure_ascii=False) for word in words))}]"


def apply(state: State, instruction: Instruction, lexer: Lexer) -> None:
    """Apply an instruction that only changes the configuration.

    :raises Trouble: for a value that is not accepted.
    """
    values = state.values()
    _APPLY[instruction.name](
        state, instruction, lambda text: lexer.word(text, values), lexer, values
    )


def _env(
    state: State, instruction: Instruction, expand: Expand, _lexer: Lexer, _values: dict[str, str]
) -> None:
    pairs = [(expand(key), expand(value)) for key, value in instruction.args]
    found = state.env()
    for key, value in pairs:
        if not key:
            raise Trouble("ENV: names can not be blank")
        found[key] = value
    state.config["Env"] = ["%s=%s" % item for item in found.items()]
    state.note("ENV " + " ".join("%s=%s" % pair for pair in pairs))


def _label(
    state: State, instruction: Instruction, expand: Expand, _lexer: Lexer, _values: dict[str, str]
) -> None:
    pairs = [(expand(key), expand(value)) for key, value in instruction.args]
    state.config["Labels"] = dict(state.config.get("Labels") or {}, **dict(pairs))
    state.note("LABEL " + " ".join("%s=%s" % pair for pair in pairs))


def _command(
    state: State, instruction: Instruction, _expand: Expand, _lexer: Lexer, _values: dict[str, str]
) -> None:
    name = {"CMD": "Cmd", "ENTRYPOINT": "Entrypoint"}[instruction.name]
    words = list(instruction.args)
    if not instruction.exec_form:
        words = state.shell() + (words or [""])
    state.config[name] = words
    if instruction.name == "CMD":
        state.command_set = True
        state.config["ArgsEscaped"] = (
            True  # of no meaning but for Windows; Docker's builders set it everywhere
        )
    elif not state.command_set:
        state.config.pop("Cmd", None)
    state.note(f"{instruction.name} {quoted(words)}")


def ports(words: Iterable[str]) -> list[str]:
    """Return ``80``, ``80/udp``, ``8000-8010/tcp`` as ``["80/tcp", ...]``; of
    ``[[ADDRESS:]HOST:]PORT`` the last.

    :raises Trouble: for others.
    """
    found = []
    for word in words:
        match = re.fullmatch(
            r"(?:[0-9a-fA-F.:\[\]-]*:)?(\d{1,5})(?:-(\d{1,5}))?(?:/(tcp|udp|sctp|))?",
            word,
            re.IGNORECASE,
        )
        low, high, protocol = 1, 0, ""
        if match is not None:
            low, high = int(match.group(1)), int(match.group(2) or match.group(1))
            protocol = (match.group(3) or "tcp").lower()
        if not low <= high < 65536:
            raise Trouble(
                f"EXPOSE: invalid port {word!r}; accepted: PORT or PORT-PORT up to 65535, with "
                "/tcp, /udp or /sctp if wanted"
            )
        found += [f"{port}/{protocol}" for port in range(low, high + 1)]
    return found


def _expose(
    state: State, instruction: Instruction, _expand: Expand, lexer: Lexer, values: dict[str, str]
) -> None:
    found = ports([word for given in instruction.args for word in lexer.words(given, values)])
    state.config["ExposedPorts"] = dict(
        state.config.get("ExposedPorts") or {}, **{port: {} for port in found}
    )
    state.note(f"EXPOSE [{' '.join(found)}]")


def _volume(
    state: State, instruction: Instruction, expand: Expand, _lexer: Lexer, _values: dict[str, str]
) -> None:
    found = [expand(word) for word in instruction.args]
    if not all(found):
        raise Trouble("VOLUME: a volume can't be an empty string")
    state.config["Volumes"] = dict(
        state.config.get("Volumes") or {}, **{path: {} for path in found}
    )
    state.note(f"VOLUME [{' '.join(found)}]")


def _user(
    state: State, instruction: Instruction, expand: Expand, _lexer: Lexer, _values: dict[str, str]
) -> None:
    user = expand(instruction.args[0])
    if not user:
        raise Trouble("USER: the user's name is empty")
    state.config["User"] = user
    state.note("USER " + user)


def _stop_signal(
    state: State, instruction: Instruction, expand: Expand, _lexer: Lexer, _values: dict[str, str]
) -> None:
    name = expand(instruction.args[0])
    if not (int(name) > 0 if re.fullmatch("[0-9]{1,9}", name) else signal_names.number(name)):
        raise Trouble(f"STOPSIGNAL {name}: no such signal")
    state.config["StopSignal"] = name
    state.note("STOPSIGNAL " + name)


def _shell(
    state: State, instruction: Instruction, _expand: Expand, _lexer: Lexer, _values: dict[str, str]
) -> None:
    state.config["Shell"] = list(instruction.args)
    state.note(f"SHELL [{' '.join(instruction.args)}]")


def _maintainer(
    state: State, instruction: Instruction, _expand: Expand, _lexer: Lexer, _values: dict[str, str]
) -> None:
    state.author = instruction.args[0]
    state.note("MAINTAINER " + state.author)


HEALTH = (
    ("interval", "Interval"),
    ("timeout", "Timeout"),
    ("start-period", "StartPeriod"),
    ("start-interval", "StartInterval"),
)


def _health(
    state: State, instruction: Instruction, _expand: Expand, _lexer: Lexer, _values: dict[str, str]
) -> None:
    check: dict[str, Any] = {"Test": list(instruction.args)}
    for flag, key in HEALTH:
        if instruction.flags.get(flag):
            check[key] = int(instruction.flags[flag] * 1000000000)
    if instruction.flags.get("retries"):
        check["Retries"] = instruction.flags["retries"]
    state.config["Healthcheck"] = check
    times = " ".join(
        f"{key}:{_go_duration(instruction.flags.get(flag) or 0)}" for flag, key in HEALTH
    )
    state.note(
        "HEALTHCHECK {Test:[%s] %s Retries:%d}"
        % (" ".join(check["Test"]), times, check.get("Retries", 0))
    )


def _go_duration(seconds: float) -> str:
    """Return seconds as Go prints a duration."""
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    text = f"{rest:f}".rstrip("0").rstrip(".") + "s"
    return (f"{hours:.0f}h{minutes:.0f}m" if hours else f"{minutes:.0f}m" if minutes else "") + text


def _onbuild(
    state: State, instruction: Instruction, _expand: Expand, _lexer: Lexer, _values: dict[str, str]
) -> None:
    text = instruction.rest + "".join(
        f"\n{heredoc.content}{heredoc.name}" for heredoc in instruction.heredocs
    )
    state.config["OnBuild"] = list(state.config.get("OnBuild") or []) + [text]


_APPLY = {
    "ENV": _env,
    "LABEL": _label,
    "CMD": _command,
    "ENTRYPOINT": _command,
    "EXPOSE": _expose,
    "VOLUME": _volume,
    "USER": _user,
    "STOPSIGNAL": _stop_signal,
    "SHELL": _shell,
    "MAINTAINER": _maintainer,
    "HEALTHCHECK": _health,
    "ONBUILD": _onbuild,
}
METADATA = tuple(_APPLY)


def triggers(state: State, escape: str, line: int) -> list[Instruction]:
    """Remove the base image's ONBUILD instructions from the configuration, and return them.

    :param line: of the FROM, where their errors are reported.
    :raises BadFile: for one that can't be read.
    """
    found = []
    for text in state.config.pop("OnBuild", None) or ():
        try:
            for raw in lines.read(text.encode("utf-8", "surrogateescape")).instructions:
                raw.line = raw.end = line
                found.append(instructions.parse(raw, escape))
        except lines.BadFile as error:
            raise lines.BadFile(
                line, f"ONBUILD {text} of the base image: {error.message}"
            ) from None
    return found

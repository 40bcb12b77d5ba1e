# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A source of events for Event-Driven Ansible: what happens to the containers of many hosts.

It runs C(pycontainer events) on each host over SSH, with OpenSSH's own client, and needs nothing but Python's standard
library. Nothing listens on the hosts, and nothing is asked again and again: a host writes a line when something happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import shlex
import time
from collections import OrderedDict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DOCUMENTATION = r"""
---
short_description: Follow the events of containers, images, networks and volumes of many hosts over SSH
description:
  - Runs C(pycontainer events) on each host over SSH, and gives each event as it comes.
  - When a connection breaks off, it is made again, and what happened meanwhile is given then, once. The hosts keep the last events
    (about 5,000) for that.
  - Connections are made with the account's own OpenSSH client and its configuration, without a question being asked. So keys and
    known hosts have to be there.
options:
  hosts:
    description:
      - Hosts to follow, each as C(name), C(user@name) or C(ssh://user@name:port), as for C(ssh).
      - A host may also be a dictionary with C(name), and C(address), C(user), C(port), C(private_key), C(ssh_args) and C(become).
    type: list
    elements: raw
  inventory:
    description:
      - An inventory of Ansible (a file, a directory, or C(a,b,)) whose hosts are followed. It is read by C(ansible-inventory), once.
      - Of a host's variables, C(ansible_host), C(ansible_user), C(ansible_port), C(ansible_ssh_private_key_file),
        C(ansible_ssh_common_args), C(ansible_ssh_extra_args) and C(ansible_become) are heeded.
    type: str
  limit:
    description: A group or host of O(inventory). Without it, all of its hosts are followed.
    type: str
  filters:
    description:
      - Which events to give, as for C(docker events --filter), a value or a list of values for each.
      - The hosts select them. Several values of one filter are alternatives, several labels must all be there.
    type: dict
  become:
    description: Whether C(sudo) is needed on the hosts, without a password. By default for every account but V(root).
    type: bool
  command:
    description: The command on the hosts.
    type: str
    default: pycontainer
  ssh_args:
    description: More arguments for C(ssh).
    type: str
    default: ""
  since:
    description:
      - Give what has happened since then, too, such as V(10m) or a time in RFC 3339. By default only what happens from now on is given.
    type: str
  min_wait:
    description: Seconds until a broken connection is made again. Doubled each time, up to O(max_wait).
    type: float
    default: 1
  max_wait:
    description: The longest wait, in seconds.
    type: float
    default: 60
  status_events:
    description:
      - Whether to give an event when a host can't be reached (V(unreachable), once) and is reached again (V(reached)), with V(host) as
        its C(type).
    type: bool
    default: true
"""

EXAMPLES = r"""
- pycontainer.engine.containers:
    inventory: inventory.yml
    limit: web
    filters:
      type: container
      event: [die, oom, health_status]
"""

VARIABLES = {  # of an inventory's host
    "ansible_host": "address",
    "ansible_user": "user",
    "ansible_port": "port",
    "ansible_ssh_private_key_file": "private_key",
    "ansible_become": "become",
}
KEYS = ("name", "address", "user", "port", "private_key", "ssh_args", "become")
# A host that is gone is noticed within 45 seconds, and no question is asked that nobody would answer.
SSH = (
    "-T",
    "-oBatchMode=yes",
    "-oConnectTimeout=20",
    "-oServerAliveInterval=15",
    "-oServerAliveCountMax=3",
)
LONGEST = 1 << 20  # bytes of a line: an event has at most 32 KiB
OVERLAP = (
    2.0  # seconds that are asked for again: what is written side by side may come out of order
)
SEEN = 4096  # events of a host that are known again
READY = "date +%s"  # what the host's shell says first: its clock, from which on events are wanted
STEADY = 3.0  # seconds after that in which a command that can't be done has ended


def _text(value: object, longest: int = 300) -> str:
    """Text of a host, fit for a log: one line, no control characters."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode()
        for one in text[:longest]
    )


class Host:
    """A host that is followed.

    :ivar last: up to when its events are known, in nanoseconds by the host's own clock; 0 before it was reached.
    :ivar reached: None before the first try.
    """

    def __init__(self, given: Any, options: dict[str, Any]) -> None:
        found = dict(given) if isinstance(given, dict) else _parsed(str(given))
        unknown = sorted(set(found) - set(KEYS))
        if unknown or not found.get("name"):
            raise ValueError(
                f"hosts: {_text(given)} is not valid; accepted: a name, user@name, ssh://user@name:port, or a dictionary with "
                + ", ".join(KEYS)
            )
        self.name = str(found["name"])
        self.found, self.options = found, options
        if str(found.get("address") or self.name).startswith("-"):
            raise ValueError(
                f"hosts: {_text(given)} is not valid; a host's name does not begin with -"
            )
        self.last = 0
        self.seen: OrderedDict[str, None] = OrderedDict()
        self.reached: bool | None = None

    def command(self) -> list[str]:
        """The command line that follows it."""
        found, options = self.found, self.options
        words = ["ssh", *SSH]
        for key, flag in (("port", "-p"), ("private_key", "-i"), ("user", "-l")):
            if found.get(key):
                words += [flag, str(found[key])]
        words += shlex.split(str(found.get("ssh_args") or "")) + shlex.split(options["ssh_args"])
        words += ["--", str(found.get("address") or self.name)]
        become = found.get("become") if found.get("become") is not None else options["become"]
        if become is None:
            become = found.get("user") not in (None, "", "root")
        remote = ["sudo", "-n", "--"] if become else []
        remote += [*shlex.split(options["command"]), "events", "--format", "json"]
        remote += ["--since", self._since()]
        for key, values in options["filters"].items():
            for value in values if isinstance(values, (list, tuple)) else [values]:
                remote += ["--filter", f"{key}={value}"]
        return [*words, f"{READY}; {shlex.join(remote)}"]

    def _since(self) -> str:
        """From when on: a moment before the last event, so that none is lost. The clocks of two machines are never compared."""
        if not self.last:
            return str(self.options["since"] or "0s")
        when = max(0, self.last - int(OVERLAP * 1e9))
        return f"{when // 10**9}.{when % 10**9:09d}"

    def ready(self, line: bytes) -> None:
        """Take the host's clock, in seconds: what happens from now on is wanted, whatever becomes of the connection."""
        if not self.last and not self.options["since"] and line.strip().isdigit():
            self.last = (int(line) + int(OVERLAP)) * 10**9

    def event(self, line: bytes) -> dict[str, Any] | None:
        """The event of a line; None for one that has come already, or is none."""
        try:
            found = json.loads(line)
            actor, kind, action = found["Actor"], str(found["Type"]), str(found["Action"])
            attributes = {str(key): str(value) for key, value in actor["Attributes"].items()}
            ident, moment = str(actor["ID"]), int(found["timeNano"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        key = line.decode("utf-8", "replace").strip()
        if key in self.seen:
            return None
        self.seen[key] = None
        while len(self.seen) > SEEN:
            self.seen.popitem(last=False)
        self.last = max(self.last, moment)
        action, _colon, detail = action.partition(": ")
        return _event(
            self.name,
            kind,
            action,
            detail,
            ident,
            attributes.get("name", ident),
            attributes,
            moment,
        )

    def status(self, action: str, why: str = "") -> dict[str, Any]:
        """An event about the connection to the host."""
        return _event(self.name, "host", action, why, self.name, self.name, {}, time.time_ns())


def _event(
    host: str,
    kind: str,
    action: str,
    detail: str,
    ident: str,
    name: str,
    attributes: dict[str, str],
    moment: int,
) -> dict[str, Any]:
    return {
        "host": host,
        "type": kind,
        "action": action,
        "detail": detail,
        "id": ident,
        "name": name,
        "attributes": attributes,
        "time": moment / 1e9,
        "time_nano": moment,
        # run_playbook and run_module are limited to the hosts that stand here
        "meta": {"hosts": host},
    }


def _parsed(text: str) -> dict[str, Any]:
    """``user@name`` or ``ssh://user@name:port`` as a dictionary."""
    rest = text[len("ssh://") :].rstrip("/") if text.startswith("ssh://") else text
    user, at, place = rest.rpartition("@")
    found: dict[str, Any] = {"name": place}
    if text.startswith("ssh://"):
        place, colon, port = place.rpartition(":")
        if colon and port.isdigit():
            found = {"name": place.strip("[]"), "port": port}
    return {**found, "user": user} if at else found


async def _inventory(source: str, limit: str | None) -> list[dict[str, Any]]:
    """The hosts of an inventory. :raises ValueError: it can't be read, or has none."""
    words = ["ansible-inventory", "-i", source, "--list", *(["--limit", limit] if limit else [])]
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise ValueError(f"inventory: ansible-inventory can't be run: {error.strerror}") from None
    try:
        out, err = await process.communicate()
    finally:
        await _end(process)
    if process.returncode:
        raise ValueError(f"inventory: {_text(source)} can't be read: {_text(err.strip()[-300:])}")
    document = json.loads(out)
    known = document.get("_meta", {}).get("hostvars", {})
    names = {
        str(name)
        for group, content in document.items()
        if group != "_meta"
        for name in content.get("hosts", ())
    } | set(known)
    found = []
    for name in sorted(names):
        variables = known.get(name, {})
        host = {
            key: variables[variable] for variable, key in VARIABLES.items() if variable in variables
        }
        more = [variables.get(f"ansible_ssh_{kind}_args") for kind in ("common", "extra")]
        found.append({**host, "name": name, "ssh_args": " ".join(str(one) for one in more if one)})
    if not found:
        raise ValueError(f"inventory: {_text(source)} has no host{' in ' + limit if limit else ''}")
    return found


def _options(args: dict[str, Any]) -> dict[str, Any]:
    """The arguments, with what is not given. :raises ValueError: for what can't be."""
    known = {
        "filters": {},
        "become": None,
        "command": "pycontainer",
        "ssh_args": "",
        "since": None,
        "min_wait": 1.0,
        "max_wait": 60.0,
        "status_events": True,
    }
    unknown = sorted(set(args) - set(known) - {"hosts", "inventory", "limit"})
    if unknown:
        raise ValueError(
            f"{', '.join(unknown)}: no option of this source; accepted: hosts, inventory, limit, {', '.join(known)}"
        )
    found = {**known, **{key: value for key, value in args.items() if value is not None}}
    if not isinstance(found["filters"], dict):
        raise ValueError(f"filters: {found['filters']!r} is not valid; accepted: a dictionary")
    for key in ("min_wait", "max_wait"):
        if not isinstance(found[key], (int, float)) or found[key] <= 0:
            raise ValueError(f"{key}: {found[key]!r} is not valid; accepted: seconds, more than 0")
    if not (args.get("hosts") or args.get("inventory")):
        raise ValueError("hosts: missing; needed: hosts, or an inventory")
    return found


async def _listen(host: Host, queue: Any) -> str:
    """Follow a host until the connection ends; returns why it ended."""
    process = await asyncio.create_subprocess_exec(
        *host.command(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=LONGEST,
    )
    said = asyncio.ensure_future(_tail(process.stderr))
    steady: asyncio.Future[None] | None = None
    try:
        while line := await process.stdout.readline():
            if steady is None:
                steady = asyncio.ensure_future(_steady(host, queue))
                host.ready(line)
                continue
            event = host.event(line)
            if event is not None:
                await _reached(host, queue)
                await queue.put(event)
    except ValueError:  # a line without an end
        return "it sends a line that is too long"
    finally:
        if steady is not None:
            steady.cancel()
        await _end(process)
        last = await said
    return last or f"ssh ended with exit code {process.returncode}"


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()
    await asyncio.sleep(0)  # its pipes are closed by then


async def _steady(host: Host, queue: Any) -> None:
    """Take a host for reached, though nothing happens there."""
    await asyncio.sleep(STEADY)
    await _reached(host, queue)


async def _reached(host: Host, queue: Any) -> None:
    before, host.reached = host.reached, True
    if before is False and host.options["status_events"]:
        await queue.put(host.status("reached"))


async def _tail(stream: Any) -> str:
    """Read a stream to its end; returns its last line."""
    last = b""
    with contextlib.suppress(ValueError):
        while data := await stream.read(4096):
            last = (last + data)[-1000:]
    lines = [line for line in last.splitlines() if line.strip()]
    return _text(lines[-1]) if lines else ""


async def _follow(host: Host, queue: Any) -> None:
    """Follow a host for ever; a connection that breaks off is made again, each time later."""
    options = host.options
    wait = options["min_wait"]
    while True:
        try:
            why = await _listen(host, queue)
        except OSError as error:
            why = f"ssh can't be run: {error.strerror}"
        if host.reached:
            wait = options["min_wait"]
        if host.reached is not False:
            host.reached = False
            if options["status_events"]:
                await queue.put(host.status("unreachable", why))
        await asyncio.sleep(wait * random.uniform(0.75, 1.25))  # not all hosts at once
        wait = min(wait * 2, options["max_wait"])


async def main(queue: Any, args: dict[str, Any]) -> None:
    """Give the events of all hosts to ``queue``, until it is cancelled.

    :raises ValueError: one sentence, for arguments that can't be.
    """
    options = _options(args)
    given = list(args.get("hosts") or ())
    if args.get("inventory"):
        given += await _inventory(str(args["inventory"]), args.get("limit"))
    hosts = [Host(one, options) for one in given]
    await asyncio.gather(*(_follow(host, queue) for host in hosts))


if __name__ == "__main__":  # python containers.py host ...: print events, without ansible-rulebook
    import sys

    class Printed:
        """A queue that prints."""

        async def put(self, event: dict[str, Any]) -> None:
            print(json.dumps(event), flush=True)

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(Printed(), {"hosts": sys.argv[1:]}))

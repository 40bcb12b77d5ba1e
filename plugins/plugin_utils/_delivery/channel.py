# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host, over whatever connection Ansible has to it: commands that read from standard input, as the user that the task becomes.

With pipelining the data goes along with the command. Without, it is put into a file of Ansible's temporary directory first, never
more than :data:`CHUNK` at once.
"""

from __future__ import annotations

import json
import os
import shlex
import tempfile

from ansible import constants as C
from ansible.errors import AnsibleActionFail
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.delivery import recipe
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.untrusted import (
    json_reader,
)
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.untrusted.text import (
    printable,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ansible_collections.pycontainer.engine.plugins.plugin_utils._engine_action import (
        EngineAction,
    )


CHUNK = 16 << 20  # bytes that are sent by one command


class Refused(Exception):
    """A command failed on the host; the text is what it said."""


class Channel:
    """Commands on a host.

    :ivar sent: bytes of data that were sent.
    """

    def __init__(self, action: EngineAction) -> None:
        self.action, self.sent = action, 0

    def call(
        self, command: list[str], request: dict[str, Any], body: Iterable[bytes] = ()
    ) -> dict[str, Any]:
        """Run a command of the engine and return its answer.

        :param command: argv.
        :param request: what it reads as a line of JSON.
        :param body: pieces of what it reads after that.
        """
        words = [self.action._compute_environment_string()] + [
            shlex.quote(word) for word in command
        ]
        done = self._feed(
            " ".join(words).strip(), b"".join([json.dumps(request).encode(), b"\n", *body])
        )
        for line in reversed(done["stdout"].splitlines()):
            if line.startswith("{"):
                return json_reader.load(
                    line,
                    "the answer of the engine on the host",
                    error=AnsibleActionFail,
                    size=recipe.LARGEST,
                )
        raise AnsibleActionFail(
            f"the engine on the host ended with exit code {done['rc']}: {_said(done)}"
        )

    def store(self, directory: str, name: str, data: bytes) -> None:
        """Put ``data`` into the file ``name`` of a directory on the host. The file appears only
        when all has arrived.

        :raises Refused: where the host does not take it.
        """
        path, new = (shlex.quote(f"{directory}/{name}{suffix}") for suffix in ("", ".new"))
        done = self._feed(
            f'mkdir -p -m 700 {shlex.quote(directory)} && cat > {new} && test "$(wc -c < {new})" -eq {len(data)} && mv -f {new} {path}',
            data,
        )
        if done["rc"]:
            raise Refused(_said(done))

    def _feed(self, command: str, data: bytes) -> dict[str, Any]:
        """Run a shell command that reads ``data``, which is not empty."""
        self.sent += len(data)
        if self.action._is_pipelining_enabled("new"):
            return self.action._low_level_execute_command(command, in_data=data)
        shell = self.action._connection._shell
        remote = shell.join_path(
            shell.tmpdir or self.action._make_tmp_path(), "part"
        )  # which goes when the action ends
        descriptor, local = tempfile.mkstemp(dir=C.DEFAULT_LOCAL_TMP)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            self.action._connection.put_file(local, remote)
        finally:
            os.unlink(local)
        return self.action._low_level_execute_command(
            "{ %s; } < %s" % (command, shlex.quote(remote))
        )


def _said(done: dict[str, Any]) -> str:
    """Return what a command complained of, in one line."""
    return (
        printable(" ".join((done["stderr"] or done["stdout"]).split())[-300:]) or "nothing was said"
    )

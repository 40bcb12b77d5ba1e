# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options with which the modules of community.docker and containers.podman find a daemon or a command.

There is neither here. ``module_defaults`` of a playbook that is moved from there name them for every module, so they are taken out of a
task at the controller, with a warning, and the host never sees them.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

# With their aliases.
DAEMON = frozenset(
    (
        "api_version",
        "ca_cert",
        "ca_path",
        "cacert_path",
        "cert_path",
        "cli_context",
        "client_cert",
        "client_key",
        "debug",
        "docker_api_version",
        "docker_cli",
        "docker_host",
        "docker_url",
        "executable",
        "key_path",
        "timeout",
        "tls",
        "tls_ca_cert",
        "tls_client_cert",
        "tls_client_key",
        "tls_hostname",
        "tls_verify",
        "use_ssh_client",
        "validate_certs",
    )
)
# Of a module that goes to registries these are about the registry.
OF_REGISTRIES = frozenset(
    ("ca_path", "client_cert", "client_key", "tls_verify", "validate_certs", "verify")
)


def take(arguments: dict[str, Any], own: Collection[str]) -> list[str]:
    """Take these options out of ``arguments``, in place, and return sentences about them.

    :param own: options that the module itself has. They stay.

    The sentences are the same for every task, host and item with the same options: Ansible shows each once.
    """
    taken = sorted(name for name in DAEMON - set(own) if arguments.pop(name, None) is not None)
    if not taken:
        return []
    said = [
        f"{', '.join(taken)}: left out, for there is no daemon here, nor a client that could be told how to reach one"
    ]
    kept = sorted(name for name in OF_REGISTRIES & set(own) if arguments.get(name) is not None)
    if kept:
        said.append(
            f"{', '.join(kept)}: taken for the registry; in community.docker's modules they are about the daemon"
        )
    return said

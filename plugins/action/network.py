# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of the module network: of an overlay network it tells each host of the others.

What each host has of overlay networks is the fact C(pycontainer_overlays), which M(network_info) and
M(network) return: its part of the subnet, its public key where they are encrypted, and the names of its containers.
"""

from __future__ import annotations

import ipaddress

from ansible.errors import AnsibleActionFail
from ansible_collections.pycontainer.engine.plugins.plugin_utils import _foretold
from ansible_collections.pycontainer.engine.plugins.plugin_utils._engine_action import EngineAction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FACT, ADDRESS = "pycontainer_overlays", "pycontainer_overlay_address"


class ActionModule(EngineAction):
    module = "network"
    foretold = True

    def checked(self, result: dict[str, Any], task_vars: dict[str, Any] | None) -> None:
        args = self._task.args
        name, gone = str(args.get("name", args.get("network_name"))), args.get("state") == "absent"
        _foretold.remember_other(self, "network", name, result, task_vars, gone)

    def carry_out(
        self, arguments: dict[str, Any], task_vars: dict[str, Any] | None
    ) -> dict[str, Any]:
        variables = task_vars or {}
        down: list[str] = []
        if arguments.get("driver") == "overlay" and arguments.get("state") != "absent":
            arguments.setdefault("peer_name", variables["inventory_hostname"])
            if not arguments.get("peers"):
                arguments["peers"], down = _peers(arguments, variables)
        result = super().carry_out(arguments, task_vars)
        if down and not result.get("failed"):
            result.setdefault("warnings", []).append(
                f"network {arguments.get('name')}: {', '.join(down)} can't be reached now: what is "
                "known of them stays, and they get the rest by the next run"
            )
        return result


def _peers(
    arguments: dict[str, Any], variables: dict[str, Any]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the hosts of the play as peers, and the names of those that are down.

    :raises AnsibleActionFail: what one has, or its address, is not known.
    """
    network, own = arguments.get("name"), variables["inventory_hostname"]
    every, alive = variables["ansible_play_hosts_all"], variables["ansible_play_hosts"]
    hostvars = variables["hostvars"]
    unasked = [name for name in alive if _fact(hostvars, name) is None]
    if unasked:
        raise AnsibleActionFail(
            f"peers: what {', '.join(unasked)} has of network {network} is not known yet, so parts "
            "of the subnet can't be dealt; let the play run pycontainer.engine.network_info on all "
            "its hosts before this task"
        )
    known = _known(network, own, hostvars)
    found = []
    for name in sorted(set(every) | {one for one in known if one in variables["groups"]["all"]}):
        record = (_fact(hostvars, name) or {}).get(network) or known.get(name) or {}
        address = _address(name, hostvars, record)
        found.append(
            {
                "name": name,
                "address": address,
                "share": record.get("share"),
                "containers": record.get("containers"),
                "public_key": record.get("key"),
            }
        )
    return found, sorted(set(every) - set(alive))


def _fact(hostvars: Any, name: str) -> dict[str, Any] | None:
    """Return what a host has of overlay networks; None where it was not asked."""
    if name not in hostvars:
        return None
    variables = hostvars[name]
    found: dict[str, Any] | None = (variables.get("ansible_facts") or {}).get(FACT)
    return found if found is not None else variables.get(FACT)


def _known(network: Any, own: str, hostvars: Any) -> dict[str, Any]:
    """Return the peers that this host knows of from an earlier run."""
    record = (_fact(hostvars, own) or {}).get(network) or {}
    peers: dict[str, Any] = record.get("peers") or {}
    return peers


def _address(name: str, hostvars: Any, record: dict[str, Any]) -> str:
    """Return where the other hosts reach a host. :raises AnsibleActionFail: that is not known."""
    variables = hostvars[name] if name in hostvars else {}
    gathered = variables.get("ansible_facts") or {}
    facts = gathered.get("default_ipv4") or variables.get("ansible_default_ipv4") or {}
    for address in (
        variables.get(ADDRESS),
        record.get("address"),
        facts.get("address"),
        variables.get("ansible_host"),
    ):
        try:
            return str(ipaddress.ip_address(str(address)))
        except ValueError:
            continue
    raise AnsibleActionFail(
        f"peers: the address by which other hosts reach {name} is not known; gather its facts, or "
        f"set the variable {ADDRESS} for it"
    )

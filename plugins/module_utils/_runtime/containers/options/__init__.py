# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a container, all in one table: what a task may say, in which form it is kept, and how it is compared.

A *definition* is the normal form of what was asked for: ``{option: value}``, only options that somebody named. It is
what ``containers.definition`` of the store holds.
"""

from __future__ import annotations

from ...errors import InvalidInput
from . import lifecycle, network, process, resources, security, storage
from .table import ALLOW_MORE, IGNORE, STRICT

OPTIONS = {
    option.name: option
    for part in (process, resources, storage, network, security, lifecycle)
    for option in part.OPTIONS
}

# How a task behaves: not part of a container.
BEHAVIOUR = (
    "name",
    "image",
    "state",
    "pull",
    "platform",
    "recreate",
    "recreate_policy",
    "restart",
    "keep_volumes",
    "force_kill",
    "healthy_wait_timeout",
    "comparisons",
    "insecure",
    "validate_certs",
    "ca_path",
    "client_cert",
    "client_key",
    "auth_file",
    "containers",
    "parallel",
)
ALIASES = {
    "cap_add": "capabilities",
    "expose": "exposed_ports",
    "exposed": "exposed_ports",
    "forcekill": "force_kill",
    "log_opt": "log_options",
    "ports": "published_ports",
}
BESIDE_A_LIST = ("containers", "parallel")
# Ansible hands these over also where no task names them.
BEHAVIOUR_DEFAULTS = {
    "state": "started",
    "pull": "missing",
    "recreate": False,
    "recreate_policy": "recreate",
    "restart": False,
    "keep_volumes": True,
    "force_kill": False,
    "healthy_wait_timeout": 300,
    "insecure": False,
    "validate_certs": True,
}


def definition(params):
    """The normal form of what a task says about a container; every option that it does not name is left out.

    :param params: the module's parameters, or any map with option names; None is "not named". Ansible leaves an alias that a task
        uses beside the option that it stands for.
    :raises InvalidInput: for a value that can't be used, or an option that does not exist.
    """
    named = {name: value for name, value in params.items() if value is not None}
    for alias in set(named) & set(ALIASES):
        named.setdefault(ALIASES[alias], named.pop(alias))
    process.prepare(named)
    unknown = set(named) - set(OPTIONS) - set(BEHAVIOUR)
    if unknown:
        raise InvalidInput("options", sorted(unknown)[0], "an option of a container")
    return {
        name: OPTIONS[name].normalise(value, name)
        for name, value in sorted(named.items())
        if name in OPTIONS
    }


def check_alone(params):
    """Refuse what stands beside ``containers`` and would be said to none of them. :raises InvalidInput:"""
    for name, value in params.items():
        if name in OPTIONS or name in BEHAVIOUR or name == "env_file":
            if (
                name not in BESIDE_A_LIST
                and value is not None
                and value != BEHAVIOUR_DEFAULTS.get(name)
            ):
                raise InvalidInput(
                    name, value, "nothing beside containers: each entry of the list has its own"
                )


def check(wanted):
    """Refuse what no single option can see: options that contradict each other. :raises InvalidInput:"""
    for part in (resources, storage, network, security, lifecycle):
        part.check(wanted)


def comparisons(value):
    """The task's ``comparisons`` as ``{option: strict | ignore | allow_more_present}`` for every option; strict unless it says otherwise."""
    given = dict(value or {})
    everything = given.pop("*", STRICT)
    if everything not in (STRICT, IGNORE):
        raise InvalidInput("comparisons.*", everything, "strict, ignore")
    result = dict.fromkeys(list(OPTIONS) + ["image"], everything)
    for name, how in given.items():
        name = dict(ALIASES, env_file="env").get(name, name)
        if name not in result:
            raise InvalidInput("comparisons", name, "an option of a container, or '*'")
        loose = name in OPTIONS and OPTIONS[name].kind in ("list", "set", "map")
        accepted = (STRICT, IGNORE, ALLOW_MORE) if loose else (STRICT, IGNORE)
        if how not in accepted:
            raise InvalidInput("comparisons." + name, how, ", ".join(accepted))
        result[name] = how
    return result


def differences(now, wanted, how):
    """What has to change so that a container defined as ``now`` is as ``wanted`` says.

    :param how: from :func:`comparisons`. :returns: ``[(Option, before, after)]`` in the table's order.
    """
    found = []
    for name, option in OPTIONS.items():
        if name in wanted:
            before = now.get(name, option.default)
            after = option.merged(before, wanted[name], how[name])
            if after != before:
                found.append((option, before, after))
    return found

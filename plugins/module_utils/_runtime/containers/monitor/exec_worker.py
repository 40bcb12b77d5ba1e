# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A further process in a container of the engine's: exec, and health checks."""

from __future__ import annotations

from ...kernel import cgroups
from ...kernel.isolation import capabilities
from ...oci.launch import join
from ...oci.spec.process import Program


def process(
    bundle,
    state,
    argv,
    stdio=(None, None, None),
    user=None,
    cwd=None,
    env=None,
    tty=False,
    privileged=False,
    limits=None,
):
    """An oci.join.Process, not started yet.

    :param bundle: the container's runfile.Bundle; :param state: its state.json. :param argv: the program and its arguments.
    :param stdio: three descriptors; None stands for the container's /dev/null. Not used with a terminal.
    :param user: ``user[:group]``, the container's where None. :param cwd: working directory, the container's where None.
    :param env: ``{name: value}`` in addition to the container's. :param tty: give it a terminal of its own.
    :param privileged: all capabilities, no AppArmor profile. :param limits: rlimits to give back, ``{number: (soft, hard)}``.
    """
    wanted = dict(bundle.process, args=list(argv), terminal=tty)
    if cwd:
        wanted["cwd"] = cwd
    if env:
        wanted["env"] = list(wanted.get("env") or ()) + ["%s=%s" % item for item in env.items()]
    if privileged:
        wanted.pop("apparmorProfile", None)
    program = Program(
        wanted,
        bundle.linux,
        bundle.user if user is None else user,
        bundle.groups,
        original_limits=limits,
    )
    if privileged:
        everything = capabilities.available()
        program.capabilities.update(effective=everything, permitted=everything, bounding=everything)
    return join.Process(
        bundle.ident,
        (state["pid"], state["pid_start"]),
        cgroups.Group.open(state["cgroup"]),
        program,
        stdio,
        bundle.state(bundle.ident, bundle.directory, state["pid"], "running"),
    )

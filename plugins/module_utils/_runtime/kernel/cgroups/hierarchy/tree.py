# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directories above a container's group: the engine's own parent, other parents, and what they hand on to groups below."""

from __future__ import annotations

import os

from ....errors import Conflict, HostError, InvalidInput
from . import files, layout, lifecycle

BASE = "/pycontainer"
SHARED = "/pycontainer-oci"  # of the OCI command's containers without a path of their own; it stays when the last goes, like the engine's
PASSED_ON = (
    "cpu",
    "cpuset",
    "io",
    "memory",
    "hugetlb",
    "pids",
    "rdma",
    "misc",
)  # of v2, as far as they are there


def base():
    """The cgroup below which this engine makes its groups, as a path from the top of each hierarchy (mount point)."""
    return BASE


def base_paths(parent=None):
    """The same, or another parent, as directories: ``{mount point: directory}``. :raises InvalidInput: for what is no parent."""
    return {
        hierarchy.mount: hierarchy.mount + parent_path(parent)
        for hierarchy in layout.current().hierarchies
    }


def parent_path(parent):
    """A parent cgroup as a path from the top: "/a/b" as it is, "a-b.slice" nested as in systemd.slice(5), "/a.slice/a-b.slice".

    :raises InvalidInput: not such a path.
    """
    if parent is None:
        return BASE
    parts = [part for part in parent.split("/") if part]
    if not parts or any(part in (".", "..") or "\0" in part or "\n" in part for part in parts):
        raise InvalidInput(
            "cgroup_parent",
            parent,
            "a path such as /group/subgroup without . and .., or a systemd slice such as "
            "work.slice",
        )
    if len(parts) == 1 and parts[0].endswith(".slice"):
        return slice_path(parts[0])
    return "/" + "/".join(parts)


def slice_path(name):
    """Where systemd has a slice: "a-b.slice" is "/a.slice/a-b.slice" (systemd.slice(5)), "-.slice" is ""."""
    if name == "-.slice":
        return ""
    words = name[: -len(".slice")].split("-")
    return "".join("/" + "-".join(words[: count + 1]) + ".slice" for count in range(len(words)))


def make(hierarchy, top, path):
    """The directory of a new group in one hierarchy, ready to take processes; its parents where they are missing."""
    try:
        make_directory(hierarchy, top, path)
        make_ready(hierarchy, top, path)
    except OSError as error:
        raise HostError(f"cgroup {path} can't be made: {error.strerror}") from error


def make_ready(hierarchy, top, path):
    """Let the new directory ``path`` below the cgroup ``top`` take limits and processes."""
    if hierarchy.version == 2:
        if pass_on(hierarchy, top):
            # Controllers are shown as handed on before the groups below have their files: this waits for who hands them on at this moment.
            files.write(path + "/cgroup.subtree_control", "\n")
    elif "cpuset" in hierarchy.controllers and not files.read_or(path + "/cpuset.cpus"):
        make_parents(
            hierarchy, top
        )  # the parent is another's, or being made at this moment by another process
        fill_cpuset(hierarchy.mount + top, path)


def make_directory(hierarchy, top, path):
    """mkdir; a group left over from before is made anew."""
    while True:
        try:
            os.mkdir(path, 0o755)
            return
        except FileNotFoundError:  # the first group, or ``remove_base`` was called at this moment
            make_parents(hierarchy, top)
        except FileExistsError:
            if not lifecycle.remove_tree(path):
                raise Conflict(f"cgroup {path} exists and has processes in it") from None


def make_parents(hierarchy, top, made=None):
    """The cgroup ``top`` and those above it, ready to have groups below; ``made`` gets the directories that were not there."""
    path = hierarchy.mount
    for part in top.split("/")[1:]:
        above, path = path, path + "/" + part
        try:
            os.mkdir(path, 0o755)
            if made is not None:
                made.append(path)
        except FileExistsError:
            pass
        if "cpuset" in hierarchy.controllers:
            fill_cpuset(above, path)
        if (
            "memory" in hierarchy.controllers
            and files.read_or(path + "/memory.use_hierarchy") == "0"
        ):
            files.write(
                path + "/memory.use_hierarchy", "1"
            )  # before 5.11 a group didn't count what is below it


def fill_cpuset(above, path):
    """Give a v1 cpuset its parent's CPUs and memory nodes: a new one has none, and takes no process (cpusets.txt §1.4).

    With clone_children all that are made below get theirs from the kernel.
    """
    for name in ("cpuset.cpus", "cpuset.mems"):
        if not files.read_or(path + "/" + name):
            files.write(path + "/" + name, files.read(above + "/" + name))
    files.write(path + "/cgroup.clone_children", "1")


def pass_on(hierarchy, top):
    """Hand on the controllers from the top of the v2 tree down to ``top``, so that groups in it can have limits.

    A cgroup that has processes can't (the root can): then the controllers are missing below, and ``check`` says so. Some (cpu,
    pids) could be had even so, but that makes a "threaded" domain of it, and groups below are invalid and take no process.

    :returns: whether there are any, as in a hybrid layout there are not.
    """
    path = hierarchy.mount
    have = files.read_or(path + "/cgroup.controllers").split()
    if not have:
        return False
    given = files.read_or(path + top + "/cgroup.subtree_control").split()
    if all(name in given for name in PASSED_ON if name in have):
        return True
    for part in top.split("/"):
        path = path + "/" + part if part else path
        wanted = missing_below(path)
        if not wanted:
            continue
        if crowded(path):
            break
        control = path + "/cgroup.subtree_control"
        try:
            files.write(control, " ".join("+" + name for name in wanted))
        except OSError:
            for name in wanted:  # one that can't be had doesn't keep the others back
                try:
                    files.write(control, "+" + name)
                except OSError:
                    continue
    return True


def crowded(path):
    """Whether a v2 cgroup other than the root has processes of its own."""
    return (
        os.path.exists(path + "/cgroup.type")
        and files.read_or(path + "/cgroup.procs", "threaded") != ""
    )


def missing_below(path):
    """The controllers that the v2 cgroup has and doesn't hand on."""
    have, given = (
        files.read_or(path + "/cgroup.controllers").split(),
        files.read_or(path + "/cgroup.subtree_control").split(),
    )
    return [name for name in PASSED_ON if name in have and name not in given]


def remove_base():
    """Take ``base()`` away in every hierarchy, with the engine's own group, where neither has processes or containers.

    :returns: whether none is left.
    """
    gone = True
    for path in base_paths().values():
        for directory in (path + "/engine", path):
            try:
                os.rmdir(directory)
            except FileNotFoundError:
                continue
            except OSError:
                gone = False
    return gone

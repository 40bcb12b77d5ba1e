# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the directories of groups: a container's own, and the parents that hand controllers on."""

from __future__ import annotations

import errno
import os

from ....errors import Conflict, HostError, InvalidInput, reason
from . import cgroup_files, layout, removal
from .freezer import GONE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .layout import Hierarchy

BASE = "/pycontainer"
# Of the OCI command's containers without a path of their own. It goes with the last of them, and is
# made again by whoever finds it missing.
SHARED = "/pycontainer-oci"
TRIES = 100  # to make a group whose parents others remove meanwhile
# The controllers that version 2 hands on to groups below, as far as they are there.
PASSED_ON = ("cpu", "cpuset", "io", "memory", "hugetlb", "pids", "rdma", "misc")


# ------------------------------------------------------------------------------------------ parents


def base() -> str:
    """Return the cgroup of this engine's groups, as a path from the top of each hierarchy.

    That of an engine without root is the cgroup that its user was given (layout.confine).
    """
    return layout.confined() or BASE


def is_common(directory: str) -> bool:
    """Return whether a directory is one that the engine makes above its containers' groups."""
    return directory.endswith((base(), SHARED))


def base_paths(parent: str | None = None) -> dict[str, str]:
    """Return the directories of ``base()``, or of another parent: ``{mount point: directory}``.

    :raises InvalidInput: ``parent`` is no parent, see ``parent_path``.
    """
    return {
        hierarchy.mount: hierarchy.mount + parent_path(parent)
        for hierarchy in layout.current().hierarchies
    }


def parent_path(parent: str | None) -> str:
    """Return a parent cgroup as a path from the top of each hierarchy; None is ``base()``.

    "/a/b" and "/a.slice/a-b.slice" are taken as they are, "a-b.slice" is nested as in
    systemd.slice(5).

    :raises InvalidInput: it is not such a path.
    """
    if parent is None:
        return base()
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


def slice_path(name: str) -> str:
    """Return where systemd has a slice.

    "a-b.slice" is "/a.slice/a-b.slice" (systemd.slice(5)), "-.slice" is "".
    """
    if name == "-.slice":
        return ""
    words = name[: -len(".slice")].split("-")
    return "".join("/" + "-".join(words[: count + 1]) + ".slice" for count in range(len(words)))


def make_parents(hierarchy: Hierarchy, top: str, made: list[str] | None = None) -> None:
    """Make the cgroup ``top`` and those above it ready to have groups below them.

    :param made: gets the directories that were not there, the outermost first.
    :raises OSError: the kernel refuses one.
    """
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
            and cgroup_files.read_or(path + "/memory.use_hierarchy") == "0"
        ):
            # Before 5.11 a group didn't count what is below it.
            cgroup_files.write(path + "/memory.use_hierarchy", "1")


def remove_base() -> bool:
    """Remove ``base()`` in every hierarchy, with the engine's own group, where neither is in use.

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


# ------------------------------------------------------------------------------------------- groups


def make(hierarchy: Hierarchy, top: str, path: str) -> None:
    """Make the directory ``path`` of a new group below ``top``, ready to take processes.

    :raises Conflict: it is there and has processes. :raises HostError: the kernel refuses.
    """
    try:
        make_new(hierarchy, top, path)
        make_ready(hierarchy, top, path)
    except OSError as error:
        raise refused(path, error) from error


def refused(path: str, error: OSError) -> HostError:
    """Return the error that says why a group can't be made, and what to do where that is known."""
    advice = ""
    if error.errno == errno.EROFS:
        advice = " (a host that is a container itself has to be privileged)"
    return HostError(f"cgroup {path} can't be made: {reason(error, named=True)}{advice}")


def make_new(hierarchy: Hierarchy, top: str, path: str) -> None:
    """Make a directory; a group left over from before is made anew."""
    while True:
        try:
            os.mkdir(path, 0o755)
            return
        except FileNotFoundError:  # the first group, or ``remove_base`` was called at this moment
            make_parents(hierarchy, top)
        except FileExistsError:
            if not removal.remove_tree(path):
                raise Conflict(f"cgroup {path} exists and has processes in it") from None


def make_at(hierarchy: Hierarchy, top: str, name: str, made: list[str]) -> str:
    """Make the group ``name`` below ``top``, or take the one that is there; return its directory.

    :param made: gets the directories that were not there, the outermost first.
    :raises OSError: the kernel refuses.
    """
    directory = f"{hierarchy.mount}{top}/{name}"
    for attempt in range(TRIES):
        try:
            os.mkdir(directory, 0o755)
            made.append(directory)
            break
        except FileNotFoundError:
            # A parent that is empty is removed at any moment, by whoever had the last group in it.
            try:
                make_parents(hierarchy, top, made)
            except OSError as error:
                if error.errno not in GONE or attempt == TRIES - 1:
                    raise
        except FileExistsError:
            if not os.path.isdir(directory):
                raise
            break
    else:
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), directory)
    make_ready(hierarchy, top, directory)
    return directory


def make_ready(hierarchy: Hierarchy, top: str, path: str) -> None:
    """Let the new directory ``path`` below the cgroup ``top`` take limits and processes."""
    if hierarchy.version == 2:
        if pass_on(hierarchy, top):
            # Controllers are shown as handed on before the groups below have their files: this
            # waits for whoever hands them on at this moment.
            cgroup_files.write(path + "/cgroup.subtree_control", "\n")
    elif "cpuset" in hierarchy.controllers and not cgroup_files.read_or(path + "/cpuset.cpus"):
        # The parent is another's, or being made at this moment by another process.
        make_parents(hierarchy, top)
        fill_cpuset(hierarchy.mount + top, path)


def fill_cpuset(above: str, path: str) -> None:
    """Give a v1 cpuset its parent's CPUs and memory nodes.

    A new one has none, and takes no process (cpusets.txt §1.4). With clone_children all that are
    made below get theirs from the kernel.
    """
    for name in ("cpuset.cpus", "cpuset.mems"):
        if not cgroup_files.read_or(path + "/" + name):
            cgroup_files.write(path + "/" + name, cgroup_files.read(above + "/" + name))
    cgroup_files.write(path + "/cgroup.clone_children", "1")


def pass_on(hierarchy: Hierarchy, top: str) -> bool:
    """Hand controllers on from the top of the v2 tree down to ``top``, for limits in it.

    A cgroup that has processes can't hand on (the root can). Then the controllers are missing
    below, and a limit that needs them is refused. Some (cpu, pids) would work even so, but that
    makes a "threaded" domain of it: groups below are invalid and take no process.

    :returns: whether the tree has controllers; in a hybrid layout it has none.
    """
    path = hierarchy.mount
    have = cgroup_files.read_or(path + "/cgroup.controllers").split()
    if not have:
        return False
    given = cgroup_files.read_or(path + top + "/cgroup.subtree_control").split()
    if all(name in given for name in PASSED_ON if name in have):
        return True
    for part in top.split("/"):
        path = path + "/" + part if part else path
        wanted = missing_below(path)
        if not wanted:
            continue
        if crowded(path):
            break
        enable(path + "/cgroup.subtree_control", wanted)
    return True


def enable(control: str, wanted: list[str]) -> None:
    """Write controllers to a cgroup.subtree_control, those that are not refused."""
    try:
        cgroup_files.write(control, " ".join("+" + name for name in wanted))
    except OSError:
        for name in wanted:
            try:
                cgroup_files.write(control, "+" + name)
            except OSError:
                continue


def crowded(path: str) -> bool:
    """Return whether a v2 cgroup other than the root has processes of its own."""
    return (
        os.path.exists(path + "/cgroup.type")
        and cgroup_files.read_or(path + "/cgroup.procs", "threaded") != ""
    )


def missing_below(path: str) -> list[str]:
    """Return the controllers that the v2 cgroup has and doesn't hand on."""
    have = cgroup_files.read_or(path + "/cgroup.controllers").split()
    given = cgroup_files.read_or(path + "/cgroup.subtree_control").split()
    return [name for name in PASSED_ON if name in have and name not in given]

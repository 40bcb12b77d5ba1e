# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of others are opened by ``untrusted/files.py`` alone: whoever opens a file to read it otherwise is named here, with whose files they are.

A FIFO in the place of a file waits for ever, a link to a device has no end, a link leads out.
"""

from __future__ import annotations

import ast
import pathlib

import pytest

PLUGINS = pathlib.Path(__file__).resolve().parents[3] / "plugins"
RUNTIME = "module_utils/_runtime/"
APART = tuple(
    RUNTIME + name for name in ("kernel/", "store/", "oci/")
)  # oci/ reads documents of others by means of its own (oci/spec/document.py)

OWN = {  # "file:function": of the store, of /run/pycontainer or of the controller's cache, where root or the user alone can put something
    RUNTIME + "builds/cache/cache_mounts.py:listing": "a cache's id, beside what steps write",
    RUNTIME
    + "builds/sources/context_fetch.py:_take": "what was fetched, in a directory of the store",
    RUNTIME
    + "builds/sources/add_url.py:Fetched.open": "what was fetched, in a directory of the store",
    RUNTIME + "events/journal.py:_open": "the journal of events, in the store, to append to it",
    RUNTIME + "events/journal_reader.py:_File.__init__": "the journal of events, in the store",
    RUNTIME + "containers/access/auto_remove.py:remove.left": "a container's own directory",
    RUNTIME + "containers/access/inside.py:_quick": "a container's own directory",
    RUNTIME + "containers/access/checkpoints.py:_appear": "what CRIU wrote, to sync it",
    RUNTIME + "containers/spec/container_files.py:_put": "a container's own directory",
    RUNTIME + "containers/monitor/sleep.py:Bed.hold_copy": "the lock of the engine's files",
    RUNTIME + "containers/view/logs.py:_opened": "the log, which the monitor writes",
    RUNTIME + "containers/log_drivers/log_files.py:compress": "the log, which the monitor writes",
    RUNTIME + "containers/view/logs.py:_backwards": "the log, which the monitor writes",
    RUNTIME + "containers/view/logs.py:_Follower._open": "the log, which the monitor writes",
    RUNTIME + "containers/monitor/monitor.py:Monitor.write_input": "a container's own directory",
    RUNTIME
    + "containers/records/memory_files.py:_is_so": "the tmpfs of a container, which it can only read",
    RUNTIME + "containers/records/run_state.py:monitored": "a container's own directory",
    RUNTIME + "containers/client/stdio.py:open_output": "a container's own FIFOs",
    RUNTIME + "containers/client/stdio.py:open_inside": "a container's own FIFOs",
    RUNTIME + "containers/client/stdio.py:pipe": "a container's own FIFOs",
    RUNTIME + "containers/client/zygote_client.py:_last_line": "the zygote's log",
    RUNTIME + "deploy/daemon.py:start_forked": "a pipe of its own",
    RUNTIME + "deploy/daemon.py:detach": "/dev/null",
    RUNTIME + "deploy/fingerprint.py:_sources_of_directory": "the engine's own files",
    RUNTIME + "deploy/fingerprint.py:laid_down": "the lock of the engine's files",
    RUNTIME + "rootless/keeper_client.py:last_line": "the log of a user's own processes",
    RUNTIME + "host/rebuild.py:_Found._files": "blobs of the store, after a look at the type",
    RUNTIME + "networks/drivers/wireguard_keys.py:private": "a key of the store, root's alone",
    RUNTIME + "delivery/spool.py:Spool.read": "what a delivery keeps",
    RUNTIME + "delivery/spool.py:Spool.open": "what a delivery keeps",
    RUNTIME + "layers/erofs_image.py:head": "a layer of the store",
    RUNTIME + "layers/formats.py:archive": "a layer of the store",
    RUNTIME + "layers/formats.py:close": "a layer of the store",
    RUNTIME + "layers/formats.py:damage": "a layer of the store",
    RUNTIME + "deploy/install.py:sync_file": "the engine's own files, to sync them",
    RUNTIME + "secrets/secret_faults.py:_secure": "a secret, to give it its owner and mode",
    RUNTIME + "registry/proxy/fetching.py:Fetch.run": "the registry's own directory",
    RUNTIME + "registry/proxy/fetching.py:Fetches.begin": "the registry's own directory",
    RUNTIME + "registry/service/service.py:_last_line": "a service's log",
    RUNTIME + "registry/content/content_store.py:inspect": "the registry's own directory",
    RUNTIME + "registry/content/content_store.py:Storage.open_blob": "the registry's own directory",
    RUNTIME
    + "registry/content/content_store.py:Storage.open_manifest": "the registry's own directory",
    RUNTIME + "registry/content/content_store.py:Storage.resolve": "the registry's own directory",
    RUNTIME + "registry/content/content_store.py:Storage.referrers": "the registry's own directory",
    "plugin_utils/_delivery/source.py:pieces": "the controller's cache; archives come by archive.Place",
    "plugin_utils/_delivery/source.py:Recipe.__init__": "the controller's cache",
    "plugin_utils/_controller_files.py:_read": "what was fetched, in the run's own directory",
    "plugin_utils/_foretold.py:_kept": "the run's own file",
    "plugin_utils/_engine_archive.py:packed": "the run's own directory",
}
ON_PURPOSE = {  # what a user names and what may be a pipe, or a file of the host that no container and no image has put there
    RUNTIME
    + "containers/access/file_stream.py:_open_to_read": "as a process of the container, with its user's rights, without waiting",
    RUNTIME
    + "containers/access/file_stream.py:_open_to_write": "as a process of the container, with its user's rights, without waiting",
    RUNTIME + "containers/plans/preconditions.py:_read": "/sys",
    RUNTIME + "networks/firewalls/legacy_iptables.py:chains": "/proc/net/ip_tables_names",
    RUNTIME + "containers/workers/restored.py:open_streams": "/dev/null",
    RUNTIME + "containers/spec/user_namespaces.py:_lines": "/etc/subuid and /etc/subgid",
    RUNTIME + "host/docker_info.py:_os_release": "/etc/os-release",
    RUNTIME + "host/docker_info.py:_reads_one": "/proc/sys",
    RUNTIME + "host/boot_unit.py:read": "units of the host's init system",
    RUNTIME
    + "images/archives/root_import.py:open_layer": "an archive to import, of any size, which may be a pipe",
    RUNTIME + "networks/links.py:_forward": "/proc/sys",
    RUNTIME + "networks/links.py:_forward_ipv6": "/proc/sys",
    RUNTIME + "networks/links.py:_read": "/proc/sys",
    RUNTIME + "networks/pools.py:_unique_local": "the store's own",
    RUNTIME + "networks/pools.py:require_ipv6": "/proc/net",
    RUNTIME + "networks/names/forwarding.py:HostServers.get": "/etc/resolv.conf, up to a limit",
    RUNTIME + "networks/diagnosis/doctor.py:_forwarding": "/proc/sys",
    RUNTIME + "networks/diagnosis/doctor.py:_without_ipv6": "/proc/sys",
    RUNTIME + "networks/diagnosis/doctor.py:_inside_off": "/proc/sys",
    RUNTIME + "networks/diagnosis/doctor.py:_names": "a container's resolv.conf, up to a limit",
    RUNTIME + "networks/resolv.py:_host": "/etc/resolv.conf, up to a limit",
    RUNTIME + "untrusted/files.py:read_given": "small documents that users name, up to a limit",
}
BENEATH = {  # one name in a directory that is open, through no link, and without waiting or after a look at the type
    RUNTIME
    + "builds/outputs/local_output.py:_content_is": "a regular file when it was looked at, and opened without waiting",
    RUNTIME
    + "builds/trees/source_tree.py:Entry.open": "a regular file when it was looked at, and opened without waiting",
    RUNTIME + "containers/access/copy.py:Source.pieces": "a descriptor whose type was looked at",
    RUNTIME + "containers/access/tree_manifest.py:of": "a descriptor whose type was looked at",
    "plugin_utils/_controller_files.py:_pieces": "a descriptor whose type was looked at",
    RUNTIME + "containers/client/stdio.py:open_unlinked": "a descriptor of a FIFO",
    RUNTIME
    + "layers/difference.py:_same_file": "a regular file when it was looked at, and opened without waiting",
    RUNTIME
    + "layers/difference.py:_settle": "a regular file when it was looked at, and opened without waiting",
    RUNTIME + "layers/hard_links.py:_on_file": "a descriptor whose type was looked at",
    RUNTIME + "layers/open_ends.py:_copy_node": "a layer of the store",
    RUNTIME + "layers/tar/writer.py:open_regular": "a descriptor whose type is looked at",
    RUNTIME + "untrusted/files.py:open_regular": "the gateway",
    RUNTIME + "untrusted/trees.py:walk": "directories alone",
    RUNTIME + "untrusted/trees.py:_leave": "directories alone",
}
REVIEWED = {**OWN, **ON_PURPOSE, **BENEATH}


def opened(path):
    """``function: [line]`` of what opens files to read them, besides directories and files of /proc and /sys that are named in full."""
    found = {}
    _visit(ast.parse(path.read_text(encoding="utf-8")), [], found)
    return found


def _visit(node, names, found):
    for child in ast.iter_child_nodes(node):
        inner = (
            names + [child.name]
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            else names
        )
        if isinstance(child, ast.Call) and _opens(child):
            found.setdefault(".".join(names), []).append(child.lineno)
        elif (
            isinstance(child, ast.ImportFrom)
            and child.module in ("os", "io", "codecs")
            and any(alias.name == "open" for alias in child.names)
        ):
            found.setdefault(".".join(names), []).append(child.lineno)
        _visit(child, inner, found)


def _opens(call):
    function, path = call.func, _text(call.args[0]) if call.args else ""
    if path.startswith(("/proc/", "/sys/")) and not path.startswith("/proc/self/fd/"):
        return False
    if isinstance(function, ast.Attribute) and function.attr in ("read_text", "read_bytes"):
        return True
    if (
        isinstance(function, ast.Name)
        and function.id == "open"
        or _is_of(function, ("io", "codecs"))
    ):
        if (
            call.args
            and isinstance(call.args[0], ast.Call)
            and isinstance(call.args[0].func, ast.Attribute)
            and call.args[0].func.attr == "open_regular"
        ):
            return False
        return _mode(call) not in ("w", "wb", "x", "xb", "a", "w+b")
    if _is_of(function, ("os",)):
        flags = {
            part.attr if isinstance(part, ast.Attribute) else part.id
            for argument in call.args[1:]
            for part in ast.walk(argument)
            if isinstance(part, (ast.Attribute, ast.Name))
        }
        return not any(
            flag.endswith("DIRECTORY") or flag in ("O_WRONLY", "O_CREAT", "O_PATH", "_CREATE")
            for flag in flags
        )
    return False


def _is_of(function, modules):
    return (
        isinstance(function, ast.Attribute)
        and function.attr == "open"
        and isinstance(function.value, ast.Name)
        and function.value.id in modules
    )


def _text(node):
    """The beginning of a path that is written out."""
    if isinstance(node, ast.BinOp):
        node = node.left
    if isinstance(node, ast.JoinedStr) and node.values:
        node = node.values[0]
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _mode(call):
    modes = [word.value for word in call.keywords if word.arg == "mode"] + call.args[1:2]
    return modes[0].value if modes and isinstance(modes[0], ast.Constant) else "r"


def sources():
    found = [
        path
        for path in sorted(PLUGINS.rglob("*.py"))
        if path.relative_to(PLUGINS).as_posix().startswith((RUNTIME, "plugin_utils/"))
    ]
    return [path for path in found if not path.relative_to(PLUGINS).as_posix().startswith(APART)]


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(PLUGINS).as_posix())
def test_files_of_others_are_opened_by_the_gateway(path):
    name = path.relative_to(PLUGINS).as_posix()
    around = {f"{name}:{function}": lines for function, lines in opened(path).items()}
    assert {place: lines for place, lines in around.items() if place not in REVIEWED} == {}, (
        "opens a file without untrusted/files.py"
    )


def test_the_list_is_no_longer_than_it_must_be():
    there = {
        f"{path.relative_to(PLUGINS).as_posix()}:{function}"
        for path in sources()
        for function in opened(path)
    }
    assert sorted(set(REVIEWED) - there) == []
    assert len(REVIEWED) == len(OWN) + len(ON_PURPOSE) + len(BENEATH)


def test_a_way_around_is_seen(tmp_path):
    path = tmp_path / "new.py"
    for text in (
        "open(path)",
        "open(path, 'rb')",
        "open(path, mode='r+')",
        "os.open(path, os.O_RDONLY | os.O_CLOEXEC)",
        "os.open(name, _FILE, dir_fd=fd)",
        "io.open(path)",
        "from os import open",
        "pathlib.Path(path).read_text()",
        "codecs.open(path)",
        "open('/proc/self/fd/%d' % fd)",
    ):
        path.write_text("def f():\n    " + text)
        assert opened(path) == {"f": [2]}, text
    for text in (
        "open(path, 'wb')",
        "os.open(path, os.O_RDONLY | os.O_DIRECTORY)",
        "open('/proc/%d/stat' % pid)",
        "os.open(name, os.O_PATH | os.O_NOFOLLOW)",
        "open(files.open_regular(path), 'rb')",
    ):
        path.write_text(text)
        assert opened(path) == {}, text

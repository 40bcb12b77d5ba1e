# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Regenerate ``oci/usual.py``: which functions the OCI command calls on its usual ways, for oci/bundle.py to load with their modules.

    /usr/bin/python3 tests/tools/make_usual.py            write the file
    /usr/bin/python3 tests/tools/make_usual.py --check    exit 1 when these ways call a function that the file does not name

As root, with a static busybox. A function that is missing there costs a few microseconds when it is called, one that is there without being called
a few when its module is loaded: so it is made again when the command's ways have changed much, and not for each new function.
"""

from __future__ import annotations

import json
import os
import pathlib
import runpy
import shutil
import subprocess
import sys
import tempfile

TOOLS = pathlib.Path(__file__).resolve().parent
RUNTIME = TOOLS.parents[1] / "plugins" / "module_utils" / "runtime"
TARGET = RUNTIME / "oci" / "usual.py"
NOT_BUNDLED = ("oci.bundle", "oci.loading", "oci.usual")
FD = 3  # it is handed on to the container's process, so that this one's functions are told, too (--preserve-fds)

HEAD = '''\
# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Made by tests/tools/make_usual.py: the functions that ``run``, ``create``, ``start``, ``state``, ``kill``, ``delete`` and ``exec`` call."""

from __future__ import annotations

USUAL = {
'''


def record(arguments):
    """In a process of its own: be the OCI command, and write each function that is called to FD, a line for each."""
    seen = set()

    def profile(frame, event, _argument):
        code = frame.f_code
        if event == "call" and code not in seen:
            seen.add(code)
            if code.co_filename.startswith(str(RUNTIME)):
                try:
                    os.write(FD, ("%s:%d\n" % (code.co_filename[len(str(RUNTIME)) + 1:], code.co_firstlineno)).encode())
                except OSError:  # a process that closes what it does not know
                    pass

    sys.argv = [str(TOOLS / "pycontainer-oci"), *arguments]
    sys.setprofile(profile)
    runpy.run_path(sys.argv[0], run_name="__main__")


def ways(directory):
    """The calls of the command, each a list of words, after what they need was made in ``directory``."""
    root = directory / "bundle" / "rootfs"
    (root / "bin").mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin" / "busybox")
    for name in ("sh", "sleep", "true"):
        (root / "bin" / name).symlink_to("busybox")
    subprocess.run([TOOLS / "pycontainer-oci", "spec", "--bundle", root.parent], check=True)
    plain = json.loads((root.parent / "config.json").read_text())
    plain["process"].update(terminal=False, args=["/bin/true"])
    plain["process"]["capabilities"]["ambient"] = ["CAP_KILL"]  # as runc's, of which it warns
    mapped = json.loads(json.dumps(plain))
    mapped["linux"]["namespaces"].append({"type": "user"})
    mapped["linux"].update(uidMappings=[{"containerID": 0, "hostID": 100000, "size": 65536}], gidMappings=[{"containerID": 0, "hostID": 100000, "size": 65536}],
                           seccomp={"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["reboot"], "action": "SCMP_ACT_ERRNO"}]},
                           resources={"memory": {"limit": 1 << 26}, "cpu": {"shares": 512}, "pids": {"limit": 100}})
    for path in (directory, *directory.rglob("*")):
        os.lchown(path, 0, 0)
        if not path.is_symlink():
            path.chmod(0o755)
    long = json.loads(json.dumps(plain))
    long["process"]["args"] = ["/bin/sleep", "1000"]
    for config, words in ((plain, "run --preserve-fds 1 x"), (mapped, "run --preserve-fds 1 x"), (long, "create --preserve-fds 1 y"), (long, "start y"),
                          (long, "state y"), (long, "exec --preserve-fds 1 y /bin/true"), (long, "kill y KILL"), (long, "delete --force y"),
                          (long, "run --detach --pid-file %s/pid z" % directory), (long, "delete --force z")):
        (root.parent / "config.json").write_text(json.dumps(config))
        first, *rest = words.split()
        yield ["--root", str(directory / "root"), first, *(["--bundle", str(root.parent)] if first in ("run", "create") else []), *rest]


def called():
    """``{(file, first line)}`` of what is called."""
    with tempfile.TemporaryDirectory(prefix="usual-") as place, tempfile.TemporaryFile() as told:
        for words in ways(pathlib.Path(place)):
            command = [sys.executable, "-IS", __file__, "--record", *words]
            given = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0), (os.POSIX_SPAWN_DUP2, 0, 1), (os.POSIX_SPAWN_DUP2, told.fileno(), FD)]
            sealed = dict(os.environ, PYCONTAINER_SEALED="1")  # else it would begin itself anew (seal.py), without the recording
            status = os.waitpid(os.posix_spawn(command[0], command, sealed, file_actions=given), 0)[1]
            if status:
                raise SystemExit("%s: status %d" % (" ".join(words), status))
        told.seek(0)
        return {(path, int(line)) for path, _colon, line in (text.rpartition(":") for text in told.read().decode().splitlines())}


def functions(code, prefix=""):
    """``(first line, qualified name)`` of the functions of a module or a class's body, not of those within them."""
    for constant in code.co_consts:
        if isinstance(constant, type(code)) and not constant.co_name.startswith("<"):
            if constant.co_flags & 1:  # CO_OPTIMIZED
                yield constant.co_firstlineno, prefix + constant.co_name
            else:
                yield from functions(constant, prefix + constant.co_name + ".")


def usual():
    """``{module: [function]}``, of the modules that have a function that is called."""
    found = {}
    for path, line in called():
        module = path[:-len(".py")].replace("/", ".")
        module = module[:-len(".__init__")] if module.endswith(".__init__") else module
        names = dict(functions(compile((RUNTIME / path).read_text(), path, "exec")))
        if line in names and module not in NOT_BUNDLED:
            found.setdefault(module, set()).add(names[line])
    return found


def main(arguments):
    if arguments[:1] == ["--record"]:
        record(arguments[1:])
    found = usual()
    if arguments == ["--check"]:
        known = runpy.run_path(str(TARGET))["USUAL"]
        missing = sorted("%s.%s" % (module, name) for module, names in found.items() for name in names.difference(known.get(module, "").split()))
        print("\n".join(missing))
        return bool(missing)
    with open(TARGET, "w", encoding="utf-8") as file:
        file.write(HEAD)
        for module, names in sorted(found.items()):
            lines = [""]
            for name in sorted(names):
                if len(lines[-1]) + len(name) > 130:
                    lines.append("")
                lines[-1] += name + " "
            lines[-1] = lines[-1].rstrip()
            file.write('    "%s": (\n%s    ),\n' % (module, "".join('        "%s"\n' % line for line in lines)))
        file.write("}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

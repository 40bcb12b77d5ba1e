# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a bundle by oci/launch/launch.py alone, without the command around it: ``python driver.py BUNDLE ID``.

Ends as the container's program does; 125 and a sentence when it did not come to that. Warnings go to standard error.
With EXEC in the environment (a process object as JSON) that is executed in the container while it runs.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3]))

from conftest import runtime_as  # noqa: E402,F401  # pylint: disable=wrong-import-position,unused-import
from pycontainer.errors import EngineError  # noqa: E402  # pylint: disable=wrong-import-position
from pycontainer.kernel import cgroups  # noqa: E402  # pylint: disable=wrong-import-position
from pycontainer.kernel.mounts import mounts  # noqa: E402  # pylint: disable=wrong-import-position
from pycontainer.kernel.processes import pidfd, procfs  # noqa: E402  # pylint: disable=wrong-import-position
from pycontainer.oci.features import hooks  # noqa: E402  # pylint: disable=wrong-import-position
from pycontainer.oci.launch import join, launch, site, steps  # noqa: E402  # pylint: disable=wrong-import-position
from pycontainer.oci.spec import document  # noqa: E402  # pylint: disable=wrong-import-position
from pycontainer.oci.spec import program as program


class Directory(site.Site):
    """A bundle as it lies there, without a command around it."""

    def __init__(self, bundle, ident):
        super().__init__(ident, bundle, os.path.join(bundle, "rootfs"))

    def make_group(self, _launch):
        return cgroups.create(self.ident)

    def open_root(self, _launch):
        return mounts.bind(self.root_place)


def prepared(bundle, ident, config):
    parsed = document.Document(config)
    made = program.Program(parsed.process, parsed.linux)
    return launch.Launch(parsed, made, Directory(bundle, ident), trace=steps.trace())


def further(start, process):
    """Execute a process in the container; returns its exit code."""
    parsed = program.Program(process, start.document.linux)
    extra = join.Process(
        start.site.ident, (start.pid, procfs.start_time(start.pid)), start.group, parsed, (0, 1, 2)
    )
    extra.start()
    return ended(extra)


def ended(process):
    for sentence in process.warnings:
        print("warning: " + sentence, file=sys.stderr)
    process.warnings = []
    result = os.waitid(os.P_PIDFD, process.pidfd, os.WEXITED)
    return result.si_status if result.si_code == os.CLD_EXITED else 128 + result.si_status


def main(bundle, ident):
    os.chdir(bundle)
    with open("config.json", encoding="utf-8") as file:
        config = json.load(file)
    start = None
    try:
        start = prepared(bundle, ident, config)
        start.run()
        code = None
        try:
            hooks.run(start.optional.hooks, "poststart", start.state("running"))
            if "EXEC" in os.environ:
                code = further(start, json.loads(os.environ["EXEC"]))
                pidfd.send(start.pidfd, 9)
        except BaseException:
            pidfd.send(start.pidfd, 9)
            raise
        finally:
            first = ended(start)
            start.group.kill()
            start.group.remove()
            for sentence in hooks.run(start.optional.hooks, "poststop", start.state("stopped", 0)):
                print("warning: " + sentence, file=sys.stderr)
        return first if code is None else code
    except EngineError as error:
        for sentence in start.warnings if start else ():
            print("warning: " + sentence, file=sys.stderr)
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 125


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))

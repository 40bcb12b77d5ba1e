# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""CVE-2019-5736: the runtime's own executable, the host's Python, can't be written to from inside."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

import pytest
from pycontainer.errors import ContainerFailed
from pycontainer.kernel.calls.constants import MACHINE

LOADERS = ("lib64/ld-linux-x86-64.so.2", "lib/ld-linux-aarch64.so.1")


def loader(boxes, program):
    """The image's dynamic loader is the attacker's: the kernel runs it as the interpreter of the host's Python."""
    if MACHINE != "x86_64":
        pytest.skip("the attack is written for x86_64")
    made = program(
        "interpreter",
        "-nostdlib",
        "-ffreestanding",
        "-fno-stack-protector",
        "-Wl,-Ttext-segment=0x7e0000000",
        "-Wl,--build-id=none",
    )
    for name in LOADERS[:1]:
        boxes.program(made, name)
    boxes.file("bin/evil", "#!/proc/self/exe\n", 0o755)


def test_entry_point_that_is_proc_self_exe(boxes, program):
    loader(boxes, program)
    box = boxes("/bin/evil")
    text = box.output()
    assert "WRITABLE" not in text
    assert "interpreter of" in text or boxes.kind == "oci", (
        "the attack ran: the kernel took the runtime's executable for an interpreter"
    )


def test_command_that_is_proc_self_exe(boxes, program):
    loader(boxes, program)
    box = boxes("/bin/sleep", "100")
    box.start()
    for argv in (["/bin/evil"], ["/proc/self/exe"]):
        try:
            text = box.execute(*argv)["stdout"].decode()
        except ContainerFailed:
            continue
        assert "WRITABLE" not in text
        assert "interpreter of" in text or argv != ["/bin/evil"]


@pytest.mark.parametrize(
    "caps", [(), ("CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH")], ids=("default", "may trace")
)
def test_executables_of_commands_on_their_way_in(boxes, program, caps):
    """With CAP_SYS_PTRACE the file can be seen, and still not be written to."""
    loader(boxes, program)
    attack = boxes.program(program("executable"))
    for seconds in ("3", "30", "200"):  # on a busy machine no command may come in three
        box = boxes(attack, seconds)
        for kind in ("bounding", "effective", "permitted"):
            box.config["process"]["capabilities"][kind] = box.config["process"]["capabilities"][
                kind
            ] + list(caps)
        box.config["linux"].pop("seccomp")
        box.start()
        while True:
            try:
                box.execute("/bin/true")
                box.execute("/bin/evil")
            except ContainerFailed:
                break  # it has ended
        box.wait()
        text = box.log()
        assert not re.findall("WRITABLE .*|OPENED .*", text)
        looked = int(re.search(r"looked (\d+)", text).group(1))
        if looked > 100:
            break
    assert looked > 100, text


def test_the_runtime_itself(tmp_path):
    """A process that was sealed shows a read-only executable and can't be looked into; whatever it forks neither."""
    script = tmp_path / "script.py"
    script.write_text(
        "import os, sys\nsys.path.insert(0, "
        f"{str(pathlib.Path(__file__).resolve().parents[3])!r})\nimport conftest\nfrom "
        "pycontainer.kernel.calls import syscalls\nfrom pycontainer.oci.launch import "
        "sealed_interpreter as seal\nseal.seal([sys.executable, "
        "*sys.argv])\nprint(os.access('/proc/self/exe', os.W_OK), syscalls.prctl(3, 0, 0, 0, 0), "
        "seal.SEALED in os.environ)\n"
    )
    assert subprocess.run(
        [sys.executable, script], stdout=subprocess.PIPE, check=True, text=True
    ).stdout.split() == ["False", "0", "False"]

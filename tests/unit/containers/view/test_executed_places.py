# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the audit counts as executed by the host, and what it says of seccomp profiles."""

from __future__ import annotations

import fnmatch
import json
import os

import pytest
from pycontainer.containers.view import audit, executed_places
from pycontainer.kernel.calls.constants import MACHINE
from pycontainer.kernel.seccomp import default_profile


@pytest.fixture
def host(monkeypatch):
    """``host({path: text})``: files of the host that are read, by pattern too."""
    texts = {}
    monkeypatch.setattr(executed_places, "_text", lambda path: texts.get(path, ""))
    monkeypatch.setattr(
        executed_places.glob,
        "glob",
        lambda pattern: [
            path
            for path in texts
            if os.path.dirname(path) == os.path.dirname(pattern)
            and fnmatch.fnmatchcase(path, pattern)
        ],
    )
    monkeypatch.setenv("PATH", "/opt/root/bin:/usr/bin")
    for cached in (executed_places.places, executed_places._homes):
        cached.cache_clear()
    yield texts.update
    for cached in (executed_places.places, executed_places._homes):
        cached.cache_clear()


@pytest.mark.parametrize(
    "path",
    [
        "/usr/local/bin",
        "/usr/local",
        "/usr/bin/env",
        "/bin",
        "/lib/systemd",
        "/usr/lib/systemd/system-generators",
        "/etc/systemd/system",
        "/etc/systemd",
        "/etc/cron.d",
        "/etc/cron.daily",
        "/etc/crontab",
        "/var/spool/cron/crontabs",
        "/etc/init.d",
        "/etc/profile.d",
        "/etc/profile.d/x.sh",
        "/etc/pam.d",
        "/etc/ld.so.conf.d",
        "/root/.bashrc",
        "/root/.ssh",
        "/root/.config/systemd",
        "/root",
        "/home",
        "/opt/root/bin",
        "/opt/root",
        "/etc/default/grub",
        "/var",
        "/var/lib/dpkg/info",
        "/etc/ssl",
    ],
)
def test_places_that_the_host_executes_from(host, path):
    host(
        {
            "/etc/crontab": "",
            "/etc/cron.d/job": "",
            "/etc/cron.daily/job": "",
            "/etc/passwd": "alice:x:1000:1000::/home/alice:/bin/sh\n",
            "/etc/ld.so.conf.d": "",
            "/etc/cron.d": "",
            "/etc/cron.daily": "",
        }
    )
    assert executed_places.leads_to(path)


@pytest.mark.parametrize(
    "path",
    [
        "/srv/data",
        "/var/log",
        "/var/lib/mysql",
        "/etc/localtime",
        "/etc/pycontainer.test",
        "/root/data",
        "/home/bob",
        "/opt/data",
        "/mnt",
        "/tmp",
        "/dev/shm",
        "/usr/share/zoneinfo/UTC",
        "/etc/ssl/certs",
    ],
)
def test_other_places(host, path):
    host(
        {
            "/etc/passwd": "alice:x:1000:1000::/home/alice:/bin/sh\nbob:x:999:999::/home/bob:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n"
        }
    )
    assert not executed_places.leads_to(path)


def test_what_the_host_itself_names(host):
    host(
        {
            "/etc/environment": 'LANG=C\nPATH="/snap/bin:/usr/bin"\n',
            "/etc/login.defs": "ENV_SUPATH\tPATH=/opt/sbin:/sbin\n#ENV_PATH /no/bin\n",
            "/etc/ld.so.conf": "# libraries\n/opt/lib\n",
            "/etc/systemd/system/app.service": "[Service]\nExecStartPre=-/srv/app/prepare\n"
            "ExecStart=/srv/app/run --x /srv/x\n",
            "/usr/lib/systemd/system/agent.service": "[Service]\nExecStart=/opt/agent/bin/agent --data /srv/x\n",
            "/etc/systemd/system/web.service": "[Service]\nWorkingDirectory=/web/app\nEnvironmentFile=-/web/env\n"
            "ExecStart=/usr/bin/python3 -u \\\n  /web/main.py /srv/x\n"
            "ExecStop=/bin/sh -c 'touch /srv/x; exec /web/stop'\n",
            "/etc/cron.d/app": "# /srv/commented\n0 4 * * * root cd / && /srv/jobs/nightly >/dev/null 2>&1\n",
            "/etc/passwd": "root:x:0:0::/root:/bin/bash\nalice:x:1000:1000::/data/alice:/bin/sh\n",
        }
    )
    for path in (
        "/snap/bin",
        "/opt/sbin",
        "/opt/lib/x.so",
        "/srv/app",
        "/srv",
        "/srv/app/run",
        "/srv/jobs",
        "/data/alice",
        "/data/alice/.profile",
        "/data",
        "/opt/agent/bin",
        "/web/app",
        "/web/env",
        "/web/main.py",
        "/web/stop",
    ):
        assert executed_places.leads_to(path), path
    for path in (
        "/srv/x",
        "/srv/app/other",
        "/srv/commented",
        "/no/bin",
        "/data/alice/files",
        "/dev/null",
    ):
        assert not executed_places.leads_to(path), path


@pytest.mark.parametrize(
    "content, mode, found",
    [
        (b"#!/bin/sh\n", 0o755, True),
        (b"\x7fELF", 0o700, True),
        (b"#!/bin/sh\n", 0o644, False),
        (b"text", 0o755, False),
    ],
)
def test_executable_files_below_a_directory(tmp_path, content, mode, found):
    (tmp_path / "hooks/deep").mkdir(parents=True)
    (tmp_path / "hooks/deep/50-hook").write_bytes(content)
    (tmp_path / "hooks/deep/50-hook").chmod(mode)
    os.mkfifo(tmp_path / "hooks/fifo", 0o777)
    assert executed_places._holds_executables(str(tmp_path / "hooks")) is found


@pytest.mark.parametrize(
    "profile, first, refuses",
    [
        ({"defaultAction": "SCMP_ACT_ALLOW"}, "mount", False),
        ({"defaultAction": "SCMP_ACT_LOG", "syscalls": []}, "mount", False),
        (
            {
                "defaultAction": "SCMP_ACT_ALLOW",
                "syscalls": [{"names": ["mount"], "action": "SCMP_ACT_ERRNO"}],
            },
            "bpf",
            True,
        ),
        (
            {
                "defaultAction": "SCMP_ACT_ALLOW",
                "syscalls": [
                    {
                        "names": ["mount"],
                        "action": "SCMP_ACT_ERRNO",
                        "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}],
                    }
                ],
            },
            "mount",
            False,
        ),
        (
            {
                "defaultAction": "SCMP_ACT_ERRNO",
                "syscalls": [{"names": ["read", "bpf"], "action": "SCMP_ACT_ALLOW"}],
            },
            "bpf",
            True,
        ),
        (
            {
                "defaultAction": "SCMP_ACT_ERRNO",
                "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}],
            },
            None,
            True,
        ),
    ],
)
def test_profiles_are_compared_with_the_default(profile, first, refuses):
    text = json.dumps(profile)
    allowed, refused = audit._beyond_default({"security_opts": ["seccomp=" + text]}, text)
    assert (first in allowed if first else allowed == []) and refused is refuses


def beyond_default(*rules, **more):
    usual = default_profile.default_profile((), (6, 1), "x86_64")
    text = json.dumps(dict(usual, syscalls=[*usual["syscalls"], *rules], **more))
    return audit._beyond_default({"security_opts": ["seccomp=" + text]}, text)


@pytest.mark.skipif(MACHINE != "x86_64", reason="rules of x86")
def test_the_default_itself_allows_nothing_more():
    assert beyond_default() == ([], True)


@pytest.mark.skipif(MACHINE != "x86_64", reason="rules of x86")
@pytest.mark.parametrize(
    "names, args",
    [
        (["bpf", "mount"], [{"index": 0, "value": 0, "op": "SCMP_CMP_GE"}]),
        (["socket"], [{"index": 0, "value": 38, "op": "SCMP_CMP_EQ"}]),
        (["clone"], [{"index": 0, "value": 0x10000, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]),
        (["socketcall"], [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]),
    ],
)
def test_a_call_that_is_allowed_with_some_arguments(names, args):
    rule = {"names": names, "action": "SCMP_ACT_ALLOW", "args": args}
    found, refuses = beyond_default(rule)
    assert sorted(found) == names and refuses
    harmless = [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]
    assert beyond_default(dict(rule, names=["socket"], args=harmless)) == ([], True)

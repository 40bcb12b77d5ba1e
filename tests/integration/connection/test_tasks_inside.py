# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks inside containers of this machine, by the connection plugin."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess

import pytest
from support import sleepers, waiting

TASKS = """
- hosts: web:open:shut
  gather_facts: false
  tasks:
    - name: it is inside, and a module comes in one step
      ansible.builtin.command: cat /etc/hostname
      register: said
    - ansible.builtin.assert:
        that: said.stdout == expected[inventory_hostname]
    - name: it finds what interpreter there is
      ansible.builtin.setup: {gather_subset: "!all,!min,python"}
      vars: {ansible_python_interpreter: auto_silent}
    - name: another user
      ansible.builtin.shell: id -un; pwd; echo $WORD
      remote_user: app
      vars: {ansible_pycontainer_extra_env: {WORD: "two words"}}
      register: said
    - ansible.builtin.assert:
        that: said.stdout_lines == ["app", "/tmp", "two words"]
    - name: a file of root's, and one of the user's, in a place that each may write to
      ansible.builtin.copy: {content: "{{ 'x' * 300000 }}", dest: "/dev/shm/{{ item }}"}
      vars:
        ansible_user: "{{ item }}"
        ansible_remote_tmp: "/dev/shm/.ansible-{{ item }}"
      loop: [root, app]
    - ansible.builtin.stat: {path: "/dev/shm/{{ item }}"}
      loop: [root, app]
      register: found
    - ansible.builtin.assert:
        that:
          - found.results | map(attribute='stat.pw_name') == ['root', 'app']
          - found.results | map(attribute='stat.size') == [300000, 300000]
    - name: that user may not write where only root may
      ansible.builtin.raw: echo no > /root/no
      remote_user: app
      register: said
      failed_when: said.rc == 0
    - ansible.builtin.fetch: {src: /dev/shm/app, dest: fetched/}
    - ansible.builtin.script: script.sh one two
      register: said
      when: inventory_hostname != "shut"
    - ansible.builtin.assert:
        that: said is skipped or said.stdout_lines == ["one two"]
    - name: without pipelining
      ansible.builtin.command: echo plain
      vars: {ansible_pipelining: false, ansible_remote_tmp: /dev/shm/.ansible}
    - name: in the background
      ansible.builtin.command: echo late
      async: 60
      poll: 1
      vars: {ansible_remote_tmp: /dev/shm/.ansible, ansible_async_dir: /dev/shm/jobs}
    - ansible.builtin.meta: reset_connection
    - name: another container, with what is in a loop
      ansible.builtin.command: cat /etc/hostname
      delegate_to: "{{ item }}"
      loop: [web, open, this, localhost]
      register: said
    - ansible.builtin.assert:
        that:
          - said.results[0].stdout == expected.web
          - said.results[1].stdout == expected.open
          - said.results[2].stdout == said.results[3].stdout
          - said.results[2].stdout not in expected.values()
    - ansible.builtin.wait_for_connection: {timeout: 20}
    - name: what a task leaves running lives on
      ansible.builtin.shell: sleep 4242 > /dev/null 2>&1 & echo $!
      register: said
    - ansible.builtin.command: "kill {{ said.stdout }}"
"""


def hostnames(ansible):
    return {
        name: ansible.docker("inspect", "-f", "{{.Config.Hostname}}", name).strip()
        for name in ("web", "open", "shut")
    }


def test_every_kind_of_task(ansible):
    (ansible.directory / "script.sh").write_text("#!/bin/sh\necho $*\n")
    known = hostnames(ansible)
    told = subprocess.list2cmdline([str({"expected": known}).replace("'", '"')])[1:-1]
    ansible.play(
        TASKS,
        "-e",
        told.replace('\\"', '"'),
        hosts={"this": {"ansible_connection": "local", "ansible_pipelining": True}},
    )
    for name in known:
        data = (ansible.directory / "fetched" / name / "dev/shm/app").read_bytes()
        assert data == b"x" * 300000
    assert tasks_left(ansible) == []


def tasks_left(ansible):
    """The control groups of tasks in this engine's containers that still have processes."""
    idents, found = os.listdir(os.path.join(ansible.engine.paths.data, "containers")), []
    for top, names, _files in os.walk("/sys/fs/cgroup"):
        for name in names:
            if name.startswith("pycontainer-task-") and os.path.basename(top) in idents:
                with open(f"{top}/{name}/cgroup.procs") as file:
                    if file.read():
                        found.append(f"{top}/{name}")
    return found


def test_names_say_what_is_meant_or_nothing_happens(ansible):
    whole = ansible.docker("inspect", "-f", "{{.Id}}", "web").strip()
    hosts = {
        "by-id": {"ansible_host": whole},
        "by-digits": {"ansible_host": whole[:12]},
        "too-short": {"ansible_host": whole[:11]},
        "absent": {},
        "nowhere": {"ansible_host": "web", "ansible_pycontainer_host": "nobody"},
        "itself": {"ansible_host": "web", "ansible_pycontainer_host": "itself"},
        "nobodys": {"ansible_host": "web", "ansible_user": "nobody-at-all"},
        "elsewhere": {"ansible_host": "web", "ansible_pycontainer_data_root": "/nonexistent"},
    }
    for variables in hosts.values():
        variables["ansible_connection"] = "pycontainer.engine.container"
    said = ansible.run(
        "ansible",
        "others:stopped:paused",
        "-m",
        "raw",
        "-a",
        "cat /etc/hostname",
        rc=4,
        hosts=hosts,
    )
    for name in ("by-id", "by-digits"):
        assert f"{name} | CHANGED" in said
    for sentence in (
        f"localhost: container {whole[:11]} does not exist",
        "localhost: container absent does not exist",
        "the inventory has no host 'nobody'",
        "itself is on itself",
        "nobody-at-all",
        "localhost: container stopped is not running (it is created); start it first",
        "localhost: container paused is paused; unpause it first",
        "the engine is not there",
    ):
        assert sentence in said, said
    assert said.count("UNREACHABLE") == 8


def test_an_image_without_a_shell_or_python(ansible):
    said = ansible.run("ansible", "bare", "-m", "raw", "-a", "/opt/busybox echo 'one word' two")
    assert "one word two" in said
    said = ansible.run("ansible", "bare", "-m", "raw", "-a", "/opt/busybox echo $HOME", rc=2)
    assert "/bin/sh" in said and "rc=127" in said
    assert "rc=127" in ansible.run("ansible", "bare", "-m", "raw", "-a", "/no/such", rc=2)


def test_a_read_only_root_is_named(ansible):
    said = ansible.run("ansible", "shut", "-m", "copy", "-a", "content=x dest=/dev/shm/y", rc=4)
    assert "the root of container shut is read-only. Let ansible_remote_tmp name" in said


def test_files_of_any_size_and_kind(ansible):
    big = ansible.directory / "big"
    data = os.urandom(1 << 20) * 9 + b"end"  # more than one step
    big.write_bytes(data)
    ansible.play(
        """
        - hosts: web
          gather_facts: false
          tasks:
            - ansible.builtin.copy: {src: big, dest: /tmp/big}
            - ansible.builtin.fetch: {src: /tmp/big, dest: back, flat: true}
            - ansible.builtin.copy: {content: "", dest: /tmp/empty}
            - ansible.builtin.fetch: {src: /tmp/empty, dest: empty, flat: true}
        """
    )
    back = (ansible.directory / "back").read_bytes()
    assert hashlib.sha256(back).digest() == hashlib.sha256(data).digest()
    assert (ansible.directory / "empty").read_bytes() == b""


@contextlib.contextmanager
def at_work(ansible, seconds):
    """Ansible, in a session of its own, with a task that has started processes all over the container."""
    line = sleepers.LINE.format(seconds)
    process = subprocess.Popen(
        ansible.command("ansible", "web", "-m", "shell", "-a", line),
        env=ansible.environment(),
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        waiting.until(lambda: len(sleepers.sleeping(seconds)) >= sleepers.COUNT)
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


@pytest.mark.parametrize("how", ["the controller", "the door"])
def test_a_task_ends_with_who_asked_for_it(ansible, how):
    with at_work(ansible, 91000 + len(how)) as process:
        if how == "the controller":
            process.send_signal(signal.SIGKILL)
        else:
            for pid in doors(ansible):
                os.kill(pid, signal.SIGKILL)
        waiting.until(lambda: not sleepers.sleeping(91000 + len(how)))
    waiting.until(lambda: not doors(ansible) and not tasks_left(ansible))


def doors(ansible):
    """The host's sides of connections to this engine."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().split(b"\0")
        if (
            any(
                ansible.engine.paths.runtime.encode() in word and b"-inside" in word
                for word in words
            )
            and b"python" in words[0]
        ):
            found.append(int(pid))
    return found

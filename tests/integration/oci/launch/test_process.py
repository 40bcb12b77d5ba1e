# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""config.json's process: ids, rights, limits, scheduling, environment. runtime-spec config.md "Process"."""

from __future__ import annotations

import os

import pytest
from pycontainer.kernel.calls import syscalls
from pycontainer.kernel.isolation import capabilities


def status(result):
    return {
        key: value.strip() for key, dummy, value in (line.partition(":") for line in result.lines)
    }


def test_ids_groups_and_umask_are_exactly_as_given(bundle):
    bundle.process["user"] = {
        "uid": 1000,
        "gid": 1001,
        "additionalGids": [2000, 3000],
        "umask": 0o027,
    }
    found = status(bundle.run("cat", "/proc/self/status"))
    assert (
        found["Uid"].split(),
        found["Gid"].split(),
        found["Groups"].split(),
        found["Umask"],
    ) == (["1000"] * 4, ["1001"] * 4, ["2000", "3000"], "0027")


def test_without_additional_gids_there_are_no_groups(bundle):
    bundle.process["user"] = {"uid": 0, "gid": 1000}
    found = status(bundle.run("cat", "/proc/self/status"))
    assert found["Groups"] == "" and found["Umask"] == "0022"


@pytest.mark.parametrize(
    "user, words",
    [
        ({"uid": -1, "gid": 0}, "process.user.uid: -1"),
        ({"uid": 0, "gid": 2**32}, "process.user.gid"),
        ({"uid": 0, "gid": 0, "additionalGids": [-3]}, "additionalGids: -3"),
        ({"uid": 0, "gid": 0, "umask": -1}, "umask"),
    ],
)
def test_ids_that_are_none_are_refused(bundle, user, words):
    bundle.process["user"] = user
    bundle.refused(words)


# ------------------------------------------------------------------------------------------------------- capabilities


def bits(*names):
    return f"{capabilities.mask(names):016x}"


def test_all_five_sets(bundle):
    names = {
        "bounding": ["CAP_KILL", "CAP_CHOWN", "CAP_SETUID"],
        "permitted": ["CAP_KILL", "CAP_CHOWN"],
        "inheritable": ["CAP_KILL"],
        "effective": ["CAP_KILL", "CAP_CHOWN"],
        "ambient": ["CAP_KILL"],
    }
    bundle.process.update(user={"uid": 1000, "gid": 1000}, capabilities=names)
    found = status(bundle.run("cat", "/proc/self/status"))
    assert found["CapBnd"] == bits(*names["bounding"]) and found["CapInh"] == found[
        "CapAmb"
    ] == bits("CAP_KILL")
    assert found["CapPrm"] == found["CapEff"] == bits("CAP_KILL"), (
        "what a user other than root keeps is ambient"
    )


def test_root_has_its_bounding_set(bundle):
    bundle.capabilities("CAP_KILL", "CAP_CHOWN")
    found = status(bundle.run("cat", "/proc/self/status"))
    assert (
        found["CapBnd"] == found["CapPrm"] == found["CapEff"] == bits("CAP_KILL", "CAP_CHOWN")
        and found["CapInh"] == found["CapAmb"] == bits()
    )


def test_no_capabilities_at_all(bundle):
    del bundle.process["capabilities"]
    found = status(bundle.run("cat", "/proc/self/status"))
    assert {found[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {bits()}


def test_an_unknown_capability_is_a_warning(bundle):
    bundle.capabilities("CAP_KILL", "CAP_FLY")
    result = bundle.run("cat", "/proc/self/status")
    assert (
        result.code == 0
        and "warning: ignoring unknown or unavailable capabilities: [CAP_FLY]" in result.err
    )
    assert status(result)["CapEff"] == bits("CAP_KILL")


def test_ambient_without_inheritable_is_a_warning(bundle):
    bundle.process["capabilities"].update(ambient=["CAP_KILL"])
    result = bundle.run("cat", "/proc/self/status")
    assert (
        result.code == 0
        and "can't raise ambient capability CAP_KILL: it is not inheritable and permitted"
        in result.err
    )
    assert status(result)["CapAmb"] == bits()


def test_inheritable_beyond_the_bounding_set_is_a_warning(bundle):
    bundle.process["capabilities"].update(inheritable=["CAP_SYS_TIME"])
    result = bundle.run("cat", "/proc/self/status")
    assert (
        result.code == 0
        and "capabilities.inheritable: CAP_SYS_TIME can't be given: it is not in the bounding set"
        in result.err
    )
    assert status(result)["CapInh"] == bits()


def test_a_capability_that_this_root_lacks_is_a_warning(bundle):
    lacking = [
        name
        for number, name in enumerate(capabilities.NAMES[: capabilities.last_cap() + 1])
        if not syscalls.capget()[1] >> number & 1
    ]
    if not lacking:
        pytest.skip("this root has every capability")
    bundle.capabilities("CAP_KILL", lacking[0])
    result = bundle.run("cat", "/proc/self/status")
    assert (
        result.code == 0
        and f"{lacking[0]} can't be given: this host's root does not have it" in result.err
    )
    assert status(result)["CapEff"] == bits("CAP_KILL")


@pytest.mark.parametrize("value", (True, False))
def test_no_new_privileges(bundle, value):
    bundle.process["noNewPrivileges"] = value
    assert status(bundle.run("cat", "/proc/self/status"))["NoNewPrivs"] == str(int(value))


# ------------------------------------------------------------------------------------------------------------- limits


LIMITS = {
    "CPU": "Max cpu time",
    "FSIZE": "Max file size",
    "DATA": "Max data size",
    "STACK": "Max stack size",
    "CORE": "Max core file size",
    "RSS": "Max resident set",
    "NOFILE": "Max open files",
    "MEMLOCK": "Max locked memory",
    "AS": "Max address space",
    "LOCKS": "Max file locks",
    "SIGPENDING": "Max pending signals",
    "MSGQUEUE": "Max msgqueue size",
    "RTTIME": "Max realtime timeout",
}


def test_rlimits_are_as_given(bundle):
    values = {
        name: (1 << 26, 1 << 27) if name in ("AS", "DATA", "FSIZE", "STACK", "RSS") else (60, 61)
        for name in LIMITS
    }
    values["MEMLOCK"] = values["SIGPENDING"] = values["MSGQUEUE"] = (60, 61)
    bundle.process["rlimits"] = [
        {"type": "RLIMIT_" + name, "soft": soft, "hard": hard}
        for name, (soft, hard) in values.items()
    ]
    lines = bundle.run("cat", "/proc/self/limits").lines
    for name, words in LIMITS.items():
        line = next(line for line in lines if line.startswith(words))
        assert line[len("Max realtime timeout") :].split()[:2] == [
            str(value) for value in values[name]
        ], line


@pytest.mark.parametrize(
    "limits, words",
    [
        ([{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 1}] * 2, "RLIMIT_NOFILE is there twice"),
        ([{"type": "RLIMIT_FROB", "soft": 1, "hard": 1}], "RLIMIT_FROB is not known"),
        ([{"type": "NOFILE", "soft": 1, "hard": 1}], "NOFILE is not known"),
        ([{"type": "RLIMIT_NOFILE", "soft": 3, "hard": 2}], "soft 3 is above hard 2"),
    ],
)
def test_rlimits_that_can_not_be_are_refused(bundle, limits, words):
    bundle.process["rlimits"] = limits
    bundle.refused(words)


def test_oom_score_adj_is_set_even_to_nothing(bundle):
    bundle.process["oomScoreAdj"] = 321
    assert bundle.run("cat", "/proc/self/oom_score_adj").out == "321\n"
    bundle.process["oomScoreAdj"] = 1001
    bundle.refused("oomScoreAdj: 1001")


def test_without_oom_score_adj_it_is_inherited(bundle):
    own = open("/proc/self/oom_score_adj").read()  # pylint: disable=consider-using-with
    assert bundle.run("cat", "/proc/self/oom_score_adj").out == own


# --------------------------------------------------------------------------------------------------------- scheduling


def test_scheduler_batch_with_nice(bundle):
    bundle.process["scheduler"] = {"policy": "SCHED_BATCH", "nice": 7}
    fields = bundle.run("cat", "/proc/self/stat").out.rpartition(")")[2].split()
    assert (fields[16], fields[38]) == (
        "7",
        "3",
    )  # proc_pid_stat(5): nice is field 19, policy 41; the name took two


@pytest.mark.parametrize("flags, expected", (([], "-5"), (["SCHED_FLAG_RESET_ON_FORK"], "0")))
def test_scheduler_flags(bundle, flags, expected):
    bundle.process["scheduler"] = {"policy": "SCHED_OTHER", "nice": -5, "flags": flags}
    result = bundle.shell("cut -d' ' -f19 /proc/1/stat; cat /proc/self/stat | cut -d' ' -f19")
    assert result.lines == ["-5", expected], result


@pytest.mark.parametrize("policy", ("SCHED_FIFO", "SCHED_RR", "SCHED_DEADLINE"))
def test_real_time_policies_are_set_or_refused_by_name(bundle, policy):
    more = (
        {"runtime": 10**6, "deadline": 10**7, "period": 10**7}
        if policy == "SCHED_DEADLINE"
        else {"priority": 5}
    )
    bundle.process["scheduler"] = dict(more, policy=policy, flags=["SCHED_FLAG_RESET_ON_FORK"])
    result = bundle.run("cat", "/proc/self/stat")
    if result.code == 125:
        assert "process.scheduler can't be set: " in result.err, result
    else:
        assert (
            int(result.out.rpartition(")")[2].split()[38]) & 0xFF
            == {"SCHED_FIFO": 1, "SCHED_RR": 2, "SCHED_DEADLINE": 6}[policy]
        )


@pytest.mark.parametrize(
    "scheduler, words",
    [
        ({"policy": "SCHED_NONE"}, "process.scheduler.policy: 'SCHED_NONE'"),
        ({"policy": "SCHED_OTHER", "nice": 20}, "process.scheduler.nice: 20"),
        ({"policy": "SCHED_OTHER", "priority": 1}, "process.scheduler.priority is for SCHED_FIFO"),
        ({}, None),
        ({"policy": "SCHED_DEADLINE", "deadline": 10**7}, "requires `runtime`"),
        ({"policy": "SCHED_DEADLINE", "runtime": 10**6}, "requires `deadline`"),
        (
            {"policy": "SCHED_DEADLINE", "runtime": 1023, "deadline": 10**7},
            "runtime 1023 must be between",
        ),
        (
            {"policy": "SCHED_DEADLINE", "runtime": 10**7, "deadline": 10**6},
            "runtime 10000000 must be <= its deadline 1000000",
        ),
        (
            {"policy": "SCHED_DEADLINE", "runtime": 2000, "deadline": 10**7, "period": 10**6},
            "deadline 10000000 must be <= its period 1000000",
        ),
        ({"policy": "SCHED_FIFO", "runtime": 1}, "process.scheduler.runtime is for SCHED_DEADLINE"),
        ({"policy": "SCHED_OTHER", "flags": ["FROB"]}, "FROB"),
    ],
)
def test_schedulers_that_can_not_be_are_refused(bundle, scheduler, words):
    bundle.process["scheduler"] = scheduler
    if words:
        bundle.refused(words)
    else:
        assert bundle.run("true").code == 0


def test_io_priority(bundle):
    bundle.process["ioPriority"] = {"class": "IOPRIO_CLASS_IDLE", "priority": 0}
    assert bundle.run("ionice", "-p", "1").out.split()[:1] == ["idle"] or bundle.run(
        "ionice", "-p", "1"
    ).out.startswith("idle")
    bundle.process["ioPriority"] = {"class": "IOPRIO_CLASS_BE", "priority": 6}
    assert "best-effort: prio 6" in bundle.run("ionice", "-p", "1").out


@pytest.mark.parametrize(
    "entry",
    ({"class": "IOPRIO_CLASS_NONE", "priority": 0}, {"class": "IOPRIO_CLASS_BE", "priority": 8}),
)
def test_io_priorities_that_can_not_be_are_refused(bundle, entry):
    bundle.process["ioPriority"] = entry
    bundle.refused("process.ioPriority.")


def test_personality(bundle):
    bundle.linux["personality"] = {"domain": "LINUX32"}
    assert bundle.run("uname", "-m").out in ("i686\n", "armv8l\n")
    bundle.linux["personality"] = {"domain": "LINUX"}
    assert bundle.run("uname", "-m").out == os.uname().machine + "\n"
    bundle.linux["personality"] = {"domain": "BSD"}
    bundle.refused("linux.personality.domain: 'BSD'")
    bundle.linux["personality"] = {"domain": "LINUX", "flags": ["X"]}
    bundle.refused("linux.personality.flags: X")


def test_memory_policy(bundle):
    if not os.path.exists("/proc/self/numa_maps"):
        pytest.skip("this kernel has no NUMA")
    bundle.linux["memoryPolicy"] = {
        "mode": "MPOL_BIND",
        "nodes": "0",
        "flags": ["MPOL_F_STATIC_NODES"],
    }
    result = bundle.run("cat", "/proc/self/numa_maps")
    assert "bind=static:0" in result.out, result
    bundle.linux["memoryPolicy"] = {"mode": "MPOL_DEFAULT"}
    assert "bind" not in bundle.run("cat", "/proc/self/numa_maps").out


@pytest.mark.parametrize(
    "policy, words",
    [
        ({"mode": "MPOL_FROB"}, "MPOL_FROB"),
        ({"mode": "MPOL_BIND"}, "needs at least one node"),
        ({"mode": "MPOL_DEFAULT", "nodes": "0"}, "MPOL_DEFAULT mode requires 0 nodes but got 1"),
        ({"mode": "MPOL_BIND", "nodes": "a-b"}, "'a-b'"),
        ({"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_FROB"]}, "MPOL_F_FROB"),
        ({"mode": "MPOL_BIND", "nodes": "900"}, "linux.memoryPolicy"),
        ({}, "linux.memoryPolicy.mode: invalid memory policy mode: it is missing"),
    ],
)
def test_memory_policies_that_can_not_be_are_refused(bundle, policy, words):
    bundle.linux["memoryPolicy"] = policy
    bundle.refused(words)


def test_exec_cpu_affinity_is_for_exec_alone(bundle):
    cpus = sorted(os.sched_getaffinity(0))
    bundle.process["execCPUAffinity"] = {"initial": str(cpus[0]), "final": str(cpus[-1])}
    result = bundle.run(
        exec=["sh", "-c", "grep Cpus_allowed_list /proc/self/status /proc/1/status"]
    )
    own, first = (line.split()[-1] for line in result.lines)
    assert own == str(cpus[-1])
    if len(cpus) > 1:
        assert first != own


@pytest.mark.parametrize("value", ("x", "1-", "3-1", "1,,2"))
def test_cpu_lists_that_are_none_are_refused(bundle, value):
    bundle.process["execCPUAffinity"] = {"initial": value}
    bundle.refused(f"process.execCPUAffinity.initial: {value!r}")


# -------------------------------------------------------------------------------------- arguments, environment, directory


def test_the_last_of_two_variables_counts_and_home_is_found(bundle):
    bundle.process["env"] += ["A=1", "A=2", "B=x=y", "HOME="]
    with open(os.path.join(bundle.root, "etc/passwd"), "w") as file:
        file.write("root:x:0:0::/the/home:/bin/sh\n")
    lines = bundle.run("env").lines
    assert sorted(lines) == ["A=2", "B=x=y", "HOME=/the/home", "PATH=/bin"]
    bundle.process["env"] = ["PATH=/bin", "HOME=/other"]
    assert "HOME=/other" in bundle.run("env").lines


def test_the_working_directory_is_made(bundle):
    bundle.process["cwd"] = "/made/for/it"
    assert bundle.run("pwd").out == "/made/for/it\n"


@pytest.mark.parametrize(
    "change, words",
    [
        ({"args": []}, "process.args is empty"),
        ({"args": None}, "process.args is empty"),
        ({"cwd": "tmp"}, "Cwd must be an absolute path"),
        ({"cwd": ""}, "Cwd must be an absolute path"),
        ({"env": ["=value"]}, "process.env: '=value'"),
        ({"args": ["true", 0]}, "an argument: 0 is not valid"),
        ({"args": "true"}, 'process.args: "true"'),
    ],
)
def test_what_a_process_needs(bundle, change, words):
    bundle.process.update(change)
    bundle.refused(words)


def test_a_bundle_without_a_process_is_refused(bundle):
    del bundle.config["process"]
    bundle.refused("process is missing")


@pytest.mark.parametrize(
    "field, value",
    (("apparmorProfile", "some-profile"), ("selinuxLabel", "system_u:system_r:container_t:s0")),
)
def test_labels_of_security_modules_that_are_off_are_refused(bundle, field, value):
    module = (
        "/sys/module/apparmor/parameters/enabled"
        if field == "apparmorProfile"
        else "/sys/fs/selinux/enforce"
    )
    if os.path.exists(module):
        pytest.skip("this host has it")
    bundle.process[field] = value
    bundle.refused(value, "is not enabled on this host")

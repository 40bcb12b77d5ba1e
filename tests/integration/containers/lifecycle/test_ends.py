# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers that a task waits for (``detach: false``), and docker_container's other words about a task, on the real kernel."""

from __future__ import annotations

import os
import signal
import time

import pytest
from pycontainer import containers, images
from pycontainer.containers import task
from pycontainer.containers.lifecycle import waits
from pycontainer.containers.plans.batch import BatchFailed
from pycontainer.containers.records import run_state
from pycontainer.containers.view import container_filters, container_summary
from pycontainer.errors import Conflict, ContainerFailed, InvalidInput
from pycontainer.images.plans.present import plan_tags
from pycontainer.kernel.cgroups.hierarchy import freezer
from pycontainer.kernel.processes import procfs
from pycontainer.reconcile import carry_out
from support.waiting import eventually


def do(engine, check=False, **params):
    return carry_out(
        task.container(
            engine, dict({"name": "job", "image": "box:1", "network_mode": "none"}, **params)
        ),
        check,
    )


def script(text, **more):
    return dict({"command": ["sh", "-c", text], "detach": False, "stop_timeout": 0}, **more)


@pytest.fixture(autouse=True)
def removed(engine, image):
    yield
    for record in containers.every(engine):
        containers.remove(engine, record, force=True)


def test_the_end_is_waited_for_and_the_output_returned(engine):
    found = do(engine, **script("echo one; sleep .2; echo two >&2; echo three"))
    assert found["status"] == 0 and found["changed"]
    assert found["container"]["Output"] == "one\ntwo\nthree\n"
    assert found["container"]["State"]["Status"] == "exited" and "stdout" not in found
    again = do(engine, **script("echo one; sleep .2; echo two >&2; echo three"), output_logs=True)
    assert again["container"]["Output"] == "one\ntwo\nthree\n", "of this run alone"
    assert again["stdout"] == again["container"]["Output"]
    assert again["stdout_lines"] == ["one", "two", "three"]
    assert again["actions"] == ["start container job"]


def test_a_check_waits_for_nothing(engine):
    found = do(engine, True, **script("exit 3"))
    assert found["changed"] and "status" not in found


def test_an_end_with_an_error_fails_with_the_output(engine):
    with pytest.raises(ContainerFailed, match="container job ended with exit code 3") as caught:
        do(engine, **script("echo why; exit 3"))
    assert caught.value.status == 3 and caught.value.logs == "why\n"
    assert caught.value.container["Output"] == "why\n" and caught.value.changed


def test_one_that_runs_is_not_waited_for(engine):
    do(engine, command=["sleep", "1000"], stop_timeout=0)
    found = do(engine, command=["sleep", "1000"], detach=False)
    assert not found["changed"] and "status" not in found


@pytest.mark.parametrize("how", [{"cleanup": True}, {"auto_remove": True}])
def test_it_is_removed_at_its_end_and_its_output_known(engine, how):
    found = do(engine, **script("echo out", **how))
    assert found["container"] == {"Output": "out\n"} and found["status"] == 0
    assert not containers.every(engine) and not os.listdir(engine.paths.containers)
    with pytest.raises(ContainerFailed, match="exit code 4"):
        do(engine, **script("exit 4", **how))
    assert not containers.every(engine)


def test_one_that_has_to_be_made_anew_is_waited_for(engine):
    do(engine, **script("echo one"))
    found = do(engine, **script("sleep .4; echo two"))
    assert found["container"]["Output"] == "two\n"
    assert [action.partition(" because")[0] for action in found["actions"]] == [
        "replace container job",
        "start container job",
    ]
    with pytest.raises(ContainerFailed, match="exit code 5"):
        do(engine, **script("exit 5"))


def test_the_last_of_a_long_output_is_kept(engine, monkeypatch):
    monkeypatch.setattr(waits, "MOST_OUTPUT", 10)
    assert do(engine, **script("echo 12345678; echo abcd; echo ef"))["container"]["Output"] == (
        "abcd\nef\n"
    )


def test_some_of_a_list_are_waited_for(engine):
    entry = {"image": "box:1", "network_mode": "none"}
    found = task.container(
        engine,
        {
            "containers": [
                dict(entry, name="one", **script("sleep .3; echo 1", cleanup=True)),
                dict(entry, name="two", **script("echo 2")),
                dict(entry, name="three", command=["sleep", "1000"], stop_timeout=0),
            ]
        },
    )
    one, two, three = found["results"]
    assert (one["container"], one["status"]) == ({"Output": "1\n"}, 0)
    assert (two["container"]["Output"], two["status"]) == ("2\n", 0)
    assert three["container"]["State"]["Running"] and "status" not in three
    with pytest.raises(BatchFailed, match="1 of 1 containers failed: one: .* exit code 7") as bad:
        task.container(engine, {"containers": [dict(entry, name="one", **script("exit 7"))]})
    assert bad.value.results[0]["status"] == 7


@pytest.mark.parametrize(
    ("params", "word"),
    [
        ({"detach": False, "state": "present"}, "detach: False.* state started or restarted"),
        ({"kill_signal": "HUP"}, "kill_signal: 'SIGHUP' .*force_kill"),
        ({"paused": True, "state": "stopped"}, "paused: True"),
        ({"networks_cli_compatible": False}, "networks_cli_compatible: False"),
        ({"kill_signal": "NONE", "force_kill": True, "state": "absent"}, "kill_signal: 'NONE'"),
    ],
)
def test_words_that_contradict_each_other(engine, params, word):
    with pytest.raises(InvalidInput, match=word):
        do(engine, **params)
    assert not containers.every(engine)


def test_it_is_killed_by_a_signal_of_ones_choice(engine):
    heard = "trap 'echo heard; exit 9' HUP; trap '' TERM; echo up; while :; do sleep .05; done"
    do(engine, command=["sh", "-c", heard], stop_timeout=20)
    found = do(engine, state="stopped", force_kill=True, kill_signal="HUP")
    assert found["container"]["State"]["ExitCode"] == 9
    do(engine)
    do(engine, labels={"a": "b"}, recreate=True, force_kill=True, kill_signal="SIGHUP")
    do(engine, state="absent", force_kill=True)


def test_paused_with_started(engine):
    assert do(engine, command=["sleep", "1000"], paused=True)["container"]["State"]["Paused"]
    assert not do(engine, paused=True)["changed"]
    assert do(engine, paused=False)["actions"] == ["unpause container job"]
    do(engine, state="absent", force_kill=True)


def test_another_name_of_the_image(engine):
    do(engine, command=["sleep", "1000"], stop_timeout=0)
    plan = images.plan_present(engine, "box:1", "missing")
    plan_tags(plan, ["other:1"])
    carry_out(plan, False)
    kept = do(engine, True, image="other:1")
    assert kept["actions"] == ["change image_name of container job"]
    anew = do(engine, True, image="other:1", image_name_mismatch="recreate")
    assert anew["actions"] == ["replace container job because of image_name"]
    ignored = do(
        engine,
        True,
        image="other:1",
        image_name_mismatch="recreate",
        comparisons={"image": "ignore"},
    )
    assert not ignored["changed"]


def test_defaults_of_before(engine):
    do(engine, command=["sleep", "1000"], stop_timeout=0, read_only=True, memory="64m")
    assert not do(engine, container_default_behavior="no_defaults")["changed"]
    found = do(engine, True, container_default_behavior="compatibility")
    assert found["actions"] == ["replace container job because of read_only"]
    assert "memory" in found["diff"]["after"]


def test_a_command_as_it_was_handled_before(engine):
    found = do(
        engine, command=["echo", "'a  b'", "c"], command_handling="compatibility", detach=False
    )
    assert found["container"]["Output"] == "a  b c\n"


def test_labels_of_the_image(engine, rootfs):
    labelled, config = "labelled:1", {"labels": {"maker": "them"}, "command": ["sleep", "9"]}
    carry_out(images.plan_import(engine, labelled, rootfs, config), False)
    with pytest.raises(Conflict, match="fail.*: maker"):
        do(engine, image=labelled, image_label_mismatch="fail", labels={})
    do(engine, True, image=labelled, image_label_mismatch="fail")
    do(engine, True, image=labelled, image_label_mismatch="fail", labels={"maker": "me"})
    how = {"labels": "allow_more_present"}
    do(engine, True, image=labelled, image_label_mismatch="fail", labels={}, comparisons=how)
    do(engine, True, image=labelled)


def test_podmans_words(engine):
    do(engine, state="created", restart_policy="on-failure:4", command=["true"])
    shown = do(engine, state="present")["container"]
    assert shown["HostConfig"]["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 4}
    assert shown["State"]["Status"] == "created"


@pytest.mark.parametrize("state", ["stopped", "absent"])
def test_those_that_end_end_at_the_same_time(engine, state, tmp_path):
    """Each ends by its own will only when all have got the signal."""
    count = 2 * (os.cpu_count() or 1) + 2
    text = (
        "trap 'touch got-$HOSTNAME; until [ $(ls | grep -c got-) = %d ]; do sleep .05; done; "
        "touch left-$HOSTNAME; exit' TERM; touch ready-$HOSTNAME; while :; do sleep .05; done"
    )
    boxes = [
        {
            "name": f"box{number}",
            "image": "box:1",
            "network_mode": "none",
            "command": ["sh", "-c", text % count],
            "volumes": [f"{tmp_path}:/meet"],
            "working_dir": "/meet",
            "stop_timeout": 15,
        }
        for number in range(count)
    ]
    task.container(engine, {"containers": boxes})
    assert freezer.until(lambda: len(list(tmp_path.glob("ready-*"))) == count, 30)
    ended = [dict(box, state=state) for box in boxes]
    task.container(engine, {"containers": ended})
    assert len(list(tmp_path.glob("left-*"))) == count


def test_a_monitor_that_hangs_holds_up_no_list(engine, monkeypatch):
    do(engine, command=["sleep", "1000"], stop_timeout=0)
    record = containers.find(engine, "job")
    state = run_state.read(engine.paths, record["id"])
    monitor = procfs.stat(state["pid"])["parent"]
    os.kill(monitor, signal.SIGSTOP)
    try:
        os.kill(state["pid"], signal.SIGKILL)
        eventually(lambda: not run_state.alive(state))
        waited, sleep = [], time.sleep
        monkeypatch.setattr(time, "sleep", lambda seconds: (waited.append(seconds), sleep(seconds)))
        (row,) = container_filters.listing(engine)
        words = container_summary.status_words(engine, row)
        told = task.container_info(engine, {"name": "job"})
    finally:
        os.kill(monitor, signal.SIGCONT)
    assert sum(waited) < 3 * 0.2, waited  # each of the three looks waited two seconds
    assert words.startswith("Up") and told["container"]["State"]["Pid"] == 0
    eventually(lambda: container_summary.status_words(engine, row).startswith("Exited (137)"))

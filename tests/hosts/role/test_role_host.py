# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role ``host`` over SSH: check mode, first run, second run, removal, with each kind of init system."""

from __future__ import annotations

import pytest

ROLE = {"include_role": {"name": "pycontainer.engine.host"}}
UNIT = "/etc/systemd/system/pycontainer-boot.service"


def role(**variables):
    return [
        dict(ROLE, vars={"pycontainer_host_" + name: value for name, value in variables.items()})
    ]


def module_result(played, host="h1"):
    """The result of the role's one task that changes the host."""
    return [result for result in played.results(host) if "host" in result][-1]


def exists(fleet, host, *paths):
    return [path for path in paths if fleet.execute(host, "test", "-e", path).returncode == 0]


def test_check_then_run_then_again_on_many_hosts(play, fleet):
    checked = play(fleet, role(), "--check", "--diff")
    assert checked.changed == {"h1": 1, "h2": 1, "h3": 1}
    assert (
        exists(
            fleet,
            "h1",
            "/usr/local/bin/pycontainer",
            "/var/lib/pycontainer/state.db",
            "/run/pycontainer",
        )
        == []
    )
    done = play(fleet, role())
    assert module_result(done)["actions"] == module_result(checked)["actions"]
    assert done.changed == {"h1": 1, "h2": 1, "h3": 1}
    assert play(fleet, role()).changed == {"h1": 0, "h2": 0, "h3": 0}
    assert play(fleet, role(), "--check").changed == {"h1": 0, "h2": 0, "h3": 0}
    help_text = fleet.execute("h2", "pycontainer", "--help").stdout
    assert "Groups of commands:" in help_text


def test_command_says_why_it_refuses_others_than_root(fleet):
    done = fleet.execute(
        "h1", "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "pycontainer", "ps"
    )
    assert done.returncode == 125
    assert "needs root" in done.stdout


def test_removal_and_again(play, fleet):
    gone = play(fleet, role(state="absent"), "--limit", "h3")
    assert gone.changed == {"h3": 1}
    assert (
        exists(fleet, "h3", "/usr/local/bin/pycontainer", "/var/lib/pycontainer/runtime/current")
        == []
    )
    assert exists(fleet, "h3", "/var/lib/pycontainer/state.db"), (
        "data goes only when that is asked for"
    )
    assert play(fleet, role(state="absent"), "--limit", "h3").changed == {"h3": 0}
    assert play(fleet, role(state="absent", delete_data=True), "--limit", "h3").changed == {"h3": 1}
    assert exists(fleet, "h3", "/var/lib/pycontainer/state.db", "/run/pycontainer") == []
    assert play(fleet, role(state="absent", delete_data=True), "--limit", "h3").changed == {"h3": 0}
    assert exists(fleet, "h3", "/var/lib/pycontainer/state.db", "/run/pycontainer") == [], (
        "looking at a bare host must make nothing"
    )
    page = "/usr/local/share/man/man1/pycontainer-run.1"
    assert play(fleet, role(man=True), "--check", "--limit", "h3").changed == {"h3": 2}
    assert exists(fleet, "h3", page, "/var/lib/pycontainer/state.db", "/run/pycontainer") == []
    assert play(fleet, role(man=True), "--limit", "h3").changed == {"h3": 2}
    assert exists(fleet, "h3", page)
    assert play(fleet, role(man=True), "--limit", "h3").changed == {"h3": 0}
    assert play(fleet, role(state="absent"), "--limit", "h3").changed == {"h3": 1}
    assert exists(fleet, "h3", page) == [], "manual pages go with the command"
    assert play(fleet, role(), "--limit", "h3").changed == {"h3": 1}


def test_unit_is_enabled_under_systemd(play, systemd_host):
    done = module_result(play(systemd_host, role()))
    assert (done["host"]["init"], done["host"]["boot_unit"]) == ("systemd", UNIT)
    assert (
        systemd_host.execute(
            "h1", "systemctl", "is-enabled", "pycontainer-boot.service"
        ).stdout.strip()
        == "enabled"
    )
    verified = systemd_host.execute("h1", "systemd-analyze", "verify", UNIT)
    assert (verified.returncode, verified.stdout.strip()) == (0, "")
    assert play(systemd_host, role()).changed == {"h1": 0}
    damaged = systemd_host.execute("h1", "systemctl", "disable", "pycontainer-boot.service")
    assert damaged.returncode == 0
    assert module_result(play(systemd_host, role()))["actions"] == [
        "write, enable and start the boot unit " + UNIT
    ]
    assert module_result(play(systemd_host, role(boot=False)))["actions"] == [
        "remove the boot unit " + UNIT
    ]
    assert (
        "not-found"
        in systemd_host.execute(
            "h1", "systemctl", "show", "-P", "LoadState", "pycontainer-boot.service"
        ).stdout
    )
    assert play(systemd_host, role(boot=False)).changed == {"h1": 0}


ALIVE = [  # one that minds its stop signal, and is to run after a boot
    {"pycontainer.engine.image": {"name": "test/box:1", "source": "import", "path": "/srv/root"}},
    {
        "pycontainer.engine.container": {
            "name": "web",
            "image": "test/box:1",
            "network_mode": "none",
            "restart_policy": "always",
            "volumes": ["kept:/data"],
            "stop_signal": "SIGUSR1",  # the init sends SIGTERM to all that is left
            "command": [
                "sh",
                "-c",
                "trap 'echo stopped >> /data/log; exit 0' USR1; while :; do busybox sleep 0.1; "
                "done",
            ],
        }
    },
]
BOX = "mkdir -p /srv/root/bin /srv/root/data; cp /bin/busybox /srv/root/bin; ln -sf busybox /srv/root/bin/sh"


def boots(play, fleet, unit, links):
    """What every init system must do: install, run at a boot, stop containers in order at the end, go again."""
    done = module_result(play(fleet, role()))
    assert done["host"]["boot_unit"] == unit
    assert play(fleet, role()).changed == {"h1": 0}
    assert {fleet.execute("h1", "readlink", "-e", link).stdout.strip() for link in links} == {unit}
    assert fleet.execute("h1", "sh", "-ec", BOX).returncode == 0
    play(fleet, ALIVE)
    fleet.reboot("h1")
    for dummy_try in range(100):
        running = fleet.execute("h1", "pycontainer", "ps", "--format", "{{.Names}}").stdout
        if running == "web\n":
            break
    assert running == "web\n"
    assert (
        fleet.execute("h1", "cat", "/var/lib/pycontainer/volumes/kept/_data/log").stdout
        == "stopped\n"
    )
    assert play(fleet, role() + ALIVE).changed == {"h1": 0}
    assert play(fleet, role(state="absent", force=True, delete_data=True)).changed == {"h1": 1}
    assert exists(fleet, "h1", unit, *links) == []
    return done["host"]["init"]


def test_a_reboot_under_systemd(play, systemd_host):
    link = "/etc/systemd/system/multi-user.target.wants/pycontainer-boot.service"
    assert boots(play, systemd_host, UNIT, [link]) == "systemd"
    assert (
        systemd_host.execute("h1", "systemctl", "is-active", "pycontainer-boot.service").stdout
        == "inactive\n"
    )


def test_a_unit_that_was_stopped_is_started(play, systemd_host):
    play(systemd_host, role())
    assert (
        systemd_host.execute("h1", "systemctl", "stop", "pycontainer-boot.service").returncode == 0
    )
    assert (
        module_result(play(systemd_host, role(), "--check"))["actions"]
        == module_result(play(systemd_host, role()))["actions"]
        == [f"start the boot unit {UNIT}, which stops containers when the host goes down"]
    )
    assert play(systemd_host, role()).changed == {"h1": 0}


def test_script_under_sysvinit(play, sysvinit_host):
    links = [
        "/etc/rc2.d/S99pycontainer",
        "/etc/rc5.d/S99pycontainer",
        "/etc/rc0.d/K01pycontainer",
        "/etc/rc6.d/K01pycontainer",
    ]
    assert boots(play, sysvinit_host, "/etc/init.d/pycontainer", links) == "sysvinit"


def test_service_under_openrc(play, openrc_host):
    assert (
        boots(play, openrc_host, "/etc/init.d/pycontainer", ["/etc/runlevels/default/pycontainer"])
        == "openrc"
    )


def test_openrc_knows_the_service(play, openrc_host):
    play(openrc_host, role() + ALIVE)
    assert "pycontainer" in openrc_host.execute("h1", "rc-update", "show", "default").stdout
    assert openrc_host.execute("h1", "rc-service", "pycontainer", "restart").returncode == 0
    assert (
        openrc_host.execute("h1", "rc-service", "pycontainer", "status")
        .stdout.strip()
        .endswith("started")
    )
    log = openrc_host.execute("h1", "cat", "/var/lib/pycontainer/volumes/kept/_data/log").stdout
    assert log == "cat: /var/lib/pycontainer/volumes/kept/_data/log: No such file or directory\n", (
        "a restart of the service stops no container"
    )


@pytest.mark.parametrize(
    "options, sentence",
    [
        (
            {"command": "bin/pycontainer"},
            "command: 'bin/pycontainer' is not valid; accepted: an absolute path",
        ),
        (
            {"interpreter": "/bin/cat"},
            "interpreter: /bin/cat is not a Python that runs on this host",
        ),
    ],
)
def test_bad_input_is_refused_with_nothing_changed(play, sysvinit_host, options, sentence):
    task = {"pycontainer.engine.host": dict({"state": "present"}, **options)}
    refused = play(sysvinit_host, [task], may_fail=True)
    assert refused.errors["h1"] and sentence in refused.errors["h1"][0]
    assert exists(sysvinit_host, "h1", "/var/lib/pycontainer/runtime/current") == []

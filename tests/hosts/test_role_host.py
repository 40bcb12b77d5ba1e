# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role ``host`` over SSH: check mode, first run, second run, removal, with each kind of init system."""

from __future__ import annotations

import pytest

ROLE = {"include_role": {"name": "pycontainer.engine.host"}}
UNIT = "/etc/systemd/system/pycontainer-boot.service"


def role(**variables):
    return [dict(ROLE, vars={"pycontainer_host_" + name: value for name, value in variables.items()})]


def module_result(played, host="h1"):
    """The result of the role's one task that changes the host."""
    return played.results(host)[-1]


def exists(fleet, host, *paths):
    return [path for path in paths if fleet.execute(host, "test", "-e", path).returncode == 0]


def test_check_then_run_then_again_on_many_hosts(play, fleet):
    checked = play(fleet, role(), "--check", "--diff")
    assert checked.changed == {"h1": 1, "h2": 1, "h3": 1}
    assert exists(fleet, "h1", "/usr/local/bin/pycontainer", "/var/lib/pycontainer/state.db", "/run/pycontainer") == []
    done = play(fleet, role())
    assert module_result(done)["actions"] == module_result(checked)["actions"]
    assert done.changed == {"h1": 1, "h2": 1, "h3": 1}
    assert play(fleet, role()).changed == {"h1": 0, "h2": 0, "h3": 0}
    assert play(fleet, role(), "--check").changed == {"h1": 0, "h2": 0, "h3": 0}
    help_text = fleet.execute("h2", "pycontainer", "--help").stdout
    assert "volume ls" in help_text


def test_command_says_why_it_refuses_others_than_root(fleet):
    done = fleet.execute("h1", "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "pycontainer", "ps")
    assert done.returncode == 125
    assert "needs root" in done.stdout


def test_removal_and_again(play, fleet):
    gone = play(fleet, role(state="absent"), "--limit", "h3")
    assert gone.changed == {"h3": 1}
    assert exists(fleet, "h3", "/usr/local/bin/pycontainer", "/var/lib/pycontainer/runtime/current") == []
    assert exists(fleet, "h3", "/var/lib/pycontainer/state.db"), "data goes only when that is asked for"
    assert play(fleet, role(state="absent"), "--limit", "h3").changed == {"h3": 0}
    assert play(fleet, role(state="absent", delete_data=True), "--limit", "h3").changed == {"h3": 1}
    assert exists(fleet, "h3", "/var/lib/pycontainer/state.db", "/run/pycontainer") == []
    assert play(fleet, role(state="absent", delete_data=True), "--limit", "h3").changed == {"h3": 0}
    assert exists(fleet, "h3", "/var/lib/pycontainer/state.db", "/run/pycontainer") == [], "looking at a bare host must make nothing"
    assert play(fleet, role(), "--limit", "h3").changed == {"h3": 1}


def test_unit_is_enabled_under_systemd(play, systemd_host):
    done = module_result(play(systemd_host, role()))
    assert (done["host"]["init"], done["host"]["boot_unit"]) == ("systemd", UNIT)
    assert systemd_host.execute("h1", "systemctl", "is-enabled", "pycontainer-boot.service").stdout.strip() == "enabled"
    verified = systemd_host.execute("h1", "systemd-analyze", "verify", UNIT)
    assert (verified.returncode, verified.stdout.strip()) == (0, "")
    assert play(systemd_host, role()).changed == {"h1": 0}
    damaged = systemd_host.execute("h1", "systemctl", "disable", "pycontainer-boot.service")
    assert damaged.returncode == 0
    assert module_result(play(systemd_host, role()))["actions"] == ["write and enable the boot unit " + UNIT]
    assert module_result(play(systemd_host, role(boot=False)))["actions"] == ["remove the boot unit " + UNIT]
    assert "not-found" in systemd_host.execute("h1", "systemctl", "show", "-P", "LoadState", "pycontainer-boot.service").stdout
    assert play(systemd_host, role(boot=False)).changed == {"h1": 0}


def test_script_is_linked_under_sysvinit(play, sysvinit_host):
    done = module_result(play(sysvinit_host, role()))
    assert (done["host"]["init"], done["host"]["boot_unit"]) == ("sysvinit", "/etc/init.d/pycontainer")
    assert play(sysvinit_host, role()).changed == {"h1": 0}
    assert sysvinit_host.execute("h1", "readlink", "-e", "/etc/rc2.d/S99pycontainer").stdout.strip() == "/etc/init.d/pycontainer"
    assert sysvinit_host.execute("h1", "sh", "-n", "/etc/init.d/pycontainer").returncode == 0
    assert play(sysvinit_host, role(state="absent")).changed == {"h1": 1}
    assert exists(sysvinit_host, "h1", "/etc/init.d/pycontainer", "/etc/rc2.d/S99pycontainer", "/etc/rc5.d/S99pycontainer") == []


def test_service_is_linked_under_openrc(play, fleet):
    """OpenRC keeps its runlevel in /run/openrc; what it would run is read by the shell that runs it."""
    assert fleet.execute("h2", "sh", "-c", "mkdir -p /run/openrc && echo default > /run/openrc/softlevel").returncode == 0
    done = module_result(play(fleet, role(), "--limit", "h2"), "h2")
    assert (done["host"]["init"], done["host"]["boot_unit"]) == ("openrc", "/etc/init.d/pycontainer")
    assert play(fleet, role(), "--limit", "h2").changed == {"h2": 0}
    assert fleet.execute("h2", "readlink", "-e", "/etc/runlevels/default/pycontainer").stdout.strip() == "/etc/init.d/pycontainer"
    functions = "ebegin() { :; }; eend() { return $1; }; need() { echo need $*; }; after() { echo after $*; }; want() { echo want $*; }"
    ran = fleet.execute("h2", "sh", "-ec", functions + "; . /etc/init.d/pycontainer; depend; start; echo well")
    assert ran.stdout.splitlines()[:3] == ["need localmount", "want cgroups", "after net nftables firewall"] and ran.stdout.endswith("well\n")
    assert play(fleet, role(state="absent"), "--limit", "h2").changed == {"h2": 1}
    assert exists(fleet, "h2", "/etc/init.d/pycontainer", "/etc/runlevels/default/pycontainer") == []
    fleet.execute("h2", "rm", "-r", "/run/openrc")


@pytest.mark.parametrize("options, sentence", [
    ({"command": "bin/pycontainer"}, "command: 'bin/pycontainer' is not valid; accepted: an absolute path"),
    ({"interpreter": "/bin/cat"}, "interpreter: /bin/cat is not a Python that runs on this host"),
])
def test_bad_input_is_refused_with_nothing_changed(play, sysvinit_host, options, sentence):
    task = {"pycontainer.engine.host": dict({"state": "present"}, **options)}
    refused = play(sysvinit_host, [task], may_fail=True)
    assert refused.errors["h1"] and sentence in refused.errors["h1"][0]
    assert exists(sysvinit_host, "h1", "/var/lib/pycontainer/runtime/current") == []

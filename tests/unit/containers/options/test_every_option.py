# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every option and suboption does something: where its row says, in ``inspect``, and by its flag.

A new option needs a line in ``SAMPLES``: a value other than its default, and the command line that
says the same.
"""

from __future__ import annotations

import json
import os
import pathlib
import shlex
import stat
import subprocess
import sys

import pytest
from pycontainer import images
from pycontainer.cli import read, run_flags
from pycontainer.containers import options
from pycontainer.containers.devices import cdi_specs
from pycontainer.containers.lifecycle import create, remove
from pycontainer.containers.view import inspect_container
from pycontainer.engine import Engine
from pycontainer.kernel.files import project_quota
from pycontainer.networks import catalog
from pycontainer.networks.definition import wanted as said_of_network
from pycontainer.options.rows import LIVE, Computed, Flag, Nowhere, Shown
from pycontainer.reconcile import carry_out

CHECKOUT = pathlib.Path(__file__).resolve().parents[4]


class Sample:
    """A value of an option, and the command line that says it.

    :param beside: other options that it needs. :param without: what the option is without it, for a
        suboption.
    """

    def __init__(self, value, line, beside=None, without=None):
        self.value, self.line, self.beside, self.without = value, line, beside or {}, without


def rate(name, number, less):
    """The samples of a limit on a device. DISK and DISK2 stand for two."""
    flag = "--" + name.replace("_", "-")
    value, line = [{"path": "DISK", "rate": number}], f"{flag} DISK:{number}"
    other = [{"path": "DISK2", "rate": number}]
    return {
        name: Sample(value, line),
        name + ".path": Sample(value, line, without=other),
        name + ".rate": Sample(value, line, without=[{"path": "DISK", "rate": less}]),
    }


def of_startup(key, value):
    """The sample of one of the options about ``health_startup_cmd``."""
    line = "--health-cmd true --health-startup-cmd true"
    beside = {"healthcheck": {"test": CHECKED}, "health_startup_cmd": "true"}
    return {
        f"health_startup_{key}": Sample(value, f"{line} --health-startup-{key} {value}", beside)
    }


def of_mount(key, value, written, **rest):
    """The sample of a key of ``mounts``. What HERE stands for is a directory of the host."""
    line = ",".join(f"{name}={item}" for name, item in rest.items())
    return {
        "mounts." + key: Sample(
            [dict(rest, **{key: value})], f"--mount {line},{written}", without=[rest]
        )
    }


def of_health(key, value, line):
    """The sample of a key of ``healthcheck``."""
    test = {"test": CHECKED}
    value = dict(test, **{key: value})
    return {"healthcheck." + key: Sample(value, f"--health-cmd true {line}", without=test)}


GPUS = {"count": -1, "capabilities": [["gpu"]]}
CHECKED = ["CMD-SHELL", "true"]
BIND = {"type": "bind", "source": "HERE", "target": "/m"}
READ_ONLY = dict(BIND, read_only=True)
NETWORKS = {  # of the store of these tests
    "lab": ["10.213.1.0/24", "fd00:213:1::/64"],
    "den": ["10.213.2.0/24"],
}

SAMPLES = {
    "command": Sample(["a", "b"], "IMAGE a b"),
    "entrypoint": Sample(["/e"], "--entrypoint /e"),
    "env": Sample({"A": "b"}, "-e A=b"),
    "env_host": Sample(True, "--env-host"),
    "env_merge": Sample({"PATH": "/opt:${PATH}"}, "--env-merge 'PATH=/opt:${PATH}'"),
    "unsetenv": Sample(["PATH"], "--unsetenv PATH"),
    "unsetenv_all": Sample(True, "--unsetenv-all"),
    "http_proxy": Sample(True, "--http-proxy"),
    "annotations": Sample({"a.b/c": "d"}, "--annotation a.b/c=d"),
    "timezone": Sample("Etc/GMT+5", "--tz Etc/GMT+5"),
    "user": Sample("7:8", "-u 7:8"),
    "groups": Sample(["5"], "--group-add 5"),
    "passwd_entry": Sample("$UID:x:$UID:$GID::/:", "--passwd-entry '$UID:x:$UID:$GID::/:'"),
    "group_entry": Sample("$GROUPNAME:x:$GID:", "--group-entry '$GROUPNAME:x:$GID:'"),
    "chrootdirs": Sample("/srv", "--chrootdirs /srv"),
    "working_dir": Sample("/w", "-w /w"),
    "umask": Sample("027", "--umask 027"),
    "hostname": Sample("box", "-h box"),
    "domainname": Sample("example.org", "--domainname example.org"),
    "init": Sample(True, "--init"),
    "systemd": Sample("always", "--systemd always"),
    "tty": Sample(True, "-t"),
    "interactive": Sample(True, "-i"),
    "labels": Sample({"a": "b"}, "-l a=b"),
    "stop_signal": Sample("USR1", "--stop-signal USR1"),
    "stop_timeout": Sample(3, "--stop-timeout 3"),
    "memory": Sample("64m", "-m 64m"),
    "memory_reservation": Sample("32m", "--memory-reservation 32m"),
    "memory_swap": Sample("96m", "-m 64m --memory-swap 96m", {"memory": "64m"}),
    "memory_swappiness": Sample(10, "--memory-swappiness 10"),
    "cpus": Sample(0.5, "--cpus .5"),
    "cpu_shares": Sample(512, "-c 512"),
    "cpu_period": Sample(50000, "--cpu-period 50000"),
    "cpu_quota": Sample(20000, "--cpu-quota 20000"),
    "cpu_rt_period": Sample(500000, "--cpu-rt-period 500000"),
    "cpu_rt_runtime": Sample(10000, "--cpu-rt-runtime 10000"),
    "cpuset_cpus": Sample("0", "--cpuset-cpus 0"),
    "cpuset_mems": Sample("0", "--cpuset-mems 0"),
    "pids_limit": Sample(50, "--pids-limit 50"),
    "blkio_weight": Sample(300, "--blkio-weight 300"),
    "blkio_weight_device": Sample({"DISK": 300}, "--blkio-weight-device DISK:300"),
    **rate("device_read_bps", "1m", "2m"),
    **rate("device_write_bps", "1m", "2m"),
    **rate("device_read_iops", 100, 200),
    **rate("device_write_iops", 100, 200),
    "ulimits": Sample(["nofile=64:128"], "--ulimit nofile=64:128"),
    "oom_killer": Sample(True, "--oom-kill-disable"),
    "oom_score_adj": Sample(100, "--oom-score-adj 100"),
    "volumes": Sample(["HERE:/v:ro"], "-v HERE:/v:ro"),
    "mounts": Sample([BIND], "--mount type=bind,source=HERE,target=/m"),
    **of_mount("type", "tmpfs", "type=tmpfs", target="/m"),
    **of_mount("source", "data", "source=data", type="volume", target="/m"),
    "mounts.target": Sample(
        [dict(BIND, target="/n")], "--mount type=bind,source=HERE,target=/n", without=[BIND]
    ),
    **of_mount("read_only", True, "readonly", **BIND),
    **of_mount("propagation", "rslave", "bind-propagation=rslave", **BIND),
    **of_mount("no_copy", True, "volume-nocopy", type="volume", source="data", target="/files"),
    **of_mount("tmpfs_size", "1m", "tmpfs-size=1m", type="tmpfs", target="/m"),
    **of_mount("tmpfs_mode", "0700", "tmpfs-mode=0700", type="tmpfs", target="/m"),
    **of_mount("consistency", "cached", "consistency=cached", **BIND),
    **of_mount("create_mountpoint", True, "bind-create-src", **BIND),
    **of_mount("non_recursive", True, "bind-nonrecursive", **BIND),
    "mounts.read_only_non_recursive": Sample(
        [dict(READ_ONLY, read_only_non_recursive=True)],
        "--mount type=bind,source=HERE,target=/m,ro,bind-recursive=writable",
        without=[READ_ONLY],
    ),
    "mounts.read_only_force_recursive": Sample(
        [dict(READ_ONLY, read_only_force_recursive=True)],
        "--mount type=bind,source=HERE,target=/m,ro,bind-recursive=readonly",
        without=[READ_ONLY],
    ),
    **of_mount("subpath", "a/b", "volume-subpath=a/b", type="volume", source="data", target="/m"),
    **of_mount("labels", {"a": "b"}, "volume-label=a=b", type="volume", target="/m"),
    **of_mount("volume_driver", "local", "volume-driver=local", type="volume", target="/m"),
    **of_mount(
        "volume_options",
        {"type": "tmpfs", "device": "tmpfs"},
        "volume-opt=type=tmpfs,volume-opt=device=tmpfs",
        type="volume",
        target="/m",
    ),
    "mounts.tmpfs_options": Sample(
        [{"type": "tmpfs", "target": "/m", "tmpfs_options": [{"exec": None}, {"uid": "7"}]}],
        "--mount type=tmpfs,target=/m,tmpfs-opt=exec,tmpfs-opt=uid=7",
        without=[{"type": "tmpfs", "target": "/m"}],
    ),
    "tmpfs": Sample(["/t:size=1m"], "--tmpfs /t:size=1m"),
    "volumes_from": Sample(["other:ro"], "--volumes-from other:ro"),
    "read_only": Sample(True, "--read-only"),
    "shm_size": Sample("1m", "--shm-size 1m"),
    "storage_opts": Sample({"size": "1m"}, "--storage-opt size=1m"),
    "devices": Sample(["/dev/null:/dev/nil"], "--device /dev/null:/dev/nil"),
    "device_cgroup_rules": Sample(["c 42:* rwm"], "--device-cgroup-rule 'c 42:* rwm'"),
    "device_requests": Sample([GPUS], "--gpus all"),
    "device_requests.capabilities": Sample(
        [dict(GPUS, capabilities=[["gpu", "utility"]])],
        "--gpus all,capabilities=utility",
        without=[GPUS],
    ),
    "device_requests.count": Sample([dict(GPUS, count=1)], "--gpus 1", without=[GPUS]),
    "device_requests.device_ids": Sample(
        [{"device_ids": ["0", "all"], "capabilities": [["gpu"]]}],
        "--gpus device=0,all",
        without=[GPUS],
    ),
    "device_requests.driver": Sample(
        [dict(GPUS, driver="amd")], "--gpus all,driver=amd", without=[GPUS]
    ),
    "device_requests.options": Sample([dict(GPUS, options={})], "--gpus all", without=[GPUS]),
    "secrets": Sample(
        ["db,target=key,mode=0400", "db,type=env,target=PW"],
        "--secret db,target=key,mode=0400 --secret db,type=env,target=PW",
    ),
    "configs": Sample(["conf"], "--config conf"),
    "published_ports": Sample(["47080:80"], "-p 47080:80"),
    "exposed_ports": Sample(["80"], "--expose 80"),
    "publish_all_ports": Sample(True, "-P --expose 80", {"exposed_ports": ["80"]}),
    "networks": Sample(
        [{"name": "lab"}, {"name": "den"}], "--network lab --net den", {"network_mode": "lab"}
    ),
    "networks.name": Sample(
        [{"name": "den"}], "--network den", {"network_mode": "den"}, without=[{"name": "lab"}]
    ),
    "networks.ipv4_address": Sample(
        [{"name": "lab", "ipv4_address": "10.213.1.77"}],
        "--network lab --ip 10.213.1.77",
        {"network_mode": "lab"},
        without=[{"name": "lab"}],
    ),
    "networks.ipv6_address": Sample(
        [{"name": "lab", "ipv6_address": "fd00:213:1::77"}],
        "--network lab --ip6 fd00:213:1::77",
        {"network_mode": "lab"},
        without=[{"name": "lab"}],
    ),
    "networks.mac_address": Sample(
        [{"name": "lab", "mac_address": "02:42:00:00:00:07"}],
        "--network name=lab,mac-address=02:42:00:00:00:07",
        {"network_mode": "lab"},
        without=[{"name": "lab"}],
    ),
    "networks.aliases": Sample(
        [{"name": "lab", "aliases": ["shop"]}],
        "--network lab --network-alias shop",
        {"network_mode": "lab"},
        without=[{"name": "lab"}],
    ),
    "networks.links": Sample(
        [{"name": "lab", "links": ["db:data"]}],
        "--network name=lab,link=db:data",
        {"network_mode": "lab"},
        without=[{"name": "lab"}],
    ),
    "networks.gw_priority": Sample(
        [{"name": "lab"}, {"name": "den", "gw_priority": 5}],
        "--network lab --network name=den,gw-priority=5",
        {"network_mode": "lab"},
        without=[{"name": "lab"}, {"name": "den"}],
    ),
    "networks.bandwidth": Sample(
        [{"name": "lab", "bandwidth": {"in": "20mbit", "out": "1500kbit"}}],
        "--network name=lab,bandwidth-in=20mbit,bandwidth-out=1500kbit",
        {"network_mode": "lab"},
        without=[{"name": "lab"}],
    ),
    "networks.driver_opts": Sample(
        [{"name": "lab", "driver_opts": {"com.docker.network.endpoint.ifname": "lab0"}}],
        "--network name=lab,driver-opt=com.docker.network.endpoint.ifname=lab0",
        {"network_mode": "lab"},
        without=[{"name": "lab"}],
    ),
    "network_mode": Sample("none", "--network none"),
    "mac_address": Sample("02:42:00:00:00:08", "--mac-address 02:42:00:00:00:08"),
    "links": Sample(["db:data"], "--link db:data"),
    "etc_hosts": Sample({"db": "10.0.0.2"}, "--add-host db:10.0.0.2"),
    "dns_servers": Sample(["10.9.9.9"], "--dns 10.9.9.9"),
    "dns_opts": Sample(["ndots:3"], "--dns-opt ndots:3"),
    "dns_search_domains": Sample(["example.net"], "--dns-search example.net"),
    "capabilities": Sample(["NET_ADMIN"], "--cap-add NET_ADMIN"),
    "cap_drop": Sample(["CHOWN"], "--cap-drop CHOWN"),
    "privileged": Sample(True, "--privileged"),
    "security_opts": Sample(
        ["no-new-privileges", "seccomp=unconfined", "apparmor=theirs", "systempaths=unconfined"],
        "--security-opt no-new-privileges --security-opt seccomp=unconfined "
        "--security-opt apparmor=theirs --security-opt systempaths=unconfined",
    ),
    "sysctls": Sample({"net.core.somaxconn": "99"}, "--sysctl net.core.somaxconn=99"),
    "pid_mode": Sample("host", "--pid host"),
    "ipc_mode": Sample("host", "--ipc host"),
    "uts": Sample("host", "--uts host"),
    "cgroupns_mode": Sample("host", "--cgroupns host"),
    "userns_mode": Sample("auto:size=2000", "--userns auto:size=2000"),
    "uidmap": Sample(["0:200000:9"], "--uidmap 0:200000:9"),
    "gidmap": Sample(["0:200000:9"], "--gidmap 0:200000:9"),
    "cgroup_parent": Sample("/of/mine", "--cgroup-parent /of/mine"),
    "restart_policy": Sample("always", "--restart always"),
    "restart_retries": Sample(3, "--restart on-failure:3", {"restart_policy": "on-failure"}),
    "healthcheck": Sample({"test": "NONE"}, "--no-healthcheck", without={"test": CHECKED}),
    "healthcheck.test": Sample({"test": CHECKED}, "--health-cmd true", without={"test": "NONE"}),
    "healthcheck.test_cli_compatible": Sample(
        {"test_cli_compatible": False}, "--no-healthcheck", without={"test": CHECKED}
    ),
    **of_health("interval", "7s", "--health-interval 7s"),
    **of_health("timeout", "7s", "--health-timeout 7s"),
    **of_health("start_period", "7s", "--health-start-period 7s"),
    **of_health("start_interval", "7s", "--health-start-interval 7s"),
    **of_health("retries", 7, "--health-retries 7"),
    "healthcheck_failure_action": Sample(
        "kill", "--health-cmd true --health-on-failure kill", {"healthcheck": {"test": CHECKED}}
    ),
    "health_startup_cmd": Sample(
        "true", "--health-cmd true --health-startup-cmd true", {"healthcheck": {"test": CHECKED}}
    ),
    **of_startup("interval", "7s"),
    **of_startup("retries", 7),
    **of_startup("success", 7),
    **of_startup("timeout", "7s"),
    "depends_on": Sample({"db": {"condition": "service_started"}}, "--depends-on db"),
    "sdnotify": Sample("container", "--sdnotify container"),
    "auto_remove": Sample(True, "--rm"),
    "log_driver": Sample("none", "--log-driver none"),
    "log_options": Sample(
        {
            "max-size": "1m",
            "max-file": "2",
            "compress": "true",
            "tag": "{{.Name}}",
            "mode": "non-blocking",
        },
        "--log-opt max-size=1m --log-opt max-file=2 --log-opt compress=true --log-opt tag={{.Name}} "
        "--log-opt mode=non-blocking",
    ),
}

ROWS = {
    name: row
    for option in options.TABLE.options.values()
    for name, row in [
        (option.name, option),
        *((f"{option.name}.{sub.name}", sub) for sub in option.suboptions),
    ]
}


def test_every_option_has_a_sample_and_what_people_need():
    assert list(SAMPLES) == list(ROWS), "an option without a sample, or in another order"
    for name, row in ROWS.items():
        assert row.description.strip() and row.type, name
        for said in (row.place, row.inspect, row.flag):
            assert not isinstance(said, Nowhere) or said.reason, name


def test_a_live_option_takes_effect_where_a_running_container_is_told():
    """What runs hears of run.json and of its limits; the rest of config.json is for a start."""
    for name, option in options.TABLE.options.items():
        flags = option.flag if isinstance(option.flag, tuple) else (option.flag,)
        if option.change == LIVE:
            for place in () if isinstance(option.place, Nowhere) else places(option):
                assert place.startswith(("run.json ", "config.json linux.resources.")), name
        else:
            assert not any(getattr(flag, "update", False) for flag in flags), name


def test_what_is_made_of_the_rows_is_what_is_committed():
    subprocess.run([sys.executable, CHECKOUT / "devel" / "make_options.py", "--check"], check=True)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_flag_says_the_same(name, tmp_path):
    """The command line of the sample is what the module makes of its value.

    The row's flags are among it.
    """
    sample, row, files = SAMPLES[name], ROWS[name], known(tmp_path)
    words = shlex.split(replaced(sample.line, files))
    line = words if "IMAGE" in words else [*words, "IMAGE"]
    said = run_flags.options(read(["run", *line])[1], run_flags.RUN_FLAGS)
    option = name.partition(".")[0]
    wanted = dict(sample.beside, **{option: replaced(sample.value, files)})
    assert options.definition(said) == options.definition(wanted)
    if not isinstance(row.flag, Nowhere):
        flags = row.flag if isinstance(row.flag, (tuple, list)) else [row.flag]
        names = [
            word
            for flag in flags
            for word in (
                flag.names.split(", ") if isinstance(flag, Flag) else [flag.partition(" ")[0]]
            )
        ]
        assert set(names) & set(words), f"the sample's line has none of {names}"


@pytest.mark.root
@pytest.mark.parametrize("name", SAMPLES)
def test_an_option_takes_effect_and_inspect_shows_it(name, made):
    sample, row = SAMPLES[name], ROWS[name]
    option = name.partition(".")[0]
    base = dict(sample.beside)
    if sample.without is not None:
        base[option] = sample.without
    plain = made(base)
    changed = made(dict(sample.beside, **{option: sample.value}))
    if not isinstance(row.place, Nowhere):
        for place in places(row):
            assert at(changed.files, place) != at(plain.files, place), f"nothing of it in {place}"
    shown = row.inspect.key if isinstance(row.inspect, (Shown, Computed)) else row.inspect
    if not isinstance(shown, Nowhere):
        assert value_at(changed.inspect, shown) != value_at(plain.inspect, shown), (
            f"nothing of it in inspect's {shown}"
        )


# -- a store with an image and containers that were made of it


class Made:
    """What was made of a definition: ``files`` by name, JSON parsed, and what ``inspect`` says.

    Ids that are new each time are not in it.
    """

    def __init__(self, engine, record):
        self.files, ident = {}, record["id"]
        for name in ("config.json", "run.json", "hosts", "resolv.conf"):
            with open(os.path.join(engine.paths.container(ident), name)) as file:
                text = file.read().replace(ident, "ID").replace(ident[:12], "ID")
            self.files[name] = json.loads(text) if name.endswith(".json") else text
        self.inspect = json.loads(
            json.dumps(inspect_container.inspect(engine, record))
            .replace(ident, "ID")
            .replace(ident[:12], "ID")
        )


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """An engine with an image and networks, and what the words of the samples stand for."""
    directory = tmp_path_factory.mktemp("options")
    root, files = directory / "root", known(directory)
    (directory / "cdi").mkdir()
    for vendor in ("nvidia", "amd"):
        named = {name: [f"{vendor.upper()}_{name}=yes"] for name in ("0", "all")}
        spec = {
            "cdiVersion": "0.5.0",
            "kind": vendor + ".com/gpu",
            "devices": [
                {
                    "name": name,
                    "containerEdits": {
                        "env": env,
                        "deviceNodes": [{"path": f"/dev/{vendor}{name}", "hostPath": "/dev/null"}],
                        "mounts": [{"hostPath": "/etc", "containerPath": f"/{vendor}{name}"}],
                    },
                }
                for name, env in named.items()
            ],
        }
        (directory / "cdi" / f"{vendor}.json").write_text(json.dumps(spec))
    (root / "files").mkdir(parents=True)
    for minor, name in enumerate(("DISK", "DISK2")):
        os.mknod(files[name], stat.S_IFBLK | 0o600, os.makedev(7, minor))
    with (
        pytest.MonkeyPatch.context() as patch,
        Engine(data=str(directory / "data"), run=str(directory / "run")) as engine,
    ):
        patch.setenv("http_proxy", "http://proxy.example:3128")
        patch.setattr(project_quota, "bound", lambda directories, size: None)  # few disks have it
        patch.setattr(cdi_specs, "DIRECTORIES", (str(directory / "cdi"),))
        carry_out(images.plan_import(engine, "box:1", str(root), {"command": ["serve"]}), False)
        for name, subnets in NETWORKS.items():
            said = {"name": name, "ipam_config": [{"subnet": subnet} for subnet in subnets]}
            catalog.add(engine, catalog.complete(engine, name, said_of_network(said)))
        yield engine, files


@pytest.fixture
def made(stored):
    """``made(params)`` says what is made of a container's options."""
    engine, files = stored

    def make(params):
        definition = options.definition(replaced(params, files))
        options.check(definition)
        image = images.get(engine, "box:1")["id"]
        record = create.create(engine, "web", definition, image)
        found = Made(engine, record)
        remove.remove(engine, record, force=True)
        return found

    return make


def known(directory):
    """What words of the samples stand for."""
    return {"HERE": str(directory), "DISK2": str(directory / "b"), "DISK": str(directory / "a")}


def replaced(value, words):
    """A sample's value with the words of :func:`known` replaced."""
    text = json.dumps(value)
    for word, path in words.items():
        text = text.replace(word, path)
    return json.loads(text)


def places(row):
    return row.place if isinstance(row.place, tuple) else (row.place,)


def value_at(document, key):
    """What a document has at ``a.b.c``, None where it has nothing. A key may have dots itself."""
    while isinstance(document, dict):
        if key in document:
            return document[key]
        first, dot, key = key.partition(".")
        document = document.get(first) if dot else None
    return None


def at(files, place):
    file, _space, key = place.partition(" ")
    return value_at(files[file], key) if key else files[file]

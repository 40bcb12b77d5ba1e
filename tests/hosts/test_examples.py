# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every example of the documentation does what it says: in check mode, for real, and again without a change.

The examples are read from where users read them: EXAMPLES of the modules, the yaml and shell blocks of README.md and docs/.
They run as they are written; ``standins`` makes what they name exist.
"""

from __future__ import annotations

import ast
import json
import pathlib
import re
import shlex

import pytest
import yaml
from hosts.conftest import BIN, fleet_of
from support.fleet import images_made, roots, standins

MODULES = {
    path.stem: path for path in sorted((roots.CHECKOUT / "plugins" / "modules").glob("*.py"))
}
# test_inside.py, test_molecule.py, test_rootless_host.py and integration/networks/test_examples_of_drivers.py run what is on these
ELSEWHERE = {
    "events.md",
    "inside-containers.md",
    "molecule.md",
    "network-drivers.md",
    "rootless.md",
}
PAGES = {
    path.name: path
    for path in [roots.CHECKOUT / "README.md", *sorted((roots.CHECKOUT / "docs").glob("*.md"))]
    if path.name not in ELSEWHERE
}
VARIABLES = {
    "password": "secret",
    "vault_registry_ci": "secret",
    "vault_ci": "secret",
    "vault_db_password": "secret",
    "vault_hub": "secret",
    "vault_hub_token": "secret",
    "old_host": "h1",
    "policy": {
        "default": [{"type": "reject"}],
        "transports": {"docker": {"": [{"type": "insecureAcceptAnything"}]}},
    },
    "workers": [
        {"name": "worker-%d" % number, "image": "redis:7", "network_mode": "none"}
        for number in range(20)
    ],
}

BUILDS = [
    {"ansible.builtin.file": {"path": "/srv/shop/web", "state": "directory"}},
    {
        "ansible.builtin.copy": {
            "dest": "/srv/shop/web/Containerfile",
            "content": "FROM shop/web:1.4\nARG VERSION\nLABEL version=$VERSION\n",
        }
    },
    {
        "ansible.builtin.copy": {
            "dest": "/srv/shop/web/Containerfile.static",
            "content": "FROM scratch\nCOPY Containerfile /\n",
        }
    },
    {"ansible.builtin.copy": {"dest": "/root/token", "content": "secret"}},
]

SIGNED = [
    {"ansible.builtin.file": {"path": "/etc/pycontainer", "state": "directory"}},
    {
        "ansible.builtin.shell": (
            "test -e /etc/pycontainer/shop.key || openssl genpkey -algorithm ED25519 -out "
            "/etc/pycontainer/shop.key"
        )
    },
    {
        "ansible.builtin.command": "openssl pkey -in /etc/pycontainer/shop.key -pubout -out /etc/pycontainer/shop.pub"
    },
    {"pycontainer.engine.image": {"name": "registry.example.com/shop/web:1.4"}},
    {
        "pycontainer.engine.image": {
            "name": "registry.example.com/shop/web:1.4",
            "source": "local",
            "push": True,
            "sign": {"key": "/etc/pycontainer/shop.key"},
        }
    },
]
PLATFORMS = [
    {
        "pycontainer.engine.image": {
            "name": "shop/web:1.5-" + name,
            "source": "import",
            "path": standins.ROOT,
            "platform": "linux/" + name,
        }
    }
    for name in ("amd64", "arm64")
]
POLICY = [
    {
        "ansible.builtin.copy": {
            "dest": "/etc/pycontainer/policy.json",
            "content": "{{ policy | to_nice_json }}",
            "mode": "0644",
        }
    }
]

# Described devices: the page's own specification, and one that gives GPUs as NVIDIA's tool names them.
GPUS = {
    "cdiVersion": "0.6.0",
    "kind": "nvidia.com/gpu",
    "devices": [
        {
            "name": "all",
            "containerEdits": {"deviceNodes": [{"path": "/dev/nvidia0", "hostPath": "/dev/null"}]},
        }
    ],
}
METER = re.findall(
    "^```json\n(.*?)^```", PAGES["devices.md"].read_text(), re.MULTILINE | re.DOTALL
)[0]
DESCRIBED = [
    {"ansible.builtin.file": {"path": "/etc/cdi", "state": "directory"}},
    *(
        {"ansible.builtin.copy": {"dest": "/etc/cdi/" + name, "content": content, "mode": "0644"}}
        for name, content in (("nvidia.json", json.dumps(GPUS)), ("lab.json", METER))
    ),
]

# What an example takes for granted, by the module or page that it is of.
BEFORE = {
    "container": [{"pycontainer.engine.container": {"name": "old", "image": "redis:7"}}],
    "container_exec": [
        {
            "pycontainer.engine.container": {
                "containers": [
                    {"name": "web", "image": "nginx:1.27"},
                    {"name": "db", "image": "postgres:17"},
                ]
            }
        }
    ],
    "container_copy": [
        {"pycontainer.engine.container": {"name": "web", "image": "nginx:1.27"}},
        {"ansible.builtin.file": {"path": "/srv/shop/web", "state": "directory"}},
        {"ansible.builtin.copy": {"dest": "/srv/shop/web/index.html", "content": "Hello\n"}},
        {"ansible.builtin.file": {"path": "/var/tmp/passwd-of-web", "state": "absent"}},
    ],
    "container_info": [{"pycontainer.engine.container": {"name": "web", "image": "nginx:1.27"}}],
    "image": [
        {"pycontainer.engine.registry": {}},
        {
            "pycontainer.engine.image": {
                "name": "shop/web:1.4",
                "source": "import",
                "path": standins.ROOT,
            }
        },
        {
            "ansible.builtin.command": (
                "skopeo copy -q docker://registry.example.com/shop/web:1.4 "
                "docker-archive:/var/tmp/images.tar:loaded:1"
            )
        },
        {"ansible.builtin.command": "gzip /var/tmp/images.tar"},
        *BUILDS,
        *SIGNED,
        *PLATFORMS,
        {
            "pycontainer.engine.container": {
                "name": "shop",
                "image": "shop/web:1.4",
                "stop_signal": "SIGKILL",
                "command": ["sh", "-c", "echo new > /new; exec sleep 1000"],
            }
        },
    ],
    "image_export": [
        {"pycontainer.engine.image": {"name": name}}
        for name in ("registry.example.com/shop/web:1.4", "redis:7")
    ],
    "container_export": [{"pycontainer.engine.container": {"name": "shop", "image": "redis:7"}}],
    "volume": [{"pycontainer.engine.volume": {"name": "data"}}],
    "prune": [
        {"pycontainer.engine.container": {"name": "ended", "image": "redis:7", "state": "present"}}
    ],
    "trust.md": SIGNED + POLICY,
    "registry_login": [
        {
            "pycontainer.engine.registry": {
                "name": "team",
                "listen": ["0.0.0.0:5443"],
                "tls_cert": "/etc/ssl/registry.pem",
                "tls_key": "/etc/ssl/private/registry.key",
                "users": [{"name": "ci", "password": "secret"}],
            }
        }
    ],
    "builds.md": [
        {"pycontainer.engine.registry": {}},
        {
            "pycontainer.engine.image": {
                "name": "shop/web:1.4",
                "source": "import",
                "path": standins.ROOT,
            }
        },
        *BUILDS,
    ],
    "devices.md": DESCRIBED,
    "volumes.md": [
        {
            "pycontainer.engine.container": {
                "name": "db",
                "image": "postgres:17",
                "volumes": ["data:/var/lib/data"],
            }
        }
    ],
    "security.md": [
        {
            "pycontainer.engine.container": {
                "name": "builder",
                "image": "redis:7",
                "pid_mode": "host",
            }
        }
    ],
}

# Tasks that act by nature, each time they run.
ACTS = {
    "Restart it as it is",
    "Hand a script to a program in a container",
    "Run a job to its end, and fail with its output where it fails",
}

TIDY = """
pycontainer ps -aq | xargs -r pycontainer rm -f > /dev/null
pycontainer volume prune -af > /dev/null
pycontainer network prune -f > /dev/null
rm -f /etc/pycontainer/policy.json
"""


@pytest.fixture(scope="module")
def host():
    """One host with all that the examples name."""
    with fleet_of(1, "examples", engine=True) as made:
        standins.prepare(made)
        yield made


@pytest.fixture
def artifacts(tmp_path, monkeypatch):
    """What lies on the controller, beside the playbook; what is made of it is kept in no user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "artifacts").mkdir()
    (tmp_path / "artifacts" / "tls.key").write_text("a key\n")
    images_made.docker_archive(
        tmp_path / "artifacts" / "web-1.5.tar",
        [images_made.tar({"bin/app": b"app"})],
        "shop/web:1.5",
    )


@pytest.fixture
def ready(host, play, artifacts):  # pylint: disable=unused-argument
    """The host with the engine and the registries; without what an earlier example left."""
    if host.execute("h1", "pycontainer", "registry", "ls").stdout.count("public") == 0:
        play(host, standins.tasks())
    yield host
    host.execute("h1", "sh", "-c", TIDY)
    play(
        host,
        [
            {
                "pycontainer.engine.registry": {
                    "name": name,
                    "state": "absent",
                    "delete_storage": True,
                }
            }
            for name in ("registry", "team", "hub")
        ],
    )


class Loader(yaml.SafeLoader):
    """YAML of a page. ``!unsafe`` text is put between raw marks, which JSON of a play can hold."""


Loader.add_constructor(
    "!unsafe", lambda loader, node: "{%% raw %%}%s{%% endraw %%}" % loader.construct_scalar(node)
)


def examples_of(module):
    for node in ast.parse(MODULES[module].read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "EXAMPLES":
            return [task for task in yaml.safe_load(node.value.value) if can_be_had(task)]
    raise AssertionError(f"{module} has no EXAMPLES")


def can_be_had(task):
    """Whether this kernel has what an example needs: one of `network` is on a VLAN."""
    options = (task.get("pycontainer.engine.network") or {}).get("driver_options", {})
    return "." not in options.get("parent", "") or pathlib.Path("/proc/net/vlan").exists()


def blocks(page, language):
    return re.findall(
        f"^```{language}\n(.*?)^```", PAGES[page].read_text(), re.MULTILINE | re.DOTALL
    )


def extra_variables():
    return ["-e", yaml.safe_dump(VARIABLES, default_flow_style=True, width=100000)]


def judge(task, checked, done, again=None):
    """What is wrong with what a task did in check mode, for real, and (where it can be given twice) again."""
    name, wrong = task.get("name", task), []
    if checked["changed"] != done["changed"]:
        wrong.append(
            f"{name}: check mode says changed={checked['changed']}, the run {done['changed']}"
        )
    for key in ("actions", "diff"):
        if checked.get(key) != done.get(key):
            wrong.append(
                f"{name}: {key} in check mode {checked.get(key)}, of the run {done.get(key)}"
            )
    if done["changed"] and "actions" in done and not done["actions"]:
        wrong.append(f"{name}: changed without an action")
    if again and again["changed"] and name not in ACTS:
        wrong.append(f"{name}: changed again: {again.get('actions')}")
    return wrong


def run_tasks(play, host, before, tasks, times=3):
    """Each task in check mode, for real and again, one task after the other; returns the results of the real runs."""
    assert len(tasks) > 0
    modes = ({"check_mode": True, "diff": True}, {"diff": True}, {"diff": True})[:times]
    played = play(
        host, before + [dict(task, **mode) for task in tasks for mode in modes], *extra_variables()
    )
    results = played.results("h1")[len(before) :]
    wrong = [
        sentence
        for number, task in enumerate(tasks)
        for sentence in judge(task, *results[number * times : (number + 1) * times])
    ]
    assert wrong == []
    return results[1::times]


# container_checkpoint: CRIU has to work with the kernel; tests/integration/cli/containers/test_checkpoint.py has its tasks.
@pytest.mark.parametrize(
    "module",
    [name for name in MODULES if name not in ("host", "pycontainer", "container_checkpoint")],
)
def test_module(play, ready, module):
    run_tasks(play, ready, BEFORE.get(module, []), examples_of(module))


def test_commands_in_tasks(play, ready):
    listing, web, cache = run_tasks(
        play, ready, [], examples_of("pycontainer"), times=2
    )  # a second "run" of one name is refused, as Docker does
    assert not listing["changed"] and web["changed"] and cache["changed"]
    assert (
        ready.execute("h1", "busybox", "wget", "-qO-", "http://127.0.0.1:8080/").stdout == "Hello\n"
    )


def test_pages_with_tasks(play, ready):
    for page in PAGES:
        for block in blocks(page, "ya?ml"):
            tasks = yaml.load(block, Loader)
            if "hosts" not in tasks[0]:
                results = run_tasks(play, ready, BEFORE.get(page, []), tasks)
                assert page != "security.md" or results[-1]["msg"] == "All assertions passed"


def test_pages_with_plays(run_book, ready, tmp_path):
    for page in PAGES:
        for block in blocks(page, "ya?ml"):
            if "hosts" in yaml.load(block, Loader)[0]:
                book = tmp_path / "book.yml"
                book.write_text(block)
                options = [*extra_variables(), "--diff"]
                checked, done, again = (
                    run_book(ready, book, "--check", *options),
                    run_book(ready, book, *options),
                    run_book(ready, book, *options),
                )
                assert [result.get("actions") for result in checked.results("h1")] == [
                    result.get("actions") for result in done.results("h1")
                ]
                assert done.changed["h1"] > 0
                assert checked.changed == done.changed
                assert again.changed == {"h1": 0}


def test_command_lines(play, ready, collections, tmp_path):
    """What the pages show with ``ansible``, and with ``pycontainer`` on a host."""
    play(ready, BEFORE["container_info"])
    inventory = tmp_path / "inventory"
    inventory.write_text(
        ready.inventory.read_text()
        .replace("h1 ", "web1 ")
        .replace("[fleet]", "[web]")
        .replace("[fleet:vars]", "[web:vars]")
    )
    settings = [block for block in blocks("adhoc.md", "ini") if "library" in block]
    assert settings == blocks("README.md", "ini")
    (tmp_path / "ansible.cfg").write_text(settings[0].replace("/path/to", str(collections)))
    seen = 0
    for page in PAGES:
        text = PAGES[page].read_text()
        for line in (
            line
            for block in blocks(page, "shell")
            for line in block.splitlines()
            if line.startswith("ansible ")
        ):
            done = ready.run(
                BIN / "ansible",
                *shlex.split(line)[1:],
                "-i",
                inventory,
                cwd=tmp_path,
                environment={"ANSIBLE_COLLECTIONS_PATH": str(collections)},
            )
            assert done.returncode == 0 and "web1" in done.stdout, (line, done.stdout)
            seen += 1
        for line in (
            re.findall("`(pycontainer [a-z][^`.A-Z]*)`", text) if page == "README.md" else ()
        ):
            done = ready.execute(
                "h1", "script", "-qec", line, "/dev/null", stdin=None, input="exit\n", timeout=20
            )
            assert done.returncode == 0, (line, done.stdout)
            seen += 1
    assert seen > 10


def test_links_between_pages():
    for page in [*PAGES.values(), *(roots.CHECKOUT / "docs" / name for name in ELSEWHERE)]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), (page.name, target)


def test_host(play, host):
    """The last one: it takes away all that the others use."""
    run_tasks(
        play,
        host,
        [{"pycontainer.engine.host": {"state": "absent", "force": True, "delete_data": True}}],
        examples_of("host"),
    )

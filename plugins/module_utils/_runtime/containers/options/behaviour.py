# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options about what a task does with a container.

They are no part of the container, and are not compared.
"""

from __future__ import annotations

from ...errors import InvalidInput
from ...options.rows import Flag, Nowhere, Suboption, TaskOption
from . import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# What docker_container's ``container_default_behavior: compatibility`` says of what is not said.
COMPATIBLE: dict[str, Any] = {
    "auto_remove": False,
    "init": False,
    "interactive": False,
    "memory": "0",
    "paused": False,
    "privileged": False,
    "read_only": False,
    "tty": False,
}
# What starts containers here, and the usual names of what does elsewhere.
RUNTIMES = ("pycontainer", "pycontainer-oci", "runc", "crun", "io.containerd.runc.v2")
STARTS = ("started", "restarted")
DRAINS = ("started", "healthy", "restarted", "present")  # states that leave it running
# When a unit of systemd starts a container again (systemd.service(5)).
RESTARTS = ("no", "on-success", "on-failure", "on-abnormal", "on-watchdog", "on-abort", "always")


def prepared(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return a task's parameters with what some of them say in place of others.

    :raises InvalidInput: for options that contradict each other.
    """
    found = {name: value for name, value in params.items() if value is not None}
    if found.get("networks_cli_compatible") is False:
        raise InvalidInput(
            "networks_cli_compatible", False, "true: a container is on the networks that it names"
        )
    if found.get("container_default_behavior") == "compatibility":
        found = {**COMPATIBLE, **found}
    if found.get("command_handling") == "compatibility":
        _as_one_text(found)
    _apart(found)
    state = found.get("state", "started")
    if found.pop("paused", False):
        if state not in ("started", "paused"):
            raise InvalidInput("paused", True, "nothing but state started beside it")
        found["state"] = state = "paused"
    if found.get("detach") is False and state not in STARTS:
        raise InvalidInput("detach", False, f"state {' or '.join(STARTS)} beside it, not {state}")
    if "drain_timeout" in found:
        _check_drain(found, state)
    _check_runtime(found.get("runtime", ""))
    if found.get("volume_driver", "") not in ("", "local"):
        raise InvalidInput(
            "volume_driver", found["volume_driver"], "local: there is no other driver"
        )
    if "kill_signal" in found:
        found["kill_signal"] = process.stop_signal(found["kill_signal"], "kill_signal")
        if not (found.get("force_kill") or found.get("forcekill")):
            raise InvalidInput("kill_signal", found["kill_signal"], "force_kill beside it")
    return found


def _check_runtime(value: Any) -> None:
    """Take the names of runtimes under which other engines' tasks ask for what they have anyway."""
    if value not in ("", *RUNTIMES):
        accepted = f"one of {', '.join(RUNTIMES)}: the engine starts containers itself and runs no other runtime"
        raise InvalidInput("runtime", value, accepted)


def _check_drain(found: dict[str, Any], state: str) -> None:
    """Refuse ``drain_timeout`` where no container would be drained. :raises InvalidInput:"""
    value = found["drain_timeout"]
    if not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise InvalidInput("drain_timeout", value, "seconds, 0 or more")
    if state not in DRAINS:
        accepted = f"state {', '.join(DRAINS)} beside it, not {state}"
        raise InvalidInput("drain_timeout", value, accepted)
    if found.get("detach") is False:
        raise InvalidInput("drain_timeout", value, "detach true beside it")
    for option, needed in (("on_change", "replace"), ("recreate_policy", "recreate")):
        if found.get(option, needed) != needed:
            accepted = f"{option} {needed} beside it, not {found[option]}"
            raise InvalidInput("drain_timeout", value, accepted)


def _apart(found: dict[str, Any]) -> None:
    """Take Podman's words for what is said otherwise here."""
    if found.get("state") == "created":
        found["state"] = "present"
    policy, colon, count = str(found.get("restart_policy", "")).partition(":")
    if colon and policy == "on-failure" and count.isascii() and count.isdigit():
        found["restart_policy"] = policy
        found.setdefault("restart_retries", int(count))


def _as_one_text(found: dict[str, Any]) -> None:
    """Join the words of command and entrypoint by blanks, to be split anew; empty is not said."""
    for name in ("command", "entrypoint"):
        value = found.get(name)
        if isinstance(value, (list, tuple)):
            value = " ".join(map(str, value))
        if value is not None:
            found[name] = value
        if not value:
            found.pop(name, None)


def said(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a task says of each of these options: a default where it does not name one.

    :raises InvalidInput: for what is not among an option's choices.
    """
    found = {}
    for option in OPTIONS:
        value = params.get(option.name)
        found[option.name] = option.default if value is None else value
        if option.choices and found[option.name] not in option.choices:
            accepted = ", ".join(choice for choice in option.choices if isinstance(choice, str))
            raise InvalidInput(option.name, value, accepted)
    return found


def _of_unit(name: str, type: str, **rest: Any) -> Suboption:
    nowhere = Nowhere("it is the unit's")
    return Suboption(name, type, place=nowhere, inspect=nowhere, **rest)


OPTIONS: tuple[TaskOption, ...] = (
    TaskOption(
        "name",
        "str",
        flag=Flag("--name", "Name"),
        description="""
        The container's name. One that exists can be named by its ID as well, or by the first
        twelve digits or more of it.

        Exactly one of O(name) and O(containers) is required.
        """,
    ),
    TaskOption(
        "auth_file",
        "path",
        aliases=["authfile"],
        description="""
        File with the credentials for the registry of O(image), in the form of Docker's
        C(config.json). The default is where M(pycontainer.engine.registry_login), C(docker login)
        and C(podman login) keep them.
        """,
    ),
    TaskOption(
        "ca_path",
        "path",
        description="""
        File with the certificates (PEM) of the authorities to trust for the registry of O(image).
        Without it, the host's own are trusted, and those for the registry in
        C(/etc/containers/certs.d) and C(/etc/docker/certs.d).
        """,
    ),
    TaskOption(
        "client_cert",
        "path",
        description="File with the certificate (PEM) to show to the registry of O(image).",
    ),
    TaskOption("client_key", "path", description="File with the key (PEM) of O(client_cert)."),
    TaskOption(
        "insecure",
        "bool",
        default=False,
        description="""
        Whether plain HTTP, or a certificate that can't be verified, will do for the registry of
        O(image). Registries on this host's loopback addresses never need it.
        """,
    ),
    TaskOption(
        "validate_certs",
        "bool",
        default=True,
        aliases=["tls_verify"],
        description="""
        Whether the certificate of the registry of O(image) is verified. V(false) still insists on
        TLS, unlike O(insecure).
        """,
    ),
    TaskOption(
        "cleanup",
        "bool",
        default=False,
        description="""
        Remove the container when it has ended, with O(detach=false). Its anonymous volumes stay
        unless O(keep_volumes=false).
        """,
    ),
    TaskOption(
        "command_handling",
        "str",
        choices=["compatibility", "correct"],
        default="correct",
        description="""
        V(correct) takes the words of O(command) and O(entrypoint) as they are. V(compatibility)
        joins them by blanks and splits the text as a shell would, and takes an empty list for none
        at all, as community.docker did before its version 3.
        """,
    ),
    TaskOption(
        "comparisons",
        "dict",
        description="""
        How options are compared with what was asked for before.

        The keys are options' names, or V(*) for all others. The values are V(strict) (the
        default: the value is exact, lists and maps too), V(ignore) (a difference is no
        difference) and, for lists and maps, V(allow_more_present) (what is there in addition
        stays, but for what is at the same place, or has the same name or port).
        """,
    ),
    TaskOption(
        "container_default_behavior",
        "str",
        choices=["compatibility", "no_defaults"],
        default="no_defaults",
        description="""
        V(no_defaults): an option that is not given is not compared. V(compatibility):
        O(auto_remove), O(init), O(interactive), O(paused), O(privileged), O(read_only) and O(tty)
        are V(false) and O(memory) is V(0) where they are not given.
        """,
    ),
    TaskOption(
        "detach",
        "bool",
        default=True,
        description="""
        V(false) waits until the container that this task starts has ended, and returns its exit
        code as RV(status) and its output as RV(container.Output). Any other exit code than 0 fails
        the task. Only for O(state=started) and O(state=restarted).

        A container that runs already is not waited for. If one has to be made anew for such a
        task, the old one is not put back when the new one fails.
        """,
    ),
    TaskOption(
        "drain_timeout",
        "float",
        description="""
        Replace a running container without a moment in which nothing answers. The new container is
        started beside the old one. When it runs and listens on the published TCP ports on which the
        old one listens (with O(state=healthy): and is healthy), the published ports and the names
        on networks lead to it. At most O(healthy_wait_timeout) seconds are waited for that; after
        them the task fails, and the old container goes on. From then on the old container gets no
        new connections. It is stopped when the last one has ended, or after this many seconds; V(0)
        stops it at once. RV(drained) says how long that took. Datagrams (UDP) go to the new
        container from the switch on. Associations of SCTP are waited for, but not until the new
        container listens for them; a warning says so.

        For that moment both containers run, and share the volumes: this is not for a program that
        must have its data for itself, such as most databases. The new container gets another
        address. Where two can't run side by side, the old one is stopped first, as without this
        option, and a warning says why: for a static address or MAC address, without a bridge
        network of its own (O(network_mode=host), V(none) or V(container:...)), for a link of another
        container on the default network, and for a port that moves to an overlapping address.

        Without this option, the old container is stopped before the new one is started.
        """,
    ),
    TaskOption(
        "env_file",
        "list",
        elements="path",
        aliases=["env_files"],
        flag=Flag(
            "--env-file",
            "File of environment variables (NAME=value lines)",
            kind="list",
            reads="apart",
        ),
        description="""
        A file on the host with environment variables, one C(NAME=value) in each line, or several
        such files. A later one wins over an earlier one, and O(env) over all.
        """,
    ),
    TaskOption(
        "force_kill",
        "bool",
        aliases=["forcekill"],
        default=False,
        description="Kill the container where it would be stopped.",
    ),
    TaskOption(
        "generate_systemd",
        "dict",
        suboptions=(
            _of_unit(
                "path",
                "path",
                required=True,
                description="The directory of the unit, usually V(/etc/systemd/system).",
            ),
            _of_unit(
                "restart_policy",
                "str",
                choices=list(RESTARTS),
                description="The unit's C(Restart=). The default is V(on-failure).",
            ),
            _of_unit("restart_sec", "int", description="Seconds until systemd starts it again."),
            _of_unit(
                "time",
                "int",
                description="Seconds until it is killed when the unit is stopped, instead of "
                "O(stop_timeout).",
            ),
            _of_unit(
                "start_timeout", "int", description="Seconds that a start of the unit may take."
            ),
            _of_unit(
                "container_prefix",
                "str",
                description="Begins the unit's name. The default is V(container); an empty text "
                "makes C(web.service).",
            ),
            _of_unit(
                "separator",
                "str",
                description="Stands between that and the container's name. The default is V(-).",
            ),
            _of_unit(
                "after", "list", elements="str", description="Units that are started before it."
            ),
            _of_unit(
                "wants", "list", elements="str", description="Units that are started with it."
            ),
            _of_unit(
                "requires",
                "list",
                elements="str",
                description="Units without which it does not run.",
            ),
        ),
        description="""
        Write a unit of systemd that starts and stops the container, C(container-web.service), for
        C(systemctl enable), C(restart) and C(status). O(sdnotify) says when it is ready. A boot
        leaves a container to its unit where that is enabled; O(restart_policy=no) leaves its
        restarts to the unit, too. The task enables and starts no unit.

        With O(state=absent), the unit is removed with the container.
        """,
    ),
    TaskOption(
        "gpus",
        "list",
        elements="str",
        description="""
        GPUs of the host, as Podman has it: V(all), or their numbers or names. The same as
        O(device_requests) with O(device_requests[].device_ids), where C(--gpus) of Docker and of
        the command C(pycontainer) takes V(2) for how many, and not for which.
        """,
    ),
    TaskOption(
        "healthy_wait_timeout",
        "float",
        default=300,
        description="""
        Seconds to wait until the container is healthy, for O(state=healthy). V(0) is for no
        limit.
        """,
    ),
    TaskOption(
        "image",
        "str",
        description="""
        The image, by name or ID. It is pulled if need be (see O(pull)).

        Needed to create a container. For one that exists, the image is left alone when this is
        not given.

        Images are compared by their ID: a rebuilt image is one change, another name of the same
        image is recorded without touching the container.
        """,
    ),
    TaskOption(
        "image_label_mismatch",
        "str",
        choices=["fail", "ignore"],
        default="ignore",
        description="""
        What to do about labels of the image that O(labels) does not have: V(ignore) leaves them to
        the image, V(fail) fails and names them, unless the task has no O(labels) or O(comparisons)
        has them compared otherwise than strictly.
        """,
    ),
    TaskOption(
        "image_name_mismatch",
        "str",
        choices=["ignore", "recreate"],
        default="ignore",
        description="""
        What to do where the image is the same and its name is another one: V(ignore) writes the new
        name down, V(recreate) makes the container anew, unless O(comparisons) ignores the image.
        """,
    ),
    TaskOption(
        "keep_volumes",
        "bool",
        default=True,
        description="""
        Leave the container's anonymous volumes when it is removed, and hand them to the new
        container when it is replaced.
        """,
    ),
    TaskOption(
        "kill_signal",
        "str",
        description="""
        The signal that O(force_kill) sends, in place of V(SIGKILL), by name or number. A container
        that does not end by it is killed after O(stop_timeout).
        """,
    ),
    TaskOption(
        "networks_cli_compatible",
        "bool",
        default=True,
        description="""
        V(true) is how it is: a container is on the networks that O(networks) names, and on no
        other. V(false) is refused.
        """,
    ),
    TaskOption(
        "output_logs",
        "bool",
        default=False,
        description="Return the output as RV(stdout), too, with O(detach=false).",
    ),
    TaskOption(
        "paused",
        "bool",
        description="V(true) with O(state=started) is the same as O(state=paused).",
    ),
    TaskOption(
        "platform",
        "str",
        flag=Flag("--platform", "os/arch[/variant]"),
        description="""
        The platform of the image, in the form V(os/arch[/variant]). The default is the host's.
        """,
    ),
    TaskOption(
        "pull",
        "raw",
        choices=["always", "missing", "never", True, False],
        default="missing",
        flag=Flag("--pull", "missing, always or never", reads="pull"),
        description="""
        V(missing) pulls the image only when it is not on the host, V(always) asks the registry
        for a newer one and pulls only if there is one, V(never) does not go to a registry.

        V(true) is V(always), and V(false) is V(missing).
        """,
    ),
    TaskOption(
        "recreate",
        "bool",
        default=False,
        description="Replace the container even if nothing differs.",
    ),
    TaskOption(
        "default_host_ip",
        "str",
        default="",
        description="""
        The host's address, IPv4 or IPv6, for ports of O(published_ports) that name none. Without
        it, or with an empty text, that is what the network's driver option
        C(com.docker.network.bridge.host_binding_ipv4) says, else all addresses of both families.
        """,
    ),
    TaskOption(
        "on_change",
        "str",
        choices=["replace", "restart", "live", "fail"],
        default="replace",
        description="""
        The most that a difference may cost the container. V(replace) makes a new container for what
        can't change while it runs. V(restart) stops the container and starts it again as it is to
        be: its ID, its writable layer, its log and its addresses stay. Running containers that have
        a namespace of it (O(network_mode=container:NAME) and the like) are restarted after it, as
        with any restart, for they would be left without. V(live) changes only what
        can change while it runs. V(fail) changes nothing of what the container is.

        What would cost more fails, before anything is changed, and names the options; with
        O(recreate_policy=warn) it is a warning, and the container keeps these options. What a
        change of an option costs stands with the option. Starting and stopping by O(state) is no
        difference.
        """,
    ),
    TaskOption(
        "recreate_policy",
        "str",
        choices=["fail", "recreate", "warn"],
        default="recreate",
        description="""
        What to do when a difference needs a new container: V(recreate) makes one, V(fail) fails
        and names the options, V(warn) warns and leaves the container as it is.
        """,
    ),
    TaskOption(
        "restart",
        "bool",
        default=False,
        aliases=["force_restart"],
        description="""
        Restart the container if it runs already and is not started by this task anyway.
        """,
    ),
    TaskOption(
        "runtime",
        "str",
        flag=Flag("--runtime", "Runtime: pycontainer, which runc and crun stand for as well"),
        description="""
        The engine starts containers itself. V(pycontainer), V(pycontainer-oci) and, for tasks that
        were written for other engines, V(runc), V(crun) and V(io.containerd.runc.v2) all mean that.
        Other runtimes, such as V(kata), are refused.
        """,
    ),
    TaskOption(
        "state",
        "str",
        choices=[
            "absent",
            "created",
            "healthy",
            "paused",
            "present",
            "restarted",
            "started",
            "stopped",
        ],
        default="started",
        description="""
        V(present), or V(created): the container exists as described. One that runs goes on, one
        that does not is not started.

        V(started): it runs as well.

        V(healthy): it runs, and its health check succeeds. It is waited for. One that ends
        meanwhile fails the task, with its exit code and its last lines; one that its restart
        policy starts again does when it has ended five times.

        V(restarted): as V(started), and one that ran already is stopped and started again. With
        nothing but O(name), its configuration stays as it is.

        V(paused): as V(started), and its processes are frozen.

        V(stopped): it exists and does not run.

        V(absent): there is no such container. One that runs is stopped first.
        """,
    ),
    TaskOption(
        "volume_driver",
        "str",
        flag=Flag("--volume-driver", "Driver of its volumes: local"),
        description="""
        The driver of volumes that O(volumes) names and that do not exist yet. There is one,
        V(local).
        """,
    ),
    TaskOption(
        "containers",
        "list",
        elements="dict",
        of_list=True,
        description="""
        Containers to handle in one task, each with the options of a single one. All definitions
        are checked before anything is changed. Then O(parallel) of them are handled at once, and
        all that are to be started are started together.

        Where one of them is made anew, those of the list that join its namespaces are made anew
        with it.

        A container that fails does not keep the others from their turn. The task then fails at
        its end, with the results of all.

        Beside this one only O(parallel) may be given. Any other option is refused, as none of the
        containers would get it.
        """,
    ),
    TaskOption(
        "parallel",
        "int",
        of_list=True,
        description="""
        How many of O(containers) are handled at once. The default is two for each CPU of the
        host, and up to 50 of those that run and have to end first.
        """,
    ),
)

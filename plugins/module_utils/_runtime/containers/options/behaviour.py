# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options about what a task does with a container.

They are no part of the container, and are not compared.
"""

from __future__ import annotations

from ...errors import InvalidInput
from ...options.rows import Flag, TaskOption

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


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
        "env_file",
        "path",
        flag=Flag(
            "--env-file",
            "File of environment variables (NAME=value lines)",
            kind="list",
            reads="apart",
        ),
        description="""
        A file on the host with environment variables, one C(NAME=value) in each line. What O(env)
        has wins.
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
        "keep_volumes",
        "bool",
        default=True,
        description="""
        Leave the container's anonymous volumes when it is removed, and hand them to the new
        container when it is replaced.
        """,
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
        "state",
        "str",
        choices=["absent", "healthy", "paused", "present", "restarted", "started", "stopped"],
        default="started",
        description="""
        V(present): the container exists as described. One that runs goes on, one that does not is
        not started.

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
        host.
        """,
    ),
)

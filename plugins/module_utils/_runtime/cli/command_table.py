# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every command: its names, words, flags and the function behind it.

The one source of the grammar.
"""

from __future__ import annotations

from ..store.paths import DATA, RUN
from .grammar import Command, Flag
from .run_flags import RUN_FLAGS, UPDATE_FLAGS

FILTER = Flag("-f, --filter", "list", "Only what matches (key=value)")
FORMAT = Flag("--format", "value", "json, or a template such as '{{.Names}}'")
INSPECT = Flag("-f, --format", "value", "json, or a template such as '{{.State.Pid}}'")
SIZE = Flag(
    "-s, --size", "switch", "With the size of what a container has written, and with its image's"
)
QUIET = Flag("-q, --quiet", "switch", "Only ids or names")
FORCE = Flag("-f, --force", "switch", "Do it although it is in use or running")
UNASKED = Flag("-f, --force", "switch", "Do not ask")
CHOSEN = Flag("--filter", "list", "Only what matches (key=value)")
REGISTRY = [
    Flag("--insecure", "switch", "Plain HTTP, or a certificate that can't be verified, is fine"),
    Flag("--authfile", "value", "File with the registry's credentials"),
]
LABEL = Flag("-l, --label", "list", "Label (key=value)")
STOPPING = [
    Flag(
        "-t, --time, --timeout",
        "value",
        "Seconds to wait before the container is killed; -1: for ever",
    ),
    Flag("-s, --signal", "value", "Signal that asks it to end"),
]
CHECKPOINT_DIR = Flag(
    "--checkpoint-dir", "value", "Directory that checkpoints are in, each by its name"
)
ATTACHED = [
    Flag("--detach-keys", "value", "Keys that leave its terminal (ctrl-p,ctrl-q)"),
    Flag(
        "--sig-proxy",
        "switch",
        "Without a terminal: what would end this command is sent to the container (the default)",
        on=True,
    ),
]
CHOSEN_IN_SEARCH = Flag("-f, --filter", "list", "stars=NUMBER or is-official=true")
ENV_FILE = Flag("--env-file", "list", "File of environment variables")

CONTAINER_COMMANDS = [
    Command(
        "run, container run",
        "IMAGE [COMMAND...]",
        "Create a container from an image and start it",
        "containers.run_create:run",
        RUN_FLAGS
        + [
            Flag("-d, --detach", "switch", "Do not wait for it to end; print its id"),
            Flag("-a, --attach", "list", "Only this stream: stdin, stdout or stderr"),
        ]
        + ATTACHED,
        rest=True,
    ),
    Command(
        "create, container create",
        "IMAGE [COMMAND...]",
        "Create a container from an image without starting it",
        "containers.run_create:create",
        RUN_FLAGS,
        rest=True,
    ),
    Command(
        "ps, container ls, container ps, container list",
        "",
        "List containers",
        "containers.ps_port:ps",
        [
            Flag("-a, --all", "switch", "Also those that don't run"),
            FILTER,
            FORMAT,
            QUIET,
            Flag("--no-trunc", "switch", "Whole ids and commands"),
            Flag("-s, --size", "switch", "With the size of what each has written"),
            Flag("-l, --latest", "switch", "Only the one created last"),
            Flag("-n, --last", "value", "Only the n created last"),
        ],
    ),
    Command(
        "start, container start",
        "CONTAINER...",
        "Start containers",
        "containers.start_stop_kill:start",
        [
            Flag("-a, --attach", "switch", "Show what it writes, and wait for its end"),
            Flag("-i, --interactive", "switch", "Pass standard input on, too"),
            Flag("--checkpoint", "value", "Go on from this checkpoint"),
            CHECKPOINT_DIR,
        ]
        + ATTACHED,
    ),
    Command(
        "checkpoint create",
        "CONTAINER CHECKPOINT",
        "Write down what a container does, and end it",
        "containers.container_checkpoint:create",
        [
            Flag("--leave-running", "switch", "The container goes on"),
            CHECKPOINT_DIR,
            Flag("--tcp-established", "switch", "With open TCP connections"),
        ],
    ),
    Command(
        "checkpoint ls, checkpoint list",
        "CONTAINER",
        "List a container's checkpoints",
        "containers.container_checkpoint:ls",
        [CHECKPOINT_DIR, FORMAT, QUIET],
    ),
    Command(
        "checkpoint rm, checkpoint remove",
        "CONTAINER CHECKPOINT",
        "Remove a checkpoint",
        "containers.container_checkpoint:rm",
        [CHECKPOINT_DIR],
    ),
    Command(
        "attach, container attach",
        "CONTAINER",
        "Join this terminal to that of a running container, or show what it writes",
        "containers.exec_attach:attach",
        [Flag("--no-stdin", "switch", "Do not pass standard input on")] + ATTACHED,
    ),
    Command(
        "stop, container stop",
        "CONTAINER...",
        "Stop containers",
        "containers.start_stop_kill:stop",
        STOPPING,
    ),
    Command(
        "restart, container restart",
        "CONTAINER...",
        "Stop containers and start them again",
        "containers.start_stop_kill:restart",
        STOPPING,
    ),
    Command(
        "kill, container kill",
        "CONTAINER...",
        "Send a signal to containers",
        "containers.start_stop_kill:kill",
        [Flag("-s, --signal", "value", "Signal (default KILL)")],
    ),
    Command(
        "pause, container pause",
        "CONTAINER...",
        "Freeze all processes of containers",
        "containers.start_stop_kill:pause",
    ),
    Command(
        "unpause, container unpause",
        "CONTAINER...",
        "Thaw paused containers",
        "containers.start_stop_kill:unpause",
    ),
    Command(
        "rm, container rm",
        "CONTAINER...",
        "Remove containers",
        "containers.rm_rename_update:rm",
        [FORCE, Flag("-v, --volumes", "switch", "Their anonymous volumes too")],
    ),
    Command(
        "rename, container rename",
        "CONTAINER NEW_NAME",
        "Rename a container",
        "containers.rm_rename_update:rename",
    ),
    Command(
        "update, container update",
        "CONTAINER...",
        "Change limits and the restart policy of containers as they run",
        "containers.rm_rename_update:update",
        UPDATE_FLAGS,
    ),
    Command(
        "exec, container exec",
        "CONTAINER COMMAND...",
        "Run a command in a running container",
        "containers.exec_attach:exec_",
        [
            Flag("-i, --interactive", "switch", "Pass standard input on"),
            Flag("-t, --tty", "switch", "With a terminal"),
            Flag("-d, --detach", "switch", "Do not wait for it"),
            Flag("-u, --user", "value", "user[:group]"),
            Flag("-w, --workdir", "value", "Working directory"),
            Flag("-e, --env", "list", "Environment variable (NAME=value)"),
            ENV_FILE,
            Flag("--privileged", "switch", "With all capabilities"),
            ATTACHED[0],
        ],
        rest=True,
    ),
    Command(
        "logs, container logs",
        "CONTAINER",
        "What a container wrote",
        "containers.logs_wait:logs",
        [
            Flag("-f, --follow", "switch", "Go on as it writes"),
            Flag("-n, --tail", "value", "Only the last lines"),
            Flag("-t, --timestamps", "switch", "With the time of each line"),
            Flag("--details", "switch", "With the labels, variables and tag of log_options"),
            Flag("--since", "value", "Only after a time (RFC 3339, or 10m)"),
            Flag("--until", "value", "Only before a time"),
        ],
    ),
    Command(
        "stats, container stats",
        "[CONTAINER...]",
        "Use of CPU, memory, network, disk and processes",
        "containers.stats_top:stats",
        [
            Flag("-a, --all", "switch", "Also those that don't run"),
            FORMAT,
            Flag("--no-stream", "switch", "Once, not on and on"),
            Flag("--no-trunc", "switch", "Whole ids"),
        ],
    ),
    Command(
        "top, container top",
        "CONTAINER [OPTION...]",
        "The processes of a container; options are those of ps: -ef, aux, -o pid,user,args",
        "containers.stats_top:top",
        rest=True,
    ),
    Command(
        "port, container port",
        "CONTAINER [PORT]",
        "The published ports of a container",
        "containers.ps_port:port",
    ),
    Command(
        "wait, container wait",
        "CONTAINER...",
        "Wait until containers end, and print their exit codes",
        "containers.logs_wait:wait",
    ),
    Command(
        "cp, container cp",
        "CONTAINER:PATH|PATH|- PATH|CONTAINER:PATH|-",
        "Copy files between a container and the host",
        "containers.cp:cp",
        [
            Flag(
                "-a, --archive", "switch", "Keep owners (and on the host set-id bits and devices)"
            ),
            Flag("-L, --follow-link", "switch", "Copy what a link leads to"),
            Flag("-q, --quiet", "switch", "Say nothing"),
        ],
    ),
    Command(
        "diff, container diff",
        "CONTAINER",
        "What a container has changed of its image's files: A added, C changed, D deleted",
        "containers.diff_commit_export:diff",
    ),
    Command(
        "commit, container commit",
        "CONTAINER [REPOSITORY[:TAG]]",
        "Make an image of a container and what it has changed",
        "containers.diff_commit_export:commit",
        [
            Flag("-a, --author", "value", "The image's author"),
            Flag("-m, --message", "value", "The image's comment"),
            Flag("-c, --change", "list", "A Containerfile instruction, for example CMD or ENV"),
            Flag("-p, --pause", "switch", "Freeze it meanwhile (the default)", on=True),
            Flag("--no-pause", "switch", "Do not freeze it"),
        ],
    ),
    Command(
        "export, container export",
        "CONTAINER",
        "A container's root file system as a tar archive",
        "containers.diff_commit_export:export",
        [Flag("-o, --output", "value", "The archive (standard output without it)")],
    ),
    Command(
        "container inspect",
        "CONTAINER...",
        "All about containers, as JSON",
        "system.inspect_objects:inspect_containers",
        [INSPECT, SIZE],
    ),
    Command(
        "container prune",
        "",
        "Remove all containers that don't run",
        "system.pruning:containers_",
        [UNASKED, CHOSEN],
    ),
]

IMAGE_COMMANDS = [
    Command(
        "images, image ls, image list",
        "[REPOSITORY[:TAG]]",
        "List images",
        "images.image_ls_tag_rm:ls",
        [
            Flag("-a, --all", "switch", "Intermediate ones too"),
            FILTER,
            FORMAT,
            QUIET,
            Flag("--no-trunc", "switch", "Whole ids"),
            Flag("--digests", "switch", "With digests"),
            Flag("--tree", "switch", "Each below the one whose layers it stands on"),
        ],
    ),
    Command(
        "build, image build, builder build",
        "[CONTEXT]",
        "Build an image from a Containerfile: a directory, an address or -",
        "images.build:build",
        REGISTRY
        + [
            Flag("-t, --tag", "list", "NAME[:TAG] for the image"),
            Flag("-f, --file", "value", "The Containerfile (- for standard input)"),
            Flag("--build-arg", "list", "NAME=VALUE, or NAME for the environment's"),
            Flag("--target", "value", "The stage to build"),
            Flag("--no-cache", "switch", "Run every step"),
            Flag("--no-cache-filter", "list", "Run every step of this stage"),
            Flag(
                "--cache-from", "list", "IMAGE, type=registry,ref=IMAGE or type=local,src=DIRECTORY"
            ),
            Flag(
                "--cache-to",
                "list",
                "type=registry,ref=IMAGE[,mode=max], type=local,dest=DIRECTORY[,mode=max] or "
                "type=inline",
            ),
            Flag("--annotation", "list", "NAME=VALUE for the manifest"),
            Flag("--pull", "switch", "Ask the registries for newer base images"),
            Flag(
                "-o, --output",
                "list",
                "DIRECTORY, - or type=local|tar|oci|docker|image|registry,...",
            ),
            Flag("--squash", "switch", "The steps as one layer"),
            LABEL,
            Flag("--network", "value", "For RUN: default, none or host"),
            Flag("--platform", "value", "os/arch[/variant], with --push several with commas"),
            Flag("--secret", "list", "id=NAME[,src=FILE|,env=VARIABLE]"),
            Flag("--ssh", "list", "default, or ID=SOCKET"),
            Flag(
                "--build-context", "list", "NAME=DIRECTORY, NAME=URL or NAME=docker-image://IMAGE"
            ),
            Flag("--add-host", "list", "NAME:ADDRESS for /etc/hosts"),
            Flag("--shm-size", "value", "Size of /dev/shm"),
            Flag("--progress", "value", "auto, tty, plain or quiet"),
            Flag("-q, --quiet", "switch", "Only the id"),
            Flag("--ulimit", "list", "Resource limit of RUN (nofile=1024:2048)"),
            Flag("-m, --memory", "value", "Memory limit of RUN"),
            Flag("--memory-swap", "value", "Memory and swap together; -1: no limit"),
            Flag("-c, --cpu-shares", "value", "Weight of RUN's processor time"),
            Flag("--cpu-period", "value", "Microseconds that --cpu-quota is for"),
            Flag("--cpu-quota", "value", "Microseconds of a processor in each period"),
            Flag("--cpuset-cpus", "value", "Processors of RUN"),
            Flag("--cpuset-mems", "value", "Memory nodes of RUN"),
            Flag("--metadata-file", "value", "Write digests and names into this file, as JSON"),
            Flag("--push", "switch", "Push the image under its names"),
            Flag("--iidfile", "value", "Write the image's id into this file"),
            Flag("--load", "switch", "Nothing: the image is in the store in any case"),
            Flag("--provenance", "value", "false: attestations are not made"),
            Flag("--sbom", "value", "false: attestations are not made"),
            Flag(
                "--allow",
                "list",
                "security.insecure or network.host, for RUN instructions that ask for it",
            ),
            Flag("--cgroup-parent", "value", "Parent of the cgroups of RUN"),
            Flag("--ignorefile", "value", "File in the place of the context's .dockerignore"),
            Flag(
                "--check", "switch", "Only check the file: rules that it breaks, with their lines"
            ),
        ],
    ),
    Command(
        "builder prune",
        "",
        "Remove the files that RUN --mount=type=cache has kept",
        "system.pruning:builds_",
        [
            UNASKED,
            CHOSEN,
            Flag("-a, --all", "switch", "Images of steps that have no name and no use, too"),
            Flag(
                "--keep-storage, --reserved-space",
                "value",
                "Size of the files that may stay: those used last (10g)",
            ),
        ],
    ),
    Command(
        "pull, image pull",
        "NAME[:TAG|@DIGEST]",
        "Get an image from a registry",
        "images.pull_push:pull",
        REGISTRY
        + [
            Flag("-a, --all-tags", "switch", "All images of the repository"),
            Flag("--platform", "value", "os/arch[/variant]"),
            Flag("-q, --quiet", "switch", "Only the name"),
            Flag(
                "--mirror", "list", "Registry to ask before that of the name (HOST[:PORT][/PATH])"
            ),
            Flag("--verify-key", "value", "File of the public key that it must be signed with"),
            Flag(
                "--verify-digest-only",
                "switch",
                "A signature that does not name the image will do, such as a bundle of cosign 3",
            ),
        ],
    ),
    Command(
        "search",
        "[HOST/]TERM",
        "Look for repositories: on Docker Hub, or on the registry HOST",
        "images.search_manifest:search",
        REGISTRY
        + [
            CHOSEN_IN_SEARCH,
            FORMAT,
            Flag("--limit", "value", "How many to show at most (25)"),
            Flag("--no-trunc", "switch", "Whole descriptions"),
        ],
    ),
    Command(
        "manifest inspect",
        "NAME[:TAG|@DIGEST]",
        "A manifest or index, as a registry has it or manifest create made it",
        "images.search_manifest:inspect",
        REGISTRY + [Flag("-v, --verbose", "switch", "With digest, size and its very bytes")],
    ),
    Command(
        "manifest create",
        "INDEX IMAGE...",
        "Name images of this host, each for another platform, together",
        "images.search_manifest:create",
        [Flag("-a, --amend", "switch", "Add to an index that is there")],
    ),
    Command(
        "manifest annotate",
        "INDEX IMAGE",
        "Say in an index what platform one of its images is for",
        "images.search_manifest:annotate",
        [
            Flag("--arch", "value", "Architecture, such as arm64"),
            Flag("--os", "value", "Operating system, such as linux"),
            Flag("--os-features", "list", "Features of the operating system (NAME[,NAME])"),
            Flag("--os-version", "value", "Version of the operating system"),
            Flag("--variant", "value", "Variant of the architecture, such as v7"),
        ],
    ),
    Command(
        "manifest push",
        "INDEX",
        "Send an index and its images to a registry",
        "images.search_manifest:push",
        REGISTRY + [Flag("-p, --purge", "switch", "Forget it afterwards")],
    ),
    Command(
        "manifest rm",
        "INDEX...",
        "Forget what manifest create made; images stay",
        "images.search_manifest:rm",
    ),
    Command(
        "push, image push",
        "NAME[:TAG]",
        "Send an image to a registry",
        "images.pull_push:push",
        REGISTRY
        + [
            Flag("-q, --quiet", "switch", "Only the name"),
            Flag("--sign-key", "value", "File of the private key to sign it with"),
        ],
    ),
    Command(
        "tag, image tag",
        "SOURCE TARGET",
        "Give an image another name",
        "images.image_ls_tag_rm:tag",
    ),
    Command(
        "rmi, image rm, image remove",
        "IMAGE...",
        "Remove images",
        "images.image_ls_tag_rm:rm",
        [
            FORCE,
            Flag("--no-prune", "switch", "Leave the images without a name that they came from"),
        ],
    ),
    Command(
        "history, image history",
        "IMAGE",
        "The steps that an image came from, with the size of what each added",
        "images.history_waste_squash:history",
        [
            FORMAT,
            QUIET,
            Flag(
                "-H, --human",
                "switch",
                "Sizes and dates in words (the default; --human=false)",
                on=True,
            ),
            Flag("--no-trunc", "switch", "Whole ids and commands"),
        ],
    ),
    Command(
        "image waste",
        "IMAGE",
        "What each layer adds, and the largest files that a later one deletes, replaces or repeats",
        "images.history_waste_squash:waste",
        [
            Flag("--format", "value", "json"),
            Flag("-n, --number", "value", "How many files to list (20)"),
            Flag("--no-trunc", "switch", "Whole commands"),
        ],
    ),
    Command(
        "image diff",
        "IMAGE IMAGE",
        "What differs between the files of two images: A added, C changed, D deleted",
        "images.history_waste_squash:image_diff",
        [FORMAT],
    ),
    Command(
        "image squash",
        "IMAGE",
        "Merge layers of an image into one, without what they hide of each other",
        "images.history_waste_squash:squash",
        [
            Flag(
                "-t, --tag",
                "list",
                "NAME[:TAG] for the merged image (without it, it takes over IMAGE)",
            ),
            Flag(
                "--from",
                "value",
                "What stays below: a number of upper layers to merge, a DiffID, or the base image",
            ),
        ],
    ),
    Command(
        "save, image save",
        "IMAGE...",
        "Write images to an archive or layout, byte for byte",
        "images.save_load_import:save",
        [
            Flag("-o, --output", "value", "The archive, or directory (standard output without it)"),
            Flag(
                "--format", "value", "docker-archive (also an OCI layout), oci-archive or oci-dir"
            ),
            Flag("--gzip", "switch", "Compress the archive"),
        ],
    ),
    Command(
        "load, image load",
        "",
        "Take images from an archive of docker save or an OCI layout",
        "images.save_load_import:load",
        [
            Flag("-i, --input", "value", "The archive (standard input at a terminal)"),
            Flag("-q, --quiet", "switch", "Only names"),
            Flag("--platform", "value", "os/arch[/variant]"),
        ],
    ),
    Command(
        "import, image import",
        "FILE|- [NAME[:TAG]]",
        "Make an image from an archive or directory of a root file system",
        "images.save_load_import:import_",
        [
            Flag("-c, --change", "list", "A Containerfile instruction, for example CMD or ENV"),
            Flag("-m, --message", "value", "The image's comment"),
            Flag("--platform", "value", "os/arch[/variant]"),
        ],
    ),
    Command(
        "image inspect",
        "IMAGE...",
        "All about images, as JSON",
        "system.inspect_objects:inspect_images",
        [INSPECT],
    ),
    Command(
        "image prune",
        "",
        "Remove dangling images",
        "system.pruning:images_",
        [UNASKED, CHOSEN, Flag("-a, --all", "switch", "All that no container uses")],
    ),
    Command(
        "login",
        "[SERVER]",
        "Keep a registry's credentials",
        "images.login_logout:login",
        [
            Flag("-u, --username", "value", "User name"),
            Flag("-p, --password", "value", "Password"),
            Flag("--password-stdin", "switch", "Read the password from standard input"),
        ],
    ),
    Command("logout", "[SERVER]", "Forget a registry's credentials", "images.login_logout:logout"),
]


def _kept(kind: str, inspected: str) -> list[Command]:
    """Return the commands of secrets, or of configs. :param inspected: the help of ``inspect``."""
    word, where = kind.upper(), "system.secrets_configs:"
    return [
        Command(
            f"{kind} ls, {kind} list", "", f"List {kind}s", where + "ls", [FILTER, FORMAT, QUIET]
        ),
        Command(
            f"{kind} create",
            f"{word} [FILE|-]",
            f"Keep a {kind} for containers, from a file or standard input",
            where + "create",
            [LABEL, Flag("--replace", "switch", "Give one that exists the new data")],
        ),
        Command(f"{kind} inspect", f"{word}...", inspected, where + "inspect", [INSPECT]),
        Command(
            f"{kind} rm, {kind} remove",
            f"{word}...",
            f"Remove {kind}s",
            where + "rm",
            [
                Flag(
                    "-f, --force, -i, --ignore", "switch", "Say nothing of those that are not there"
                )
            ],
        ),
    ]


SUBNETS = [  # of `network create`, read together
    Flag("--subnet", "list", "Subnet, as 172.30.0.0/16 or fd12:3456:789a::/64", reads="apart"),
    Flag("--gateway", "list", "The bridge's address, one for each subnet", reads="apart"),
    Flag("--ip-range", "list", "Where containers' addresses are taken from", reads="apart"),
    Flag("--aux-address", "list", "Address that no container gets (name=address)", reads="apart"),
]
OTHER_COMMANDS = [
    Command(
        "volume ls, volume list",
        "",
        "List volumes",
        "system.volumes:volume_ls",
        [FILTER, FORMAT, QUIET],
    ),
    Command(
        "volume create",
        "[VOLUME]",
        "Make a volume",
        "system.volumes:volume_create",
        [
            LABEL,
            Flag("-d, --driver", "value", "Driver (local)"),
            Flag("-o, --opt", "list", "Driver option (key=value)"),
        ],
    ),
    Command(
        "volume rm, volume remove",
        "VOLUME...",
        "Remove volumes",
        "system.volumes:volume_rm",
        [FORCE],
    ),
    Command(
        "volume inspect",
        "VOLUME...",
        "All about volumes, as JSON",
        "system.inspect_objects:inspect_volumes",
        [INSPECT],
    ),
    Command(
        "volume export",
        "VOLUME",
        "What a volume holds, as a tar archive",
        "system.volumes:volume_export",
        [Flag("-o, --output", "value", "The archive (standard output without it)")],
    ),
    Command(
        "volume import",
        "VOLUME FILE|-",
        "Have a volume hold what is in a tar archive, and nothing else",
        "system.volumes:volume_import",
        [],
    ),
    Command(
        "volume prune",
        "",
        "Remove the anonymous volumes that no container uses",
        "system.pruning:volumes_",
        [UNASKED, Flag("-a, --all", "switch", "Named ones too"), CHOSEN],
    ),
    *_kept("secret", "All about secrets but their data, as JSON"),
    *_kept("config", "All about configs, as JSON"),
    Command(
        "network ls, network list",
        "",
        "List networks",
        "system.networks:network_ls",
        [FILTER, FORMAT, QUIET, Flag("--no-trunc", "switch", "Whole ids")],
    ),
    Command(
        "network create",
        "NETWORK",
        "Make a network",
        "system.networks:network_create",
        [
            Flag("-l, --label", "list", "Label (key=value)", "labels", reads="="),
            Flag("-d, --driver", "value", "Driver (bridge, macvlan, ipvlan or overlay)"),
            Flag("-o, --opt", "list", "Driver option (key=value)", "driver_options", reads="="),
            *SUBNETS,
            Flag("--ipv6", "switch", "IPv6 addresses", "enable_ipv6"),
            Flag(
                "--ipv4",
                "switch",
                "IPv4 addresses; --ipv4=false for IPv6 alone",
                "enable_ipv4",
                on=True,
            ),
            Flag("--attachable", "switch", "Recorded: containers can be attached to any network"),
            Flag("--internal", "switch", "No way out"),
            Flag("--peer", "list", "Host of an overlay network (name=address)", reads="apart"),
            Flag("--disable-dns", "switch", "Containers do not find each other by name"),
            Flag("--route", "list", "Static route of containers (destination,gateway[,metric])"),
            Flag("--interface-name", "value", "Name of the bridge, or the parent link"),
            Flag("--allow-host", "switch", "The host's own services can be reached"),
            Flag("--allow-spoofing", "switch", "Containers send under any address"),
            Flag(
                "--allow-metadata",
                "switch",
                "--allow-metadata=false: no metadata of clouds",
                on=True,
            ),
        ],
    ),
    Command(
        "network rm, network remove",
        "NETWORK...",
        "Remove networks",
        "system.networks:network_rm",
        [Flag("-f, --force", "switch", "One that does not exist is no error")],
    ),
    Command(
        "network repair",
        "",
        "Put back bridges and firewall rules that something has taken away",
        "system.networks:network_repair",
    ),
    Command(
        "network connect",
        "NETWORK CONTAINER",
        "Put a container on a network, as it runs",
        "system.networks:network_connect",
        [
            Flag("--ip", "value", "Its address there"),
            Flag("--ip6", "value", "Its IPv6 address there"),
            Flag("--mac-address", "value", "Its MAC address there"),
            Flag("--alias", "list", "Another name there"),
            Flag("--link", "list", "Other container by a name of one's own (container[:alias])"),
            Flag("--gw-priority", "value", "The network with the highest is the way out"),
            Flag("--driver-opt", "list", "Its link's name there, and sysctls of it (KEY=VALUE)"),
        ],
    ),
    Command(
        "network disconnect",
        "NETWORK CONTAINER",
        "Take a container off a network, as it runs",
        "system.networks:network_disconnect",
        [
            Flag(
                "-f, --force",
                "switch",
                "Also where the container or the network is not there any more",
            )
        ],
    ),
    Command(
        "network doctor",
        "[NETWORK|CONTAINER...]",
        "Look at all that a packet needs on its way, and say what is wrong",
        "system.networks:network_doctor",
        [FORMAT],
    ),
    Command(
        "network prune",
        "",
        "Remove the networks that no container is on",
        "system.pruning:networks_",
        [UNASKED, CHOSEN],
    ),
    Command(
        "network inspect",
        "NETWORK...",
        "All about networks, as JSON",
        "system.inspect_objects:inspect_networks",
        [INSPECT],
    ),
    Command(
        "registry serve",
        "",
        "Serve a registry in the foreground",
        "system.registries:serve",
        [
            Flag("--listen", "list", "ADDRESS:PORT (default 127.0.0.1:5000)"),
            Flag("--root", "value", "Directory of its content"),
            Flag("--tls-cert", "value", "Certificate (PEM)"),
            Flag("--tls-key", "value", "Private key (PEM)"),
            Flag("--users", "value", "File of users"),
            Flag("--proxy", "value", "Be a cache of the registry with this address"),
        ],
    ),
    Command(
        "registry ls", "", "List the registries of this host", "system.registries:ls", [FORMAT]
    ),
    Command(
        "inspect",
        "NAME...",
        "All about containers, images, volumes and networks, as JSON",
        "system.inspect_objects:inspect",
        [INSPECT, SIZE, Flag("--type", "value", "container, image, volume or network")],
    ),
    Command(
        "info, system info",
        "",
        "The host, what it can do and what it holds",
        "system.info_df_version:info",
        [INSPECT],
    ),
    Command(
        "system check",
        "",
        "What the store has lost or is damaged in it, and repair it",
        "system.system_check:check",
        [
            Flag("-q, --quick", "switch", "Look at what is there and how large, not at contents"),
            Flag(
                "-r, --repair",
                "switch",
                "Make it again: from the archives of layers, or from the registry that an image "
                "came from",
            ),
        ],
    ),
    Command(
        "system df",
        "",
        "Disk use",
        "system.info_df_version:df",
        [FORMAT, Flag("-v, --verbose", "switch", "Of each image, container, volume and cache")],
    ),
    Command(
        "system history",
        "[NAME...]",
        "Who has changed what: of all, or of containers, images, networks and volumes",
        "system.events_history:history",
        [FORMAT, Flag("-n, --last", "value", "Only the last changes (50; all)")],
    ),
    Command(
        "events, system events",
        "",
        "What happens, as it happens",
        "system.events_history:events",
        [
            FILTER,
            Flag("--format", "value", "json, or a template such as '{{.Type}} {{.Action}}'"),
            Flag("--since", "value", "What has been after a time (RFC 3339, or 10m), too"),
            Flag("--until", "value", "End at a time; 0s: now"),
        ],
    ),
    Command(
        "system prune",
        "",
        "Remove containers that don't run, networks without containers, and dangling images",
        "system.pruning:system",
        [
            UNASKED,
            CHOSEN,
            Flag("-a, --all", "switch", "All images that no container uses"),
            Flag("--volumes", "switch", "Anonymous volumes, too"),
        ],
    ),
    Command("version", "", "Versions", "system.info_df_version:version", [INSPECT]),
    Command(
        "completion",
        "SHELL",
        "Print the script with which bash, zsh or fish complete this command's line",
        "system.completion:completion",
    ),
    Command(
        "man",
        "[COMMAND [COMMAND]]",
        "Print the manual page of this command, or of one of its commands",
        "system.man_pages:man",
        [Flag("--directory", "value", "Write all pages there, such as /usr/local/share/man/man1")],
    ),
    Command(
        "generate systemd",
        "CONTAINER",
        "A unit of systemd that starts a container",
        "containers.generate_supervise:generate_systemd",
        [
            Flag("-f, --files", "switch", "Write it into the current directory"),
            Flag("--restart-policy", "value", "When systemd starts it again (on-failure)"),
            Flag("--restart-sec", "value", "Seconds until then"),
            Flag("-t, --time, --stop-timeout", "value", "Seconds until it is killed"),
            Flag("--start-timeout", "value", "Seconds that a start may take"),
            Flag("--container-prefix", "value", "Begins the unit's name (container)"),
            Flag("--separator", "value", "Between that and the container's name (-)"),
            Flag("--after", "list", "Unit that is started before it"),
            Flag("--wants", "list", "Unit that is started with it"),
            Flag("--requires", "list", "Unit without which it does not run"),
        ],
    ),
    Command(
        "supervise",
        "CONTAINER",
        "Start a container and stay until it ends (for its unit of systemd)",
        "containers.generate_supervise:supervise",
    ),
    Command(
        "boot",
        "",
        "Start what should run after a boot (for the boot unit)",
        "system.boot_shutdown:boot",
    ),
    Command(
        "shutdown",
        "",
        "Stop all containers until the next boot (for the boot unit)",
        "system.boot_shutdown:shutdown",
    ),
]

COMMANDS = CONTAINER_COMMANDS + IMAGE_COMMANDS + OTHER_COMMANDS


# The help's order: what is used most, the groups of commands, all the others.
COMMON = (
    "run",
    "exec",
    "ps",
    "build",
    "pull",
    "push",
    "images",
    "login",
    "logout",
    "info",
    "version",
)
GROUPS = {
    "builder": "Build images and look after what builds keep",
    "checkpoint": "Containers written down as they run, to go on later",
    "config": "Configs: files for containers",
    "container": "Containers",
    "generate": "Units of systemd for containers",
    "image": "Images",
    "manifest": "Names for images of several platforms",
    "network": "Networks",
    "registry": "Registries of this host",
    "secret": "Secrets: files for containers that nothing else shows",
    "system": "The host: use of the disk, checks, clearing up",
    "volume": "Volumes",
}


# What people type after ``docker`` that is something else here, and what takes its place.
ELSEWHERE = {
    "buildx": "build builds for several platforms and writes outputs and caches itself",
    "context": "there is no daemon that one could name; each host is one of Ansible's inventory",
    "machine": "hosts are those of Ansible's inventory",
    "node": "there is no Swarm; hosts are those of Ansible's inventory",
    "plugin": "there are no plugins; drivers of networks, volumes and logs are built in",
    "service": "there is no Swarm; a play has containers on its hosts, network create -d overlay "
    "connects them",
    "stack": "there is no Swarm; a play has containers on its hosts",
    "swarm": "there is no Swarm; a play has containers on its hosts, network create -d overlay "
    "connects them",
    "trust": "push --sign-key signs, pull --verify-key and /etc/pycontainer/policy.json check",
}


def overview(group: str | None = None) -> str:
    """Return the help of ``pycontainer`` without a command, or of a group of commands such as
    ``volume``.
    """
    prefix = group + " " if group else ""
    named = {
        name: command.help
        for command in COMMANDS
        for name in [name for name in command.names if name.startswith(prefix)][:1]
    }
    parts = {"Commands:": list(named.items())}
    if not group:
        parts = {
            "Common commands:": [(name, named[name]) for name in COMMON],
            "Groups of commands:": list(GROUPS.items()),
            "Commands:": sorted(
                (name, text)
                for name, text in named.items()
                if name not in COMMON and " " not in name
            ),
        }
    width = max(len(name) for rows in parts.values() for name, _text in rows)
    lines = [
        "Usage:  pycontainer "
        f"{group + ' COMMAND' if group else '[--root DIR] [--runroot DIR] COMMAND'}",
        "",
        GROUPS[group]
        if group
        else "Docker's images, containers, volumes, networks and registries without an engine.",
    ]
    for title, rows in parts.items():
        lines += ["", title] + ["  %-*s  %s" % (width, name, text) for name, text in rows]
    lines += [
        "",
        (f"pycontainer {group} COMMAND --help says more of one.")
        if group
        else "pycontainer COMMAND --help says more of a command or a group.",
    ]
    return "\n".join(
        lines + ([] if group else [f"--root and --runroot: another store than {DATA} and {RUN}."])
    )

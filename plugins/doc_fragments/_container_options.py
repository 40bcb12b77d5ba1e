# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of a container's options.

Made by devel/make_options.py from the rows in containers/options: change those, and run
`make generate`.
"""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  name:
    description:
      - >-
        The container's name. One that exists can be named by its ID as well, or by the first twelve
        digits or more of it.
      - >-
        Exactly one of O(name) and O(containers) is required.
    type: str
  auth_file: &auth_file
    description:
      - >-
        File with the credentials for the registry of O(image), in the form of Docker's
        C(config.json). The default is where M(pycontainer.engine.registry_login), C(docker login)
        and C(podman login) keep them.
    type: path
    aliases: ["authfile"]
  ca_path: &ca_path
    description:
      - >-
        File with the certificates (PEM) of the authorities to trust for the registry of O(image).
        Without it, the host's own are trusted, and those for the registry in
        C(/etc/containers/certs.d) and C(/etc/docker/certs.d).
    type: path
  client_cert: &client_cert
    description:
      - >-
        File with the certificate (PEM) to show to the registry of O(image).
    type: path
  client_key: &client_key
    description:
      - >-
        File with the key (PEM) of O(client_cert).
    type: path
  insecure: &insecure
    description:
      - >-
        Whether plain HTTP, or a certificate that can't be verified, will do for the registry of
        O(image). Registries on this host's loopback addresses never need it.
    type: bool
    default: false
  validate_certs: &validate_certs
    description:
      - >-
        Whether the certificate of the registry of O(image) is verified. V(false) still insists on
        TLS, unlike O(insecure).
    type: bool
    default: true
    aliases: ["tls_verify"]
  cleanup: &cleanup
    description:
      - >-
        Remove the container when it has ended, with O(detach=false). Its anonymous volumes stay
        unless O(keep_volumes=false).
    type: bool
    default: false
  command_handling: &command_handling
    description:
      - >-
        V(correct) takes the words of O(command) and O(entrypoint) as they are. V(compatibility)
        joins them by blanks and splits the text as a shell would, and takes an empty list for none
        at all, as community.docker did before its version 3.
    type: str
    choices: ["compatibility", "correct"]
    default: "correct"
  comparisons: &comparisons
    description:
      - >-
        How options are compared with what was asked for before.
      - >-
        The keys are options' names, or V(*) for all others. The values are V(strict) (the default:
        the value is exact, lists and maps too), V(ignore) (a difference is no difference) and, for
        lists and maps, V(allow_more_present) (what is there in addition stays, but for what is at
        the same place, or has the same name or port).
    type: dict
  container_default_behavior: &container_default_behavior
    description:
      - >-
        V(no_defaults): an option that is not given is not compared. V(compatibility):
        O(auto_remove), O(init), O(interactive), O(paused), O(privileged), O(read_only) and O(tty)
        are V(false) and O(memory) is V(0) where they are not given.
    type: str
    choices: ["compatibility", "no_defaults"]
    default: "no_defaults"
  detach: &detach
    description:
      - >-
        V(false) waits until the container that this task starts has ended, and returns its exit
        code as RV(status) and its output as RV(container.Output). Any other exit code than 0 fails
        the task. Only for O(state=started) and O(state=restarted).
      - >-
        A container that runs already is not waited for. If one has to be made anew for such a task,
        the old one is not put back when the new one fails.
    type: bool
    default: true
  drain_timeout: &drain_timeout
    description:
      - >-
        Replace a running container without a moment in which nothing answers. The new container is
        started beside the old one. When it runs and listens on the published TCP ports on which the
        old one listens (with O(state=healthy): and is healthy), the published ports and the names
        on networks lead to it. At most O(healthy_wait_timeout) seconds are waited for that; after
        them the task fails, and the old container goes on. From then on the old container gets no
        new connections. It is stopped when the last one has ended, or after this many seconds; V(0)
        stops it at once. RV(drained) says how long that took. Datagrams (UDP) go to the new
        container from the switch on. Associations of SCTP are waited for, but not until the new
        container listens for them; a warning says so.
      - >-
        For that moment both containers run, and share the volumes: this is not for a program that
        must have its data for itself, such as most databases. The new container gets another
        address. Where two can't run side by side, the old one is stopped first, as without this
        option, and a warning says why: for a static address or MAC address, without a bridge
        network of its own (O(network_mode=host), V(none) or V(container:...)), for a link of
        another container on the default network, and for a port that moves to an overlapping
        address.
      - >-
        Without this option, the old container is stopped before the new one is started.
    type: float
  env_file: &env_file
    description:
      - >-
        A file on the host with environment variables, one C(NAME=value) in each line, or several
        such files. A later one wins over an earlier one, and O(env) over all.
    type: list
    elements: path
    aliases: ["env_files"]
  force_kill: &force_kill
    description:
      - >-
        Kill the container where it would be stopped.
    type: bool
    default: false
    aliases: ["forcekill"]
  generate_systemd: &generate_systemd
    description:
      - >-
        Write a unit of systemd that starts and stops the container, C(container-web.service), for
        C(systemctl enable), C(restart) and C(status). O(sdnotify) says when it is ready. A boot
        leaves a container to its unit where that is enabled; O(restart_policy=no) leaves its
        restarts to the unit, too. The task enables and starts no unit.
      - >-
        With O(state=absent), the unit is removed with the container.
    type: dict
    suboptions:
      path:
        description:
          - >-
            The directory of the unit, usually V(/etc/systemd/system).
        type: path
        required: true
      restart_policy:
        description:
          - >-
            The unit's C(Restart=). The default is V(on-failure).
        type: str
        choices: ["no", "on-success", "on-failure", "on-abnormal", "on-watchdog", "on-abort", "always"]
      restart_sec:
        description:
          - >-
            Seconds until systemd starts it again.
        type: int
      time:
        description:
          - >-
            Seconds until it is killed when the unit is stopped, instead of O(stop_timeout).
        type: int
      start_timeout:
        description:
          - >-
            Seconds that a start of the unit may take.
        type: int
      container_prefix:
        description:
          - >-
            Begins the unit's name. The default is V(container); an empty text makes C(web.service).
        type: str
      separator:
        description:
          - >-
            Stands between that and the container's name. The default is V(-).
        type: str
      after:
        description:
          - >-
            Units that are started before it.
        type: list
        elements: str
      wants:
        description:
          - >-
            Units that are started with it.
        type: list
        elements: str
      requires:
        description:
          - >-
            Units without which it does not run.
        type: list
        elements: str
  gpus: &gpus
    description:
      - >-
        GPUs of the host, as Podman has it: V(all), or their numbers or names. The same as
        O(device_requests) with O(device_requests[].device_ids), where C(--gpus) of Docker and of
        the command C(pycontainer) takes V(2) for how many, and not for which.
    type: list
    elements: str
  healthy_wait_timeout: &healthy_wait_timeout
    description:
      - >-
        Seconds to wait until the container is healthy, for O(state=healthy). V(0) is for no limit.
    type: float
    default: 300
  image: &image
    description:
      - >-
        The image, by name or ID. It is pulled if need be (see O(pull)).
      - >-
        Needed to create a container. For one that exists, the image is left alone when this is not
        given.
      - >-
        Images are compared by their ID: a rebuilt image is one change, another name of the same
        image is recorded without touching the container.
    type: str
  image_label_mismatch: &image_label_mismatch
    description:
      - >-
        What to do about labels of the image that O(labels) does not have: V(ignore) leaves them to
        the image, V(fail) fails and names them, unless the task has no O(labels) or O(comparisons)
        has them compared otherwise than strictly.
    type: str
    choices: ["fail", "ignore"]
    default: "ignore"
  image_name_mismatch: &image_name_mismatch
    description:
      - >-
        What to do where the image is the same and its name is another one: V(ignore) writes the new
        name down, V(recreate) makes the container anew, unless O(comparisons) ignores the image.
    type: str
    choices: ["ignore", "recreate"]
    default: "ignore"
  keep_volumes: &keep_volumes
    description:
      - >-
        Leave the container's anonymous volumes when it is removed, and hand them to the new
        container when it is replaced.
    type: bool
    default: true
  kill_signal: &kill_signal
    description:
      - >-
        The signal that O(force_kill) sends, in place of V(SIGKILL), by name or number. A container
        that does not end by it is killed after O(stop_timeout).
    type: str
  networks_cli_compatible: &networks_cli_compatible
    description:
      - >-
        V(true) is how it is: a container is on the networks that O(networks) names, and on no
        other. V(false) is refused.
    type: bool
    default: true
  output_logs: &output_logs
    description:
      - >-
        Return the output as RV(stdout), too, with O(detach=false).
    type: bool
    default: false
  paused: &paused
    description:
      - >-
        V(true) with O(state=started) is the same as O(state=paused).
    type: bool
  platform: &platform
    description:
      - >-
        The platform of the image, in the form V(os/arch[/variant]). The default is the host's.
    type: str
  pull: &pull
    description:
      - >-
        V(missing) pulls the image only when it is not on the host, V(always) asks the registry for
        a newer one and pulls only if there is one, V(never) does not go to a registry.
      - >-
        V(true) is V(always), and V(false) is V(missing).
    type: raw
    choices: ["always", "missing", "never", true, false]
    default: "missing"
  recreate: &recreate
    description:
      - >-
        Replace the container even if nothing differs.
    type: bool
    default: false
  default_host_ip: &default_host_ip
    description:
      - >-
        The host's address, IPv4 or IPv6, for ports of O(published_ports) that name none. Without
        it, or with an empty text, that is what the network's driver option
        C(com.docker.network.bridge.host_binding_ipv4) says, else all addresses of both families.
    type: str
    default: ""
  on_change: &on_change
    description:
      - >-
        The most that a difference may cost the container. V(replace) makes a new container for what
        can't change while it runs. V(restart) stops the container and starts it again as it is to
        be: its ID, its writable layer, its log and its addresses stay. Running containers that have
        a namespace of it (O(network_mode=container:NAME) and the like) are restarted after it, as
        with any restart, for they would be left without. V(live) changes only what can change while
        it runs. V(fail) changes nothing of what the container is.
      - >-
        What would cost more fails, before anything is changed, and names the options; with
        O(recreate_policy=warn) it is a warning, and the container keeps these options. What a
        change of an option costs stands with the option. Starting and stopping by O(state) is no
        difference.
    type: str
    choices: ["replace", "restart", "live", "fail"]
    default: "replace"
  recreate_policy: &recreate_policy
    description:
      - >-
        What to do when a difference needs a new container: V(recreate) makes one, V(fail) fails and
        names the options, V(warn) warns and leaves the container as it is.
    type: str
    choices: ["fail", "recreate", "warn"]
    default: "recreate"
  restart: &restart
    description:
      - >-
        Restart the container if it runs already and is not started by this task anyway.
    type: bool
    default: false
    aliases: ["force_restart"]
  runtime: &runtime
    description:
      - >-
        The engine starts containers itself. V(pycontainer), V(pycontainer-oci) and, for tasks that
        were written for other engines, V(runc), V(crun) and V(io.containerd.runc.v2) all mean that.
        Other runtimes, such as V(kata), are refused.
    type: str
  state: &state
    description:
      - >-
        V(present), or V(created): the container exists as described. One that runs goes on, one
        that does not is not started.
      - >-
        V(started): it runs as well.
      - >-
        V(healthy): it runs, and its health check succeeds. It is waited for. One that ends
        meanwhile fails the task, with its exit code and its last lines; one that its restart policy
        starts again does when it has ended five times.
      - >-
        V(restarted): as V(started), and one that ran already is stopped and started again. With
        nothing but O(name), its configuration stays as it is.
      - >-
        V(paused): as V(started), and its processes are frozen.
      - >-
        V(stopped): it exists and does not run.
      - >-
        V(absent): there is no such container. One that runs is stopped first.
    type: str
    choices: ["absent", "created", "healthy", "paused", "present", "restarted", "started", "stopped"]
    default: "started"
  volume_driver: &volume_driver
    description:
      - >-
        The driver of volumes that O(volumes) names and that do not exist yet. There is one,
        V(local).
    type: str
  command: &command
    description:
      - >-
        What to run, as a list, or as a string that is split as a shell would (without running one).
      - >-
        The default is the image's command, unless O(entrypoint) names a program. An empty list is
        the same.
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: raw
  entrypoint: &entrypoint
    description:
      - >-
        The program that O(command) is handed to, instead of the image's. An empty list is for none.
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: list
    elements: str
  env: &env
    description:
      - >-
        Environment variables, in addition to the image's. Booleans and nulls have to be quoted, and
        numbers that YAML does not keep as they are written, for example V("1.10") and V("0644").
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: dict
  env_host: &env_host
    description:
      - >-
        Whether the container gets the environment of the process that makes it, over the image's
        and under O(env): for a task that of the module on the host, with what the play's
        C(environment) has. It is taken when the container is made, and kept with it.
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: bool
  env_merge: &env_merge
    description:
      - >-
        Variables that are made of the image's: V(${NAME}) and V($NAME) stand for what the image
        has, for example V(/opt/bin:${PATH}). O(env) wins over them.
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: dict
  unsetenv: &unsetenv
    description:
      - >-
        Variables of the image, or of the engine's own, that are left out.
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: list
    elements: str
  unsetenv_all: &unsetenv_all
    description:
      - >-
        Whether all variables of the image and of the engine's own are left out, C(PATH) among them.
        C(HOME) follows from the user all the same.
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: bool
  http_proxy: &http_proxy
    description:
      - >-
        Whether the container gets the variables C(http_proxy), C(https_proxy), C(ftp_proxy),
        C(no_proxy) and C(all_proxy), and the same in capitals, of the process that makes it, over
        the image's and under O(env). They are taken when the container is made. The default is
        V(false), as with Docker.
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: bool
  annotations: &annotations
    description:
      - >-
        Annotations of the container's OCI document.
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: dict
    aliases: ["annotation"]
  timezone: &timezone
    description:
      - >-
        The container's time zone: V(local) for the host's, or a name below the host's
        C(/usr/share/zoneinfo), for example V(Europe/Berlin). It is in the container as
        C(/etc/localtime), as it was when the container was made. A variable C(TZ) of the image wins
        over it.
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: str
  user: &user
    description:
      - >-
        The user to run as, in the form V(user[:group]), by names of the image or by numbers. The
        default is the image's.
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: str
  groups: &groups
    description:
      - >-
        Groups (names or numbers) that the process has in addition.
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: list
    elements: str
    aliases: ["group_add"]
  passwd_entry: &passwd_entry
    description:
      - >-
        A line that a start adds to the container's /etc/passwd where that has none for the user
        whose number O(user) names. $USERNAME, $UID, $GID, $NAME and $HOME in it stand for the
        number of the user, twice, that of the group, V(container user), and the variable HOME or
        else O(working_dir). Without this option no line is added.
      - >-
        A change makes a new container.
    type: str
  group_entry: &group_entry
    description:
      - >-
        A line that a start adds to the container's /etc/group where that has none for the group
        that the process runs with. $GROUPNAME, $GID and $USERLIST in it stand for the number of the
        group, twice, and that of the user. Without this option no line is added.
      - >-
        A change makes a new container.
    type: str
  chrootdirs: &chrootdirs
    description:
      - >-
        Directories of the container, with commas between them, that its process uses as roots of
        its own (chroot): /etc/hosts, /etc/hostname and /etc/resolv.conf are mounted below them as
        well.
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: str
  working_dir: &working_dir
    description:
      - >-
        The directory that the process starts in. It is made if the image does not have it.
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: str
    aliases: ["workdir"]
  umask: &umask
    description:
      - >-
        Permissions that the files which the process makes do not get, octal, as a string. The
        default is V('0022').
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: str
  hostname: &hostname
    description:
      - >-
        The container's host name. The default is the beginning of its ID, or the host's name where
        it shares the host's network or host name.
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: str
  domainname: &domainname
    description:
      - >-
        The container's domain name.
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: str
  init: &init
    description:
      - >-
        Run a small process 1 that passes signals on and reaps orphans, with the command below it.
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: bool
  systemd: &systemd
    description:
      - >-
        Whether the container is set up so that systemd can be its process 1: writable control
        groups of its own, a C(tmpfs) on C(/run), C(/run/lock) and C(/tmp), the variables
        C(container) and C(container_uuid), and C(SIGRTMIN+3) as the signal that stops it.
      - >-
        V(true) does so when its command is C(/sbin/init), C(/usr/sbin/init),
        C(/usr/local/sbin/init) or a program called C(systemd). V(always) does so for any command,
        V(false) for none.
      - >-
        With O(state=healthy), a container that is set up so and has no health check is waited for
        until C(systemctl is-system-running) says that it is up.
      - >-
        The default is V(true).
      - >-
        A change makes a new container.
    type: str
  tty: &tty
    description:
      - >-
        Give the process a terminal.
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: bool
  interactive: &interactive
    description:
      - >-
        Keep standard input open.
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: bool
  labels: &labels
    description:
      - >-
        Labels, in addition to the image's.
      - >-
        Changes while the container runs.
    type: dict
    aliases: ["label"]
  stop_signal: &stop_signal
    description:
      - >-
        The signal that asks the process to end. The default is the image's, else V(SIGTERM).
      - >-
        Changes while the container runs.
    type: str
  stop_timeout: &stop_timeout
    description:
      - >-
        Seconds to wait after that signal before the process is killed. The default is V(10).
      - >-
        Changes while the container runs.
    type: int
  memory: &memory
    description:
      - >-
        The memory that the container can use at most, for example V(512m). V(0) is for no limit.
      - >-
        Changes while the container runs.
    type: str
  memory_reservation: &memory_reservation
    description:
      - >-
        The memory that the kernel leaves the container when the host runs short.
      - >-
        Changes while the container runs.
    type: str
  memory_swap: &memory_swap
    description:
      - >-
        The limit on memory and swap together. V(-1) or V(unlimited) is for no limit on swap.
      - >-
        The default is twice O(memory), where the host accounts for swap.
      - >-
        Changes while the container runs.
    type: str
  memory_swappiness: &memory_swappiness
    description:
      - >-
        How readily memory is swapped out, from V(0) to V(100). V(-1) is for the host's. cgroup v1
        only.
      - >-
        Changes while the container runs.
    type: int
  cpus: &cpus
    description:
      - >-
        How many CPUs the container can use at most, for example V(1.5). V(0) is for no limit.
      - >-
        Changes while the container runs.
    type: float
  cpu_shares: &cpu_shares
    description:
      - >-
        Weight among containers that compete for CPU time. V(1024) is what a container has
        otherwise.
      - >-
        Changes while the container runs.
    type: int
  cpu_period: &cpu_period
    description:
      - >-
        Length of a CPU quota's period in microseconds. Mutually exclusive with O(cpus).
      - >-
        Changes while the container runs.
    type: int
  cpu_quota: &cpu_quota
    description:
      - >-
        CPU time in each period in microseconds. V(-1) or V(0) is for no limit. Mutually exclusive
        with O(cpus).
      - >-
        Changes while the container runs.
    type: int
  cpu_rt_period: &cpu_rt_period
    description:
      - >-
        Length of the period of O(cpu_rt_runtime) in microseconds. The kernel's own is V(1000000).
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: int
  cpu_rt_runtime: &cpu_rt_runtime
    description:
      - >-
        CPU time that processes with a real-time policy may take in each period, in microseconds.
        Without it they may take none where the kernel has such budgets: cgroup v1, and a kernel
        with CONFIG_RT_GROUP_SCHED. Elsewhere the option is refused.
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: int
  cpuset_cpus: &cpuset_cpus
    description:
      - >-
        The CPUs to run on, for example V(0-2,5).
      - >-
        Changes while the container runs.
    type: str
  cpuset_mems: &cpuset_mems
    description:
      - >-
        The memory nodes to use, for example V(0).
      - >-
        Changes while the container runs.
    type: str
  pids_limit: &pids_limit
    description:
      - >-
        The number of processes and threads at most. V(-1) or V(0) is for no limit.
      - >-
        Changes while the container runs.
    type: int
  blkio_weight: &blkio_weight
    description:
      - >-
        Share of disk time, from V(10) to V(1000). V(0) is for the kernel's default.
      - >-
        Changes while the container runs.
    type: int
  blkio_weight_device: &blkio_weight_device
    description:
      - >-
        Shares of the time of single disks, a map of the device's path and V(10) to V(1000), for
        example V({/dev/sda: 500}). The disk's scheduler has to be V(bfq). Others are refused, for
        they have no weights.
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: dict
  device_read_bps: &device_read_bps
    description:
      - >-
        Limits on the bytes that are read from a device in a second.
      - >-
        Changes while the container runs.
    type: list
    elements: dict
    suboptions:
      path:
        description:
          - >-
            The device on the host, for example V(/dev/sda).
        type: str
        required: true
      rate:
        description:
          - >-
            Bytes in a second, or a size such as V(10m).
        type: str
        required: true
  device_write_bps: &device_write_bps
    description:
      - >-
        Limits on the bytes that are written to a device in a second.
      - >-
        Changes while the container runs.
    type: list
    elements: dict
    suboptions:
      path:
        description:
          - >-
            The device on the host, for example V(/dev/sda).
        type: str
        required: true
      rate:
        description:
          - >-
            Bytes in a second, or a size such as V(10m).
        type: str
        required: true
  device_read_iops: &device_read_iops
    description:
      - >-
        Limits on the read operations on a device in a second.
      - >-
        Changes while the container runs.
    type: list
    elements: dict
    suboptions:
      path:
        description:
          - >-
            The device on the host, for example V(/dev/sda).
        type: str
        required: true
      rate:
        description:
          - >-
            Operations in a second.
        type: int
        required: true
  device_write_iops: &device_write_iops
    description:
      - >-
        Limits on the write operations on a device in a second.
      - >-
        Changes while the container runs.
    type: list
    elements: dict
    suboptions:
      path:
        description:
          - >-
            The device on the host, for example V(/dev/sda).
        type: str
        required: true
      rate:
        description:
          - >-
            Operations in a second.
        type: int
        required: true
  ulimits: &ulimits
    description:
      - >-
        Limits of the process, in the form V(name:soft[:hard]), for example V(nofile:1024:2048).
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: list
    elements: str
    aliases: ["ulimit"]
  oom_killer: &oom_killer
    description:
      - >-
        Whether to B(disable) the OOM killer for the container, as in community.docker. cgroup v1
        only.
      - >-
        Changes while the container runs.
    type: bool
    aliases: ["oom_kill_disable"]
  oom_score_adj: &oom_score_adj
    description:
      - >-
        How likely the kernel is to kill the container's processes when the host runs out of memory,
        from V(-1000) to V(1000).
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: int
  volumes: &volumes
    description:
      - >-
        Volumes and paths of the host to mount, in the forms V(name:/path[:modes]),
        V(/host/path:/path[:modes]) and V(/path) (an anonymous volume).
      - >-
        The modes are V(ro), V(rw), V(nocopy) (do not fill an empty volume with what the image has
        there), the propagations V(private), V(rprivate), V(shared), V(rshared), V(slave) and
        V(rslave), V(z) and V(Z), and V(consistent), V(cached) and V(delegated), which make no
        difference on Linux.
      - >-
        V(z) and V(Z) label what is mounted for a container that has SELinux labels, V(z) for all
        containers and V(Z) for this one. Where it has none they have nothing to do.
      - >-
        A path of the host has to exist. One that begins with V(./), V(../) or V(~/) is below the
        working directory or the home of who runs the module on the host, as in docker_container. A
        volume that does not exist is made.
      - >-
        A change makes a new container.
    type: list
    elements: str
    aliases: ["volume"]
  mounts: &mounts
    description:
      - >-
        Mounts, as maps. They can be mixed with O(volumes), which writes the same as strings.
      - >-
        A change makes a new container.
    type: list
    elements: dict
    suboptions:
      type:
        description:
          - >-
            V(bind) shows a path of the host, V(volume) a volume, V(image) the files of an image,
            V(tmpfs) is memory.
          - >-
            An image is found, and pulled, as O(image) is. It is read-only unless
            O(mounts[].read_only) is false: then the container has a writable layer of its own over
            it, which goes with the container. The image is in use as long as the container is
            there. When its name leads to another image by then, a task that names this mount
            replaces the container.
        type: str
        choices: ["bind", "image", "tmpfs", "volume"]
        default: "volume"
      source:
        description:
          - >-
            The path on the host, which has to exist, or the name of the volume or image. A volume
            without a name is anonymous.
        type: str
      target:
        description:
          - >-
            The path in the container.
        type: str
        required: true
      read_only:
        description:
          - >-
            Whether the container can only read it, and what the host has mounted below it
            (O(mounts[].read_only_non_recursive)).
        type: bool
      propagation:
        description:
          - >-
            How mounts that are made below the path later propagate. The default is V(rprivate).
            Only for O(mounts[].type=bind).
        type: str
        choices: ["private", "rprivate", "shared", "rshared", "slave", "rslave"]
      no_copy:
        description:
          - >-
            Do not fill an empty volume with what the image has at that path. Only for
            O(mounts[].type=volume).
        type: bool
      tmpfs_size:
        description:
          - >-
            The size, for example V(64m). Only for O(mounts[].type=tmpfs).
        type: str
      tmpfs_mode:
        description:
          - >-
            The permissions, octal, as a string. The default is V('1777'). Only for
            O(mounts[].type=tmpfs).
        type: str
      consistency:
        description:
          - >-
            Taken as docker_container has it. It makes no difference on Linux.
        type: str
        choices: ["cached", "consistent", "default", "delegated"]
      create_mountpoint:
        description:
          - >-
            Make a directory on the host where there is nothing at O(mounts[].source), with mode
            V(0755) and root as its owner. Only for O(mounts[].type=bind).
        type: bool
      non_recursive:
        description:
          - >-
            Show the path without what the host has mounted below it. Only for
            O(mounts[].type=bind).
        type: bool
      read_only_non_recursive:
        description:
          - >-
            With O(mounts[].read_only), leave what the host has mounted below the path as writable
            as it is there. Without it, that is read-only as well, where the kernel can do so (Linux
            5.12). Only for O(mounts[].type=bind).
        type: bool
      read_only_force_recursive:
        description:
          - >-
            With O(mounts[].read_only), refuse a host whose kernel can't make read-only what is
            mounted below the path. Only for O(mounts[].type=bind).
        type: bool
      subpath:
        description:
          - >-
            A path below the root of the volume or image, which is mounted in place of the root. It
            has to exist. It is looked up at each start, and no symbolic link leads out. Such a
            mount does not fill an empty volume. Only for O(mounts[].type=volume) and
            O(mounts[].type=image).
        type: str
      labels:
        description:
          - >-
            Labels of the volume, where this mount makes it. Only for O(mounts[].type=volume).
        type: dict
      volume_driver:
        description:
          - >-
            The driver of the volume, where this mount makes it. There is V(local) alone. Only for
            O(mounts[].type=volume).
        type: str
      volume_options:
        description:
          - >-
            What the volume is, where this mount makes it: the
            O(pycontainer.engine.volume#module:driver_options) of M(pycontainer.engine.volume). Only
            for O(mounts[].type=volume).
        type: dict
      tmpfs_options:
        description:
          - >-
            Options of the tmpfs, each a map with one key: a flag with null (V(exec), V(noexec),
            V(suid), V(nosuid), V(dev), V(nodev), V(ro), V(rw)), or V(uid), V(gid) or V(nr_inodes)
            with a number. Of two on one thing the later wins. The default is V(noexec), V(nosuid),
            V(nodev). Only for O(mounts[].type=tmpfs).
        type: list
        elements: dict
  tmpfs: &tmpfs
    description:
      - >-
        Paths that are memory, in the form V(/path[:options]), with options such as V(size=64m),
        V(mode=1777), V(uid=1000), V(exec).
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: list
    elements: str
  volumes_from: &volumes_from
    description:
      - >-
        Containers whose volumes and bind mounts this one gets, by name or ID, with V(:ro) for a
        view that is read-only. V(:z) and V(:Z) label them, as in O(volumes).
      - >-
        Anonymous volumes are among them. They stay as long as a container has them. What this
        container mounts itself at the same place wins, and of two containers the later one. What is
        memory in the other container is not for this one.
      - >-
        A container keeps what it got when it was made. When the other container has other mounts by
        then, a task that names this option replaces it.
      - >-
        A change makes a new container.
    type: list
    elements: str
  read_only: &read_only
    description:
      - >-
        Make the container's root file system read-only.
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: bool
  shm_size: &shm_size
    description:
      - >-
        The size of C(/dev/shm). The default is V(64m).
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: str
  storage_opts: &storage_opts
    description:
      - >-
        V(size) is how much the container's writable layer may hold, for example V({size: 10G}):
        what it writes, changes and deletes of the image's files, but not what is in volumes. A
        write beyond it fails with "Disk quota exceeded". V(0) is no limit.
      - >-
        The engine's directory has to be on xfs or ext4 with project quotas: mounted with
        C(prjquota), ext4 made with C(-O quota,project). Without them the option is refused.
      - >-
        A change makes a new container.
    type: dict
    aliases: ["storage_opt"]
  devices: &devices
    description:
      - >-
        Devices of the host to add, in the form V(/dev/path[:/path/inside[:permissions]]).
      - >-
        A directory stands for all devices below it.
      - >-
        A device that a CDI specification in C(/etc/cdi) or C(/var/run/cdi) describes is named in
        the form V(vendor.com/class=name), for example V(nvidia.com/gpu=all). The container gets the
        nodes, mounts, variables, groups and hooks that stand there, as they are when it is made and
        at each start by a task, a command or a boot. Of hooks, those that run before the
        container's program do: C(prestart), C(createRuntime), C(createContainer),
        C(startContainer). They are programs of the host. Only root may be able to write them and
        the specifications.
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: list
    elements: str
    aliases: ["device"]
  device_cgroup_rules: &device_cgroup_rules
    description:
      - >-
        Rules about devices in addition to the default ones, in the form V(type major:minor
        permissions), for example V(c 42:* rwm).
      - >-
        A change makes a new container.
    type: list
    elements: str
    aliases: ["device_cgroup_rule"]
  device_requests: &device_requests
    description:
      - >-
        Devices such as GPUs, in the form of Docker. They are those of the host's CDI specifications
        in C(/etc/cdi) and C(/var/run/cdi): a GPU is the device C(nvidia.com/gpu=<name>) or
        C(amd.com/gpu=<name>). C(nvidia-ctk cdi generate) writes NVIDIA's.
      - >-
        O(devices) takes names of CDI devices as well.
      - >-
        A change makes a new container.
    type: list
    elements: dict
    suboptions:
      capabilities:
        description:
          - >-
            Lists of capabilities, of which the first counts. V(gpu) is needed without C(driver).
            Others, such as V(compute) and V(utility), are NVIDIA's, and set the variable
            C(NVIDIA_DRIVER_CAPABILITIES).
        type: list
        elements: list
      count:
        description:
          - >-
            How many devices. V(-1) is for all.
        type: int
      device_ids:
        description:
          - >-
            Which devices, by number or name. With V(driver=cdi), their full names.
        type: list
        elements: str
      driver:
        description:
          - >-
            V(nvidia), V(amd), or V(cdi). The default is the first of V(nvidia) and V(amd) whose
            GPUs the host describes.
        type: str
      options:
        description:
          - >-
            None is accepted, as no driver has any.
        type: dict
  secrets: &secrets
    description:
      - >-
        Secrets that the container gets as files in memory, which it can read and not write. They
        have to be there; M(pycontainer.engine.secret) makes them.
      - >-
        An entry is a name, for the file C(/run/secrets/name), or podman's
        V(name,type=mount,target=...,uid=...,gid=...,mode=...), or a map with the keys of Compose:
        C(source), C(target) (a name in C(/run/secrets), or an absolute path), C(uid) and C(gid)
        (the container's, 0 by default), and C(mode) (V('0444') by default; a text is octal, a
        number is meant as YAML reads it).
      - >-
        A secret that is changed is replaced in running containers. C(on_change) says what comes
        then: V(nothing) (the default), V(restart), or the name of a signal for its process 1, such
        as V(SIGHUP).
      - >-
        With C(type), or C(type=env) in the text, V(env), as podman has it, it is a variable of the
        environment of its processes instead, C(target) its name. It is in no document on disk and
        not in C(inspect), but every process in the container can read it, and a new value reaches
        process 1 by a restart alone. A file is safer.
      - >-
        A change makes a new container, but for one of C(on_change) alone, which holds from then on
        while the container runs.
    type: list
    elements: raw
  configs: &configs
    description:
      - >-
        Configs that the container gets as files, as O(secrets) are. They have to be there;
        M(pycontainer.engine.config) makes them.
      - >-
        Without a target the file is C(/name), as with Docker.
      - >-
        A change makes a new container, but for one of C(on_change) alone, which holds from then on
        while the container runs.
    type: list
    elements: raw
  published_ports: &published_ports
    description:
      - >-
        Ports to publish, in the forms V(8080:80), V(127.0.0.1:8080:80), V(80) or V(0:80) (a free
        port of the host), V(127.0.0.1::80), V([::]:8080:80), V(8000-8010:80-90), V(8000-8010:80)
        (the first free one), each with V(/tcp), V(/udp) or V(/sctp).
      - >-
        Without an address a port is published on all addresses of the host, IPv4 and IPv6, with
        V(0.0.0.0) on all IPv4 ones alone, with V([::]) on all IPv6 ones. A container is reached by
        both, whichever addresses it has itself. O(default_host_ip) and the network's driver option
        C(com.docker.network.bridge.host_binding_ipv4) name another address for ports without one.
      - >-
        Quote them. YAML takes C(22:22) for a number of base 60, which would be port 1342.
      - >-
        Changes while the container runs.
    type: list
    elements: str
    aliases: ["ports", "publish", "published"]
  exposed_ports: &exposed_ports
    description:
      - >-
        Ports that the container listens on, for example V(80), V(53/udp) or V(8000-8010). They are
        recorded, and published by O(publish_all_ports).
      - >-
        Changes while the container runs.
    type: list
    elements: str
    aliases: ["exposed", "expose"]
  publish_all_ports: &publish_all_ports
    description:
      - >-
        Publish every exposed port on a free port of the host.
      - >-
        Changes while the container runs.
    type: bool
    aliases: ["publish_all"]
  networks: &networks
    description:
      - >-
        The networks to be on, in order. They have to exist.
      - >-
        On each but V(bridge), containers find each other by name, alias, hostname and the first 12
        digits of their id.
      - >-
        Changes while the container runs.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - >-
            The network's name.
        type: str
        required: true
      ipv4_address:
        description:
          - >-
            The address on it. The default is a free one.
        type: str
      ipv6_address:
        description:
          - >-
            The IPv6 address on it. The default is a free one.
        type: str
      mac_address:
        description:
          - >-
            The MAC address on it. The default is made from the address.
        type: str
      aliases:
        description:
          - >-
            More names by which others on the network find it. Several containers may have one, and
            are answered in turn.
        type: list
        elements: str
      links:
        description:
          - >-
            Other containers on it by names that this one alone knows, each V(container) or
            V(container:alias). The other container need not exist yet.
        type: list
        elements: str
      gw_priority:
        description:
          - >-
            The network with the highest number is the way out, and the one that published ports
            lead to. Among equals it is the first. The default is V(0).
        type: int
      bandwidth:
        description:
          - >-
            What the link to it may carry, as V({in: 100mbit, out: 20mbit}): V(in) to the container,
            V(out) from it, in bits a second with V(kbit), V(mbit) or V(gbit). Without one there is
            no limit. It is changed as the container runs.
        type: dict
      driver_opts:
        description:
          - >-
            C(com.docker.network.endpoint.ifname) names the link in the container, which is C(eth0),
            C(eth1) and so on without it. C(com.docker.network.endpoint.sysctls) sets sysctls of the
            link, for example V(net.ipv4.conf.IFNAME.log_martians=1), with commas between several. A
            change connects the container to the network again as it runs.
        type: dict
  network_mode: &network_mode
    description:
      - >-
        V(bridge) (also V(default)): on the networks that O(networks) names, else on the default
        network. Or a network's name, V(none), V(host), or V(container:<name>) for another
        container's network.
      - >-
        The default is V(bridge).
      - >-
        Changes while the container runs, where its network namespace stays its own. Else a change
        makes a new container.
    type: str
  mac_address: &mac_address
    description:
      - >-
        The MAC address on the first network.
      - >-
        Changes while the container runs, where its network namespace stays its own. Else a change
        makes a new container.
    type: str
  links: &links
    description:
      - >-
        Other containers by names that this one alone knows, each V(container) or
        V(container:alias). On the network V(bridge) they are lines of C(/etc/hosts), and the other
        container has to exist. On others they are looked up as names.
      - >-
        Changes while the container runs, where its network namespace stays its own. Else a change
        makes a new container.
    type: list
    elements: str
  etc_hosts: &etc_hosts
    description:
      - >-
        Names and addresses for C(/etc/hosts). The address V(host-gateway) stands for the host.
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: dict
    aliases: ["add_hosts"]
  dns_servers: &dns_servers
    description:
      - >-
        DNS servers, instead of the host's. On networks with names they are asked for the names that
        are no container's, from the container's network.
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: list
    elements: str
    aliases: ["dns"]
  dns_opts: &dns_opts
    description:
      - >-
        Options of C(/etc/resolv.conf), for example V(ndots:2).
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: list
    elements: str
    aliases: ["dns_option"]
  dns_search_domains: &dns_search_domains
    description:
      - >-
        Search domains of C(/etc/resolv.conf). V(.) alone is for none.
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: list
    elements: str
    aliases: ["dns_search"]
  capabilities: &capabilities
    description:
      - >-
        Capabilities to add to the default ones, with or without C(CAP_). V(ALL) adds all that the
        host can give.
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: list
    elements: str
    aliases: ["cap_add"]
  cap_drop: &cap_drop
    description:
      - >-
        Capabilities to take away, with or without C(CAP_). V(ALL) takes all that O(capabilities)
        does not name.
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: list
    elements: str
  privileged: &privileged
    description:
      - >-
        Give the container all capabilities and devices of the host and no seccomp filter. It can
        then do what root on the host can.
      - >-
        A change makes a new container.
    type: bool
  security_opts: &security_opts
    description:
      - >-
        V(no-new-privileges), V(seccomp=unconfined), V(seccomp=<file>) with a profile on the host in
        the form of Docker or the OCI runtime specification, V(systempaths=unconfined),
        V(apparmor=unconfined), V(apparmor=<profile>) with a profile that is loaded on the host,
        V(label=disable), V(label=user:<user>), V(label=role:<role>), V(label=type:<type>) and
        V(label=level:<level>).
      - >-
        Where AppArmor is enabled and its parser is installed, a container that names no profile has
        the engine's own (V(apparmor=default)), which refuses what Docker's refuses. One that is
        privileged has none.
      - >-
        Where SELinux is enabled, a container has its labels if one of V(label) is given, but
        V(label=disable), or the host is set so (O(pycontainer.engine.host#module:selinux)) and it
        is neither privileged nor has the host's processes or shared memory.
      - >-
        A change makes a new container.
    type: list
    elements: str
    aliases: ["security_opt"]
  sysctls: &sysctls
    description:
      - >-
        Kernel parameters of the container's own namespaces: V(net.*), V(fs.mqueue.*),
        V(kernel.shm*), V(kernel.msg*) and V(kernel.sem).
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: dict
    aliases: ["sysctl"]
  pid_mode: &pid_mode
    description:
      - >-
        V(host) or V(container:<name>), to see their processes. The default is a process namespace
        of its own.
      - >-
        A change makes a new container.
    type: str
    aliases: ["pid"]
  ipc_mode: &ipc_mode
    description:
      - >-
        V(private), V(shareable) (others can join), V(host), V(none) (no C(/dev/shm)) or
        V(container:<name>).
      - >-
        The default is V(private).
      - >-
        A change makes a new container.
    type: str
    aliases: ["ipc"]
  uts: &uts
    description:
      - >-
        V(host) for the host's host name. The default, as an empty text, is a name of its own.
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: str
    choices: ["host", ""]
  cgroupns_mode: &cgroupns_mode
    description:
      - >-
        V(private) gives the container a view of its own cgroup only, V(host) one of the host's
        hierarchies.
      - >-
        The default is V(private).
      - >-
        A change makes a new container, or with O(on_change=restart) restarts it.
    type: str
    choices: ["host", "private"]
    aliases: ["cgroupns"]
  userns_mode: &userns_mode
    description:
      - >-
        V(auto) gives the container a user namespace of its own: 65536 user and group IDs that
        nobody else on the host has. Root in it has no rights on the host. V(auto:size=<number>)
        gives it another number of them.
      - >-
        V(host) is the host's user namespace. Root in the container is root of the host, with the
        container's capabilities.
      - >-
        V(private) goes with O(uidmap) or O(gidmap), which imply it.
      - >-
        The default is V(auto), where it works. That is not the case with O(privileged), with
        V(host) for O(network_mode), O(pid_mode) or O(ipc_mode), with O(capabilities) that have no
        effect in such a namespace, with O(device_cgroup_rules), with IDs from 65536 on in O(user)
        or O(groups), with bind mounts of file systems whose owners can't be mapped (for example
        V(/proc), NFS and most of FUSE), and on kernels before Linux 5.19. The container then has
        the host's user namespace, and RV(security) says so. A container that joins another one's
        namespaces has that container's user namespace.
      - >-
        V(auto) that is asked for by name is refused where it does not work.
      - >-
        Files on disk keep their owners, in the image, in volumes and in bind mounts, so volumes can
        be shared with, and handed on to other containers. Files of users with IDs beyond the
        container's belong to nobody in it.
      - >-
        A container keeps its IDs as long as it exists.
      - >-
        A change makes a new container.
    type: str
    aliases: ["userns"]
  uidmap: &uidmap
    description:
      - >-
        The users of the container's own user namespace, in the form V(container ID:host ID[:number
        of IDs]), for example V(0:100000:65536). They are chosen by you instead of by the engine.
      - >-
        Files on disk keep their owners, in the image, in volumes and in bind mounts. Only the
        processes have these IDs on the host.
      - >-
        A change makes a new container.
    type: list
    elements: str
  gidmap: &gidmap
    description:
      - >-
        Like O(uidmap), for groups. If only one of the two is given, it stands for both.
      - >-
        A change makes a new container.
    type: list
    elements: str
  cgroup_parent: &cgroup_parent
    description:
      - >-
        The cgroup below which the container's own is made, instead of the engine's.
      - >-
        A change makes a new container.
    type: str
  restart_policy: &restart_policy
    description:
      - >-
        When to start the container again after it ended: V(no), V(on-failure), V(always) or
        V(unless-stopped); V(on-failure:5) has O(restart_retries), too. With V(always) and
        V(unless-stopped) it is started after a reboot, too, unless it was stopped. With
        V(on-failure) it is not, for a reboot is no failure of the container.
      - >-
        The default is V(no).
      - >-
        Changes while the container runs.
    type: str
  restart_retries: &restart_retries
    description:
      - >-
        How often to start it again at most, with O(restart_policy=on-failure). V(0) is for no
        limit.
      - >-
        Changes while the container runs.
    type: int
  healthcheck: &healthcheck
    description:
      - >-
        How to find out whether the container is well. What is not given is the image's.
      - >-
        Changes while the container runs.
    type: dict
    suboptions:
      test:
        description:
          - >-
            The command, as a list that begins with V(CMD) or V(CMD-SHELL), or as a string for a
            shell in the container. V(NONE) turns the image's health check off.
        type: raw
      test_cli_compatible:
        description:
          - >-
            V(false) turns the health check off where O(healthcheck.test) is not given, as
            docker_container does it. The default is to take the image's command.
        type: bool
      interval:
        description:
          - >-
            Time between two checks, for example V(1m30s). The default is V(30s).
        type: str
      timeout:
        description:
          - >-
            Time that a check may take. The default is V(30s).
        type: str
      start_period:
        description:
          - >-
            Time after the start in which failures do not count. The default is V(0s).
        type: str
      start_interval:
        description:
          - >-
            Time between two checks in the start period. The default is V(5s).
        type: str
      retries:
        description:
          - >-
            Number of failures in a row that make the container unhealthy. The default is V(3).
        type: int
  healthcheck_failure_action: &healthcheck_failure_action
    description:
      - >-
        What is done to a container that is unhealthy. V(kill) kills it, and its O(restart_policy)
        says whether it is started again. V(stop) stops it for good, and V(restart) stops it and
        starts it again. Both send O(stop_signal) and wait for O(stop_timeout). V(restart) goes with
        O(restart_policy=no) alone.
      - >-
        The default is V(none).
      - >-
        Changes while the container runs.
    type: str
    choices: ["none", "kill", "restart", "stop"]
    aliases: ["health_on_failure"]
  health_startup_cmd: &health_startup_cmd
    description:
      - >-
        A command for a shell in the container that says whether it has come up. The health check
        begins when it has succeeded. An empty text is for none.
      - >-
        Changes while the container runs.
    type: str
  health_startup_interval: &health_startup_interval
    description:
      - >-
        Time between two runs of O(health_startup_cmd). The default is V(30s).
      - >-
        Changes while the container runs.
    type: str
  health_startup_retries: &health_startup_retries
    description:
      - >-
        Failures of O(health_startup_cmd) in a row after which the container is restarted. V(0) is
        for never, which is the default.
      - >-
        Changes while the container runs.
    type: int
  health_startup_success: &health_startup_success
    description:
      - >-
        Successes of O(health_startup_cmd) in a row that are needed. V(0), which is the default, is
        for one.
      - >-
        Changes while the container runs.
    type: int
  health_startup_timeout: &health_startup_timeout
    description:
      - >-
        Time that O(health_startup_cmd) may take. The default is V(30s).
      - >-
        Changes while the container runs.
    type: str
  depends_on: &depends_on
    description:
      - >-
        Containers that this one depends on, by name. Whoever starts this one starts them first, at
        a boot, too: a task, C(pycontainer start) or C(pycontainer run). Where several are stopped
        or removed together, and when the host is shut down, this one is stopped before them.
      - >-
        A list of names, such as V([db, cache]), or a map as in Compose, from a name to
        V(condition), V(restart) and V(required). V(condition) is V(service_started), which is the
        default, V(service_healthy) or V(service_completed_successfully). The start waits for the
        condition, for O(healthy_wait_timeout) seconds at most. A container that has ended with exit
        code 0 is not started again for V(service_completed_successfully).
      - >-
        With V(restart=true), this one is restarted when a task or command restarts or replaces the
        other one. With V(required=false), this one is started with a warning where the other one
        does not exist or does not meet the condition.
      - >-
        Changes while the container runs.
    type: raw
    aliases: ["requires"]
  sdnotify: &sdnotify
    description:
      - >-
        When the container's unit of systemd (O(generate_systemd)) is ready. V(conmon), which is the
        default: when the container was started. V(healthy): when its health check says so.
        V(container): when its program says so by C(NOTIFY_SOCKET), see sd_notify(3), which also has
        to say that it lives where the unit has C(WatchdogSec=). V(ignore): at once.
      - >-
        A change makes a new container.
    type: str
    choices: ["conmon", "container", "healthy", "ignore"]
  auto_remove: &auto_remove
    description:
      - >-
        Remove the container, with its anonymous volumes, when it ends.
      - >-
        Changes while the container runs.
    type: bool
    aliases: ["rm", "remove"]
  log_driver: &log_driver
    description:
      - >-
        Where the output goes. V(json-file) keeps it on the host, without a limit unless
        O(log_options) has one. V(local) keeps 5 files of 20 MiB, the older ones compressed.
        V(journald), V(syslog), V(gelf) and V(fluentd) take it elsewhere, and keep as much as
        V(local) beside it, for C(pycontainer logs). V(none) drops it.
      - >-
        The default is V(json-file).
      - >-
        Changes while the container runs.
    type: str
    choices: ["json-file", "local", "journald", "syslog", "gelf", "fluentd", "none"]
  log_options: &log_options
    description:
      - >-
        Options of the driver, Docker's by name; underscores do for dashes.
      - >-
        V(max-size), for example V(10m), and V(max-file), how many files of that size are kept;
        V(compress) has all but the newest compressed. They are for V(json-file) and V(local).
      - >-
        V(mode) is V(blocking), so that the container waits where its output can't be written yet,
        or V(non-blocking), so that it never does: V(max-buffer-size) of output, V(1m) if not said,
        may wait, and what comes beyond that is dropped and counted.
      - >-
        V(tag), V(labels) and V(env) are for every driver but V(local): what is written beside each
        line, Docker's template for a tag such as C({{.Name}} or C({{truncate .ImageName 20}}), and
        the names of labels and of environment variables, with commas between them. V(labels-regex)
        and V(env-regex) are regular expressions that are searched for in these names, without
        references and look-around.
      - >-
        V(syslog-address) is for example V(tcp+tls://logs.example.com:6514); without it, it is the
        host's own. V(syslog-facility), V(syslog-format) (V(rfc3164), V(rfc5424), V(rfc5424micro)),
        V(syslog-tls-ca-cert), V(syslog-tls-cert), V(syslog-tls-key) and V(syslog-tls-skip-verify)
        are beside it.
      - >-
        V(gelf-address), which V(gelf) needs, is V(udp://host:port) or V(tcp://host:port). Over UDP
        there are V(gelf-compression-type) (V(gzip), V(zlib), V(none)) and
        V(gelf-compression-level), over TCP V(gelf-tcp-max-reconnect) and
        V(gelf-tcp-reconnect-delay).
      - >-
        V(fluentd-address) is a host with a port, V(tcp://127.0.0.1:24224) if not said, or
        V(unix:///path). Beside it are V(fluentd-async), with which a start needs no server,
        V(fluentd-max-retries), V(fluentd-retry-wait), V(fluentd-sub-second-precision) and
        V(fluentd-request-ack).
      - >-
        V(cache-disabled), V(cache-max-size), V(cache-max-file) and V(cache-compress) are about what
        is kept beside, where the output goes elsewhere.
      - >-
        Changes while the container runs.
    type: dict
    aliases: ["log_opt"]
  containers:
    description:
      - >-
        Containers to handle in one task, each with the options of a single one. All definitions are
        checked before anything is changed. Then O(parallel) of them are handled at once, and all
        that are to be started are started together.
      - >-
        Where one of them is made anew, those of the list that join its namespaces are made anew
        with it.
      - >-
        A container that fails does not keep the others from their turn. The task then fails at its
        end, with the results of all.
      - >-
        Beside this one only O(parallel) may be given. Any other option is refused, as none of the
        containers would get it.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - The container's name.
        type: str
        required: true
      auth_file: *auth_file
      ca_path: *ca_path
      client_cert: *client_cert
      client_key: *client_key
      insecure: *insecure
      validate_certs: *validate_certs
      cleanup: *cleanup
      command_handling: *command_handling
      comparisons: *comparisons
      container_default_behavior: *container_default_behavior
      detach: *detach
      drain_timeout: *drain_timeout
      env_file: *env_file
      force_kill: *force_kill
      generate_systemd: *generate_systemd
      gpus: *gpus
      healthy_wait_timeout: *healthy_wait_timeout
      image: *image
      image_label_mismatch: *image_label_mismatch
      image_name_mismatch: *image_name_mismatch
      keep_volumes: *keep_volumes
      kill_signal: *kill_signal
      networks_cli_compatible: *networks_cli_compatible
      output_logs: *output_logs
      paused: *paused
      platform: *platform
      pull: *pull
      recreate: *recreate
      default_host_ip: *default_host_ip
      on_change: *on_change
      recreate_policy: *recreate_policy
      restart: *restart
      runtime: *runtime
      state: *state
      volume_driver: *volume_driver
      command: *command
      entrypoint: *entrypoint
      env: *env
      env_host: *env_host
      env_merge: *env_merge
      unsetenv: *unsetenv
      unsetenv_all: *unsetenv_all
      http_proxy: *http_proxy
      annotations: *annotations
      timezone: *timezone
      user: *user
      groups: *groups
      passwd_entry: *passwd_entry
      group_entry: *group_entry
      chrootdirs: *chrootdirs
      working_dir: *working_dir
      umask: *umask
      hostname: *hostname
      domainname: *domainname
      init: *init
      systemd: *systemd
      tty: *tty
      interactive: *interactive
      labels: *labels
      stop_signal: *stop_signal
      stop_timeout: *stop_timeout
      memory: *memory
      memory_reservation: *memory_reservation
      memory_swap: *memory_swap
      memory_swappiness: *memory_swappiness
      cpus: *cpus
      cpu_shares: *cpu_shares
      cpu_period: *cpu_period
      cpu_quota: *cpu_quota
      cpu_rt_period: *cpu_rt_period
      cpu_rt_runtime: *cpu_rt_runtime
      cpuset_cpus: *cpuset_cpus
      cpuset_mems: *cpuset_mems
      pids_limit: *pids_limit
      blkio_weight: *blkio_weight
      blkio_weight_device: *blkio_weight_device
      device_read_bps: *device_read_bps
      device_write_bps: *device_write_bps
      device_read_iops: *device_read_iops
      device_write_iops: *device_write_iops
      ulimits: *ulimits
      oom_killer: *oom_killer
      oom_score_adj: *oom_score_adj
      volumes: *volumes
      mounts: *mounts
      tmpfs: *tmpfs
      volumes_from: *volumes_from
      read_only: *read_only
      shm_size: *shm_size
      storage_opts: *storage_opts
      devices: *devices
      device_cgroup_rules: *device_cgroup_rules
      device_requests: *device_requests
      secrets: *secrets
      configs: *configs
      published_ports: *published_ports
      exposed_ports: *exposed_ports
      publish_all_ports: *publish_all_ports
      networks: *networks
      network_mode: *network_mode
      mac_address: *mac_address
      links: *links
      etc_hosts: *etc_hosts
      dns_servers: *dns_servers
      dns_opts: *dns_opts
      dns_search_domains: *dns_search_domains
      capabilities: *capabilities
      cap_drop: *cap_drop
      privileged: *privileged
      security_opts: *security_opts
      sysctls: *sysctls
      pid_mode: *pid_mode
      ipc_mode: *ipc_mode
      uts: *uts
      cgroupns_mode: *cgroupns_mode
      userns_mode: *userns_mode
      uidmap: *uidmap
      gidmap: *gidmap
      cgroup_parent: *cgroup_parent
      restart_policy: *restart_policy
      restart_retries: *restart_retries
      healthcheck: *healthcheck
      healthcheck_failure_action: *healthcheck_failure_action
      health_startup_cmd: *health_startup_cmd
      health_startup_interval: *health_startup_interval
      health_startup_retries: *health_startup_retries
      health_startup_success: *health_startup_success
      health_startup_timeout: *health_startup_timeout
      depends_on: *depends_on
      sdnotify: *sdnotify
      auto_remove: *auto_remove
      log_driver: *log_driver
      log_options: *log_options
  parallel:
    description:
      - >-
        How many of O(containers) are handled at once. The default is two for each CPU of the host,
        and up to 50 of those that run and have to end first.
    type: int
"""

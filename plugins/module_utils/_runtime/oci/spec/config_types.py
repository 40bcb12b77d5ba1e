# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The types of config.json's sections, for type hints alone: nothing imports this file at run time.

Names, units and meanings are those of runtime-spec's config.md and config-linux.md; here are the
sections that are read or written. ``schema.py`` sees that a document of others has this form, and
takes away what is null. Each field may be missing, unless a class says otherwise.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypedDict

    from ...kernel.seccomp import compiler

    Seccomp = compiler.Profile

    # Keys that are gone through one after the other.
    MapKey = Literal["uidMappings", "gidMappings"]
    CapabilitySet = Literal["bounding", "permitted", "inheritable", "effective", "ambient"]
    HookKind = Literal[
        "prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"
    ]
    Throttle = Literal[
        "throttleReadBpsDevice",
        "throttleWriteBpsDevice",
        "throttleReadIOPSDevice",
        "throttleWriteIOPSDevice",
    ]

    class Root(TypedDict, total=False):
        path: str  # of the bundle, or absolute
        readonly: bool

    class IdMapping(TypedDict):
        """Ids from ``containerID`` on are those from ``hostID`` on; all three are there."""

        containerID: int
        hostID: int
        size: int

    class MountEntry(TypedDict, total=False):
        destination: str
        type: str
        source: str
        options: list[str]
        uidMappings: list[IdMapping]
        gidMappings: list[IdMapping]

    # -- process

    class User(TypedDict, total=False):
        uid: int
        gid: int
        umask: int
        additionalGids: list[int]
        username: str

    class ConsoleSize(TypedDict):
        height: int  # characters
        width: int

    class Capabilities(TypedDict, total=False):
        """Names with CAP_ before them."""

        bounding: list[str]
        effective: list[str]
        permitted: list[str]
        inheritable: list[str]
        ambient: list[str]

    class Rlimit(TypedDict):
        type: str  # RLIMIT_NOFILE
        soft: int
        hard: int

    class Scheduler(TypedDict, total=False):
        """Fields of sched_setattr(2); runtime, deadline and period in nanoseconds."""

        policy: str
        nice: int
        priority: int
        flags: list[str]
        runtime: int
        deadline: int
        period: int

    # "class" is a word of Python's.
    IoPriority = TypedDict("IoPriority", {"class": str, "priority": int}, total=False)

    class CpuAffinity(TypedDict, total=False):
        initial: str  # 0-3,7
        final: str

    class Process(TypedDict, total=False):
        terminal: bool
        consoleSize: ConsoleSize
        cwd: str
        env: list[str]  # NAME=value
        args: list[str]
        noNewPrivileges: bool
        user: User
        capabilities: Capabilities
        rlimits: list[Rlimit]
        oomScoreAdj: int
        apparmorProfile: str
        selinuxLabel: str
        scheduler: Scheduler
        ioPriority: IoPriority
        execCPUAffinity: CpuAffinity

    # -- linux

    class NamespaceEntry(TypedDict, total=False):
        type: str  # there always
        path: str

    class TimeOffset(TypedDict, total=False):
        secs: int
        nanosecs: int

    class NetDevice(TypedDict, total=False):
        name: str  # in the container

    class DeviceEntry(TypedDict, total=False):
        path: str  # there always
        type: str  # there always: c, b, u or p
        major: int
        minor: int
        fileMode: int
        uid: int
        gid: int

    class DeviceRule(TypedDict, total=False):
        allow: bool  # there always
        type: str
        major: int
        minor: int
        access: str

    class Memory(TypedDict, total=False):
        """Bytes, -1 for no limit; swappiness in percent."""

        limit: int
        reservation: int
        swap: int
        kernel: int
        kernelTCP: int
        swappiness: int
        disableOOMKiller: bool
        useHierarchy: bool
        checkBeforeUpdate: bool

    class Cpu(TypedDict, total=False):
        """Times in microseconds."""

        shares: int
        quota: int
        burst: int
        period: int
        realtimeRuntime: int
        realtimePeriod: int
        cpus: str  # 0-3,7
        mems: str
        idle: int

    class Pids(TypedDict, total=False):
        limit: int

    class Rate(TypedDict):
        """Bytes or operations a second of a device."""

        major: int
        minor: int
        rate: int

    class Weight(TypedDict, total=False):
        major: int
        minor: int
        weight: int
        leafWeight: int

    class BlockIO(TypedDict, total=False):
        weight: int
        leafWeight: int
        weightDevice: list[Weight]
        throttleReadBpsDevice: list[Rate]
        throttleWriteBpsDevice: list[Rate]
        throttleReadIOPSDevice: list[Rate]
        throttleWriteIOPSDevice: list[Rate]

    class HugepageLimit(TypedDict):
        pageSize: str
        limit: int  # bytes

    class Priority(TypedDict):
        name: str  # of a link
        priority: int

    class NetworkResources(TypedDict, total=False):
        classID: int
        priorities: list[Priority]

    class Rdma(TypedDict, total=False):
        hcaHandles: int
        hcaObjects: int

    class Resources(TypedDict, total=False):
        devices: list[DeviceRule]
        memory: Memory
        cpu: Cpu
        pids: Pids
        blockIO: BlockIO
        hugepageLimits: list[HugepageLimit]
        unified: dict[str, str]  # file of cgroup v2 -> what is written
        network: NetworkResources
        rdma: dict[str, Rdma]

    class Personality(TypedDict, total=False):
        domain: str
        flags: list[str]

    class MemoryPolicy(TypedDict, total=False):
        mode: str
        nodes: str  # 0-3,7
        flags: list[str]

    class IntelRdt(TypedDict, total=False):
        closID: str
        l3CacheSchema: str
        memBwSchema: str
        schemata: list[str]
        enableMonitoring: bool

    class Linux(TypedDict, total=False):
        namespaces: list[NamespaceEntry]
        uidMappings: list[IdMapping]
        gidMappings: list[IdMapping]
        timeOffsets: dict[str, TimeOffset]  # by clock: monotonic, boottime
        netDevices: dict[str, NetDevice]  # by the name on the host
        cgroupsPath: str
        sysctl: dict[str, str]
        devices: list[DeviceEntry]
        resources: Resources
        seccomp: Seccomp
        rootfsPropagation: str
        maskedPaths: list[str]
        readonlyPaths: list[str]
        mountLabel: str
        personality: Personality
        memoryPolicy: MemoryPolicy
        intelRdt: IntelRdt

    # -- the whole

    class Hook(TypedDict, total=False):
        path: str  # there always
        args: list[str]
        env: list[str]
        timeout: int  # seconds

    class Hooks(TypedDict, total=False):
        prestart: list[Hook]
        createRuntime: list[Hook]
        createContainer: list[Hook]
        startContainer: list[Hook]
        poststart: list[Hook]
        poststop: list[Hook]

    class Config(TypedDict, total=False):
        """A config.json; ociVersion, process and root are there always."""

        ociVersion: str
        process: Process
        root: Root
        hostname: str
        domainname: str
        mounts: list[MountEntry]
        hooks: Hooks
        annotations: dict[str, str]
        linux: Linux

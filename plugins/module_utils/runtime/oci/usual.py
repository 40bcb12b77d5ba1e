# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Made by tests/tools/make_usual.py: the functions that ``run``, ``create``, ``start``, ``state``, ``kill``, ``delete`` and ``exec`` call."""

from __future__ import annotations

USUAL = {
    "kernel.capabilities": (
        "_known _set available drop_bounding last_cap mask of_mask set_groups switch_user_and_apply"
    ),
    "kernel.cgroups": (
        "with_default_devices"
    ),
    "kernel.cgroups.devices": (
        "Rule.__init__ Rule.key device_number exceptions line normalise parse_list set_v1"
    ),
    "kernel.cgroups.door": (
        "Door.__init__ Door.close Door.enter enter fork tasks"
    ),
    "kernel.cgroups.files": (
        "Directory.__init__ Directory.has Directory.read read read_or write"
    ),
    "kernel.cgroups.group": (
        "Group.__init__ Group._sort Group.apply Group.door Group.frozen Group.record Group.remove Group.shown Group.thaw _limits"
    ),
    "kernel.cgroups.layout": (
        "Hierarchy.__init__ Layout.__init__ Layout.mode current known_controllers mode parse unescape unprivileged"
    ),
    "kernel.cgroups.lifecycle": (
        "frozen remove remove_tree thaw"
    ),
    "kernel.cgroups.limits": (
        "_apply_devices apply check_usage place with_sharing"
    ),
    "kernel.cgroups.location": (
        "Located.__init__ Located.complete Located.make cgroup_path create_at make_at refuse_frozen reopen"
    ),
    "kernel.cgroups.plan": (
        "Place.__init__ plan"
    ),
    "kernel.cgroups.resources": (
        "canonical read with_default_devices"
    ),
    "kernel.cgroups.settings": (
        "Setting.__init__ write"
    ),
    "kernel.cgroups.tree": (
        "make_ready pass_on"
    ),
    "kernel.cgroups.v1": (
        "cpu cpuset memory pids"
    ),
    "kernel.elf": (
        "descriptor image"
    ),
    "kernel.loopback": (
        "up"
    ),
    "kernel.mounts": (
        "_attach_to _has_mount_setattr _renew attach attach_made attach_root bind existing leave_host make_read_only mask new_fs pivot "
        "place set_attributes"
    ),
    "kernel.namespaces": (
        "_return_to flags identity join join_process open_namespace return_to_pid supported"
    ),
    "kernel.pidfd": (
        "ended open_process send"
    ),
    "kernel.procfs": (
        "close_range in_user_namespace kernel_version read start_time stat write"
    ),
    "kernel.rootfs": (
        "_Walk.__init__ _Walk._enter _Walk._open _Walk.handle make_in_root open_in_root"
    ),
    "kernel.seccomp": (
        "_Code.__init__ _Code._near _Code.branch _Code.bytes _Code.emit _Code.ret _Code.then _action _architectures _by_number _dispatch "
        "_rules _section _tree compile flags notifies"
    ),
    "kernel.seccomp_tables": (
        "_parse numbers"
    ),
    "kernel.syscalls": (
        "_address _call _cap_structs _error _need_cffi _new _path _set_owner capget capset clone3 close_range fsconfig_create "
        "fsconfig_string fsmount fsopen keyctl_join_session mount mount_setattr move_mount open_tree openat2 pidfd_open pidfd_send_signal "
        "pivot_root prctl prlimit probe reset_affinity setfsgid setfsuid sethostname setns signalfd umount2"
    ),
    "kernel.userns": (
        "as_owner.__enter__ as_owner.__exit__ as_owner.__init__ open_of text write"
    ),
    "kernel.users": (
        "_find_user _lines _number resolve"
    ),
    "oci.arguments": (
        "Call.__getitem__ Call.__init__ _read _take parse"
    ),
    "oci.bindflags": (
        "below complete"
    ),
    "oci.channel": (
        "hand listen pair take warn"
    ),
    "oci.child": (
        "_attach_root _fill _fill_dev _is_file _join_keyring _make_directory _may_execute _run _run_hooks _start_hooks _take_groups _wait "
        "close_others default_signals enter_directory execute find freeze let_end main set_label set_oom_score"
    ),
    "oci.create": (
        "Create.__init__ Create._limit Create._open_files Create._read_maps Create.announce Create.hide_interpreter Create.inside "
        "Create.leave Create.make_group Create.meanwhile Create.open_root Create.resources Create.root_place Create.run "
        "Create.wait_for_start _given _leads check_terminal enter finish make preserve read_bundle write_pid"
    ),
    "oci.devices": (
        "_make_one make make_links open_null read"
    ),
    "oci.document": (
        "Document.__init__ Document._check Document._hooks Document._net_devices Document._sysctls Document._time_offsets "
        "Document.annotations Document.joined Document.namespaces Document.new_namespaces Document.private Document.state"
    ),
    "oci.ending": (
        "_after _has_own_mounts _named _shares_processes delete kill remove signal_number"
    ),
    "oci.foreground": (
        "_reap _signals attend prepare"
    ),
    "oci.furnish": (
        "_delegate _make_dev _owner fork furnish grant open_substitutes own_streams prepare"
    ),
    "oci.further": (
        "_change _exec exec sub_cgroups wanted"
    ),
    "oci.idmaps": (
        "Maps.__init__ Maps.check_user Maps.gid Maps.host_root Maps.root Maps.uid Namespaces.__init__ Namespaces.close checked of_container "
        "translate"
    ),
    "oci.join": (
        "Process.__init__ Process._become Process._enter Process._fork Process._run Process._start Process.start"
    ),
    "oci.jsontext": (
        "_encoder _lines dump load"
    ),
    "oci.launch": (
        "Launch.__init__ Launch._admit Launch._clone Launch._close Launch._complete Launch._fork Launch._fork_in_time Launch._hand_over "
        "Launch._limit Launch._listen Launch._open_files Launch._open_sources Launch._prepare Launch._read_maps Launch.clone3 "
        "Launch.connect Launch.open_streams Launch.pauses Launch.run Launch.runtime_hooks"
    ),
    "oci.lifecycle": (
        "_relay _tell _wait create run start started"
    ),
    "oci.listener": (
        "read"
    ),
    "oci.log": (
        "Log.__init__ Log._write Log.debug Log.open Log.warning _say"
    ),
    "oci.main": (
        "_answer _check _command _run main write"
    ),
    "oci.mounting": (
        "CgroupMount.__init__ CgroupMount.copy CgroupMount.find CgroupMount.finish CgroupMount.given CgroupMount.make CgroupMount.shared "
        "CgroupMount.take CgroupMount.waits Mount.__init__ Mount._make_fs Mount._refuse_link Mount._take Mount.finish Mount.given "
        "Mount.make Mount.shared Mount.waits check_propagation propagate_root read separate_root"
    ),
    "oci.program": (
        "Program.__init__ Program._mask Program.fit_capabilities Program.may_trace Program.resolve_user _bytes _check _filter _filter_flags "
        "_label _limits _listener _variable"
    ),
    "oci.rlimits": (
        "allow raise_own set_all"
    ),
    "oci.scheduling": (
        "Scheduling.__init__ Scheduling.apply Scheduling.apply_own _io_priority _list _memory _personality _scheduler affinity "
        "reset_affinity"
    ),
    "oci.seal": (
        "seal seal_command"
    ),
    "oci.settle": (
        "become_root hand_streams receive"
    ),
    "oci.shape": (
        "_Map.__init__ _count _fits _look _look_inside _tell check"
    ),
    "oci.showing": (
        "state"
    ),
    "oci.sources": (
        "Order.__init__ Order.come _copy can_be_copied_later"
    ),
    "oci.states": (
        "Container.__init__ Container._open Container.config Container.frozen Container.group Container.keep_config Container.lock "
        "Container.make Container.pid Container.process Container.read Container.remove Container.state Container.status Container.unlock "
        "Container.write check_id open_container"
    ),
    "oci.stepping": (
        "go image possible prepare"
    ),
    "oci.terminal": (
        "is_owned own take_over"
    ),
    "oci.waiting": (
        "connect listen wait"
    ),
}

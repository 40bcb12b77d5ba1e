# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""mounts, root and rootfsPropagation. runtime-spec config.md "Mounts" and "Linux mount options", config-linux.md."""

from __future__ import annotations

import os
import subprocess

import pytest

PLACE = "/place"


def info(result, point=PLACE):
    """The fields of the last mount at a place: ``(options, optional fields, type, options of the file system)``."""
    line = [line for line in result.lines if line.split()[4:5] == [point]][-1]
    first, dummy, last = line.partition(" - ")
    return (
        set(first.split()[5].split(",")),
        first.split()[6:],
        last.split()[0],
        set(last.split()[2].split(",")),
    )


def mountinfo(bundle):
    result = bundle.run("cat", "/proc/self/mountinfo")
    assert result.code == 0, result
    return result


@pytest.mark.parametrize(
    "option, present, absent",
    [
        ("ro", "ro", "rw"),
        ("rw", "rw", "ro"),
        ("nosuid", "nosuid", None),
        ("nodev", "nodev", None),
        ("noexec", "noexec", None),
        ("noatime", "noatime", "relatime"),
        ("nodiratime", "nodiratime", None),
        ("relatime", "relatime", "noatime"),
        ("strictatime", None, "relatime"),
        ("nosymfollow", "nosymfollow", None),
        ("suid", None, "nosuid"),
        ("dev", None, "nodev"),
        ("exec", None, "noexec"),
        ("atime", None, "noatime"),
        ("diratime", None, "nodiratime"),
        ("symfollow", None, "nosymfollow"),
        ("defaults", "rw", None),
        ("silent", "rw", None),
        ("loud", "rw", None),
        ("norelatime", "rw", None),
        ("nostrictatime", "rw", "noatime"),
        ("async", "rw", None),
        ("nomand", "rw", None),
        ("nolazytime", "rw", None),
        ("noiversion", "rw", None),
        ("rro", "ro", None),
        ("rnosuid", "nosuid", None),
        ("rnoatime", "noatime", None),
    ],
)
@pytest.mark.parametrize("kind", ("tmpfs", "bind"))
def test_flags(bundle, tmp_path, option, present, absent, kind):
    (tmp_path / "source").mkdir()
    bundle.mount(
        PLACE,
        kind,
        "tmpfs" if kind == "tmpfs" else str(tmp_path / "source"),
        *(["bind"] if kind == "bind" else []),
        option,
    )
    found = info(mountinfo(bundle))[0]
    assert present is None or present in found
    assert absent is None or absent not in found


@pytest.mark.parametrize(
    "option, words",
    (
        ("sync", "sync"),
        ("dirsync", "dirsync"),
        ("lazytime", "lazytime"),
        ("mand", "rw"),
        ("iversion", "iversion"),
    ),
)
def test_flags_of_a_file_system(bundle, option, words):
    bundle.mount(PLACE, "tmpfs", "tmpfs", option, "nosuid")
    options, dummy, dummy, of_system = info(mountinfo(bundle))
    assert "nosuid" in options and (
        words in of_system or option == "iversion"
    )  # the kernel does not show that


def test_the_last_of_two_contrary_options_counts(bundle, tmp_path):
    bundle.mount(PLACE, "none", str(tmp_path), "bind", "ro", "noexec", "rw", "nosuid")
    assert {"rw", "noexec", "nosuid"} <= info(mountinfo(bundle))[0]


def test_recursive_flags_reach_below_and_others_do_not(bundle, tmp_path):
    with sources(tmp_path) as top:
        bundle.mount(PLACE, "none", top, "rbind", "ro", "rnoexec")
        result = mountinfo(bundle)
    assert {"ro", "noexec"} <= info(result)[0]
    below = info(result, PLACE + "/sub")[0]
    assert "noexec" in below and "rw" in below


def test_bind_without_r_has_nothing_of_below(bundle, tmp_path):
    with sources(tmp_path) as top:
        bundle.mount(PLACE, "none", top, "bind")
        result = mountinfo(bundle)
        assert PLACE + "/sub" not in result.out
        bundle.config["mounts"].pop()
        bundle.mount(PLACE, "none", top, "rbind", "bind")
        assert PLACE + "/sub" in mountinfo(bundle).out


class sources:  # pylint: disable=invalid-name
    """A directory with a mount in it, shared, on the host."""

    def __init__(self, tmp_path):
        self.top = str(tmp_path / "source")

    def __enter__(self):
        os.makedirs(self.top + "/sub")
        subprocess.run(["mount", "--bind", self.top, self.top], check=True)
        subprocess.run(["mount", "--make-shared", self.top], check=True)
        subprocess.run(["mount", "-t", "tmpfs", "below", self.top + "/sub"], check=True)
        return self.top

    def __exit__(self, *_exception):
        subprocess.run(["umount", "--recursive", self.top], check=True)


@pytest.mark.parametrize(
    "options, start",
    (
        ([], None),
        (["rprivate"], None),
        (["private"], None),
        (["rslave"], "master"),
        (["slave"], "master"),
        (["rshared"], "shared"),
        (["shared"], "shared"),
        (["unbindable"], "unbindable"),
        (["runbindable"], "unbindable"),
        (["slave", "shared"], "both"),
    ),
)
def test_propagation_of_a_bind(bundle, tmp_path, options, start):
    with sources(tmp_path) as top:
        peers = [
            line.split()[6] for line in open("/proc/self/mountinfo") if line.split()[4] == top
        ][0]  # pylint: disable=consider-using-with
        bundle.mount(PLACE, "none", top, "rbind", *options)
        words = info(mountinfo(bundle))[1]
    number = peers.partition(":")[2]
    if start is None:
        assert words == []
    elif start == "both":
        assert "master:" + number in words and any(
            word.startswith("shared:") and word != peers for word in words
        )
    elif start == "shared":
        assert words == [peers], "the host's own peer group"
    else:
        assert words == [start + (":" + number if start == "master" else "")]


def test_what_the_host_mounts_later_arrives_in_a_slave(bundle, tmp_path):
    with sources(tmp_path) as top:
        bundle.mount(PLACE, "none", top, "rbind", "rslave")
        os.mkdir(top + "/later")
        bundle.config["hooks"] = {
            "poststart": [
                {
                    "path": "/bin/sh",
                    "args": [
                        "sh",
                        "-c",
                        f"mount -t tmpfs later {top}/later; touch {top}/later/file",
                    ],
                }
            ]
        }
        result = bundle.shell(
            "for i in 1 2 3 4 5 6 7 8 9 10; do test -e /place/later/file && break; sleep 0.3; "
            "done; ls /place/later"
        )
        assert result.lines == ["file"], result


# --------------------------------------------------------------------------------------------------------- places


def test_files_fifos_and_sockets_can_be_bound(bundle, tmp_path):
    import socket

    (tmp_path / "file").write_text("content\n")
    os.mkfifo(tmp_path / "fifo")
    socket.socket(socket.AF_UNIX).bind(str(tmp_path / "socket"))
    for name in ("file", "fifo", "socket"):
        bundle.mount("/new/" + name, "bind", str(tmp_path / name), "bind", "ro")
    result = bundle.shell(
        "cat /new/file; test -p /new/fifo && test -S /new/socket && echo both; echo x > /new/file"
    )
    assert result.lines == ["content", "both"] and "Read-only" in result.err


def test_sources_are_relative_to_the_bundle(bundle):
    os.mkdir(os.path.join(bundle.directory, "beside"))
    open(os.path.join(bundle.directory, "beside", "file"), "w").close()  # pylint: disable=consider-using-with
    bundle.mount(PLACE, "none", "beside", "bind")
    assert bundle.run("ls", PLACE).out == "file\n"


def test_destinations_are_resolved_inside_the_root(bundle, tmp_path):
    (tmp_path / "outside").mkdir()
    os.symlink(str(tmp_path / "outside"), bundle.root + "/absolute")
    os.symlink("../../../../../outside", bundle.root + "/up")
    for destination in (
        "/absolute/one",
        "/up/two",
        "/../../three",
        "relative/four",
        "/double//five",
        "/a/./six",
    ):
        bundle.mount(destination, "tmpfs", "tmpfs")
    result = mountinfo(bundle)
    points = [line.split()[4] for line in result.lines]
    assert {
        str(tmp_path / "outside" / "one"),
        "/outside/two",
        "/three",
        "/relative/four",
        "/double/five",
        "/a/six",
    } <= set(points)
    assert os.listdir(tmp_path / "outside") == []


@pytest.mark.parametrize("kind, place", (("proc", "/proc"), ("sysfs", "/sys")))
def test_proc_and_sysfs_are_not_mounted_through_a_link(bundle, kind, place):
    bundle.config["mounts"] = bundle.config["mounts"][1:]
    os.rmdir(bundle.root + place)
    os.symlink("/tmp", bundle.root + place)
    bundle.mount(place, kind, kind)
    bundle.refused("must be mounted on ordinary directory", place)


def test_a_bind_over_the_root(bundle, tmp_path):
    other = tmp_path / "other"
    subprocess.run(["cp", "-a", bundle.root, str(other)], check=True)
    (other / "here").touch()
    bundle.config["mounts"].insert(
        0, {"destination": "/", "type": "bind", "source": str(other), "options": ["bind"]}
    )
    result = bundle.shell("ls / /proc/1")
    assert "here" in result.lines and "status" in result.lines, result
    assert not os.path.exists(bundle.root + "/here")


def test_links_as_links(bundle, tmp_path):
    os.symlink("to-nowhere", tmp_path / "link")
    (tmp_path / "file").write_text("content\n")
    os.symlink(str(tmp_path / "file"), tmp_path / "to-file")
    os.symlink("nowhere", bundle.root + "/target")
    os.symlink("nowhere", bundle.root + "/other")
    bundle.mount("/a/copied", "bind", str(tmp_path / "link"), "bind", "copy-symlink")
    bundle.mount("/target", "bind", str(tmp_path / "link"), "bind", "src-nofollow", "dest-nofollow")
    bundle.mount("/other", "bind", str(tmp_path / "to-file"), "bind", "dest-nofollow")
    result = bundle.shell("readlink /a/copied; readlink /target; cat /other")
    assert result.lines == ["to-nowhere", "to-nowhere", "content"], result
    assert not os.path.lexists(bundle.root + "/nowhere")


@pytest.mark.parametrize("link", ("/proc/self", "/proc/thread-self"))
def test_nothing_is_mounted_over_a_link_of_procfs(bundle, tmp_path, link):
    os.symlink("1", tmp_path / "link")
    bundle.mount(link, "bind", str(tmp_path / "link"), "bind", "src-nofollow", "dest-nofollow")
    result = bundle.run("true")
    assert result.code == 125 and f"mount {link}: it is a link of procfs" in result.err


# --------------------------------------------------------------------------------------------------------- file systems


def test_parameters_of_a_tmpfs(bundle):
    bundle.mount(PLACE, "tmpfs", "name", "size=64k", "mode=1730", "uid=7", "gid=8", "nr_inodes=50")
    result = bundle.shell("stat -c '%a %u %g' /place; cat /proc/self/mountinfo")
    assert result.lines[0] == "1730 7 8" and {"size=64k", "nr_inodes=50"} <= info(result)[3]


@pytest.mark.parametrize("mode", (0o712, 0o1777, 0o700))
def test_a_tmpfs_without_a_mode_is_as_the_directory_below(bundle, mode):
    os.mkdir(bundle.root + PLACE)
    os.chmod(bundle.root + PLACE, mode)
    bundle.mount(PLACE, "tmpfs", "tmpfs", "ro")
    result = bundle.shell("stat -c %a /place; cat /proc/self/mountinfo")
    assert result.lines[0] == f"{mode:o}" and "ro" in info(result)[0]


def test_tmpcopyup(bundle):
    place = bundle.root + PLACE
    os.makedirs(place + "/deep/er")
    with open(place + "/deep/file", "w") as file:
        file.write("content\n")
    os.chown(place + "/deep/file", 12, 13)
    os.chmod(place + "/deep/file", 0o4755)
    os.symlink("/etc/passwd", place + "/link")
    os.mkfifo(place + "/fifo", 0o640)
    os.setxattr(place + "/deep/file", "trusted.test", b"value")
    os.chmod(place, 0o750)
    bundle.mount(PLACE, "tmpfs", "tmpfs", "tmpcopyup", "noexec", "ro")
    result = bundle.shell(
        "cd /place; cat deep/file; stat -c '%a %u %g' deep/file . ; readlink link; test -p fifo "
        "&& echo fifo; ls -d deep/er; "
        "touch x; cat /proc/self/mountinfo"
    )
    assert result.lines[:6] == [
        "content",
        "4755 12 13",
        "750 0 0",
        "/etc/passwd",
        "fifo",
        "deep/er",
    ], result
    assert (
        {"noexec", "ro"} <= info(result)[0]
        and info(result)[2] == "tmpfs"
        and "Read-only" in result.err
    )


def test_tmpcopyup_elsewhere_is_refused(bundle):
    bundle.mount("/", "tmpfs", "tmpfs", "tmpcopyup")
    bundle.refused("tmpcopyup is for a tmpfs below the root only")


def test_remount(bundle, tmp_path):
    bundle.mount(PLACE, "tmpfs", "tmpfs", "size=64k")
    bundle.mount(PLACE, "tmpfs", "tmpfs", "remount", "ro", "size=128k", "nosuid")
    bundle.mount("/bound", "bind", str(tmp_path), "bind")
    bundle.mount("/bound", "bind", str(tmp_path), "bind", "remount", "ro")
    result = mountinfo(bundle)
    assert {"ro", "nosuid"} <= info(result)[0] and "size=128k" in info(result)[3]
    assert "ro" in info(result, "/bound")[0]
    assert [line.split()[4] for line in result.lines].count(PLACE) == 1


def test_overlay_with_its_own_parameters(bundle, tmp_path):
    directory = bundle.directory + "/layers"
    long = "/".join(["x" * 60] * 3)
    for name in ("lower/" + long, "upper", "work"):
        os.makedirs(directory + "/" + name)
    open(directory + "/lower/" + long + "/file", "w").close()  # pylint: disable=consider-using-with
    subprocess.run(
        ["mount", "-t", "tmpfs", "tmpfs", directory], check=True
    )  # the test's own directory may be an overlay
    try:
        for name in ("lower/" + long, "upper", "work"):
            os.makedirs(directory + "/" + name)
        open(directory + "/lower/" + long + "/file", "w").close()  # pylint: disable=consider-using-with
        bundle.mount(
            PLACE,
            "overlay",
            "overlay",
            f"lowerdir={directory}/lower/{long}",
            f"upperdir={directory}/upper",
            f"workdir={directory}/work",
            "nodev",
        )
        result = bundle.shell("ls /place; touch /place/new; cat /proc/self/mountinfo")
        assert (
            result.lines[0] == "file"
            and "nodev" in info(result)[0]
            and info(result)[2] == "overlay"
        ), result
        assert os.path.exists(directory + "/upper/new")
    finally:
        subprocess.run(["umount", directory], check=True)


def test_kernel_file_systems(bundle):
    bundle.mount(
        "/dev/pts",
        "devpts",
        "devpts",
        "newinstance",
        "ptmxmode=0666",
        "mode=0620",
        "gid=5",
        "noexec",
    )
    bundle.mount("/dev/mqueue", "mqueue", "mqueue", "nosuid")
    bundle.mount("/dev/shm", "tmpfs", "shm", "mode=1777", "size=65536k")
    bundle.mount("/sys", "sysfs", "sysfs", "ro")
    bundle.mount(
        "/sys/fs/cgroup", "cgroup", "cgroup", "ro", "nosuid", "noexec", "nodev", "relatime"
    )
    result = mountinfo(bundle)
    assert {"gid=5", "mode=620", "ptmxmode=666"} <= info(result, "/dev/pts")[3] and info(
        result, "/dev/mqueue"
    )[2] == "mqueue"
    assert (
        "ro" in info(result, "/sys")[0]
        and {"ro", "nosuid", "noexec", "nodev"} <= info(result, "/sys/fs/cgroup")[0]
    )


def test_without_any_mounts(bundle):
    bundle.config["mounts"] = []
    assert bundle.run("echo", "fine").out == "fine\n"
    del bundle.config["mounts"]
    assert bundle.run("echo", "fine").out == "fine\n"


@pytest.mark.parametrize(
    "entry, words",
    (
        (
            {"destination": PLACE, "type": "bind", "source": "/not/there", "options": ["bind"]},
            ("/not/there", "no such file"),
        ),
        ({"type": "tmpfs"}, ("no destination",)),
        ({"destination": PLACE, "type": "nofs"}, (PLACE, "nofs")),
        ({"destination": PLACE, "type": "tmpfs", "options": ["frob=1"]}, (PLACE, "frob")),
        ({"destination": PLACE, "type": "bind", "options": ["bind"]}, ("needs a source",)),
        (
            {"destination": PLACE, "type": "bind", "source": "/etc", "options": ["bind", "frob"]},
            ("frob",),
        ),
    ),
)
def test_what_can_not_be_mounted_is_refused(bundle, entry, words):
    bundle.config["mounts"].append(entry)
    bundle.refused(*words)


# ----------------------------------------------------------------------------------------------------------------- root


def test_a_read_only_root(bundle):
    bundle.config["root"]["readonly"] = True
    bundle.mount("/writable", "tmpfs", "tmpfs")
    result = bundle.shell("touch /x; touch /writable/x && echo yes; cat /proc/self/mountinfo")
    assert "Read-only" in result.err and result.lines[0] == "yes" and "ro" in info(result, "/")[0]


def mounted_below(place):
    with open("/proc/self/mountinfo") as file:
        return [line for line in file if place in line]


@pytest.mark.parametrize(
    "word, fields",
    (
        (None, "master"),
        ("slave", "master"),
        ("rslave", "master"),
        ("private", None),
        ("rprivate", None),
        ("shared", "both"),
        ("rshared", "both"),
        ("unbindable", "unbindable"),
        ("runbindable", "unbindable"),
    ),
)
def test_root_propagation_and_the_host_hears_nothing(bundle, word, fields):
    subprocess.run(["mount", "--bind", bundle.root, bundle.root], check=True)
    subprocess.run(["mount", "--make-shared", bundle.root], check=True)
    try:
        if word:
            bundle.linux["rootfsPropagation"] = word
        bundle.capabilities("CAP_SYS_ADMIN", "CAP_SYS_CHROOT")
        before = mounted_below(bundle.root)
        result = bundle.shell(
            "mkdir -p /m; mount -t tmpfs inner /m; sleep 0.2; cat /proc/self/mountinfo"
        )
        found = [entry.partition(":")[0] for entry in info(result, "/")[1]]
        assert (
            sorted(found)
            == {
                None: [],
                "both": ["master", "shared"],
                "master": ["master"],
                "unbindable": ["unbindable"],
            }[fields]
        ), result
        assert mounted_below(bundle.root) == before
    finally:
        subprocess.run(["umount", "--lazy", bundle.root], check=True)


def test_an_unknown_propagation_is_refused(bundle):
    bundle.linux["rootfsPropagation"] = "frob"
    bundle.refused("linux.rootfsPropagation: 'frob'")


def test_masked_and_read_only_paths(bundle):
    for name in ("hidden", "fixed"):
        os.makedirs(bundle.root + "/" + name)
        open(bundle.root + f"/{name}/file", "w").close()  # pylint: disable=consider-using-with
    with open(bundle.root + "/secret", "w") as file:
        file.write("content")
    bundle.linux["maskedPaths"] = [
        "/hidden",
        "/secret",
        "/not/there",
        "/secret/below",
        "/proc/kcore",
        "/hidden",
    ]
    bundle.linux["readonlyPaths"] = ["/fixed", "/proc/sys", "/not/there/either", "/secret/below"]
    bundle.mount("/fixed", "tmpfs", "tmpfs", "nosuid", "noexec", "nodev")
    result = bundle.shell(
        "ls /hidden; cat /secret; touch /hidden/x; touch /fixed/x; echo 1 > "
        "/proc/sys/kernel/domainname; cat /proc/self/mountinfo"
    )
    assert (
        not result.lines[0].startswith("file")
        and "content" not in result.out
        and result.err.count("Read-only") == 3
    ), result
    assert {"ro", "nosuid", "noexec", "nodev"} <= info(result, "/fixed")[0]
    assert sum(" /hidden " in line for line in result.lines) == 1, "masked once, though named twice"


@pytest.mark.parametrize("field", ("maskedPaths", "readonlyPaths"))
def test_paths_that_are_not_absolute_are_refused(bundle, field):
    bundle.linux[field] = ["proc/kcore"]
    bundle.refused(f"linux.{field}: 'proc/kcore' is not an absolute path")


def test_a_mount_label_without_selinux_is_a_warning(bundle):
    if os.path.exists("/sys/fs/selinux/enforce"):
        pytest.skip("this host has SELinux")
    bundle.linux["mountLabel"] = "system_u:object_r:container_file_t:s0"
    result = bundle.shell("echo ran")
    assert (
        result.lines == ["ran"]
        and "linux.mountLabel system_u:object_r:container_file_t:s0: SELinux is not enabled"
        in result.err
    )

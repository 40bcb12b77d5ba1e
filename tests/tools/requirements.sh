#!/bin/sh
# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# requirements.sh PURPOSE... - install the Debian packages that the purposes need and this machine lacks.
# Says nothing and needs neither root nor network where nothing is missing.
#
# requirements.sh root [-K] - see that this user is root or gets there by sudo: without a password, unless Ansible asks for it (-K).
set -eu

if [ "$1" = root ]; then
    [ "$(id -u)" != 0 ] || exit 0
    if ! command -v sudo > /dev/null; then
        echo "This needs root, and there is no sudo on this machine: run it as root." >&2
    elif [ "${2-}" ] || sudo -k -n true 2> /dev/null; then # -k: what sudo remembers of this terminal is no use to Ansible
        exit 0
    else
        echo "sudo wants a password here: run 'make demo ASK=-K', and Ansible asks for it." >&2
    fi
    exit 1
fi

packages_for() {
    case $1 in
        venv) echo python3-venv ;;
        demo) echo busybox-static nftables ;;
        # python3-*: what a host has; busybox-static: the images that tests make;
        # iproute2, nftables, procps, util-linux: to look at what was made; bind9-dnsutils, musl-tools: who asks for names;
        # zsh, fish: who completes command lines; qemu-user: arm64's machine code
        test) echo python3-cffi python3-pyroute2 busybox-static nftables iproute2 procps util-linux openssh-client git gcc libc6-dev \
            qemu-user binutils-aarch64-linux-gnu libisal2 zstd e2fsprogs btrfs-progs bind9-dnsutils musl-tools iptables zsh fish ;;
        # whose rules are beside ours; only on a machine that is thrown away, for Debian starts firewalld where it installs it
        firewalls) echo ufw firewalld dbus-daemon ;;
        # engines that the tests compare results with
        peers) echo skopeo umoci buildah runc podman netavark docker-registry libseccomp2 python3-seccomp criu ;;
        # tests/hosts: Debian roots, their kernels and the machine emulator
        # users without root: who writes maps of user namespaces, who carries their packets
        rootless) echo uidmap passt slirp4netns ;;
        hosts) echo mmdebstrap openssh-client iproute2 util-linux kmod busybox-static cpio zstd xz-utils e2fsprogs ;;
        # to get and build the suites, what their tests call, and the engines that take a runtime
        conformance) echo dpkg-dev runc crun podman docker.io netavark catatonit iptables bats golang-go golang-github-opencontainers-runc-dev libseccomp-dev \
            jq gawk mmdebstrap xz-utils bsdutils e2fsprogs ;;
        bench) echo docker.io podman netavark aardvark-dns runc iptables python3-requests python3-cffi python3-pyroute2 docker-registry skopeo libisal2 ;;
        vm) echo qemu-system-x86 qemu-utils ;;
        sanity) echo shellcheck ;;
        *) echo "requirements.sh: $1: no such purpose" >&2; exit 2 ;;
    esac
}

missing=
for purpose in "$@"; do
    packages=$(packages_for "$purpose")
    for package in $packages; do
        case $(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2> /dev/null) in
            installed) ;;
            *) missing="$missing $package" ;;
        esac
    done
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then as_root=; else as_root=sudo; fi
export DEBIAN_FRONTEND=noninteractive
echo "installing:$missing"
install="apt-get install -qq -y --no-install-recommends"
# The lists may be old or not there at all: then they are fetched and it is tried again.
# shellcheck disable=SC2086
$as_root $install $missing > /dev/null 2>&1 || { $as_root apt-get update -qq && $as_root $install $missing > /dev/null; }

#!/usr/bin/env bash
# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The first process of a namespace host: makes its root, then becomes its init. Started by namespaces.py, which sets
# HOST, DIRECTORY (the host's own files), ROOT, INIT (light, systemd, openrc, sysvinit), CGROUP (machine, v2), BINDS ("from:to ...").
set -eu

read -r pid _ < /proc/self/stat # /proc is still the machine's, so this is the number that the machine knows us by
echo "$pid" > "$DIRECTORY/pid"
hostname "$HOST"
mount -t overlay overlay -o "lowerdir=$ROOT,upperdir=$DIRECTORY/upper,workdir=$DIRECTORY/work" "$DIRECTORY/root"
cd "$DIRECTORY/root"

mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs -o mode=755 tmpfs dev
mount -t tmpfs -o mode=755 tmpfs run
mkdir -p dev/pts dev/shm dev/net run/sshd run/lock
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs tmpfs dev/shm
while read -r name major minor; do
    mknod -m 666 "dev/$name" c "$major" "$minor"
done <<'NODES'
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
kmsg 1 11
fuse 10 229
net/tun 10 200
NODES
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr

# The same control groups as the machine has, as seen from this host's own, or version 2 alone.
if [ "$CGROUP" = v2 ] || ! grep -qv '^0:' /proc/self/cgroup; then
    mount -t cgroup2 cgroup2 sys/fs/cgroup
else
    mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
    while IFS=: read -r _ controllers _; do
        case $controllers in
            '') mkdir sys/fs/cgroup/unified && mount -t cgroup2 cgroup2 sys/fs/cgroup/unified ;;
            name=*) mkdir "sys/fs/cgroup/${controllers#name=}" && mount -t cgroup -o "none,$controllers" cgroup "sys/fs/cgroup/${controllers#name=}" ;;
            *) mkdir "sys/fs/cgroup/$controllers" && mount -t cgroup -o "$controllers" cgroup "sys/fs/cgroup/$controllers" ;;
        esac
    done < /proc/self/cgroup
fi

# An overlay's upper layer cannot lie on this overlay: what holds containers is a plain directory of the machine's disk.
for store in home var/lib/pycontainer var/tmp; do
    mkdir -p "$store" "$DIRECTORY/data/$store"
    mount --bind "$DIRECTORY/data/$store" "$store"
done
chmod 1777 var/tmp
for pair in $BINDS; do
    mkdir -p "./${pair#*:}"
    mount --bind -o ro "${pair%%:*}" "./${pair#*:}"
done

# A user namespace gets a /proc of its own only where a whole one is to be seen, and this host's is not any more.
mkdir -p mnt/proc
mount -t proc proc mnt/proc
cat /proc/sys/kernel/random/uuid > run/boot_id # every start is a boot of its own, though the kernel has seen but one
mount --bind run/boot_id proc/sys/kernel/random/boot_id
md5sum <<< "$HOST" | cut -c1-32 > etc/machine-id
echo "$HOST" > etc/hostname
printf '%s\n' '127.0.0.1 localhost' "127.0.1.1 $HOST" > etc/hosts
pivot_root . .
umount -l .
cd /
hash -r
mount --make-rshared /

case $INIT in
    systemd) # units that would act on the one kernel that all hosts share
        for unit in systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket \
            systemd-sysctl.service systemd-modules-load.service systemd-binfmt.service; do
            ln -sf /dev/null "/etc/systemd/system/$unit"
        done
        exec env -i container=testhost PATH=/usr/sbin:/usr/bin:/sbin:/bin /sbin/init ;;
    openrc) # under busybox's init, as Alpine has it; without the services that act on the one kernel that all hosts share
        rm -f /etc/runlevels/sysinit/*
        ln -sf /bin/busybox /run/init
        printf '::sysinit:/sbin/openrc %s\n' sysinit boot > /etc/inittab
        printf '%s\n' '::wait:/sbin/openrc default' '::respawn:/usr/sbin/sshd -D -e' '::shutdown:/sbin/openrc shutdown' >> /etc/inittab
        exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /run/init ;;
    sysvinit) # busybox's init, which runs what is linked into runlevels 2 and 6
        ln -sf /bin/busybox /run/init
        printf '%s\n' '::sysinit:/bin/run-parts --arg=start --regex=^S99 /etc/rc2.d' '::respawn:/usr/sbin/sshd -D -e' \
            '::shutdown:/usr/bin/env RUNLEVEL=6 /bin/run-parts --arg=stop --regex=^K01 /etc/rc6.d' > /etc/inittab
        exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /run/init ;;
    light) exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin tini -g -- /usr/sbin/sshd -D -e ;;
esac

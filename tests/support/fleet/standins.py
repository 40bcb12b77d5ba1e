# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-ins for the registries and images that documentation names, on one host that reaches no network.

The public names lead to the host itself, where registries with certificates that it trusts hold small images made of busybox.
So an example runs as it is written.
"""

from __future__ import annotations

HUB = "registry-1.docker.io"  # where an image's name without a registry leads
NAMES = {"127.0.0.1": [HUB, "registry.example.com", "mirror.example.com"]}
IMAGES = [
    "nginx:1.27",
    "postgres:17",
    "redis:7",
    "web:1",
    "cache:1",
    "registry.example.com/app:2",
    "registry.example.com/web:1.4",
    "registry.example.com/shop/web:1.4",
    "registry.example.com/shop/web:stable",
    "alpine:3.20",
    "busybox:1.36",
    "debian:12",
]
ROOT = "/srv/demo/root"

# The files of the one image: a web server, what the examples run inside, and the user that they run it as.
MAKE_ROOT = """
mkdir -p {root}/bin {root}/etc {root}/www {root}/tmp {root}/var/lib {root}/usr/share
cp /bin/busybox {root}/bin/
for name in sh cat echo httpd id ls ps sleep touch wget; do ln -sf busybox {root}/bin/$name; done
echo Hello > {root}/www/index.html
printf '%s\\n' root:x:0:0:root:/:/bin/sh postgres:x:70:70::/:/bin/sh > {root}/etc/passwd
printf '%s\\n' root:x:0: postgres:x:70: > {root}/etc/group
printf '#!/bin/sh\\ncat\\n' > {root}/bin/psql
printf '#!/bin/sh\\nexec echo pong\\n' > {root}/bin/app
printf '#!/bin/sh\\nexit 0\\n' > {root}/bin/pg_isready
chmod 755 {root}/bin/psql {root}/bin/pg_isready {root}/bin/app
""".format(root=ROOT)

MAKE_CERTIFICATE = f"""
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=stand-ins \\
  -addext 'subjectAltName={",".join(("DNS:" + name for names in NAMES.values() for name in names))}' \\
  -keyout /etc/ssl/private/registry.key -out /etc/ssl/registry.pem
cp /etc/ssl/registry.pem /usr/local/share/ca-certificates/stand-ins.crt
update-ca-certificates
"""

SERVER = {
    "command": ["httpd", "-f", "-p", "80", "-h", "/www"],
    "stop_signal": "SIGKILL",
}  # as process 1 it takes no other


def prepare(fleet, host="h1"):
    """The host's files: names, a certificate, the root of an image."""
    hosts = "".join(
        f"echo {address} {' '.join(names)} >> /etc/hosts\n" for address, names in NAMES.items()
    )
    done = fleet.execute(host, "sh", "-ec", hosts + MAKE_ROOT + MAKE_CERTIFICATE)
    assert done.returncode == 0, done.stdout


def tasks(images=tuple(IMAGES)):
    """Tasks that fill the registries."""
    tls = {"tls_cert": "/etc/ssl/registry.pem", "tls_key": "/etc/ssl/private/registry.key"}
    return [
        {"pycontainer.engine.host": {}},
        {"pycontainer.engine.registry": dict(tls, name="public", listen=["127.0.0.1:443"])},
        {
            "pycontainer.engine.image": {
                "name": "stand-in:1",
                "source": "import",
                "path": ROOT,
                "config": SERVER,
            }
        },
        {
            "pycontainer.engine.image": {
                "name": "stand-in:1",
                "source": "local",
                "repository": "{{ item }}",
                "push": True,
            },
            "loop": list(images),
        },
        {
            "pycontainer.engine.image": {"name": "{{ item }}", "state": "absent"},
            "loop": list(images),
        },
    ]

# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other people's firewalls on this host: what of them drops forwarded packets, and how they let
those of our links pass.

A packet passes when every table lets it. So iptables (ufw, Docker) and firewalld get rules that
accept what comes from and goes to our links; which of it is wanted our own table says. These files
use ``kernel/net`` and ``kernel/systemd`` and know no network but by its links' names.
"""

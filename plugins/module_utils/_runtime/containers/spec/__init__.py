# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's options as documents: config.json, run.json, hosts, resolv.conf, and the ids and labels in them."""

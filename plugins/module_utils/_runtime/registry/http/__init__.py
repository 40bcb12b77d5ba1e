# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server of the distribution API: sockets, HTTP on them, requests, users.

It may use `registry/content` and the ground.
"""

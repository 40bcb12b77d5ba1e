# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts to test on, made on this machine out of Debian packages: namespace hosts and virtual machines (tests/hosts/README.md)."""

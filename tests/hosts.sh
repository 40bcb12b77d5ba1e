#!/bin/sh
# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Test hosts by hand; tests/hosts/README.md says more.
tests=$(dirname "$(readlink -f "$0")")
PYTHONPATH=$tests exec /usr/bin/python3 -m support.fleet "$@"

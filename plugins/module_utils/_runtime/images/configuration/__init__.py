# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How this host reaches registries: registries.conf, mirrors, credentials.

It may use `images/model` and `images/client`, and asks no store.
"""

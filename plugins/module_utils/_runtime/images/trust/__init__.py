# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which images are accepted: the policy, signatures, keys.

It may use `images/model`, `images/client` and `images/configuration`.
"""

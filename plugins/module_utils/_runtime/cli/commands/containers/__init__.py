# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands about containers. Uses what all commands share, and the nouns' front doors."""

# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model of an image: its reference, its manifests, the fields of its configuration."""

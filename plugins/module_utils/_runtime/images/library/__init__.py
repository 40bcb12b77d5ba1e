# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images of this host: rows, blobs, unpacked layers; taken in, checked, repaired, removed."""

# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets and configs: small files for containers that stand in no image, no task's result and no
record.

They use the store and ``untrusted``, and no other noun. A secret and a config differ in what is
done with the data: a secret's is sealed on disk and shown to nobody, a config's can be read.
"""

from __future__ import annotations

from .secret_catalog import CONFIG, SECRET, by_id, check_name, exists, inspect, listing, read
from .secret_faults import faults

__all__ = [
    "CONFIG",
    "SECRET",
    "by_id",
    "check_name",
    "exists",
    "faults",
    "inspect",
    "listing",
    "read",
]

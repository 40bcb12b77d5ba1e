# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the benchmarks share: peers, isolation, counters, a floor to compare with, a sample image."""

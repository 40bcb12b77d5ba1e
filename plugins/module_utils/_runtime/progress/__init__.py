# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress of long work: the board that it is written to, and the bars that it is drawn with."""

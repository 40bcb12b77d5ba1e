# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a build carried out: RUN in containers, layers made of what they wrote."""

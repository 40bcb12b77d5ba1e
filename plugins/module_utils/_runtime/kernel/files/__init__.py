# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files: written back early, compared, copied, and limited in size. It uses ``calls``."""

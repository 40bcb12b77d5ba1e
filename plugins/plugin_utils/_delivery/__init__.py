# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of ``source: controller``. The host's half is ``_runtime/delivery``."""

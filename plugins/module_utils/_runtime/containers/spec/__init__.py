# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a definition to what a container is on the host: config.json, run.json, the files in its
directory.

Uses ``options`` and ``records``. ``run_file``, ``own_annotations`` and ``network_links`` need no
database: the monitors import them.
"""

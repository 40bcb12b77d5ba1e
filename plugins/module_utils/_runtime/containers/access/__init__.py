# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways into a container: ``exec``, ``attach``, ``cp``, ``commit``; and who removes one of ``run
--rm``.

Uses all chapters below it: ``options``, ``records``, ``spec``, ``client``, ``view``.
"""

# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What talks to monitors and the zygote: messages, the two clients, and the streams and signals of
both sides.

Uses ``options``, ``records`` and ``spec``. Nothing here needs the database: the zygote and the
monitors import it, too.
"""

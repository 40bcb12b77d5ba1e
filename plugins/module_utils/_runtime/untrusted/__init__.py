# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Input that somebody else wrote: from images, registries, containers, builds and other hosts.

One mechanism for each kind, and no way around it (tests/unit/untrusted): ``text`` before it reaches a terminal, a log or a message,
``json_reader`` for documents, ``files`` for what is opened, ``trees`` for what is walked, ``patterns`` for wildcards. Imports errors only.
"""

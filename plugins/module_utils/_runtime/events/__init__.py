# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens on a host, and who has changed what: a journal of events, and a table of changes.

``journal`` is what everybody writes with, the monitors too, and loads nothing that they have not
loaded; ``journal_reader`` reads and follows it, ``event_filters`` selects. ``change_history`` is
the table of who changed what. The chapter uses ``kernel``, ``store`` and ``untrusted``, and knows
no noun: what an event is called and says is its noun's.
"""

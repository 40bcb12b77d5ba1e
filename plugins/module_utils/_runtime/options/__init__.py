# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an option of a module is, for every noun: one row, of which all else is made.

``rows`` says what a row has, ``forms`` has the parsers that many rows share, ``table`` reads a
task's options by a noun's rows and compares them. A noun keeps its rows in a chapter or file of its
own, as ``containers/options`` does; ``devel/make_options.py`` makes argument spec, documentation
and flags of them. ``go_templates`` fills in the templates that options and ``--format`` take,
``log_address`` reads the addresses of logs. The chapter uses ``errors`` and ``untrusted``.
"""

# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state that survives a crash and a reboot: database, blobs, locks, intent log, paths, disk
reserve.

It uses ``errors.py`` and ``untrusted``, and knows no noun: tables hold documents whose form belongs
to the nouns.
"""

# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices of a container: the host's nodes, and devices that a vendor's CDI specification describes.

Uses ``options``, the kernel and ``untrusted``. ``cdi_specs``, ``cdi_edits`` and
``device_requests`` are imported only for a container that names such a device.
"""

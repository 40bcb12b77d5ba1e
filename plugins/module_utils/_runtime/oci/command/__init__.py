# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``pycontainer-oci``, an OCI runtime with runc's command line.

A call is read (``main``, ``arguments``), and the one file that has its command is loaded:
``commands/`` has those that do something to a container, ``queries/`` those that print something.
They stand on the containers of a ``--root`` (``states``), their launch (``bundle_launch``) and
their removal (``teardown``). ``loader`` and ``module_archive`` make a cold start quick. May use all
of ``oci`` but ``commands`` and ``queries``, and ``kernel``.
"""

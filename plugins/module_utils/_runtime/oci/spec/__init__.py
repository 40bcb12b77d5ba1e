# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The config.json of the OCI runtime specification, read and checked before anything is made.

``schema`` looks at its form, ``document`` at what this runtime can't do; ``process``, ``mounts``,
``devices``, ``id_maps``, ``scheduling`` make values of it that are ready for the system calls. May
use ``kernel`` and what everybody may use, nothing else of ``oci``.
"""

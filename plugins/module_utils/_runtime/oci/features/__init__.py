# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of a config.json that only some containers have, a file each: how it is read, what it does.

``optional_fields`` says which of them a document has, and loads these alone. May use ``oci/spec``
and ``kernel``.
"""

# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Save the processes of a running container as files by CRIU, and make a container of them again.

``save`` and ``restore`` say what of the host a container uses; ``criu`` talks to the program, in
the encoding of ``protobuf``. The engine's checkpoints and ``pycontainer-oci`` use the same code.
May use ``oci/spec``, ``oci/features``, ``oci/launch`` and ``kernel``.
"""

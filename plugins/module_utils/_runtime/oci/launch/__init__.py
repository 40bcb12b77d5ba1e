# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The start of a container's process.

``launch`` puts it together, ``clone`` makes process 1 from outside, ``child`` is what that does
itself, ``executing`` its last steps; ``join`` makes a further process in a container that runs. A
``site`` says where a launch differs, ``rights`` what a user namespace changes (``userns_outside``,
``userns_inside``). Each step has a sentence (``steps``), which PYCONTAINER_TRACE=1 shows. May use
``oci/spec``, ``oci/features`` and ``kernel``.
"""

# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine as one archive, which the module ``host_engine`` is sent with.

Ansible would find and pack the engine's files by itself where a module imports them. It takes two seconds for that in each run,
because it parses every file for its imports.
"""

from __future__ import annotations

import base64
import io
import os
import zipfile

from ansible import constants as C
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.deploy import fingerprint


def packed() -> str:
    """Return the archive (zip) in base64. One process of a run makes it, in Ansible's own temporary directory."""
    place = os.path.join(C.DEFAULT_LOCAL_TMP, f"pycontainer-{fingerprint.name()}.zip.base64")
    try:
        with open(place, encoding="ascii") as file:
            return file.read()
    except FileNotFoundError:
        pass
    made = _made()
    own = f"{place}.{os.getpid()}"  # others may make it at the same moment
    with open(own, "w", encoding="ascii") as file:
        file.write(made)
    os.rename(own, place)
    return made


def _made() -> str:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(fingerprint.sources()):
            archive.writestr(
                zipfile.ZipInfo(f"{fingerprint.PACKAGE}/{path}"),
                fingerprint.read(path),
                zipfile.ZIP_DEFLATED,
            )
    return base64.b64encode(content.getvalue()).decode("ascii")

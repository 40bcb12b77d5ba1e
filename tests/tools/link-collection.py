# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make this checkout importable as the collection pycontainer.engine in the environment whose Python runs this.

ansible-core looks for collections in every directory of ``sys.path``, so a link in site-packages is found from
whatever directory ``ansible`` is started.
"""

from __future__ import annotations

import os
import sysconfig

checkout = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
link = os.path.join(
    sysconfig.get_paths()["purelib"], "ansible_collections", "pycontainer", "engine"
)
os.makedirs(os.path.dirname(link), exist_ok=True)
if os.path.lexists(link):
    os.unlink(link)
os.symlink(checkout, link)

# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all modules of this collection have in common, for their documentation."""

from __future__ import annotations


class ModuleDocFragment:
    # Of every module; each says itself what it supports of the first three.
    DOCUMENTATION = r"""
options: {}
requirements:
  - On the host, Linux 5.4 or newer, Python 3.9 or newer and root (C(become)), or a user who has lines in C(/etc/subuid) and C(/etc/subgid)
    (C(docs/rootless.md); not M(pycontainer.engine.host)).
  - On the host, the Python libraries cffi (its compiled part, C(_cffi_backend), is enough) and, for networks, pyroute2.
    The role P(pycontainer.engine.host#role) installs both.
notes:
  - Options about a daemon or its client that modules of community.docker and containers.podman have, such as C(docker_host), C(tls),
    C(timeout) and C(executable), are left out with a warning, so that C(module_defaults) of a playbook that is moved from there need not
    change. C(docs/comparison.md) lists them, and what is the same and what is not of each module.
attributes:
  check_mode:
    description: Can run in C(check_mode) and return the changed status prediction without modifying the host.
  diff_mode:
    description: Returns details on what has changed (or needs changing in C(check_mode)) when in diff mode.
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
      - This assumes that the system controlled or queried by the module has not changed in a relevant way.
  platform:
    description: The operating systems that the module works on.
    support: full
    platforms: linux
"""

    # Of the modules that only look.
    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - This module does not change anything on the host.
  diff_mode:
    support: N/A
    details:
      - This module does not change anything on the host.
  idempotent:
    support: full
    details:
      - This module does not change anything on the host.
"""

    ACTIONGROUP_PYCONTAINER = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/pycontainer.engine.pycontainer) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - pycontainer.engine.pycontainer
"""

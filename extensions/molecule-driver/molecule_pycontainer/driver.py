# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The driver. Its playbooks import those of the collection, which do the work."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from molecule import util
from molecule.api import Driver

if TYPE_CHECKING:
    from typing import Any

    from molecule.config import Config

COLLECTION = "pycontainer.engine"
NAME = "molecule-pycontainer"  # Molecule's schema has names of others begin so
RESET = f"{COLLECTION}.molecule_reset"
DATA = "/var/lib/pycontainer"


class Pycontainer(Driver):
    """Containers on this machine, or on the host of the inventory that ``ansible_pycontainer_host`` names."""

    title = "Containers of the collection pycontainer.engine, here or on another machine"

    def __init__(self, config: Config | None = None) -> None:
        super().__init__(config)  # type: ignore[arg-type]
        self._name = NAME

    @property
    def name(self) -> str:
        """The name in ``molecule.yml``."""
        return self._name

    @name.setter
    def name(self, value: str) -> None:
        self._name = value

    @property
    def login_cmd_template(self) -> str:
        """The line of ``molecule login``, which ``create`` has written down."""
        return str(self.options.get("login_cmd_template") or "{login}")

    @property
    def default_safe_files(self) -> list[str]:
        """Nothing but Molecule's own is kept."""
        return []

    @property
    def default_ssh_connection_options(self) -> list[str]:
        """Instances are not reached over SSH of their own."""
        return []

    def login_options(self, instance_name: str) -> dict[str, str]:
        """What ``create`` has written down of an instance."""
        found = self._written(instance_name)
        if not found:
            util.sysexit_with_message(f"{instance_name}: it has not been created")
        if not found.get("login"):
            util.sysexit_with_message(
                f"{instance_name}: its machine {found.get('machine')} is reached neither over SSH nor locally; "
                "driver.options.login_cmd_template can say how to log in ({address} is the container)"
            )
        return {key: "" if value is None else str(value) for key, value in found.items()}

    def ansible_connection_options(self, instance_name: str) -> dict[str, Any]:
        """The variables of an instance in the inventory."""
        scenario = os.path.abspath(self._config.scenario.directory)
        mark = hashlib.sha256(scenario.encode()).hexdigest()[:6]  # as plugin_utils/_molecule.py
        return {
            "ansible_connection": f"{COLLECTION}.container",
            "ansible_host": f"{instance_name}-{mark}",
        }

    def sanity_checks(self) -> None:
        """Whatever is missing, the playbooks say by a sentence."""

    def schema_file(self) -> str:
        """The schema of ``molecule.yml``; the filter that reads the platforms checks them by name and value."""
        return str(Path(self._path, "driver.json"))

    def reset(self) -> None:
        """Remove all containers and networks of Molecule on this machine (``molecule reset``, with whatever driver)."""
        if os.path.isdir(DATA):
            subprocess.run(["ansible-playbook", RESET], check=False)

    def _written(self, instance_name: str) -> dict[str, Any]:
        try:
            found = util.safe_load_file(self.instance_config)
        except OSError:
            return {}
        return next((one for one in found or [] if one.get("instance") == instance_name), {})

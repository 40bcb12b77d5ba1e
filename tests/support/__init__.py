# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests share: the leak check, terminals, the engine laid down, disks that lose power, registries that misbehave, test hosts."""

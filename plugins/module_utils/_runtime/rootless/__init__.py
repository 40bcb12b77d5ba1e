# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine of a user who is not root: the namespaces in which he is root, and what is left outside.

One process of his, the keeper (``keeper``), holds a user, a mount and a network namespace. Whatever
front end he calls joins them first (``enter``) and goes on as the engine of root does, with a store
below his home. ``keeper_client`` is the side of the engine's processes in there: they ask the keeper
for what has to be of the host's own network, and for processes that outlive them. ``outward`` is the
way from his network namespace to the networks of the host.

``keeper_client`` stands below all nouns, the other files above ``deploy``.
"""

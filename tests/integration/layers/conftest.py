# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of images have, too."""

from integration.images.conftest import kind, podman, registry, task  # noqa: F401  # pylint: disable=unused-import # fixtures

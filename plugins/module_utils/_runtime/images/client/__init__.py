# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of a registry (OCI distribution-spec 1.1): HTTP, redirects, authentication, transfers,
retries.

It may use `images/model` and the ground, and knows neither the host's configuration nor the store's
images.
"""

# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sphinx's settings for the collection's site (`make docs`)."""

from __future__ import annotations

import urllib.request

ANSIBLE = "https://docs.ansible.com/projects/ansible/devel/"

project = "pycontainer.engine"
copyright = "2026, the pycontainer.engine authors"
html_title = "The collection pycontainer.engine"
html_theme = "sphinx_ansible_theme"
html_show_sphinx = False
extensions = ["sphinx.ext.intersphinx", "sphinx_antsibull_ext"]
pygments_style = "ansible"
highlight_language = "YAML+Jinja"
default_role = "any"
nitpicky = True


def answers(address):
    try:
        with urllib.request.urlopen(address + "objects.inv", timeout=5):
            return True
    except OSError:
        return False


# Where docs.ansible.com can't be reached, its labels are unknown; nothing else is let pass.
if answers(ANSIBLE):
    intersphinx_mapping = {"ansible_devel": (ANSIBLE, None)}
else:
    suppress_warnings = ["ref.ref"]

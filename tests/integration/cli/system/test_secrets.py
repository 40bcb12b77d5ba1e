# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``pycontainer secret`` and ``config``."""

from __future__ import annotations

import json

from pycontainer.store import settings


def test_commands_of_secrets_and_configs(docker, tmp_path):
    settings.write(docker.engine.paths.config, {"secrets_key": "none"})
    file = tmp_path / "file"
    for kind in ("secret", "config"):
        file.write_text("hunter2-of-the-tests")
        ident = docker(kind, "create", "-l", "a=b", "db", str(file)).strip()
        assert len(ident) == 25
        assert "exists already; --replace" in docker.task(kind, "create", "db", str(file))["stderr"]
        file.write_text("hunter2-of-the-tests, changed")
        assert docker(kind, "create", "--replace", "db", str(file)).strip() == ident
        assert docker(kind, "ls", "-q", "-f", "label=a=b").split() == [ident]
        assert "db" in docker(kind, "ls").split()
        assert docker(kind, "ls", "-f", "name=other", "-q") == ""
        (document,) = json.loads(docker(kind, "inspect", "db"))
        assert document["Version"]["Index"] == 2 and document["Spec"]["Name"] == "db"
        assert docker(kind, "inspect", "-f", "{{.Spec.Labels.a}}", ident[:10]).strip() == "b"
        assert ("Data" in document["Spec"]) == (kind == "config")
        assert "needs a terminal" in docker.task(kind, "create", "two")["stderr"]
        assert docker(kind, "rm", "db").strip() == "db"
        assert f"{kind} db does not exist" in docker.task(kind, "rm", "db")["stderr"]
        docker(kind, "rm", "--ignore", "db")

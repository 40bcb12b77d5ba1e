# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets and configs in the store: what a task does, says and leaves there."""

from __future__ import annotations

import base64
import json
import os
import shutil
import stat
import subprocess

import pytest
from pycontainer.errors import HostError, InvalidInput
from pycontainer.events import change_history, journal_reader
from pycontainer.reconcile import carry_out
from pycontainer.secrets import sealing, task
from pycontainer.secrets import secret_catalog as catalog
from pycontainer.store import settings

MARK = "hunter2-of-the-tests"


@pytest.fixture
def plain(engine):
    settings.write(engine.paths.config, {"secrets_key": "none"})
    return engine


@pytest.fixture
def keyed(engine, tmp_path):
    """The engine with a key file, and its path."""
    path = tmp_path / "key"
    path.write_bytes(os.urandom(32))
    path.chmod(0o600)
    settings.write(engine.paths.config, {"secrets_key": str(path)})
    return engine, path


def do(engine, check=False, kind="secret", **params):
    plan = getattr(task, kind)(engine, {"name": "db", "state": "present", **params})
    with change_history.noted(engine, plan):
        return carry_out(plan, check)


def stored(engine, name="db", kind="secret"):
    with open(os.path.join(engine.paths.secrets, kind, name + ".json")) as file:
        return json.load(file)


def traces(engine, text):
    """The files of the store with a text or its base64 in them."""
    encoded = base64.b64encode(text.encode()).decode().rstrip("=")
    command = ["grep", "-rlaE", "-D", "skip", f"{text}|{encoded}", engine.paths.data]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()


def test_a_second_run_changes_nothing_and_check_says_the_same(plain):
    foretold = do(plain, check=True, data=MARK, labels={"a": "b"})
    assert foretold["changed"] and not catalog.exists(plain, "secret", "db")
    done = do(plain, data=MARK, labels={"a": "b"})
    assert (done["actions"], done["diff"]) == (foretold["actions"], foretold["diff"])
    assert not do(plain, data=MARK)["changed"]
    assert not do(plain, data=base64.b64encode(MARK.encode()).decode(), data_is_b64=True)["changed"]
    other = do(plain, data="other")
    assert other["actions"] == ["change the data of secret db"]
    assert other["diff"]["before"] == {"data": "as before"}
    assert other["secret_id"] == done["secret_id"] and other["secret"]["Version"] == {"Index": 2}
    assert do(plain, data="other", labels={"c": "d"})["actions"] == ["set the labels of secret db"]
    assert catalog.read(plain, "secret", "db") == b"other"
    assert do(plain, data="other", force=True)["changed"]
    assert do(plain, state="absent")["actions"] == ["remove secret db"]
    assert not do(plain, state="absent")["changed"]


def test_binary_data_and_files_of_the_host(plain, tmp_path):
    data = bytes(range(256))
    (tmp_path / "file").write_bytes(data)
    do(plain, data_src=str(tmp_path / "file"))
    assert catalog.read(plain, "secret", "db") == data
    assert not do(plain, data_src="files/x", content=base64.b64encode(data).decode())["changed"]


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({}, "data: missing; needed: one of data and data_src"),
        ({"data": MARK, "data_src": "/x"}, "data: '...' is not valid; accepted: one of data"),
        ({"data": MARK + "!", "data_is_b64": True}, "data: '...' is not valid; accepted: base64"),
        ({"data_src": "/no/such"}, "data_src: '/no/such' is not valid"),
        ({"data": "x" * 512_001}, "data: '512001 bytes' is not valid"),
        ({"data": "x", "name": "a/b"}, "name: 'a/b' is not valid"),
    ],
)
def test_what_is_refused_is_named_without_the_data(plain, params, sentence):
    with pytest.raises(InvalidInput) as error:
        do(plain, **params)
    assert str(error.value).startswith(sentence)
    assert MARK not in str(error.value) and MARK not in repr(vars(error.value))


def test_data_are_nowhere_with_a_key_file(keyed):
    engine, path = keyed
    results = [do(engine, data=MARK), do(engine, data=MARK + "2"), do(engine, data=MARK)]
    assert MARK not in json.dumps(results)
    assert stored(engine)["sealed"] == "key-file"
    assert not do(engine, data=MARK)["changed"] and results[0]["warnings"] == []
    assert traces(engine, MARK) == []
    events = [event for event in journal_reader.read(engine.paths) if event["Type"] == "secret"]
    assert [event["Action"] for event in events] == ["create", "update", "update"]
    before = stored(engine)["data"]
    do(engine, data=MARK, force=True)
    assert stored(engine)["data"] != before  # another nonce
    path.write_bytes(os.urandom(32))
    with pytest.raises(HostError, match="can't be decrypted with the key file"):
        catalog.read(engine, "secret", "db")
    again = do(engine, data=MARK)
    assert again["changed"] and "the task's data take its place" in again["warnings"][0]
    assert not do(engine, data=MARK)["changed"]


def test_a_secret_does_not_open_as_another_one(keyed):
    engine, path = keyed
    method, sealed, why = sealing.seal(engine, "secret db", 1, b"data")
    assert (method, why) == ("key-file", "")
    assert sealing.unseal(engine, "secret db", 1, method, sealed) == b"data"
    flipped = [
        bytes([*sealed[:place], sealed[place] ^ 1, *sealed[place + 1 :]])
        for place in range(len(sealed))
    ]
    others = [("secret db", 1, data) for data in (*flipped, sealed[:-1], sealed[:10], b"")]
    for name, version, data in (("secret web", 1, sealed), ("secret db", 2, sealed), *others):
        with pytest.raises(HostError, match="it is another key, or the file was changed"):
            sealing.unseal(engine, name, version, method, data)


def test_the_format_is_what_another_library_reads(keyed):
    """HKDF-SHA256 and AES-256-GCM, as the package cryptography has them."""
    pytest.importorskip("cryptography")
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    engine, path = keyed
    for data in (b"", b"data" * 100_000):
        sealed = sealing.seal(engine, "secret db", 3, data)[1]
        salt = sealed[1:33]
        derived = HKDF(hashes.SHA256(), 44, salt, b"pycontainer secrets AES-256-GCM 1").derive(
            path.read_bytes()
        )
        assert sealed[:1] == b"\1"
        assert AESGCM(derived[:32]).decrypt(derived[32:], sealed[33:], b"secret db 3") == data


def fails(tmp_path, monkeypatch, script="exit 1"):
    """Have a systemd-creds of the test's on the path, which does what a script says."""
    command = tmp_path / "bin" / "systemd-creds"
    command.parent.mkdir()
    command.write_text(f"#!/bin/sh\necho no key >&2\n{script}\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:/usr/bin:/bin")


def test_nothing_is_kept_in_clear_where_encryption_fails(keyed, tmp_path, monkeypatch):
    engine, path = keyed
    do(engine, data="before")
    path.chmod(0o640)
    sentence = "readable by root alone.*to keep secrets unencrypted, set secrets_key: none"
    for check in (True, False):  # a new one, and one that is there
        with pytest.raises(HostError, match=sentence):
            do(engine, check=check, name="new", data=MARK)
        with pytest.raises(HostError, match=sentence):
            do(engine, check=check, data=MARK)
    settings.write(engine.paths.config, {})
    fails(tmp_path, monkeypatch)
    sentence = "systemd-creds can't encrypt secret new: no key; to keep secrets unencrypted, set"
    with pytest.raises(HostError, match=sentence):
        do(engine, name="new", data=MARK)
    assert catalog.names(engine, "secret") == ["db"] and traces(engine, MARK) == []
    settings.write(engine.paths.config, {"secrets_key": "none"})
    assert do(engine, name="new", data=MARK)["changed"]


def test_a_host_without_either_keeps_them_for_root_alone(engine, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    done = do(engine, data=MARK)
    assert "this host has no systemd-creds" in done["warnings"][0]
    assert stored(engine)["sealed"] == "none" and not do(engine, data=MARK)["changed"]
    fails(tmp_path, monkeypatch, "cat")  # it has one now
    assert do(engine, data=MARK)["actions"] == ["change the encryption of secret db"]
    assert stored(engine)["sealed"] == "systemd-creds"


def test_what_is_not_encrypted_is_said_once_and_mended_by_a_key_file(plain, tmp_path):
    done = do(plain, data=MARK)
    assert [
        warning
        for warning in done["warnings"]
        if "secrets are not encrypted on this host" in warning
    ]
    assert do(plain, name="other", data=MARK)["warnings"] == []
    path = os.path.join(plain.paths.secrets, "secret", "db.json")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(plain.paths.secrets).st_mode) == 0o700
    assert len(traces(plain, MARK)) == 2  # what traces() finds when there is something
    key = tmp_path / "key"
    key.write_bytes(os.urandom(64))
    key.chmod(0o600)
    settings.write(plain.paths.config, {"secrets_key": str(key)})
    assert do(plain, data=MARK)["actions"] == ["change the encryption of secret db"]
    assert not do(plain, data=MARK)["changed"]


def test_versions(plain):
    names = [
        do(plain, data=data, rolling_versions=True, versions_to_keep=2)["secret_name"]
        for data in "abbc"
    ]
    assert names == ["db_v1", "db_v2", "db_v2", "db_v3"]
    assert catalog.names(plain, "secret") == ["db_v2", "db_v3"]
    assert not do(plain, data="c", rolling_versions=True)["changed"]
    foretold = do(plain, check=True, data="d", rolling_versions=True)
    assert foretold["secret_name"] == "db_v4"
    do(plain, state="absent", rolling_versions=True)
    assert catalog.names(plain, "secret") == []


def test_a_config_may_be_seen(plain):
    done = do(plain, kind="config", data="level=1")
    assert base64.b64decode(done["config"]["Spec"]["Data"]) == b"level=1"
    assert done["warnings"] == []


@pytest.mark.skipif(shutil.which("systemd-creds") is None, reason="needs systemd-creds")
def test_by_systemd(engine, tmp_path, monkeypatch):
    """With a host key in a place of the test's own."""
    monkeypatch.setenv("SYSTEMD_CREDENTIAL_SECRET", str(tmp_path / "credential.secret"))
    method, sealed, why = sealing.seal(engine, "secret db", 1, MARK.encode())
    assert MARK.encode() not in sealed and not why
    assert sealing.unseal(engine, "secret db", 1, method, sealed) == MARK.encode()
    with pytest.raises(HostError, match="systemd-creds can't decrypt secret web"):
        sealing.unseal(engine, "secret web", 1, method, sealed)

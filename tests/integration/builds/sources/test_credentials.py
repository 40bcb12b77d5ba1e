# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A repository that a Containerfile names gets nothing of root's: no password of its home, no agent, no key; only what the build was given for it."""

from __future__ import annotations

import base64
import http.server
import json
import os
import shutil
import ssl
import subprocess
import threading

import pytest
from pycontainer import errors
from pycontainer.builds.parse import build_request
from pycontainer.builds.sources import git

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
TOKEN = "basic " + base64.b64encode(b"x-access-token:token").decode()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append(self.headers.get("Authorization"))
        if self.server.elsewhere:
            self.send_response(302)
            self.send_header("Location", self.server.elsewhere + self.path)
        else:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="x"')
            self.send_header("WWW-Authenticate", "Negotiate")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_words):
        pass


@pytest.fixture
def asked():
    """``asked(elsewhere=None) -> (address, list of the Authorization headers that come)``: a server that asks for a password, or sends on.

    With the path of a certificate and key it speaks TLS.
    """
    running = []

    def serve(elsewhere=None, pem=None):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if pem:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pem)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        server.seen, server.elsewhere = [], elsewhere
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        running.append((server, thread))
        return "http%s://127.0.0.1:%d" % ("s" * bool(pem), server.server_port), server.seen

    yield serve
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home with everything that git and ssh may find in one, also in the environment and in the current directory."""
    found = tmp_path / "home"
    (found / ".ssh").mkdir(parents=True)
    (found / ".netrc").write_text("machine 127.0.0.1 login root password secret\n")
    (found / ".netrc").chmod(0o600)
    (found / ".git-credentials").write_text("http://root:secret@127.0.0.1\n")
    (found / ".gitconfig").write_text(
        '[credential]\n\thelper = "!echo username=root; echo password=secret"\n'
        '[http]\n\textraHeader = "Authorization: secret"\n'
    )
    script = found / "askpass"
    script.write_text("#!/bin/sh\necho secret\n")
    script.chmod(0o755)
    for name in ("GIT_ASKPASS", "SSH_ASKPASS"):
        monkeypatch.setenv(name, str(script))
    for name, value in {
        "HOME": found,
        "XDG_CONFIG_HOME": found,
        "SSH_AUTH_SOCK": found / "agent",
        "GIT_CONFIG_COUNT": "1",
        "GIT_SSH": script,
        "GIT_SSH_COMMAND": "ssh -i /root/.ssh/id",
        "GIT_CONFIG_KEY_0": "http.extraHeader",
        "GIT_CONFIG_VALUE_0": "Authorization: secret",
    }.items():
        monkeypatch.setenv(name, str(value))
    here = tmp_path / "here"
    here.mkdir()
    subprocess.run(["git", "init", "-q", here], check=True)
    subprocess.run(
        ["git", "-C", here, "config", "http.extraHeader", "Authorization: secret"], check=True
    )
    monkeypatch.chdir(here)
    return found


def test_no_password_of_the_host_is_sent(builder, asked, home):
    address, seen = asked()
    for text in (
        f"FROM box:1\nADD {address}/x.git /a/",
        f"FROM box:1\nADD http://user@{address[7:]}/x.git /a/",
    ):
        with pytest.raises(
            errors.EngineError, match="git ls-remote: .*(could not read|Authentication failed)"
        ):
            builder(text)
    assert seen and set(seen) <= {None, "Basic " + base64.b64encode(b"user:").decode()}, seen
    with pytest.raises(errors.InvalidInput, match="git ls-remote: "):
        from pycontainer.builds.sources import context_fetch

        context_fetch.locate(builder.engine, address + "/x.git", build_request.BuildRequest())
    assert not [one for one in seen if one and "secret" in one]


def test_the_password_that_the_build_was_given_is_sent_to_nobody_else(builder, asked, home):
    address, seen = asked()
    other, astray = asked(address)
    for where in (address, other):
        with pytest.raises(errors.EngineError, match="git ls-remote: "):
            builder(
                f"FROM box:1\nADD {where}/x.git /a/", secrets={"GIT_AUTH_TOKEN": lambda: b"token\n"}
            )
    assert astray[0] == TOKEN and set(seen) == {TOKEN}
    seen.clear()
    with pytest.raises(errors.EngineError, match="git ls-remote: "):
        builder(
            f"FROM box:1\nADD {other}/x.git /a/", secrets={"GIT_AUTH_TOKEN": lambda: b"token\n"}
        )
    assert not seen


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_a_file_of_the_web_comes_by_tls_to_its_end(builder, asked, tmp_path, monkeypatch):
    """A server may lead to another one, but not out of TLS, and to no other protocol."""
    pem = tmp_path / "pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=a -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run([*command.split(), "-keyout", pem, "-out", tmp_path / "crt"], check=True)
    pem.write_text(pem.read_text() + (tmp_path / "crt").read_text())
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    monkeypatch.setenv("GIT_SSL_CAINFO", str(pem))
    plain, seen = asked()
    for address, said in (
        (asked(plain, pem)[0], "which is not encrypted"),
        (asked("ftp" + plain[4:])[0], "which is not http:// or https://"),
    ):
        with pytest.raises(errors.EngineError, match=f"the server leads to .*, {said}"):
            builder(f"FROM box:1\nADD {address}/f /a/")
    if shutil.which("git"):
        with pytest.raises(errors.EngineError, match="git ls-remote: "):
            builder(f"FROM box:1\nADD {asked(plain, pem)[0]}/x.git /a/")
    assert not seen


@pytest.mark.parametrize("agent", [None, "/run/an-agent"])
@pytest.mark.parametrize("address", ["git@127.0.0.1:x.git", "ssh://127.0.0.1/x.git"])
def test_ssh_is_given_the_builds_agent_or_nothing(
    builder, home, tmp_path, monkeypatch, agent, address
):
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "ssh").write_text(
        "#!/usr/bin/python3\nimport json, os, sys\njson.dump([sys.argv[1:], dict(os.environ)], "
        f"open({str(tmp_path / 'said')!r}, 'w'))\nsys.exit(1)\n"
    )
    (tools / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    with pytest.raises(errors.EngineError, match="git ls-remote: "):
        builder(f"FROM box:1\nADD {address} /a/", ssh={"default": agent} if agent else {})
    words, env = json.loads((tmp_path / "said").read_text())
    assert (
        env.get("SSH_AUTH_SOCK") == agent
        and env["HOME"] == "/dev/null"
        and not [name for name in env if "ASKPASS" in name and env[name]]
    )
    real = shutil.which("ssh", path="/usr/bin:/bin")
    if real is None:
        return
    host = [word for word in words if "127.0.0.1" in word][0]
    shown = subprocess.run(
        [real, "-G"] + words[: words.index(host)] + [host],
        env=env,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    settings = dict(line.partition(" ")[::2] for line in shown.lower().splitlines())
    assert (
        settings["identityfile"] == "/dev/null"
        and settings["gssapiauthentication"] == settings["passwordauthentication"] == "no"
    )
    assert settings["identityagent"] == ("ssh_auth_sock" if agent else "none") and (
        settings["pubkeyauthentication"] == "false"
    ) == (agent is None)


@pytest.mark.parametrize("url", ["file://%s", "ext::sh -c touch%% %s/touched", "%s"])
def test_submodules_come_over_the_network(tmp_path, home, monkeypatch, url):
    """A repository names the host's directories, or a program, as where its submodule comes from."""
    env = dict(
        os.environ,
        HOME=str(tmp_path),
        GIT_CONFIG_GLOBAL="/dev/null",
        XDG_CONFIG_HOME="/nonexistent",
        GIT_CONFIG_COUNT="0",
    )
    for name in ("GIT_AUTHOR", "GIT_COMMITTER"):
        env[name + "_NAME"], env[name + "_EMAIL"] = "a", "a@b"

    def run(*words):
        return subprocess.run(
            ("git",) + words, cwd=tmp_path, env=env, check=True, stdout=subprocess.PIPE, text=True
        ).stdout.strip()

    secret, outer = str(tmp_path / "secret"), str(tmp_path / "outer")
    for path in (secret, outer):
        run("init", "-q", "-b", "main", path)
        with open(os.path.join(path, "f"), "w") as file:
            file.write("of the host\n")
        run("-C", path, "add", "-A")
        run("-C", path, "commit", "-qm", "x")
    with open(os.path.join(outer, ".gitmodules"), "w") as file:
        file.write(f'[submodule "s"]\n\tpath = s\n\turl = "{url % secret}"\n')
    run(
        "-C",
        outer,
        "update-index",
        "--add",
        "--cacheinfo",
        f"160000,{run('-C', secret, 'rev-parse', 'HEAD')},s",
    )
    run("-C", outer, "add", ".gitmodules")
    run("-C", outer, "commit", "-qm", "y")
    repository, tool = git.Repository("https://example.com/x.git"), git.Git()
    repository.url = outer
    target = tmp_path / "target"
    target.mkdir()
    real = tool._environment
    with monkeypatch.context() as patch:  # the repository itself comes out of a directory here
        patch.setattr(
            tool, "_environment", lambda wanted: dict(real(wanted), GIT_ALLOW_PROTOCOL="file")
        )
        repository.submodules = False
        tool.check_out(repository, str(target), True)
    with pytest.raises(git.Trouble, match="git submodule: "):
        tool._run(
            repository,
            ["submodule", "update", "-q", "--init", "--recursive", "--depth=1"],
            str(target),
        )
    assert not os.path.exists(os.path.join(secret, "touched")) and not os.listdir(target / "s")

# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Git repositories as a build's context and as a source of ADD, by the host's ``git``
(gitrepository-layout(5), git-fetch(1)).

Their addresses: ``https://HOST/PATH.git``, ``git://...``, ``ssh://...`` and ``git@HOST:PATH``, with
``#REF:DIRECTORY`` or a query (``?branch=``, ``tag=``, ``ref=``, ``subdir=``, ``commit=``,
``keep-git-dir=``, ``submodules=``) after it.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
from urllib.parse import parse_qsl, urlsplit

from ...errors import reason, required
from ...kernel.mounts import rootfs
from ...store import tree_removal
from ...untrusted import trees as walks
from ...untrusted.text import printable, without_userinfo
from ..parse.expansion import Trouble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from subprocess import Popen

    from ..parse.build_request import Secret


MAX_OUTPUT = 64 << 20  # bytes: the branches and tags of the largest repositories are some MB
MAX_COMPLAINT = 1 << 16  # bytes, of which the last line is shown
QUIET = 60  # seconds without a byte
_KEPT = (
    "PATH",
    "TMPDIR",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
)
_SAFE = [
    word
    for setting in (
        "core.hooksPath=/dev/null",
        "core.fsmonitor=false",
        "core.askPass=",
        "credential.helper=",
        "advice.detachedHead=false",
        "init.defaultBranch=main",
        "http.emptyAuth=false",
        "http.lowSpeedLimit=1",
        f"http.lowSpeedTime={QUIET}",
    )
    for word in ("-c", setting)
]
# ssh takes root's home from the password database: no configuration, no keys, no tickets. Known
# hosts are no secret and are used.
_SSH = [
    "-F",
    "/dev/null",
    "-oBatchMode=yes",
    f"-oConnectTimeout={QUIET}",
    "-oIdentityFile=/dev/null",
    "-oGSSAPIAuthentication=no",
    "-oHostbasedAuthentication=no",
    "-oPasswordAuthentication=no",
    "-oKbdInteractiveAuthentication=no",
    "-oForwardAgent=no",
    "-oUpdateHostKeys=no",
    "-oPermitLocalCommand=no",
]
_NO_AGENT = ["-oIdentitiesOnly=yes", "-oIdentityAgent=none", "-oPubkeyAuthentication=no"]
_AGENT = ["-oIdentityAgent=SSH_AUTH_SOCK"]
_SCP = re.compile(r"[A-Za-z0-9._~-]+@[A-Za-z0-9.-]+:[^\s]+")
_QUERY = ("ref", "tag", "branch", "subdir", "checksum", "commit", "keep-git-dir", "submodules")
_HEX = re.compile("[0-9a-f]{4,64}")


def is_git(text: str) -> bool:
    """Tell whether ``text`` names a Git repository rather than a file, or a file of the web."""
    if text.startswith(("git://", "ssh://")) or _SCP.fullmatch(text.partition("#")[0]):
        return True
    return text.startswith(("http://", "https://")) and urlsplit(text).path.endswith(".git")


class Repository:
    """What an address names.

    :ivar ref: branch, tag or commit; "" for the default branch.
    :ivar directory: below its root, or "".
    :ivar commit: the beginning of the commit that it must be, or "".
    :ivar keep: whether ``.git`` stays; None where it does not say.
    :ivar submodules: whether these come too. :raises Trouble: for an address that can't be read.
    """

    url: str
    ref: str
    directory: str
    commit: str
    keep: bool | None
    submodules: bool

    def __init__(self, text: str) -> None:
        self.text, self.ref, self.directory, self.commit, self.keep, self.submodules = (
            text,
            "",
            "",
            "",
            None,
            True,
        )
        rest, dummy, fragment = text.partition("#")
        self.url, dummy, query = rest.partition("?")
        self.ref, dummy, self.directory = fragment.partition(":")
        for key, value in parse_qsl(query, keep_blank_values=True):
            self._take(key, value)
        if any(each.startswith("-") for each in (self.ref, self.url)):
            raise Trouble(f"{text}: a branch, tag or address can't begin with -")

    def _take(self, key: str, value: str) -> None:
        if key not in _QUERY:
            raise Trouble(f"{self.text}: {key} is not known; known: {', '.join(_QUERY)}")
        if key in ("keep-git-dir", "submodules"):
            if value.lower() not in ("", "1", "t", "true", "0", "f", "false"):
                raise Trouble(f"{self.text}: {key} takes true or false, not {value!r}")
            setattr(
                self,
                "keep" if key == "keep-git-dir" else key,
                value.lower() in ("", "1", "t", "true"),
            )
            return
        if not value:
            raise Trouble(f"{self.text}: {key} has no value")
        name = {"tag": "ref", "branch": "ref", "subdir": "directory", "checksum": "commit"}.get(
            key, key
        )
        value = {"tag": "refs/tags/", "branch": "refs/heads/"}.get(key, "") + value
        if getattr(self, name) not in ("", value):
            raise Trouble(f"{self.text}: it names two of {key}: {getattr(self, name)} and {value}")
        setattr(self, name, value)

    @property
    def shown(self) -> str:
        """The address without a password in it."""
        return without_userinfo(self.url)


class Git:
    """The host's ``git``, with none of the host's own credentials and settings.

    :param secrets: ``{id: what returns its bytes}``: GIT_AUTH_TOKEN and GIT_AUTH_HEADER, also with
        ``.HOST`` after it.
    :param agent: path of an SSH agent's socket, or None.
    """

    def __init__(
        self, secrets: Mapping[str, Secret] | None = None, agent: str | None = None
    ) -> None:
        self.secrets, self.agent = secrets or {}, agent

    def head(self, repository: Repository) -> str | None:
        """Ask for the current commit of the reference.

        :returns: None for one that only a fetch can resolve (the beginning of a commit that no
            branch or tag is at).
        :raises Trouble: when it has none, or it can't be asked.
        """
        ref = repository.ref or "HEAD"
        if re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", ref):
            return ref
        found = {}
        for line in self._run(repository, ["ls-remote", repository.url], None).splitlines():
            commit, dummy, name = line.partition("\t")
            found[name] = commit
        for name in (
            ref,
            "refs/heads/" + ref,
            "refs/tags/" + ref + "^{}",
            "refs/tags/" + ref,
            ref + "^{}",
        ):
            if found.get(name + "^{}") or found.get(name):
                return found.get(name + "^{}") or found[name]
        if _HEX.fullmatch(ref):
            begun = {commit for commit in found.values() if commit.startswith(ref)}
            return begun.pop() if len(begun) == 1 else None
        raise Trouble(f"{repository.shown} has no branch or tag {ref}")

    def check_out(
        self, repository: Repository, directory: str, keep: bool = False
    ) -> tuple[str, str]:
        """Put a repository's files into the empty ``directory``: files 0644 or 0755.

        :param keep: whether ``.git`` stays, where the address does not say.
        :returns: ``(commit, path of its files)``.
        :raises Trouble: where it can't be fetched, or is another commit than it must be.
        """
        if repository.keep is not None:
            keep = repository.keep
        commit = self.head(repository)
        self._run(repository, ["init", "-q"], directory)
        self._run(repository, ["remote", "add", "origin", repository.url], directory)
        commit = self._fetch(repository, commit, directory)
        if not commit.startswith(repository.commit):
            raise Trouble(
                f"{repository.shown}: {repository.ref or 'HEAD'} is the commit {commit}, not "
                f"{repository.commit}"
            )
        self._run(repository, ["checkout", "-q", "--detach", commit], directory)
        if repository.submodules and os.path.lexists(os.path.join(directory, ".gitmodules")):
            self._run(
                repository,
                ["submodule", "update", "-q", "--init", "--recursive", "--depth=1"],
                directory,
            )
        if not keep:
            _without_git(directory)
        return commit, _below(directory, repository)

    def _fetch(self, repository: Repository, commit: str | None, directory: str) -> str:
        """Fetch only what is needed where the server allows it, else everything.

        :returns: the commit.
        """
        if commit is not None:
            for wanted in dict.fromkeys((commit, repository.ref or "HEAD")):
                try:
                    self._run(
                        repository,
                        ["fetch", "-q", "--depth=1", "--no-tags", "origin", wanted],
                        directory,
                    )
                    return self._run(
                        repository, ["rev-parse", "FETCH_HEAD^{commit}"], directory
                    ).strip()
                except Trouble:
                    continue
        self._run(
            repository,
            [
                "fetch",
                "-q",
                "origin",
                "+refs/heads/*:refs/remotes/origin/*",
                "+refs/tags/*:refs/tags/*",
            ],
            directory,
        )
        return self._run(
            repository,
            ["rev-parse", "--verify", "-q", (commit or repository.ref) + "^{commit}"],
            directory,
        ).strip()

    def _run(self, repository: Repository, words: list[str], directory: str | None) -> str:
        """Run git in ``directory`` (None: in none).

        :returns: its output.
        :raises Trouble: with the last line that it complains with.
        """
        import subprocess  # here: few builds have a repository

        program = shutil.which("git")
        if program is None:
            raise Trouble(f"{repository.shown}: this needs the program git on the host")
        env = self._environment(repository)
        if repository.url.startswith("https://") and words[0] != "submodule":
            env["GIT_ALLOW_PROTOCOL"] = "https"  # a redirect does not lead out of TLS
        if directory is None:  # the settings of a repository that the caller is in are no better
            env["GIT_DIR"] = "/dev/null"
        try:
            process = subprocess.Popen(
                [program] + _SAFE + words,
                cwd=directory or "/",
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                umask=0o022,
            )
        except OSError as error:
            raise Trouble(f"git can't be run: {reason(error, named=True)}") from None
        with process:
            try:
                found, complaint = _heard(process)
            except BaseException:
                process.kill()
                raise
        if found is None:
            raise Trouble(
                f"{printable(repository.shown)}: git {words[0]} says more than {MAX_OUTPUT} bytes"
            )
        if process.returncode:
            said = [
                line for line in complaint.decode("utf-8", "replace").splitlines() if line.strip()
            ] or [f"it ended with exit code {process.returncode}"]
            raise Trouble(
                f"{printable(repository.shown)}: git {words[0]}: "
                f"{printable(without_userinfo(said[-1]))}"
            )
        return found.decode("utf-8", "replace")

    def _environment(self, repository: Repository) -> dict[str, str]:
        """Return the environment of git and its ssh: nothing of the user who builds is in it.

        The Containerfile chooses the repository's address. So root's home, agent and tickets must
        not reach the server that answers there.
        """
        env = {name: os.environ[name] for name in _KEPT if name in os.environ}
        env.update(
            LC_ALL="C",
            HOME="/dev/null",
            XDG_CONFIG_HOME="/dev/null",
            GIT_CONFIG_NOSYSTEM="1",
            GIT_CONFIG_SYSTEM="/dev/null",
            GIT_CONFIG_GLOBAL="/dev/null",
            GIT_ATTR_NOSYSTEM="1",
            GIT_TERMINAL_PROMPT="0",
            GIT_ASKPASS="",
            GIT_LFS_SKIP_SMUDGE="1",
            GIT_ALLOW_PROTOCOL="http:https:git:ssh",
            KRB5CCNAME="MEMORY:",
            KRB5_CLIENT_KTNAME="/dev/null",
            GIT_SSH_COMMAND=" ".join(["ssh"] + _SSH + (_AGENT if self.agent else _NO_AGENT)),
            GIT_SSH_VARIANT="ssh",
        )
        if self.agent:
            env["SSH_AUTH_SOCK"] = self.agent
        header = self._header(urlsplit(repository.url).hostname or "")
        if (
            header
        ):  # not on the command line, where others see it; and not to wherever the server sends us
            env.update(
                GIT_CONFIG_COUNT="2",
                GIT_CONFIG_KEY_0=f"http.{repository.url}.extraHeader",
                GIT_CONFIG_VALUE_0="Authorization: " + header,
                GIT_CONFIG_KEY_1=f"http.{repository.url}.followRedirects",
                GIT_CONFIG_VALUE_1="false",
            )
        return env

    def _header(self, host: str) -> str | None:
        for suffix in ("." + host, ""):
            if "GIT_AUTH_HEADER" + suffix in self.secrets:
                return os.fsdecode(self.secrets["GIT_AUTH_HEADER" + suffix]()).strip()
            if "GIT_AUTH_TOKEN" + suffix in self.secrets:
                token = self.secrets["GIT_AUTH_TOKEN" + suffix]().strip()
                return "basic " + base64.b64encode(b"x-access-token:" + token).decode()
        return None


def _heard(process: Popen[bytes]) -> tuple[bytes | bytearray | None, bytes | bytearray]:
    """Read what a process writes.

    :returns: its output, and the end of its errors. The output is None where it was too long and
        the process was killed.
    """
    import selectors  # loaded with subprocess

    output, complaint = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        for pipe, text in ((process.stdout, output), (process.stderr, complaint)):
            selector.register(required(pipe, "what git writes"), selectors.EVENT_READ, text)
        while selector.get_map():
            for key, _events in selector.select():
                piece = os.read(key.fd, 1 << 16)
                if not piece:
                    selector.unregister(key.fileobj)
                key.data.extend(piece)
            del complaint[:-MAX_COMPLAINT]
            if len(output) > MAX_OUTPUT:
                process.kill()
                return None, complaint
    return output, complaint


def _without_git(directory: str) -> None:
    for entry in walks.walk(directory, lambda entry: entry.name != ".git"):
        if entry.name == ".git":
            tree_removal.remove(os.path.join(directory, entry.path))


def _below(directory: str, repository: Repository) -> str:
    """Return the directory of the repository that is wanted; links in it lead nowhere else."""
    wanted = repository.directory.strip("/")
    if not wanted:
        return directory
    top = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        found = rootfs.open_in_root(top, wanted, os.O_RDONLY | os.O_DIRECTORY)
        try:
            return os.readlink(f"/proc/self/fd/{found}")
        finally:
            os.close(found)
    except OSError:
        raise Trouble(f"{repository.shown} has no directory {wanted}") from None
    finally:
        os.close(top)

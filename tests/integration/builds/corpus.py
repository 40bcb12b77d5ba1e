# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containerfiles, instruction by instruction and flag by flag. FROM is ``box:1`` where a text does not say it; each is built by us and by buildah.

``CASES``: ``{name: (text, options)}``. ``DIFFERENT``: cases in which we differ on purpose: ``{name: (what, reason)}`` where what is "config", "tree"
or "result" (one of the two refuses); docs/builds.md has the reasons too.
"""

from __future__ import annotations

import io
import tarfile


def archive(mode="w"):
    """A tar archive with a directory, files of an owner, and a link."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:
        for name, kind, content in (
            ("top", tarfile.DIRTYPE, b""),
            ("top/file", tarfile.REGTYPE, b"packed\n"),
            ("top/link", tarfile.SYMTYPE, b""),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.size, info.mtime, info.mode, info.uid, info.gid = (
                kind,
                len(content),
                1500000000,
                0o750,
                5,
                6,
            )
            info.linkname = "file" if kind == tarfile.SYMTYPE else ""
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def climbing():
    """A tar archive with an entry that would leave its directory."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo("../climbed")
        info.size = 1
        tar.addfile(info, io.BytesIO(b"c"))
    return buffer.getvalue()


def packed(*entries):
    """A tar archive of ``(name, type, content or target)``; each entry has an owner of its own, a hard link too."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for number, (name, kind, content) in enumerate(entries, 1):
            info = tarfile.TarInfo(name)
            info.type, info.mtime, info.mode, info.uid, info.gid = (
                kind,
                1500000000,
                0o700 + number,
                number,
                100 + number,
            )
            data = content.encode() if kind == tarfile.REGTYPE else b""
            info.size, info.linkname = len(data), "" if data else content
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


FILE, FOLDER, LINK, HARD = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
FIRST = packed(
    ("was-dir", FOLDER, ""),
    ("was-dir/in", FILE, "1"),
    ("was-file", FILE, "2"),
    ("was-link", LINK, "kept"),
    ("to-link", FOLDER, ""),
    ("to-link/in", FILE, "3"),
    ("file-to-link", FILE, "4"),
    ("link-to-file", LINK, "kept"),
    ("kept", FOLDER, ""),
    ("kept/a", FILE, "5"),
)
SECOND = packed(
    ("was-dir", FILE, "6"),
    ("was-file", FOLDER, ""),
    ("was-file/in", FILE, "7"),
    ("was-link", FOLDER, ""),
    ("was-link/in", FILE, "8"),
    ("to-link", LINK, "kept"),
    ("file-to-link", LINK, "kept"),
    ("link-to-file", FILE, "9"),
    ("kept", FOLDER, ""),
    ("kept/b", FILE, "10"),
)
HARD_LINKS = packed(
    ("file", FILE, "f"),
    ("hard", HARD, "file"),
    ("other", FILE, "o"),
    ("kept", FOLDER, ""),
    ("kept/hard", HARD, "other"),
)

FILES = {
    "a.txt": "a\n",
    "b.txt": "b\n",
    "c.md": "c\n",
    "script.sh": {"mode": 0o755, "text": "#!/bin/sh\necho script\n"},
    "private": {"mode": 0o600, "text": "p\n"},
    "dir/one": "1\n",
    "dir/two": "2\n",
    "dir/sub/three": "3\n",
    "dir/sub/four.md": "4\n",
    "empty/": None,
    "other/a.txt": "other\n",
    "with space.txt": "s\n",
    "[x].txt": "x\n",
    "link": ("link", "a.txt"),
    "dirlink": ("link", "dir"),
    "outside": ("link", "../../../../etc/passwd"),
    "deep/er/link": ("link", "../../a.txt"),
    "deep/down/file": "deep\n",
    "archive.tar": archive(),
    "archive.tar.gz": archive("w:gz"),
    "archive.tar.xz": archive("w:xz"),
    "archive.tar.bz2": archive("w:bz2"),
    "not.tar": "not an archive\n",
    ".hidden": "h\n",
    "climbing.tar": climbing(),
    "1st.tar": FIRST,
    "2nd.tar": SECOND,
    "hard.tar": HARD_LINKS,
}

CASES = {}


def case(name, text, **options):
    assert name not in CASES
    CASES[name] = (
        text
        if text.lstrip().upper().startswith(("FROM", "ARG", "#")) or "\nFROM" in text
        else "FROM box:1\n" + text,
        options,
    )


# ----- FROM, ARG and stages
case("from alone", "FROM box:1")
case("from lower case", "from box:1\nrun echo x > /x")
case("from with a name", "FROM box:1 AS one\nRUN echo x > /x\nFROM one\nRUN echo y > /y")
case("from scratch", "FROM scratch\nCOPY a.txt /")
case("from scratch with metadata", 'FROM scratch\nCOPY a.txt /\nENV A=1\nCMD ["/a"]')
case("from with an argument", "ARG TAG=1\nFROM box:${TAG}\nRUN echo x > /x")
case("from with a default", "ARG TAG\nFROM box:${TAG:-1}")
case("global argument in a stage", 'ARG V=global\nFROM box:1\nARG V\nRUN echo "v=$V" > /x')
case("global argument is not there without ARG", 'ARG V=global\nFROM box:1\nRUN echo "v=$V" > /x')
case("argument with a default", 'ARG A=one\nRUN echo "$A" > /x', args={})
case("argument given", 'FROM box:1\nARG A=one\nRUN echo "$A" > /x', args={"A": "two"})
case("argument without a value", 'FROM box:1\nARG A\nRUN echo "${A-unset}" > /x')
case("argument from an argument", "FROM box:1\nARG A=1\nARG B=$A-2\nRUN echo $B > /x")
case("argument after its use", 'FROM box:1\nRUN echo "${A-unset}" > /x\nARG A=1', args={"A": "2"})
case(
    "environment over argument",
    "FROM box:1\nARG A=arg\nENV A=env\nRUN echo $A > /x",
    args={"A": "given"},
)
case(
    "environment from argument",
    "FROM box:1\nARG A=arg\nENV B=$A\nRUN echo $B > /x",
    args={"A": "given"},
)
case("two arguments in one", "FROM box:1\nARG A=1 B=2\nRUN echo $A$B > /x")
case(
    "copy from a stage",
    "FROM box:1 AS one\nRUN mkdir /out && echo 1 > /out/f && chown 33:34 /out/f\nFROM box:1\nCOPY "
    "--from=one /out /in",
)
case("copy from a stage by number", "FROM box:1\nRUN echo 1 > /f\nFROM box:1\nCOPY --from=0 /f /g")
case("copy from an image", "COPY --from=box:1 /srv/data /in")
case(
    "copy from a stage with owners",
    "FROM box:1 AS one\nRUN mkdir /o && echo 1 > /o/f && chown -R 33:34 /o && chmod 640 "
    "/o/f\nFROM box:1\nCOPY --from=one /o/f /f",
)
case("stage that is not needed", "FROM box:1 AS bad\nRUN false\nFROM box:1\nRUN echo x > /x")
case("target", "FROM box:1 AS one\nRUN echo 1 > /x\nFROM box:1 AS two\nRUN false", target="one")
case(
    "arguments in a stage of a stage",
    'FROM box:1 AS one\nARG A=1\nENV B=2\nFROM one\nRUN echo "${A-unset} $B" > /x',
)
case(
    "platform arguments",
    "FROM box:1\nARG TARGETARCH\nARG TARGETOS\nARG TARGETPLATFORM\nRUN echo $TARGETOS $TARGETARCH "
    "$TARGETPLATFORM > /x",
)

# ----- words
case(
    "variables",
    'FROM box:1\nENV A=1 B="two words" C=\'$A\' D=$A E=${A}x F=\\$A\nRUN echo "$A $B $C $D $E $F" > /x',
)
case(
    "environment of one instruction is the old",
    "FROM box:1\nENV A=1\nENV A=2 B=$A\nRUN echo $A $B > /x",
)
case("environment in the old form", 'FROM box:1\nENV A some  words "quoted"\nRUN echo "$A" > /x')
case(
    "environment with defaults",
    "FROM box:1\nENV S=set\nENV A=${S:-d} B=${N:-d} C=${S:+y} D=${N:+y}\nRUN echo $A $B $C $D > /x",
)
case(
    "environment over several lines",
    "FROM box:1\nENV A=1 \\\n    B=2 \\\n    # comment\n    C=3\nRUN echo $A $B $C > /x",
)
case("environment replaces", "FROM box:1\nENV FROM=here\nENV PATH=/opt:$PATH")
case("escape directive", "# escape=`\nFROM box:1\nRUN echo a `\n  b > /x\nENV A=a\\b")
case(
    "comments and blank lines",
    "# top\nFROM box:1\n\n  # in between\nRUN echo a \\\n# inside\n && echo b > /x\n",
)
case("labels", 'FROM box:1\nLABEL a=1 "b c"="d e" f=\'g\'\nLABEL a=2\nENV V=x\nLABEL v=$V')
case("label in the old form", "FROM box:1\nLABEL key value of it")

# ----- RUN
case("run in exec form", 'RUN ["/bin/sh", "-c", "echo $0 > /x"]')
case("run with a broken list", "RUN [ -f /etc/passwd ] && echo yes > /x")
case("run as a user", "USER www\nRUN id -u > /tmp/x; id -g >> /tmp/x; echo $HOME >> /tmp/x")
case("run as a numeric user", "USER 5:6\nRUN id -u > /tmp/x; id -g >> /tmp/x")
case("run in a directory", "WORKDIR /a/b\nRUN pwd > x")
case("run removes", "RUN rm -r /srv/data && mkdir /srv/data && echo new > /srv/data/new")
case("run removes and makes again", "RUN rm /srv/data/file\nRUN echo again > /srv/data/file")
case(
    "run changes attributes",
    "RUN chmod 700 /srv/data/file && chown 33 /srv/data && ln /srv/data/other /srv/hard && mkfifo "
    "/srv/fifo",
)
case("run replaces a directory by a file", "RUN rm -r /srv && echo file > /srv")
case(
    "run replaces a file by a directory",
    "RUN rm /srv/data/file && mkdir /srv/data/file && echo 1 > /srv/data/file/x",
)
case("run renames a directory", "RUN mkdir /n && echo 1 > /n/a && mv /n /m")
case("run in a heredoc", "RUN <<EOF\necho one > /x\necho two >> /x\nEOF")
case("run with an indented heredoc", "RUN <<-EOF\n\techo one > /x\n\t\techo two >> /x\n\tEOF")
case("run with a program in a heredoc", "RUN <<EOF\n#!/bin/sh\necho $0 | sed 's,.*/,,' > /x\nEOF")
case(
    "run with an indented program in a heredoc",
    "RUN <<-EOF\n\t#!/bin/sh -e\n\techo $0 | sed 's,.*/,,' > /x\n\tEOF",
)
case("run with a heredoc as input", "RUN cat <<EOF > /x\nhome=$HOME\nEOF")
case("run with a quoted heredoc as input", "RUN cat <<'EOF' > /x\nhome=$HOME\nEOF")
case("run with two heredocs", "RUN cat <<A > /a && cat <<B > /b\none\nA\ntwo\nB")
case("run that changes nothing", "RUN true")
case(
    "run with a shell of its own",
    'SHELL ["/bin/busybox", "ash", "-c"]\nRUN echo x > /x\nCMD echo hi\nENTRYPOINT foo',
)
case(
    "run with a tmpfs",
    "RUN --mount=type=tmpfs,target=/scratch echo 1 > /scratch/x && ls /scratch > /x",
)
case("run with a bind of the context", "RUN --mount=type=bind,target=/ctx cat /ctx/a.txt > /x")
case(
    "run with a bind of a directory of the context",
    "RUN --mount=target=/ctx,source=dir ls /ctx > /x",
)
case(
    "run with a bind of a stage",
    "FROM box:1 AS one\nRUN echo 1 > /f\nFROM box:1\nRUN --mount=from=one,target=/one,source=/ "
    "cat /one/f > /x",
)
case("run with a cache", "RUN --mount=type=cache,target=/cache echo 1 > /cache/x && ls /cache > /x")
case("run with no network", "RUN --network=none echo 1 > /x")

# ----- COPY
case("copy a file", "COPY a.txt /x")
case("copy a file into a directory", "COPY a.txt /srv/data/")
case("copy a file into a directory without a slash", "COPY a.txt /srv/data")
case("copy a file into a new directory", "COPY a.txt /new/deep/")
case("copy a file to a new path", "COPY a.txt /new/deep/name")
case("copy a file over a file", "COPY a.txt /srv/data/file")
case("copy a file to a relative path", "WORKDIR /w\nCOPY a.txt x\nCOPY b.txt ./\nCOPY c.md sub/")
case("copy a file to the working directory", "WORKDIR /w\nCOPY a.txt .")
case("copy two files", "COPY a.txt b.txt /new/")
case("copy with a wildcard", "COPY *.txt /new/")
case("copy with a question mark", "COPY ?.txt /new/")
case("copy with a class", "COPY [ab].txt /new/")
case("copy with an escaped wildcard", "COPY \\[x\\].txt /new/")
case("copy in the json form", 'COPY ["with space.txt", "/new dir/"]')
case("copy everything", "COPY . /new/")
case("copy everything without a slash", "COPY . /new")
case("copy a directory", "COPY dir /new")
case("copy a directory with a slash", "COPY dir/ /new/")
case("copy a directory onto one", "COPY dir /srv/data")
case("copy two directories", "COPY dir other /new/")
case("copy an empty directory", "COPY empty /new")
case("copy a directory to the root", "COPY dir /")
case("copy a link", "COPY link /x")
case("copy a link to a directory", "COPY dirlink /new")
case("copy a directory with links", "COPY deep /new/")
case("copy through a link of the image", "COPY a.txt /data/x\nCOPY b.txt /lib/y")
case("copy with a leading slash", "COPY /a.txt /dir/one /new/")
case("copy with dots", "COPY ./dir/../a.txt /x")
case("copy a mode", "COPY script.sh private /new/")
case("copy with an owner", "COPY --chown=33:34 dir /new/")
case("copy with an owner by name", "COPY --chown=www:web a.txt /x")
case("copy with an owner without a group", "COPY --chown=33 a.txt /x")
case("copy with an owner's name without a group", "COPY --chown=www a.txt /x")
case("copy with a mode", "COPY --chmod=711 a.txt /x")
case("copy a directory with a mode", "COPY --chmod=755 dir /new/")
case("copy with a variable", "ENV D=/new S=a\nCOPY $S.txt ${D}/x")
case("copy a heredoc", "COPY <<EOF /x\nhello $FROM\nEOF")
case("copy a quoted heredoc", 'COPY <<"EOF" /x\nhello $FROM\nEOF')
case("copy a heredoc into a directory", "COPY <<one <<two /new/\n1\none\n2\ntwo")
case("copy a hidden file", "COPY .hidden /new/")
case("copy with link", "COPY --link a.txt /srv/data/x")
case("copy a directory with link", "COPY --link dir /new/")
case("copy with exclude", "COPY --exclude=*.md dir /new/")
case(
    "copy what was removed again",
    "COPY a.txt /n/x\nRUN rm /n/x && echo 1 > /n/y\nCOPY a.txt /n/x\nRUN cat /n/x > /z",
)
case("copy twice", "COPY a.txt /x\nCOPY b.txt /x")

# ----- ADD
case("add a file", "ADD a.txt /x")
case("add a directory", "ADD dir /new/")
case("add an archive", "ADD archive.tar /new/")
case("add an archive without a slash", "ADD archive.tar /new")
case("add a gzip archive", "ADD archive.tar.gz /new/")
case("add an xz archive", "ADD archive.tar.xz /new/")
case("add a bzip2 archive", "ADD archive.tar.bz2 /new/")
case("add what is no archive", "ADD not.tar /new/")
case("add an archive and a file", "ADD archive.tar a.txt /new/")
case("add several archives", "ADD 1st.tar 2nd.tar /new/")
case("add several archives and a file", "ADD 1st.tar a.txt hard.tar 2nd.tar /new/")
case("add several archives the other way round", "ADD 2nd.tar 1st.tar /new/")
case("add several archives by a pattern", "ADD [12]*.tar /new/")
case("add several archives without a slash", "ADD 1st.tar 2nd.tar /new")
case("add an archive over other types", "ADD 1st.tar /new/\nADD 2nd.tar /new/")
case("add an archive over other types the other way round", "ADD 2nd.tar /new/\nADD 1st.tar /new/")
case(
    "add an archive over other types of a stage",
    "FROM box:1 AS one\nADD 1st.tar /new/\nFROM one\nADD 2nd.tar /new/",
)
case("add an archive with hard links", "ADD hard.tar /new/")
case("copy an archive", "COPY archive.tar /new/")
case("add an archive with an owner", "ADD --chown=33:34 archive.tar /new/")

# ----- configuration
case("command in shell form", "CMD echo $HOME")
case("command in exec form", 'CMD ["a", "b c"]')
case("entrypoint resets the command", 'ENTRYPOINT ["a"]')
case("entrypoint and command", 'CMD ["b"]\nENTRYPOINT ["a"]')
case("entrypoint in shell form", "ENTRYPOINT exec top")
case("last command wins", "CMD a\nCMD b")
case("user", "USER www")
case("user with a group", "USER 5:6")
case("user from a variable", "ENV U=www\nUSER ${U}")
case("working directory", "WORKDIR /a\nWORKDIR b\nWORKDIR ../c\nRUN pwd > /x")
case("working directory that is there", "WORKDIR /srv/data")
case("working directory from a variable", "ENV D=/v\nWORKDIR $D/x")
case("working directory after a user", "USER www\nWORKDIR /mine")
case("expose", "EXPOSE 80 443/tcp 53/udp")
case("expose a range", "EXPOSE 8000-8002/udp")
case("expose a variable", "ENV P=81\nEXPOSE $P ${P}/udp")
case("volume", "VOLUME /v1 /v2")
case("volume in the json form", 'VOLUME ["/v 1"]')
case("stop signal", "STOPSIGNAL SIGQUIT")
case("stop signal by number", "STOPSIGNAL 9")
case(
    "health check",
    "HEALTHCHECK --interval=5s --timeout=3s --start-period=1m --retries=4 CMD test -f /x",
)
case("health check in exec form", 'HEALTHCHECK CMD ["test", "-f", "/x"]')
case("no health check", "HEALTHCHECK NONE")
case("maintainer", "MAINTAINER Somebody <a@b.c>")
case("onbuild", "ONBUILD RUN echo x > /x\nONBUILD COPY a.txt /y")
case(
    "onbuild fires in a stage",
    "FROM box:1 AS one\nONBUILD RUN echo x > /x\nFROM one\nRUN cat /x > /y",
)
case("label of the build", "LABEL a=1", labels={"b": "2", "a": "3"})

# ----- corners
case("copy with a wildcard that matches directories", "COPY dir/* /new/")
case("copy with a wildcard for directories", "COPY d* /new/")
case("copy onto a link to a file", "RUN ln -s /srv/data/file /l\nCOPY a.txt /l")
case("copy onto a link to a new file", "RUN ln -s /srv/data/made /l\nCOPY a.txt /l")
case("copy a directory onto a link to one", "RUN ln -s /srv/data /l\nCOPY dir /l")
case(
    "copy a directory with a link's name in it",
    "RUN mkdir /new && ln -s /srv/data /new/sub\nCOPY dir /new",
)
case(
    "copy a file over a link in a directory",
    "RUN mkdir /new && ln -s /etc/passwd /new/one\nCOPY dir /new",
)
case("copy keeps what a directory has", "RUN mkdir -m 700 /new && chown 5:6 /new\nCOPY dir /new")
case("copy makes parents of root's", "COPY --chown=5:6 a.txt /p/q/r/x")
case("copy a directory with an owner makes parents", "COPY --chown=5:6 dir /p/q/")
case("copy the working directory into it", "WORKDIR /app\nCOPY . .")
case(
    "copy from a stage with a wildcard",
    "FROM box:1 AS one\nRUN mkdir /o && touch -d 2020-01-01 /o/a1 /o/a2 /o/b\nFROM box:1\nCOPY "
    "--from=one /o/a* /new/",
)
case(
    "copy from a stage through a link",
    "FROM box:1 AS one\nRUN mkdir /o && echo 1 > /o/f && ln -s /o /l && ln -s f /o/g\nFROM "
    "box:1\nCOPY --from=one /l/f /x\nCOPY --from=one /o/g /y",
)
case(
    "copy a directory from a stage with modes",
    "FROM box:1 AS one\nRUN mkdir -m 2750 /o && mkdir -m 1777 /o/t && chown 33:34 /o\nFROM "
    "box:1\nCOPY --from=one /o /new/",
)
case(
    "copy the root of a stage",
    "FROM scratch AS one\nCOPY dir /d/\nFROM box:1\nCOPY --from=one / /new/",
)
case(
    "add an archive over files",
    "RUN mkdir -p /new/top && echo old > /new/top/file && ln -s /etc /new/top/link\nADD "
    "archive.tar /new/",
)
case("ignored files", "COPY . /new/", ignore="*.txt\n!b.txt\ndir/sub\n**/one\n")
case("ignored directory with an exception", "COPY . /new/", ignore="dir\n!dir/sub/three\n")
case("ignored file that is named", "COPY a.txt /x", ignore="a.txt\n")
case("everything ignored but", "COPY . /new/", ignore="*\n!*.md\n!other\n")
case("empty entrypoint", 'ENTRYPOINT []\nCMD ["a"]')
case("empty command", "CMD []")
case("environment with quotes in quotes", 'ENV A="it\'s" B=\'say "x"\' C=a\\ b D="a\\"b"')
case("environment with an equals sign", 'ENV A=b=c OPTS="-x=1 -y=2"')
case("label over lines", 'LABEL a="one" \\\n      b="two"\nLABEL c="x\\\ny"')
case("write into a volume after it", "VOLUME /srv/data\nRUN echo x > /srv/data/later")
case("expose twice", "EXPOSE 80\nEXPOSE 80/tcp 80/udp")
case("health check of the base", "FROM box:1 AS one\nHEALTHCHECK CMD a\nFROM one\nCMD b")
case("shell of the base", 'FROM box:1 AS one\nSHELL ["/bin/busybox", "sh", "-c"]\nFROM one\nCMD b')
case(
    "command of the base and a new entrypoint",
    'FROM box:1 AS one\nCMD ["c"]\nFROM one\nENTRYPOINT ["e"]',
)
case(
    "user of the base",
    "FROM box:1 AS one\nUSER www\nFROM one\nRUN id -u > /tmp/x\nCOPY a.txt /tmp/y",
)
case("argument in a flag", "ARG W=33\nFROM box:1\nARG W\nCOPY --chown=$W:$W a.txt /x")
case(
    "run with an argument of a proxy",
    'RUN echo "${HTTP_PROXY-unset}" > /x',
    args={"HTTP_PROXY": "http://p:1"},
)
case("run with a pipe and quotes", "RUN echo \"a  b\" | sed 's/a/\\$/' > /x; echo '$HOME' >> /x")
case(
    "run over lines with comments",
    "RUN set -e; \\\n    # first\n    echo one > /x; \\\n\n    echo two >> /x",
)
case("stop signal of the base", "FROM box:1 AS one\nSTOPSIGNAL SIGUSR1\nFROM one\nLABEL x=y")
case(
    "many stages",
    "FROM box:1 AS a\nRUN echo a > /a\nFROM a AS b\nRUN echo b > /b\nFROM b AS c\nCOPY --from=a "
    "/a /c\nFROM box:1\nCOPY --from=c / /all/",
)

# ----- the reference's rules once more, in corners: these were built by BuildKit too, with the same result
case("byte order mark", "\ufeffFROM box:1\nRUN echo a > /x")
case("carriage returns", "FROM box:1\r\nENV A=1 \\\r\n  B=2\r\nRUN echo $A \\\r\n  $B > /x\r\n")
case("comments in a continuation", "RUN echo a \\\n  # c1\n# c2\n  b \\\n\n  c > /x")
case("blanks before everything", "   FROM box:1\n\t RUN echo a > /x\n     # comment\n   ENV   A=1")
case("a continuation alone on its line", "ENV a=1 \\\n\\\n b=2")
case("an unknown directive", "# foo=bar\n# escape=`\nFROM box:1\nENV A=a\\ b")
case(
    "environment in all forms",
    'ENV a=b\\ c d="e f" g=\'h i\' j=k\\"l m="n\\"o" p=\'q\\\' r="s\\t" u=\\t',
)
case("environment old with quotes", "ENV A \"b\" 'c' $FROM")
case("environment with empty values", "ENV A= B=\"\" C=''")
case("environment named by a variable", "ENV K=name\nENV $K=v x$K=w")
case(
    "environment with nested defaults",
    "ENV A=x\nENV B=${N:-${M:-$A}} C=${A:+${A}y} D=${N-'q $A'} E=\"${N:-a b}\"",
)
case(
    "labels in all forms",
    'LABEL a=b "c d"="e f" g=\'h i\' j= "k"=l\nLABEL multi="a \\\nb"\nLABEL com.example.x.y=1',
)
case("argument after the environment", "FROM box:1\nARG A=1\nENV A=2\nRUN echo $A > /x")
case(
    "arguments in a chain",
    "ARG A=1\nARG B=$A-2\nARG C=${B}-3\nFROM box:1\nARG C\nARG B\nRUN echo $A $B $C > /x",
    args={"A": "9"},
)
case("argument named again", "FROM box:1\nARG A=1\nARG A\nRUN echo $A > /x")
case("argument given empty", "FROM box:1\nARG A=1\nRUN echo [$A] > /x", args={"A": ""})
case(
    "argument of the platform given",
    "FROM box:1\nARG TARGETARCH\nRUN echo [$TARGETARCH] > /x",
    args={"TARGETARCH": "mine"},
)
case("working directory of a numeric user", "USER 7\nWORKDIR /a/b/c")
case("working directory through a link", "WORKDIR /lib/x")
case("working directory above the root", "WORKDIR /../../a")
case(
    "triggers of all kinds",
    "FROM box:1 AS a\nONBUILD ENV A=1\nONBUILD RUN echo $A > /x\nONBUILD WORKDIR /w\nONBUILD COPY "
    "--chown=33 a.txt .\n"
    "FROM a AS b\nRUN cat /x > /y\nFROM b\nRUN cat /x > /z",
)
case("trigger with a tab", "ONBUILD\tRUN\techo a")
case("health check with a tab", "HEALTHCHECK CMD\ta b")
case("health check of a shell", 'SHELL ["/bin/busybox","sh","-c"]\nHEALTHCHECK CMD a b')
case(
    "copy over directories with other attributes",
    "RUN mkdir -m 700 -p /n/sub && chown 5:6 /n/sub /n && chmod 711 /n\nCOPY dir /n/",
)
case(
    "copy below a link of the same name",
    "RUN mkdir /n && ln -s /etc/passwd /n/a.txt\nCOPY a.txt /n/",
)
case("copy with a pattern that matches nothing beside a file", "COPY nope* a.txt /n/")
case("copy with a group alone", "COPY --chown=:web a.txt /n")
case("add an archive with entries that climb", "ADD climbing.tar /n/")
case("ignored with a comment that is none", "COPY . /new/", ignore=" #a.txt\n*.md\n")

# ----- what is refused
case("unknown instruction", "FOO bar")
case("unknown flag", "COPY --foo=1 a.txt /x")
case("missing file", "COPY missing /x")
case("missing pattern", "COPY *.zip /x/")
case("source outside of the context", "COPY ../outside /x")
case("link outside of the context", "COPY outside /x")
case("two files without a slash", "COPY a.txt b.txt /new")
case("failing command", "RUN exit 3")
case("missing program", 'RUN ["/no/such"]')
case("unknown stage", "COPY --from=nosuch:1 /x /y")
case("unknown user in run", "USER nobody-knows\nRUN id")
case("run in scratch", "FROM scratch\nRUN echo x")
case("copy a directory onto a file", "COPY dir /srv/data/file")
case("unknown signal", "STOPSIGNAL NOSUCH")
case("bad port", "EXPOSE 99999")

OLD = "buildah 1.28 does not know it yet"
DIFFERENT = dict(
    {
        "run " + name: ("result", OLD)
        for name in (
            "in a heredoc",
            "with an indented heredoc",
            "with an indented program in a heredoc",
            "with a program in a heredoc",
            "with a heredoc as input",
            "with a quoted heredoc as input",
            "with two heredocs",
        )
    },
    **{
        "copy " + name: ("result", OLD)
        for name in (
            "a heredoc",
            "a quoted heredoc",
            "a heredoc into a directory",
            "with link",
            "a directory with link",
            "with exclude",
        )
    },
    **{
        "arguments in a stage of a stage": (
            "tree",
            "a stage has the arguments of the stage it begins with, as with BuildKit",
        ),
        "escape directive": (
            "config",
            "with another escape character a backslash is a character like others, as with "
            "BuildKit",
        ),
        "run with a shell of its own": (
            "config",
            "SHELL is for ENTRYPOINT's shell form too, as with BuildKit",
        ),
        "run with no network": ("result", "buildah's isolation by chroot has no networks"),
        "copy with a wildcard": (
            "result",
            "buildah takes the name [x].txt, which matches, for a pattern in turn",
        ),
        "expose a range": ("config", "a range of ports is written out, as with BuildKit"),
        "add several archives without a slash": (
            "result",
            "the destination of several sources ends with a slash, as with BuildKit",
        ),
        "volume": ("tree", "VOLUME makes no directory in the image, as with BuildKit"),
        "volume in the json form": (
            "tree",
            "VOLUME makes no directory in the image, as with BuildKit",
        ),
        "copy onto a link to a file": (
            "tree",
            "what the link names is written, as with BuildKit; buildah replaces the link",
        ),
        "copy onto a link to a new file": (
            "tree",
            "what the link names is made, as with BuildKit; buildah makes a directory of that name",
        ),
        "copy a directory with a link's name in it": (
            "tree",
            "the link's directory is filled; buildah replaces the link, BuildKit refuses",
        ),
        "write into a volume after it": ("tree", "it is kept, as with BuildKit"),
        "expose twice": ("config", "buildah loses the second protocol"),
        "shell of the base": ("config", "the base's SHELL is for the child too, as with BuildKit"),
        "many stages": ("tree", "buildah's stages have the mount points of its containers in them"),
        "two files without a slash": ("result", "the Dockerfile reference wants a slash there"),
        "bad port": ("result", "a port is at most 65535"),
        "environment with nested defaults": ("result", "buildah 1.28 knows no ${NAME-word}"),
    },
)

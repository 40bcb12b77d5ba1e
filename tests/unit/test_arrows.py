# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may import whom (docs/architecture.md), and that each file is used."""

from __future__ import annotations

import ast
import collections
import functools
import graphlib
import importlib
import pathlib
import re
import sys

import pytest

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
RUNTIME = CHECKOUT / "plugins" / "module_utils" / "_runtime"
NOUNS = {"builds", "containers", "delivery", "images", "networks", "registry", "secrets", "volumes"}
TOP = {"cli", "host"}  # what stands above the nouns
GROUND = {"errors", "json_text", "lazy", "units", "untrusted"}  # what everybody may use
FOREIGN = {  # who may import what is neither the standard library nor relative
    "pyroute2": ("networks/",),
    "_cffi_backend": (
        "kernel/calls/ffi.py",
        "layers/compression/library_ffi.py",
        "secrets/cipher_ffi.py",
        "containers/monitor/zygote_main.py",
    ),
    "pycontainer": ("containers/monitor/zygote_main.py",),
}
OPTIONAL = {
    "zstandard",
    "isal",
    "yaml",  # CDI specifications may be JSON: containers/devices/cdi_specs.py
    "zlib_ng",  # only faster with them: layers/compression/compressed_streams.py looks whether they are there
    "cryptography",
}  # images/trust/keys.py does without where the command openssl is there
FOLDER = 14  # files that a chapter has at most

# The parts of the house, lowest floor first: a file imports from its own part and from floors below.
FLOORS = [
    "text lazy fingerprint",
    "errors",
    "untrusted",
    "units json_text options",
    "kernel store",
    "keeper_client",
    "progress reconcile",
    "events",
    "engine",
    "oci layers",
    "deploy",
    "rootless",
    "images networks secrets",
    "volumes",
    "delivery containers registry",
    "builds",
    "nouns",
    "host",
    "cli",
]

# Files that stand on a floor of their own: what errors are made of, the version of what is laid down, and what asks the keeper of a
# user's namespaces.
ALONE = {
    "rootless.keeper_client": "keeper_client",
    "untrusted.text": "text",
    "deploy.fingerprint": "fingerprint",
}

# The chapters of each part, lowest first: a file imports from its own chapter and those before it. What shares a line does not know each other.
CHAPTERS = {
    "kernel": [
        "calls",
        "files processes",
        "isolation",
        "mounts",
        "seccomp net systemd",
        "programs",
        "cgroups.hierarchy",
        "cgroups.limits cgroups.usage",
        "cgroups",
        "cgroups.systemd",
        "",
    ],
    "oci": [
        "spec",
        "features",
        "launch",
        "checkpoint",
        "command",
        "command.commands command.queries",
        "",
    ],
    "layers": ["tar compression", ""],
    "images": ["model", "client", "configuration", "trust", "library", "archives", "plans", ""],
    "containers": [
        "options",
        "devices",
        "records",
        "spec",
        "client",
        "view",
        "log_drivers",
        "access",
        "lifecycle",
        "plans",
        "workers",
        "monitor",
        "",
    ],
    "networks": ["traffic", "firewalls", "drivers", "names", "", "diagnosis"],
    "registry": ["content", "http", "proxy", "service", ""],
    "builds": ["parse", "trees", "sources", "stage", "cache", "steps", "outputs", "plans", ""],
    "cli": ["", "commands", "commands.containers commands.images commands.system"],
}

# Names that two files have: those of roles that nouns have, and those of commands, which are what their readers search for.
ROLES = {"__init__", "catalog", "recovery", "task"}
COMMANDS = {"create", "features", "kill", "start"}

# Who imports by a name that is made at run time, and what for. Each stands where it may import anything that it can name.
BY_STRING = {
    "lazy.py": "the names of a package's own files, which are read from its table below",
    "cli/__init__.py": "the command's own file below cli/commands, by the table of commands",
    "oci/command/main.py": "the command's own file below oci/command",
    "oci/command/module_archive.py": "what a command's file imports, to put it into the archive",
    "layers/compression/compressed_streams.py": "libraries that a host may lack",
}

FILES = sorted(path.relative_to(RUNTIME).as_posix() for path in RUNTIME.rglob("*.py"))


def module_of(path):
    """``store/paths.py`` -> ``store.paths``; a package's ``__init__.py`` is the package."""
    return re.sub(r"(/?__init__)?\.py$", "", path).replace("/", ".")


MODULES = {module_of(path): path for path in FILES}


@functools.cache
def tree(path):
    """A file of the runtime, parsed: once, for all tests ask for it."""
    return ast.parse((RUNTIME / path).read_text(encoding="utf-8"))


def nodes(path, hints):
    """All nodes of a file. :param hints: whether those that only type hints need are among them."""
    waiting = [tree(path)]
    while waiting:
        node = waiting.pop()
        if hints or not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield node
            waiting += ast.iter_child_nodes(node)


@functools.cache
def inner(path, hints=True):
    """The runtime's modules that a file imports, anywhere in it: {(module, name or None)}, and the names of foreign top packages."""
    package = path.split("/")[:-1]
    found, foreign = set(), set()
    doors = {  # the tables that are handed to lazy.door
        table.id
        for node in nodes(path, hints)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "lazy.door"
        for table in ast.walk(node.args[1])
        if isinstance(table, ast.Name)
    }
    for node in nodes(path, hints):
        if isinstance(node, ast.Import):
            foreign.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            foreign.add(node.module.split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            assert node.level <= len(package) + 1, "%s:%d leads out of the runtime" % (
                path,
                node.lineno,
            )
            base = package[: len(package) - node.level + 1] + (
                node.module.split(".") if node.module else []
            )
            for alias in node.names:
                full = ".".join(base + [alias.name])
                found.add((full, None) if full in MODULES else (".".join(base), alias.name))
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in doors:
            for home in ast.literal_eval(node.value).values():
                found.add((".".join(package + home.partition(":")[0].split(".")), None))
    return found, foreign


def part(module):
    """The part of the house that a module is in: its first name, or itself where it lies at the top."""
    return module.split(".")[0]


def floor_part(module):
    """As :func:`part`, but for the files that stand alone."""
    return ALONE.get(module) or part(module)


def level(module):
    """``(part, number of its chapter, chapter)`` of a module in a part that has chapters, else None."""
    own = part(module)
    if own not in CHAPTERS:
        return None
    package = (
        module if MODULES.get(module, "").endswith("__init__.py") else module.rpartition(".")[0]
    )
    inside = package[len(own) + 1 :]
    for number, line in enumerate(CHAPTERS[own]):
        if inside in line.split(" "):
            return own, number, inside
    raise AssertionError(f"{module}: the chapter {inside!r} of {own} is not known")


def backwards(path):
    """What a file imports of a chapter above its own, or beside it."""
    own = level(module_of(path))
    if own is None or path.endswith("__init__.py"):
        return set()
    found = set()
    for module, _name in inner(path)[0]:
        if part(module) != own[0] or module == own[0]:
            continue
        other = level(module)
        if other[1] > own[1] or (other[1] == own[1] and other[2] != own[2]):
            found.add(module)
    return found


@pytest.mark.parametrize("path", FILES)
def test_chapters_know_only_those_below_them(path):
    assert backwards(path) == set()


@pytest.mark.parametrize("path", [path for path in FILES if path != "__init__.py"])
def test_parts_know_only_floors_below(path):
    floors = {name: number for number, line in enumerate(FLOORS) for name in line.split(" ")}
    own = floor_part(module_of(path))
    others = {floor_part(module) for module, _name in inner(path)[0]} - {own}
    assert {other for other in others if floors[other] >= floors[own]} == set()


def test_no_files_import_each_other_in_a_circle():
    """At run time: what type hints alone need may look back within a chapter."""
    below = {
        path: {
            MODULES[module] for module, _name in inner(path, hints=False)[0] if module in MODULES
        }
        - {path}
        for path in FILES
        if not path.endswith("__init__.py")
    }
    graphlib.TopologicalSorter(below).prepare()  # raises CycleError with the files


def test_a_name_of_a_file_stands_once():
    names = collections.Counter(pathlib.Path(path).stem for path in FILES)
    twice = {name for name, count in names.items() if count > 1}
    assert twice - ROLES - COMMANDS == set()


def test_the_picture_is_what_its_script_draws():
    sys.path.insert(0, str(CHECKOUT / "devel"))
    try:
        import draw_chapters
    finally:
        del sys.path[0]
    drawn = draw_chapters.picture(sys.modules[__name__])
    assert draw_chapters.PICTURE.read_text() == drawn, "make generate"


@pytest.mark.parametrize("path", FILES)
def test_runtime_is_free_of_ansible_and_of_what_a_host_may_lack(path):
    _inner, foreign = inner(path)
    for name in foreign - set(sys.stdlib_module_names) - OPTIONAL:
        assert path.startswith(FOREIGN.get(name, "?")), f"{path} imports {name}"


@pytest.mark.parametrize("path", [path for path in FILES if path.startswith(("kernel/", "store/"))])
def test_the_ground_floor_imports_nothing_from_upstairs(path):
    allowed = (
        {"kernel", "errors"} if path.startswith("kernel/") else {"store", "errors", "untrusted"}
    )
    for module, _name in inner(path)[0]:
        assert part(module) in allowed, f"{path} imports {module}"


@pytest.mark.parametrize("path", [path for path in FILES if path.startswith("untrusted/")])
def test_what_reads_input_of_others_imports_errors_only(path):
    for module, _name in inner(path)[0]:
        assert part(module) in {"untrusted", "errors"}, f"{path} imports {module}"


@pytest.mark.parametrize("path", [path for path in FILES if path.startswith("layers/")])
def test_layers_know_no_image_and_no_database(path):
    for module, _name in inner(path)[0]:
        allowed = {"layers", "kernel", "errors", "untrusted"}
        assert part(module) in allowed, f"{path} imports {module}"


@pytest.mark.parametrize("path", [path for path in FILES if path.startswith("oci/")])
def test_the_oci_runtime_imports_no_noun(path):
    for module, _name in inner(path)[0]:
        assert (
            part(module) in {"oci", "kernel", "store", *GROUND} or module == "deploy.fingerprint"
        ), f"{path} imports {module}"


@pytest.mark.parametrize("path", [path for path in FILES if path.split("/")[0] in NOUNS])
def test_a_noun_uses_another_only_through_its_front_door(path):
    own = path.split("/")[0]
    for module, name in inner(path)[0]:
        other = part(module)
        assert other not in TOP, f"{path} imports {module}"
        if other in NOUNS - {own}:
            public = public_names(other)
            asked = name if module == other else module[len(other) + 1 :]
            assert asked is None or asked in public, (
                f"{path} imports {asked} of {other}, which is not in its __all__ {sorted(public)}"
            )


def test_a_front_door_names_only_what_other_nouns_import():
    asked = {
        module
        for path in FILES
        if path.split("/")[0] in NOUNS
        for module, _name in inner(path)[0]
        if part(module) != path.split("/")[0]
    }
    for noun in NOUNS:
        package = importlib.import_module("pycontainer." + noun)
        for file in getattr(package, "FILES", ()):
            assert f"{noun}.{file}" in asked, f"no other noun imports {noun}.{file}"
        assert not set(getattr(package, "__all__", ())) & set(chapters_of(noun))


def chapters_of(noun):
    return [chapter for line in CHAPTERS.get(noun, ()) for chapter in line.split(" ") if chapter]


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.split("/")[0] in NOUNS - {"builds"}]
)
def test_builds_stand_above_the_other_nouns(path):
    assert not [module for module, _name in inner(path)[0] if part(module) == "builds"], path


@pytest.mark.parametrize("path", [path for path in FILES if "/" not in path and path != "nouns.py"])
def test_what_all_share_imports_no_noun(path):
    for module, _name in inner(path)[0]:
        assert part(module) not in NOUNS | TOP, f"{path} imports {module}"


def strings(parsed):
    """The texts in a file's code, without its documentation."""
    prose = {
        id(node.value)
        for node in ast.walk(parsed)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return [
        node.value
        for node in ast.walk(parsed)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose
    ]


def test_whoever_imports_by_a_string_is_known():
    """The other tests read imports; what they can't read is listed with its reason."""
    found = set()
    for path in FILES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in (
                "import_module",
                "__import__",
            ):
                found.add(path)
    assert found == set(BY_STRING)


def test_the_engine_names_no_noun():
    """Not by an import, not by a string: nouns register with it what is to be done for them (nouns.py)."""
    for text in strings(tree("engine.py")):
        assert not [noun for noun in NOUNS | TOP if noun in text.split(".")], text
    assert not {part(module) for module, _name in inner("engine.py")[0]} & (NOUNS | TOP)
    registering = [path for path in FILES if ("engine", "register") in inner(path)[0]]
    assert registering == ["nouns.py"]


def test_every_operation_has_who_recovers_it():
    """Kinds that are recorded, anywhere in the runtime, are those that the nouns have registered."""
    from pycontainer import engine

    recorded = set()
    for path in FILES:
        text = (RUNTIME / path).read_text(encoding="utf-8")
        recorded.update(re.findall(r"operations\.record\(\s*\"([a-z-]+)\"", text))
    kinds = [kind for noun in engine._nouns for kind in noun.operations]
    assert len(kinds) == len(set(kinds)) and recorded <= set(kinds)
    assert len(recorded) > 9


def test_a_chapter_has_few_files():
    counts = {}
    for path in FILES:
        if not path.endswith("__init__.py"):
            counts.setdefault(path.rpartition("/")[0], []).append(path)
    assert {folder: len(paths) for folder, paths in counts.items() if len(paths) > FOLDER} == {}


def test_a_folder_beside_the_runtime_has_few_files():
    """Modules and action plugins lie side by side, as Ansible looks for them; so do the pages of docs/."""
    flat = ("plugins/modules", "plugins/action")
    counts = {}
    for top in ("devel", "playbooks", "plugins", "roles", "tests"):
        for path in (CHECKOUT / top).rglob("*.py"):
            folder = path.parent.relative_to(CHECKOUT).as_posix()
            if folder not in flat and path.name not in ("__init__.py", "conftest.py"):
                counts[folder] = counts.get(folder, 0) + 1
    assert {folder: count for folder, count in counts.items() if count > FOLDER} == {}


def public_names(noun):
    """``__all__`` and ``FILES`` of a noun's package as imported, since they may be made by an expression."""
    package = importlib.import_module("pycontainer." + noun)
    return {*getattr(package, "__all__", ()), *getattr(package, "FILES", ())}


def named_by_code():
    """The runtime's modules that code of the collection names, by their paths: an import, or a text with the whole path in it."""
    found = {module for path in FILES for module, _name in inner(path)[0]}
    for path in (CHECKOUT / "plugins").rglob("*.py"):
        parsed = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(parsed):
            if isinstance(node, ast.ImportFrom) and not (node.level and RUNTIME in path.parents):
                base = re.sub(r"^(.*\b_runtime|pycontainer)\b", "", node.module or "").strip(".")
                found.update({base, *(f"{base}.{alias.name}".strip(".") for alias in node.names)})
        for text in strings(parsed):
            for word in re.findall(r"[a-z_0-9]+(?:[./][a-z_0-9]+)+", text):
                word = re.sub(r"\.py$", "", word).replace("/", ".")
                found.add(word.removeprefix("pycontainer."))
    return found


def test_no_file_lies_unused():
    """Each is imported by another, or named by its whole path, or by a table of commands."""
    from pycontainer.cli import command_table
    from pycontainer.oci.command import main

    used = named_by_code()
    used.update(
        "cli.commands." + command.function.partition(":")[0] for command in command_table.COMMANDS
    )
    used.update(f"oci.command.{folder}.{name}" for name, folder in main.COMMANDS.items())
    files = {module for module, path in MODULES.items() if not path.endswith("__init__.py")}
    assert sorted(files - used) == []


def test_only_the_front_end_knows_ansible():
    for path in (CHECKOUT / "plugins" / "module_utils").rglob("*.py"):
        if path.name != "_frontend.py":
            assert not re.search(
                r"^\s*(from|import) ansible", path.read_text(encoding="utf-8"), re.M
            ), path


def test_action_group_names_every_module():
    import yaml

    runtime = yaml.safe_load((CHECKOUT / "meta" / "runtime.yml").read_text())
    modules = sorted(path.stem for path in (CHECKOUT / "plugins" / "modules").glob("*.py"))
    assert sorted(runtime["action_groups"]["pycontainer"]) == modules


def test_one_version():
    import yaml
    from pycontainer.deploy import fingerprint

    assert yaml.safe_load((CHECKOUT / "galaxy.yml").read_text())["version"] == fingerprint.VERSION


PLUGINS = sorted(
    path
    for folder in ("action", "modules", "module_utils", "plugin_utils", "doc_fragments")
    for path in (CHECKOUT / "plugins" / folder).rglob("*.py")
)


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_what_a_plugin_imports_of_the_collection_is_there(path):
    """Also inside functions, which a task runs only now and then."""
    own = "ansible_collections.pycontainer.engine."
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(own):
            file = CHECKOUT.joinpath(*node.module[len(own) :].split("."))
            for alias in node.names:
                assert (
                    file.with_suffix(".py").is_file()
                    or (file / alias.name).with_suffix(".py").is_file()
                    or (file / alias.name).is_dir()
                ), f"{path}:{node.lineno} imports {alias.name} of {node.module}"

# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only file under module_utils that knows Ansible: a task's arguments in, a result out.

A module is its documentation, its argument spec and one call of :func:`run`.
"""

from __future__ import annotations

import base64
import contextlib
import importlib
import os
import sys
import traceback

from ansible.module_utils.basic import AnsibleModule

from ._runtime.deploy import fingerprint
from ._runtime.store import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any


TOLD = "_pycontainer_told"


class Module(AnsibleModule):
    """A module whose action plugin tells it more than its options, which no user can give or is shown.

    ``told``: ``{"copy": the engine to use, by version and fingerprint, "progress": under which name the host says how far the task is,
    "params": what goes to the engine beside the options, "foretold": images that earlier tasks of a check would have brought,
    "foretold_others": the kind and name of secrets, configs, networks and containers that they would have made, "engine": the engine itself,
    as an archive (zip) in base64}``, {} without the action plugin.
    """

    def _load_params(self) -> None:
        super()._load_params()
        self.told = self.params.pop(TOLD, None) or {}


def laid_down(module: Module) -> str:
    """Make the engine importable that the controller named, and return its package's name.

    End the task where it is not on this host: ``engine_missing`` tells the action plugin to bring
    it.
    """
    copy = module.told.get("copy")
    if os.geteuid() != 0:
        paths.use(*paths.of_user())
    path = fingerprint.laid_down(paths.Paths().runtime, copy) if copy else None
    if path is None:
        module.fail_json(
            msg="the engine %s is not on this host; the role pycontainer.engine.host lays it down"
            % (copy or "of this collection"),
            engine_missing=True,
        )
    sys.path.insert(0, str(path))
    return fingerprint.PACKAGE


def sent_along(module: Module) -> str:
    """Make the engine importable that the controller sent with the module, and return its package's name."""
    if "engine" not in module.told:
        module.fail_json(
            msg="the engine comes with this module's action plugin, which did not run: name the module "
            "pycontainer.engine.host_engine"
        )
    path = os.path.join(module.tmpdir, "engine.zip")
    try:
        with open(path, "wb") as file:
            file.write(base64.b64decode(module.told["engine"]))
    except OSError as error:  # a full disk, as a rule
        module.fail_json(msg=f"the engine can't be written to {path}: {error.strerror}")
    sys.path.insert(0, path)
    return fingerprint.PACKAGE


@contextlib.contextmanager
def reports(package: str, engine: Any, name: str | None) -> Iterator[None]:
    """Let the controller see in the block how far ``engine`` is, under a ``name`` that it gave."""
    if name is None or engine.check:
        yield
        return
    progress = importlib.import_module(package + ".progress.board")
    if not progress.NAME.fullmatch(name):
        raise importlib.import_module(package + ".errors").InvalidInput(
            "progress", name, "32 hexadecimal digits"
        )
    with progress.board(engine.paths.progress, name) as engine.progress:
        yield


def run(
    part: str,
    function: str,
    argument_spec: dict[str, Any],
    store_needed: bool | Callable[[dict[str, Any]], bool] = True,
    brings: bool = False,
    prepares: bool = False,
    **options: Any,
) -> None:
    """Carry out a task and exit.

    :param part: the file of the runtime that does the work, e.g. ``volumes.task``.
    :param function: its function: ``function(engine, params)`` returns a ``reconcile.Plan`` for what changes things, or
        a dictionary of result keys for what only looks.
    :param store_needed: False for what only looks: a host that has no store gets none. Or a function of the parameters that
        says so.
    :param brings: whether the engine comes with the module; else it is the copy that is laid down on the host.
    :param prepares: whether the task prepares a host: what a new one lacks is told before anything is made.
    :param argument_spec: Ansible's. :param options: the rest of AnsibleModule's (``required_if`` ...).
    """
    module = Module(argument_spec, supports_check_mode=True, **options)
    package = sent_along(module) if brings else laid_down(module)
    try:
        errors = importlib.import_module(package + ".errors")
        text = importlib.import_module(package + ".untrusted.text")
    except Exception as error:  # noqa: B902 - half a copy
        module.fail_json(
            msg=(
                f"the engine on this host is damaged: {error}; remove {sys.path[0]}, and the next "
                "task brings it again"
            ),
            exception=traceback.format_exc(),
        )
    try:
        _carry_out(module, package, errors, text, part, function, store_needed, prepares or brings)
    except Exception as error:  # noqa: B902 - a defect, or a host that fails: one sentence, and the traceback for whoever wants it
        module.fail_json(
            msg=errors.unexpected(error, "-vvv shows the traceback"),
            exception=traceback.format_exc(),
        )


def _without_root(module: Module, package: str, store_needed: bool) -> bool:
    """Go into the namespaces of the user who runs the task; return whether he has no store."""
    found = importlib.import_module(package + ".store.paths")
    bare = not os.path.exists(found.Paths(*found.of_user()).database)
    enter = importlib.import_module(package + ".rootless.enter")
    enter.enter(module.check_mode or (bare and not store_needed))
    return bare


def _carry_out(
    module: Module,
    package: str,
    errors: Any,
    text: Any,
    part: str,
    function: str,
    store_needed: bool | Callable[[dict[str, Any]], bool],
    prepares: bool,
) -> None:
    reconcile = importlib.import_module(package + ".reconcile")
    history = importlib.import_module(package + ".events.change_history")
    engine_class = importlib.import_module(package + ".engine").Engine
    importlib.import_module(package + ".nouns")  # registers them with the engine
    if callable(store_needed):
        store_needed = store_needed(module.params)
    bare = not os.path.exists(importlib.import_module(package + ".store.paths").Paths().database)
    try:
        if os.geteuid() != 0:
            bare = _without_root(module, package, store_needed)
        storeless = bare and not store_needed
        if (
            bare and prepares and store_needed and not module.check_mode and os.geteuid() == 0
        ):  # the same play may be about to install it
            importlib.import_module(package + ".deploy.install").refuse_unfit(
                module.params.get("interpreter")
            )
        noun = importlib.import_module(f"{package}.{part}")
        broken = (
            {"broken": True}
            if getattr(noun, "tolerates", lambda _params: False)(module.params)
            else {}
        )
        with (
            engine_class(check=module.check_mode or storeless, **broken) as engine,
            reports(package, engine, module.told.get("progress")),
        ):
            if module.check_mode:
                engine.foretold = module.told.get("foretold") or ()
                engine.foretold_others = module.told.get("foretold_others") or ()
            engine.who = dict(module.told.get("who") or {}, hidden=module.no_log)
            work = getattr(noun, function)
            outcome = work(engine, dict(module.params, **module.told.get("params", {})))
            if isinstance(outcome, reconcile.Plan):
                with history.noted(engine, outcome):
                    result = reconcile.carry_out(outcome, module.check_mode)
            else:
                result = dict(outcome)
            result["warnings"] = [*engine.mended, *result.get("warnings", ())]
    except errors.EngineError as error:
        details = {key: value for key, value in vars(error).items() if value not in (None, "")}
        module.fail_json(msg=str(error), **details)
    _exit(module, text, result)


def _exit(module: Module, text: Any, result: dict[str, Any]) -> None:
    """End the module with a result."""
    for warning in result.pop("warnings", ()):
        module.warn(text.printable(warning))
    result.setdefault("changed", False)
    if not module._diff:
        result.pop("diff", None)
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)

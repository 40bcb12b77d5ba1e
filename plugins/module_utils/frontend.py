# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only file under module_utils that knows Ansible: a task's arguments in, a result out.

A module is its documentation, its argument spec and one call of :func:`run`.
"""

from __future__ import annotations

import importlib
import os
import sys

from ansible.module_utils.basic import AnsibleModule


def runtime_package():
    """The name of the runtime package to use: the copy laid down on this host where it is the very same engine, for it
    has bytecode; else the one that came with the module.
    """
    from .runtime import fingerprint, parts  # parts: the whole runtime, so that Ansible ships it
    from .runtime.store.paths import DATA, Paths

    copy = fingerprint.laid_down(Paths(DATA).runtime) if os.geteuid() == 0 else None
    if copy is None:
        return parts.__name__.rpartition(".")[0]
    sys.path.insert(0, copy)
    return fingerprint.PACKAGE


def run(part, function, argument_spec, store_needed=True, **options):
    """Carry out a task and exit.

    :param part: the file of the runtime that does the work, e.g. ``volumes.task``.
    :param function: its function: ``function(engine, params)`` returns a ``reconcile.Plan`` for what changes things, or
        a dictionary of result keys for what only looks.
    :param store_needed: False for what only looks: a host that has no store gets none. Or a function of the parameters that
        says so.
    :param argument_spec: Ansible's. :param options: the rest of AnsibleModule's (``required_if`` ...).
    """
    module = AnsibleModule(argument_spec, supports_check_mode=True, **options)
    package = runtime_package()
    errors = importlib.import_module(package + ".errors")
    reconcile = importlib.import_module(package + ".reconcile")
    engine_class = importlib.import_module(package + ".engine").Engine
    if callable(store_needed):
        store_needed = store_needed(module.params)
    storeless = not store_needed and not os.path.exists(importlib.import_module(package + ".store.paths").Paths().database)
    try:
        with engine_class(check=module.check_mode or storeless) as engine:
            work = getattr(importlib.import_module("%s.%s" % (package, part)), function)
            outcome = work(engine, module.params)
            result = reconcile.carry_out(outcome, module.check_mode) if isinstance(outcome, reconcile.Plan) else dict(outcome)
    except errors.EngineError as error:
        details = {key: value for key, value in vars(error).items() if value not in (None, "")}
        module.fail_json(msg=str(error), **details)
    for warning in result.pop("warnings", ()):
        module.warn(warning)
    result.setdefault("changed", False)
    if not module._diff:
        result.pop("diff", None)
    module.exit_json(**result)

# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only file under module_utils that knows Ansible: a task's arguments in, a result out.

A module is its documentation, its argument spec and one call of :func:`run`.
"""

from __future__ import annotations

import importlib

from ansible.module_utils.basic import AnsibleModule


def runtime_package():
    """The name of the runtime package to use."""
    from .runtime import parts  # the whole runtime, so that Ansible ships it

    return parts.__name__.rpartition(".")[0]


def run(part, function, argument_spec, **options):
    """Carry out a task and exit.

    :param part: the file of the runtime that does the work, e.g. ``volumes.task``.
    :param function: its function: ``function(engine, params)`` returns a ``reconcile.Plan`` for what changes things, or
        a dictionary of result keys for what only looks.
    :param argument_spec: Ansible's. :param options: the rest of AnsibleModule's (``required_if`` ...).
    """
    module = AnsibleModule(argument_spec, supports_check_mode=True, **options)
    package = runtime_package()
    errors = importlib.import_module(package + ".errors")
    reconcile = importlib.import_module(package + ".reconcile")
    engine_class = importlib.import_module(package + ".engine").Engine
    try:
        with engine_class(check=module.check_mode) as engine:
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

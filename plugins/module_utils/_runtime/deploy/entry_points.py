# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every entry point of the runtime, named in static imports: what Ansible finds here travels with a module.

Nothing runs these imports for their effect; they only make the payload whole (AnsiballZ ships what is imported, inside
functions too). tests/unit/test_arrows.py says which file is missing.
"""

from __future__ import annotations


def builds() -> None:
    from ..builds import recovery, task  # noqa: F401


def rootless() -> None:
    from ..rootless import enter, keeper  # noqa: F401


def cli() -> None:
    from ..cli import tables, task  # noqa: F401
    from ..cli.commands.containers import (  # noqa: F401
        container_checkpoint,
        cp,
        diff_commit_export,
        exec_attach,
        generate_supervise,
        logs_wait,
        ps_port,
        rm_rename_update,
        run_create,
        start_stop_kill,
        stats_top,
    )
    from ..cli.commands.images import (  # noqa: F401
        build,
        history_waste_squash,
        image_ls_tag_rm,
        login_logout,
        pull_push,
        save_load_import,
        search_manifest,
    )
    from ..cli.commands.system import (  # noqa: F401
        boot_shutdown,
        events_history,
        info_df_version,
        inspect_objects,
        man_pages,
        networks,
        pruning,
        registries,
        secrets_configs,
        system_check,
        volumes,
    )


def containers() -> None:
    from ..containers import task  # noqa: F401
    from ..containers.access import commit, copy, inside  # noqa: F401
    from ..containers.lifecycle import boot, recovery  # noqa: F401
    from ..containers.monitor import zygote, zygote_main  # noqa: F401


def delivery() -> None:
    from ..delivery import receiver  # noqa: F401


def host() -> None:
    from ..host import info, prune_plans, task  # noqa: F401


def images() -> None:
    from ..images import task  # noqa: F401
    from ..images.archives import archive_writer  # noqa: F401
    from ..images.client import artifacts  # noqa: F401
    from ..images.configuration import login  # noqa: F401
    from ..images.library import compare, recovery  # noqa: F401
    from ..images.plans import squash  # noqa: F401


def networks() -> None:
    from ..networks import ports, recovery, resolv, task  # noqa: F401
    from ..networks.diagnosis import doctor, link_counters  # noqa: F401


def nouns() -> None:
    from .. import nouns  # noqa: F401


def oci() -> None:
    from ..oci.command import loader, main, module_archive  # noqa: F401
    from ..oci.command.commands import (  # noqa: F401
        checkpoint,
        create,
        delete,
        exec,
        kill,
        pause,
        restore,
        resume,
        run,
        start,
        update,
    )
    from ..oci.command.queries import events, features, list, ps, spec, state  # noqa: F401
    from ..oci.launch import sealed_interpreter  # noqa: F401


def registry() -> None:
    from ..registry import task  # noqa: F401
    from ..registry.http import server  # noqa: F401
    from ..registry.service import recovery, supervisor  # noqa: F401


def secrets() -> None:
    from ..secrets import task  # noqa: F401


def untrusted() -> None:
    from ..untrusted import files, json_reader, owners, patterns, text, trees  # noqa: F401


def volumes() -> None:
    from ..volumes import recovery, task  # noqa: F401

# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a definition asks for by ``devices`` and ``device_requests``, as names of CDI devices."""

from __future__ import annotations

from ...errors import InvalidInput
from ..options import device_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ...options.rows import Definition
    from .cdi_specs import Specs

# Whose GPUs a request without a driver is for: the first that the host has.
GPUS = {"nvidia": "nvidia.com/gpu", "amd": "amd.com/gpu"}
# Docker's variable for what of the driver a container uses.
CAPABILITIES = "NVIDIA_DRIVER_CAPABILITIES"
PLAIN = ("gpu", "nvidia", "amd")  # capabilities that say no more than that it is a GPU


def names(definition: Definition, specs: Specs) -> list[tuple[str, str]]:
    """Return the devices in the order in which they are asked for, each once: ``[(option, name)]``.

    :raises InvalidInput: no vendor's GPUs are described on this host.
    """
    found = [
        ("devices", entry)
        for entry in definition.get("devices", ())
        if device_options.is_cdi(entry)
    ]
    for request in definition.get("device_requests", ()):
        found += [("device_requests", name) for name in _names(request, specs)]
    return list({name: (option, name) for option, name in reversed(found)}.values())[::-1]


def _names(request: dict[str, Any], specs: Specs) -> list[str]:
    if request["driver"] == "cdi":
        return list(request["device_ids"])
    kind = _kind(request, specs)
    if request["count"] < 0:
        return [kind + "=all"]
    ids = request["device_ids"] or range(request["count"])
    return [f"{kind}={ident}" for ident in ids]


def _kind(request: dict[str, Any], specs: Specs) -> str:
    there = specs.kinds()
    wanted = [GPUS[request["driver"]]] if request["driver"] else list(GPUS.values())
    for kind in wanted:
        if kind in there:
            return kind
    raise InvalidInput(
        "device_requests",
        "driver=" + request["driver"] if request["driver"] else "gpu",
        f"devices of a CDI specification of this host, and it has none for {' or '.join(wanted)}"
        + (f" ({specs.problems[0]})" if specs.problems else "")
        + "; for NVIDIA's, nvidia-ctk cdi generate writes one",
    )


def environment(definition: Definition, specs: Specs) -> list[str]:
    """Return the variables for capabilities of requests, as Docker sets them.

    :raises InvalidInput: of another vendor than NVIDIA.
    """
    wanted: list[str] = []
    for request in definition.get("device_requests", ()):
        more = [word for word in (request["capabilities"] or [[]])[0] if word not in PLAIN]
        if more and (request["driver"] == "cdi" or _kind(request, specs) != GPUS["nvidia"]):
            raise InvalidInput(
                "device_requests.capabilities", more, "gpu: others are of NVIDIA's driver"
            )
        wanted += [word for word in more if word not in wanted]
    return [f"{CAPABILITIES}={','.join(wanted)}"] if wanted else []

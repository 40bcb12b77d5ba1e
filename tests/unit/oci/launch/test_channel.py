# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The channel between a container's process and who makes it."""

from __future__ import annotations

import pytest
from pycontainer.errors import ContainerFailed
from pycontainer.oci.launch import channel


def test_last_words_of_one_that_was_still_spoken_to():
    """unix(7) reports the reset before what waits in the queue: an error must not be taken for the start of the program."""
    outside, inside = channel.pair()
    outside.send(b"g")
    channel.warn(inside, "a warning")
    channel.report(inside, channel.Failure("it failed", 127))
    inside.close()
    warnings = []
    with pytest.raises(ContainerFailed, match="it failed") as caught:
        channel.listen(outside, warnings)
    assert warnings == ["a warning"] and caught.value.exit_code == 127
    outside.close()


def test_end_without_a_word():
    outside, inside = channel.pair()
    outside.send(b"g")
    inside.close()
    assert channel.listen(outside, []) == (b"", None)
    outside.close()

# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold every option of the peers' modules against ours, and write docs/comparison.md.

    python devel/make_comparison.py            write the page
    python devel/make_comparison.py --check    exit 1 and name what is not said, or not so any more

An option that a peer has and that is here by the same name, with the same forms and default, needs
no word. Any other one has its note in ``comparison_notes.py``.
"""

from __future__ import annotations

import fnmatch
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import comparison_notes as notes  # noqa: E402
import peer_specs  # noqa: E402

PAGE = peer_specs.CHECKOUT / "docs" / "comparison.md"
TEXTS = ("str", "path", "int", "float")
WIDER = {  # (a peer's type, ours), where ours takes all that the peer's does
    **{(theirs, ours): True for theirs in TEXTS for ours in ("str", "path")},
    ("int", "float"): True,
}


def flat(spec, before=""):
    """All options and suboptions: ``(name with dots, entry)``, in order."""
    for name, entry in sorted(spec.items()):
        yield before + name, entry
        yield from flat(entry.get("options") or {}, f"{before}{name}.")


class Ours:
    """The options of one of our modules, by their names and aliases."""

    def __init__(self, spec):
        self.by_name = {}
        self._add(spec, ("",))

    def _add(self, spec, before):
        for name, entry in spec.items():
            names = [b + n for b in before for n in (name, *(entry.get("aliases") or ()))]
            self.by_name.update(dict.fromkeys(names, entry))
            self._add(entry.get("options") or {}, [each + "." for each in names])


def takes(theirs, ours):
    """Tell whether what Ansible lets through for a peer's entry gets through for ours as well."""
    kind, own = theirs.get("type") or "str", ours.get("type") or "str"
    if own == "raw":
        return True
    if kind != own:
        listed = own == "list" and kind in TEXTS and (ours.get("elements") or "str") in TEXTS
        return listed or (kind, own) in WIDER
    inner, own_inner = theirs.get("elements"), ours.get("elements")
    return inner == own_inner or own_inner == "raw" or (inner, own_inner) in WIDER


def differences(theirs, ours, name, aliases):
    """Say in what our entry is not a peer's: a list of words, [] where it takes and means the same.

    :param aliases: our names of all options. An unset default and an empty one are the same.
    """
    found = []
    if not takes(theirs, ours):
        found.append("type")
    choices = ours.get("choices")
    if choices and (not theirs.get("choices") or set(theirs["choices"]) - set(choices)):
        found.append("choices")
    if (theirs.get("default") or None) != (ours.get("default") or None):
        found.append("default")
    before = name.rpartition(".")[0]
    for alias in theirs.get("aliases") or ():
        if (f"{before}.{alias}" if before else alias) not in aliases:
            found.append(f"alias {alias}")
    return found


def note_for(peer, name, table):
    """The note of an option, and the key it stands under; ("", None) where there is none."""
    for key, note in table.get(peer, {}).items():
        if fnmatch.fnmatchcase(name, key):
            return note, key
    return "", None


class Faults(list):
    """What is not said, or said of what is not so."""


def of_module(peer, specs, faults):
    """Compare one module of a peer: ``(how many options, how many are the same, rows)``."""
    ours = Ours(specs[peer_specs.MODULES[peer]]["options"])
    rows, same, used = [], 0, set()
    daemon = notes.DAEMON[peer_specs.collection_of(peer)]
    everything = list(flat(specs[peer]["options"]))
    for name, theirs in everything:
        if name in daemon and not (name in ours.by_name and name in notes.BOTH):
            continue
        entry = ours.by_name.get(name)
        found = ["name"] if entry is None else differences(theirs, entry, name, ours.by_name)
        if name in daemon:  # a registry's here
            found = []
        note, key = note_for(peer, name, notes.OPTIONS)
        if note:
            used.add(key)
        if not found and note and "*" not in key and key not in notes.SAME_NAME.get(peer, ()):
            faults.append(f"{peer}.{name}: is the same here, and has a note that says otherwise")
        if found and not note:
            faults.append(f"{peer}.{name}: differs here ({', '.join(found)}) and has no note")
        if found or note:
            rows.append((name, note))
        else:
            same += 1
    for key in set(notes.OPTIONS.get(peer, {})) - used:
        faults.append(f"{peer}.{key}: has a note, and {peer} has no such option")
    return len([1 for name, _entry in everything if name not in daemon]), same, rows


def of_returns(peer, specs, faults):
    """Compare what a module returns: rows of ``(key, note)`` for what is not the same."""
    ours, rows = specs[peer_specs.MODULES[peer]]["returns"], []
    said = notes.RETURNS.get(peer, {})
    for name, kind in specs[peer]["returns"].items():
        same = ours.get(name) == kind
        if not same and name not in said:
            faults.append(
                f"{peer} returns {name} ({kind}), and ours ({ours.get(name)}) has no note"
            )
        if same and name in said:
            faults.append(f"{peer} returns {name}: so does ours, and a note says otherwise")
        if not same:
            rows.append((name, said.get(name, "")))
    for name in set(said) - set(specs[peer]["returns"]):
        faults.append(f"{peer} returns no {name}, and has a note about it")
    return rows


def page(directory, faults):
    """Make the page. What is wrong with the notes is added to ``faults``."""
    specs = peer_specs.read(directory)
    parts, total, everything = [], 0, 0
    for peer, ours in peer_specs.MODULES.items():
        count, same, rows = of_module(peer, specs, faults)
        total, everything = total + same, everything + count
        parts.append(f"\n## `{peer}` → `{ours}`\n")
        parts.append(f"{same} of {count} options and suboptions are the same.")
        if rows:
            parts.append("\n| option | here |\n|---|---|")
            parts += [f"| `{name}` | {note} |" for name, note in merged(rows)]
        returned = of_returns(peer, specs, faults)
        if returned:
            parts.append("\n| result | here |\n|---|---|")
            parts += [f"| `{name}` | {note} |" for name, note in returned]
    said = peer_specs.versions(directory)
    head = notes.HEAD.format(
        docker=said["community.docker"].rpartition(".")[0],
        podman=said["containers.podman"].rpartition(".")[0],
        same=total,
        all=everything,
        daemon=notes.listed(notes.DAEMON["community.docker"] | notes.DAEMON["containers.podman"]),
        both=notes.listed(notes.BOTH),
    )
    return head + "\n".join(parts) + "\n"


def merged(rows):
    """Rows that have one note become one."""
    found = {}
    for name, note in rows:
        found.setdefault(note, []).append(name)
    return [("`, `".join(names), note) for note, names in found.items()]


def main():
    faults = Faults()
    text = page(peer_specs.DIRECTORY, faults)
    if "--check" in sys.argv:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
            faults.append("docs/comparison.md is not what the notes say: run `make comparison`")
        if faults:
            sys.exit("\n".join(faults))
        return
    PAGE.write_text(text, encoding="utf-8")
    if faults:
        sys.exit("\n".join(faults))


if __name__ == "__main__":
    main()

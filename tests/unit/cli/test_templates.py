# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""--format templates: what Go's text/template makes of them, with values as Docker's users write them."""

import pytest
from pycontainer.cli.grammar import UsageError
from pycontainer.cli.templates import fill

RECORD = {
    "Names": "web",
    "State": {"Pid": 7, "Running": True, "Error": "", "Health": None},
    "Labels": {"b.c": "2", "a": "1"},
    "Args": ["x", "y z"],
    "Mounts": [],
    "Ports": {"80/tcp": [{"HostPort": "8080"}], "99/tcp": None},
    "Label": lambda name: "label " + name,
    "Networks": {"two": {"IP": "10.0.0.2"}, "one": {"IP": "10.0.0.1"}},
}


@pytest.mark.parametrize(
    "template, text",
    [
        ("{{.Names}}", "web"),
        ("{{ .State.Pid }}\\t{{.State.Running}}", "7\ttrue"),
        ("{{json .State.Pid}} {{json .Args}}", '7 ["x", "y z"]'),
        ("{{range .Networks}}{{.IP}} {{end}}", "10.0.0.1 10.0.0.2 "),
        ("{{range $k, $v := .Networks}}{{$k}}={{$v.IP}};{{end}}", "one=10.0.0.1;two=10.0.0.2;"),
        ("{{range $i, $v := .Args}}{{$i}}{{$v}}{{end}}", "0x1y z"),
        ("{{range .Mounts}}x{{else}}none{{end}}", "none"),
        ("{{if .State.Running}}up{{else}}down{{end}}", "up"),
        ("{{if .State.Error}}bad{{else if .State.Running}}good{{else}}off{{end}}", "good"),
        ("{{if and .State.Running (eq .State.Pid 7)}}yes{{end}}", "yes"),
        ("{{if not .Mounts}}no mounts{{end}}", "no mounts"),
        ("{{with .State}}{{.Pid}} {{$.Names}}{{end}}", "7 web"),
        ('{{index .Labels "b.c"}}{{index .Args 1}}', "2y z"),
        ('{{index .Labels "none"}}', ""),
        ("{{len .Args}} {{len .Names}}", "2 3"),
        ('{{join .Args ","}}', "x,y z"),
        ("{{upper .Names}} {{.Names | title}}", "WEB Web"),
        ('{{.Args | json | printf "%s!"}}', '["x", "y z"]!'),
        ('{{printf "%-5s|%d|%v" .Names .State.Pid .State.Running}}', "web  |7|true"),
        ("a {{- .Names -}} b", "awebb"),
        ("{{/* nothing */}}{{println .Names}}", "web\n"),
        ("{{$x := .Names}}{{$x}}{{$x}}", "webweb"),
        ('{{(index (index .Ports "80/tcp") 0).HostPort}}', "8080"),
        (
            "{{range $p, $c := .Ports}}{{$p}}{{if $c}} {{(index $c 0).HostPort}};{{end}}{{end}}",
            "80/tcp 8080;99/tcp",
        ),
        ("{{.Args}} {{.Labels}} {{.Mounts}}", "[x y z] map[a:1 b.c:2] []"),
        ("{{.State}}", "map[Error: Health:<nil> Pid:7 Running:true]"),
        ('{{.Label "a"}} {{"b" | .Label}}', "label a label b"),
        ("{{.State.Health}}", "<no value>"),
        ("{{.State.Health.Status}}", "<no value>"),
        ("{{slice .Names 0 2}}{{slice .Names 2}}", "web"),
        ("{{or .State.Error .Names}}", "web"),
        ("no action", "no action"),
        ("{{.}}", None),
    ],
)
def test_filled(template, text):
    assert text is None or fill(template, RECORD) == text


@pytest.mark.parametrize(
    "template",
    [
        "{{.Nothing}}",
        "{{.State.Nothing}}",
        "{{range .Names}}{{end}}",
        "{{range .Args}}",
        "{{end}}",
        "{{if .Names}}{{else}}",
        "{{nonsense .Names}}",
        "{{}}",
        "{{index .Args 9}}",
        "{{join .Names}}",
        "{{.Names .Args}}",
        "{{$undefined}}",
        "{{.Names | 7}}",
        "{{'x'}}",
        "{{upper .Args}}",
        "{{json}}",
        "{{.Label}}",
        "{{(index .Ports 0) .HostPort}}",
        '{{(index (index .Ports "80/tcp") 0).Nothing}}',
    ],
)
def test_what_can_not_be_filled_is_refused(template):
    with pytest.raises(UsageError):
        fill(template, RECORD)

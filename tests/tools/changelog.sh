#!/bin/sh
# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# changelog.sh - CHANGELOG.rst as the next release is going to have it, from changelogs/fragments and the plugins' documentation.
# `antsibull-changelog release` itself uses the fragments up, so it works on a copy here.
set -eu

checkout=$(readlink -f "$(dirname "$0")/../..")
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cd "$checkout"
git ls-files -z --cached --others --exclude-standard CHANGELOG.rst changelogs galaxy.yml meta plugins roles | xargs -0 cp --parents -t "$copy"
version=$(sed -n 's/^version: *//p' galaxy.yml)
cd "$copy"
git init --quiet . && git add --all
PATH="$checkout/.venv/bin:$PATH" antsibull-changelog release --version "$version"
title="v$version (unreleased)"
sed "/^v$version\$/ { N; s/.*/$title\n$(echo "$title" | tr -c '\n' =)/ }" CHANGELOG.rst > "$checkout/CHANGELOG.rst"

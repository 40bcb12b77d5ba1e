#!/bin/sh
# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# docs.sh - build the collection's site in .cache/site. A warning fails it.
set -eu
cd "$(dirname "$0")/../.."
PATH=$PWD/.cache/docs-venv/bin:$PATH
site=$PWD/.cache/site
rm -rf "$site"
mkdir -p "$site"
# What is documented is what is published.
rm -rf .cache/site-package
python tests/tools/package.py .cache/site-package > /dev/null
ansible-galaxy collection install --force --collections-path "$site/collections" .cache/site-package/*.tar.gz > /dev/null 2>&1
rm -rf .cache/site-package
cp -r docs/site/rst "$site/rst"
chmod -R og-w "$site/rst"
export ANSIBLE_COLLECTIONS_PATH="$site/collections"
antsibull-docs lint-collection-docs --plugin-docs "$site/collections/ansible_collections/pycontainer/engine"
antsibull-docs --config-file docs/site/antsibull-docs.cfg collection --cleanup everything --use-current --dest-dir "$site/rst" pycontainer.engine
sphinx-build -q -b html -c docs/site -W --keep-going "$site/rst" "$site/html"
echo "$site/html/index.html"

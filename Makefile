# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# `make help` lists the targets. Everything that is made lies in .venv and .cache; `make clean` removes both.

SHELL := /bin/sh
PYTHON ?= /usr/bin/python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/pytest $(PYTEST_OPTIONS)
REQUIRE := tests/tools/requirements.sh

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-unit test-integration test-hosts test-vm sanity bench leaks clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 20

# Two stamps: one says that the environment is there, one that it holds what requirements.txt asks for.
$(VENV)/.made:
	$(REQUIRE) venv
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.filled: $(VENV)/.made tests/requirements.txt tests/tools/link-collection.py
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	$(BIN)/python tests/tools/link-collection.py
	@touch $@

venv: $(VENV)/.filled  ## .venv with ansible-core and this checkout as the collection pycontainer.engine

demo: venv  ## prepare this machine and run playbooks/quickstart.yml on it
	@$(REQUIRE) demo
	$(BIN)/ansible-playbook playbooks/quickstart.yml

test: sanity test-unit test-integration test-hosts leaks  ## all tests: sanity, unit, integration, over SSH; then look for leaks

test-unit: venv  ## what needs neither root nor the kernel's help
	@$(REQUIRE) test
	$(PYTEST) tests/unit

test-integration: venv  ## on this machine's kernel, as root
	@$(REQUIRE) test peers
	$(PYTEST) --leak-check tests/integration

test-hosts: venv  ## playbooks over SSH on test hosts, and a short part on a virtual machine
	@$(REQUIRE) test hosts vm
	$(PYTEST) --leak-check tests/hosts

clean:  ## remove .venv and .cache
	rm -rf $(VENV) .cache tests/output

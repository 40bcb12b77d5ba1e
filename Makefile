# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# `make help` lists the targets. Everything that is made lies in .venv and .cache; `make clean` removes both.

SHELL := /bin/sh
PYTHON ?= /usr/bin/python3
VENV := .venv
BIN := $(VENV)/bin
# Some processes side by side; RUN_OPTIONS="--workers 1" for one after the other, PYTEST_OPTIONS="-k name" and the like for pytest.
RUN := $(BIN)/python tests/run.py $(RUN_OPTIONS)
AND_PYTEST := -- $(PYTEST_OPTIONS)
LONG := tests/fuzz tests/unit/builds/parse/test_fuzz.py tests/unit/store/test_acknowledged.py tests/integration/builds/parse/test_fuzz.py \
	tests/integration/layers/test_fuzz.py tests/integration/images/library/test_power_cuts.py tests/integration/images/library/test_crash.py \
	tests/integration/containers/lifecycle/test_crash.py tests/integration/containers/lifecycle/test_random_kills.py \
	tests/integration/containers/lifecycle/test_two_controllers.py tests/integration/containers/spec/test_secret_files.py \
	tests/integration/containers/monitor/test_crash.py tests/integration/oci/command/commands/test_killed.py tests/hosts/containers/test_killed.py
REQUIRE := tests/tools/requirements.sh

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-unit test-integration test-hosts test-long test-molecule test-vm test-conformance sanity generate comparison changelog docs package bench bench-images bench-delivery clean

help:  ## list the targets, with minutes on two processors
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 20

# Three stamps: the environment is there; it holds what requirements.txt asks for; it holds what the linters need too.
$(VENV)/.made:
	@$(REQUIRE) venv
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

# Molecule's driver is this checkout's, where there is Molecule: not for Python 3.9.
$(VENV)/.filled: $(VENV)/.made tests/requirements.txt tests/tools/link-collection.py extensions/molecule-driver/pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	test ! -e $(BIN)/molecule || $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable extensions/molecule-driver
	$(BIN)/python tests/tools/link-collection.py
	@touch $@

$(VENV)/.linters: $(VENV)/.filled tests/requirements-sanity.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/requirements-sanity.txt
	@touch $@

venv: $(VENV)/.filled  ## .venv with ansible-core and this checkout as the collection pycontainer.engine

demo:  ## prepare this machine and run playbooks/quickstart.yml on it; ASK=-K asks for sudo's password
	@$(REQUIRE) root $(ASK)
	@$(MAKE) --no-print-directory venv
	@$(REQUIRE) demo
	$(BIN)/ansible-playbook $(ASK) playbooks/quickstart.yml

# The peers' argument specs, out of PyPI's package `ansible`: 54 MB once, of which 3 are kept.
.cache/peers/.filled: $(VENV)/.filled devel/peer_specs.py
	$(BIN)/python devel/peer_specs.py .cache/peers
	@touch $@

comparison: .cache/peers/.filled  ## docs/comparison.md anew: each option of community.docker and containers.podman, and ours
	$(BIN)/python devel/make_comparison.py

test: $(VENV)/.linters .cache/peers/.filled  ## all tests: sanity, unit, integration on this kernel, over SSH on test hosts (35 min)
	@$(REQUIRE) test peers rootless hosts vm sanity $(if $(CI),firewalls)
	$(RUN) tests/sanity tests/unit tests/fuzz tests/integration tests/hosts $(AND_PYTEST)

test-unit: venv .cache/peers/.filled  ## what does not need the kernel's help (2 min)
	@$(REQUIRE) test
	$(RUN) tests/unit tests/fuzz $(AND_PYTEST)

test-integration: venv  ## on this machine's kernel, as root (10 min)
	@$(REQUIRE) test peers rootless
	$(RUN) tests/integration $(AND_PYTEST)

test-hosts: venv  ## playbooks over SSH on namespace hosts, and a short part on a virtual machine (10 min)
	@$(REQUIRE) test hosts vm
	$(RUN) tests/hosts $(AND_PYTEST)

test-vm: venv  ## the integration tests inside two virtual machines with systemd and cgroup v2; SELinux's in a third (hours)
	@$(REQUIRE) test hosts vm
	tests/hosts.sh vm suite

test-conformance: venv  ## crun's and runc's own suites, podman and docker on our OCI runtime, beside runc and crun (1 h)
	@$(REQUIRE) test conformance
	$(BIN)/python tests/conformance $(SUITES)

test-long: $(VENV)/.filled  ## fuzz, power cuts, kills and races twenty times as long (hours)
	@$(REQUIRE) test peers hosts
	PYCONTAINER_TEST_SCALE=20 $(RUN) $(LONG) -- -o timeout=7200 $(PYTEST_OPTIONS)

test-molecule: venv  ## Molecule's scenarios of the roles (extensions/molecule), on this machine; MOLECULE_IMAGE names their image (5 min)
	cd extensions && PATH="$(CURDIR)/$(BIN):$$PATH" $(CURDIR)/$(BIN)/molecule test --all

sanity: $(VENV)/.linters  ## ansible-test sanity and the other linters (3 min)
	@$(REQUIRE) test sanity
	$(RUN) tests/sanity $(AND_PYTEST)

generate: venv  ## what is made of the options' rows, of the declarations of system calls and of the imports, written anew
	$(BIN)/python devel/make_options.py
	$(BIN)/python devel/make_ffi.py
	$(BIN)/python devel/make_call_numbers.py
	$(BIN)/python devel/draw_chapters.py

changelog: $(VENV)/.linters  ## CHANGELOG.rst from changelogs/fragments, as the next release is going to have it
	tests/tools/changelog.sh

package: venv  ## the collection's archive in .cache/package; one commit gives the same bytes everywhere
	$(BIN)/python tests/tools/package.py .cache/package

.cache/docs-venv/.filled: docs/site/requirements.txt $(VENV)/.filled
	$(PYTHON) -m venv --clear .cache/docs-venv
	.cache/docs-venv/bin/python -m pip install --quiet --disable-pip-version-check -r docs/site/requirements.txt -r tests/requirements.txt
	@touch $@

docs: .cache/docs-venv/.filled  ## the collection's site in .cache/site/html, from the modules' and roles' documentation
	tests/tools/docs.sh

# The peers' collections come with the package `ansible`, in an environment of its own.
.cache/bench-venv/.filled: $(VENV)/.filled
	$(PYTHON) -m venv --clear .cache/bench-venv
	.cache/bench-venv/bin/python -m pip install --quiet --disable-pip-version-check 'ansible>=12'
	.cache/bench-venv/bin/python tests/tools/link-collection.py
	@touch $@

bench: .cache/bench-venv/.filled  ## side by side with docker and podman
	@$(REQUIRE) test bench
	$(BIN)/python tests/benchmarks/tasks.py

bench-images: $(VENV)/.made  ## pulls side by side with docker and podman
	@$(REQUIRE) test bench
	$(PYTHON) tests/benchmarks/images.py $(BENCH_OPTIONS)

bench-delivery: $(VENV)/.filled  ## what an image from the controller costs, on test hosts
	@$(REQUIRE) test bench hosts
	$(PYTHON) tests/benchmarks/delivery.py $(BENCH_OPTIONS)

clean:  ## remove .venv and .cache
	rm -rf $(VENV) .cache tests/output

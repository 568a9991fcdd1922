# `make` alone lists the targets. Each sets up what it needs first; that takes no time when all is there.
.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint format test-long faults guards hostile bench docs lock
# One target at a time: they share .venv and the machine that they measure.
.NOTPARALLEL:

bin := .venv/bin
# The tests of a plugin are a tree of their own: theirs and ours would be modules of one name.
typed := hub plugins/contract plugins/directory/postfach_mailbox_directory \
	plugins/check-clamd/postfach_check_clamd plugins/observer-lines/postfach_observer_lines \
	plugins/common/http/postfach_http plugins/common/sandbox/postfach_sandbox \
	plugins/common/fitconnect/postfach_fitconnect plugins/common/mail/postfach_mail \
	plugins/fitconnect/postfach_mailbox_fitconnect plugins/bundid/postfach_mailbox_bundid \
	plugins/muk/postfach_mailbox_muk plugins/postal/postfach_mailbox_postal tests tools bench

parts := directory check-clamd observer-lines common/http common/sandbox common/fitconnect common/mail fitconnect bundid muk postal

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/make \1	\2/p' $(MAKEFILE_LIST) | expand -t 18

setup: ## prepares .venv, and Debian's packages where allowed
	@tools/setup.sh

demo: setup ## the main job for real, in under a minute (SCENARIO=name for another one)
	@$(bin)/python tools/demo.py $(SCENARIO)

# A process for each core, four at most: the slow ones start processes of their own and watch clocks.
test: setup ## all tests but the long ones (at most 15 minutes)
	@$(bin)/pytest -m "not long" --numprocesses auto --maxprocesses 4 --dist worksteal

check: lint ## format, lint, types, layers, fast tests (under a minute)
	@$(bin)/pytest -m "not slow and not long" --numprocesses auto --dist worksteal

lint: setup ## format, lint, types, layers
	@$(bin)/ruff format --check --quiet
	@$(bin)/ruff check --quiet
	@$(bin)/mypy $(typed)
	@for part in $(parts); do $(bin)/mypy plugins/$$part/tests || exit; done
	@$(bin)/lint-imports --no-logo

format: setup ## formats the code and mends what ruff can mend
	@$(bin)/ruff check --fix --quiet || true
	@$(bin)/ruff format

test-long: faults guards ## faults, guards, hostile input, load; before a release
	@$(bin)/pytest -m long --hypothesis-profile=search --ignore=tests/faults

faults: setup ## kills, I/O errors, power cuts and worse (some hours); writes docs/reference/faults.md
	@$(bin)/python tools/strike.py $(ONLY)

guards: setup ## takes each guard out, and sees a test fail
	@$(bin)/python tools/take_out.py

hostile: setup ## hostile input alone; writes docs/reference/hostile.md
	@$(bin)/python tools/hostile_report.py

bench: setup ## measures the hub beside its references
	@for script in bench/*.py; do $(bin)/python "$$script" || exit; done

docs: setup ## writes docs/reference anew from code and schemas
	@$(bin)/python tools/config_reference.py
	@$(bin)/python tools/command_reference.py
	@$(bin)/python tools/quality_reference.py
	@$(bin)/python tools/make_reference.py receipts
	@$(bin)/python tools/guards.py

lock: setup ## newest versions of all packages, at least seven days old, with hashes
	@tools/lock.sh

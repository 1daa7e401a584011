# Everything here works with Python 3.11 or newer and make. The targets that people use: install, demo, start,
# test, test-all, coverage, mutants, lint, bench, lock.

# The first python3 of the path; but where that one was built without optimisations, as pyenv builds them, and the system
# has another that fits, the system's: it does the same work with a fifth less of the processor.
ifndef PYTHON
QUICK = import sys, sysconfig; sys.exit("--enable-optimizations" not in (sysconfig.get_config_var("CONFIG_ARGS") or ""))
FITS = import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON := $(shell python3 -c '$(QUICK)' 2>/dev/null || ! /usr/bin/python3 -c '$(FITS)' 2>/dev/null \
  && echo python3 || echo /usr/bin/python3)
endif
PY := .venv/bin/python
# Ends the program together with make, also when make is killed.
LEASH := $(PY) -I -S migrator/local/leash.py --
FLAGS ?=

.PHONY: install demo start test test-all coverage properties mutants some-mutants lint bench lock
.DEFAULT_GOAL := install

install: .venv/installed

.venv/installed: requirements.lock
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON). Truecopy needs Python 3.11 or newer." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Truecopy needs Python 3.11 or newer; this is %d.%d. Say which one to use: make PYTHON=python3.11" % sys.version_info[:2])'
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "This Python cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

demo: install
	@exec $(LEASH) $(PY) manage.py demo $(FLAGS)

start: install
	@exec $(LEASH) $(PY) manage.py start $(FLAGS)

# Three at a time keep two cores busy: a fifth of the time a test waits, for a worker, a store or a clock.
test: install
	$(PY) -m pytest -n 3 -m "not slow and not extras"

# The tests of the pure modules alone: every line and branch of these must be reached, and by cases that are written
# down, not by those that a property happened to try.
coverage: install
	$(PY) -m pytest -n 2 -q -m "not slow and not extras and not hypothesis" --cov --cov-report=term tests/integrity \
	  --ignore=tests/integrity/test_records.py --ignore=tests/integrity/test_ledger.py \
	  --ignore=tests/integrity/test_guards.py

# Thousands of cases for each property of the integrity core, and of the signer; `make test` tries some.
properties: install
	PROPERTIES=thorough $(PY) -m pytest -n 2 -q -m hypothesis tests/integrity tests/engine/test_signing.py

# mutmut stays out of .venv too, and sees what is installed there.
.cache/mutants/bin/mutmut: .venv/installed
	$(PYTHON) -m venv .cache/mutants
	$(PY) -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
	  > "$$(.cache/mutants/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/truecopy.pth"
	.cache/mutants/bin/python -m pip install --quiet --disable-pip-version-check "mutmut>=3.8.1,<4"
	@touch $@

# Takes a quarter of an hour or more. What is known of a mutant is kept until its function changes, not its tests: the
# folder `mutants` is best removed first.
mutants: .cache/mutants/bin/mutmut
	nice .cache/mutants/bin/python -m tests.mutants

# One in five of the core and of the rules for a page of a listing, chosen by the last digit of their number.
some-mutants: .cache/mutants/bin/mutmut
	.cache/mutants/bin/python -m tests.mutants 'integrity.verdicts.*[37]' 'integrity.etags.*[37]' \
	  'migrator.engine.listing.*_fault*[37]' 'migrator.engine.versions.*_fault*[37]'

# On two databases: what touches one runs again on PostgreSQL, where TEST_POSTGRES_URL names an empty one. The mutants
# are tried by one process, so they go beside the properties.
test-all: install
	$(MAKE) --no-print-directory --jobs=2 --output-sync=target coverage properties some-mutants
	$(PY) -m pytest -n 2 -m "slow or extras"
	@if [ -n "$$TEST_POSTGRES_URL" ]; then \
	  TEST_DATABASE_URL="$$TEST_POSTGRES_URL" $(PY) -m pytest -n 3 tests/jobs tests/services tests/api tests/web tests/integrity/test_records.py tests/integrity/test_guards.py -m "not extras"; \
	else \
	  echo "skipped: the tests on PostgreSQL (TEST_POSTGRES_URL is not set)"; \
	fi

lint: install
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports

bench: install
	$(PY) -m tests.benchmarks $(FLAGS)

# pip-tools stays out of .venv: it is no part of what runs here.
.cache/lock/bin/pip-compile:
	$(PYTHON) -m venv .cache/lock
	.cache/lock/bin/python -m pip install --quiet --disable-pip-version-check "pip-tools>=7.5"

lock: .cache/lock/bin/pip-compile
	.cache/lock/bin/pip-compile --quiet --all-extras --allow-unsafe --generate-hashes --no-emit-index-url \
	  --no-emit-trusted-host --no-emit-find-links --no-strip-extras --output-file requirements.lock pyproject.toml

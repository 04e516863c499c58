# Everything a developer does, from a clean clone: `make run` and `make test` need no other step.

PYTHON ?= python3
# What `make check` compares the contract with.
AGAINST ?= main

VENV := .venv
TRITON := .triton-venv
BENCH := .bench-venv
BIN := $(CURDIR)/$(VENV)/bin
CARGO := cd rust-server && cargo
SERVER := $(CURDIR)/rust-server/target/release/offgil-server
TOOLS := $(CURDIR)/rust-server/target/tools
CARGO_DENY_VERSION := 0.20.2
CARGO_FUZZ_VERSION := 0.13.2
OHA_VERSION := 1.16.0
SOAK_MINUTES ?= 30
NATIVE := $(CURDIR)/tests/benchmarks/native
NATIVE_TARGET := $(CURDIR)/rust-server/target/benchmarks
FUZZ := $(CURDIR)/rust-server/fuzz
FUZZ_TARGETS := $(sort $(basename $(notdir $(wildcard $(FUZZ)/fuzz_targets/*.rs))))
FUZZ_SECONDS ?= 600
PYTHON_SOURCES := python-client python-client/audit-locks tests

export OFFGIL_SERVER_BIN = $(SERVER)
export BENCH_OHA = $(TOOLS)/bin/oha

.DEFAULT_GOAL := help
.PHONY: help setup server run test test-rust test-python test-black-box test-faults soak bench bench-quick bench-peers \
	bench-kernels fuzz fuzz-quick check check-rust check-deny \
	check-python check-proto audit audit-rust audit-python proto lock dist test-compose \
	test-new-project clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready server ## Install the Python environment and build the server

$(VENV)/.ready: python-client/requirements-dev.lock python-client/pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r python-client/requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable python-client
	touch $@

# The Triton clients of the black-box tests need an older protobuf than the package is tested with.
$(TRITON)/.ready: tests/triton/requirements.lock
	test -x $(TRITON)/bin/python || $(PYTHON) -m venv $(TRITON)
	$(TRITON)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

# The peers of the benchmarks are large, and no test needs them.
$(BENCH)/.ready: tests/benchmarks/requirements.lock python-client/pyproject.toml
	test -x $(BENCH)/bin/python || $(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable python-client
	touch $@

server:
	$(CARGO) build --release --locked --package offgil-server

run: setup ## Serve the app on port 8000 and gRPC on port 50051, until Ctrl-C
	exec $(BIN)/offgil serve --grpc-listen 127.0.0.1:50051

test: test-rust test-python test-black-box ## Run all tests that need no Docker

test-rust:
	$(CARGO) test --workspace --locked --quiet

test-python: $(VENV)/.ready
	cd python-client && $(BIN)/pytest -q

test-black-box: setup $(TRITON)/.ready | $(TOOLS)/bin/promtool
	cd tests && PATH="$(TOOLS)/bin:$$PATH" $(BIN)/pytest -q --ignore=compose --ignore=faults

# From Debian's package, without root. Where it cannot be had, the tests that need it are skipped and say so.
$(TOOLS)/bin/promtool:
	@tests/get-promtool $@ || echo "there is no promtool: its tests are skipped"

bench: server bench-peers $(TOOLS)/bin/oha ## Measure the service beside its peers, in about 10 minutes, and write docs/benchmarks.md
	cd tests && $(CURDIR)/$(BENCH)/bin/python -m benchmarks.service --write $(BENCH_FLAGS)

bench-quick: server bench-peers $(TOOLS)/bin/oha ## Measure less of it, in about 2 minutes, and print the tables
	cd tests && $(CURDIR)/$(BENCH)/bin/python -m benchmarks.service --quick $(BENCH_FLAGS)

# From rust-server, whose toolchain they are built with.
bench-peers: $(BENCH)/.ready
	cd rust-server && CARGO_TARGET_DIR=$(NATIVE_TARGET) \
		cargo build --quiet --release --locked --manifest-path $(NATIVE)/Cargo.toml --package echo
	cd rust-server && CARGO_TARGET_DIR=$(NATIVE_TARGET) VIRTUAL_ENV=$(CURDIR)/$(BENCH) $(CURDIR)/$(BENCH)/bin/maturin \
		develop --quiet --release --locked --manifest-path $(NATIVE)/pyo3-peer/Cargo.toml

$(TOOLS)/bin/oha:
	CARGO_TARGET_DIR=$(TOOLS)/build cargo install --quiet --locked --no-default-features --features rustls \
		--root $(TOOLS) oha@$(OHA_VERSION)
	rm -rf $(TOOLS)/build

bench-kernels: server $(BENCH)/.ready ## Print the times of the kernels beside NumPy, SciPy, numexpr, Numba, Polars and SymPy
	cd tests && $(CURDIR)/$(BENCH)/bin/python -m benchmarks.kernels $(BENCH_FLAGS)

fuzz: $(TOOLS)/bin/cargo-fuzz ## Fuzz what parses bytes from outside, FUZZ_SECONDS for each target; needs a nightly toolchain
	for target in $(FUZZ_TARGETS); do \
		PATH="$(TOOLS)/bin:$$PATH" CARGO_TARGET_DIR=$(CURDIR)/rust-server/target/fuzz \
			$(FUZZ)/run $$target $(FUZZ_SECONDS) || exit 1; done

fuzz-quick: ## Fuzz for 10 seconds each, not optimised, with the toolchain of the server
	$(FUZZ)/quick 10

$(TOOLS)/bin/cargo-fuzz:
	# Not optimised, as cargo-deny.
	CARGO_TARGET_DIR=$(TOOLS)/build CARGO_PROFILE_DEV_DEBUG=0 \
		cargo install --quiet --debug --locked --root $(TOOLS) cargo-fuzz@$(CARGO_FUZZ_VERSION)
	rm -rf $(TOOLS)/build

check: check-rust check-deny check-python check-proto ## Check formats, lints, types, licences, and that generated code is fresh

check-rust:
	$(CARGO) fmt --all --check
	$(CARGO) fmt --all --check --manifest-path $(NATIVE)/Cargo.toml
	$(CARGO) fmt --check --manifest-path $(FUZZ)/Cargo.toml
	@# Kernels are mathematics only: nothing of requests or runtimes in their tree.
	@if (cd rust-server && cargo tree --locked --package offgil-kernels --edges normal --prefix none) | \
		grep -E '^(tokio|tonic|prost|hyper|http)'; then echo "not for kernels"; exit 1; fi
	$(CARGO) clippy --workspace --all-targets --locked --quiet -- -D warnings
	@# With what the workspace has in common with them.
	cd rust-server && CARGO_TARGET_DIR=$(CURDIR)/rust-server/target \
		cargo clippy --manifest-path $(FUZZ)/Cargo.toml --all-targets --locked --quiet -- -D warnings
	cd rust-server && RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked --quiet

check-deny: $(TOOLS)/bin/cargo-deny
	cd rust-server && $(TOOLS)/bin/cargo-deny --log-level error --all-features check bans licenses sources

$(TOOLS)/bin/cargo-deny:
	# Not optimised: it is built in half the time and runs for seconds.
	CARGO_TARGET_DIR=$(TOOLS)/build CARGO_PROFILE_DEV_DEBUG=0 \
		cargo install --quiet --debug --locked --root $(TOOLS) cargo-deny@$(CARGO_DENY_VERSION)
	rm -rf $(TOOLS)/build

audit: audit-rust audit-python ## Look for known vulnerabilities in what the locks name; says where it cannot

audit-rust: $(TOOLS)/bin/cargo-deny
	@cd rust-server && if $(TOOLS)/bin/cargo-deny --log-level error --all-features fetch db; then \
		$(TOOLS)/bin/cargo-deny --all-features check --disable-fetch advisories; \
	else \
		echo "Cargo.lock: not audited: the RustSec database cannot be reached"; \
	fi

audit-python: $(VENV)/.ready
	@$(BIN)/python python-client/audit-locks

check-python: $(VENV)/.ready
	$(BIN)/ruff check $(PYTHON_SOURCES)
	$(BIN)/ruff format --check $(PYTHON_SOURCES)
	cd python-client && $(BIN)/mypy
	cd tests && $(BIN)/mypy

check-proto: $(VENV)/.ready
	$(BIN)/buf lint proto
	$(BIN)/buf format --diff --exit-code proto
	$(BIN)/buf breaking proto --against '.git#commit='"$$(git rev-parse --verify --quiet $(AGAINST) || \
		git rev-parse --verify origin/$(AGAINST))"',subdir=proto'
	python-client/generate-stubs --check

proto: ## Generate the Python stubs from proto/
	python-client/generate-stubs

lock: $(VENV)/.ready ## Write the Python locks anew
	python-client/write-locks

dist: $(VENV)/.ready ## Build both wheels and the source distribution into dist/
	rm -rf dist
	cd rust-server && $(BIN)/maturin build --quiet --release --locked --out $(CURDIR)/dist
	cd python-client && $(BIN)/python -m build --no-isolation --outdir $(CURDIR)/dist .

test-faults: setup ## Overload, attack, kill and starve servers, in about 6 minutes
	cd tests && $(BIN)/pytest -q faults

soak: setup ## Mixed load with faults for SOAK_MINUTES (30); reports failures by kind and memory
	cd tests && $(BIN)/python -m faults.soak --minutes $(SOAK_MINUTES)

test-compose: $(VENV)/.ready ## Build the images and test the deployment; needs Docker with compose
	cd tests && OFFGIL_COMMIT=$$(git rev-parse --short HEAD) $(BIN)/pytest -q compose

test-new-project: $(VENV)/.ready ## Build and test the images of a project that `offgil new` has written; needs Docker
	cd tests && OFFGIL_TEST_NEW_PROJECT=1 $(BIN)/pytest -q compose/test_compose_new_project.py

clean: ## Remove everything that was built
	rm -rf $(VENV) $(TRITON) $(BENCH) dist rust-server/target python-client/.stubs-venv
	rm -rf $(FUZZ)/artifacts $(FUZZ)/corpus
	find python-client tests -name __pycache__ -type d -prune -exec rm -rf {} +

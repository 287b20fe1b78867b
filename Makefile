# make demo   build, fetch the encoder, run the whole main job on ml-latest-small, serve what it made
# make test   all tests
# make lint   formatting, clippy and documentation, warnings being errors
# make bench  the benchmarks
# make dashboard-test  the dashboard in headless Chromium, over the bundle of the demo
#
# Everything is built in the release profile, so that dependencies are compiled once; clippy and
# rustdoc share the outputs of build scripts and macros with it.

TARGET := $(or $(CARGO_TARGET_DIR),target)

.PHONY: demo dashboard-test test lint bench tools demo-tools
.DEFAULT_GOAL := demo

demo: demo-tools
	cargo build --release --locked --bin semrec
	@scripts/demo.sh $(TARGET)/release/semrec demo

# The reference vectors of the real encoder are compared where its weights lie in target/models.
# nextest runs each test in its own process, but no examples of the documentation. The service is tested
# over both its data bases, where PostgreSQL is installed.
test: demo-tools
	cargo build --release --locked --bin semrec
	$(TARGET)/release/semrec --quiet --home $(TARGET) model pull minilm
	@if cargo nextest --version >/dev/null 2>&1; then \
	    set -ex; \
	    scripts/with-postgres.sh cargo nextest run --release --locked --workspace; \
	    SEMREC_TEST_STORE=postgres scripts/with-postgres.sh cargo nextest run --release --locked --workspace -E 'binary(service)'; \
	    cargo test --release --locked --workspace --doc; \
	else \
	    set -ex; \
	    scripts/with-postgres.sh cargo test --release --locked --workspace; \
	fi

lint: tools
	cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --release --locked --no-deps --workspace

# Playwright comes from PyPI into target, the browser is the system's.
dashboard-test:
	@test -d demo/bundle || { echo "make demo makes the bundle that is looked at" >&2; exit 1; }
	@test -d $(TARGET)/playwright/playwright || python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target $(TARGET)/playwright playwright==1.65.2
	PYTHONPATH=$(TARGET)/playwright python3 scripts/dashboard-test.py $(TARGET)/release/semrec demo/bundle --pictures $(TARGET)/dashboard

bench: tools
	cargo bench --locked --workspace

tools:
	@scripts/check-tools.sh build

demo-tools:
	@scripts/check-tools.sh demo

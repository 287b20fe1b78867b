# make demo   build, fetch the encoder, run the whole main job on ml-latest-small, show the report
# make test   all tests
# make lint   formatting, clippy and documentation, warnings being errors
# make bench  the benchmarks
#
# Everything is built in the release profile, so that dependencies are compiled once; clippy and
# rustdoc share the outputs of build scripts and macros with it.

TARGET := $(or $(CARGO_TARGET_DIR),target)
DATA := data/ml-latest-small

.PHONY: demo test lint bench tools demo-tools
.DEFAULT_GOAL := demo

demo: demo-tools
	cargo build --release --locked --bin semrec
	$(TARGET)/release/semrec up $(DATA)/movies.csv $(DATA)/ratings.csv --out demo
	@echo "open $(CURDIR)/demo/report.html"

# The reference vectors of the real encoder are compared where its weights lie in target/models.
# nextest runs each test in its own process, but no examples of the documentation.
test: demo-tools
	cargo build --release --locked --bin semrec
	$(TARGET)/release/semrec --quiet --home $(TARGET) model pull minilm
	@if cargo nextest --version >/dev/null 2>&1; then \
	    set -ex; \
	    cargo nextest run --release --locked --workspace; \
	    cargo test --release --locked --workspace --doc; \
	else \
	    set -ex; \
	    cargo test --release --locked --workspace; \
	fi

lint: tools
	cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --release --locked --no-deps --workspace

bench: tools
	cargo bench --locked --workspace

tools:
	@scripts/check-tools.sh build

demo-tools:
	@scripts/check-tools.sh demo

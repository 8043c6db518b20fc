# Thin: each target says what it runs; the work is in scripts/ and in cargo.

.DEFAULT_GOAL := help
.PHONY: help demo test check bench load fuzz-api docs-browser clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

demo: ## Build, start on loopback, and show the main job with real calls
	python3 scripts/demo.py

test: ## Install what the tests need, then run them all
	./softhsm/install.sh
	./scripts/python-env.sh
	./scripts/page-tools.sh
	cargo test --locked --no-fail-fast

check: ## The gate: format, lints, docs, dependencies
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps
	./scripts/cargo-deny.sh

bench: ## Run the benchmarks
	cargo bench --locked

load: ## Measure requests a second of a release build beside the raw token
	python3 scripts/load.py

fuzz-api: ## Drive the whole API by schemathesis as each role and as nobody (FUZZ="--seed 7")
	./scripts/fuzz-api.sh $(FUZZ)

docs-browser: ## Open /docs in a browser that reaches no other host (installs Chromium)
	./scripts/docs-browser.sh

clean: ## Remove what was built
	cargo clean
	rm -rf .venv

# Thin: each target says what it runs; the work is in scripts/ and in cargo.

.DEFAULT_GOAL := help
.PHONY: help demo test check features bench compare load tamper model approvals races crash rotation fuzz fuzz-api alerts docs-browser exposure deb deb-test rewrap clean soak

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

demo: ## Build, start on loopback, and show the main job with real calls
	python3 scripts/demo.py

test: ## Install what the tests need, then run them all
	./softhsm/install.sh
	./scripts/python-env.sh
	./scripts/page-tools.sh
	cargo test --locked --no-fail-fast

tamper: ## Attack every stored column and row of a running service, and print how each was noticed
	./softhsm/install.sh
	TAMPER_EVERY_KIND=1 cargo test --locked --test tamper -- --nocapture

crash: ## Kill the service 200 times under load of every verb, look at what is left, and print figures (release build)
	./softhsm/install.sh
	CRASH_ROUNDS=200 CRASH_STARTS=40 cargo test --locked --release --test crash killed_ -- --nocapture --test-threads=1

soak: ## Load the service for ten minutes over TLS, and fail unless memory and descriptors stay flat (release build)
	./softhsm/install.sh
	SOAK_SECONDS=600 cargo test --locked --release --test soak -- --nocapture

rotation: ## Rotate the KEK over 10,000 DEK versions under load with five kills, and print figures (release build)
	./softhsm/install.sh
	ROTATION_VERSIONS=10000 ROTATION_KILLS=5 cargo test --locked --release --test rotation_load -- --nocapture

check: ## The gate: format, lints, docs, dependencies
	cargo fmt --check
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps
	./scripts/cargo-deny.sh

features: ## Build with every set of features, and move one database between two builds
	./softhsm/install.sh
	./scripts/features.sh

bench: ## Run the benchmarks
	cargo bench --locked

load: ## Measure requests a second of a release build beside the raw token, events, and submissions of signatures
	python3 scripts/load.py

compare: ## Measure another release build beside this one in turn (BEFORE=path/to/custodian)
	cargo build --release --locked
	python3 scripts/compare.py $(BEFORE)

rewrap: ## Move a million client blobs to a new KEK, killed in the middle and given again (release build)
	python3 scripts/rewrap.py

model: ## Play 50,000 random requests against a model of the contract (release build)
	MODEL_STEPS=5000 MODEL_GAMES=5 cargo test --locked --release --test model -- --nocapture --test-threads 2 every_answer_is

approvals: ## Play 40,000 random steps of two-key overrides against a model, and a crowd (release build)
	APPROVALS_STEPS=5000 APPROVALS_GAMES=4 PROPTEST_CASES=100000 cargo test --locked --release --test override_properties -- --nocapture --test-threads 2
	CROWD_REQUESTS=20000 cargo test --locked --release --test overrides -- --nocapture in_a_crowd

races: ## Shut keys and people while many clients use them, for a minute each way (release build)
	RACES_SECONDS=60 RACES_CLIENTS=32 cargo test --locked --release --test races -- --nocapture --test-threads 1

fuzz: ## Fuzz blobs, certificates, events, exported logs, JSON, signed tools and request bodies, FUZZ_SECONDS (60) each
	./scripts/fuzz.sh

fuzz-api: ## Drive the whole API by schemathesis as each role and as nobody (FUZZ="--seed 7")
	./scripts/fuzz-api.sh $(FUZZ)

alerts: ## Check the alerts for Prometheus by promtool, and play their scenes
	./scripts/alerts.sh

docs-browser: ## Open /docs in a browser that reaches no other host (installs Chromium)
	./scripts/docs-browser.sh

exposure: ## Have systemd judge how exposed the service is, and fail above 1.0 (with a network HSM 1.3)
	./scripts/exposure.sh

deb: ## Build the Debian package, and print where it is
	@./scripts/deb.sh

deb-test: ## Install the package into a fresh Debian that systemd boots, and use, upgrade, purge it there (as root)
	./scripts/deb-test.sh

clean: ## Remove what was built
	cargo clean
	rm -rf .venv

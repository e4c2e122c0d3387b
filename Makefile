# `make help` lists the targets. Everything runs in this folder; nothing is installed outside it.

.DEFAULT_GOAL := help
.PHONY: help set-up build demo test check

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

set-up: ## Install libtorch into .torch, where it is not there yet
	@scripts/set-up-libtorch.sh

build: set-up ## Build target/release/sim
	cargo build --release

demo: build ## Train an agent on synthetic listeners and evaluate it
	target/release/sim train-agent --config configs/demo.toml
	target/release/sim evaluate-policy --run runs/demo

test: set-up ## Run all tests
	cargo test --workspace

check: test ## Run what CI runs: tests, format, lints, documentation, the README's commands
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
	scripts/run-readme-commands.sh

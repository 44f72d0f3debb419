# Clowder. `make help` lists the targets.
.DEFAULT_GOAL := help
.PHONY: help run cluster test graphs chaos check bench fmt docs services
SHELL := /bin/bash

help: ## List what can be done.
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Build and serve on http://127.0.0.1:8080, with no other service needed.
	cargo run --package clowder-gateway --bin clowder -- serve

cluster: ## Three gateways over a temporary PostgreSQL and Redis behind HAProxy, on http://127.0.0.1:8080.
	env -u TEST_POSTGRES_URL -u TEST_REDIS_URL scripts/with-services scripts/cluster

test: ## Run every test; starts (and if need be installs) its own PostgreSQL and Redis.
	scripts/with-services scripts/test

graphs: ## Compare what people see with the rule in 10,000 random graphs on each database; at most three hours.
	TEST_GRAPHS=10000 scripts/with-services timeout 3h cargo test --workspace --test contract people::listed_is

chaos: ## Upgrade nodes, then let them, Redis and PostgreSQL fail for 15 minutes each, with and without Redis; prints what was lost.
	export CHAOS_OTHER_BIN=$${CHAOS_OTHER_BIN:-$$(scripts/earlier)} && [ -n "$$CHAOS_OTHER_BIN" ] && \
	CHAOS_SECONDS=$${CHAOS_SECONDS:-900} scripts/with-services cargo run --package clowder-tests --example chaos

check: ## Check formatting, lints, licences, documentation and the laws of the architecture.
	scripts/check

bench: ## Measure against a Django peer and bare parts, all in one run; prints ratios.
	FSYNC=on scripts/with-services bench/run.sh

fmt: ## Format the code.
	cargo fmt --all

docs: ## Build the documentation of all crates, without a warning.
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

services: ## Start a throw-away PostgreSQL and Redis and a shell that knows them; both end with the shell.
	scripts/with-services $${SHELL:-bash}

# `make demo` and `make test` are the two that matter; `make` lists the rest.
# ARGS="…" is handed on: make demo ARGS=--help, make test ARGS=house::

SETUP  := ./deploy/setup.sh
CARGO  := cargo
LOCKED := --locked

export PATH := $(PATH):$(HOME)/.cargo/bin

# Where cargo builds: CARGO_TARGET_DIR, else under CHANCERY_CACHE (a directory kept between runs), else ./target.
ifdef CHANCERY_CACHE
export CARGO_TARGET_DIR ?= $(CHANCERY_CACHE)/target
# The server refuses settings it does not know, and this is none.
unexport CHANCERY_CACHE
endif

# What the tests measured, printed when all of them have passed.
FIGURES := $(abspath $(or $(CARGO_TARGET_DIR),target))/figures.txt

.DEFAULT_GOAL := help
.PHONY: help demo test storm check fmt lint deny bless deps release clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

demo: ## try it: issuer, sample dashboard and sample gateway on this machine
	@$(SETUP) demo
	@$(CARGO) run $(LOCKED) -- demo $(ARGS)

test: ## everything that has to hold: format, lints, licences, all tests on both databases
	@$(SETUP) test
	$(CARGO) fmt --check
	$(CARGO) clippy $(LOCKED) --all-targets -- -D warnings
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny --log-level error check bans licenses sources; \
	else echo "cargo-deny is not installed: licences and banned crates are not checked (make deny says more)"; fi
	@mkdir -p $(dir $(FIGURES)) && : > $(FIGURES)
	CHANCERY_TEST_FIGURES=$(FIGURES) $(CARGO) test $(LOCKED) $(ARGS)
	@echo "Figures:" && cat $(FIGURES)

storm: ## kill -9 under refreshes and revocations, 200 rounds a database (CHANCERY_TEST_STORM)
	@$(SETUP) test
	CHANCERY_TEST_STORM=$${CHANCERY_TEST_STORM:-200} $(CARGO) test $(LOCKED) --test it -- storm:: --nocapture $(ARGS)

check: ## compile without building, the quickest answer
	$(CARGO) check $(LOCKED) --all-targets

fmt: ## format the code
	$(CARGO) fmt

lint: ## clippy, warnings denied
	$(CARGO) clippy $(LOCKED) --all-targets -- -D warnings

deny: ## advisories, licences and banned crates (needs cargo-deny and the network)
	@$(CARGO) deny --version >/dev/null 2>&1 || { echo "make deny needs cargo-deny: cargo install --locked cargo-deny"; exit 1; }
	$(CARGO) deny check

bless: ## write the generated files anew, by the tests that compare them
	@$(SETUP) test
	CHANCERY_BLESS=1 $(CARGO) test $(LOCKED) --test it $(ARGS)

deps: ## install what demo and tests need and this machine lacks
	@$(SETUP) test
	@./deploy/parties.sh >/dev/null

release: ## build the binary to deploy
	@$(SETUP) demo
	$(CARGO) build $(LOCKED) --release

clean: ## remove what was built
	$(CARGO) clean

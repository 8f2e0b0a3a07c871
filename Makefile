# The front door. One line of work per target; what is longer lies in a program.
SHELL := /bin/bash
.DEFAULT_GOAL := help
# Outside the clone, so that a fresh clone builds quickly.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/reprise
export CARGO_TARGET_DIR ?= $(CACHE)/target
CARGO ?= cargo
DEMO ?= demo
# The public files that judges read, the judges' own Python, and the rows to judge: none means all.
DATA ?= ../shared/data
QUALITY := $(CACHE)/quality
ROWS ?=
# `make scale`: how many lines, in which profile, and where the files lie.
LINES ?= 1000000 10000000
PROFILE ?= release
SCALE_WORK ?= $(CACHE)/scale

##@ Start here
help: ## Say what each target does
	@awk 'BEGIN {FS = ":.*##"} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*##/ {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: binaries ## Train and score three markets from YAML on this machine; leaves the result in ./demo
	@$(CARGO_TARGET_DIR)/debug/reprise data demo --to $(DEMO)
	@$(CARGO_TARGET_DIR)/debug/reprise run -f examples/demo --map gs://reprise-demo=$(DEMO)

cluster: binaries ## A real Kubernetes of two nodes on this machine (root, Go, containerd); prints its kubeconfig
	@$(CARGO_TARGET_DIR)/debug/cluster up

demo-cluster: binaries ## The demo by kubectl on that cluster: apply, watch, contact plans; leaves it running
	@$(CARGO_TARGET_DIR)/debug/cluster demo

cluster-down: binaries ## End the cluster and leave nothing
	@$(CARGO_TARGET_DIR)/debug/cluster down

##@ Work on it
binaries: ## Build the programs
	@$(CARGO) build --quiet --locked --workspace

test: ## Every test that this machine can run; what it can't is named and counted
	@$(CARGO) run --quiet --locked -p reprise-tests --bin stages

quality: binaries $(QUALITY)/ready ## Judge both models against baselines on public data (minutes to hours); ROWS="R4 R5" judges those
	@$(CARGO) build --quiet --locked --workspace --examples
	@$(QUALITY)/bin/python quality/run.py $(ROWS) --data $(DATA) --reprise $(CARGO_TARGET_DIR)/debug/reprise --work $(QUALITY)/work

$(QUALITY)/ready: quality/requirements.txt
	@python3 -m venv $(QUALITY) && $(QUALITY)/bin/pip install --quiet --requirement $< && touch $@

images: ## OCI archives of operator and worker in ./images, without a container engine; asserts their sizes
	@$(CARGO) build --quiet --locked --workspace --release && $(CARGO_TARGET_DIR)/release/cluster images images

check: ## Format, lint: what a change must pass before it is read
	@$(CARGO) fmt --all --check && $(CARGO) clippy --workspace --all-targets --locked --quiet -- -D warnings

generate: ## Write what is derived: CRDs and annotated examples
	@$(CARGO) run --quiet --locked -p reprise-crds --bin crdgen

check-alone: ## Each crate by itself: finds features that only unification provides
	@$(CARGO) metadata --no-deps --format-version 1 | tr ',' '\n' | sed -n 's/.*"name":"\(reprise[a-z-]*\)".*/\1/p' | sort -u | xargs -I{} $(CARGO) check --locked --quiet -p {}

fuzz: ## 60 seconds on each reader of what others wrote (SECONDS_EACH=600 for longer; needs a C++ compiler)
	@tests/fuzz/run.sh

scale: $(QUALITY)/ready ## Time and memory of preparing 1 and 10 million lines, beside DuckDB; LINES="1000000 100000000", PROFILE=dev
	@$(CARGO) build --quiet --locked --workspace --profile $(PROFILE)
	@$(QUALITY)/bin/python quality/scale.py --binaries $(CARGO_TARGET_DIR)/$(PROFILE:dev=debug) --work $(SCALE_WORK) --lines $(LINES)

figures: ## What the operator costs and how quick it is, on a real API server (needs Go); FINISHED=10000 ACTIVE=500 IDLE_MINUTES=10
	@$(CARGO) build --quiet --locked --workspace --bin reprise-operator
	@$(CARGO) test --quiet --locked --workspace --bench figures

audit: ## Licences, banned and doubled crates (needs cargo-deny)
	@$(CARGO) deny check bans licenses sources

.PHONY: help demo cluster demo-cluster cluster-down images binaries test quality check generate check-alone scale fuzz audit

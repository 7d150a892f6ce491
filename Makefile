# Every target sets up what it needs; nothing is installed outside the checkout but Kafka's jars, in the user's cache.
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-loop test check lock wheel records distill bench-chaos bench-client bench-gate bench-infer bench-loop bench-measure bench-orders bench-stream bench-store bench-recovery

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' Makefile | sort | expand -t 18

setup: .venv/ready ## a virtual environment from the lock

.venv/ready: requirements.lock pyproject.toml deploy/client/pyproject.toml
	@echo "setting up .venv from requirements.lock (a minute or two, once)"
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "Python 3.11 to 3.13 is needed; choose one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . -e deploy/client
	@touch $@

demo: setup ## the main job on embedded defaults: a product, its workload, measured suggestions
	@$(BIN)/sidecar demo

demo-loop: setup ## the same, and on: approved, carried out, compared with the promise, taken back where it was harmful
	@$(BIN)/sidecar demo --loop

# Many tests wait for Kafka, so three workers keep two cores busy; the long files come first as they are (e2e, contract).
test: setup ## all tests
	@$(BIN)/pytest -m "not alone" -n 3 --dist loadfile --no-loadscope-reorder
	@$(BIN)/pytest -m alone

check: setup ## format, lint and types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

lock: setup ## resolve the dependencies anew
	@$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-annotate --no-header --no-strip-extras --quiet -o requirements.lock

wheel: setup ## the light wheel that a data product installs, into dist/
	@$(BIN)/python -m build --wheel --no-isolation --outdir dist deploy/client

records: setup ## write the .avsc files from the models
	@$(BIN)/python -m schemas.records.derive

distill: setup ## the models from nothing: labels, training, report; many hours, can be stopped and goes on
	@$(BIN)/python -m inference.distill.labels
	@$(BIN)/python -m inference.distill.card
	@$(BIN)/python -m inference.distill.train
	@$(BIN)/python -m inference.distill.language
	@$(BIN)/python -m inference.evaluation

bench-chaos: setup ## kill -9 of product, control process and broker while changes go through the whole loop
	@$(BIN)/python deploy/benchmarks/chaos.py

bench-measure: setup ## candidates a second, how far identical databases differ, and whether a first look decides right
	@$(BIN)/python deploy/benchmarks/measure.py

bench-infer: setup ## what the models take: round trip, throughput, memory, start, swap; the same weights in ONNX Runtime
	@$(BIN)/python deploy/benchmarks/infer.py

bench-orders: setup ## what an order of trying is worth: seconds saved for each second of budget, replayed from measured labels
	@$(BIN)/python deploy/benchmarks/orders.py $(if $(RANKER),--ranker $(RANKER))

bench-stream: setup ## events a second from the query log to committed patterns, beside Quix Streams and a bare loop
	@$(BIN)/python deploy/benchmarks/stream.py

bench-store: setup ## rows a second into the knowledge file, beside a bare loop, and one event to its commit
	@$(BIN)/python deploy/benchmarks/storing.py

bench-recovery: setup ## each process killed at random under load, 100 times: what is lost, doubled, seconds to resume
	@$(BIN)/python deploy/benchmarks/recovery.py

bench-client: setup ## what the client costs its product, and how slow that is while it is cloned
	@$(BIN)/python deploy/benchmarks/client.py

bench-loop: setup ## how a product fares while a table of 10 million rows is rebuilt in it; approval to applied
	@$(BIN)/python deploy/benchmarks/rebuild.py
	@$(BIN)/python deploy/benchmarks/chaos.py --kills 0 --loops 24
	@echo "From applied to verdict: \`make demo-loop\` times it, by production's own thresholds, some five minutes."

bench-gate: setup ## approvals judged a second, beside a bare verification
	@$(BIN)/python deploy/benchmarks/gate.py

# Green Channel. Everything that is installed lies in .venv; ARGS go to the command a target runs.

ARGS :=
PART :=
IN_VENV := .venv/bin/python -m
# A stamp bears the sum of what was installed: a changed lock is installed at the next command.
sum = $(shell cat deploy/setup deploy/install.py $(1) | cksum | cut -d' ' -f1)
RUNS := .venv/.runs-$(call sum,requirements.lock)
TESTS := .venv/.tests-$(call sum,requirements-dev.lock)
PEERS := .venv/bench/.peers-$(call sum,requirements-bench.lock)

.DEFAULT_GOAL := help
.PHONY: help setup run check test proof eval schemas lock clean

help: ## this list
	@awk -F ' ## ' '/^[a-z]+:.* ## / { sub(/:.*/, "", $$1); printf "make %-9s%s\n", $$1, $$2 }' Makefile

setup: $(RUNS) ## .venv/bin/greenchannel, with what it needs

run: $(RUNS) ## everything on this machine, and the page that shows it
	@.venv/bin/greenchannel run $(ARGS)

check: $(TESTS) ## format, lint, types, imports; generated files and locks up to date
	.venv/bin/ruff format --check
	.venv/bin/ruff check
	.venv/bin/oxlint --deny-warnings web/static
	$(IN_VENV) mypy
	.venv/bin/lint-imports --no-cache
	$(IN_VENV) yamllint --strict .
	.venv/bin/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	$(IN_VENV) schemas.generate --check
	$(IN_VENV) services.reference.generate --check
	$(IN_VENV) simulator.illustrate --check
	$(IN_VENV) deploy.grafana.generate --check
	$(IN_VENV) deploy.locks --check
	$(IN_VENV) pip check

test: $(TESTS) ## all tests, with coverage
	$(IN_VENV) pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(ARGS) --cov

proof: $(TESTS) ## what takes long to show, PART=alerts|browser|…: reports/proof.json, docs/proof.md
	$(IN_VENV) pytest -m proof -s $(ARGS) $(if $(PART),tests/proof/test_$(PART).py,tests/proof)
	$(IN_VENV) tests.proof.page

eval: $(RUNS) ## triage beside experts and nurses: reports/triage_eval.json and .html
	$(IN_VENV) evaluation $(ARGS)

bench: $(RUNS) $(PEERS) ## speed beside limits and peers: reports/bench.json (some minutes)
	@$(IN_VENV) benchmarks $(ARGS)

schemas: $(RUNS) ## what is generated: JSON Schemas, AsyncAPI, OpenAPI, the pages of the API and the stories
	$(IN_VENV) schemas.generate
	$(IN_VENV) services.reference.generate
	$(IN_VENV) simulator.illustrate
	$(IN_VENV) deploy.grafana.generate

lock: $(TESTS) ## the locks of Python packages anew (needs uv; ARGS=--upgrade takes newer ones)
	$(IN_VENV) deploy.locks $(ARGS)

clean: ## remove .venv and what tools left behind
	rm -rf .venv .coverage* .*_cache .hypothesis reports

$(RUNS):
	@deploy/setup
	@rm -f .venv/.runs-*; touch $@

$(TESTS): $(RUNS)
	@deploy/setup dev
	@rm -f .venv/.tests-*; touch $@

$(PEERS): $(RUNS)
	@deploy/setup bench
	@rm -f .venv/bench/.peers-*; touch $@

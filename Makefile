# The same names as in .ci/run and CONTRIBUTING. Each target does one thing.
.PHONY: install lint format types check test coverage browser bench serve all

install:
	pip install -e '.[test,browser,dev]'

lint:
	ruff check . && ruff format --check . && validate-pyproject pyproject.toml

format:
	ruff format . && ruff check --fix . && python -m vetgraph.graphs $$(git ls-files '*.ttl' ':!tests')

types:
	mypy

check:
	vetgraph check

test:
	pytest

coverage:
	pytest --cov --cov-report=term:skip-covered

browser:
	pytest -m browser

bench:
	python -m benchmarks.run --work $${BENCH:-/tmp/vetgraph-bench} --sizes 1M --minutes 20

serve:
	vetgraph serve

all: lint types check test

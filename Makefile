.PHONY: install test check quickstart benchmarks

install: ## on a machine without a GPU, install torch==2.13.0 first
	pip install -e ".[test,benchmarks]"

test:
	python -m pytest

check:
	ruff check .
	ruff format --check .
	mypy

quickstart:
	accelerate launch run_pretraining.py recipes/quickstart.yaml

benchmarks:
	python -m benchmarks.speed.collator
	python -m benchmarks.aligners
	python -m benchmarks.speed
	python -m benchmarks.speed.start_up

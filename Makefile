.PHONY: install test test-nightly test-oldest test-versions check quickstart benchmarks docs docs-check

install: ## on a machine without a GPU, install PyTorch's CPU build first, see docs/installation.md
	pip install -e ".[test,benchmarks,docs]"

test:
	python -m pytest

test-nightly: ## ten times as many random files as the test command
	HYPOTHESIS_PROFILE=nightly python -m pytest tests/test_saved_files.py

test-oldest: ## all tests with the lowest versions that pyproject.toml allows
	.ci/run oldest

test-versions: ## a checkpoint saved here, used with six versions of transformers
	.ci/versions

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

docs: ## shows the site at http://127.0.0.1:8000 while you write
	mkdocs serve

docs-check: ## builds the site, and stops at any warning
	mkdocs build --strict

# Everything here sets itself up: no step to do first. Plain POSIX tools and Python 3.11 or newer are enough.

.DEFAULT_GOAL := help
.PHONY: help run test check format bench audit lock vendor shots image clean installed installed-for-tests

help: ## what each target does
	@echo "make run      the demo: web, worker and a stand-in for Stripe     PORT=8000 HOST=127.0.0.1 FRESH=1"
	@echo "make test     lint, types, every test on both databases, browser  SKIP_BROWSER=1 SKIP_POSTGRES=1"
	@echo "make check    lint, format and types only"
	@echo "make format   put the code into the format that check expects"
	@echo "make bench    how fast, against the floor                         see tests/bench/RESULTS.md"
	@echo "make audit    known holes in our packages; every field and query at length  FUZZ_EXAMPLES=20000"
	@echo "make shots    the README's screenshots, from the demo's data"
	@echo "make lock     write the lock files after editing a requirements file   UPGRADE=1"
	@echo "make vendor   fetch and check what static/vendor holds"
	@echo "make image    the container image (needs docker or podman)"
	@echo "make clean    take out everything make has made, except the demo's data in instance/"

run: installed
	@.venv/bin/python deploy/run.py --with-parent

test: installed-for-tests
	@.venv/bin/python -m tests.stages

check: installed-for-tests
	@.venv/bin/python -m tests.stages checks

format: installed-for-tests
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

bench: installed-for-tests
	.venv/bin/python -m tests.bench

audit: installed-for-tests
	.venv/bin/pip-audit --require-hashes --disable-pip --requirement deploy/requirements.lock
	FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-20000} .venv/bin/python -m pytest -q tests/test_fuzz.py

shots: installed-for-tests
	CHROMIUM="$$(sh deploy/chromium.sh)" .venv/bin/python -m tests.shots

lock: installed
	@sh deploy/lock.sh

vendor: installed
	@sh deploy/vendor.sh

image:
	$$(command -v docker || command -v podman) build --file deploy/Dockerfile --tag practice-freedom-portal .

clean:
	rm -rf .venv .pytest_cache .ruff_cache .mypy_cache .hypothesis .coverage htmlcov test-results
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
	@if [ -e instance ]; then echo "instance/ (the demo's data) is still there; delete it yourself if you mean to."; fi

installed:
	@sh deploy/bootstrap.sh

installed-for-tests:
	@sh deploy/bootstrap.sh test

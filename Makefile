PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp

# Tests start hundreds of processes: without compiled files each of them would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo study test lint docs package benchmarks browser clean

# Both commands below make the environment themselves, once; later runs find the stamp.
demo: $(STAMP)
	@$(BIN)/python analyses/demo.py demo

# The study, from its data to its report: hours, and it goes on where it was stopped.
study: $(STAMP)
	@test -d "$(DATA)" || { echo "make study DATA=FOLDER [OUTPUT=study]: FOLDER has the data of the eighteen tasks"; exit 2; }
	@$(BIN)/python -m analyses.study "$(DATA)" "$(or $(OUTPUT),study)"

test: $(STAMP)
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: $(STAMP)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

# The documentation site, in site/.
docs: $(STAMP)
	@$(BIN)/python docs/reference.py --check && NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# A wheel and an sdist, and every way to install that README names, each tried in an empty environment.
package: $(STAMP)
	@PYTHON=$(BIN)/python sh tests/package.sh

benchmarks: $(STAMP)
	@$(BIN)/python benchmarks/scoring.py && $(BIN)/python benchmarks/encoding.py

# A Chromium for the tests of the report in a browser, where there is none: the system's for root, else playwright's own.
browser: $(STAMP)
	@set -- "$$DIVERSITY_BROWSER" chromium chromium-browser google-chrome google-chrome-stable; \
	for name; do [ -n "$$name" ] && command -v "$$name" && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
		(timeout 120 apt-get -qq update; timeout 300 apt-get -qq install -y chromium) > /dev/null 2>&1 && exit 0; \
	fi; \
	timeout 300 $(BIN)/python -m playwright install --no-shell chromium > /dev/null 2>&1 \
		|| { echo "no Chromium here and none could be had: tests in a browser are skipped"; exit 1; }

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info < (3, 15); sys.exit(None if ok else "Python 3.11 to 3.14 is needed, found %d.%d: make PYTHON=python3.12" % sys.version_info[:2])'
	@echo "setting up $(VENV) (about two minutes, once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

clean:
	rm -rf $(VENV) demo dist build site

# make demo   segments two follow-ups of a computed patient; installs what that needs into .venv the first time
# make test   runs the whole test suite; installs torch, the SAM packages and the test tools the first time
# make clean  removes .venv and everything made here
#
# Another Python than python3: make demo PYTHON=python3.12

PYTHON ?= python3
WORKERS ?= 2
VENV := .venv
RUN := $(VENV)/bin/python
PYTEST = OMP_NUM_THREADS=1 ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS=1 $(RUN) -m pytest -n $(WORKERS) --dist loadfile
INSTALL := $(RUN) -m pip install --disable-pip-version-check --quiet

.PHONY: demo test clean

demo: $(VENV)/.demo
	$(RUN) -m p2sam demo

# One thread a worker: the workers share the cores. The panel's tests read the packages anew, so they have processes of their own.
# What fails is run once more by itself: some tests bound times, which a loaded machine exceeds. Failing again, it fails.
test: $(VENV)/.test
	$(PYTEST) --ignore=Testing/gui || $(PYTEST) --ignore=Testing/gui --last-failed
	$(PYTEST) Testing/gui || $(PYTEST) Testing/gui --last-failed

# A stamp is older than the file of pins after a pull; what is installed already needs no network then.
$(VENV)/.demo: requirements/demo.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "P2SAMSlicer needs Python 3.10 or newer, and '$(PYTHON)' is not; name one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@test -x $(RUN) || { echo "Making $(VENV) ..."; $(PYTHON) -m venv $(VENV); }
	@echo "Installing the light set (requirements/demo.txt) ..."
	@$(INSTALL) -r requirements/demo.txt
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.test: $(VENV)/.demo requirements/sam.txt requirements/sam2.txt requirements/test.txt
	@echo "Installing torch, the SAM packages and the test tools (some gigabytes the first time) ..."
	@$(INSTALL) -r requirements/sam.txt -r requirements/test.txt
	@SAM2_BUILD_CUDA=0 $(INSTALL) --no-deps --no-build-isolation -r requirements/sam2.txt
	@touch $@

clean:
	rm -rf $(VENV) p2sam-demo build .pytest_cache .hypothesis P2SAMSlicer/*.egg-info
	find P2SAMSlicer Testing -name __pycache__ -prune -exec rm -rf {} +

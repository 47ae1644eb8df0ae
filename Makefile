# make run    the shop and the sandbox on http://127.0.0.1:5000
# make test   everything quick: installs what the tests need, then lint, types and the suite
# make check  the slower tests, and the quick ones on other days
# make anyday DATE="2028-02-29 09:00"   the quick tests as if it were that moment in Seoul; TZ=... in another zone
# make setup  the environment only
# make worker   charge what the scheduler hands out; make scheduler hands it out (both need CELERY_BROKER_URL)
# make serve  the shop through the production server
# make up     the whole set of processes on real PostgreSQL and Redis (Debian's packages)
# make bench  how quick it is, beside others; make soak  how it bears ten minutes of it
# make profile  where the time of one purchase goes: statements, commits and calls of each endpoint, and milliseconds
# make screenshots   take the README's pictures anew, and contact sheets of every page
# make translations  bring the English catalogue up to date after a text was changed

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

# Python keeps what it compiled, even where the environment says otherwise: the tests start many processes.
export PYTHONDONTWRITEBYTECODE =

.PHONY: run setup test check anyday test-setup lint types translations screenshots serve up bench profile soak

run: $(VENV)/.installed
	$(BIN)/python app.py

setup: $(VENV)/.installed

test: test-setup lint types
	$(BIN)/python -m pytest -n 2 -m "not slow"

check: test-setup
	tests/install-packages.sh slow
	$(BIN)/python -m pytest -n 2 -m slow --timeout 900
	$(MAKE) anyday TZ=Asia/Seoul DATE="2027-01-31 23:55"
	$(MAKE) anyday TZ=America/Los_Angeles DATE="2028-01-01 00:05"
	$(MAKE) anyday TZ=Pacific/Kiritimati DATE="2028-02-29 09:00"
	$(MAKE) anyday TZ=UTC DATE="2027-03-15 12:00"

TZ ?= Asia/Seoul
anyday: test-setup
	TZ=$(TZ) DATE="$(DATE)" $(BIN)/python -m pytest -p tests.any_day -n 2 -m "not slow and not browser"

test-setup: $(VENV)/.installed-for-tests
	tests/install-packages.sh

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/mypy

$(VENV)/.installed: requirements.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/.installed-for-tests: $(VENV)/.installed tests/requirements.txt requirements-scale.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	touch $@

screenshots: test-setup
	$(BIN)/python docs/take_pictures.py
	$(BIN)/python docs/contact_sheets.py

TEXTS = shop/translations
translations: $(VENV)/.installed
	$(BIN)/pybabel -q extract -F $(TEXTS)/sources.cfg -k _l --no-location --omit-header -o $(TEXTS)/sources.pot .
	$(BIN)/pybabel -q update -i $(TEXTS)/sources.pot -d $(TEXTS) --omit-header --no-fuzzy-matching --ignore-obsolete -w 120
	$(BIN)/pybabel -q compile -f -d $(TEXTS)
	rm $(TEXTS)/sources.pot

.PHONY: worker scheduler
worker scheduler: $(VENV)/.installed-for-many-machines
	$(BIN)/flask --app app $@

$(VENV)/.installed-for-many-machines: $(VENV)/.installed requirements-scale.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-scale.txt
	touch $@

serve: $(VENV)/.installed
	$(BIN)/gunicorn

up: $(VENV)/.installed-for-many-machines
	$(BIN)/python -m deploy.up

bench: test-setup
	$(BIN)/python -m bench

profile: test-setup
	$(BIN)/python -m bench.profile

SECONDS ?= 600
soak: test-setup
	$(BIN)/python -m bench.soak --seconds $(SECONDS)

# make lock   write requirements.lock anew from the pins: every file's hash, for CI and the image
# make audit  ask the advisory database whether a pinned version has a known hole; needs the network, or it fails
.PHONY: lock audit

lock: $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check uv==0.13.9
	$(BIN)/uv pip compile --quiet --python-version 3.11.3 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-header --no-annotate requirements-scale.txt -o requirements.lock

audit: $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check pip-audit==2.10.1
	$(BIN)/pip-audit --strict --require-hashes --disable-pip -r requirements.lock

# make mutants   break the code, one defence at a time: the test of each class of pitfall must notice
.PHONY: mutants

mutants: test-setup
	$(BIN)/python -m tests.mutants

# make drift SCHEMA=path   compare a newer Swagger document of PortOne V1 with the one that this project is built on
.PHONY: drift

drift: test-setup
	$(BIN)/python -m tests.drift "$(SCHEMA)"

# make chaos   kill the servers at every step and at random while buyers buy; prints kills and disagreements (0)
.PHONY: chaos

chaos: test-setup
	$(BIN)/python -m tests.chaos $(CHAOS)

# make release-check   is this commit ready to be released? Tree, versions, changelog, pictures, documents
.PHONY: release-check

release-check: test-setup
	$(BIN)/python docs/release_check.py

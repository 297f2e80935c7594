# Two commands for everyone: `make demo` and `make test`. Needs python3 (3.10 or newer) with venv, and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# constraints.txt pins the CPU build of torch: without it pip would fetch several GB of CUDA packages.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help demo test test-fast upcam-bundle lint types unit bench power-cut mosquitto ffmpeg sshd clean

help:
	@echo "make demo             the main job on a shipped synthetic clip, everything embedded; leaves out/demo"
	@echo "make test             lint, types, import contracts and all tests"
	@echo "make test-fast        lint, types and the tests that start no processes and no stand-ins: for every change"
	@echo "make upcam-bundle     the bundle of the indoor camera that docs/results.md measures; FOOTAGE=..., some hours"
	@echo "make bench            speed and memory of a run; BUNDLE=... CLIP=... for your own"
	@echo "make bench-models     what every model costs, beside each other"
	@echo "make bench-gpu        what a step costs on a CUDA GPU, for 1 to 8 cameras in one call"
	@echo "make bench-mqtt       a long outage drained to Mosquitto; what publishing costs a frame"
	@echo "make bench-sensors    topic storms through Mosquitto; what a decision costs with 20 streams"
	@echo "make bench-sensors_measure  what sensors find under an alarm budget, synthetic; HOURS=48 SEED=100"
	@echo "make bench-simulated  an alarm budget over 10,000 simulated hours with sensors, synthetic; HOURS=48"
	@echo "make bench-store      what committing events costs"
	@echo "make bench-windows    what a longer window of past frames costs"
	@echo "make bench-drawing    what --output costs a live camera of 1080p25; SECONDS=60"
	@echo "make bench-endurance  whether a long run grows; FRAMES=100000"
	@echo "make power-cut        cuts the power of a machine in QEMU that commits events; CUTS=100 MINUTES=60"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "vad-edge needs Python 3.10 or newer; set PYTHON=/path/to/python3.1x"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "no venv: on Debian and Ubuntu, apt install python3-venv"; exit 1; }

$(VENV)/.runtime: $(BIN)/python pyproject.toml constraints.txt
	$(INSTALL) --editable '.[broker]'
	@touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml constraints.txt
	$(INSTALL) --editable '.[dev]'
	@touch $@ $(VENV)/.runtime

demo: $(VENV)/.runtime
	$(BIN)/vad-edge demo --output out/demo

test: lint types unit

test-fast: lint types $(VENV)/.dev
	$(BIN)/python -m pytest -m "not slow" --numprocesses auto --dist loadfile

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: $(VENV)/.dev
	$(BIN)/mypy

unit: $(VENV)/.dev mosquitto ffmpeg sshd
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

upcam-bundle: $(VENV)/.dev
	$(BIN)/python -m tests.benchmarks.upcam_bundle

bench: $(VENV)/.dev
	$(BIN)/python -m tests.benchmarks

bench-%: $(VENV)/.dev
	$(BIN)/python -m tests.benchmarks.$*

# Minutes to hours, and packages of the system: not a part of `make test`.
power-cut: $(VENV)/.dev
	@command -v qemu-system-x86_64 >/dev/null || sh tests/install_qemu.sh
	$(BIN)/python -m tests.power_cut --cuts $(or $(CUTS),100) --minutes $(or $(MINUTES),60)

# A real broker is part of the tests; where it cannot be installed they say so and skip (in CI they fail).
mosquitto:
	@command -v mosquitto >/dev/null || test -x /usr/sbin/mosquitto || sh tests/install_mosquitto.sh

# And so is a real SSH server, on a loopback port of its own.
sshd:
	@command -v sshd >/dev/null || test -x /usr/sbin/sshd || sh tests/install_sshd.sh

# Clips are copied by the system's ffmpeg, which the tests do for real.
ffmpeg:
	@command -v ffmpeg >/dev/null || sh tests/install_ffmpeg.sh

clean:
	rm -rf out build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

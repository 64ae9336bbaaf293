# Two commands: `make run` serves the demo hotline, `make test` runs every test.
# Both install what they need: Debian's packages by apt, where they are missing.

CARGO ?= cargo
FUZZ_SECONDS ?= 600
SOAK_SECONDS ?= 1800
# What building (g++, cmake and make: whisper.cpp) and speaking needs, and the real peers of the tests.
RUN_PACKAGES := gcc g++ cmake make flite espeak-ng ca-certificates
TEST_PACKAGES := $(RUN_PACKAGES) sip-tester baresip-core asterisk-core-sounds-en-wav

.PHONY: run build test lint bench fuzz kill soak packages-run packages-test

run: packages-run
	$(CARGO) run --release --locked -- serve --demo

build: packages-run
	$(CARGO) build --release --locked

test: packages-test
	$(CARGO) test --locked

lint:
	$(CARGO) fmt --all -- --check
	$(CARGO) clippy --locked --all-targets -- -D warnings

# Every row of the design's budget, and callers who speak, in some fifteen minutes: the server on one core, the caller on another.
bench: packages-run
	$(CARGO) bench --locked --bench calls
	$(CARGO) bench --locked --bench calls -- voice --turns=5

packages-run packages-test:
	@sh tests/install-packages.sh $(if $(filter packages-run,$@),$(RUN_PACKAGES),$(TEST_PACKAGES))

# 1,000 deaths of the process at random moments; some ten minutes.
kill: packages-run
	ZEROLINE_KILLS=1000 $(CARGO) test --release --locked --test kill -- --nocapture

# Half an hour of calls in which one in twenty of everything fails; ZEROLINE_SEED chooses other mishaps.
soak: packages-run
	ZEROLINE_SOAK_SECONDS=$(SOAK_SECONDS) $(CARGO) test --release --locked --test soak -- --nocapture

# Ten minutes on each parser of what strangers send; stops at the first finding.
fuzz:
	@sh tests/install-packages.sh g++
	fuzz/run.sh $(FUZZ_SECONDS)

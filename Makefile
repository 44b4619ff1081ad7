# Everything a person types. Each target sets up what it needs by itself (scripts/setup.sh asks for
# sudo only when a package is missing); the real build is CMake + Ninja, with presets.

BUILD := build/release
PREFIX ?= /usr/local
JOBS ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
# One more than cores: tests of the hub and of the server wait for most of their time.
TEST_JOBS := $(shell expr $(JOBS) + 1)

.PHONY: all demo test oracle asan tsan neon fuzz proof coverage lint sdk browser mac bench python cluster wheel install \
    uninstall dist deb sbom model clean help

all: ## build the program and the libraries into build/release
	@scripts/setup.sh build
	@[ -f $(BUILD)/build.ninja ] || cmake --preset release
	@cmake --build $(BUILD) -j $(JOBS)

demo: all ## the main job on real weights and real sound
	@scripts/get-model.sh models
	@scripts/demo.sh

test: ## all tests; what needs the model is skipped, saying so, where it cannot be had
	@scripts/setup.sh test
	@$(MAKE) --no-print-directory all
	@scripts/get-model.sh models || echo "tests that need the model are skipped"
	@ctest --test-dir $(BUILD) --output-on-failure -j $(TEST_JOBS)

oracle: ## against the live reference stacks (transformers, peft), in .venv and .venv-newest
	@scripts/setup.sh oracle
	@$(MAKE) --no-print-directory all
	@scripts/get-model.sh models || echo "tests that need the model are skipped"
	@scripts/oracle-all.sh

python: ## the package for Python: types, and every call beside the command
	@scripts/setup.sh test
	@$(MAKE) --no-print-directory all
	@scripts/get-model.sh models || echo "tests that need the model are skipped"
	@scripts/python.sh

cluster: all ## runs over manifests on clusters: Ray with its faults, Slurm, GNU parallel; skipped without PyPI
	@scripts/cluster.sh

wheel: ## Python's wheel with all it needs inside, into build/wheels, tried where no library is
	@scripts/setup.sh build
	@scripts/wheel.sh
	@scripts/check-wheel.sh build/wheels/*.whl

asan: ## the tests under AddressSanitizer and UndefinedBehaviorSanitizer, but cli.long and style
	@scripts/setup.sh test
	@[ -f build/asan/build.ninja ] || cmake --preset asan
	@cmake --build build/asan -j $(JOBS)
	@ctest --test-dir build/asan --output-on-failure -j $(TEST_JOBS) -E '^(cli\.long$$|style\.)'

tsan: ## what threads share, under ThreadSanitizer
	@scripts/setup.sh test
	@scripts/tsan.sh

neon: ## the tests of the NEON kernels on AArch64, emulated
	@scripts/test-neon.sh

fuzz: ## every fuzz target for SECONDS (default 60)
	@scripts/setup.sh lint
	@scripts/fuzz.sh $(or $(SECONDS),60)

proof: all ## what takes too long for .ci/run: files that fail, hostile clients, a microphone, fuzzing for SECONDS (120)
	@scripts/setup.sh lint
	@scripts/proof.sh $(or $(SECONDS),120)

coverage: ## lines and branches that the tests reach, for each folder
	@scripts/setup.sh coverage
	@scripts/coverage.sh

lint: ## clang-tidy over the sources
	@scripts/setup.sh lint
	@$(MAKE) --no-print-directory all
	@scripts/lint.sh $(BUILD)

sdk: all ## the official clients of OpenAI's API against the server, from PyPI and npm; skipped where they cannot be had
	@scripts/sdk.sh

browser: all ## the pages of eval and serve in chromium, by playwright-core from npm; skipped where they cannot be had
	@scripts/browser.sh

mac: all ## on a Mac: every form of a conversion by Apple's tools and Core ML, as build/mac-report.md for an issue
	@scripts/get-model.sh models
	@scripts/mac-report.sh

bench: all ## against other engines, in one run (needs make oracle's .venv)
	@scripts/get-model.sh models
	@.venv/bin/python tools/bench_peers.py --model models/moonshine-tiny --wav models/audio/beckett.wav

install: all ## into PREFIX (default /usr/local)
	@cmake --install $(BUILD) --prefix $(PREFIX)

uninstall: ## what the last `make install` has put there
	@scripts/uninstall.sh $(BUILD)

dist: ## the source as one archive, into build/dist
	@scripts/dist.sh

deb: ## packages for this Debian, into build/deb: checked by lintian and used
	@scripts/setup.sh deb
	@scripts/deb.sh

sbom: all ## what is in the build: packages, versions, licences, as CycloneDX in build/potstill.cdx.json
	@scripts/sbom.sh $(BUILD)

model: all ## fetch and import the official English tiny model into models/
	@scripts/get-model.sh models

clean: ## remove build/
	@rm -rf build

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-18s%s\n", $$1, $$2}'

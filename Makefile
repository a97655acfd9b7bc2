# From a fresh clone: `make demo` runs the main job, `make test` runs all checks and tests. `make` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo demo-prune shot-cuts test fuzz nets bench docs lint lock bench-lock clean aarch64 test-packages

PYTHON ?= python3.11
# Passed on by `make demo`, `make demo-prune`, `make shot-cuts`, `make test`, `make nets` and `make bench`, as in
# `make test ARGS="-k pool"`.
ARGS ?=

BIN := .venv/bin
LOCK := requirements.lock
BENCH_LOCK := requirements-bench.lock
NETS_LOCK := requirements-nets.lock
# Python that prints the folder of its packages.
PURELIB := 'import sysconfig; print(sysconfig.get_path("purelib"))'
# They run the aarch64 and Vulkan modules that the tests compile, read assembly (llvm-mca) and shaders (spirv-val), end
# processes as a phone does (pkill), build the C sample (gcc, cmake), and open the report's page (chromium).
TEST_PACKAGES := qemu-user-static libc6-arm64-cross libstdc++6-arm64-cross llvm-22 mesa-vulkan-drivers libvulkan1 spirv-tools procps gcc libc6-dev cmake chromium

help: ## list the targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/make \1\t\2/p' Makefile | expand -t 18

demo: .venv/.ready ## compile a pruned C3D for this machine and run it on a video
	$(BIN)/python samples/demo.py $(ARGS)

demo-prune: .venv/.ready ## train a small C3D, prune it, compile both, compare
	$(BIN)/python samples/demo_prune.py $(ARGS)

shot-cuts: .venv/.ready ## find the shot cuts of a film with a compiled TransNetV2, dense and pruned
	$(BIN)/python samples/shot_cuts.py $(ARGS)

# As many processes as cores, each with one thread: PyTorch's threads wait by spinning, and took cores from each other.
test: test-packages ## lint, then all tests
	$(MAKE) --jobs=2 --output-sync=target lint aarch64 build/nets/.ready
	PATH="$(CURDIR)/$(BIN):$$PATH" OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses=auto --dist=loadfile --no-loadscope-reorder $(ARGS)

# N cases; or SEED and CASE, to see a failure again.
fuzz: test-packages aarch64 ## draw N small nets (200) and compare what they compute with PyTorch
	PATH="$(CURDIR)/$(BIN):$$PATH" PYTHONPATH=test OMP_NUM_THREADS=1 \
	  $(BIN)/python -m fuzz.run $(if $(N),--cases=$(N)) $(if $(SEED),--seed=$(SEED)) $(if $(CASE),--case=$(CASE)) $(ARGS)

nets: build/nets/.openvino ## compile nets of other packages, compare with PyTorch, time beside PyTorch and OpenVINO
	PATH="$(CURDIR)/$(BIN):$$PATH" PYTHONPATH=test OMP_NUM_THREADS=1 $(BIN)/python -m elsewhere.run $(ARGS)

bench: .venv/.bench ## time our modules beside other engines; the report goes to build/bench
	$(BIN)/rt3d-mlir-bench -o build/bench $(ARGS)

# Strict, as mkdocs.yml says; --quiet would take that back. The variable silences the theme's advertisement.
docs: .venv/.ready ## build the docs as a site in build/site; a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build
	@echo "open build/site/index.html, or for the search box: $(BIN)/python -m http.server --directory build/site"

lint: .venv/.ready ## format, style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

lock: ## pin the newest versions that pyproject.toml allows
	rm -rf build/lock
	$(PYTHON) -m venv build/lock
	build/lock/bin/pip install --quiet --upgrade setuptools
	build/lock/bin/pip install --quiet --editable '.[dev]'
	echo '# Exact versions of all that is installed. Made by `make lock`; used as constraints, see the Makefile.' > $(LOCK).tmp
	build/lock/bin/pip freeze --all --exclude pip --exclude-editable | sed 's/+.*//' \
	  | grep -Ev '^(cuda-|nvidia-|triton==)' | LC_ALL=C sort -f >> $(LOCK).tmp
	mv $(LOCK).tmp $(LOCK)

# The same for the engines that `make bench` compares with: what they bring beyond $(LOCK).
bench-lock: .venv/.ready
	rm -rf build/bench-lock
	$(PYTHON) -m venv build/bench-lock
	build/bench-lock/bin/pip install --quiet --constraint $(LOCK) setuptools
	build/bench-lock/bin/pip install --quiet --constraint $(LOCK) --no-build-isolation --editable '.[bench]'
	echo '# Exact versions of what `make bench` installs beside $(LOCK). Made by `make bench-lock`; used as constraints.' > $(BENCH_LOCK).tmp
	build/bench-lock/bin/pip freeze --all --exclude pip --exclude-editable | sed 's/+.*//' \
	  | grep -Ev '^(cuda-|nvidia-|triton==)' | grep -vxFf $(LOCK) | LC_ALL=C sort -f >> $(BENCH_LOCK).tmp
	mv $(BENCH_LOCK).tmp $(BENCH_LOCK)

clean: ## remove all that make made, .venv too
	rm -rf .venv build *.egg-info .hypothesis .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# The lock is given to pip as constraints, not as a list. torch is one version with several builds, and which one is
# taken is the business of pip's own settings: a pip that is shown CPU builds (PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS)
# takes one, any other the default build, several GB larger, which requires CUDA packages at versions it pins itself.
# The lock names neither the build nor those packages, and fits both. setuptools comes first and from the lock, for
# pip's build isolation would fetch one of its own, of any version.
.venv/.ready: pyproject.toml $(LOCK)
	@command -v $(PYTHON) > /dev/null || { echo "$(PYTHON) not found: install Python 3.11, or name it: make PYTHON=..."; exit 1; } >&2
	@$(PYTHON) -c 'import ensurepip' 2> /dev/null || { $(call install-debian,$(notdir $(PYTHON))-venv); }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint $(LOCK) setuptools
	$(BIN)/pip install --quiet --constraint $(LOCK) --no-build-isolation --editable '.[dev]'
	@touch $@

# The other engines are not part of .venv until they are asked for.
.venv/.bench: pyproject.toml $(BENCH_LOCK) | .venv/.ready
	$(BIN)/pip install --quiet --constraint $(LOCK) --constraint $(BENCH_LOCK) --no-build-isolation --editable '.[bench]'
	@touch $@

# Other people's packages, with an environment of their own that sees the packages of .venv behind its own. These come
# into sight last: pip, which takes the newer of two versions for an upgrade, never touches .venv.
build/nets/.ready: $(NETS_LOCK) | .venv/.ready
	rm -rf build/nets
	$(PYTHON) -m venv build/nets
	build/nets/bin/pip install --quiet --constraint $(LOCK) setuptools
	build/nets/bin/pip install --quiet --no-deps --no-build-isolation --requirement $(NETS_LOCK)
	echo "import site; site.addsitedir('$$($(BIN)/python -c $(PURELIB))')" > "$$(build/nets/bin/python -c $(PURELIB))/rt3d_mlir.pth"
	@touch $@

# To be timed beside; the tests do not time.
build/nets/.openvino: $(BENCH_LOCK) build/nets/.ready
	build/nets/bin/pip install --quiet --no-deps "$$(grep '^openvino==' $(BENCH_LOCK))"
	@touch $@

test-packages:
	@$(call install-debian,$(TEST_PACKAGES))

aarch64: .venv/aarch64/.ready

# The runtime's aarch64 wheel, for its iree-run-module.
.venv/aarch64/.ready: $(LOCK) | .venv/.ready
	rm -rf .venv/aarch64
	$(BIN)/pip download --quiet --dest .venv/aarch64 --no-deps --only-binary=:all: --python-version 3.11 \
	  --platform manylinux_2_28_aarch64 "$$(grep '^iree-base-runtime==' $(LOCK))"
	$(BIN)/python -m zipfile -e .venv/aarch64/*.whl .venv/aarch64
	chmod +x .venv/aarch64/iree/_runtime_libs/iree-*
	rm .venv/aarch64/*.whl
	@touch $@

# $(call install-debian,PACKAGES): installs those that are missing when root; else says how, and stops.
define install-debian
missing=; \
for package in $(1); do \
  dpkg-query --show --showformat='$${db:Status-Status}\n' $$package 2> /dev/null | grep -qx installed \
    || missing+=" $$package"; \
done; \
if [[ -n $$missing && $$EUID != 0 ]]; then \
  echo "Debian packages are missing. Install them and call make again:"; \
  echo "  sudo apt-get update && sudo apt-get install$$missing"; \
  exit 1; \
elif [[ -n $$missing ]]; then \
  apt-get update -qq; \
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; \
fi
endef

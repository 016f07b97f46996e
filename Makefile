# pharos: build, test, install. `make help` lists the targets.

CARGO        ?= cargo
DESTDIR      ?=
PREFIX       ?= /usr/local
BINDIR       ?= $(PREFIX)/bin
LIBDIR       ?= $(PREFIX)/lib
SYSCONFDIR   ?= /etc
FUZZ_SECONDS ?= 20
FUZZ_TARGETS := $(basename $(notdir $(wildcard fuzz/fuzz_targets/*.rs)))
TARGET_DIR   := $(or $(CARGO_TARGET_DIR),target)

.DEFAULT_GOAL := build
.PHONY: help build dist install uninstall test packages fmt lint doc unit guard fuzz clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## a release build: target/release/pharos
	$(CARGO) build --release --locked

dist: ## the build to ship: slower to make, faster to run; target/dist/pharos
	$(CARGO) build --profile dist --locked

test: packages fmt lint doc unit guard fuzz ## everything a change must pass
	@echo "all tests passed"

packages: ## Debian packages the tests need; installed when run as root
	@.ci/packages

fmt: ## formatting, checked
	$(CARGO) fmt --check

lint: ## clippy, no warnings
	$(CARGO) clippy --locked --all-targets -- -D warnings

doc: ## the documentation builds, no warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items

# nextest gives each test a process and a time-out; without it cargo's own runner does. Examples in
# the documentation are run by cargo alone.
unit: ## all tests
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
		echo "$(CARGO) nextest run --locked --profile ci"; \
		$(CARGO) nextest run --locked --profile ci; \
	else \
		echo "$(CARGO) test --locked --all-targets"; \
		$(CARGO) test --locked --all-targets; \
	fi
	$(CARGO) test --locked --doc

# The build is that of `make dist`, made with what the tests need: about 3 minutes on two cores, then 3
# seconds to count. No clock decides, so it may run on a busy machine.
guard: ## what a query costs, in instructions, is within its limits
	@if command -v valgrind >/dev/null 2>&1; then \
		echo "$(CARGO) bench --locked --bench instructions"; \
		$(CARGO) bench --locked --bench instructions; \
	else \
		echo "no valgrind: instructions are not counted" >&2; \
	fi

fuzz: ## each fuzz target for FUZZ_SECONDS (default 20)
	@if command -v g++ >/dev/null 2>&1; then \
		mkdir -p $(TARGET_DIR); \
		for target in $(FUZZ_TARGETS); do \
			echo "fuzz/run $$target $(FUZZ_SECONDS)"; \
			log=$(TARGET_DIR)/fuzz-$$target.log; \
			fuzz/run $$target $(FUZZ_SECONDS) -verbosity=0 -print_final_stats=1 >$$log 2>&1 || { cat $$log; exit 1; }; \
			grep -E 'number_of_executed_units|peak_rss' $$log; \
		done; \
	else \
		echo "no g++: fuzzing is left out" >&2; \
	fi

# Builds nothing, so that root need not: `make dist && sudo make install`. An existing configuration
# is left as it is.
install: ## install under PREFIX (default /usr/local); DESTDIR is honoured
	@[ -x $(TARGET_DIR)/dist/pharos ] || { echo "no $(TARGET_DIR)/dist/pharos yet: run \`make dist\` first" >&2; exit 1; }
	install -D -m 0755 $(TARGET_DIR)/dist/pharos $(DESTDIR)$(BINDIR)/pharos
	install -d $(DESTDIR)$(LIBDIR)/systemd/system
	sed -e 's|/usr/local/bin/pharos|$(BINDIR)/pharos|' -e 's|/usr/local/share|$(PREFIX)/share|' \
		deploy/pharos.service >$(DESTDIR)$(LIBDIR)/systemd/system/pharos.service
	chmod 0644 $(DESTDIR)$(LIBDIR)/systemd/system/pharos.service
	install -D -m 0644 README.md $(DESTDIR)$(PREFIX)/share/doc/pharos/README.md
	install -D -m 0644 deploy/pharos.sysusers $(DESTDIR)$(LIBDIR)/sysusers.d/pharos.conf
	install -D -m 0644 deploy/pharos.tmpfiles $(DESTDIR)$(LIBDIR)/tmpfiles.d/pharos.conf
	install -D -m 0644 deploy/prometheus/pharos.rules.yml $(DESTDIR)$(PREFIX)/share/pharos/prometheus/pharos.rules.yml
	install -D -m 0644 deploy/grafana/pharos.json $(DESTDIR)$(PREFIX)/share/pharos/grafana/pharos.json
	[ -e $(DESTDIR)$(SYSCONFDIR)/pharos/pharos.toml ] || \
		install -D -m 0644 deploy/pharos.toml $(DESTDIR)$(SYSCONFDIR)/pharos/pharos.toml
	install -d $(DESTDIR)$(SYSCONFDIR)/pharos/zones

uninstall: ## remove what install made; configuration and state stay
	rm -f $(DESTDIR)$(BINDIR)/pharos $(DESTDIR)$(LIBDIR)/systemd/system/pharos.service \
		$(DESTDIR)$(LIBDIR)/sysusers.d/pharos.conf $(DESTDIR)$(LIBDIR)/tmpfiles.d/pharos.conf
	rm -rf $(DESTDIR)$(PREFIX)/share/doc/pharos $(DESTDIR)$(PREFIX)/share/pharos

clean: ## remove what builds made
	$(CARGO) clean

# The commands of this repository. They want Go, Node with npm, and make; the rest
# they bring along. GNU make 3.81 (macOS) is new enough.

GO ?= go
NPM ?= npm
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

# The database and the keys of `make run` and `make dev` are in DATA_DIR; without it
# .ci/data-dir chooses.
DATA = data="$${DATA_DIR:-$$(.ci/data-dir)}"
SERVE = serve --demo --data-dir

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)
# The same flags wherever Go compiles without the race detector, so that each step
# finds the others' work in Go's cache.
BUILD_FLAGS = -trimpath
LDFLAGS = $(if $(VERSION),-X main.version=$(VERSION))

GO_ROOMS = cmd deploy engine handlers models web assets migrations e2e
GENERATED = '*_templ.go' assets/dist docs/configuration.md handlers/apiops/fieldtexts.go

.DEFAULT_GOAL := help
# The steps share two things: the machine and the reader.
.NOTPARALLEL:
.PHONY: help run dev build generate test e2e lint arrows bench check \
	modules services fmt vet generated fresh go-test deploy-test browser-test browser FORCE

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

# In a terminal the product becomes the foreground job of its own: Ctrl-C then
# reaches it alone, and make ends with its exit code instead of being interrupted.
run: modules build ## Build and start everything with the demo; Ctrl-C stops it
	@$(DATA); case "$$(ps -o stat= -p $$$$ 2>/dev/null)" in \
	*+*) set -m; build/gatewright $(SERVE) "$$data";; \
	*) exec build/gatewright $(SERVE) "$$data";; \
	esac

dev: modules ## Like run, rebuilding and reloading on every change (http://127.0.0.1:7331)
	@$(DATA); node assets/watch.mjs & assets=$$!; trap 'kill $$assets 2>/dev/null' EXIT; trap 'exit 0' INT TERM; \
	GO="$(GO)" $(GO) tool templ generate --watch --proxy=http://127.0.0.1:8080 --open-browser=false \
		--watch-pattern='(.+\.go$$)|(.+\.templ$$)|(.+_templ\.txt$$)|(.+\.sql$$)|(.+/assets/dist/.+)' \
		--cmd=".ci/dev-serve $(SERVE) $$data --dev"

build: build/gatewright ## Build build/gatewright

build/gatewright: FORCE
	$(GO) build $(BUILD_FLAGS) -ldflags '$(LDFLAGS)' -o $@ ./cmd/gatewright

build/testserver: FORCE
	$(GO) build $(BUILD_FLAGS) -o $@ ./models/localpg/testserver

build/ldapserver: FORCE
	$(GO) build $(BUILD_FLAGS) -o $@ ./e2e/ldapserver

generate: modules ## Regenerate templates, assets and the reference of settings
	$(GO) tool templ generate
	$(NPM) run --silent assets
	GOFLAGS=$(BUILD_FLAGS) $(GO) generate ./...

test: modules fresh vet arrows go-test deploy-test browser-test ## Run every test; brings along what they need
	@echo "make test: everything passed"

# One PostgreSQL for the tests of all packages. The engine's run once more without the
# race detector, under which allocations cannot be counted and a million tokens take long,
# and so does the process with little memory, of which the detector takes several times more.
go-test: modules services build/testserver
	$(GO) test $(BUILD_FLAGS) -timeout 60m ./engine/...
	build/testserver -- $(GO) test $(BUILD_FLAGS) -timeout 60m -run TestAConfinedProcess ./cmd/gatewright
	@race=-race; command -v "$$($(GO) env CC)" >/dev/null || \
		{ race=; echo "make: no C compiler here, so the tests run without the race detector"; }; \
	echo "$(GO) test $$race ./..."; build/testserver -- $(GO) test -timeout 60m $$race ./...

# What reads the files of deploy/ is large, and in a module of its own.
deploy-test: modules
	cd deploy/check && $(GO) vet $(BUILD_FLAGS) . && $(GO) test $(BUILD_FLAGS) -timeout 20m .

e2e: browser-test ## Run the journeys in a browser only

browser-test: modules services browser build build/ldapserver
	@browser=$$(e2e/setup/browser) && GATEWRIGHT_CHROME="$$browser" npx --no-install playwright test -c e2e

browser: modules
	@e2e/setup/browser >/dev/null

services: ## Bring along the OpenLDAP and MariaDB that tests start
	@.ci/slapd >/dev/null
	@.ci/mariadb >/dev/null

lint: modules fmt vet ## Check the style of Go, TypeScript and CSS
	GOFLAGS=$(BUILD_FLAGS) $(GO) run $(STATICCHECK) ./...
	$(NPM) run --silent lint
	$(NPM) run --silent typecheck

fmt:
	@bad=$$(gofmt -l $(GO_ROOMS)); [ -z "$$bad" ] || { echo "make: run gofmt -w on" $$bad; exit 1; }

vet:
	$(GO) vet $(BUILD_FLAGS) ./...

arrows: ## Check that every room imports only what docs/architecture.md allows
	@GO="$(GO)" .ci/arrows

# The other expression languages are in a module of their own, which may not be here.
bench: build/testserver build/gatewright ## Measure the gateway beside other proxies, a condition beside expr and CEL, and pages with 10,000 objects
	$(GO) run $(BUILD_FLAGS) ./e2e/bench
	@cd engine/condition/rivals && if $(GO) list -deps -test . >/dev/null 2>&1; \
		then $(GO) test $(BUILD_FLAGS) -run '^$$' -bench . -benchmem .; \
		else echo "make: expr and CEL are not here and cannot be fetched, so conditions were not measured beside them"; fi
	build/testserver -- $(GO) test $(BUILD_FLAGS) -run '^$$' -bench PagesWithTenThousand ./models ./handlers/console

check: generated lint test ## Everything that must hold before a change is merged

# Fails when what is committed differs from what its sources give.
generated: generate
	@git diff --exit-code --stat -- $(GENERATED) || \
		{ echo "make: generated files differ from the committed ones; commit the result of make generate"; exit 1; }
	@new=$$(git ls-files --others --exclude-standard -- $(GENERATED)); [ -z "$$new" ] || \
		{ echo "make: generated files are not committed:" $$new; exit 1; }

# Fails when generated files were not what their sources give, committed or not.
fresh: modules
	@stamp() { { find web -name '*_templ.go'; find assets/dist -type f; echo docs/configuration.md; echo handlers/apiops/fieldtexts.go; } | sort | xargs cksum; }; \
	before=$$(stamp) && $(MAKE) --no-print-directory generate >/dev/null && [ "$$before" = "$$(stamp)" ] || \
		{ echo "make: generated files were stale; commit what make generate has written"; exit 1; }

# npm ci when node_modules is not of this lock file and this kind of machine.
modules:
	@command -v $(NPM) >/dev/null || { echo "make: Node 20 or newer with npm is needed (https://nodejs.org)"; exit 1; }
	@command -v $(GO) >/dev/null || { echo "make: Go is needed (https://go.dev/dl)"; exit 1; }
	@want="$$(cksum <package-lock.json) $$(uname -sm)"; \
	[ "$$(cat node_modules/.lock-stamp 2>/dev/null)" = "$$want" ] || \
		{ echo "$(NPM) ci"; $(NPM) ci && echo "$$want" >node_modules/.lock-stamp; }

FORCE:

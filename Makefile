# What one does with this project. "make" alone lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# A newer Node than the system's, if scripts/ensure-node.sh had to get one.
export PATH := $(CURDIR)/.cache/node/bin:$(PATH)

TAGS := -tags nomsgpack
# What git calls this commit; nothing where there is no git.
VERSION = $(shell git describe --always --tags --dirty 2>/dev/null)
# What the compiler is told about where the server spends its time: "make profile" measures it, and what is tested does without.
PROFILE = cmd/dualmint/cpu.pgo
# The race detector watches everything but the black-box suites, which drive a binary of their own. It makes the embedded database
# ten times slower, so under it the store meets a quarter of the random worlds that it meets without.
UNITS = $(shell go list ./... | grep -v -e /test/ -e /internal/store$$)

.PHONY: help run build test test-store test-black-box faults lint bench bench-micro profile soak clean

help: ## list the targets
	@awk -F ":.*## " "/^[a-z-]+:.*## / { printf \"make %-11s %s\\n\", \$$1, \$$2 }" $(MAKEFILE_LIST)

run: build ## build, start a server on the embedded database, show the demo, go on serving
	@exec ./bin/dualmint serve --demo

build: ## build ./bin/dualmint
	@test -e bin/dualmint || echo "Building. The first time this downloads and compiles everything, which takes a while."
	CGO_ENABLED=0 go build $(TAGS) -pgo=$(PROFILE) -trimpath -ldflags "-s -w -X main.described=$(VERSION)" -o bin/dualmint ./cmd/dualmint

test faults: PROFILE = off
test: build ## run every test; installs what they need
	scripts/ensure-tools.sh
	scripts/ensure-postgres.sh
	scripts/ensure-node.sh
	scripts/ensure-gateways.sh
	scripts/ensure-chromium.sh
	go vet -tags nomsgpack,faults ./...
	CGO_ENABLED=1 go test $(TAGS) -race $(UNITS)
	$(MAKE) --no-print-directory --output-sync=target -j 2 test-store test-black-box

# The store's suites wait for disks most of the time, and so do the black boxes: together they take as long as one of them.
test-store:
	CGO_ENABLED=1 go test $(TAGS) -race -timeout 20m ./internal/store -rapid.checks=25
	go test $(TAGS) ./internal/store -run TestTokenPromises

test-black-box:
	DUALMINT_TEST_BINARY="$(CURDIR)/bin/dualmint" go test $(TAGS) -timeout 20m ./test/...

faults: build ## kill, cut and overload real servers and compare the bill (some minutes; docs/billing.md)
	scripts/ensure-postgres.sh
	DUALMINT_TEST_BINARY="$(CURDIR)/bin/dualmint" go test -tags nomsgpack,faults -count=1 -timeout 15m -v ./test/faults

lint: ## run the linter; installs it into ./bin once
	scripts/ensure-linter.sh
	./bin/golangci-lint run --build-tags faults --allow-parallel-runners ./...

bench: ## measure the hot path against echo, pgbench and a transaction per request (docs/performance.md)
	scripts/ensure-postgres.sh
	go run $(TAGS) ./test/bench

soak: ## watch the server's memory under ten minutes of load
	scripts/ensure-postgres.sh
	go run $(TAGS) ./test/bench -soak 10m

bench-micro: ## measure the pieces
	go test $(TAGS) -run "^$$" -bench . -benchmem $(UNITS) ./internal/store

profile: ## measure anew what the compiler is told about the server under load
	scripts/ensure-postgres.sh
	go run $(TAGS) ./test/bench -profile .cache/profiles
	go tool pprof -proto .cache/profiles/cpu-*.pprof > $(PROFILE)

clean: ## remove what was built; databases under ./data stay
	rm -rf bin .cache test/sdk/node_modules test/browser/node_modules test/browser/screenshots


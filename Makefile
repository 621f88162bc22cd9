# Everything runs from a clean clone with Go and make; scripts/setup.sh installs
# what else is missing.

TOOL := go tool -modfile=tools/go.mod

.DEFAULT_GOAL := help
.PHONY: help build image demo demo-clean test screenshots bench soak fuzz lint fmt clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/graft
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o bin/graft ./cmd/graft

image: build ## build the container image graft
	cp deploy/Dockerfile /etc/ssl/certs/ca-certificates.crt bin/
	docker build -t graft bin

demo: ## show Graft at work on a real Docker Engine (KEEP=1 leaves it running)
	@KEEP=$(KEEP) scripts/demo.sh

demo-clean: ## end a demo that was left running
	@scripts/demo.sh clean

test: ## everything: format, vet, lint, vulnerabilities, cross builds, all tests
	@scripts/test.sh

screenshots: ## look at every page with a browser, and keep pictures in docs/screenshots/
	@scripts/setup.sh browser
	@mkdir -p docs/screenshots
	cd internal/e2e/browser && GRAFT_SCREENSHOTS=$(CURDIR)/docs/screenshots go test -count=1 -run '^(TestPages|TestEmptySystem)$$' .

bench: ## measure, and write the table into docs/benchmarks.md
	@scripts/bench.sh

soak: ## random operations and crashes for DURATION=10m, checked after each (SEED=n: the same again)
	@DURATION=$(DURATION) SEED=$(SEED) scripts/soak.sh

fuzz: ## fuzz everything that reads strangers' input, FUZZTIME=30s each
	@FUZZTIME=$(FUZZTIME) scripts/fuzz.sh

lint: ## run the linters
	$(TOOL) golangci-lint run
	cd internal/e2e/browser && go tool -modfile=../../../tools/go.mod golangci-lint run

fmt: ## format the code
	gofmt -s -w .

clean: ## remove what was built; nothing in Docker is touched
	rm -rf bin

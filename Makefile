# Everything a person does with the house. `make` alone lists it.
SHELL := /bin/sh
GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
FUZZTIME ?= 30000x
# Tests that take long wait for something: so many at a time.
TESTFLAGS := -shuffle=on -parallel 8
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -X main.version=$(VERSION)

# With WebRTC's library the client cleans its microphone; looked for when a command runs, as setup may have installed it.
FLAGS_GIVEN := $(GOFLAGS)
export GOFLAGS = $(or $(FLAGS_GIVEN),$(shell pkg-config --exists webrtc-audio-processing 2>/dev/null && echo -tags=webrtc))

.DEFAULT_GOAL := help
.PHONY: help setup web test-web build demo test race soak size chaos fuzz bench quality figures ablation lint cross release clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' Makefile

setup: ## install libopus, libopusfile, PortAudio and pkg-config if they are missing, and webrtc-audio-processing if it can be had
	@scripts/setup.sh

web: ## build the page that tincand --web shows into internal/web/dist, as small as it gets; build makes it in seconds
	go run ./internal/web/bundle

build: setup ## build bin/tincan and bin/tincand, with the page
	go run ./internal/web/bundle -fast
	go build -ldflags "$(LDFLAGS)" -o bin/tincan ./cmd/tincan
	CGO_ENABLED=0 go build -tags web -ldflags "$(LDFLAGS)" -o bin/tincand ./cmd/tincand

test-web: WEB ?= transport page call network figures
test-web: build ## test the page in Chromium, which it installs; WEB=page: nothing else than what CI runs
	@scripts/setup-web.sh
	npm --prefix test/web ci --no-audit --no-fund --loglevel=error
	for part in $(WEB); do node --test test/web/$$part.test.mjs || exit 1; done

demo: build ## a real call over a real relay through a bad network, heard and measured
	@scripts/setup.sh demo
	@go run ./internal/demo $(DEMOFLAGS)

test: setup ## run the tests, in any order
	@scripts/setup.sh test
	go vet ./...
	go test $(TESTFLAGS) ./...

# Where there is no goroutine the race detector finds nothing, and takes ten times as long.
RACELESS := codec|engine/adapt|invite|jitter|netproto.*|stream|internal/(emodel|estimate|lab.*|netsim|quality|repair|verdict|xcorr)
race: setup ## run the tests under the race detector, with fewer seeds where all is virtual time, of packages with goroutines
	go test -race -short $(TESTFLAGS) $$(go list ./... | grep -vE '/tincan/($(RACELESS))$$')

soak: DURATION ?= 10m
soak: ## load a relay with calls, churn and noise for DURATION (10m); SOAKFLAGS=-race finds races
	go run ./internal/soak -for $(DURATION) $(SOAKFLAGS)

size: ## what a relay can do here, per core, and what that predicts for 16 cores and for a cluster
	go run ./internal/size $(SIZEFLAGS)

chaos: DURATION ?= 1h
chaos: setup ## 50 people in calls while networks and relay fail, for DURATION (1h); CHAOSFLAGS="-seed 7 -race"
	go run ./internal/chaos -for $(DURATION) $(CHAOSFLAGS)

fuzz: setup ## run every fuzz target for FUZZTIME (30000x: so many inputs; or a time, 5m)
	@scripts/fuzz.sh $(FUZZTIME)

bench: setup ## run the benchmarks
	go test -run '^$$' -bench . ./bench

quality: build ## run the laboratory and compare with bench/baselines/quality.json
	bin/tincan lab report --compare bench/baselines/quality.json --out build/quality

figures: build ## measure quality anew: the baseline, the tables and plots in README.md and docs/repair.md
	bin/tincan lab report --save bench/baselines/quality.json --overwrite --out build/quality
	@scripts/figures.sh

ablation: setup ## switch constants and rules off one by one, for docs/ablation.md; ABLATIONFLAGS="-only jitter -for 1h"
	go run ./internal/ablation -out docs/ablation.md $(ABLATIONFLAGS)

lint: setup ## run the linters
	go run $(GOLANGCI) run ./...

cross: setup ## build the relay for linux, windows, darwin and freebsd, and vet every package there without cgo
	@scripts/cross.sh

release: setup ## build packages of VERSION into dist, the same bytes for the same commit
	go -C packaging run ./release --version $(VERSION) --out ../dist

clean: ## remove what was built
	rm -rf bin build dist

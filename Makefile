# The two commands:  make demo   and   make test

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
TOOLS   := $(CURDIR)/bin/tools

# The PC/SC and USB drivers need C. Where their headers are missing the build goes
# without and says so.
cgo = $(shell pkg-config --exists libpcsclite libusb-1.0 2>/dev/null && command -v gcc >/dev/null 2>&1 && echo 1 || echo 0)

.PHONY: help build demo test test-hardware race bench bench-hl7 bench-fhir bench-slow-disk fuzz lint cross deb deb-test clean

help:
	@echo 'make demo    install what is missing, build, and show the gateway at work'
	@echo 'make test    install what the tests need and run them'
	@echo 'make test-hardware   the drivers on a kernel with USB, and fuzzing'
	@echo 'make build   bin/cardferry     make lint    vet and golangci-lint'
	@echo 'make bench   the benchmarks    make bench-hl7   the HL7 codec beside others'
	@echo 'make cross   the builds without C'
	@echo 'make fuzz    each fuzz target  make deb     dist/*.deb'

build:
	@packaging/deps.sh build
	@if [ "$(cgo)" = 0 ]; then echo 'cardferry: building without C; left out: PC/SC and USB readers'; fi
	CGO_ENABLED=$(cgo) $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/cardferry ./cmd/cardferry

demo: build
	bin/cardferry demo

test:
	@packaging/deps.sh test
	CGO_ENABLED=$(cgo) $(GO) vet ./...
	CGO_ENABLED=$(cgo) $(GO) test ./...
	cd bench && GOWORK=off $(GO) vet ./...

# The race detector needs C.
race:
	@packaging/deps.sh test
	CGO_ENABLED=1 $(GO) test -race ./...

# The drivers on a real kernel's USB, which runs as a process (drivers/rig/uml), a
# card that is not ours, and a minute of fuzzing for every target. Half an hour; the
# first time it builds that kernel.
test-hardware: FUZZTIME = 60s
test-hardware:
	@packaging/deps.sh hardware
	GO='$(GO)' drivers/rig/uml/suite.sh $(FUZZTIME)

bench:
	CGO_ENABLED=$(cgo) $(GO) test -run '^$$' -bench . -benchmem ./...

# The HL7 codec beside its peers on the same bytes. The peers want npm and python3-hl7;
# those that are missing are left out.
bench-hl7:
	GO='$(GO)' bench/hl7/run.sh

# What becomes of every sample and of generated messages, held against FHIR R4 as
# published. Wants node with npm.
bench-fhir:
	GO='$(GO)' bench/fhir/check.sh

# The acknowledgement benchmark on a disk that takes 2 ms for each sync, as many
# hospital PCs have: strace delays every sync of a file system in memory.
bench-slow-disk:
	@command -v strace >/dev/null || { echo 'needs strace: apt-get install strace' >&2; exit 1; }
	CGO_ENABLED=$(cgo) $(GO) test -c -o bin/gateway.test ./gateway
	TMPDIR=/dev/shm strace -f --seccomp-bpf -qq -o /dev/null -e trace=fsync,fdatasync \
		-e inject=fsync,fdatasync:delay_exit=2000 \
		bin/gateway.test -test.run '^$$' -test.bench DurableACK -test.benchtime 10000x

FUZZTIME ?= 10s
fuzz:
	@set -e; for pkg in $$($(GO) list ./...); do \
		for f in $$(CGO_ENABLED=$(cgo) $(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "$$pkg $$f"; CGO_ENABLED=$(cgo) $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$pkg; \
		done; \
	done

lint: $(TOOLS)/golangci-lint
	CGO_ENABLED=$(cgo) $(GO) vet ./...
	CGO_ENABLED=$(cgo) $(TOOLS)/golangci-lint run ./...

$(TOOLS)/golangci-lint:
	GOBIN=$(TOOLS) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

cross:
	CGO_ENABLED=0 GOOS=linux   GOARCH=amd64 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/cross/cardferry-linux-amd64 ./cmd/cardferry
	CGO_ENABLED=0 GOOS=linux   GOARCH=arm64 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/cross/cardferry-linux-arm64 ./cmd/cardferry
	CGO_ENABLED=0 GOOS=windows GOARCH=amd64 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/cross/cardferry-windows-amd64.exe ./cmd/cardferry

# Installs the package in a fresh Debian under a real systemd; needs root.
deb-test: deb
	packaging/nspawn.sh "$$(ls -t dist/*.deb | head -n 1)" bash /packaging/check.sh

deb: build $(TOOLS)/nfpm
	packaging/deb.sh '$(VERSION)' $(TOOLS)/nfpm

$(TOOLS)/nfpm:
	GOBIN=$(TOOLS) $(GO) install github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2

clean:
	rm -rf bin dist

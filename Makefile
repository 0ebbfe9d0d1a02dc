# The commands of this project. `make test` is the one to know.

FUZZTIME ?= 10s

.PHONY: test deps vet bench fuzz mutants

test: deps vet
	go test -race ./...

# The race detector needs a C compiler; everything else is Go alone.
deps:
	@command -v go >/dev/null || { echo "install Go 1.26 or newer: https://go.dev/dl/"; exit 1; }
	@command -v gcc >/dev/null || command -v clang >/dev/null || .ci/install gcc libc6-dev

vet:
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt would change: $$unformatted"; exit 1; }
	go vet ./...
	CGO_ENABLED=0 GOOS=windows go vet ./...
	CGO_ENABLED=0 GOOS=darwin go build ./...

# Every figure of the README, measured here and now, each with its limit.
bench:
	go test -run '^$$' -bench . -benchmem ./internal/mapi ./mockserver
	go run ./internal/figures

# Every fuzz target for FUZZTIME.
fuzz:
	@for pkg in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "$$pkg $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
		done; \
	done

# Breaks the code on purpose; a break that no test notices fails.
mutants:
	go run ./internal/mutants

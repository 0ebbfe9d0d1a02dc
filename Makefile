# The commands of this project. `make test` is the one to know.

FUZZTIME ?= 10s
SHELL = /bin/bash
.SHELLFLAGS = -o pipefail -c

.PHONY: test whole matrix explore scale integration screenshots desktop deps vet bench fuzz mutants

test: deps vet
	go test -race -tags tray,ci ./cmd/homing-tray
	go test -race ./...

# The race detector needs a C compiler, the tests of the mock curl; the rest is Go.
deps:
	@command -v go >/dev/null || { echo "install Go 1.26 or newer: https://go.dev/dl/"; exit 1; }
	@command -v gcc >/dev/null || command -v clang >/dev/null || .ci/install gcc libc6-dev
	@command -v curl >/dev/null || .ci/install curl

# On macOS the window needs cgo, and so Apple's SDK: what is built from here is the rest.
vet:
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt would change: $$unformatted"; exit 1; }
	go vet ./...
	CGO_ENABLED=0 GOOS=windows go vet ./...
	CGO_ENABLED=0 GOOS=darwin go build $$(go list ./... | grep -v '/ui$$')
	CGO_ENABLED=0 go vet -tags tray,ci ./cmd/homing-tray
	CGO_ENABLED=0 GOOS=windows go vet -tags tray,ci ./cmd/homing-tray

# What make test plays in part, played out: some ten minutes on two cores.
whole: matrix explore scale

# Every fault at every step of a repair.
matrix: deps
	@go test ./agent -run TestMatrix -matrix.whole -timeout 30m -v | $(told)

# Every script of eight answers.
explore: deps
	@go test ./agent -run TestNoScriptOfAnswersBreaksAClaim -explore.depth=8 -timeout 30m -v | $(told)

# Ten thousand agents, a million mailboxes.
scale: deps
	@go test ./agent -run 'TestACutOver|TestAHerd|TestALargeWorld' -scale.n=10000 -timeout 30m -v | $(told)

# Against servers of others: Samba's directory with its Kerberos and DNS, dnsmasq, a
# session bus, the keyrings of GNOME and KeePassXC.
# Needs root, for Samba's ports. Each package is a line.
integration: export PATH := $(PATH):/usr/sbin
integration: deps desktop
	@type samba samba-tool dnsmasq kinit &>/dev/null && test -d /usr/share/samba/setup || \
	.ci/install samba samba-ad-provision samba-dsdb-modules samba-vfs-modules winbind krb5-user dnsmasq-base
	@type gnome-keyring-daemon keepassxc dbus-daemon dbus-monitor &>/dev/null || .ci/install gnome-keyring keepassxc dbus
	@$(integrated) ./internal/desk
	@$(integrated) ./internal/integration
	@$(integrated) ./internal/integration/keyring
	@$(integrated) -tags tray,ci,integration ./cmd/homing-tray
	@$(desk)

# The pictures of docs/desktop.md: the same story, in light and in dark.
screenshots: desktop
	@$(desk) -screenshots $(CURDIR)/docs/screenshots

# What builds and shows the desktop program.
desktop: deps
	@type Xvfb openbox xdotool import dbus-daemon gnome-keyring-daemon gcc &>/dev/null && test -e /usr/include/GLES2/gl2.h -a -e /usr/include/X11/Xcursor/Xcursor.h || \
	.ci/install gcc libc6-dev xvfb openbox xdotool imagemagick dbus-daemon gnome-keyring libgl1-mesa-dri libgles-dev libgl-dev xorg-dev

desk = go test -vet all -tags integration -count 1 -v -timeout 5m ./internal/integration/desktop

integrated = go test -vet all -tags integration -count 1 -v -timeout 5m $$(test $$(id -u) = 0 || echo -exec sudo)

# Of a test that tells a table, the table, and whether it passed.
told = { grep -Ev '^ *(=== |--- PASS|.* mockserver: MOCKSERVER_SEED)' || true; }

# Every figure of the README, measured here and now, each with its limit.
bench: desktop
	go test -run '^$$' -bench . -benchmem ./internal/mapi ./mockserver
	@go test ./autodiscover -run 'TestDeadPlaces|TestManyDiscoveries' -discoveries 10000 -v | $(told)
	go run ./internal/figures
	go run ./internal/figures -tray

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

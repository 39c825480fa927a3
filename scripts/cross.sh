#!/bin/sh
# Builds the relay for the systems that it runs on, into build/OS-ARCH, and vets there, tests
# included, every package that needs no C: those with Opus or a sound card below them are built
# on their own system only. The pure packages hold in a browser too.
set -eu
cd "$(dirname "$0")/.."

needs_c=$(go list -test -f '{{.ImportPath}} {{join .Deps " "}}' ./... |
	awk '/hraban\/opus|gordonklaus\/portaudio|bench\/internal\/floor/ { sub(/\.test$/, "", $1); print $1 }' | sort -u)
portable=$(go list ./... | grep -vxF "$needs_c")

export CGO_ENABLED=0 GOOS GOARCH
for target in linux/amd64 linux/386 linux/arm linux/arm64 windows/amd64 darwin/amd64 darwin/arm64 freebsd/amd64; do
	GOOS=${target%/*} GOARCH=${target#*/}
	echo "$target: tincand, and vet $(echo "$portable" | wc -l) packages"
	go vet $portable
	go build -o "build/$GOOS-$GOARCH/" ./cmd/tincand
done
GOOS=js GOARCH=wasm
echo "$GOOS/$GOARCH: vet the pure packages"
go vet ./netproto ./jitter ./internal/netsim ./internal/repair ./engine/adapt

#!/bin/sh
# Builds the relay for the systems that it runs on, into build/OS-ARCH, and vets every package
# there, tests included, without cgo; the pure ones hold in a browser too. Then this system's
# programs without cgo: no sound card, no Opus, and errors that say so; and with Opus in Go (-tags gopus) the client
# without a sound card and the examples.
set -eu
cd "$(dirname "$0")/.."
export CGO_ENABLED=0

for target in linux/amd64 linux/386 linux/arm linux/arm64 windows/amd64 darwin/amd64 darwin/arm64 freebsd/amd64; do
	echo "$target: vet and build"
	(
		export GOOS="${target%/*}" GOARCH="${target#*/}"
		[ "$target" = darwin/amd64 ] || go vet ./... # arm64 tells the same of darwin
		go build -o "build/$GOOS-$GOARCH/" ./cmd/tincand
		case $target in linux/*64 | windows/* | darwin/arm64)
			mkdir -p "build/$GOOS-$GOARCH/gopus"
			go build -tags gopus -o "build/$GOOS-$GOARCH/gopus/" ./cmd/tincan ./examples/...
		esac
	)
done
echo "js/wasm: vet the pure packages"
GOOS=js GOARCH=wasm go vet ./netproto/... ./stream ./jitter ./codec/... ./audio/... ./engine/... ./examples/... \
	./internal/address ./internal/emodel ./internal/estimate ./internal/lab/... ./internal/netsim ./internal/quality ./internal/repair

echo "js/wasm: build a call in virtual time, with Opus in Go"
GOOS=js GOARCH=wasm go build -tags gopus -o build/js-wasm/ ./examples/virtual

echo "js/wasm: vet and build the engine of the page"
GOOS=js GOARCH=wasm go vet -tags gopus ./internal/web/client
GOOS=js GOARCH=wasm go build -tags gopus -o build/js-wasm/ ./internal/web/client

echo "without cgo: build, and test what has cgo otherwise"
go build ./...
go test ./codec/... ./audio/...
go test -run 'WithoutCgo|CodecOfOnesOwn|Swarm' ./engine ./cmd/tincan

echo "Opus in Go: vet, and test"
go vet -tags gopus ./...
go test -tags gopus ./codec/... ./audio/... ./jitter ./examples/...
go test -tags gopus -run 'LANIsTheCodecAlone|OneSeed' ./internal/lab

#!/bin/sh
# Installs what tincan builds with and is not there yet: a C compiler, pkg-config,
# libopus, libopusfile and PortAudio; with "demo" also espeak-ng, which speaks for
# the demo's callers; with "test" also iproute2, which makes networks for some tests (only as root: others skip them).
# Does nothing, and needs no rights, when all of it is there.
# webrtc-audio-processing 0.3, which cleans microphones, comes along where Debian's packages have it, and may be missing.
set -eu

want="$*"

have_libraries() {
	command -v cc >/dev/null 2>&1 && command -v pkg-config >/dev/null 2>&1 &&
		pkg-config --exists opus opusfile portaudio-2.0
}
have_speaker() {
	[ "$want" != demo ] || command -v espeak-ng >/dev/null 2>&1
}

if ! command -v go >/dev/null 2>&1; then
	echo "setup: Go is missing; install Go 1.26 or newer from https://go.dev/dl and run this again" >&2
	exit 1
fi
clean_microphone() {
	[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || return 0
	pkg-config --exists webrtc-audio-processing && return 0
	DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends g++ libwebrtc-audio-processing-dev >/dev/null 2>&1 ||
		echo "setup: without libwebrtc-audio-processing-dev, so echo and noise stay in what microphones give" >&2
}
networks() {
	[ "$want" = test ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || return 0
	command -v ip >/dev/null 2>&1 && return 0
	{ apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends iproute2; } >/dev/null 2>&1 ||
		echo "setup: without iproute2, so tests that need networks of their own are skipped" >&2
}
if have_libraries && have_speaker; then
	clean_microphone
	networks
	exit 0
fi

as_root=
if [ "$(id -u)" != 0 ] && ! command -v brew >/dev/null 2>&1; then
	command -v sudo >/dev/null 2>&1 || {
		echo "setup: packages are missing and neither root nor sudo is here to install them" >&2
		exit 1
	}
	as_root=sudo
fi

speaker=
[ "$want" != demo ] || speaker=espeak-ng
echo "setup: installing the audio libraries $speaker"
if command -v apt-get >/dev/null 2>&1; then
	$as_root apt-get update -q >/dev/null
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
		gcc libc6-dev pkg-config libopus-dev libopusfile-dev portaudio19-dev $speaker >/dev/null
elif command -v dnf >/dev/null 2>&1; then
	$as_root dnf install -qy gcc pkgconf-pkg-config opus-devel opusfile-devel portaudio-devel $speaker
elif command -v pacman >/dev/null 2>&1; then
	$as_root pacman -S --needed --noconfirm gcc pkgconf opus opusfile portaudio $speaker
elif command -v apk >/dev/null 2>&1; then
	$as_root apk add gcc musl-dev pkgconf opus-dev opusfile-dev portaudio-dev $speaker
elif command -v brew >/dev/null 2>&1; then
	brew install pkg-config opus opusfile portaudio $speaker
else
	echo "setup: no package manager known here; install a C compiler, pkg-config, libopus," >&2
	echo "setup: libopusfile, PortAudio $speaker with their headers and run this again" >&2
	exit 1
fi
have_libraries && have_speaker || {
	echo "setup: the packages went in, but pkg-config still misses one of: opus opusfile portaudio-2.0" >&2
	exit 1
}
clean_microphone
networks

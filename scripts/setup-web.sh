#!/bin/sh
# Installs what the tests of the page need and is not there yet: Node.js, npm and Chromium. Does nothing, and needs no
# rights, when all of it is there.
set -eu
missing=
command -v node >/dev/null 2>&1 || missing="$missing nodejs"
command -v npm >/dev/null 2>&1 || missing="$missing npm"
[ -x "${CHROMIUM:-/usr/bin/chromium}" ] || missing="$missing chromium"
[ -z "$missing" ] && exit 0
if ! command -v apt-get >/dev/null 2>&1; then
	echo "setup: install$missing and run this again; CHROMIUM names the browser's program" >&2
	exit 1
fi
as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
echo "setup: installing$missing"
$as_root apt-get update -q >/dev/null
# shellcheck disable=SC2086 # names of packages
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $missing >/dev/null

#!/bin/sh
# Makes speech.wav: about 14 s of two made voices, 16 kHz mono, for tests, the quality baseline and
# as what `tincan lab` says when it is given no speech. Needs espeak-ng (tried with 1.51) and sox.
set -eu
cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
say() { espeak-ng -v "$1" -s 165 -p "$2" -a 110 -w "$tmp/$3.wav" "$4"; }
say en-us+m3 42 1 "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background. It is easy to tell the depth of a well."
say en-gb+f3 58 2 "These days a chicken leg is a rare dish. Rice is often served in round bowls. The juice of lemons makes fine punch."
sox -D "$tmp/1.wav" "$tmp/2.wav" -r 16000 -b 16 -c 1 speech.wav norm -3

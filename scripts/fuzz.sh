#!/bin/sh
# Runs every fuzz target of the module with the given number of inputs (default 30000x) or
# for the given time (5m). Whoever must not fail by chance gives a number: up to Go 1.26 a
# run that ends by time fails now and then with "context deadline exceeded" although it
# found nothing (go.dev/issue/75804).
set -eu
time=${1:-30000x}
for dir in $(git grep -l '^func Fuzz' -- '*_test.go' | xargs -n1 dirname | sort -u); do
	for target in $(cat "$dir"/*_test.go | sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p'); do
		echo "fuzz $dir $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 10x "./$dir"
	done
done

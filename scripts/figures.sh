#!/bin/sh
# Puts the figures of `tincan lab report` (build/quality/table.md and its plots) into README.md and
# docs/repair.md: into every table under a comment such as
#   <!-- make figures: tincan: network delay cq; fixed 24k: delay emodel kbps -->
# Each setting gives a column; the first word of a row names its network.
set -eu
cd "$(dirname "$0")/.."
for file in README.md docs/repair.md; do
	awk -F ' *[|] *' '
	NR == FNR && $6 !~ /^[0-9]/ { next }
	NR == FNR {
		v[$2, $3, "network"] = $4; v[$2, $3, "delay"] = $6; v[$2, $3, "cq"] = $8
		v[$2, $3, "emodel"] = $10; v[$2, $3, "kbps"] = $15; known[$2]
		next
	}
	/^<!-- make figures: / {
		spec = $0
		gsub(/^<!-- make figures: | -->$/, "", spec)
		columns = split(spec, column, "; ")
		table = 1
	}
	table && /^[|]/ && (split($2, word, " ") && word[1] in known) {
		row = "| " $2 " |"
		for (i = 1; i <= columns; i++) {
			split(column[i], c, ": ")
			n = split(c[2], what, " ")
			for (k = 1; k <= n; k++) {
				cell = v[word[1], c[1], what[k]]
				if (cell == "") { print FILENAME ": the report has no " word[1] ", " c[1] > "/dev/stderr"; exit 1 }
				row = row (k > 1 && what[k - 1] != "network" ? ", " : " ") cell (what[k] == "network" || k == n ? " |" : "")
			}
		}
		print row
		next
	}
	/^$/ && rows { table = 0 }
	{ rows = /^[|]/; print }' build/quality/table.md "$file" >build/quality/filled
	cat build/quality/filled >"$file"
done
cp build/quality/ladder-quality.svg build/quality/ladder-rate.svg docs/

# test_help.sh - the help texts, whole, and that help, man page and program know the same options.
. "$(dirname "$0")/harness.sh"

run --help
exits 0; says ''
same 'standard output' "$scratch/out" "$here/expected/help/potstill.txt"
run -h
same 'standard output' "$scratch/out" "$here/expected/help/potstill.txt"
run help
same 'standard output' "$scratch/out" "$here/expected/help/potstill.txt"

commands=$(sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p' "$scratch/out" | grep -v '^help$')
ok test -n "$commands"

for command in $commands; do
    run help "$command"
    exits 0; says ''
    same 'standard output' "$scratch/out" "$here/expected/help/$command.txt"
    ok test -z "$(awk 'length > 80 || / $/' "$scratch/out")"
    # --help wins over whatever else is on the line before something wrong.
    run "$command" --help --frobnicate
    exits 0; says ''
    same 'standard output' "$scratch/out" "$here/expected/help/$command.txt"
    run "$command" -h
    same 'standard output' "$scratch/out" "$here/expected/help/$command.txt"
done

# Every command stands in the synopsis of the manual, and every option of its help in its section there, and
# the other way round.
manual="$here/../../docs/potstill.1"
options() {
    grep -o -e '--[a-z][a-z-]*' | sort -u
}
for command in $commands; do
    ran="options of $command"
    ok grep -qxF ".B potstill $(echo "$command" | sed 's/-/\\-/g')" "$manual"
    section=$(echo "$command" | tr a-z A-Z)
    sed -n 's/^  [ -][ a-z][ ,] \(--[a-z-]*\).*/\1/p' "$here/expected/help/$command.txt" | options |
        grep -v -e '^--help$' >"$scratch/help"
    sed 's/\\-/-/g' "$manual" | awk -v section=".SH $section" \
        '/^\.SH / { inside = $0 == section } inside && after && /^\.BI? / { print } { after = /^\.TP/ }' |
        options >"$scratch/manual"
    same 'the manual' "$scratch/manual" "$scratch/help"
done

run --version
exits 0; says ''
version=$(sed -n 's/^#define PST_VERSION "\(.*\)"/\1/p' "$here/../../include/potstill.h")
ok test "$(head -n 1 "$scratch/out")" = "potstill $version"
ok test "$(wc -l <"$scratch/out")" -ge 2
ok grep -q "^.TH POTSTILL 1 \"\" \"potstill $version\"" "$manual"

finish

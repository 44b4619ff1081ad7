#!/bin/sh
# check-layers.sh - the law of the house: includes point down, and no files lean on each other in a circle.
#
#     scripts/check-layers.sh [BUILD [ROOT]]
#
# A folder of src/ may include itself and what its row below names. Inside folders and between them, no
# two files include each other in a circle, however long, and none call each other in one: the calls are
# read off the compiled files of the folder BUILD. At most 30 files of one language
# lie directly in a folder, no two files have one name, and each begins with its own.
set -eu
build=${1:+$(cd "$1" && pwd)}
cd "${2:-$(dirname "$0")/..}"

formats="base formats"
model="$formats tokenizer model"
adapter="$model adapter"
network="$adapter kernels network"
pipeline="$network audio hub decode evaluate vad pipeline"
allowed() {
    case $1 in
    base) echo base ;;
    kernels | audio | hub) echo "base $1" ;;
    vad) echo "$formats kernels vad" ;;
    formats) echo "$formats" ;;
    tokenizer) echo "$formats tokenizer" ;;
    model) echo "$model" ;;
    adapter) echo "$adapter" ;;
    evaluate) echo "$formats evaluate" ;;
    network) echo "$network" ;;
    decode) echo "base kernels decode" ;;
    pipeline) echo "$pipeline" ;;
    merge | import) echo "$adapter $1" ;;
    coreml) echo "$pipeline merge coreml" ;;
    verify) echo "$adapter merge coreml verify" ;;
    open) echo "$pipeline merge coreml open" ;;
    find) echo "$formats find" ;;
    *) echo "" ;;
    esac
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0
complain() {
    echo "$*"
    bad=1
}

# Arrows between folders.
for file in $(find src -name '*.[chm]'); do
    folder=${file#src/}
    folder=${folder%%/*}
    for included in $(sed -n 's|^#include "\([a-z0-9_]*\)/.*|\1|p' "$file"); do
        case " $(allowed "$folder") " in
        *" $included "*) ;;
        *) complain "$file includes $included/, which is not below $folder/" ;;
        esac
    done
done
if grep -n '^#include "[a-z]*/' $(find cli -name '*.[ch]') /dev/null | grep -v '"\(live\|eval\|resume\|transcribe\|serve\|http\|page\|completion\)/'; then
    complain "cli/ may include the public headers and its own helpers only"
fi

# Prints the files of the circles among the arrows on stdin, "FROM TO" a line.
circle() {
    tsort 2>&1 >/dev/null | sed -n 's/^tsort: //p' | grep -v 'contains a loop' | sort -u | tr '\n' ' ' || :
}

# Includes: a header and the source of the same name are one file here.
for file in $(find src cli -name '*.[chm]'); do
    case $file in cli/*) node=cli/$(basename "${file%.*}") from=cli/ ;; *) node=${file%.*} from=src/ ;; esac
    sed -n "s|^#include \"\(.*\)\.h\".*|$node $from\1|p" "$file"
done | awk '$1 != $2' >"$work/includes"
found=$(circle <"$work/includes")
[ -z "$found" ] || complain "files include each other in a circle: $found"

# Calls, and tables: what one compiled file needs and another defines. Files that are no more are passed
# over: a build folder keeps their objects.
if [ -n "$build" ]; then
    (cd "$build" && find . -name '*.o' -exec nm -A -g {} + 2>/dev/null) |
        sed -n 's|^.*\.dir/\(.*\)\.\([cm]\)\.o:.* \([A-Za-z]\) \([^ ]*\)$|\1 \2 \3 \4|p' |
        while read -r file kind type symbol; do
            [ ! -f "$file.$kind" ] || echo "$file $type $symbol"
        done >"$work/symbols"
    [ -s "$work/symbols" ] || complain "no compiled files below $build"
    awk '$2 != "U" { at[$3] = $1; next } { needs[$1 " " $3] }
        END { for (n in needs) { split(n, a, " "); if (a[2] in at && at[a[2]] != a[1]) print a[1], at[a[2]] } }' \
        "$work/symbols" >"$work/calls"
    found=$(circle <"$work/calls")
    [ -z "$found" ] || complain "files call each other in a circle: $found"
fi

for name in $(find src cli -name '*.[chm]' -exec basename {} \; | sort | uniq -d); do
    complain "$name: two files have this name"
done
find src cli -name '*.[chm]' -exec awk '
    FNR == 1 { name = FILENAME; sub(/.*\//, "", name) }
    FNR == 1 && index($0, "/* " name " - ") != 1 {
        print FILENAME " does not begin with /* " name " - what it is"
    }' {} + >"$work/heads"
[ ! -s "$work/heads" ] || complain "$(cat "$work/heads")"
find src cli -name '*.[cm]' | sed 's|/[^/]*$||' | sort | uniq -c | while read -r count folder; do
    [ "$count" -le 30 ] || echo "$folder: $count files lie directly in it, 30 are the most"
done >"$work/full"
[ ! -s "$work/full" ] || complain "$(cat "$work/full")"
exit $bad

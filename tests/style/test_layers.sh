#!/bin/sh
# scripts/check-layers.sh finds each kind of breach in a small tree, and nothing in a good one.
set -eu
check=$(cd "$(dirname "$0")/../../scripts" && pwd)/check-layers.sh
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

# file NAME: a file of that name from the text on stdin, below the head that it must have.
file() {
    { echo "/* $(basename "$1") - a part. */"; cat; } >"$tree/$1"
}
# A tree in which cli/ calls model/, which calls base/, and its objects.
plant() {
    rm -rf "${tree:?}"/*
    mkdir -p "$tree/src/base" "$tree/src/model" "$tree/cli"
    echo 'int low(void);' | file src/base/low.h
    printf '#include "base/low.h"\nint low(void) { return 1; }\n' | file src/base/low.c
    printf '#include "base/low.h"\nint high(void);\n' | file src/model/high.h
    printf '#include "model/high.h"\nint high(void) { return low(); }\n' | file src/model/high.c
    echo 'int main(void) { return 0; }' | file cli/main.c
}
run() {
    rm -rf "$tree/build"
    for file in $(cd "$tree" && find src cli -name '*.c'); do
        mkdir -p "$tree/build/x.dir/$(dirname "$file")"
        cc -I "$tree/src" -c "$tree/$file" -o "$tree/build/x.dir/$file.o" 2>/dev/null
    done
    "$check" "$tree/build" "$tree" >"$tree/said" 2>&1
}
fail() {
    echo "$1; the check said:"
    cat "$tree/said"
    exit 1
}
# finds WHAT PATTERN: the check refuses the tree as it stands, with a line that holds PATTERN.
finds() {
    if run; then fail "$1 passes"; fi
    grep -q "$2" "$tree/said" || fail "$1 is not named"
    plant
}

plant
run || fail "a good tree is refused"

echo '#include "model/high.h"' >>"$tree/src/base/low.c"
finds "an include that points up" 'src/base/low.c includes model/'

echo '#include "base/low.h"' | file "src/base/other.h"
echo '#include "base/other.h"' >>"$tree/src/base/low.c"
finds "a circle of includes in a folder" 'include each other in a circle: src/base/low src/base/other'

echo 'int third(void); int second(void) { return third(); }' | file "src/base/second.c"
echo 'int first(void); int third(void) { return first(); }' | file "src/base/third.c"
echo 'int second(void); int first(void) { return second(); }' | file "src/base/first.c"
finds "a circle of calls in a folder" 'call each other in a circle: src/base/first src/base/second src/base/third'

echo '#include "base/low.h"' >>"$tree/cli/main.c"
finds "a command that includes the library's inside" 'cli/ may include'

echo 'int again(void) { return 0; }' | file "src/model/low.c"
finds "a name used twice" 'low.c: two files have this name'

for i in $(seq 29); do echo "int f$i(void) { return 0; }" | file "src/base/f$i.c"; done
run || fail "a folder of 30 files is refused"
echo 'int f30(void) { return 0; }' | file "src/base/f30.c"
finds "a folder of 31 files" 'src/base: 31 files'

echo 'int f(void);' >"$tree/src/base/headless.h"
finds "a file without its name" 'src/base/headless.h does not begin with'

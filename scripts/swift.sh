#!/bin/sh
# swift.sh - the Swift package in examples/swift: built, and tested as far as it needs no Core ML.
#
#     scripts/swift.sh BUILD
#
# BUILD has the program, which converts what the package then reads; what Swift builds goes into BUILD/swift. Where
# Core ML is missing, the files that call it are type-checked against tests/apple/swift. Exit code 77: there is no
# Swift compiler here (Debian 13: apt-get install swiftlang; macOS: Xcode).
set -eu
cd "$(dirname "$0")/.."
build=$(cd "${1:-build/release}" && pwd)
if ! command -v swift >/dev/null || ! command -v swiftc >/dev/null; then
    echo "skipped: there is no Swift compiler here"
    exit 77
fi
swift --version 2>/dev/null | head -n 1
out=$build/swift
package=examples/swift
mkdir -p "$out"

if [ "$(uname)" != Darwin ]; then
    stubs=$out/stubs
    mkdir -p "$stubs"
    for module in CoreML AVFoundation; do
        swiftc -emit-module -parse-as-library -module-name $module tests/apple/swift/$module.swift \
            -o "$stubs/$module.swiftmodule"
    done
    swiftc -emit-module -parse-as-library -enable-testing -warnings-as-errors -module-name PotstillCoreML -I "$stubs" \
        $package/Sources/PotstillCoreML/*.swift -o "$stubs/PotstillCoreML.swiftmodule"
    swiftc -typecheck -warnings-as-errors -I "$stubs" $package/Sources/Transcribe/main.swift
    echo "the calls of Core ML fit the declarations in tests/apple/swift"
elif ! xcrun --find xctest >/dev/null 2>&1; then
    swift build --package-path $package --scratch-path "$out"
    echo "built; not tested: XCTest comes with Xcode"
    exit 0
fi

# Folders as they are converted today.
rm -rf "$out/converted"
mkdir "$out/converted"
convert() { "$build/potstill" convert --model "$1" -o "$out/converted/$2" --seconds 2,4 "$3" "$4" >/dev/null; }
convert tests/golden/micro split --ahead 4
convert tests/golden/micro functions --target ios18
convert tests/golden/micro_streaming streaming --precision float32
POTSTILL_CONVERTED="$out/converted/split:$out/converted/functions:$out/converted/streaming"
export POTSTILL_CONVERTED
swift test --package-path $package --scratch-path "$out"

#!/bin/sh
# uninstall.sh - takes away what the last `cmake --install BUILD` has installed, and the folders that are ours alone.
#
#     [DESTDIR=ROOT] scripts/uninstall.sh BUILD
set -eu
list=$1/install_manifest.txt
[ -f "$list" ] || { echo "$list: not there; nothing was installed from this build" >&2 && exit 1; }
# The last line has no end.
{ cat "$list" && echo; } | while read -r file; do
    [ -n "$file" ] || continue
    rm -f "${DESTDIR-}$file"
    folder=$(dirname "${DESTDIR-}$file")
    case $folder in */potstill) [ ! -d "$folder" ] || rmdir "$folder" 2>/dev/null || : ;; esac
done
echo "uninstalled $(grep -c . "$list") files"

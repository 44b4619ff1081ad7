#!/bin/sh
# The shards of a manifest by GNU parallel: on this machine, or on those that $HOSTS names for --sshlogin
# (parts and manifest on a file system that all of them see).
#
#     examples/cluster/parallel.sh SHARDS MANIFEST OUT [OPTION ...]
set -eu
shards=$1
manifest=$2
output=$3
shift 3
seq 0 $((shards - 1)) | parallel ${HOSTS:+--sshlogin "$HOSTS"} --retries 3 --workdir . \
    potstill-batch "$manifest" -o "$output" --shard "{}/$shards" --workers 1 "$@" '|| [ $? = 1 ]'
exec potstill-batch "$manifest" -o "$output" --local "$@"

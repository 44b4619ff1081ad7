#!/bin/sh
#SBATCH --array=0-3
#SBATCH --requeue
#SBATCH --open-mode=append
# A run over a manifest as an array job, whose number of tasks is that of the shards:
#
#     sbatch --array=0-99 slurm.sh set.jsonl out --model my_model --adapter my_adapter
#
# A task that was requeued goes on where it was. When all have ended, the same options without --shard, and
# with --local, compute what is missing still and write out/results.jsonl.
set -eu
manifest=$1
output=$2
shift 2
code=0
potstill-batch "$manifest" -o "$output" --shard auto "$@" || code=$?
[ $code = 1 ] || exit $code # 1: rows that are errors, which another try does not change

#!/bin/sh
# cluster.sh - runs over manifests on clusters: Ray with its faults, two object stores, Spark, and the examples
# for Slurm and GNU parallel.
#
#     scripts/cluster.sh [PYTEST_ARGUMENT ...]
#
# Ray and pyarrow, moto (S3 on this machine), gcp-storage-emulator and pyspark come from PyPI into
# build/cluster; without PyPI all is skipped, saying so. Without Debian's openjdk-17-jre-headless, parallel, or
# slurmctld, slurmd and slurm-client, the test of these is skipped.
set -eu
cd "$(dirname "$0")/.."
build=${POTSTILL_BUILD:-$PWD/build/release}
venv=$PWD/build/cluster
. scripts/python_site.sh
if ! make_environment "$venv" numpy pytest psutil 'scikit-build-core>=0.11' 'ray[data]' pyarrow pandas; then
    echo "skipped: runs on clusters need ray and pyarrow from PyPI"
    exit 0
fi
# Large, and each of one test alone.
for package in 'moto[server]' gcp-storage-emulator pyspark; do
    [ -f "$venv/tried-$package" ] || "$venv/bin/pip" install -q --disable-pip-version-check "$package" || :
    touch "$venv/tried-$package"
done
make_site "$venv" build/cluster-site "$build"
made=$(mktemp -d "${TMPDIR:-/tmp}/cluster.XXXXXX")
trap 'rm -rf "$made"' EXIT
trap 'exit 1' HUP INT TERM
export PYTHONPATH="$PWD/build/cluster-site" XDG_CACHE_HOME="$made/cache" HF_HUB_OFFLINE=1
export RAY_TMPDIR="$made/r" # short: Ray has sockets in it
$venv/bin/python -m pytest -q -rs -p no:cacheprovider -o tmp_path_retention_policy=failed \
    --basetemp="$made/t" tests/cluster "$@"

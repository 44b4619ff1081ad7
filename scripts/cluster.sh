#!/bin/sh
# cluster.sh - runs over manifests on clusters: Ray with its faults, and the examples for Slurm and GNU
# parallel.
#
#     scripts/cluster.sh [PYTEST_ARGUMENT ...]
#
# Ray and pyarrow come from PyPI into build/cluster; without PyPI all is skipped, saying so. Without Debian's
# parallel, or slurmctld, slurmd and slurm-client, the test of these is skipped.
set -eu
cd "$(dirname "$0")/.."
build=${POTSTILL_BUILD:-$PWD/build/release}
venv=$PWD/build/cluster
if [ ! -f $venv/installed ]; then
    rm -rf $venv
    if ! { python3 -m venv $venv && $venv/bin/pip install -q --disable-pip-version-check numpy pytest psutil \
        'scikit-build-core>=0.11' 'ray[data]' pyarrow pandas; }; then
        rm -rf $venv
        echo "skipped: runs on clusters need ray and pyarrow from PyPI"
        exit 0
    fi
    touch $venv/installed
fi
rm -rf build/cluster-site
$venv/bin/pip install -q --disable-pip-version-check --no-build-isolation --no-deps --target build/cluster-site \
    --config-settings=build-dir=build/python-wheel --config-settings=cmake.define.POTSTILL_BUILT="$build" .
made=$(mktemp -d "${TMPDIR:-/tmp}/cluster.XXXXXX")
trap 'rm -rf "$made"' EXIT
trap 'exit 1' HUP INT TERM
export PYTHONPATH="$PWD/build/cluster-site" XDG_CACHE_HOME="$made/cache" HF_HUB_OFFLINE=1
export RAY_TMPDIR="$made/r" # short: Ray has sockets in it
$venv/bin/python -m pytest -q -rs -p no:cacheprovider -o tmp_path_retention_policy=failed \
    --basetemp="$made/t" tests/cluster "$@"

#!/bin/sh
# python.sh - the package for Python: its wheel from what build/release holds, and its tests.
#
#     scripts/python.sh [PYTEST_ARGUMENT ...]
#
# Nothing is compiled: the wheel takes the library and the command that are built. Its tests run in build/python, a
# virtual environment with NumPy and pytest. Those of live models and the notebook need torch and PEFT: they run in .venv
# (made by `make oracle`) where it is there. Without PyPI all is skipped, saying so.
set -eu
cd "$(dirname "$0")/.."
build=${POTSTILL_BUILD:-$PWD/build/release}
venv=$PWD/build/python
. scripts/python_site.sh
if ! make_environment "$venv" numpy pytest tqdm mypy==2.4.1 'scikit-build-core>=0.11'; then
    echo "skipped: the tests of the Python package need numpy, pytest, tqdm, mypy and scikit-build-core from PyPI"
    exit 0
fi
make_site "$venv" build/python-site "$build"
$venv/bin/python -m mypy --cache-dir build/mypy
made=$(mktemp -d "${TMPDIR:-/tmp}/potstill-python.XXXXXX")
trap 'rm -rf "$made"' EXIT
trap 'exit 1' HUP INT TERM
export PYTHONPATH="$PWD/build/python-site" POTSTILL_MODELS="${POTSTILL_MODELS:-$PWD/models}"
pytest="-m pytest -q -rs -p no:cacheprovider -o tmp_path_retention_policy=failed"
# shellcheck disable=SC2086 # words
$venv/bin/python $pytest --basetemp="$made/a" --ignore=python/tests/test_live.py \
    --ignore=python/tests/test_notebook.py python/tests "$@"
if [ -x .venv/bin/python ]; then
    export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false OMP_NUM_THREADS=1
    # shellcheck disable=SC2086
    .venv/bin/python $pytest --basetemp="$made/b" python/tests/test_live.py python/tests/test_notebook.py
else
    echo "skipped: live models and the notebook, which need the packages of make oracle"
fi

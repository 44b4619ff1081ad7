#!/bin/sh
# sbom.sh - what is in the build, as build/potstill.cdx.json, checked by CycloneDX's own validator (from PyPI, into
# build/sbom-venv; without PyPI the check is skipped, saying so).
set -eu
cd "$(dirname "$0")/.."
build=${1:-build/release}
out=build/potstill.cdx.json
python3 tools/sbom.py "$build" $out
venv=build/sbom-venv
if [ ! -f $venv/installed ]; then
    rm -rf $venv
    if ! { python3 -m venv $venv && $venv/bin/pip install -q --disable-pip-version-check \
        'cyclonedx-python-lib[json-validation]>=8,<12'; }; then
        rm -rf $venv
        echo "skipped: the validator is not to be had from PyPI"
        exit 0
    fi
    touch $venv/installed
fi
$venv/bin/python - $out <<'PYTHON'
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
wrong = JsonStrictValidator(SchemaVersion.V1_5).validate_str(open(sys.argv[1], encoding="utf-8").read())
sys.exit(f"{sys.argv[1]}: {wrong}" if wrong else 0)
PYTHON
echo "$out: valid CycloneDX 1.5"

# python_site.sh - for scripts that test the Python package: an environment with packages of PyPI, and the package
# in a folder, from what is built. To be read by them (". scripts/python_site.sh"), in the folder of the project.

# make_environment FOLDER PACKAGE...: once; fails, with nothing left, where PyPI cannot be had.
make_environment() {
    folder=$1
    shift
    [ ! -f "$folder/installed" ] || return 0
    rm -rf "$folder"
    if ! { python3 -m venv "$folder" && "$folder/bin/pip" install -q --disable-pip-version-check "$@"; }; then
        rm -rf "$folder"
        return 1
    fi
    touch "$folder/installed"
}

# make_site ENVIRONMENT FOLDER BUILD: the package anew, with the library and the command of BUILD.
make_site() {
    rm -rf "$2"
    "$1/bin/pip" install -q --disable-pip-version-check --no-build-isolation --no-deps --target "$2" \
        --config-settings=build-dir=build/python-wheel --config-settings=cmake.define.POTSTILL_BUILT="$3" .
}

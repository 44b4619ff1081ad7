#!/usr/bin/env python3
"""What is in a build, as CycloneDX 1.5 in JSON:

    tools/sbom.py BUILD OUT

The program, the library, what they hold of others, and every shared library that the system's linker loads for them,
by package, with version, licence and who needs whom: read off the built files, not off a list. The same build on the
same system gives the same file. On Debian, or where rpm is.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import uuid
from datetime import datetime, timezone
from pathlib import Path

from wheel_licences import debian_licence, output, rpm_licence

ROOT = Path(__file__).resolve().parent.parent
# Names that Debian's copyright files use, as SPDX has them; what is not here is given by its name.
SPDX = {
    "Apache-2.0": "Apache-2.0", "BSD-2-clause": "BSD-2-Clause", "BSD-2-Clause": "BSD-2-Clause",
    "BSD-3-clause": "BSD-3-Clause", "BSD-3-Clause": "BSD-3-Clause", "Expat": "MIT", "GPL-2": "GPL-2.0-only",
    "GPL-2+": "GPL-2.0-or-later", "GPL-3+": "GPL-3.0-or-later", "ISC": "ISC", "LGPL-2+": "LGPL-2.0-or-later",
    "LGPL-2.1": "LGPL-2.1-only", "LGPL-2.1+": "LGPL-2.1-or-later", "LGPL-3+": "LGPL-3.0-or-later", "MIT": "MIT",
    "Zlib": "Zlib", "zlib": "Zlib", "curl": "curl",
}  # fmt: skip
# What our own files hold of others (packaging/debian/copyright has their licences).
EMBEDDED = [
    {
        "type": "data",
        "bom-ref": "embedded:whisper-spellings",
        "name": "whisper-spellings",
        "version": "whisper-normalizer 0.1.15",
        "description": "British and American spellings, compiled into src/evaluate/british_words.c",
        "copyright": "2022 OpenAI",
        "licenses": [{"license": {"id": "MIT"}}],
    },
]


def version():
    return re.search(r'#define PST_VERSION "(.*)"', (ROOT / "include/potstill.h").read_text()).group(1)


def needed(path):
    """Names of the libraries that a file asks for itself."""
    shown = subprocess.run(["readelf", "-d", path], capture_output=True, text=True, check=True).stdout
    return re.findall(r"\(NEEDED\).*\[(.*)\]", shown)


def loaded(path):
    """Paths of all libraries that are loaded for it, by name."""
    shown = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
    return dict(re.findall(r"^\s*(\S+) => (/\S+)", shown, re.MULTILINE))


def package_of(path):
    """Package, version and a package URL of a library; and its licence's text."""
    for find, version_of, kind in (
        (debian_licence, lambda name: output("dpkg-query", "-W", "-f", "${Version}\n", name).split()[0], "deb/debian"),
        (rpm_licence, lambda name: output("rpm", "-q", "--qf", "%{VERSION}-%{RELEASE}\n", name).split()[0], "rpm"),
    ):
        try:
            name, files = find(path)
        except FileNotFoundError:  # another system's package manager
            continue
        if name and files:
            number = version_of(name)
            text = "\n".join(file.read_text("utf-8", "replace") for file in files)
            return name, number, f"pkg:{kind}/{name}@{number.replace('+', '%2B').replace(':', '%3A')}", text
    sys.exit(f"{path}: no package has it; expected one of dpkg or rpm")


def licences(text):
    """Those that a machine-readable copyright file names; none where it is prose."""
    if not text.startswith("Format:"):
        return []
    names = {line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("License:")}
    single = {part for name in names for part in re.split(r"\s+(?:and/or|and|or)\s+|,\s*", name) if part}
    return [{"license": {"id": SPDX[name]} if name in SPDX else {"name": name}} for name in sorted(single)]


def own(path, kind, name):
    return {
        "type": kind,
        "bom-ref": f"potstill:{name}",
        "name": name,
        "version": version(),
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}],
        "licenses": [{"license": {"id": "MIT"}}],
    }


def system_packages(paths):
    """A component for each package of the libraries, and the package of each library."""
    components, package_by_library = {}, {}
    for library, path in sorted(paths.items()):
        name, number, purl, text = package_of(path)
        package_by_library[library] = purl
        part = components.setdefault(
            purl, {"type": "library", "bom-ref": purl, "name": name, "version": number, "purl": purl, "properties": []}
        )
        part["properties"].append({"name": "potstill:library", "value": Path(path).resolve().name})
        found = licences(text)
        if found:
            part["licenses"] = found
    return components, package_by_library


def bill(build):
    files = [(build / "potstill", "application", "potstill")]
    shared = next((path for path in (build / "libpotstill.so",) if path.exists()), None)
    if shared:
        files.append((shared.resolve(), "library", "libpotstill"))
    paths = {}
    for path, _, _ in files:
        paths.update(loaded(path))
    paths.pop(f"libpotstill.so.{version().split('.')[0]}", None)
    components, package_by_library = system_packages(paths)
    depends = {}
    for ref, path in [(f"potstill:{name}", path) for path, _, name in files] + [
        (package_by_library[library], path) for library, path in paths.items()
    ]:
        wanted = {package_by_library[library] for library in needed(path) if library in package_by_library} - {ref}
        depends.setdefault(ref, set()).update(wanted)
    for _, _, name in files:
        depends[f"potstill:{name}"].update(part["bom-ref"] for part in EMBEDDED)
    parts = [own(*file) for file in files] + EMBEDDED + [components[ref] for ref in sorted(components)]
    body = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": "potstill", "name": "potstill", "version": version()}},
        "components": parts,
        "dependencies": [{"ref": "potstill", "dependsOn": [part["bom-ref"] for part in parts[: len(files)]]}]
        + [{"ref": ref, "dependsOn": sorted(wanted)} for ref, wanted in sorted(depends.items())],
    }
    # Its number follows from what it says.
    body["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(body, sort_keys=True))}"
    if "SOURCE_DATE_EPOCH" in os.environ:
        moment = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), timezone.utc)
        body["metadata"]["timestamp"] = moment.isoformat().replace("+00:00", "Z")
    return body


def main(build, out):
    body = bill(Path(build))
    part = Path(out + ".part")
    part.write_text(json.dumps(body, indent=2, ensure_ascii=False) + "\n")
    part.replace(out)
    prose = [part["name"] for part in body["components"] if "licenses" not in part]
    print(f"{out}: {len(body['components'])} components; licences in prose only: {', '.join(prose) or 'none'}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])

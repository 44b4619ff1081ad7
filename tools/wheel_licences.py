#!/usr/bin/env python3
"""Adds the licences of the libraries that auditwheel or delocate has put into a wheel:

    tools/wheel_licences.py WHEEL

On Debian they are in /usr/share/doc/<package>/copyright, with rpm in /usr/share/licenses/<package>, of what
scripts/wheel-libraries.sh has made in share/licenses/<library> of its prefix, of Homebrew in the formula's folder. A
library whose licence is not found is an error: such a wheel must not be published.
"""

import base64
import csv
import hashlib
import io
import re
import subprocess
import sys
import zipfile
from pathlib import Path


def library_paths():
    """Full paths by soname, as the linker finds them; of Homebrew by their names."""
    if sys.platform == "darwin":
        prefix = Path(output("brew", "--prefix").strip())
        return {path.name: str(path) for path in [*prefix.glob("lib/*.dylib"), *prefix.glob("opt/*/lib/*.dylib")]}
    listed = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    lines = (line for line in listed.splitlines() if " => " in line)
    return {line.split()[0]: line.rsplit(" => ", 1)[1] for line in lines}


def output(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ""


def debian_licence(path):
    # The package database may know the file under /lib or /usr/lib, which are one folder.
    real = str(Path(path).resolve())
    for name in {path, real, real.removeprefix("/usr"), "/usr" + real}:
        package = output("dpkg", "-S", name).split(":")[0]
        if package:
            copyright = Path("/usr/share/doc", package, "copyright")
            return package, [copyright] if copyright.exists() else []
    return None, []


def rpm_licence(path):
    package = output("rpm", "-qf", "--qf", "%{NAME}", path)
    files = output("rpm", "-qL", package).split() if package else []
    return package, [Path(file) for file in files if Path(file).is_file()]


def made_licence(path):
    """Of what lies in PREFIX/lib or lib64."""
    name = Path(path).name.split(".so")[0]
    return name, sorted(Path(path).parent.parent.glob(f"share/licenses/{name}/*"))


def brew_licence(path):
    """Of what lies in <prefix>/Cellar/<formula>/<version>/lib."""
    keg = Path(path).resolve().parent.parent
    if keg.parent.parent.name != "Cellar":
        return None, []
    files = [file for file in sorted(keg.iterdir()) if re.match("(?i)(copying|licen[cs]e|copyright)", file.name)]
    return keg.parent.name, [file for file in files if file.is_file()]


def licence_of(path):
    for find in (debian_licence, rpm_licence, made_licence, brew_licence):
        try:
            package, files = find(path)
        except FileNotFoundError:  # another system's package manager
            continue
        if files:
            return package, "\n".join(file.read_text("utf-8", "replace") for file in files)
    sys.exit(f"{path}: no licence found; expected its package's in /usr/share/doc or /usr/share/licenses")


def soname(name):
    """libldap-2-1a2b3c4d.5.so.0.1.8, as auditwheel writes it, to libldap-2.5.so.0.1.8."""
    return re.sub(r"-[0-9a-f]{8}(?=\.)", "", Path(name).name, count=1)


def main(wheel):
    where = library_paths()
    licences = {}
    with zipfile.ZipFile(wheel) as archive:
        files = [(info, archive.read(info)) for info in archive.infolist()]
    names = (info.filename for info, _ in files)
    bundled = sorted(soname(name) for name in names if re.search(r"\.libs/.*\.so|\.dylibs/.*\.dylib", name))
    for library in bundled:
        # ldconfig lists by soname, the wheel has the file behind it: libFLAC.so.12 for libFLAC.so.12.0.0.
        paths = [path for name, path in where.items() if Path(path).resolve().name == library or name == library]
        if not paths:
            sys.exit(f"{library}: not among the libraries of this system, where the wheel was built")
        package, text = licence_of(paths[0])
        licences.setdefault(package, [text, []])[1].append(library)
    record = next(info for info, _ in files if info.filename.endswith(".dist-info/RECORD"))
    folder = record.filename.rsplit("/", 1)[0]
    added = {
        f"{folder}/licenses/bundled/{package}.txt": (", ".join(names) + "\n\n" + text).encode()
        for package, (text, names) in licences.items()
    }
    listed = next(content for info, content in files if info is record).decode()
    rows = [row for row in csv.reader(io.StringIO(listed)) if row]
    last = rows.pop() if rows[-1][0] == record.filename else [record.filename, "", ""]
    rows = [row for row in rows if row[0] not in added]
    for name, content in added.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.append([name, f"sha256={digest}", str(len(content))])
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([*rows, last])
    part = Path(str(wheel) + ".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for info, content in files:
            if info.filename != record.filename and info.filename not in added:
                archive.writestr(info, content, compress_type=zipfile.ZIP_DEFLATED, compresslevel=9)
        for name, content in added.items():
            archive.writestr(name, content)
        archive.writestr(record, text.getvalue(), compress_type=zipfile.ZIP_DEFLATED)
    part.replace(wheel)
    print(f"{wheel}: licences of {len(bundled)} libraries in {len(added)} packages")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))

"""Prints the coverage of each folder, from gcovr's summary: lines, branches, and the files reached least.

    python3 scripts/coverage_table.py build/coverage/summary.json
"""

import collections
import json
import pathlib
import sys

KINDS = ("line", "branch")
LEAST = 10  # files named below the table
FEW = 20    # branches below which a share says little


def share(covered, total):
    return f"{100 * covered / total:.1f} %" if total else "-"


def main():
    files = json.loads(pathlib.Path(sys.argv[1]).read_text())["files"]
    folders = collections.defaultdict(lambda: [0, 0, 0, 0])
    for file in files:
        parts = pathlib.PurePath(file["filename"]).parts
        for name in ("/".join(parts[:2]) if parts[0] == "src" else parts[0], "all"):
            for i, kind in enumerate(KINDS):
                folders[name][2 * i] += file[f"{kind}_covered"]
                folders[name][2 * i + 1] += file[f"{kind}_total"]
    print("| folder | lines | reached | branches | reached |\n|---|---|---|---|---|")
    for name in sorted(folders, key=lambda name: (name == "all", name)):
        lines, all_lines, branches, all_branches = folders[name]
        print(f"| `{name}` | {all_lines} | {share(lines, all_lines)} | {all_branches} |"
              f" {share(branches, all_branches)} |")
    least = sorted((file["branch_covered"] / file["branch_total"], file["filename"])
                   for file in files if file["branch_total"] >= FEW)[:LEAST]
    print("\nfewest branches:", ", ".join(f"{name} {100 * part:.0f} %" for part, name in least))


if __name__ == "__main__":
    main()

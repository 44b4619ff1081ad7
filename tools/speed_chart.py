#!/usr/bin/env python3
"""Draws docs/speed.svg and prints the README's table, both from tools/speed.json.

    tools/speed_chart.py
    tools/bench_peers.py ... --machine NAME    # measures, replaces NAME's numbers in speed.json, and draws

speed.json has a row a machine: its name, and for each clip the median milliseconds of each engine. The
chart has the engines that were measured everywhere, the table has all. The drawing is plain SVG that
follows the reader's choice of light or dark, and has a ground of its own in case the page does not.
"""
import html
import json
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESULTS = ROOT / "tools" / "speed.json"
CHART = ROOT / "docs" / "speed.svg"

WIDTH, MARGIN = 860, 16
LABEL = 128         # wide enough for "ONNX Runtime int8" in 12 px
NUMBER = 44         # behind the longest bar: "1,271"
BAR, STEP = 14, 21  # height of a bar, and from one to the next
HEAD, NAME, TITLE = 42, 30, 26  # above the machines, above the clips of one, above the bars of one
BESIDE = 2          # machines in a row: more leave no room for the bars

STYLE = """
  .ground { fill: #ffffff }
  text { font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328 }
  .title { font-size: 15px; font-weight: 600 } .machine { font-weight: 600 } .quiet { fill: #59636e }
  .ours { fill: #0f766e } .peer { fill: #b6bec8 } .line { stroke: #d1d9e0 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117 }
    text { fill: #e6edf3 } .quiet { fill: #9198a1 }
    .ours { fill: #2dd4bf } .peer { fill: #545d68 } .line { stroke: #3d444d }
  }"""


def read():
    return json.loads(RESULTS.read_text())


def replace(machine, clips):
    """Puts {clip: {engine: milliseconds}} of `machine` in the place of its numbers so far."""
    rows = read()
    row = next((row for row in rows if row["machine"] == machine), None)
    if row is None:
        rows.append(row := {"machine": machine})
    row["clips"] = clips
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")


def engines_of(rows, in_all):
    """Names of engines in the order of the first row that has them."""
    columns = [times for row in rows for times in row["clips"].values()]
    names = list(dict.fromkeys(name for times in columns for name in times))
    return [name for name in names if not in_all or all(name in times for times in columns)]


def number(milliseconds):
    return f"{milliseconds:,.0f}"


def panel(x, y, width, clip, times, engines):
    """One clip on one machine: a line of text, and a bar an engine."""
    longest = max(times[name] for name in engines)
    yield f'<text class="quiet" x="{x}" y="{y + 12}">{html.escape(clip)}</text>'
    y += TITLE
    start, room = x + LABEL, width - LABEL - NUMBER
    yield f'<line class="line" x1="{start}" y1="{y - 4}" x2="{start}" y2="{y + STEP * len(engines) - 3}"/>'
    for name in engines:
        length = room * times[name] / longest
        kind = "ours" if name.startswith("potstill") else "peer"
        yield f'<text text-anchor="end" x="{start - 8}" y="{y + 11}">{html.escape(name)}</text>'
        yield f'<rect class="{kind}" x="{start}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2"/>'
        yield f'<text x="{start + length + 6:.1f}" y="{y + 11}">{number(times[name])}</text>'
        y += STEP


def draw(rows):
    engines = engines_of(rows, in_all=True)
    clips = max(len(row["clips"]) for row in rows)
    width = (WIDTH - MARGIN) / BESIDE - MARGIN
    pitch = TITLE + STEP * len(engines) + MARGIN
    machine = NAME + pitch * clips
    height = HEAD + machine * -(-len(rows) // BESIDE)
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
             f'height="{height}" role="img" aria-label="Time to transcribe a clip, by engine and machine">',
             f"<style>{STYLE}\n</style>",
             f'<rect class="ground" width="{WIDTH}" height="{height}" rx="6"/>',
             f'<text class="title" x="{MARGIN}" y="26">Milliseconds from sound to text, 2 threads '
             '(shorter is faster)</text>']
    for i, row in enumerate(rows):
        x, y = MARGIN + i % BESIDE * (width + MARGIN), HEAD + i // BESIDE * machine
        lines.append(f'<text class="machine" x="{x:.0f}" y="{y + 12}">{html.escape(row["machine"])}</text>')
        for j, (clip, times) in enumerate(row["clips"].items()):
            lines += panel(x, y + NAME + j * pitch, width, clip, times, engines)
    CHART.write_text("\n".join(lines) + "\n</svg>\n")


def table(rows):
    """A row a machine and clip, a column an engine, in Markdown."""
    engines = engines_of(rows, in_all=False)
    print("| milliseconds | " + " | ".join(engines) + " |")
    print("|---|" + "--:|" * len(engines))
    for row in rows:
        for clip, times in row["clips"].items():
            cells = [number(times[name]) if name in times else "-" for name in engines]
            print(f"| {row['machine']}: {clip} | " + " | ".join(cells) + " |")


def main():
    rows = read()
    draw(rows)
    table(rows)


if __name__ == "__main__":
    main()

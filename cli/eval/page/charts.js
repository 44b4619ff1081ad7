/* charts.js - three drawings: rates with intervals, how errors spread, one system against another.
 *
 * Each is drawn for the width it has, so that its letters keep their size, and is a picture to those
 * who hear the page: its caption says what it shows, the tables have the numbers. */

const label = (x, y, text, attributes = {}) => shape("text", { x, y, ...attributes }, text);
const line = (x1, y1, x2, y2, kind) => shape("line", { x1, y1, x2, y2, class: kind });

function drawing(width, height, title, ...children) {
    return shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title }, children);
}

/* Steps of 1, 2 or 5 for about `count` lines up to `top`. */
function ticks(top, count) {
    const rough = top / count, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough);
    return Array.from({ length: Math.floor(top / step + 1e-9) + 1 }, (_, i) => i * step);
}

const shorten = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);
const tickText = (value) => `${Number((100 * value).toFixed(2))} %`;

/* ---- word error rate by system */

function drawSystems(width) {
    const top = topRate(systems), left = Math.min(140, width / 4), right = width - 96, row = 38;
    const height = systems.length * row + 30;
    const x = (rate) => left + (right - left) * rate / top;
    const lines = ticks(top, width < 420 ? 3 : 6).map((tick) => [
        line(x(tick), 4, x(tick), height - 24, "grid"),
        label(x(tick), height - 8, tickText(tick), { class: "tick", "text-anchor": "middle" })]);
    const bars = systems.map((system, i) => {
        const y = i * row + 22, { value, low, high } = system.wer || {};
        if (!known(value)) return label(left, y, "nothing to score", { class: "tick" });
        return shape("g", { class: systemColour(i) },
            shape("rect", { class: "bar", x: left, y: y - 9, width: x(value) - left, height: 18 }),
            known(low) && known(high) && [line(x(low), y, x(high), y, "whisker"),
                line(x(low), y - 6, x(low), y + 6, "whisker"), line(x(high), y - 6, x(high), y + 6, "whisker")],
            shape("circle", { class: "dot", cx: x(value), cy: y, r: 4.5 }),
            label(left - 8, y + 4, shorten(system.name, Math.floor(left / 8)), { "text-anchor": "end" }),
            label(x(Math.max(high ?? 0, value)) + 8, y + 4, percent(value), { class: "strong" }));
    });
    return drawing(width, height, `Word error rate by system: ${systems.map((system) =>
        `${system.name} ${percent(system.wer?.value)}, interval ${interval(system.wer)}`).join("; ")}`, lines, bars);
}

/* ---- utterances by their rate */

/* All right, then steps of ten percent, then all above 100. */
const BINS = [{ text: "0", low: 0, high: 0 },
    ...Array.from({ length: 10 }, (_, i) => ({ text: `≤${10 * (i + 1)}`, low: i / 10, high: (i + 1) / 10 })),
    { text: ">100", low: 1, high: Infinity }];
const inBin = (rate, bin) => rate !== null && (bin.high === 0 ? rate === 0 : rate > bin.low && rate <= bin.high);
const binOf = (rate) => BINS.findIndex((bin) => inBin(rate, bin));

function countBins(system) {
    const counts = BINS.map(() => 0);
    for (const utterance of utterances) {
        const bin = binOf(rateOf(utterance, system));
        if (bin >= 0) counts[bin]++;
    }
    return counts;
}

function drawDistribution(width, choose) {
    const chosen = hasPair && pair.a !== pair.b ? [pair.a, pair.b] : [pair.a];
    const counts = chosen.map(countBins), sum = counts.map((list) => Math.max(1, list.reduce((a, b) => a + b, 0)));
    const shares = counts.map((list, i) => list.map((count) => count / sum[i]));
    const top = Math.max(0.05, ...shares.flat()), height = 250, base = height - 40, left = 44;
    const y = (share) => base - (base - 12) * share / top, step = (width - left - 4) / BINS.length;
    const lines = ticks(top, 4).map((tick) => [line(left, y(tick), width - 4, y(tick), "grid"),
        label(left - 6, y(tick) + 4, tickText(tick), { class: "tick", "text-anchor": "end" })]);
    const bars = BINS.map((bin, i) => {
        const wide = (step * 0.8) / chosen.length;
        return [label(left + (i + 0.5) * step, base + 16, bin.text, { class: "tick", "text-anchor": "middle" }),
            chosen.map((system, k) => shape("rect", {
                class: `column ${systemColour(system)}`, x: left + i * step + step * 0.1 + k * wide, y: y(shares[k][i]),
                width: Math.max(1, wide - 1), height: base - y(shares[k][i]),
                click: () => choose({ text: `word errors of ${systemName(system)}: ${bin.text} %`,
                    test: (utterance) => inBin(rateOf(utterance, system), bin) }),
            }, shape("title", {}, `${systemName(system)}: ${plural(counts[k][i], "utterance")}, ${percent(shares[k][i])}`)))];
    });
    return drawing(width, height, `Share of utterances by their word error rate: ${chosen.map((system, k) =>
        `${systemName(system)} has no error in ${percent(shares[k][0])}`).join("; ")}`, lines, bars,
    label((left + width) / 2, height - 6, "word error rate of an utterance, %", { class: "tick", "text-anchor": "middle" }));
}

/* ---- A against B: a circle for utterances with about the same two rates */

const GRID = 40; // circles a side, of 2.5 % each; what is above 100 % lies on the edge
const cellOf = (rate) => Math.min(GRID, Math.round(rate * GRID));

function scatterCells() {
    const cells = new Map();
    for (const utterance of utterances) {
        const a = rateOf(utterance, pair.a), b = rateOf(utterance, pair.b);
        if (a === null || b === null) continue;
        const key = cellOf(a) * (GRID + 1) + cellOf(b);
        cells.set(key, (cells.get(key) || 0) + 1);
    }
    return cells;
}

function drawScatter(width, choose) {
    const cells = scatterCells(), counts = [...cells.values()], most = counts.reduce((a, b) => Math.max(a, b), 1);
    const farthest = [...cells.keys()].reduce((far, key) => Math.max(far, Math.floor(key / (GRID + 1)), key % (GRID + 1)), 1);
    const reach = Math.min(GRID, Math.ceil((farthest + 1) / 10) * 10); // to the next quarter
    const side = Math.min(width - 62, 440), left = 54, height = side + 60;
    const x = (cell) => left + side * cell / reach, y = (cell) => 10 + side - side * cell / reach;
    const marks = [0, 10, 20, 30, 40].filter((cell) => cell <= reach).map((cell) => [
        line(x(cell), y(0), x(cell), y(reach), "grid"), line(x(0), y(cell), x(reach), y(cell), "grid"),
        label(x(cell), y(0) + 24, `${2.5 * cell}`, { class: "tick", "text-anchor": "middle" }),
        label(left - 14, y(cell) + 4, `${2.5 * cell}`, { class: "tick", "text-anchor": "end" })]);
    const circles = [...cells].sort((one, two) => two[1] - one[1]).map(([key, count]) => {
        const a = Math.floor(key / (GRID + 1)), b = key % (GRID + 1);
        const kind = a === b ? "even" : b < a ? "good" : "bad";
        return shape("circle", { class: `cell ${kind}`, cx: x(a), cy: y(b), r: 2.5 + 9 * Math.sqrt(count / most),
            click: () => choose({
                text: `word errors about ${2.5 * a} % by ${systemName(pair.a)}, ${2.5 * b} % by ${systemName(pair.b)}`,
                test: (utterance) => scored(utterance, pair.a) && scored(utterance, pair.b) &&
                    cellOf(rateOf(utterance, pair.a)) === a && cellOf(rateOf(utterance, pair.b)) === b }),
        }, shape("title", {}, `${plural(count, "utterance")}: ${2.5 * a} % against ${2.5 * b} %`));
    });
    const axis = { class: "tick", "text-anchor": "middle" };
    return drawing(left + side + 8, height, `Word error rate of each utterance, ${systemName(pair.a)} against ${
        systemName(pair.b)}. ${scatterText()}`, marks, line(x(0), y(0), x(reach), y(reach), "diagonal"), circles,
    label(x(0) + 10, y(reach) + 18, `${shorten(systemName(pair.b), 18)} worse ▼`, { class: "tick side" }),
    label(x(reach) - 10, y(0) - 14, `${shorten(systemName(pair.b), 18)} better ▲`, { class: "tick side", "text-anchor": "end" }),
    label(left + side / 2, height - 6, `${shorten(systemName(pair.a), 30)}, %`, axis),
    label(0, 0, `${shorten(systemName(pair.b), 30)}, %`,
        { ...axis, transform: `translate(10 ${10 + side / 2}) rotate(-90)` }));
}

function pairCounts() {
    const counts = { better: 0, worse: 0, equal: 0 };
    for (const utterance of utterances) {
        const verdict = verdictOf(errorsOf(utterance, pair.a), errorsOf(utterance, pair.b));
        if (verdict !== null) counts[verdict > 0 ? "better" : verdict < 0 ? "worse" : "equal"]++;
    }
    return counts;
}

function scatterText() {
    const { better, worse, equal } = pairCounts();
    return `${systemName(pair.b)} has fewer errors in ${plural(better, "utterance")}, more in ${whole(worse)}, as many in ${whole(equal)}.`;
}

/* ---- together */

function legend(list) {
    return element("span", { class: "legend" }, list.map((system) =>
        element("span", { class: systemColour(system) }, element("i", { "aria-hidden": "true" }), systemName(system))));
}

function showChart(id, draw, caption) {
    const figure = byId(id), width = Math.max(260, Math.floor(figure.clientWidth - 32));
    figure.replaceChildren(element("figcaption", {}, caption), draw(width));
}

/* `choose` takes what was clicked: a text and a test of utterances. */
function showCharts(choose) {
    const two = hasPair && pair.a !== pair.b;
    showChart("chart-systems", drawSystems,
        [element("strong", {}, "Word error rate"), " with 95 % intervals: shorter is better."]);
    showChart("chart-distribution", (width) => drawDistribution(width, choose),
        [element("strong", {}, "Utterances by their errors."), " A click shows them below. ",
            legend(two ? [pair.a, pair.b] : [pair.a])]);
    byId("chart-scatter").hidden = !two;
    if (two) showChart("chart-scatter", (width) => drawScatter(width, choose),
        [element("strong", {}, "One against the other. "), scatterText()]);
}

/* summary.js - the first screen: the answer in plain words, then a card for each system. */

const VERDICTS = {
    better: { mark: "▲", text: "Better", kind: "good" },
    worse: { mark: "▼", text: "Worse", kind: "bad" },
    no_evidence: { mark: "≈", text: "No clear difference", kind: "even" },
};
const verdictText = (verdict) => VERDICTS[verdict] || VERDICTS.no_evidence;

function badge(verdict) {
    const { mark, text, kind } = verdictText(verdict);
    return element("span", { class: `badge ${kind}` }, element("span", { "aria-hidden": "true" }, `${mark} `), text);
}

function subtitle() {
    const set = results.manifest || {};
    return [plural(set.utterances ?? utterances.length, "utterance"), plural(set.words ?? 0, "word"),
        known(set.seconds) && `${duration(set.seconds)} of speech`].filter(Boolean).join(" · ");
}

/* "1 word in 8 is wrong": what a rate feels like. */
function inWords(rate) {
    if (!known(rate)) return "Nothing to score.";
    if (rate === 0) return "Every word is right.";
    if (rate >= 0.5) return `${Math.round(100 * rate)} wrong words for 100 that were said.`;
    return `About 1 word in ${Math.round(1 / rate)} is wrong.`;
}

function headlines() {
    const comparisons = results.comparisons || [];
    if (!comparisons.length) {
        const { name, wer } = systems[0] || {};
        return systems.length
            ? [element("p", { class: "headline" }, `${name}: `, `${inWords(wer?.value)} The word error rate is `,
                `${percent(wer?.value)}, 95 % interval ${interval(wer)}.`)]
            : [element("p", { class: "headline" }, "There is no system in these results.")];
    }
    return comparisons.slice(0, 3).map((one, i) => element("p",
        { class: `headline ${i ? "further" : ""} ${verdictText(one.verdict).kind}` },
        badge(one.verdict), " ", element("span", {}, one.text || `${one.b} compared with ${one.a}`)));
}

/* A line from 0 to `top` with the interval as a bar and the value as a stroke. */
function intervalStrip(rate, top) {
    const at = (value) => Math.min(100, 100 * value / top);
    return shape("svg", { class: "strip", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
        shape("rect", { class: "track", x: 0, y: 3, width: 100, height: 2 }),
        shape("rect", { class: "span", x: at(rate.low), y: 1, width: Math.max(0.8, at(rate.high) - at(rate.low)), height: 6 }),
        shape("rect", { class: "value", x: at(rate.value) - 0.5, y: 0, width: 1, height: 8 }));
}

function fact(name, value) {
    return [element("dt", {}, name), element("dd", {}, value)];
}

function card(system, index, top) {
    const { wer, cer, sentence_errors: sentences } = system;
    return element("article", { class: `card ${systemColour(index)}`, "aria-label": system.name },
        element("h3", { dir: "auto" }, system.name),
        element("p", { class: "big" }, percent(wer?.value), unseen(" word error rate"),
            element("span", { class: "unit", "aria-hidden": "true" }, "word errors")),
        element("p", { class: "range" }, `95 % interval ${interval(wer)}`),
        known(wer?.low) && known(wer?.high) && top > 0 && intervalStrip(wer, top),
        element("p", { class: "plain" }, inWords(wer?.value)),
        element("dl", { class: "facts" },
            fact("Other word written", whole(system.substitutions)),
            fact("Left out", whole(system.deletions)),
            fact("Added", whole(system.insertions)),
            cer && fact("Characters wrong", percent(cer.value)),
            sentences && fact("Utterances with an error", percent(sentences.value)),
            system.failed > 0 && fact("Failed", plural(system.failed, "utterance")),
            known(system.real_time_factor) && fact("Speed", `${fixed(1 / system.real_time_factor, 1)} × real time`)));
}

/* What the second did to the errors of the first. */
function changeCard(one) {
    const { kind } = verdictText(one.verdict), span = known(one.low) && known(one.high);
    return element("article", { class: "card change", "aria-label": "Change" },
        element("h3", { dir: "auto" }, `${one.b} against ${one.a}`),
        element("p", { class: `big ${kind}` }, points(one.difference), element("span", { class: "unit" }, "points of word errors")),
        element("p", { class: "range" }, span ? `95 % interval ${points(one.low)} to ${points(one.high)}` : DASH),
        element("p", { class: "plain" }, `${plural(one.fixed, "word")} put right, ${whole(one.broken)} made wrong.`),
        element("dl", { class: "facts" },
            fact("Utterances with fewer errors", whole(one.wins)),
            fact("With more errors", whole(one.losses)),
            fact("With as many", whole(one.ties)),
            fact("p by matched pairs (MAPSSWE)", probability(one.p_mapsswe)),
            fact("p by bootstrap", probability(one.p_bootstrap)),
            known(one.needed) && fact("More utterances needed, about", whole(one.needed))));
}

function comparisonTable(caption, comparisons) {
    const columns = [{ head: "Comparison" }, { head: "Result" }, { head: "Difference, points", number: true },
        { head: "95 % interval", number: true }, { head: "p, bootstrap", number: true },
        { head: "p, MAPSSWE", number: true }, { head: "p, corrected", number: true },
        { head: "Utterances better / worse / equal", number: true },
        { head: "Words fixed / broken", number: true }, { head: "More utterances needed", number: true }];
    return table(caption, columns, comparisons.map((one) => [
        `${one.b} against ${one.a}`, badge(one.verdict), points(one.difference),
        `${points(one.low)} to ${points(one.high)}`, probability(one.p_bootstrap), probability(one.p_mapsswe),
        probability(one.p_adjusted), `${whole(one.wins)} / ${whole(one.losses)} / ${whole(one.ties)}`,
        `${whole(one.fixed)} / ${whole(one.broken)}`, known(one.needed) ? whole(one.needed) : DASH]));
}

/* A little room right of the worst interval. */
const topRate = (list) =>
    Math.max(0.01, ...list.map((system) => system.wer?.high ?? system.wer?.value ?? 0)) * 1.05;

function showSummary() {
    byId("subtitle").textContent = subtitle();
    byId("headline").replaceChildren(...headlines());
    const top = topRate(systems);
    const change = systems.length === 2 && results.comparisons?.length === 1; // else the table has them
    byId("cards").replaceChildren(...systems.map((system, i) => card(system, i, top)),
        ...(change ? [changeCard(results.comparisons[0])] : []));
    if (results.comparisons?.length)
        byId("comparisons").replaceChildren(comparisonTable("Comparisons of systems", results.comparisons));
}

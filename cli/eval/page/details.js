/* details.js - the tables below: words, terms, groups, the canary set, speed, and how all was made. */

/* A list of words with counts; a word is a button that searches for it. */
function countList(caption, note, items, search) {
    const shown = 25; // what fits a screen; the rest is in results.json
    return element("section", { class: "list" },
        element("h3", {}, caption), element("p", { class: "note" }, note),
        items.length
            ? element("ol", {}, items.slice(0, shown).map((item) => element("li", {},
                element("span", { class: "pairing" }, item.slice(0, -1).map((word, i) => [
                    i > 0 && element("span", { class: "arrow" }, element("span", { "aria-hidden": "true" }, " → "), unseen(" heard as ")),
                    element("button", { type: "button", class: "word", dir: "auto", title: "Search for it",
                        click: () => search(word) }, word)])),
                element("span", { class: "count" }, whole(item.at(-1))))))
            : element("p", { class: "none" }, "None."),
        items.length > shown && element("p", { class: "note" }, `and ${whole(items.length - shown)} more in results.json`));
}

function showWords(search) {
    const lists = results.words || [];
    byId("words-section").hidden = !lists.length;
    if (!lists.length) return;
    const show = (system) => {
        const words = lists[system] || {}, first = systems[0].name;
        byId("words-body").replaceChildren(
            countList("Confusions", "What was said, and what was written", words.confusions || [], search),
            countList("Left out", "Said, and not written", words.deleted || [], search),
            countList("Added", "Written, and not said", words.inserted || [], search),
            ...(system > 0 ? [
                countList("Right now", `Never right with ${first}`, words.newly_right || [], search),
                countList("Wrong now", `Always right with ${first}`, words.newly_wrong || [], search)] : []));
    };
    const first = lists.length > 1 ? 1 : 0;
    byId("words-choice").replaceChildren(choice("Words of",
        lists.map((_, i) => [i, systemName(i)]), first, (value) => show(Number(value))));
    show(first);
}

function showTerms(search) {
    byId("terms").hidden = !results.terms;
    if (!results.terms) return;
    const columns = [{ head: "Term" }, { head: "Said", number: true },
        ...systems.flatMap(({ name }) => [{ head: `${name}: found`, number: true }, { head: `${name}: true finds`, number: true }])];
    byId("terms-body").replaceChildren(
        element("p", { class: "note" }, "Found: of the times a term was said, how often it was written (recall). ",
            "True finds: of the times it was written, how often it was said (precision)."),
        table("Terms", columns, results.terms.map((one) => [
            element("button", { type: "button", class: "word", dir: "auto", click: () => search(one.term) }, one.term),
            whole(one.count), ...one.systems.flatMap(({ recall, precision }) => [percent(recall), percent(precision)])])));
}

/* A rate with a bar behind it, for columns that are compared by eye. */
function rateBar(rate, top, system) {
    if (!known(rate)) return DASH;
    return element("span", { class: `rate ${systemColour(system)}` },
        shape("svg", { viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" },
            shape("rect", { class: "bar", x: 0, y: 0, width: Math.min(100, 100 * rate / top), height: 4 })),
        percent(rate));
}

function showBreakdowns() {
    const list = (results.breakdowns || []).filter((one) => one.groups.length);
    byId("breakdown").hidden = !list.length;
    byId("breakdown-body").replaceChildren(...list.map((one) => {
        const top = Math.max(0.01, ...one.groups.flatMap((group) => group.wer.filter(known)));
        const title = `By ${one.by}${one.unit ? `, ${one.unit}` : ""}`;
        return table(title, [{ head: one.by }, { head: "Utterances", number: true }, { head: "Words", number: true },
            ...systems.map(({ name }) => ({ head: name, number: true }))],
        one.groups.map((group) => [group.name, whole(group.utterances), whole(group.words),
            ...group.wer.map((rate, system) => rateBar(rate, top, system))]));
    }));
}

function showCanary() {
    const { canary } = results;
    byId("canary").hidden = !canary;
    if (!canary) return;
    const top = topRate(canary.systems);
    byId("canary-body").replaceChildren(
        element("p", { class: "note" }, "The same systems on speech that the fine-tune is not about",
            canary.manifest?.path ? ` (${canary.manifest.path}, ${plural(canary.manifest.utterances, "utterance")}).` : "."),
        ...(canary.comparisons || []).map((one) => element("p", { class: `headline further ${verdictText(one.verdict).kind}` },
            badge(one.verdict), " ", element("span", {}, one.text))),
        table("Word error rate on the canary set", [{ head: "System" }, { head: "Word error rate", number: true },
            { head: "95 % interval", number: true }, { head: "Words", number: true }],
        canary.systems.map((system, i) => [system.name, rateBar(system.wer?.value, top, i), interval(system.wer),
            whole(system.words)])));
}

function showSpeed() {
    const timed = systems.filter((system) => known(system.real_time_factor) || system.latency_ms);
    byId("speed").hidden = !timed.length;
    if (!timed.length) return;
    const ms = (system, key) => (system.latency_ms ? `${fixed(system.latency_ms[key], 0)}\u00a0ms` : DASH);
    byId("speed-body").replaceChildren(
        element("p", { class: "note" }, "Real-time factor: seconds of work for a second of speech. ",
            "Latency: from the sound of an utterance to its text."),
        table("Speed", [{ head: "System" }, { head: "Real-time factor", number: true }, { head: "Half within", number: true },
            { head: "90 % within", number: true }, { head: "99 % within", number: true }],
        timed.map((system) => [system.name, fixed(system.real_time_factor, 3), ms(system, "p50"), ms(system, "p90"),
            ms(system, "p99")])));
}

const codeText = (text) => element("code", {}, text);

/* A setting as text: adapters and options are lists and objects, absent ones are dashes. */
function settingText(value) {
    if (value === null || value === undefined || value === "") return DASH;
    return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function adapterText({ path, weight, sha256 }) {
    return element("div", {}, path, known(weight) && weight !== 1 ? `, weight ${weight}` : "",
        sha256 && [" ", codeText(sha256.slice(0, 12))]);
}

function showAbout() {
    const set = results.manifest || {}, options = results.options || {};
    const rows = [["Program", results.program], ["Test set", set.path],
        ["SHA-256 of the test set", set.sha256 && codeText(set.sha256)],
        ["Normaliser", results.normalizer], ["Own equivalences", results.map],
        ...Object.entries(options).map(([name, value]) => [`Option: ${name}`, settingText(value)])];
    byId("about-body").replaceChildren(
        table("Systems", [{ head: "System" }, { head: "Model" }, { head: "Adapters, weights, SHA-256" }, { head: "Transcripts" }],
            systems.map((system) => [system.name, settingText(system.model),
                system.adapters?.length ? system.adapters.map(adapterText) : DASH, settingText(system.hypotheses)])),
        table("Settings", [{ head: "Setting" }, { head: "Value" }],
            rows.filter(([, value]) => value !== undefined && value !== null)),
        element("p", { class: "note" }, "Intervals come from resampling the utterances (bootstrap). A difference counts when ",
            "its 95 % interval leaves out zero; with several systems the probabilities are corrected (Holm). ",
            "MAPSSWE is the matched-pairs test of NIST. All numbers are in results.json beside this page."));
}

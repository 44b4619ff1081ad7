/* utterance.js - one utterance unfolded: aligned texts, sound, and a copy of it as an issue. */

/* What stands before a word, seen and heard. The mark does not rest on colour. */
const KINDS = {
    same: { mark: "", spoken: "" },
    other: { mark: "≠", spoken: "instead of" },
    missing: { mark: "−", spoken: "left out:" },
    added: { mark: "+", spoken: "added:" },
};

/* A word of the transcript: a button when there is a time to play. */
function heardWord(text, time, sound) {
    if (!text) return element("span", { class: "gap", "aria-hidden": "true" }, "∅");
    if (!time || !sound) return element("span", {}, text);
    const button = element("button", { type: "button", class: "spoken", title: `Play ${fixed(time[0], 2)} s`,
        click: () => sound.play(time[0], time[1]) }, text);
    sound.words.push([button, time[0], time[1]]);
    return button;
}

/* Reference above, transcript below, word under word; `times` has a [start, end] for each word of the
 * transcript, or null. */
function alignedTexts(parts, times, sound) {
    let heard = 0;
    return element("p", { class: "aligned", dir: "auto" }, parts.map(({ kind, said, heard: text }) => {
        const time = text && times ? times[heard] : null;
        if (text) heard++;
        const word = heardWord(text, time, sound), { mark, spoken } = KINDS[kind];
        if (kind === "same") return [element("span", { class: "part" }, word), " "];
        return [element("span", { class: `part ${kind}` },
            element("span", { class: "said" }, kind === "missing" && unseen(`${spoken} `), said || element("span", { "aria-hidden": "true" }, "∅")),
            element("span", { class: "heard" }, element("span", { class: "mark", "aria-hidden": "true" }, mark),
                kind === "added" && unseen(`${spoken} `), word, kind === "other" && unseen(` ${spoken} ${said}`))), " "];
    }));
}

const countText = (utterance, system) =>
    `${plural(errorsOf(utterance, system), "error")} in ${plural(utterance.counts[2 * system + 1], "word")}`;

function systemPart(utterance, system, sound) {
    const one = detailsOf(utterance).systems[system] || {}, heading = element("h3", { class: systemColour(system) },
        element("i", { "aria-hidden": "true" }), systemName(system));
    if (one.error) return element("div", { class: "system" }, heading, element("p", { class: "failed" }, `Failed: ${one.error}`));
    if (!scored(utterance, system)) return null;
    const parts = alignmentOf(utterance, system);
    heading.append(element("span", { class: "note" }, ` ${countText(utterance, system)}`,
        known(one.ms) ? `, ${fixed(one.ms, 0)} ms` : ""));
    return element("div", { class: "system" }, heading,
        parts.length ? alignedTexts(parts, one.times, sound) : element("p", { class: "none" }, "No words."),
        element("p", { class: "raw", dir: "auto" }, unseen("As written: "), one.text || "(nothing)"));
}

/* ---- Markdown of an utterance */

/* A code block ends at more backquotes than the text has. */
function fenced(text) {
    const longest = Math.max(2, ...(text.match(/`+/g) || []).map((run) => run.length));
    const fence = "`".repeat(longest + 1);
    return `${fence}text\n${text}\n${fence}`;
}

/* Two lines, word under word, as in a terminal. */
function plainAlignment(parts) {
    const lines = ["said   ", "heard  "];
    for (const { kind, said, heard } of parts) {
        const written = kind === "same" ? heard : `${KINDS[kind].mark}${heard}`;
        const width = Math.max(said.length, written.length) + 1;
        lines[0] += said.padEnd(width);
        lines[1] += written.padEnd(width);
    }
    return lines.map((text) => text.trimEnd()).join("\n");
}

const inline = (text) => String(text ?? "").replace(/[\\`*_[\]<>|#]/g, "\\$&").replace(/\s+/g, " ");

function issueText(utterance) {
    const details = detailsOf(utterance);
    const parts = [`## Utterance ${inline(utterance.id)}`, "",
        `- sound: ${inline(details.audio)}${details.offset ? `, from ${details.offset} s` : ""}, ${duration(utterance.seconds)}`,
        `- test set: ${inline(results.manifest?.path)}; normaliser: ${inline(results.normalizer)}; ${inline(results.program)}`,
        "", "Reference:", fenced(details.reference || "")];
    if (details.error) parts.push("", `Failed: ${inline(details.error)}`);
    systems.forEach((system, i) => {
        const one = details.systems[i];
        if (!one) return;
        if (one.error) parts.push("", `**${inline(system.name)}** failed: ${inline(one.error)}`);
        else parts.push("", `**${inline(system.name)}**: ${countText(utterance, i)}`,
            fenced(`${one.text}\n\n${plainAlignment(alignmentOf(utterance, i))}`));
    });
    return `${parts.join("\n")}\n`;
}

const linkOf = (utterance) => `#u=${encodeURIComponent(utterance.id)}`;

function unfolded(utterance) {
    const details = detailsOf(utterance);
    if (!details) return element("p", { class: "note" }, "The page is still being read.");
    const sound = player(utterance);
    const facts = [duration(utterance.seconds), utterance.group, details.audio].filter(Boolean).join(" · ");
    return element("div", { class: "unfolded" },
        element("p", { class: "note" }, facts),
        details.error && element("p", { class: "failed" }, `Failed: ${details.error}`),
        element("p", { class: "reference", dir: "auto" }, element("strong", {}, "Reference "), details.reference || "(nothing)"),
        sound?.node,
        details.error ? null : systems.map((_, system) => systemPart(utterance, system, sound)),
        element("p", { class: "actions" },
            copyButton("Copy as issue", () => issueText(utterance)),
            copyButton("Copy link", () => location.href.replace(/#.*/s, "") + linkOf(utterance))));
}

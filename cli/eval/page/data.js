/* data.js - what the page shows: the results, and the utterances with what is computed from them.
 *
 * The form is results.json's, but for the utterances. What charts and the table need of them is an
 * index, read at once: [id, seconds, group, failed, errors, words, errors, words, ...] with a pair for
 * each system. The rest comes behind the script and is long: by the time it is there the first screen
 * has been seen. It stays text, a line an utterance, and a line is parsed when it is looked at.
 * Alignments are strings: words in order, each behind a mark, with a space between.
 *     =word   right          sword >other   other was written for word
 *     dword   left out       iword          added */

const results = JSON.parse(byId("data").textContent);
const systems = results.systems;
const utterances = JSON.parse(byId("index").textContent).map(([id, seconds, group, failed, ...counts], index) =>
    ({ index, id, seconds, group, failed, counts }));

/* [utterances] as soon as all is there: an array in brackets of their own, a comma at each end but the last. */
let lines = null;
const readLines = () => { lines = byId("utterances").textContent.split("\n").slice(1, -1); };
const parseLine = (line) => JSON.parse(line.endsWith(",") ? line.slice(0, -1) : line);

/* Texts, alignments, times and sound of an utterance; null while the page is still being read. */
function detailsOf(utterance) {
    if (!utterance.details && lines) {
        utterance.details = parseLine(lines[utterance.index]);
        utterance.details.systems ??= [];
    }
    return utterance.details ?? null;
}

/* Is there a transcript to score? */
const scored = (utterance, system) => !utterance.failed && known(utterance.counts[2 * system]);
const errorsOf = (utterance, system) => (scored(utterance, system) ? utterance.counts[2 * system] : null);

/* Words wrong for each word said; where nothing was said, each word written counts as a whole. */
function rateOf(utterance, system) {
    if (!scored(utterance, system)) return null;
    const errors = utterance.counts[2 * system], words = utterance.counts[2 * system + 1];
    return words ? errors / words : errors;
}

const wordsOf = (utterance) => utterance.counts.find((count, i) => i % 2 && known(count)) ?? null;

function alignmentOf(utterance, system) {
    const parts = [];
    for (const item of (detailsOf(utterance).systems[system].alignment || "").split(" ")) {
        const word = item.slice(1);
        if (item[0] === "=") parts.push({ kind: "same", said: word, heard: word });
        else if (item[0] === "s") parts.push({ kind: "other", said: word, heard: "" });
        else if (item[0] === ">") parts[parts.length - 1].heard = word;
        else if (item[0] === "d") parts.push({ kind: "missing", said: word, heard: "" });
        else if (item[0] === "i") parts.push({ kind: "added", said: "", heard: word });
    }
    return parts;
}

/* All texts of an utterance in small letters, made at the first search, which looks at all: what else
 * is in their lines is let go again. */
function searchText(utterance) {
    if (!lines) return String(utterance.id).toLowerCase();
    if (utterance.search === undefined) {
        const details = utterance.details ?? parseLine(lines[utterance.index]);
        utterance.search = [utterance.id, details.reference, utterance.group, details.audio,
            ...(details.systems ?? []).map((system) => system.text)].join("\n").toLowerCase();
    }
    return utterance.search;
}

/* The two systems that charts and filters compare. */
const pair = { a: 0, b: systems.length > 1 ? 1 : 0 };
const hasPair = systems.length > 1;
const verdictOf = (a, b) => (a === null || b === null ? null : Math.sign(a - b)); // 1: B is better

const systemColour = (system) => `system-${system % 8}`;
const systemName = (system) => systems[system].name;

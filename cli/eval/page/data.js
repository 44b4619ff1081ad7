/* data.js - what the page shows: the results, and the utterances with what is computed from them.
 *
 * The form is results.json's, but for the utterances, whose alignments are strings so that a hundred
 * thousand of them load at once: words in order, each behind a mark, with a space between.
 *     =word   right          sword >other   other was written for word
 *     dword   left out       iword          added */

const results = JSON.parse(byId("data").textContent);
const utterances = JSON.parse(byId("utterances").textContent);
const systems = results.systems;

utterances.forEach((utterance, index) => {
    utterance.index = index;
    utterance.systems ??= [];
});

/* Is there a transcript to score? */
const scored = (utterance, system) =>
    !utterance.error && utterance.systems[system] && !utterance.systems[system].error;
const errorsOf = (utterance, system) => (scored(utterance, system) ? utterance.systems[system].errors : null);

/* Words wrong for each word said; where nothing was said, each word written counts as a whole. */
function rateOf(utterance, system) {
    if (!scored(utterance, system)) return null;
    const { errors, words } = utterance.systems[system];
    return words ? errors / words : errors;
}

const wordsOf = (utterance) => utterance.systems.find((one) => known(one.words))?.words ?? null;

function alignmentOf(utterance, system) {
    const parts = [];
    for (const item of (utterance.systems[system].alignment || "").split(" ")) {
        const word = item.slice(1);
        if (item[0] === "=") parts.push({ kind: "same", said: word, heard: word });
        else if (item[0] === "s") parts.push({ kind: "other", said: word, heard: "" });
        else if (item[0] === ">") parts[parts.length - 1].heard = word;
        else if (item[0] === "d") parts.push({ kind: "missing", said: word, heard: "" });
        else if (item[0] === "i") parts.push({ kind: "added", said: "", heard: word });
    }
    return parts;
}

/* All texts of an utterance in small letters, made at the first search. */
function searchText(utterance) {
    utterance.search ??= [utterance.id, utterance.reference, utterance.group, utterance.audio,
        ...utterance.systems.map((system) => system.text)].join("\n").toLowerCase();
    return utterance.search;
}

/* The two systems that charts and filters compare. */
const pair = { a: 0, b: systems.length > 1 ? 1 : 0 };
const hasPair = systems.length > 1;
const verdictOf = (a, b) => (a === null || b === null ? null : Math.sign(a - b)); // 1: B is better

const systemColour = (system) => `system-${system % 8}`;
const systemName = (system) => systems[system].name;

/* transcript.js - one text, or two side by side with their differences marked; words play, and light up. */

const MARKS = { // of a word in the second text; `spoken` is for those who hear it
    other: (left) => `, instead of ${left}, `,
    added: () => ", added, ",
    missing: (left) => ` (left out: ${left}) `,
};

function clock(seconds) {
    const whole = Math.floor(seconds), two = (number) => String(number).padStart(2, "0");
    const minutes = Math.floor(whole / 60), hours = Math.floor(minutes / 60);
    return hours ? `${hours}:${two(minutes % 60)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/* A word of one side of a part, and what those who hear it are told of the other side. */
function wordOf(part, side, pair) {
    const word = side === 0 ? part.left : part.right;
    const spoken = side === 1 ? MARKS[part.kind]?.(part.left?.word) : null;
    if (!word) return spoken ? [unseen(spoken)] : [];
    word.node = element("span", { class: `word ${part.kind}`, "data-start": word.start, "data-end": word.end, "data-pair": pair },
        word.word);
    return [word.node, spoken && unseen(spoken), " "];
}

function rowOf(parts, sides, firstPair, sound) {
    const words = parts.flatMap((part) => [part.left, part.right]).filter(Boolean);
    const start = Math.min(...words.map((word) => word.start)), end = Math.max(...words.map((word) => word.end));
    return element("div", { class: "row" },
        element("button", { type: "button", class: "time", "aria-label": `Play from ${clock(start)}`,
            title: "Play; arrow keys go word by word", click: () => sound.play(start, end) }, clock(start)),
        sides.map((side) => element("p", { class: "text", dir: "auto", "data-side": side },
            parts.map((part, i) => wordOf(part, side, firstPair + i)))));
}

/* The last word that has begun, by halving. */
function wordAt(words, seconds) {
    let low = 0, high = words.length;
    while (low < high) {
        const middle = (low + high) >> 1;
        if (words[middle].start <= seconds) low = middle + 1;
        else high = middle;
    }
    return low - 1;
}

function lightUp(texts) {
    const lit = texts.map(() => null);
    return (seconds) => texts.forEach((words, side) => {
        const word = seconds === null ? null : words[wordAt(words, seconds)];
        const now = word && seconds < word.end ? word.node : null;
        if (now === lit[side]) return;
        lit[side]?.classList.remove("now");
        now?.classList.add("now");
        lit[side] = now;
    });
}

/* Clicks play a word; pointing at one shows its partner; arrows on a row's button go by word. */
function listenToWords(node, texts, sound) {
    const wordUnder = (event) => event.target.closest?.(".word");
    node.onclick = (event) => {
        const word = wordUnder(event);
        if (word && getSelection().isCollapsed) sound.play(Number(word.dataset.start), Number(word.dataset.end));
    };
    node.onpointerover = (event) => {
        const pair = wordUnder(event)?.dataset.pair;
        for (const word of node.querySelectorAll(".paired")) word.classList.remove("paired");
        if (pair) for (const word of node.querySelectorAll(`[data-pair="${pair}"]`)) word.classList.add("paired");
    };
    node.onkeydown = (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key], words = texts.at(-1);
        if (!step || !event.target.closest(".time") || !words.length) return;
        event.preventDefault();
        const word = words[Math.min(words.length - 1, Math.max(0, wordAt(words, sound.now()) + step))];
        sound.play(word.start, word.end);
        announce(word.word);
    };
}

const KINDS = [["other", "changed"], ["missing", "left out"], ["added", "added"], ["written", "written otherwise"]];

function countDifferences(parts) {
    const found = KINDS.map(([kind, name]) => [parts.filter((part) => part.kind === kind).length, name])
        .filter(([count]) => count);
    return found.map(([count, name]) => `${whole(count)} ${name}`).join(", ") || "the same words";
}

/* `texts` are lists of {word, start, end}, one or two. */
function showTexts(texts, sound) {
    const sides = texts.map((_, side) => side), two = texts.length === 2;
    const rows = stretchesOf(texts).map((words) => (two ? pairWords(...words) : words[0].map((left) => ({ kind: "same", left, right: null }))));
    const parts = rows.flat();
    let pair = 0;
    byId("texts").classList.toggle("two", two);
    byId("texts").replaceChildren(...rows.map((row) => rowOf(row, sides, (pair += row.length) - row.length, sound)));
    if (!parts.length) byId("texts").append(element("p", { class: "none" }, "No words were heard."));
    byId("differences").textContent = two && parts.length ? countDifferences(parts) : "";
    byId("legend").hidden = !two;
    byId("legend").replaceChildren(...KINDS.flatMap(([kind, name]) => [element("span", { class: `word ${kind}` }, name), " "]));
    sound.followed = lightUp(texts);
    listenToWords(byId("texts"), texts, sound);
}

/* wordpairs.js - two texts of one sound, word beside word.
 *
 * The shortest way from one to the other by words left out and added (Myers, "An O(ND) difference
 * algorithm"); what is left out and added at one place is then paired by when it was said. Case and
 * signs do not make a word another one. */

/* Each step keeps how far it came, so memory goes with the square of the differences. */
const STEPS_MAX = 2000;

const bare = (word) => word.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "") || word;

/* Whether step `d` comes to diagonal `k` by a word of the second text rather than one of the first. */
const isAdded = (far, d, k) => k === -d || (k !== d && far[k - 1] < far[k + 1]);

/* How far each step came on each diagonal (a plain object: diagonals are below zero too), the last of them at the
 * end of both; null when that is further than STEPS_MAX. */
function stepsBetween(a, b) {
    const steps = [{ 1: 0 }];
    for (let d = 0; d <= STEPS_MAX; d++) {
        const far = steps[d], next = {};
        for (let k = -d; k <= d; k += 2) {
            let i = isAdded(far, d, k) ? far[k + 1] : far[k - 1] + 1;
            while (i < a.length && i - k < b.length && a[i] === b[i - k]) i++;
            next[k] = i;
            if (i >= a.length && i - k >= b.length) return steps;
        }
        steps.push(next);
    }
    return null;
}

/* The equal pairs [i, j] of two lists, in order. */
function equalPairs(a, b) {
    const steps = stepsBetween(a, b), pairs = [];
    let i = a.length, j = b.length;
    for (let d = steps ? steps.length - 1 : -1; d >= 0; d--) {
        const far = steps[d], k = i - j, added = isAdded(far, d, k);
        const begin = added ? far[k + 1] : far[k - 1] + 1; // where the equal words of this step begin
        while (i > begin) pairs.push([--i, --j]);
        if (added) j--; else i--;
    }
    return pairs.reverse();
}

const overlap = (one, other) => Math.max(0, Math.min(one.end, other.end) - Math.max(one.start, other.start));

/* The pairs [i, j] of words that were said at the same time, so that they share the most of it. */
function pairsByTime(left, right) {
    const best = [new Array(right.length + 1).fill(0)], pairs = [];
    for (const [i, one] of left.entries()) {
        const row = [0];
        for (const [j, other] of right.entries())
            row.push(Math.max(best[i][j + 1], row[j], best[i][j] + overlap(one, other)));
        best.push(row);
    }
    for (let i = left.length, j = right.length; i > 0 && j > 0;) {
        if (best[i][j] === best[i - 1][j]) i--;
        else if (best[i][j] === best[i][j - 1]) j--;
        else pairs.push([--i, --j]);
    }
    return pairs.reverse();
}

/* What stands between two equal pairs. */
function between(left, right) {
    const parts = [];
    let i = 0, j = 0;
    for (const [p, q] of [...pairsByTime(left, right), [left.length, right.length]]) {
        while (i < p) parts.push({ kind: "missing", left: left[i++], right: null });
        while (j < q) parts.push({ kind: "added", left: null, right: right[j++] });
        if (p < left.length) parts.push({ kind: "other", left: left[i++], right: right[j++] });
    }
    return parts;
}

/* Two lists of {word, start, end} as parts {kind, left, right}, words or null: "same", "written" (in case or signs
 * alone), "other", "missing", "added". */
function pairWords(left, right) {
    const parts = [], bared = (words) => words.map(({ word }) => bare(word));
    let i = 0, j = 0;
    for (const [p, q] of [...equalPairs(bared(left), bared(right)), [left.length, right.length]]) {
        parts.push(...between(left.slice(i, p), right.slice(j, q)));
        if (p < left.length)
            parts.push({ kind: left[p].word === right[q].word ? "same" : "written", left: left[p], right: right[q] });
        [i, j] = [p + 1, q + 1];
    }
    return parts;
}

/* Seconds: a row ends in a pause of all texts that is long, or in a short one when the row is long. */
const PAUSE = 0.3, LONG_PAUSE = 0.8, LONG_ROW = 4;

/* Lists of words cut in their common pauses: [[words of the first, words of the second], ...]. */
function stretchesOf(texts) {
    const words = texts.flatMap((list, side) => list.map((word) => ({ word, side }))).sort((a, b) => a.word.start - b.word.start);
    const stretches = [];
    let begin = 0, end = -Infinity;
    for (const { word, side } of words) {
        const pause = word.start - end;
        if (pause >= LONG_PAUSE || (pause >= PAUSE && end - begin >= LONG_ROW)) {
            stretches.push(texts.map(() => []));
            begin = word.start;
        }
        stretches.at(-1)[side].push(word);
        end = Math.max(end, word.end);
    }
    return stretches;
}

/* utterances.js - the table of utterances: search, filters, order, pages, links.
 *
 * A page of rows is in the document at a time, so a hundred thousand utterances cost what fifty do. */

const view = { query: "", show: "all", group: "", clicked: null, key: "manifest", down: false, page: 0, size: 50,
    open: new Set(), shown: [] };

const anyErrors = (utterance) => systems.some((_, i) => errorsOf(utterance, i) > 0);
const anyFailed = (utterance) => utterance.failed || systems.some((_, i) => !scored(utterance, i));
const pairVerdict = (utterance) => verdictOf(errorsOf(utterance, pair.a), errorsOf(utterance, pair.b));

const FILTERS = {
    all: { text: () => "all", test: () => true },
    errors: { text: () => "with an error", test: anyErrors },
    right: { text: () => "without an error", test: (utterance) => !anyErrors(utterance) && !anyFailed(utterance) },
    better: { pair: true, text: () => `${systemName(pair.b)} better than ${systemName(pair.a)}`, test: (utterance) => pairVerdict(utterance) > 0 },
    worse: { pair: true, text: () => `${systemName(pair.b)} worse than ${systemName(pair.a)}`, test: (utterance) => pairVerdict(utterance) < 0 },
    fixed: { pair: true, text: () => `all right only with ${systemName(pair.b)}`,
        test: (utterance) => errorsOf(utterance, pair.b) === 0 && errorsOf(utterance, pair.a) > 0 },
    broken: { pair: true, text: () => `all right only with ${systemName(pair.a)}`,
        test: (utterance) => errorsOf(utterance, pair.a) === 0 && errorsOf(utterance, pair.b) > 0 },
    failed: { text: () => "failed", test: anyFailed },
};

/* Columns by key: the value that orders, and what is shown. A column of a system has its number in
 * `system`. */
function columnsOf() {
    const columns = [
        { key: "id", head: "Utterance", value: (utterance) => utterance.id, text: true },
        { key: "seconds", head: "Seconds", value: (utterance) => utterance.seconds ?? null, minor: true,
            show: (utterance) => fixed(utterance.seconds, 1) },
        { key: "words", head: "Words", value: wordsOf, minor: true, show: (utterance) => whole(wordsOf(utterance)) },
        ...systems.map((system, i) => ({ key: `system${i}`, head: `Errors: ${system.name}`, system: i,
            value: (utterance) => rateOf(utterance, i), show: (utterance) => errorCell(utterance, i) }))];
    if (hasPair) columns.push({ key: "change", head: "Change", value: (utterance) => changeOf(utterance), show: changeCell });
    return columns;
}

const changeOf = (utterance) => (pairVerdict(utterance) === null ? null
    : errorsOf(utterance, pair.b) - errorsOf(utterance, pair.a));

function changeCell(utterance) {
    const change = changeOf(utterance);
    if (change === null) return DASH;
    if (change === 0) return element("span", { class: "even" }, "0");
    return element("span", { class: change < 0 ? "good" : "bad" }, change < 0 ? `▲ ${MINUS}${-change}` : `▼ +${change}`);
}

function errorCell(utterance, system) {
    if (!scored(utterance, system)) return element("span", { class: "bad" }, "failed");
    return [element("b", {}, whole(errorsOf(utterance, system))),
        element("span", { class: "note" }, ` ${percent(rateOf(utterance, system), 0)}`)];
}

function compare(one, two) {
    if (one === two) return 0;
    if (one === null) return 1; // what is missing comes last
    if (two === null) return -1;
    return one < two ? -1 : 1;
}

/* The utterances of all filters in the chosen order. */
function choose() {
    const query = view.query.trim().toLowerCase(), { test } = FILTERS[view.show];
    view.shown = utterances.filter((utterance) => test(utterance) &&
        (!view.group || utterance.group === view.group) && (!view.clicked || view.clicked.test(utterance)) &&
        (!query || searchText(utterance).includes(query)));
    const column = columnsOf().find((one) => one.key === view.key);
    if (!column) return;
    const values = new Map(view.shown.map((utterance) => [utterance, column.value(utterance)]));
    view.shown.sort((one, two) => {
        const first = values.get(one), second = values.get(two);
        const order = compare(first, second);
        return (view.down && first !== null && second !== null ? -order : order) || one.index - two.index;
    });
}

/* ---- the table */

function headCell(column) {
    const sorted = view.key === column.key;
    const mark = sorted ? (view.down ? " ▼" : " ▲") : "";
    return element("th", { scope: "col", class: `${column.text ? "" : "number"} ${column.minor ? "minor" : ""}`,
        "aria-sort": sorted ? (view.down ? "descending" : "ascending") : null },
    element("button", { type: "button", id: `sort-${column.key}`, click: () => sortBy(column) }, column.head,
        element("span", { "aria-hidden": "true" }, mark)));
}

/* First the side that people look for: the worst, or the first by name. */
function sortBy(column) {
    if (view.key === column.key) view.down = !view.down;
    else [view.key, view.down] = [column.key, !column.text && column.key !== "change"];
    update();
    byId(`sort-${column.key}`).focus();
}

function excerptOf(utterance) {
    const details = detailsOf(utterance);
    return shorten(details?.reference || details?.error || "", 120);
}

function row(utterance, columns) {
    const open = view.open.has(utterance), name = `row-${utterance.index}`;
    const toggle = element("button", { type: "button", id: name, class: "unfold", "aria-expanded": String(open),
        "aria-controls": open ? `${name}-more` : null, click: () => {
            if (open) view.open.delete(utterance);
            else view.open.add(utterance);
            showRows();
            byId(name).focus();
        } }, element("span", { class: "chevron", "aria-hidden": "true" }, open ? "▾" : "▸"), utterance.id);
    const cells = columns.slice(1).map((column) =>
        element("td", { class: `number ${column.minor ? "minor" : ""}` }, column.show(utterance)));
    const lines = [element("tr", { class: open ? "is-open" : null },
        element("th", { scope: "row" }, toggle,
            element("div", { class: "excerpt", dir: "auto" }, excerptOf(utterance))), cells)];
    if (open) lines.push(element("tr", { class: "more", id: `${name}-more` },
        element("td", { colspan: columns.length }, unfolded(utterance))));
    return lines;
}

function showRows() {
    const columns = columnsOf(), first = view.page * view.size;
    const rows = view.shown.slice(first, first + view.size);
    byId("utterance-table").replaceChildren(rows.length
        ? element("div", { class: "wide", tabindex: 0, role: "group", "aria-label": "Utterances" },
            element("table", { class: "utterances" }, element("caption", { class: "unseen" }, "Utterances"),
                element("thead", {}, element("tr", {}, columns.map(headCell))),
                element("tbody", {}, rows.map((utterance) => row(utterance, columns)))))
        : element("p", { class: "none" }, "No utterance is left by these filters."));
}

function goTo(page) {
    view.page = page;
    showRows();
    showPages();
    byId("utterance-count").scrollIntoView({ block: "start" });
}

function showPages() {
    const count = Math.max(1, Math.ceil(view.shown.length / view.size)), { page } = view;
    const step = (text, to, id) => element("button", { type: "button", id, disabled: to < 0 || to >= count || to === page,
        click: () => { goTo(to); (byId(id).disabled ? byId("page-size") : byId(id)).focus({ preventScroll: true }); } }, text);
    const size = choice("Rows", [25, 50, 100, 500].map((one) => [one, one]), view.size, (value) => {
        [view.size, view.page] = [Number(value), 0];
        showRows();
        showPages();
    });
    size.querySelector("select").id = "page-size";
    byId("utterance-pages").replaceChildren(step("« First", 0, "page-first"), step("‹ Back", page - 1, "page-back"),
        element("span", {}, `Page ${whole(page + 1)} of ${whole(count)}`), step("Next ›", page + 1, "page-next"),
        step("Last »", count - 1, "page-last"), size);
}

function update() {
    choose();
    view.page = 0;
    const left = view.clicked ? ` (${view.clicked.text})` : "";
    byId("utterance-count").textContent = view.shown.length === utterances.length
        ? plural(utterances.length, "utterance") : `${whole(view.shown.length)} of ${plural(utterances.length, "utterance")}${left}`;
    showRows();
    showPages();
}

/* ---- controls */

function showControls() {
    let waiting = 0;
    const search = element("input", { type: "search", id: "query", value: view.query, placeholder: "words, names, ids",
        input: () => {
            clearTimeout(waiting); // a search of 100,000 waits for the end of a word
            waiting = setTimeout(() => { view.query = search.value; update(); }, utterances.length > 20000 ? 250 : 60);
        } });
    const groups = [...new Set(utterances.map((utterance) => utterance.group).filter(Boolean))].sort();
    const filters = Object.entries(FILTERS).filter(([, filter]) => !filter.pair || hasPair);
    byId("utterance-controls").replaceChildren(
        element("label", {}, "Search ", search),
        choice("Show", filters.map(([name, filter]) => [name, filter.text()]), view.show, (value) => { view.show = value; update(); }),
        groups.length > 1 ? choice("Group", [["", "all"], ...groups.map((group) => [group, group])], view.group,
            (value) => { view.group = value; update(); }) : "",
        element("button", { type: "button", id: "clear", click: () => clear("") }, "Clear"));
}

/* No filter but these, and the order of the manifest. */
function clear(query, clicked = null) {
    Object.assign(view, { query, clicked, show: "all", group: "", key: "manifest", down: false });
    showControls();
    update();
}

function searchFor(word) {
    clear(word);
    byId("utterances-section").scrollIntoView();
    byId("query").focus({ preventScroll: true });
}

function showClicked(clicked) {
    clear("", clicked);
    announce(byId("utterance-count").textContent);
    byId("utterances-section").scrollIntoView();
}

/* All is there: texts for the rows that are shown, and for a search that has begun without. */
function showTexts() {
    if (view.query) return update();
    if (view.open.size) return showRows();
    for (const utterance of view.shown.slice(view.page * view.size, (view.page + 1) * view.size))
        byId(`row-${utterance.index}`).nextElementSibling.textContent = excerptOf(utterance);
}

/* The utterance that the address names, unfolded and in sight. */
function followLink() {
    const match = /^#u=(.*)$/s.exec(location.hash);
    if (!match) return;
    let id = match[1];
    try { id = decodeURIComponent(id); } catch { /* as it is */ }
    const utterance = utterances.find((one) => String(one.id) === id);
    if (!utterance) return announce(`There is no utterance ${id}`);
    view.open.add(utterance);
    clear("");
    view.page = Math.floor(view.shown.indexOf(utterance) / view.size);
    showRows();
    showPages();
    byId(`row-${utterance.index}`).focus();
    byId(`row-${utterance.index}`).scrollIntoView({ block: "start" });
}

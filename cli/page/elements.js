/* elements.js - elements, tables, and numbers as text.
 *
 * Texts of the data are hostile until they are text nodes or attributes: nothing here, and nothing in
 * the other files, makes markup out of a string. */

const SVG = "http://www.w3.org/2000/svg";

/* Attributes that are null or false are left out, functions are listeners; children that are null
 * or false are left out, strings and numbers are text. */
function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
        if (value === null || value === undefined || value === false) continue;
        if (typeof value === "function") node.addEventListener(name, value);
        else node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
    return node;
}

const element = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const shape = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
const byId = (id) => document.getElementById(id);

/* Text for those who hear the page. */
const unseen = (text) => element("span", { class: "unseen" }, text);

/* A drop-down list with its label; options are [value, text]. */
function choice(label, options, chosen, changed) {
    const select = element("select", { change: () => changed(select.value) });
    for (const [value, text] of options)
        select.append(element("option", { value, selected: String(value) === String(chosen) }, text));
    return element("label", {}, label, " ", select);
}

/* A table: columns are {head, number, hide}, cells nodes or text. It scrolls sideways by itself. */
function table(caption, columns, rows) {
    const kind = (column) => (column.number ? "number" : null);
    return element("div", { class: "wide", tabindex: 0, role: "group", "aria-label": caption },
        element("table", {},
            element("caption", {}, caption),
            element("thead", {}, element("tr", {},
                columns.map((column) => element("th", { scope: "col", class: kind(column) }, column.head)))),
            element("tbody", {}, rows.map((cells) => element("tr", {},
                cells.map((cell, i) => i === 0
                    ? element("th", { scope: "row" }, cell)
                    : element("td", { class: kind(columns[i]) }, cell)))))));
}

/* ---- numbers; a missing one is a dash */

const DASH = "–";
const MINUS = "−";
const grouped = new Intl.NumberFormat("en");
const known = (value) => typeof value === "number" && Number.isFinite(value);
const whole = (value) => (known(value) ? grouped.format(value) : DASH);
const fixed = (value, digits) => (known(value) ? value.toFixed(digits).replace("-", MINUS) : DASH);
/* Half a line cannot be between a number and its unit. */
const percent = (value, digits = 1) => (known(value) ? `${fixed(100 * value, digits)}\u00a0%` : DASH);
const points = (value) => (known(value) ? `${value > 0 ? "+" : ""}${fixed(100 * value, 2)}` : DASH);
const interval = (rate) => (rate && known(rate.low) && known(rate.high)
    ? `${fixed(100 * rate.low, 1)} to ${percent(rate.high)}` : DASH);

function probability(p) {
    if (!known(p)) return DASH;
    return p < 0.001 ? "< 0.001" : p.toFixed(3);
}

function duration(seconds) {
    if (!known(seconds)) return DASH;
    if (seconds < 60) return `${seconds.toFixed(1)}\u00a0s`;
    const minutes = Math.round(seconds / 60);
    if (minutes < 60) return `${minutes}\u00a0min`;
    return `${Math.floor(minutes / 60)}\u00a0h ${minutes % 60}\u00a0min`;
}

const plural = (count, one, many = `${one}s`) => `${whole(count)} ${count === 1 ? one : many}`;

/* Tells those who hear the page. */
function announce(text) {
    byId("said").textContent = "";
    byId("said").textContent = text;
}

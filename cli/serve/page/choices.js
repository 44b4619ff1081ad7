/* choices.js - which adapters are on, and with what weight. */

const models = { base: "", adapters: [] };
const weights = new Map(); /* of those that are on */

/* The model of a request: the base's name, or "a+b:0.5". */
const mixName = () => [...weights].map(([name, weight]) => (weight === 1 ? name : `${name}:${weight}`)).join("+") || models.base;

/* What is transcribed with: the base first, where it is wanted beside an adapter. */
function wantedModels() {
    const mix = mixName();
    return mix !== models.base && byId("beside").checked ? [models.base, mix] : [mix];
}

function adapterChoice(name, changed) {
    const weight = element("input", { type: "number", class: "weight", min: 0, max: 4, step: 0.05, value: 1, hidden: true,
        "aria-label": `Weight of ${name}`, change: () => {
            const value = Number(weight.value);
            if (!(value >= 0 && value <= 4)) weight.value = 1;
            weights.set(name, Number(weight.value));
            changed();
        } });
    const box = element("input", { type: "checkbox", change: () => {
        weight.hidden = times.hidden = !box.checked;
        if (box.checked) weights.set(name, Number(weight.value));
        else weights.delete(name);
        byId("beside-line").hidden = weights.size === 0;
        changed();
    } });
    const times = element("span", { "aria-hidden": "true", class: "note", hidden: true }, "×");
    return element("div", { class: "adapter" }, element("label", {}, box, " ", name), times, weight);
}

function showChoices(found, changed) {
    Object.assign(models, found);
    weights.clear();
    byId("beside-line").hidden = true;
    byId("subtitle").textContent = found.adapters.length
        ? `Potstill with ${found.base}, and ${plural(found.adapters.length, "adapter")} on it` : `Potstill with ${found.base}`;
    byId("choices").hidden = found.adapters.length === 0;
    const legend = byId("adapters").firstElementChild;
    byId("adapters").replaceChildren(legend, ...found.adapters.map((name) => adapterChoice(name, changed)));
    byId("beside").onchange = changed;
}

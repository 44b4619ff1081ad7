/* copying.js - buttons that copy a text. */

async function copyText(text) {
    try {
        await navigator.clipboard.writeText(text);
        return true;
    } catch { // an older browser, or a page without the right
        const area = element("textarea", { class: "unseen", "aria-label": "Text to copy" });
        area.value = text;
        document.body.append(area);
        area.select();
        const done = document.execCommand("copy");
        area.remove();
        return done;
    }
}

function copyButton(name, text) {
    const button = element("button", { type: "button", click: async () => {
        const done = await copyText(text());
        button.textContent = done ? "Copied" : "Could not copy";
        announce(button.textContent);
        setTimeout(() => { button.textContent = name; }, 1500);
    } }, name);
    return button;
}

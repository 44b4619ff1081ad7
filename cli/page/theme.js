/* theme.js - light, dark, or as the system has it. */

function showTheme() {
    const select = byId("theme"), root = document.documentElement;
    const use = (theme) => {
        if (theme === "auto") root.removeAttribute("data-theme");
        else root.setAttribute("data-theme", theme);
    };
    try { // a page on the disk may have no storage
        select.value = localStorage.getItem("potstill-theme") || "auto";
        use(select.value);
    } catch { /* as the system */ }
    select.addEventListener("change", () => {
        use(select.value);
        try { localStorage.setItem("potstill-theme", select.value); } catch { /* for this time */ }
    });
}

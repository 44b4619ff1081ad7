/* main.js - puts the page together: first what the index has, then what comes behind the script. */

/* The two systems of the charts, when there are more. */
function showPair() {
    byId("pair").hidden = systems.length < 3;
    const names = systems.map((system, i) => [i, system.name]);
    const changed = (side) => (value) => {
        pair[side] = Number(value);
        showCharts(showClicked);
        showControls();
        update();
    };
    byId("pair").replaceChildren(choice("Compare", names, pair.a, changed("a")), choice("with", names, pair.b, changed("b")));
}

function showContents() {
    const sections = [...document.querySelectorAll("main > section")].filter((section) => !section.hidden);
    byId("contents").replaceChildren(element("ul", {}, sections.map((section) => element("li", {},
        element("a", { href: `#${section.id}` }, section.querySelector("h2").textContent.replace(/:.*/, ""))))));
}

function redrawWhenResized() {
    let width = document.documentElement.clientWidth;
    new ResizeObserver(() => {
        if (width === document.documentElement.clientWidth) return;
        width = document.documentElement.clientWidth;
        showCharts(showClicked);
    }).observe(document.documentElement);
}

showTheme();
showSummary();
if (systems.length) {
    showPair();
    showCharts(showClicked);
    showControls();
    update();
    showWords(searchFor);
    showTerms(searchFor);
    showBreakdowns();
    showCanary();
    showSpeed();
}
showAbout();
showContents();
redrawWhenResized();
performance.mark("shown");
addEventListener("DOMContentLoaded", () => { // what comes behind the script
    readLines();
    if (systems.length) showTexts();
    addEventListener("hashchange", followLink);
    followLink();
    document.documentElement.setAttribute("data-ready", ""); // tests wait for it
    performance.mark("whole");
});

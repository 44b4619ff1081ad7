/* lines.js - what a program would send for what is set, for curl and for Python. */

const shellWord = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

function curlLines(name, model, format) {
    /* Of a name in quotes curl takes all but these two as they are. */
    const file = /[;,"\\]/.test(name) ? `"${name.replace(/["\\]/g, "\\$&")}"` : name;
    const fields = [`file=@${file}`, `model=${model}`, `response_format=${format}`];
    if (format === "verbose_json") fields.push("timestamp_granularities[]=word");
    const lines = [`curl ${new URL("v1/audio/transcriptions", here)}`];
    if (key) lines.push('-H "Authorization: Bearer $POTSTILL_API_KEY"');
    return lines.concat(fields.map((field) => `-F ${shellWord(field)}`)).join(" \\\n  ");
}

function pythonLines(name, model, format) {
    const options = [`model=${JSON.stringify(model)}`, `file=open(${JSON.stringify(name)}, "rb")`,
        `response_format=${JSON.stringify(format)}`];
    if (format === "verbose_json") options.push('timestamp_granularities=["word"]');
    return [...(key ? ["import os"] : []), "from openai import OpenAI", "",
        "client = OpenAI(", `    base_url=${JSON.stringify(String(new URL("v1", here)))},`,
        `    api_key=${key ? 'os.environ["POTSTILL_API_KEY"]' : '"none"'},`, ")",
        "reply = client.audio.transcriptions.create(", ...options.map((option) => `    ${option},`), ")",
        { json: "print(reply.text)", verbose_json: "for word in reply.words:\n    print(word.start, word.end, word.word)" }[format] || "print(reply)",
    ].join("\n");
}

function showLines(name) {
    const format = byId("format").value;
    byId("curl").textContent = curlLines(name, mixName(), format);
    byId("python").textContent = pythonLines(name, mixName(), format);
}

// The official JavaScript client against the server at argv[2], with the clip argv[3]: prints what it has seen.
import fs from "node:fs";
import OpenAI from "openai";

const [url, path] = process.argv.slice(2);
const client = new OpenAI({ baseURL: url, apiKey: "right-key", maxRetries: 0 });
const create = (options, by = client) =>
  by.audio.transcriptions.create({ model: "micro", file: fs.createReadStream(path), ...options });

const seen = { deltas: "", errors: [] };
seen.text = (await create({})).text;
for await (const event of await create({ stream: true })) {
  if (event.type === "transcript.text.delta") seen.deltas += event.delta;
}
const verbose = await create({ response_format: "verbose_json", timestamp_granularities: ["segment"] });
seen.parts = verbose.segments.map((segment) => segment.text.trim());
seen.segments = verbose.text;
seen.models = (await client.models.list()).data.map((model) => model.id);
const wrong = new OpenAI({ baseURL: url, apiKey: "wrong", maxRetries: 0 });
for (const call of [() => create({ temperature: 0.7 }), () => create({}, wrong), () => create({ model: "nope" })]) {
  try {
    await call();
    seen.errors.push("none");
  } catch (error) {
    seen.errors.push([error.status, error.param, error.code]);
  }
}
console.log(JSON.stringify(seen));

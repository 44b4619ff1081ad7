// The official JavaScript client's realtime sessions against the server at argv[2], with the samples argv[3] at 24 kHz:
// prints the text of a turn, and of the same as the server finds its turns.
import fs from "node:fs";
import http from "node:http";
import OpenAI from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";
import { OpenAIRealtimeWebSocket } from "openai/realtime/websocket";
import { WebSocket } from "ws";

const [url, path] = process.argv.slice(2);
const client = new OpenAI({ baseURL: url, apiKey: "right-key" });
const sound = fs.readFileSync(path);

// The client knows wss: alone. In a browser's shape it lets the address be changed; in that of node it takes an agent.
globalThis.WebSocket = WebSocket;
const plain = (address) => (address.protocol = "ws:");
const agent = new http.Agent();
agent.protocol = "https:";
const open = {
  browser: () => new OpenAIRealtimeWebSocket({ model: "micro", onURL: plain, dangerouslyAllowBrowser: true }, client),
  node: () => new OpenAIRealtimeWS({ model: "micro", options: { agent } }, client),
};

function converse(realtime, turns) {
  return new Promise((resolve, reject) => {
    const seen = { text: [], deltas: "", closed: null };
    realtime.on("error", reject);
    realtime.on("session.created", () =>
      realtime.send({
        type: "session.update",
        session: { type: "transcription", audio: { input: { transcription: { model: "micro" }, turn_detection: turns } } },
      }));
    realtime.on("session.updated", () => {
      for (let at = 0; at < sound.length; at += 9600) {
        realtime.send({ type: "input_audio_buffer.append", audio: sound.subarray(at, at + 9600).toString("base64") });
      }
      realtime.send({ type: "input_audio_buffer.commit" });
    });
    realtime.on("conversation.item.input_audio_transcription.delta", (event) => (seen.deltas += event.delta));
    realtime.on("conversation.item.input_audio_transcription.completed", (event) => {
      seen.text.push(event.transcript);
      realtime.close();
    });
    realtime.socket.addEventListener("close", (event) => resolve({ ...seen, closed: event.code }));
  });
}

const seen = {};
for (const [name, make] of Object.entries(open)) {
  seen[name] = [await converse(make(), null), await converse(make(), { type: "server_vad" })];
}
console.log(JSON.stringify(seen));

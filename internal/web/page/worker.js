// The worker in which the engine runs. It joins WebAssembly with the page (JSON), the audio thread (samples) and the
// network (transport.js). The page gives it a port to the audio thread.
'use strict';

importScripts('wasm_exec.js', 'transport.js');

// How long what the audio thread tells may have waited for this one, in ms: as much as is kept of a microphone. Where the
// machine has no time for all of it the rest is skipped. Else it would queue for ever longer, with what comes from the
// network behind it: a WebSocket was known to be open 20 s after it was.
const MOST_WAITED = 100;

let sound = null; // the port to the audio thread
const early = []; // what the page wanted before the engine was there

// What the relay says of its ways.
async function askRelay() {
  const answer = await fetch(new URL('/web.json', location.origin), { cache: 'no-store' });
  return answer.json();
}

const sessions = new Sessions(location.hostname, askRelay);

const tincan = {
  post: (text) => postMessage(text),
  play(bytes) {
    if (sound) sound.postMessage(bytes.buffer, [bytes.buffer]);
  },
  hasDatagrams: () => typeof WebTransport === 'function',
  openStream: (protocol, on) => openStream(location.origin.replace(/^http/, 'ws') + '/ws', protocol, on),
  openDatagrams: (on) => sessions.open(on),
  ready() {
    for (const text of early) tincan.command(text);
    early.length = 0;
    postMessage('{"is":"ready"}');
  },
};
self.tincan = tincan;

onmessage = (e) => {
  if (e.data.port) {
    sound = e.data.port;
    sound.onmessage = ({ data }) => {
      if (Date.now() - data.at > MOST_WAITED) return;
      if (tincan.captured) tincan.captured(data.pcm && new Uint8Array(data.pcm.buffer), data.played, data.starved, data.missed);
    };
    return;
  }
  if (tincan.command) tincan.command(e.data);
  else early.push(e.data);
};

async function start() {
  const go = new Go();
  const [{ instance }] = await Promise.all([
    WebAssembly.instantiateStreaming(fetch('tincan.wasm'), go.importObject),
    sessions.learn(),
  ]);
  await go.run(instance);
  throw new Error('the engine has ended');
}

start().catch((err) => postMessage(JSON.stringify({ is: 'broken', text: String(err) })));

// What the tests of the page share: a relay, a browser, pages in a call, and what was heard.
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const root = new URL('../..', import.meta.url).pathname;
export const relayBinary = process.env.TINCAND || join(root, 'bin/tincand');
export const clientBinary = process.env.TINCAN || join(root, 'bin/tincan');
const browserBinary = process.env.CHROMIUM || '/usr/bin/chromium';

// patience is how long something that has to happen is waited for, in ms.
export const patience = 60_000;
export const folder = mkdtempSync(join(tmpdir(), 'tincan-web-test-'));

export const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

// eventually waits until what() is something, and returns that.
export async function eventually(text, what, limit = patience) {
  const end = Date.now() + limit;
  let last;
  for (;;) {
    last = await what();
    if (last) return last;
    if (Date.now() > end) throw new Error(`never: ${text}`);
    await sleep(100);
  }
}

// freePort is one that is free now for TCP, and the next one, too.
export async function freePort() {
  for (;;) {
    const port = 20000 + Math.floor(Math.random() * 20000);
    const free = (p) =>
      new Promise((r) => {
        const s = createServer().once('error', () => r(false));
        s.listen(p, () => s.close(() => r(true)));
      });
    if ((await free(port)) && (await free(port + 1))) return port;
  }
}

// Program is one that runs, and what it has written.
class Program {
  constructor(path, args, env = {}) {
    this.text = '';
    this.process = spawn(path, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    for (const s of [this.process.stdout, this.process.stderr]) s.on('data', (d) => (this.text += d));
    this.ended = new Promise((r) => this.process.on('exit', (code) => r(code)));
  }

  async stop(signal = 'SIGTERM') {
    this.process.kill(signal);
    await this.ended;
  }
}

// startRelay runs a relay with the page.
export const startRelay = (port, ...args) => startRelayIn('', port, ...args);

// inside is a command that runs in a network namespace; '': in ours.
const inside = (space, path, args) => (space ? ['/usr/bin/env', ['ip', 'netns', 'exec', space, path, ...args]] : [path, args]);

// startRelayIn runs it in a network namespace.
export async function startRelayIn(space, port, ...args) {
  const state = join(folder, `relay-${port}`);
  const relay = new Program(...inside(space, relayBinary, ['serve', String(port), '--web', '--state', state, ...args]));
  relay.port = port;
  await eventually('the relay listens', () => relay.text.includes('listens on') || relay.process.exitCode !== null);
  if (relay.process.exitCode !== null) throw new Error(relay.text);
  relay.fingerprint = /SHA256:\S+/.exec(relay.text)[0];
  return relay;
}

// startClient runs the native client, in a room or, with a secret, a sealed one.
export function startClient(relay, room, name, secret, ...args) {
  return startClientIn('', `localhost:${relay.port}`, room, name, secret, ...args);
}

// startClientIn runs it in a network namespace, for the relay at an address.
export function startClientIn(space, address, room, name, secret, ...args) {
  const known = join(folder, `known-${address.replaceAll(':', '-')}`);
  const all = ['join', address, '-r', room, '-n', name, '--known-relays', known, '--json', ...args];
  return new Program(...inside(space, clientBinary, all), secret ? { TINCAN_PASSPHRASE: secret } : {});
}

// startBrowser runs Chromium with a microphone that hears a WAV file, over and over.
export const startBrowser = (wav, ...args) => startBrowserIn('', wav, ...args);

// startBrowserIn runs it in a network namespace.
export function startBrowserIn(space, wav, ...args) {
  let executablePath = browserBinary;
  if (space) {
    executablePath = join(folder, `chromium-${space}`);
    writeFileSync(executablePath, `#!/bin/sh\nexec ip netns exec ${space} ${browserBinary} "$@"\n`);
    chmodSync(executablePath, 0o755);
  }
  return chromium.launch({
    executablePath,
    chromiumSandbox: false,
    ignoreDefaultArgs: ['--disable-quic', '--mute-audio'],
    // What a test puts in the place of an answer counts as from the internet, and might not ask for this machine.
    args: ['--disable-features=LocalNetworkAccessChecks', '--use-fake-device-for-media-stream', ...(wav ? [`--use-file-for-fake-audio-capture=${wav}`] : []), ...args],
  });
}

// openPage opens the page of a relay. options are those of a context; wtPort, unless 0, stands in the place of the relay's
// port for WebTransport, for a proxy before it.
export async function openPage(browser, url, options = {}, wtPort = 0) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, bypassCSP: true, ...options });
  await context.grantPermissions(options.microphone === false ? [] : ['microphone']);
  if (wtPort) {
    // Nor does the relay's policy for the worker know of the proxy.
    await context.route('**/worker.js', async (route) => {
      const answer = await route.fetch();
      const { 'content-security-policy': _, ...headers } = answer.headers();
      await route.fulfill({ response: answer, headers });
    });
    await context.route('**/web.json', async (route) => {
      const answer = await route.fetch();
      await route.fulfill({ response: answer, json: { ...(await answer.json()), quic: wtPort } });
    });
  }
  const page = await context.newPage();
  page.problems = [];
  page.on('console', (m) => m.type() === 'error' && page.problems.push(m.text()));
  page.on('pageerror', (e) => page.problems.push(e.message));
  await page.goto(url);
  return page;
}

// joinRoom fills the form in and joins. It returns how long that took, in ms.
export async function joinRoom(page, name) {
  await page.fill('#name', name);
  await page.click('#go');
  const took = await eventually(`${name} has joined`, async () => {
    const [joined, error] = await page.evaluate(() => [document.body.dataset.joined, document.getElementById('error').textContent]);
    if (error) throw new Error(error);
    return joined;
  });
  return Number(took);
}

// stateOf is what the engine said last.
export const stateOf = (page) => page.evaluate(() => window.tincan.state());

// cpuTime is what a process has used of the CPU, in seconds: user and system, by /proc.
export function cpuTime(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /s, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100; // USER_HZ
}

// browserCPU is cpuTime of the processes of all browsers that this one has started, by what they are for.
export function browserCPU() {
  const used = { renderer: 0, audio: 0, network: 0, rest: 0 };
  const parents = new Map();
  for (const pid of readdirSync('/proc').filter((d) => /^\d+$/.test(d)).map(Number)) {
    try {
      parents.set(pid, Number(readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /s, '').split(' ')[1]));
    } catch {
      // It has ended.
    }
  }
  const mine = (pid) => pid === process.pid || (parents.has(pid) && mine(parents.get(pid)));
  for (const pid of [...parents.keys()].filter(mine)) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
      if (!command.includes('chromium')) continue;
      const kind = /--type=renderer|audio\.mojom|network\.mojom/.exec(command)?.[0] || '';
      used[{ '--type=renderer': 'renderer', 'audio.mojom': 'audio', 'network.mojom': 'network' }[kind] || 'rest'] += cpuTime(pid);
    } catch {
      // It has ended.
    }
  }
  return used;
}

// tap is a worklet that keeps what a page plays (input 0) and what its microphone gives (input 1).
const tap = `
class Tap extends AudioWorkletProcessor {
  process(inputs) {
    this.port.postMessage({ frame: currentFrame, played: inputs[0][0]?.slice(), spoken: inputs[1][0]?.slice() });
    return true;
  }
}
registerProcessor('tap', Tap);
`;

// record keeps the sound of a page for some seconds. It returns {played, spoken, start}: samples at 48 kHz, and when the
// first of them was, in ms since 1970, by the audio clock.
export async function record(page, seconds) {
  const kept = await page.evaluate(async ([seconds, tap]) => {
    const { sound } = window.tincan;
    const { context } = sound;
    await context.audioWorklet.addModule(tap);
    const node = new AudioWorkletNode(context, 'tap', { numberOfInputs: 2 });
    const blocks = [];
    node.port.onmessage = (e) => blocks.push(e.data);
    sound.node.connect(node, 0, 0);
    if (sound.source) sound.source.connect(node, 0, 1);
    node.connect(context.destination);
    await new Promise((r) => setTimeout(r, 1000 * seconds));
    const at = context.getOutputTimestamp();
    const late = context.outputLatency || 0;
    node.disconnect();
    const first = blocks[0].frame;
    const count = blocks[blocks.length - 1].frame - first + 128;
    const take = (which) => {
      const all = new Int16Array(count);
      for (const b of blocks) {
        if (b[which]) for (let i = 0; i < 128; i++) all[b.frame - first + i] = Math.max(-1, Math.min(1, b[which][i])) * 32767;
      }
      let text = '';
      const bytes = new Uint8Array(all.buffer);
      for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
      return btoa(text);
    };
    // Frame f of the graph is heard at at.performanceTime + (f / rate - at.contextTime).
    const start = performance.timeOrigin + at.performanceTime + 1000 * (first / context.sampleRate - at.contextTime) - 1000 * late;
    return { start, played: take('played'), spoken: take('spoken') };
  }, [seconds, `data:text/javascript,${encodeURIComponent(tap)}`]);
  const decode = (text) => {
    const b = Buffer.from(text, 'base64');
    return Float32Array.from(new Int16Array(b.buffer, b.byteOffset, b.length / 2), (x) => x / 32768);
  };
  return { start: kept.start, played: decode(kept.played), spoken: decode(kept.spoken) };
}

// readWAV reads what the native client wrote: 16 bits, mono.
export function readWAV(path) {
  const b = readFileSync(path);
  const at = b.indexOf('data') + 8;
  return Float32Array.from({ length: (b.length - at) >> 1 }, (_, i) => b.readInt16LE(at + 2 * i) / 32768);
}

// writeWAV writes samples at 48 kHz.
export function writeWAV(path, pcm) {
  const b = Buffer.alloc(44 + 2 * pcm.length);
  b.write('RIFF', 0);
  b.writeUInt32LE(36 + 2 * pcm.length, 4);
  b.write('WAVEfmt ', 8);
  b.writeUInt32LE(16, 16);
  b.writeUInt16LE(1, 20);
  b.writeUInt16LE(1, 22);
  b.writeUInt32LE(48000, 24);
  b.writeUInt32LE(96000, 28);
  b.writeUInt16LE(2, 32);
  b.writeUInt16LE(16, 34);
  b.write('data', 36);
  b.writeUInt32LE(2 * pcm.length, 40);
  for (let i = 0; i < pcm.length; i++) b.writeInt16LE(Math.round(32767 * Math.max(-1, Math.min(1, pcm[i]))), 44 + 2 * i);
  writeFileSync(path, b);
}

// voice makes something that is like speech to a codec and to a voice detector, and never the same twice: syllables of a
// buzz with formants, and pauses. seed chooses it.
export function voice(seconds, seed) {
  let s = seed >>> 0;
  const random = () => ((s = (Math.imul(s, 1664525) + 1013904223) >>> 0) / 2 ** 32);
  const pcm = new Float32Array(48000 * seconds);
  for (let at = 0; at < pcm.length; ) {
    const length = Math.floor(48000 * (0.12 + 0.15 * random()));
    if (random() < 0.12) {
      at += Math.floor(48000 * (0.2 + 0.3 * random()));
      continue;
    }
    const pitch = 90 + 60 * random();
    const formants = [300 + 500 * random(), 900 + 1400 * random(), 2400 + 600 * random()];
    for (let h = 1; h * pitch < 4000; h++) {
      const f = h * pitch;
      const gain = formants.reduce((g, c) => g + Math.exp(-(((f - c) / 150) ** 2)), 0.02);
      for (let i = 0; i < length && at + i < pcm.length; i++) {
        pcm[at + i] += 0.12 * gain * Math.sin((Math.PI * i) / length) * Math.sin((2 * Math.PI * f * i) / 48000);
      }
    }
    at += length;
  }
  return pcm;
}

// match looks for what was said in what was heard: how like it is at best (0 to 1), and how many ms later. Both are taken
// to 8 kHz; from and to bound the delay in ms.
export function match(said, heard, from = 0, to = 1000) {
  const down = (x) => {
    const y = new Float32Array(Math.floor(x.length / 6));
    for (let i = 0; i < y.length; i++) for (let j = 0; j < 6; j++) y[i] += x[6 * i + j] / 6;
    return y;
  };
  const a = down(said);
  const b = down(heard);
  let best = { like: 0, delay: 0 };
  for (let lag = Math.round(8 * from); lag <= 8 * to; lag++) {
    let ab = 0;
    let aa = 1e-9;
    let bb = 1e-9;
    for (let i = Math.max(0, -lag); i < a.length && i + lag < b.length; i++) {
      ab += a[i] * b[i + lag];
      aa += a[i] * a[i];
      bb += b[i + lag] * b[i + lag];
    }
    const like = ab / Math.sqrt(aa * bb);
    if (like > best.like) best = { like, delay: lag / 8 };
  }
  return best;
}

// alike is match by pieces of 1.5 s, of which it returns the one that is most like: where a listener's buffer has grown or
// shrunk amid a piece, that is like nothing.
export function alike(said, heard, from = 0, to = 1000) {
  const piece = 72000;
  let best = { like: 0, delay: 0 };
  for (let at = 0; at + piece <= said.length; at += piece) {
    const m = match(said.subarray(at, at + piece), heard, from + at / 48, to + at / 48);
    if (m.like > best.like) best = { like: m.like, delay: m.delay - at / 48 };
  }
  return best;
}

// Proxy is one for UDP: it loses a share of what comes, or all, and is delay ms late each way.
export class Proxy {
  constructor(target) {
    this.target = target;
    this.loss = 0;
    this.delay = 0;
    this.flows = new Map();
    this.socket = createSocket('udp6');
  }

  // pass has something be sent, or lost.
  pass(send) {
    if (Math.random() < this.loss) return;
    if (this.delay > 0) setTimeout(send, this.delay);
    else send();
  }

  async start() {
    await new Promise((r) => this.socket.bind(0, '::', r));
    this.port = this.socket.address().port;
    this.socket.on('message', (d, from) => {
      const key = `${from.address} ${from.port}`;
      let flow = this.flows.get(key);
      if (!flow) {
        flow = createSocket('udp4');
        flow.on('message', (answer) => this.pass(() => this.closed || this.socket.send(answer, from.port, from.address)));
        this.flows.set(key, flow);
      }
      this.pass(() => this.closed || flow.send(d, this.target, '127.0.0.1'));
    });
    return this;
  }

  close() {
    this.closed = true;
    this.socket.close();
    for (const flow of this.flows.values()) flow.close();
  }
}

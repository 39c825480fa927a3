// What the worker does of itself, without a browser: how often it begins sessions of WebTransport, and what it skips.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import vm from 'node:vm';

// load gives what transport.js defines, with a clock that stands still and sessions of which fate() is what becomes.
function load(fate) {
  const world = { now: 0, begun: [], timers: [], asked: 0 };
  const sandbox = {
    performance: { now: () => world.now },
    setTimeout: (what, wait) => world.timers.push({ what, at: world.now + wait }),
    clearTimeout: (id) => (world.timers[id - 1].what = () => {}),
    queueMicrotask,
    WebTransport: class {
      constructor() {
        world.begun.push(world.now);
        const good = fate();
        this.ready = good ? Promise.resolve() : Promise.reject(new Error('refused'));
        this.closed = good ? new Promise(() => {}) : Promise.reject(new Error('refused'));
        const stream = { getWriter: () => ({ closed: new Promise(() => {}) }), getReader: () => ({ read: () => new Promise(() => {}) }) };
        this.datagrams = { writable: stream, readable: stream };
      }
      close() {}
    },
  };
  const source = readFileSync(new URL('../../internal/web/page/transport.js', import.meta.url), 'utf8');
  const Sessions = vm.runInNewContext(`${source}; Sessions`, sandbox);
  world.sessions = new Sessions('localhost', async () => (world.asked++, { quic: 1 }));
  // pass has the time be t, and what is due then happen.
  world.pass = async (t) => {
    world.now = t;
    for (const timer of world.timers.filter((x) => !x.done && x.at <= t)) {
      timer.done = true;
      await timer.what();
    }
    await new Promise((r) => setImmediate(r));
  };
  return world;
}

test('sessions that never come about are begun less and less often', async () => {
  const world = load(() => false);
  await world.sessions.learn();
  const again = () => world.sessions.open((what) => what === 'closed' && again());
  again();
  for (let t = 0; t <= 121_000; t += 500) await world.pass(t);
  assert.deepEqual(world.begun, [0, 1000, 3000, 7000, 15000, 31000, 61000, 91000, 121000]);
  assert.equal(world.asked, 1 + world.begun.length, 'the relay is asked once for each');
});

test('one that comes about ends the pause, and one that is closed meanwhile is never begun', async () => {
  let good = false;
  const world = load(() => good);
  await world.sessions.learn();
  world.sessions.open(() => {});
  await world.pass(0);
  const waits = world.sessions.open(() => {});
  await world.pass(500);
  waits.close();
  good = true;
  let opened = false;
  world.sessions.open((what) => (opened ||= what === 'open'));
  await world.pass(1000);
  assert.ok(opened);
  world.sessions.open(() => {});
  await world.pass(1001);
  assert.deepEqual(world.begun, [0, 1000, 1001]);
});

test('what the audio thread has told is skipped once it is old', () => {
  const world = { now: 1e6, took: [] };
  const source = readFileSync(new URL('../../internal/web/page/worker.js', import.meta.url), 'utf8');
  const never = new Promise(() => {});
  const sandbox = {
    importScripts() {}, location: { hostname: 'localhost' }, Date: { now: () => world.now }, Uint8Array, fetch: () => never,
    Sessions: class { learn() { return never; } },
    Go: class {},
    WebAssembly: { instantiateStreaming: () => never },
  };
  sandbox.self = sandbox;
  vm.runInNewContext(source, sandbox);
  const port = {};
  sandbox.onmessage({ data: { port } });
  sandbox.tincan.captured = (pcm, played) => world.took.push(played);
  for (const late of [0, 100, 101, 20_000, 3]) port.onmessage({ data: { at: world.now - late, pcm: null, played: late, starved: 0 } });
  assert.deepEqual(world.took, [0, 100, 3]);
});

// What a page takes, beside the native client: of the CPU, and of the wire. All is told; little is demanded, as machines differ.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { before, test } from 'node:test';
import {
  browserCPU, cpuTime, eventually, folder, freePort, joinRoom, openPage, sleep, startBrowser, startBrowserIn, startClient, startClientIn, startRelay,
  startRelayIn, stateOf, voice, writeWAV,
} from './lib.mjs';

const said = join(folder, 'said.wav');
const native = join(folder, 'native.wav');
const measured = 15; // s

before(() => {
  writeWAV(said, voice(20, 1));
  writeWAV(native, voice(150, 2));
});

const hears = (page, n) => eventually(`${n} are heard`, async () => (await stateOf(page)).peers.filter((p) => p.frames > 100).length === n);

test('CPU of a page and of a native client', { timeout: 240_000 }, async (t) => {
  const relay = await startRelay(await freePort());
  const browser = await startBrowser(said);
  const page = await openPage(browser, `http://localhost:${relay.port}/#kitchen`);
  const clients = [];
  t.after(async () => {
    for (const c of clients) await c.stop();
    await browser.close();
    await relay.stop();
  });
  await joinRoom(page, 'Ann');
  for (const talkers of [1, 4]) {
    while (clients.length < talkers) {
      clients.push(startClient(relay, 'kitchen', `Nat${clients.length}`, '', '--in', native, '--out', 'none', '--for', '150s'));
    }
    await hears(page, talkers);
    await sleep(8000); // the browser compiles what it runs
    const [start, nat] = [browserCPU(), cpuTime(clients[0].process.pid)];
    await sleep(1000 * measured);
    const end = browserCPU();
    const share = (x) => (x / measured).toFixed(3);
    const parts = Object.keys(end).map((k) => `${k} ${share(end[k] - start[k])}`);
    t.diagnostic(`a page that talks and hears ${talkers}: ${parts.join(', ')} of a core; the native client: ${share(cpuTime(clients[0].process.pid) - nat)}`);
    assert.ok(end.renderer > start.renderer);
  }
});

// bytesOf counts what has passed a link since it was made, without the headers of Ethernet.
function bytesOf(space) {
  const read = (name) => Number(execFileSync('ip', ['netns', 'exec', space, 'cat', `/sys/class/net/wire/statistics/${name}`], { encoding: 'utf8' }));
  const [up, ups, down, downs] = ['tx_bytes', 'tx_packets', 'rx_bytes', 'rx_packets'].map(read);
  return { up: up - 14 * ups, ups, down: down - 14 * downs, downs };
}

test('bytes on a wire', { timeout: 300_000 }, async (t) => {
  const [far, near] = [`tincan-far-${process.pid}`, `tincan-near-${process.pid}`];
  const ip = (...args) => execFileSync('ip', args, { stdio: 'pipe' });
  for (const space of [far, near]) {
    try {
      ip('netns', 'add', space);
    } catch (err) {
      return t.skip(`no network namespaces for us: ${err.message}`);
    }
    t.after(() => ip('netns', 'del', space));
    ip('-n', space, 'link', 'set', 'lo', 'up');
  }
  ip('-n', far, 'link', 'add', 'wire', 'type', 'veth', 'peer', 'name', 'wire', 'netns', near);
  for (const [space, address] of [[far, '10.78.0.1/24'], [near, '10.78.0.2/24']]) {
    ip('-n', space, 'addr', 'add', address, 'dev', 'wire');
    ip('-n', space, 'link', 'set', 'wire', 'up');
  }
  for (const args of [[9999], [9989, '--web-udp=-1']]) {
    const relay = await startRelayIn(far, ...args);
    t.after(() => relay.stop());
  }
  const browser = await startBrowserIn(near, said);
  t.after(() => browser.close());
  const joins = (space, name, port) => {
    const client = startClientIn(space, `10.78.0.1:${port}`, 'kitchen', name, '', '--in', native, '--out', 'none', '--for', '120s');
    t.after(() => client.stop());
    return client;
  };
  const figures = {};
  const count = async (what) => {
    const start = bytesOf(near);
    await sleep(1000 * measured);
    const end = bytesOf(near);
    const each = (k) => (end[k] - start[k]) / measured;
    figures[what] = { up: each('up'), down: each('down') };
    const way = (k) => `${each(k).toFixed(0)} bytes/s in ${each(`${k}s`).toFixed(1)} packets/s (${(each(k) / each(`${k}s`)).toFixed(0)} each)`;
    t.diagnostic(`${what}: up ${way('up')}, down ${way('down')}`);
  };
  for (const [what, port, path] of [['page, WebTransport', 9999, 'udp'], ['page, WebSocket', 9989, 'tunnel']]) {
    const nat = joins(far, 'Nat', port);
    const page = await openPage(browser, `https://10.78.0.1:${port}/#kitchen`);
    await joinRoom(page, 'Ann');
    await hears(page, 1);
    await eventually(path, async () => (await stateOf(page)).path === path);
    await sleep(5000);
    const start = await stateOf(page);
    await count(what);
    const end = await stateOf(page);
    const own = { up: (end.sentBytes - start.sentBytes) / measured, down: (end.gotBytes - start.gotBytes) / measured };
    t.diagnostic(`${what}: by the engine's account up ${own.up.toFixed(0)}, down ${own.down.toFixed(0)} bytes/s`);
    // The engine knows of no acknowledgement, of which QUIC has one for nearly every datagram that comes.
    for (const k of ['up', 'down']) assert.ok(own[k] > figures[what][k] / 2 && own[k] < 1.1 * figures[what][k], `${what}, ${k}: ${own[k]}`);
    await page.context().close();
    await nat.stop();
  }
  const nat = joins(far, 'Nat', 9999);
  const kim = joins(near, 'Kim', 9999);
  await sleep(8000);
  await count('native client');
  await kim.stop();
  await nat.stop();
});

// What a page does on a bad network: datagrams by WebTransport through a proxy that loses them.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { eventually, folder, freePort, joinRoom, openPage, Proxy, sleep, startBrowser, startClient, startRelay, stateOf, voice, writeWAV } from './lib.mjs';

const said = join(folder, 'said.wav');
const native = join(folder, 'native.wav');
let relay;
let browser;
let proxy;

before(async () => {
  writeWAV(said, voice(20, 1));
  writeWAV(native, voice(120, 2));
  relay = await startRelay(await freePort());
  browser = await startBrowser(said);
  const { quic } = await (await fetch(`http://localhost:${relay.port}/web.json`)).json();
  proxy = await new Proxy(quic).start();
});
after(async () => {
  proxy?.close();
  await browser?.close();
  await relay?.stop();
});

const heard = async (page) => (await stateOf(page)).peers[0] || { frames: 0, concealed: 0 };

test('5 and 20 % of the datagrams lost, then all, then none', { timeout: 240_000 }, async (t) => {
  const page = await openPage(browser, `http://localhost:${relay.port}/#kitchen`, {}, proxy.port);
  t.after(() => t.diagnostic(page.problems.join(' | ')));
  await joinRoom(page, 'Ann');
  const client = startClient(relay, 'kitchen', 'Nat', '', '--in', native, '--out', 'none', '--for', '120s');
  await eventually('voice goes by datagrams', async () => (await stateOf(page)).path === 'udp' && (await stateOf(page)).rtt > 0 && (await heard(page)).frames > 100);

  for (const [loss, delay, most] of [[0.05, 0, 0.04], [0.2, 50, 0.15]]) {
    proxy.loss = loss;
    proxy.delay = delay;
    await sleep(3000);
    const before = await heard(page);
    await sleep(15_000);
    const after = await heard(page);
    const made = (after.concealed - before.concealed) / (after.frames - before.frames);
    const { rtt, path } = await stateOf(page);
    t.diagnostic(`${100 * loss} % lost each way, ${delay} ms late: ${(100 * made).toFixed(1)} % of what Ann heard was made up; round trip ${rtt} ms by ${path}`);
    assert.ok(made < most, `${made} made up with ${loss} lost`);
  }
  proxy.loss = 0;
  proxy.delay = 0;

  await eventually('by datagrams', async () => (await stateOf(page)).path === 'udp');
  proxy.loss = 1;
  let since = Date.now();
  await eventually('voice takes the WebSocket', async () => (await stateOf(page)).path === 'tunnel');
  const took = Date.now() - since;
  t.diagnostic(`by WebSocket ${took} ms after the last datagram`);
  const then = (await heard(page)).frames;
  await eventually('Ann hears Nat by it', async () => (await heard(page)).frames > then + 50);
  proxy.loss = 0;
  since = Date.now();
  await eventually('voice goes by datagrams again', async () => (await stateOf(page)).path === 'udp');
  t.diagnostic(`back ${Date.now() - since} ms after datagrams came through again`);
  await client.stop();
  await page.context().close();
});

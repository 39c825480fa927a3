// Calls between pages, and with the native client.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  alike, eventually, folder, freePort, joinRoom, openPage, readWAV, record, sleep, startBrowser, startClient, startRelay, stateOf, voice, writeWAV,
} from './lib.mjs';

const said = join(folder, 'said.wav');
const native = join(folder, 'native.wav');
// Half a minute, over and over, as long as a call may take.
const once = voice(30, 2);
const spokenByNat = new Float32Array(8 * once.length);
for (let i = 0; i < 8; i++) spokenByNat.set(once, i * once.length);
let relay;
let browser;

before(async () => {
  writeWAV(said, voice(20, 1));
  writeWAV(native, spokenByNat);
  relay = await startRelay(await freePort());
  browser = await startBrowser(said);
});
after(async () => {
  await browser?.close();
  await relay?.stop();
});

const address = (room) => `http://localhost:${relay.port}/#${room}`;

test('two pages and a native client in a sealed room hear each other', { timeout: 300_000 }, async (t) => {
  const secret = 'oKGio6SlpqeoqaqrrK2urw';
  const ann = await openPage(browser, address(`kitchen/${secret}`));
  const bob = await openPage(browser, address(`kitchen/${secret}`));
  t.diagnostic(`Ann joined in ${await joinRoom(ann, 'Ann')} ms`);
  t.diagnostic(`Bob joined in ${await joinRoom(bob, 'Bob')} ms`);
  const wav = join(folder, 'heard.wav');
  const client = startClient(relay, 'kitchen', 'Nat', secret, '--in', native, '--out', wav);
  const byKim = join(folder, 'heard-by-kim.wav');
  const kim = startClient(relay, 'kitchen', 'Kim', secret, '--in', 'none', '--out', byKim);
  t.after(async () => {
    await client.stop();
    await kim.stop();
    const heard = async (page) => (await stateOf(page))?.peers.map((p) => `${p.name} ${p.concealed} of ${p.frames} made up`).join(', ');
    t.diagnostic(`in the end Ann hears ${await heard(ann)}; Bob hears ${await heard(bob)}`);
    await ann.context().close();
    await bob.context().close();
  });
  await eventually('all are there', async () => {
    const [a, b] = [await stateOf(ann), await stateOf(bob)];
    const talkers = [...a.peers, ...b.peers].filter((p) => p.name !== 'Kim');
    return a.peers.length === 3 && b.peers.length === 3 && talkers.every((p) => p.frames > 100);
  });
  await eventually('nothing is made up for 3 s: the browser has compiled what it runs', async () => {
    const made = async () => [...(await stateOf(ann)).peers, ...(await stateOf(bob)).peers].reduce((n, p) => n + p.concealed, 0);
    const start = await made();
    await sleep(3000);
    return (await made()) - start < 10;
  });
  const state = await stateOf(ann);
  assert.ok(state.sealed);
  await bob.click('#mute'); // else Ann and Bob, who have the same voice, are heard at once
  await bob.getByRole('slider', { name: 'Nat' }).fill('0'); // for Bob to hear Ann alone
  await sleep(1000);
  const [a, b] = await Promise.all([record(ann, 8), record(bob, 8)]);
  const end = (await stateOf(ann)).peers.find((p) => p.name === 'Nat');

  const heard = alike(a.spoken.subarray(48000, 7 * 48000), b.played, a.start + 1000 - b.start, a.start + 1000 - b.start + 1500);
  const delay = heard.delay - (a.start + 1000 - b.start);
  t.diagnostic(`Bob hears Ann: ${heard.like.toFixed(2)} alike, ${delay.toFixed(0)} ms from microphone to loudspeaker`);
  assert.ok(heard.like > 0.4, `Bob hears Ann: ${heard.like}`);
  t.diagnostic(`Ann hears Nat ${end.delay} ms after, by the engine's account; ${end.concealed} of ${end.frames} frames made up`);
  // The client tells when the first sample of its file was spoken, and when the first of its recording was heard.
  const since = (event, of = client) => Date.parse(new RegExp(`"event":"${event}","time":"([^"]+)"`).exec(of.text)[1]);
  const played = a.start + 2000 - since('capturing');
  const second = alike(a.played.subarray(2 * 48000, 5 * 48000), spokenByNat, played - 3000, played + 500);
  t.diagnostic(`Ann hears Nat: ${second.like.toFixed(2)} alike, ${(played - second.delay).toFixed(0)} ms from file to loudspeaker`);
  assert.ok(second.like > 0.5, `Ann hears Nat: ${second.like}`);
  await client.stop();
  await kim.stop();
  const from = Math.round(48 * (a.start + 2000 - since('playing', kim)));
  const fourth = alike(readWAV(byKim).subarray(from, from + 3 * 48000), spokenByNat, played - 3000, played + 500);
  t.diagnostic(`Kim hears Nat: ${fourth.like.toFixed(2)} alike, ${(played - fourth.delay).toFixed(0)} ms from file to file: two native clients`);
  assert.ok(fourth.like > 0.5, `Kim hears Nat: ${fourth.like}`);
  const spoken = a.start + 1000 - since('playing');
  const third = alike(a.spoken.subarray(48000, 4 * 48000), readWAV(wav), spoken - 500, spoken + 3000);
  t.diagnostic(`Nat hears Ann: ${third.like.toFixed(2)} alike, ${(third.delay - spoken).toFixed(0)} ms from microphone to file`);
  assert.ok(third.like > 0.5, `Nat hears Ann: ${third.like}`);
  assert.deepEqual(ann.problems, []);
});

test('who has no microphone, or refuses it, listens', { timeout: 120_000 }, async () => {
  const quiet = await startBrowser('', '--deny-permission-prompts');
  const page = await openPage(quiet, address('deaf'), { microphone: false });
  await page.evaluate(() => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'));
  });
  await joinRoom(page, 'Eve');
  assert.match(await page.textContent('#log'), /does not let this page use the microphone/);
  assert.ok(await page.isVisible('#mic'));
  const client = startClient(relay, 'deaf', 'Nat', '', '--in', native, '--out', 'none', '--for', '120s');
  await eventually('Eve hears Nat', async () => (await stateOf(page)).peers.some((p) => p.frames > 100));
  await client.stop();
  await quiet.close();
});

test('a relay that is started again', { timeout: 180_000 }, async (t) => {
  const port = await freePort();
  let own = await startRelay(port);
  const page = await openPage(browser, `http://localhost:${port}/#kitchen`);
  await joinRoom(page, 'Ann');
  await own.stop();
  await eventually('Ann knows that it is away', async () => (await stateOf(page)).reconnecting);
  const since = Date.now();
  own = await startRelay(port);
  await eventually('Ann is back', async () => !(await stateOf(page)).reconnecting);
  t.diagnostic(`back ${Date.now() - since} ms after the relay was started`);
  const client = startClient(own, 'kitchen', 'Nat', '', '--in', native, '--out', 'none', '--for', '120s');
  await eventually('Ann hears Nat', async () => (await stateOf(page)).peers.some((p) => p.frames > 100));
  await client.stop();
  await page.context().close();
  await own.stop();
});

test('a relay whose clients go to another one', { timeout: 180_000 }, async (t) => {
  const old = await startRelay(await freePort());
  const next = await startRelay(await freePort());
  t.after(async () => {
    await old.stop();
    await next.stop();
  });
  const page = await openPage(browser, `http://localhost:${old.port}/#kitchen`);
  await joinRoom(page, 'Ann');
  const client = startClient(old, 'kitchen', 'Nat', '', '--in', native, '--out', 'none', '--for', '120s');
  await eventually('Ann hears Nat', async () => (await stateOf(page)).peers.some((p) => p.frames > 100));
  old.process.stdin.write(`DRAIN 10 localhost:${next.port} ${next.fingerprint}\n`);
  await eventually('Nat has gone', async () => (await stateOf(page)).peers.length === 0);
  await page.click('#log a'); // a page stays where it is from: the link leads after Nat
  await page.waitForURL(`https://localhost:${next.port}/#kitchen`);
  await joinRoom(page, 'Ann');
  await eventually('Ann hears Nat there', async () => (await stateOf(page)).peers.some((p) => p.name === 'Nat' && p.frames > 100));
  await client.stop();
  await page.context().close();
});

test('a tab in the background goes on', { timeout: 120_000 }, async (t) => {
  const page = await openPage(browser, address('hidden'));
  await joinRoom(page, 'Ann');
  const client = startClient(relay, 'hidden', 'Nat', '', '--in', native, '--out', 'none', '--for', '120s');
  await eventually('Ann hears Nat', async () => (await stateOf(page)).peers.some((p) => p.frames > 100));
  const other = await page.context().newPage();
  await other.bringToFront();
  const start = await stateOf(page);
  await sleep(8000);
  const end = await stateOf(page);
  const frames = end.peers[0].frames - start.peers[0].frames;
  t.diagnostic(`${frames} frames played in 8 s in the background, starved ${end.starved - start.starved} times`);
  assert.ok(frames > 200, `${frames} frames`);
  await client.stop();
  await page.context().close();
});

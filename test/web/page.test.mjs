// The page as a person has it: with a keyboard, a screen reader, in the dark, on a telephone, and where things fail.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { eventually, folder, freePort, joinRoom, openPage, startBrowser, startClient, startRelay, stateOf, voice, writeWAV } from './lib.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const said = join(folder, 'said.wav');
let relay;
let browser;
let nat;

before(async () => {
  writeWAV(said, voice(20, 1));
  relay = await startRelay(await freePort());
  browser = await startBrowser(said);
  nat = startClient(relay, 'kitchen', 'Nat', '', '--in', 'tone', '--out', 'none', '--for', '300s');
});
after(async () => {
  await browser?.close();
  await nat?.stop();
  await relay?.stop();
});

const address = (room) => `http://localhost:${relay.port}/#${room}`;

// clean fails where axe finds something.
async function clean(page, what) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run());
  const found = violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.html).join(' ')}`);
  assert.deepEqual(found, [], what);
}

// Screenshots go to the folder SHOTS, if there is one named, for somebody to look at.
async function shoot(page, name) {
  if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, `${name}.png`), fullPage: true });
}

const screens = { desktop: { width: 1280, height: 800 }, phone: { width: 360, height: 740 } };

test('nothing is in the way of a screen reader, in any light, at any width', { timeout: 240_000 }, async () => {
  const page = await openPage(browser, address('kitchen'));
  const everywhere = async (what) => {
    for (const [screen, viewport] of Object.entries(screens)) {
      await page.setViewportSize(viewport);
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme });
        await clean(page, `${what}, ${screen}, ${colorScheme}`);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(wide <= 0, `${what}, ${screen}: ${wide} pixels wider than the screen`);
        await shoot(page, `${what}-${screen}-${colorScheme}`);
      }
    }
  };
  await everywhere('form');
  await joinRoom(page, 'Ann');
  await eventually('Nat is there', async () => (await stateOf(page))?.peers.length === 1);
  await page.click('#devices summary');
  await everywhere('call');
  await page.context().close();
});

test('a keyboard is enough', { timeout: 120_000 }, async () => {
  const page = await openPage(browser, address('keys'));
  await page.focus('#name');
  await page.keyboard.type('Ann');
  await page.keyboard.press('Enter');
  await eventually('she is in', () => page.isVisible('#call'));
  assert.equal(await page.evaluate(() => document.activeElement.id), 'title', 'what has the focus after joining');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'mute');
  await page.keyboard.press('Enter');
  await eventually('she is muted', async () => (await stateOf(page)).muted);
  await page.keyboard.press('Enter');
  await eventually('she is not any more', async () => !(await stateOf(page)).muted);
  await page.click('#ptt');
  await eventually('push to talk', async () => (await stateOf(page)).muted);
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.down('Space');
  await eventually('she talks while space is held', async () => !(await stateOf(page)).muted);
  await page.keyboard.up('Space');
  await eventually('and not after that', async () => (await stateOf(page)).muted);
  await page.click('#leave');
  await eventually('she has left', () => page.isVisible('#join'));
  assert.equal(await page.textContent('#error'), '');
  await page.click('#go');
  await eventually('and is back', () => page.isVisible('#call'));
  await page.context().close();
});

test('the room is in the link, and its secret is never sent', { timeout: 120_000 }, async () => {
  const page = await openPage(browser, `http://localhost:${relay.port}/`);
  const asked = [];
  page.on('request', (r) => asked.push(r.url()));
  page.on('websocket', (s) => asked.push(s.url()));
  await page.fill('#room', 'tea & cake/50%');
  assert.ok(await page.isChecked('#sealed'), 'a new room is sealed');
  await joinRoom(page, 'Ann');
  const link = await page.inputValue('#link');
  const secret = /#tea%20%26%20cake%2F50%25\/([\w-]{22})$/.exec(link)?.[1];
  assert.ok(secret, link);
  assert.ok((await stateOf(page)).sealed);
  assert.deepEqual(asked.filter((url) => url.includes(secret)), []);
  const other = await openPage(browser, link);
  await joinRoom(other, 'Bob');
  await eventually('Bob is where Ann is', async () => (await stateOf(page)).peers.some((p) => p.name === 'Bob' && !p.foreign));
  await page.context().close();
  await other.context().close();
});

test('what goes wrong is said', { timeout: 120_000 }, async () => {
  const page = await openPage(browser, address('kitchen'));
  await page.evaluate(() => (window.WebSocket = null));
  await page.fill('#name', 'x'.repeat(40));
  assert.equal((await page.inputValue('#name')).length, 19, 'names have 19 characters at most');
  await page.context().close();
  const blocked = await openPage(browser, address('kitchen'));
  await blocked.fill('#room', 'x\u0007');
  await blocked.fill('#name', 'Ann');
  await blocked.click('#go');
  await eventually('a bad room is refused', async () => /room/.test(await blocked.textContent('#error')));
  await blocked.context().close();
});

test('the page has what it needs by its own policy alone', { timeout: 120_000 }, async () => {
  const page = await openPage(browser, address('policy'), { bypassCSP: false });
  await joinRoom(page, 'Ann');
  assert.deepEqual(page.problems, []);
  const size = await page.evaluate(() => performance.getEntriesByType('resource').filter((r) => !r.name.startsWith(location.origin)).length);
  assert.equal(size, 0, 'something came from another host');
  await page.context().close();
});

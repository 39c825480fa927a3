// The page: a form to join a room, and what there is to see and to do in it. The call itself is in the worker, and its
// sound between the worker and the audio thread.
import { People } from './people.js';
import * as room from './room.js';
import { Sound, whatIsMissing, whyNoMicrophone } from './sound.js';

const $ = (id) => document.getElementById(id);
const sound = new Sound();
const people = new People($('people'), (session, volume) => tell({ do: 'volume', session, volume }));
const LOG_ROOM = 200; // lines of what happened that are kept

let worker = null;
let state = null; // as the worker told it last
let joining = 0; // when Join was pressed
let pushing = false; // push to talk: muted but while a key or the button is held
let hears = false; // there is a microphone
let name = '';

// tell has the worker do something.
function tell(command) {
  worker.postMessage(JSON.stringify(command));
}

// fail shows what went wrong, '' for nothing any more.
function fail(text) {
  $('error').textContent = text;
  $('error').hidden = !text;
}

// note adds a line to what happened, which may end with a link.
function note(text, warned, link) {
  const line = document.createElement('p');
  line.textContent = `${new Date().toTimeString().slice(0, 8)} ${text}`;
  if (link) line.append(Object.assign(document.createElement('a'), { href: link, textContent: link.replace(/#.*/, '') }));
  if (warned) line.className = 'warned';
  $('log').append(line);
  while ($('log').childElementCount > LOG_ROOM) $('log').firstElementChild.remove();
  $('log').scrollTop = $('log').scrollHeight;
}

function begin() {
  const missing = whatIsMissing();
  if (missing) {
    fail(missing);
    $('go').disabled = true;
    return;
  }
  $('where').textContent = location.host;
  const at = room.read(location.hash);
  $('room').value = at.room;
  $('secret').value = at.secret;
  $('sealed').checked = Boolean(at.secret) || !location.hash;
  $('name').value = localStorage.getItem('name') || '';
  $('outputlabel').hidden = $('output').hidden = !sound.canChoose();

  worker = new Worker(new URL('worker.js', import.meta.url));
  worker.onmessage = (e) => heard(JSON.parse(e.data));
  worker.onerror = () => fail('The engine could not be started: load the page again.');

  $('join').addEventListener('submit', (e) => {
    e.preventDefault();
    join();
  });
  $('leave').addEventListener('click', () => tell({ do: 'leave' }));
  $('mute').addEventListener('click', () => mute(!state.muted));
  $('deafen').addEventListener('click', () => tell({ do: 'deafen', on: !state.deaf }));
  $('ptt').addEventListener('click', () => pushToTalk(!pushing));
  $('mic').addEventListener('click', () => listen());
  $('copy').addEventListener('click', copy);
  $('input').addEventListener('change', () => listen($('input').value));
  $('output').addEventListener('change', () => sound.speak($('output').value).catch((err) => note(String(err), true)));
  holds();
  navigator.mediaDevices.addEventListener('devicechange', showDevices);
  window.addEventListener('hashchange', () => {
    if (!$('call').hidden) return; // it is the room of the call that we wrote there
    const to = room.read(location.hash);
    $('room').value = to.room;
    $('secret').value = to.secret;
    $('sealed').checked = Boolean(to.secret);
  });
  sound.lost = () => {
    hears = false;
    tell({ do: 'microphone', on: false });
    note('The microphone was taken away: you only listen.', true);
    $('mic').hidden = false;
  };
}

// join enters the room of the form.
async function join() {
  fail('');
  joining = performance.now();
  name = $('name').value.trim();
  localStorage.setItem('name', name);
  if (!$('sealed').checked) $('secret').value = '';
  else if (!$('secret').value) $('secret').value = room.newSecret();
  const at = { room: $('room').value.trim(), secret: $('secret').value };
  history.replaceState(null, '', location.pathname + room.write(at));
  $('go').disabled = true;
  $('progress').textContent = 'Joining …';
  try {
    const port = await sound.open();
    if (port) {
      worker.postMessage({ port }, [port]);
      sound.context.onstatechange = stalled;
    }
  } catch (err) {
    over(`This browser gives no sound: ${err.message}`);
    return;
  }
  hears = true;
  try {
    await sound.listen($('input').value);
  } catch (err) {
    hears = false;
    note(`${whyNoMicrophone(err)} You can listen meanwhile.`, true);
  }
  tell({ do: 'latency', ...sound.latency() });
  tell({ do: 'join', address: location.host, name, room: at.room, passphrase: at.secret, token: $('token').value, on: hears });
}

// heard takes what the worker says.
function heard(m) {
  switch (m.is) {
    case 'ready':
      document.body.dataset.ready = 'yes';
      break;
    case 'joined':
      joined();
      break;
    case 'state':
      show(m.state);
      break;
    case 'said':
    case 'warned':
      note(m.text, m.is === 'warned');
      break;
    case 'elsewhere': // a page can take nobody there
      note('The others go to another relay. Go after them: ', true, `https://${m.text}/${location.hash}`);
      break;
    case 'ended':
      over(m.text);
      break;
    case 'broken':
      over(`The engine has broken: ${m.text}. Load the page again.`);
      $('go').disabled = true;
  }
}

function joined() {
  document.body.dataset.joined = String(Math.round(performance.now() - joining));
  const at = room.read(location.hash);
  $('progress').textContent = '';
  $('join').hidden = true;
  $('call').hidden = false;
  $('title').textContent = at.room || 'Default room';
  $('link').value = location.href;
  $('mic').hidden = hears;
  $('title').focus();
  if (pushing) mute(true);
  showDevices();
}

// over goes back to the form.
function over(why) {
  fail(why);
  delete document.body.dataset.joined;
  sound.close();
  state = null;
  people.clear();
  $('call').hidden = true;
  $('join').hidden = false;
  $('go').disabled = false;
  $('progress').textContent = '';
  (why ? $('go') : $('name')).focus();
}

const PATHS = { udp: 'datagrams', tunnel: 'WebSocket', also: 'datagrams' };

// show shows how things are.
function show(s) {
  state = s;
  people.show(name, s);
  $('alone').hidden = s.peers.length > 0;
  $('mute').setAttribute('aria-pressed', String(s.muted));
  $('deafen').setAttribute('aria-pressed', String(s.deaf));
  $('hold').classList.toggle('live', pushing && !s.muted);
  $('seal').textContent = s.sealed ? 'sealed: the relay cannot listen' : 'not sealed: the relay could listen';
  const trouble = [...s.faults];
  if (s.reconnecting) trouble.unshift(`The connection to the relay is lost: ${s.reconnecting}`);
  if (sound.context.state !== 'running') trouble.unshift('The browser has stopped the sound: press a button of this page.');
  put($('trouble'), trouble.join(' '));
  $('trouble').hidden = trouble.length === 0;
  put(
    $('path'),
    `Voice goes by ${PATHS[s.path] || s.path}, ${s.rtt > 0 ? `${Math.round(s.rtt)} ms there and back, ` : ''}` +
      `${Math.round(s.up)} kbit/s up, ${Math.round(s.down)} kbit/s down.`,
  );
  const verdict = s.verdict || [];
  if ($('verdict').dataset.text !== verdict.join('\n')) {
    $('verdict').dataset.text = verdict.join('\n');
    $('verdict').replaceChildren(
      ...verdict.map((line) => {
        const item = document.createElement('li');
        item.textContent = line;
        return item;
      }),
    );
  }
}

// put sets a text that screen readers tell, if it is another one.
function put(e, text) {
  if (e.textContent !== text) e.textContent = text;
}

function mute(on) {
  tell({ do: 'mute', on });
}

// pushToTalk begins or ends that we are heard only while space or a button is held.
function pushToTalk(on) {
  pushing = on;
  $('ptt').setAttribute('aria-pressed', String(on));
  $('hold').hidden = !on;
  $('mute').disabled = on;
  mute(on);
}

// holds has space and the button talk while they are held.
function holds() {
  const talk = (on) => {
    if (pushing && state) mute(!on);
  };
  const elsewhere = (e) => e.target.closest('input, select, textarea, summary, button:not(#hold)');
  document.addEventListener('keydown', (e) => {
    if (e.code !== 'Space' || !pushing || elsewhere(e)) return;
    e.preventDefault();
    if (!e.repeat) talk(true);
  });
  document.addEventListener('keyup', (e) => {
    if (e.code === 'Space' && pushing) talk(false);
  });
  $('hold').addEventListener('pointerdown', (e) => {
    $('hold').setPointerCapture(e.pointerId);
    talk(true);
  });
  for (const end of ['pointerup', 'pointercancel', 'lostpointercapture']) $('hold').addEventListener(end, () => talk(false));
  window.addEventListener('blur', () => talk(false));
}

// listen opens a microphone in the middle of a call.
async function listen(device) {
  try {
    await sound.listen(device);
    if (!hears) tell({ do: 'microphone', on: true });
    hears = true;
    $('mic').hidden = true;
    note('The microphone is in use.');
  } catch (err) {
    note(whyNoMicrophone(err), true);
  }
  showDevices();
}

// stalled wakes the sound where the browser has stopped it, as phones do for a telephone call.
function stalled() {
  if (sound.context.state !== 'running' && state) {
    const wake = () => sound.context.resume();
    document.addEventListener('pointerdown', wake, { once: true });
    document.addEventListener('keydown', wake, { once: true });
  }
}

async function showDevices() {
  for (const [id, kind] of [
    ['input', 'audioinput'],
    ['output', 'audiooutput'],
  ]) {
    const chosen = $(id).value;
    $(id).replaceChildren(...(await sound.devices(kind)).map((d) => new Option(d.label, d.id, false, d.id === chosen)));
  }
}

async function copy() {
  $('link').select();
  try {
    await navigator.clipboard.writeText($('link').value);
    $('copy').textContent = 'Copied';
  } catch {
    $('copy').textContent = 'Press Ctrl+C';
  }
  setTimeout(() => ($('copy').textContent = 'Copy'), 2000);
}

// For who looks into it from the console, and for the tests.
window.tincan = { sound, state: () => state };
begin();

// The ways to the relay that a browser has, as WebAssembly wants them: each is an object with send(bytes) and close(),
// and calls on("open", protocol), on("data", bytes) and on("closed", why). After close() it calls nothing.
'use strict';

// A WebSocket. buffered() is how many bytes the browser still has.
function openStream(url, protocol, on) {
  let closed = false;
  let socket;
  try {
    socket = protocol ? new WebSocket(url, protocol) : new WebSocket(url);
  } catch (err) {
    queueMicrotask(() => closed || on('closed', String(err)));
    return { send() {}, buffered: () => 0, close() { closed = true; } };
  }
  socket.binaryType = 'arraybuffer';
  socket.onopen = () => on('open', socket.protocol);
  socket.onmessage = (e) => on('data', new Uint8Array(e.data));
  socket.onclose = (e) => on('closed', e.reason || (e.code === 1006 ? 'nothing answers' : `code ${e.code}`));
  return {
    send(bytes) {
      if (socket.readyState === WebSocket.OPEN) socket.send(bytes);
    },
    buffered: () => (socket.readyState === WebSocket.OPEN ? socket.bufferedAmount : 0),
    close() {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    },
  };
}

// How late a datagram may be, in ms, until the browser drops it.
const MOST_LATE = 200;

// A session of WebTransport, for datagrams. hashes are those of the relay's certificates, in base64, where no authority
// has signed them.
function openDatagrams(url, hashes, on) {
  let closed = false;
  let session;
  let writer;
  const end = (why) => {
    if (closed) return;
    closed = true;
    on('closed', String(why));
  };
  const read = async (reader) => {
    for (;;) {
      const { value, done } = await reader.read();
      if (done || closed) return;
      on('data', value);
    }
  };
  try {
    const options = { requireUnreliable: true, congestionControl: 'low-latency' };
    if (hashes.length > 0) {
      options.serverCertificateHashes = hashes.map((h) => ({
        algorithm: 'sha-256',
        value: Uint8Array.from(atob(h), (c) => c.charCodeAt(0)),
      }));
    }
    session = new WebTransport(url, options);
    session.closed.then(() => end('closed'), end);
    session.ready.then(() => {
      if (closed) return;
      const d = session.datagrams;
      d.outgoingMaxAge = MOST_LATE;
      writer = (d.createWritable ? d.createWritable() : d.writable).getWriter();
      writer.closed.catch(() => {});
      read(d.readable.getReader()).catch(end);
      on('open', '');
    }, end);
  } catch (err) {
    queueMicrotask(() => end(err));
  }
  return {
    send(bytes) {
      if (writer && !closed && writer.desiredSize > 0) writer.write(bytes).catch(() => {});
    },
    close() {
      closed = true;
      try {
        if (session) session.close();
      } catch {
        // It never came about.
      }
    },
  };
}

// How long no session is begun after one that never came about, in ms: twice as long each time.
const LEAST_PAUSE = 1000;
const MOST_PAUSE = 30000;

// Sessions opens sessions of WebTransport, one after another, as the engine wants another one as soon as one has failed.
// Where UDP is blocked, or the browser does not take the relay's certificate, each fails at once: so the next one waits,
// and loses what it is given until then. ask tells what the relay says of its ways: {quic, hashes}.
class Sessions {
  constructor(host, ask) {
    this.host = host;
    this.ask = ask;
    this.relay = {};
    this.pause = 0;
    this.notBefore = 0;
  }

  // learn asks the relay. What was known before is kept where it does not answer.
  async learn() {
    try {
      this.relay = await this.ask();
    } catch {
      // Nothing answers.
    }
  }

  // open begins a session, now or when it is time. Where the relay has none it loses all.
  open(on) {
    let closed = false;
    let session = null;
    const begin = async () => {
      if (closed) return;
      const learned = this.learn(); // for the next one: port and certificates change
      if (this.pause > 0) await learned; // that may be why the last one failed
      const { quic, hashes } = this.relay;
      if (closed || !quic) return;
      let opened = false;
      session = openDatagrams(`https://${this.host}:${quic}/wt`, hashes || [], (what, value) => {
        if (what === 'open') {
          opened = true;
          this.pause = 0;
        } else if (what === 'closed' && !opened) {
          this.pause = Math.min(Math.max(2 * this.pause, LEAST_PAUSE), MOST_PAUSE);
          this.notBefore = performance.now() + this.pause;
        }
        on(what, value);
      });
    };
    const timer = setTimeout(begin, Math.max(0, this.notBefore - performance.now()));
    return {
      send(bytes) {
        if (session) session.send(bytes);
      },
      close() {
        closed = true;
        clearTimeout(timer);
        if (session) session.close();
      },
    };
  }
}

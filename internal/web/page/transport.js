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

// What stands for a session where the relay has none now: it loses all.
function noDatagrams() {
  return { send() {}, close() {} };
}

// The audio thread: what the microphone gives goes to the engine in blocks of 10 ms, with the time at which it went, and what
// comes from there is played.
// 128 samples at a time, with no allocation but for the messages.
'use strict';

const BLOCK = 480; // 10 ms at 48 kHz
const ROOM = 1 << 14; // samples that wait to be played at most: a third of a second

class Sound extends AudioWorkletProcessor {
  constructor() {
    super();
    this.ring = new Float32Array(ROOM);
    this.first = 0;
    this.count = 0;
    this.played = 0; // samples, ever
    this.starved = 0; // how often there were none to play
    this.missed = 0; // how many were none, ever
    this.dry = true;
    this.pcm = new Float32Array(BLOCK);
    this.have = 0;
    this.engine = null;
    this.port.onmessage = (e) => {
      this.engine = e.data;
      this.engine.onmessage = ({ data }) => this.take(new Float32Array(data));
    };
  }

  take(pcm) {
    for (let i = 0; i < pcm.length; i++) {
      if (this.count === ROOM) {
        this.played++; // never: the engine waits
        continue;
      }
      this.ring[(this.first + this.count++) & (ROOM - 1)] = pcm[i];
    }
  }

  process(inputs, outputs) {
    const out = outputs[0][0];
    const n = Math.min(out.length, this.count);
    for (let i = 0; i < n; i++) out[i] = this.ring[(this.first + i) & (ROOM - 1)];
    for (let c = 1; c < outputs[0].length; c++) outputs[0][c].set(out);
    this.first = (this.first + n) & (ROOM - 1);
    this.count -= n;
    this.played += n;
    this.missed += out.length - n;
    if (n === out.length) this.dry = false;
    else if (!this.dry) {
      this.dry = true;
      this.starved++;
    }

    const mic = inputs[0][0];
    for (let i = 0; i < out.length; i++) {
      this.pcm[this.have++] = mic ? mic[i] : 0;
      if (this.have < BLOCK) continue;
      this.have = 0;
      if (!this.engine) continue;
      const pcm = mic ? this.pcm : null;
      this.engine.postMessage({ at: Date.now(), pcm, played: this.played, starved: this.starved, missed: this.missed }, mic ? [pcm.buffer] : []);
      if (mic) this.pcm = new Float32Array(BLOCK);
    }
    return true;
  }
}

registerProcessor('tincan', Sound);

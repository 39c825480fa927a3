// The browser's sound devices. What they give and take goes between the audio thread and the worker; here they are only
// joined.

// What is wrong with a microphone, in words that say what to do.
const MICROPHONE = {
  NotAllowedError: 'The browser does not let this page use the microphone: allow it beside the address of the page, or in the system’s settings.',
  NotFoundError: 'No microphone was found: plug one in.',
  NotReadableError: 'The microphone cannot be opened: another program may have it, or the system forbids it.',
  OverconstrainedError: 'That microphone is not there any more: choose another one.',
  SecurityError: 'The browser forbids microphones to this page.',
};

// whyNoMicrophone is what a person is told.
export function whyNoMicrophone(err) {
  return MICROPHONE[err.name] || `The microphone cannot be used: ${err.message || err.name}.`;
}

// whatIsMissing tells why this page cannot work in this browser, or ''.
export function whatIsMissing() {
  if (!window.isSecureContext) {
    return `Browsers give sound and microphones to pages that come by https only: open https://${location.host}${location.pathname}.`;
  }
  if (typeof AudioWorkletNode === 'undefined' || typeof WebAssembly === 'undefined' || !navigator.mediaDevices) {
    return 'This browser is too old for this page: it takes one of 2021 or later.';
  }
  return '';
}

// Sound is the page's one audio graph: microphone, audio thread, loudspeaker.
export class Sound {
  constructor() {
    this.context = null;
    this.node = null;
    this.stream = null;
    this.source = null;
    this.lost = () => {}; // the microphone was taken away
  }

  // open makes the graph, or wakes it, after a click. It returns the port of the audio thread the first time, and null
  // after that.
  async open() {
    if (this.context) {
      await this.context.resume();
      return null;
    }
    this.context = new AudioContext({ sampleRate: 48000, latencyHint: 'interactive' });
    await this.context.audioWorklet.addModule(new URL('worklet.js', import.meta.url));
    this.node = new AudioWorkletNode(this.context, 'tincan', { numberOfInputs: 1, outputChannelCount: [1] });
    const { port1, port2 } = new MessageChannel();
    this.node.port.postMessage(port1, [port1]);
    this.node.connect(this.context.destination);
    await this.context.resume();
    return port2;
  }

  // listen opens a microphone, '' for the system's, in place of the one before. Errors are for whyNoMicrophone.
  async listen(device) {
    const audio = { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true };
    if (device) audio.deviceId = { exact: device };
    const stream = await navigator.mediaDevices.getUserMedia({ audio });
    this.deaf();
    this.stream = stream;
    const track = stream.getAudioTracks()[0];
    track.onended = () => this.lost();
    this.source = this.context.createMediaStreamSource(stream);
    this.source.connect(this.node);
  }

  // deaf lets go of the microphone.
  deaf() {
    if (this.source) this.source.disconnect();
    if (this.stream) {
      for (const track of this.stream.getTracks()) {
        track.onended = null;
        track.stop();
      }
    }
    this.source = this.stream = null;
  }

  // close lets go of the devices.
  async close() {
    this.deaf();
    if (this.context) await this.context.suspend();
  }

  // latency is what the devices add, in seconds, as far as the browser says.
  latency() {
    const settings = this.stream ? this.stream.getAudioTracks()[0].getSettings() : {};
    return {
      seconds: (this.context.baseLatency || 0) + (this.context.outputLatency || 0),
      in: settings.latency || 0,
    };
  }

  // devices are those of a kind, 'audioinput' or 'audiooutput', by id and label.
  async devices(kind) {
    const all = await navigator.mediaDevices.enumerateDevices();
    return all.filter((d) => d.kind === kind && d.deviceId).map((d) => ({ id: d.deviceId, label: d.label || 'unnamed' }));
  }

  // canChoose tells whether the loudspeaker can be chosen.
  canChoose() {
    return typeof AudioContext.prototype.setSinkId === 'function';
  }

  // speak plays by another device.
  async speak(device) {
    await this.context.setSinkId(device === 'default' ? '' : device);
  }
}

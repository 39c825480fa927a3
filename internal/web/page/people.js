// The list of who is in the room: a meter for each, and how loud they are here.

// loudness makes what a meter shows, 0 to 1, of a level in -dBov (0 loudest, 127 silent).
export function loudness(level) {
  return Math.max(0, (70 - level) / 70);
}

// People is the list. own is our name; setVolume(session, volume) is called when somebody moves a slider.
export class People {
  constructor(list, setVolume) {
    this.list = list;
    this.setVolume = setVolume;
    this.rows = new Map(); // by session; ours is 0
  }

  // clear empties it.
  clear() {
    this.list.replaceChildren();
    this.rows.clear();
  }

  // show brings it up to date.
  show(own, state) {
    const here = new Set([0]);
    this.row(0, `${own} (you)`, false).update({
      talking: !state.muted && state.level < 60,
      level: state.level,
      note: state.muted ? 'muted' : '',
    });
    for (const p of state.peers) {
      here.add(p.session);
      this.row(p.session, p.name, true, p.volume).update({ talking: p.talking, level: p.talking ? p.level : 127, note: noteOf(p) });
    }
    for (const [session, row] of this.rows) {
      if (!here.has(session)) {
        row.item.remove();
        this.rows.delete(session);
      }
    }
  }

  row(session, name, other, volume) {
    let row = this.rows.get(session);
    if (!row) {
      row = new Row(name, other, volume, (v) => this.setVolume(session, v));
      this.rows.set(session, row);
      this.list.append(row.item);
    }
    return row;
  }
}

// noteOf says what else there is to say of somebody.
function noteOf(p) {
  const notes = [];
  if (p.foreign) notes.push('has another secret: you do not hear each other');
  if (p.recording) notes.push('records the call');
  if (p.frames > 0) notes.push(`${Math.round(p.delay)} ms late`);
  if (p.frames > 250 && p.concealed > p.frames / 50) notes.push(`${Math.round((100 * p.concealed) / p.frames)} % made up`);
  return notes.join(' · ');
}

// Row is one of them.
class Row {
  constructor(name, other, volume, changed) {
    this.item = document.createElement('li');
    this.name = element('span', 'name', name);
    this.says = element('span', 'visually-hidden', '');
    this.note = element('span', 'note', '');
    const who = element('span', 'who', '');
    who.append(this.name, this.says, this.note);
    this.meter = document.createElement('meter');
    this.meter.min = 0;
    this.meter.max = 1;
    this.meter.setAttribute('aria-label', `How loud ${name} is`);
    this.item.append(who, this.meter);
    if (other) {
      const slider = document.createElement('input');
      slider.type = 'range';
      slider.min = '0';
      slider.max = '2';
      slider.step = '0.05';
      slider.value = String(volume);
      slider.setAttribute('aria-label', `Volume of ${name}`);
      const tell = () => slider.setAttribute('aria-valuetext', `${Math.round(100 * slider.value)} percent`);
      tell();
      slider.addEventListener('input', () => {
        tell();
        changed(Number(slider.value));
      });
      this.item.append(slider);
    }
  }

  update({ talking, level, note }) {
    this.item.classList.toggle('talks', talking);
    const says = talking ? ', talks' : '';
    if (this.says.textContent !== says) this.says.textContent = says;
    if (this.note.textContent !== note) this.note.textContent = note;
    this.meter.value = loudness(level);
  }
}

function element(tag, name, text) {
  const e = document.createElement(tag);
  e.className = name;
  e.textContent = text;
  return e;
}

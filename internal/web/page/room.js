// The room in the address of the page: everything behind the #, which browsers send to nobody.
//
//   https://relay.example:9999/#kitchen                  a room
//   https://relay.example:9999/#kitchen/oKGio6Slpq...    and its secret

// read takes a fragment apart: {room, secret}.
export function read(hash) {
  const text = hash.replace(/^#/, '');
  const cut = text.indexOf('/');
  const part = (s) => {
    try {
      return decodeURIComponent(s);
    } catch {
      return s; // somebody typed a %
    }
  };
  return cut < 0 ? { room: part(text), secret: '' } : { room: part(text.slice(0, cut)), secret: part(text.slice(cut + 1)) };
}

// write is the fragment of a room.
export function write({ room, secret }) {
  if (!room && !secret) return '';
  return '#' + encodeURIComponent(room) + (secret ? '/' + encodeURIComponent(secret) : '');
}

// newSecret is one of 128 random bits, as those of invitations.
export function newSecret() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}

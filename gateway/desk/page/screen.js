// What the result area shows, and for how long. One thing is on screen at a
// time: the last card or code. A person never stays: the picture is cleared a
// few seconds after the card was removed, and a minute after the read at the
// latest.

const afterRemoval = 8000; // milliseconds
const afterRead = 60000; // milliseconds

// Screen holds the present picture, {kind, …}, and calls show when it changes.
// The kinds: idle, reading, read, removed, cleared, expired, failed.
export class Screen {
  constructor(show) {
    this.show = show;
    this.picture = { kind: 'idle' };
    this.timer = 0;
    this.fetching = null; // the read on its way here: {reader, taken}
  }

  set(picture, milliseconds, then) {
    clearTimeout(this.timer);
    this.picture = picture;
    this.show(picture);
    if (milliseconds !== undefined) {
      this.timer = setTimeout(then, milliseconds);
    }
  }

  idle() {
    this.set({ kind: 'idle' });
  }

  // presented: a card was put in. The person before must not be mistaken for
  // this one, so it goes at once.
  presented(event) {
    this.fetching = null;
    this.set({ kind: 'reading', reader: event.reader }, afterRead, () => this.idle());
  }

  // read: fetch the whole read and show it.
  async read(event) {
    const fetching = { reader: event.reader, taken: false };
    this.fetching = fetching;
    let picture = { kind: 'failed' };
    try {
      const response = await fetch('v1/reads/' + encodeURIComponent(event.id));
      if (response.ok) {
        picture = { kind: 'read', event: event, read: await response.json() };
      } else if (response.status === 410 || response.status === 404) {
        picture = { kind: 'expired' };
      }
    } catch (e) {
      // No connection: the picture says so.
    }
    if (this.fetching !== fetching) {
      return; // something newer happened meanwhile
    }
    this.fetching = null;
    picture.reader = event.reader;
    picture.scanned = event.type === 'code.read'; // nothing stays in a scanner
    this.set(picture, afterRead, () => this.clear());
    if (fetching.taken) {
      this.removed(event);
    }
  }

  // clear: the minute is over. Where a person was, the screen says so and, if
  // need be, that the card is still in the reader.
  clear() {
    const picture = this.picture;
    if (picture.kind !== 'read' || !picture.read.patient) {
      this.idle();
      return;
    }
    this.set({ kind: 'cleared', reader: picture.reader, inside: !picture.scanned }, afterRead, () => this.idle());
  }

  // removed: the card left. Only the reader on screen counts. A card that was
  // held on for a moment only is still worth showing once its read is here.
  removed(event) {
    if (this.fetching && this.fetching.reader === event.reader) {
      this.fetching.taken = true;
      return;
    }
    const picture = this.picture;
    if (picture.reader !== event.reader || picture.removed || picture.scanned) {
      return;
    }
    if (picture.kind === 'read') {
      this.set(Object.assign({}, picture, { removed: true }), afterRemoval, () => this.gone(event.reader));
    } else {
      this.gone(event.reader);
    }
  }

  gone(reader) {
    this.set({ kind: 'removed', reader: reader, removed: true }, afterRemoval, () => this.idle());
  }

  // stopped: reading ended in a fault, which is told elsewhere.
  stopped(event) {
    if (this.picture.kind === 'reading' && this.picture.reader === event.reader) {
      this.idle();
    }
  }

  // forget drops everything at once, as when the page is left.
  forget() {
    this.fetching = null;
    this.idle();
  }
}

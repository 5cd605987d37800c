// The event stream, kept open. The browser reconnects by itself and resumes at
// the last event; only an answer that is not a stream ends it, and then it is
// opened again here.

const retryAfter = 3000; // milliseconds

// follow opens the stream and calls on.open, on.event, on.gap and on.down.
export function follow(on) {
  let cursor = '';

  function open() {
    const source = new EventSource('v1/events' + (cursor ? '?after=' + cursor : ''));
    source.addEventListener('hello', function (m) {
      cursor = m.lastEventId;
      on.open();
    });
    source.addEventListener('gap', function (m) {
      cursor = m.lastEventId;
      on.gap();
    });
    source.onmessage = function (m) {
      cursor = m.lastEventId;
      on.event(JSON.parse(m.data));
    };
    source.onerror = function () {
      on.down();
      if (source.readyState === EventSource.CLOSED) {
        setTimeout(open, retryAfter);
      }
    };
  }

  open();
}

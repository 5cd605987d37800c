// The desk page: follows the event stream, keeps what the service says and
// paints it. Nothing a card says is kept outside the result area's picture.

import { node } from './nodes.js';
import { language, preferred, t, translate, use } from './texts.js';
import { follow } from './feed.js';
import { Screen } from './screen.js';
import { paint } from './person.js';
import { paintAlerts, paintReaders } from './readers.js';
import { paintPlatform } from './platform.js';
import { paintSimulator } from './simulator.js';
import { paintPrompt } from './prompt.js';

const statusEvery = 30000; // milliseconds
const statusAfterEvent = 1500; // milliseconds, when the read has reached the queue

const element = (id) => document.getElementById(id);
const known = { link: 'connecting', gap: false, readers: null, status: null, simulator: null, prompts: [] };
const screen = new Screen(showPicture);
let statusTimer = 0;

async function ask(path, body) {
  const options = { headers: { 'Accept-Language': language() } };
  if (body) {
    options.method = 'POST';
    options.headers['Content-Type'] = 'application/json';
    options.body = JSON.stringify(body);
  }
  const response = await fetch('v1/' + path, options);
  if (!response.ok) {
    throw new Error(path + ' ' + response.status);
  }
  return response.json();
}

function showPicture(picture) {
  const say = paint(element('result'), picture);
  if (picture.kind !== 'idle' && element('announce').textContent !== say) {
    element('announce').textContent = say;
  } else if (picture.kind === 'idle') {
    element('announce').textContent = '';
  }
}

function showLink() {
  element('link').setAttribute('data-state', known.link);
  element('link-text').setAttribute('data-text', 'page.link.' + known.link);
  element('link-text').textContent = t('page.link.' + known.link);
}

function showReaders() {
  paintReaders(element('readers'), known.readers, known.link !== 'down');
  const others = [];
  if (known.link === 'down') {
    others.push('page.link.down.say');
  }
  if (known.gap) {
    others.push('page.gap');
  }
  paintAlerts(element('alerts'), known.link === 'down' ? [] : known.readers || [], others, language());
}

function showStatus() {
  paintPlatform(element('platform'), known.status, known.link !== 'down');
  const status = known.status || {};
  element('desk').textContent = status.desk ? t('page.desk') + ' ' + status.desk : '';
  element('foot').textContent = status.version ? t('page.version', { version: status.version }) : '';
}

function showSimulator() {
  element('simulator').hidden = !known.simulator;
  if (known.simulator) {
    paintSimulator(element('simulator-readers'), known.simulator, useSimulator);
  }
}

function showPrompt() {
  paintPrompt(element('prompt'), known.prompts[known.prompts.length - 1], answerPrompt);
}

function showAll() {
  translate();
  for (const button of document.querySelectorAll('[data-language]')) {
    button.setAttribute('aria-pressed', String(button.getAttribute('data-language') === language()));
  }
  showLink();
  showReaders();
  showStatus();
  showSimulator();
  element('prompt').removeAttribute('data-prompt'); // in the new language
  showPrompt();
  showPicture(screen.picture);
}

async function askReaders() {
  try {
    known.readers = (await ask('readers')).readers;
    showReaders();
    if (known.simulator) {
      known.simulator.readers = known.readers.filter((r) => r.simulated);
      showSimulator();
    }
  } catch (e) {
    // The stream tells when the service is away, and asks again when it is back.
  }
}

async function askStatus() {
  clearTimeout(statusTimer);
  statusTimer = setTimeout(askStatus, statusEvery);
  try {
    known.status = await ask('status');
    showStatus();
    if (known.status.simulator && !known.simulator) {
      known.simulator = await ask('simulator');
      showSimulator();
    }
  } catch (e) {
    // As above.
  }
}

function askStatusSoon() {
  clearTimeout(statusTimer);
  statusTimer = setTimeout(askStatus, statusAfterEvent);
}

async function askPrompts() {
  try {
    known.prompts = (await ask('prompts')).prompts;
    showPrompt();
  } catch (e) {
    // As above.
  }
}

async function answerPrompt(id, body) {
  try {
    await ask('prompts/' + encodeURIComponent(id), body);
  } catch (e) {
    // It was closed meanwhile: the next event says what became of the card.
  }
  askPrompts();
}

async function useSimulator(what, body) {
  element('simulator-error').textContent = '';
  try {
    await ask('simulator/' + what, body);
  } catch (e) {
    element('simulator-error').textContent = t('page.simulator.failed');
  }
}

// connected: the stream is open, perhaps again. What happened meanwhile is in
// the state of the readers: a card that is gone takes its person along, and a
// card that is there is shown on a fresh page.
async function connected() {
  known.link = 'up';
  showLink();
  await Promise.all([askReaders(), askStatus(), askPrompts()]);
  showReaders();
  const shown = screen.picture;
  const inside = (known.readers || []).filter((r) => r.read);
  if (shown.kind === 'read' && !shown.scanned && !inside.some((r) => r.read === shown.event.id)) {
    screen.removed({ reader: shown.reader });
  } else if (shown.kind === 'idle' && inside.length > 0) {
    const latest = inside.reduce((a, b) => (a.since > b.since ? a : b));
    screen.read({ id: latest.read, reader: latest.name, type: 'card.read' });
  }
}

function disconnected() {
  known.link = 'down';
  showLink();
  showReaders();
  showStatus();
}

function happened(event) {
  known.gap = false;
  switch (event.type) {
    case 'card.presented':
      screen.presented(event);
      break;
    case 'card.read':
    case 'code.read':
      screen.read(event);
      askStatusSoon();
      break;
    case 'card.removed':
    case 'reader.detached':
      screen.removed(event);
      break;
    case 'reader.fault':
      screen.stopped(event);
      break;
    case 'prompt.opened':
    case 'prompt.closed':
      askPrompts();
      break;
  }
  askReaders();
}

async function start() {
  await use(preferred(), false);
  showAll();
  for (const button of document.querySelectorAll('[data-language]')) {
    button.addEventListener('click', async () => {
      await use(button.getAttribute('data-language'), true);
      showAll();
    });
  }
  follow({
    open: connected,
    event: happened,
    gap: () => {
      known.gap = true;
      showReaders();
    },
    down: disconnected,
  });
  // A page kept for the back button must not keep a person.
  window.addEventListener('pagehide', () => screen.forget());
}

start().catch((e) => {
  element('alerts').appendChild(node('p', { class: 'alert' }, '页面没有打开，请刷新。 The page did not open. Please reload. (' + e.message + ')'));
});

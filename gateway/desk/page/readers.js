// The list of readers and the alerts about them.

import { fill, icon, node } from './nodes.js';
import { t, first } from './texts.js';

// paintReaders lists the readers with their state in words; without a
// connection the state is unknown. Before the first answer readers is null.
export function paintReaders(list, readers, connected) {
  if (!readers) {
    fill(list);
    return;
  }
  const named = readers.filter((r) => r.name);
  if (named.length === 0) {
    fill(list, node('li', { class: 'none' }, t('page.no_readers')));
    return;
  }
  fill(list, ...named.map((r) => row(r, connected ? r.state : 'unknown')));
}

function row(r, state) {
  return node('li', { class: 'reader', 'data-state': state, 'data-reader': r.name },
    node('span', { class: 'dot', 'aria-hidden': 'true' }),
    node('span', { class: 'kind' }, first(['kind.' + r.kind, 'kind.other'])),
    node('span', { class: 'state' }, t('state.' + state)),
    node('span', { class: 'id' }, r.simulated && node('span', { class: 'tag' }, t('page.simulated.short')), r.name));
}

// paintAlerts shows every fault as a sentence and what to do. An alert that is
// already there is left alone, so that it is announced once.
export function paintAlerts(area, readers, others, language) {
  const wanted = others.map((key) => ({ id: key + '/' + language, say: t(key), remedy: '', where: '', detail: '' }));
  for (const r of readers) {
    if (r.fault) {
      wanted.push({
        id: [r.driver, r.name, r.fault.code, r.since, language].join('/'),
        say: first(['fault.' + r.fault.code + '.say', 'fault.other.say'], { code: r.fault.code }),
        remedy: first(['fault.' + r.fault.code + '.do', 'fault.other.do'], { code: r.fault.code }),
        where: r.name || r.driver,
        detail: r.fault.detail || '',
      });
    }
  }
  const ids = wanted.map((w) => w.id);
  for (const shown of Array.from(area.children)) {
    if (ids.indexOf(shown.getAttribute('data-id')) < 0) {
      area.removeChild(shown);
    }
  }
  const present = Array.from(area.children).map((e) => e.getAttribute('data-id'));
  for (const w of wanted) {
    if (present.indexOf(w.id) < 0) {
      area.appendChild(node('div', { class: 'alert', 'data-id': w.id }, icon('warn'),
        node('p', null, node('strong', null, w.say), ' ', w.remedy),
        (w.where || w.detail) && node('p', { class: 'where' }, [w.where, w.detail].filter(Boolean).join(' · '))));
    }
  }
}

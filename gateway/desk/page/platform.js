// Queue and upstream in words.

import { fill, icon, node } from './nodes.js';
import { t, first } from './texts.js';
import { duration, moment } from './dates.js';

// paintPlatform shows what GET /v1/status says.
export function paintPlatform(area, status) {
  if (!status) {
    fill(area);
    return;
  }
  const upstream = status.upstream;
  const depth = status.queue.depth;
  const waiting = Object.keys(depth).reduce((sum, c) => sum + depth[c], 0);
  const line = (text, name) => text && node('p', { class: name }, text);
  fill(area,
    node('p', { class: 'upstream', id: 'upstream', 'data-state': upstream.state },
      node('span', { class: 'dot', 'aria-hidden': 'true' }), t('upstream.' + upstream.state)),
    line(first(['upstream.' + upstream.state + '.say']), 'say'),
    node('p', { class: 'queue', id: 'queue' },
      waiting === 0 ? t('queue.empty') : t('queue.waiting', { count: waiting })),
    waiting > 0 && line(classes(depth), 'detail'),
    waiting > 0 && line(t('queue.oldest', { age: duration(status.queue.oldest_age_seconds) }), 'detail'),
    status.queue.parked > 0 && node('p', { class: 'parked' }, icon('warn'), t('queue.parked', { count: status.queue.parked })),
    upstream.last_success && line(t('upstream.last', { time: moment(upstream.last_success) }), 'detail'),
    upstream.state === 'down' && line(upstream.code, 'detail code'),
    conditions(status.health));
}

function classes(depth) {
  return Object.keys(depth).filter((c) => depth[c] > 0)
    .map((c) => (first(['class.' + c]) || c) + ' ' + depth[c]).join(' · ');
}

function conditions(list) {
  if (list.length === 0) {
    return null;
  }
  return node('ul', { class: 'conditions' }, ...list.map((c) => node('li', { class: c.severity }, icon('warn'),
    first(['condition.' + c.code, 'condition.other'], {
      severity: first(['severity.' + c.severity]) || c.severity,
      code: c.code,
      time: c.since ? moment(c.since) : '',
    }))));
}

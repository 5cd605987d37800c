// Queue and upstream in words.

import { fill, icon, node } from './nodes.js';
import { t, first } from './texts.js';
import { duration, moment } from './dates.js';

// paintPlatform shows what GET /v1/status says, or that it cannot be asked.
export function paintPlatform(area, status, connected) {
  if (!status || !connected) {
    fill(area, !connected && node('p', null, t('page.platform.stale')));
    return;
  }
  const upstream = status.upstream;
  const queue = status.queue;
  const off = upstream.state === 'off';
  const waiting = Object.keys(queue.depth).reduce((sum, c) => sum + queue.depth[c], 0);
  const line = (text, name) => text && node('p', { class: name }, text);
  fill(area,
    node('p', { class: 'upstream', id: 'upstream', 'data-state': upstream.state },
      node('span', { class: 'dot', 'aria-hidden': 'true' }), t('upstream.' + upstream.state)),
    line(first(['upstream.' + upstream.state + '.say']), 'say'),
    line(t(waiting === 0 ? 'queue.empty' : off ? 'queue.kept' : 'queue.waiting', { count: waiting }), 'queue'),
    waiting > 0 && !off && line(classes(queue.depth), 'detail'),
    waiting > 0 && !off && line(t('queue.oldest', { age: duration(queue.oldest_age_seconds) }), 'detail'),
    upstream.last_success && line(t('upstream.last', { time: moment(upstream.last_success) }), 'detail'),
    upstream.state === 'down' && line(upstream.code, 'detail code'),
    queue.parked > 0 && node('p', { class: 'parked' }, icon('warn'), t('queue.parked', { count: queue.parked })),
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
    node('span', null, condition(c), c.since && node('span', { class: 'since' }, t('condition.since', { time: moment(c.since) }))))));
}

function condition(c) {
  const driver = /^driver_(.+)$/.exec(c.code);
  if (driver) {
    return t('condition.driver', { name: driver[1] });
  }
  return first(['condition.' + c.code, 'condition.other'],
    { severity: first(['severity.' + c.severity]) || c.severity, code: c.code });
}

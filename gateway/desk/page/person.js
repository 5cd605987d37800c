// The result area: one big picture of the last card or code.

import { fill, icon, node } from './nodes.js';
import { first, language, t } from './texts.js';
import { age, clock, fhirDate, past } from './dates.js';

const ladder = ['uid-only', 'memory-read', 'chip-read', 'chip-authenticated', 'online-verified'];

// paint shows the picture of a Screen in the area and returns the sentence to
// announce for it.
export function paint(area, picture) {
  const painter = painters[picture.kind];
  const painted = painter(picture);
  area.className = 'result ' + painted.look;
  fill(area, ...painted.nodes);
  return painted.say;
}

const painters = {
  idle: () => sign('card', 'idle', 'page.idle', 'page.idle.say'),
  reading: () => sign('reading', 'reading', 'page.reading', 'page.reading.say'),
  removed: () => sign('removed', 'calm', 'page.removed'),
  cleared: (p) => sign('cleared', 'calm', 'page.cleared', 'page.cleared.say', p.inside && 'page.cleared.card'),
  expired: () => sign('unknown', 'care', 'page.expired', 'page.expired.say'),
  failed: () => sign('unknown', 'care', 'page.fetch_failed', 'page.fetch_failed.say'),
  read: (p) => tellsWho(p.read) ? person(p) : nobody(p),
};

// tellsWho says whether a read is about a person. A code that only the platform
// can resolve is a string of digits to everybody else.
function tellsWho(read) {
  const p = read.patient;
  return Boolean(p && (p.name || p.birthDate || !(read.warnings || []).some((w) => w.code === 'needs_online')));
}

// sign is a picture without a person: what happened, what to do.
function sign(name, look, title, ...sentences) {
  const lines = sentences.filter(Boolean).map((key) => t(key));
  return {
    look: 'sign ' + look,
    say: [t(title)].concat(lines).join(' '),
    nodes: [icon(name, 'big'), node('h2', { class: 'headline' }, t(title))]
      .concat(lines.map((line) => node('p', { class: 'do' }, line))),
  };
}

// verdicts are the warnings that say by themselves why there is no patient, the
// strongest first, with the text that tells it.
const verdicts = [
  ['signature_invalid', 'page.forged'],
  ['document_altered', 'page.forged'],
  ['payment_code', 'page.payment_code'],
  ['bank_card', 'page.bank_card'],
  ['card_refused', 'page.refused'],
  ['staff_card', 'page.refused'],
  ['not_a_patient_card', 'page.refused'],
  ['needs_pin', 'page.locked'],
  ['needs_can', 'page.locked'],
  ['needs_sam', 'page.locked'],
  ['needs_licence', 'page.locked'],
  ['needs_key', 'page.locked'],
  ['ambiguous', 'page.ambiguous'],
  ['needs_online', 'page.needs_online'],
  ['card_unknown', 'page.unknown_card'],
  ['code_unknown', 'page.unknown_code'],
];

// nobody is a read without a patient: an unknown or a wrong card or code.
function nobody(picture) {
  const read = picture.read;
  const list = read.warnings || [];
  const verdict = verdicts.filter((v) => list.some((w) => w.code === v[0]))[0];
  let what = 'page.no_person';
  if (verdict) {
    what = verdict[1];
  } else if (read.medium === 'unknown') {
    what = picture.scanned ? 'page.unknown_code' : 'page.unknown_card';
  }
  const stop = ['page.payment_code', 'page.bank_card', 'page.refused', 'page.forged'].indexOf(what) >= 0;
  // What a locked card needs is the sentence itself.
  const why = what === 'page.locked' ? 'warning.' + verdict[0] : what + '.say';
  const painted = sign(stop ? 'stop' : 'unknown', 'care', what, why);
  painted.nodes.unshift(simulated(read), read.medium !== 'unknown' && node('p', { class: 'source' },
    node('strong', { id: 'medium' }, mediumOf(read.medium))));
  painted.nodes.push(warnings(list.filter((w) => !verdict || w.code !== verdict[0]), false));
  const extras = read.extras || {};
  if (what === 'page.refused' && typeof extras.message === 'string') {
    painted.nodes.push(node('p', { class: 'do' }, extras.message)); // the profile's words
  }
  if (read.assurance === 'uid-only' && typeof extras.uid === 'string') {
    painted.nodes.push(node('p', { class: 'for-it' }, t('page.uid')));
    painted.nodes.push(node('code', { class: 'atr', id: 'uid' }, extras.uid));
  }
  const atr = extras.atr;
  if (read.medium === 'unknown' && typeof atr === 'string') {
    painted.nodes.push(node('p', { class: 'for-it' }, t('page.unknown_card.it')));
    painted.nodes.push(node('code', { class: 'atr', id: 'atr' }, atr.replace(/(..)(?!$)/g, '$1 ')));
  }
  if (picture.removed) {
    painted.nodes.push(node('p', { class: 'removed' }, icon('removed'), t('page.removed')));
  }
  return painted;
}

// person is a read with a patient.
function person(picture) {
  const read = picture.read;
  const patient = read.patient;
  const name = nameOf(patient);
  const sex = t('gender.' + (patient.gender || 'unknown'));
  const birth = fhirDate(patient.birthDate) || t('page.no_birth');
  const medium = mediumOf(read.medium);
  const assurance = first(['assurance.' + read.assurance]) || read.assurance;
  const until = validUntil(read.extras || {});
  const ended = until && past(until, new Date()) ? [{ code: 'expired' }] : [];
  const notes = warnings(ended.concat(read.warnings || []), read.partial);
  const told = [name.main, patient.gender && sex, patient.birthDate && birth, medium, assurance].filter(Boolean);
  const say = (read.simulated ? t('page.announce.simulated') + ' ' : '') +
    t('page.announce', { what: told.join(t('page.separator')) });
  return {
    look: 'person' + (picture.removed ? ' leaving' : '') + (notes || read.assurance === 'uid-only' ? ' heed' : ''),
    say: picture.removed ? t('page.removed') : say,
    nodes: [
      simulated(read),
      picture.removed && node('p', { class: 'removed', id: 'removed' }, icon('removed'), t('page.removed.soon')),
      node('p', { class: 'source' },
        node('strong', { id: 'medium' }, medium),
        node('span', { class: 'when' }, t('page.read_at', { time: clock(read.time), reader: read.reader }))),
      node('h2', { class: name.known ? 'name' : 'name none', id: 'name', translate: 'no' }, name.main),
      name.others && node('p', { class: 'other-names', translate: 'no' }, name.others),
      vitals(sex, birth, age(patient.birthDate, new Date())),
      notes,
      numbers(patient.identifier || [], read.medium, until),
      coverages(read.coverage || []),
      badge(read.assurance, assurance),
    ],
  };
}

function simulated(read) {
  return read.simulated && node('p', { class: 'simulated', id: 'simulated' }, icon('training'), t('page.simulated'));
}

function mediumOf(medium) {
  return first(['medium.' + medium]) || medium;
}

// nameOf picks the official name and lists the others.
function nameOf(patient) {
  const names = (patient.name || []).slice();
  names.sort((a, b) => (a.use === 'official' ? 0 : 1) - (b.use === 'official' ? 0 : 1));
  const written = names.map(write).filter(Boolean);
  return { known: written.length > 0, main: written[0] || t('page.no_name'), others: written.slice(1).join(' · ') };
}

// write shows a name: as written on the card, else put together, without a
// space where the script has none.
function write(name) {
  if (name.text) {
    return name.text;
  }
  const given = (name.given || []).join(' ');
  const han = /[\u3400-\u9fff]/.test(name.family || given);
  return han ? (name.family || '') + given : [].concat(name.prefix || [], given, name.family || '').filter(Boolean).join(' ');
}

function vitals(sex, birth, years) {
  const item = (label, value, id) => value &&
    node('div', { class: 'vital' }, node('dt', null, t(label)), node('dd', { id: id }, value));
  return node('dl', { class: 'vitals' },
    item('page.sex', sex, 'sex'), item('page.birth', birth, 'birth'), item('page.age', years, 'age'));
}

// validUntil finds the end of the card's validity among the extras: profiles
// and the resident ID card call it card-expires.
function validUntil(extras) {
  const text = extras['card-expires'];
  return typeof text === 'string' ? text : '';
}

function numbers(identifiers, medium, until) {
  const rows = identifiers.map((id) =>
    node('div', null, node('dt', null, labelOf(id, medium)), node('dd', { class: 'digits', translate: 'no' }, spaced(id.value || ''))));
  if (fhirDate(until)) {
    rows.push(node('div', null, node('dt', null, t('page.valid_until')), node('dd', null, fhirDate(until))));
  }
  return rows.length === 0 ? null : node('dl', { class: 'numbers', 'aria-label': t('page.identifiers') }, ...rows);
}

// labelOf names an identifier: as this medium calls it, as the card's profile
// calls it in Chinese, by its type code, or in whatever words there are.
function labelOf(id, medium) {
  const type = id.type || {};
  const codes = (type.coding || []).map((c) => c.code);
  if (codes.length === 0 && /^\d{17}[\dX]$/.test(id.value || '')) {
    codes.push('resident');
  }
  return first(codes.map((c) => 'identifier.' + medium + '.' + c)) ||
    (language() === 'zh-CN' && type.text) ||
    first(codes.map((c) => 'identifier.' + c)) || type.text || t('identifier.other');
}

// spaced groups a resident id as people read it: region, birth date, the rest.
function spaced(value) {
  return value.replace(/^(\d{6})(\d{8})(\d{3}[\dX])$/, '$1 $2 $3');
}

function coverages(list) {
  if (list.length === 0) {
    return null;
  }
  return node('dl', { class: 'numbers coverage', 'aria-label': t('page.coverage') }, ...list.map((c) =>
    node('div', null, node('dt', null, t('page.coverage')), node('dd', null, coverageText(c)))));
}

function coverageText(c) {
  const payor = (c.payor || [])[0] || {};
  const type = c.type || {};
  const end = (c.period || {}).end;
  const parts = [
    payor.display,
    type.text || ((type.coding || [])[0] || {}).display,
    c.subscriberId && t('page.coverage.number', { value: c.subscriberId }),
    end && t(past(end, new Date()) ? 'page.coverage.ended' : 'page.coverage.until', { date: fhirDate(end) }),
  ].filter(Boolean);
  return parts.join(' · ') || t('page.coverage.some');
}

// badge shows the assurance as words, with a five-step bar beside them.
function badge(level, text) {
  const n = ladder.indexOf(level) + 1;
  const steps = ladder.map((_, i) => node('span', { class: i < n ? 'step on' : 'step' }));
  return node('div', { class: 'badge level-' + n },
    node('span', { class: 'steps', 'aria-hidden': 'true' }, ...steps),
    node('strong', { id: 'assurance' }, text),
    node('span', { class: 'unseen' }, t('page.assurance.level', { n: n, text: text })),
    node('span', { class: 'means' }, first(['assurance.' + level + '.say'])));
}

// warnings shows what to check, in sentences.
function warnings(list, partial) {
  const lines = list.map(sentence);
  if (partial) {
    lines.unshift(t('page.partial'));
  }
  const once = lines.filter((line, i) => lines.indexOf(line) === i);
  return once.length === 0 ? null :
    node('ul', { class: 'warnings', id: 'warnings' }, ...once.map((line) => node('li', null, icon('warn'), line)));
}

function sentence(w) {
  const field = w.field ? first(['field.' + w.field]) || w.field : '';
  const text = first(['warning.' + w.code, 'warning.other'], { code: w.code, field: field });
  return field ? text : text.replace(/\s*[（(]\s*[)）]/, '');
}

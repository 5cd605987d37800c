// Dates, ages and durations in words.

import { t } from './texts.js';

// fhirDate shows a FHIR date of any precision, YYYY, YYYY-MM or YYYY-MM-DD.
export function fhirDate(text) {
  const p = /^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?/.exec(text || '');
  if (!p) {
    return '';
  }
  const parts = { y: p[1], mm: p[2], dd: p[3], m: Number(p[2]), d: Number(p[3]) };
  return t(p[3] ? 'date.day' : p[2] ? 'date.month' : 'date.year', parts);
}

// age shows how old somebody born on a full FHIR date is now; '' when the date
// is not full or in the future.
export function age(birthDate, now) {
  const p = /^(\d{4})-(\d{2})-(\d{2})$/.exec(birthDate || '');
  if (!p) {
    return '';
  }
  const birth = new Date(Number(p[1]), Number(p[2]) - 1, Number(p[3]));
  let months = (now.getFullYear() - birth.getFullYear()) * 12 + now.getMonth() - birth.getMonth();
  if (now.getDate() < birth.getDate()) {
    months--;
  }
  if (months >= 36) {
    return t('age.years', { n: Math.floor(months / 12) });
  }
  if (months >= 1) {
    return t('age.months', { n: months });
  }
  const days = Math.floor((now - birth) / 86400000);
  return days >= 0 ? t('age.days', { n: days }) : '';
}

// past says whether a FHIR date lies wholly before today.
export function past(text, now) {
  const p = /^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?/.exec(text || '');
  if (!p) {
    return false;
  }
  const month = p[2] ? Number(p[2]) - 1 : 11;
  const end = p[3] ? new Date(Number(p[1]), month, Number(p[3]) + 1) : new Date(Number(p[1]), month + 1, 1);
  return end <= now;
}

// duration shows seconds in the two units that matter.
export function duration(seconds) {
  const units = [['days', 86400], ['hours', 3600], ['minutes', 60], ['seconds', 1]];
  for (let i = 0; i < units.length; i++) {
    const n = Math.floor(seconds / units[i][1]);
    if (n === 0 && i < units.length - 1) {
      continue;
    }
    let text = t('duration.' + units[i][0], { n: n });
    const rest = i < 2 ? Math.floor((seconds % units[i][1]) / units[i + 1][1]) : 0;
    if (rest > 0) {
      text += ' ' + t('duration.' + units[i + 1][0], { n: rest });
    }
    return text;
  }
  return '';
}

function two(n) {
  return n < 10 ? '0' + n : String(n);
}

// clock shows the time of day of an RFC 3339 time, in the desk's time zone.
export function clock(text) {
  const d = new Date(text);
  return two(d.getHours()) + ':' + two(d.getMinutes());
}

// moment shows date and time of day.
export function moment(text) {
  const d = new Date(text);
  return fhirDate(d.getFullYear() + '-' + two(d.getMonth() + 1) + '-' + two(d.getDate())) + ' ' + clock(text);
}

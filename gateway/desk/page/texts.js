// The texts of the page in the language chosen, from the same catalogue as the
// service's problems.

export const languages = ['zh-CN', 'en'];
const remembered = 'cardferry.language';
const catalogues = {};
let current = languages[0];

// language returns the language in use.
export function language() {
  return current;
}

// preferred returns the language to start in: the one chosen before, else the
// browser's first that there is, else the first.
export function preferred() {
  let saved = null;
  try {
    saved = localStorage.getItem(remembered);
  } catch (e) {
    // Storage may be switched off; then the choice lasts as long as the page.
  }
  if (languages.indexOf(saved) >= 0) {
    return saved;
  }
  for (const wish of navigator.languages || []) {
    for (const l of languages) {
      if (wish.slice(0, 2) === l.slice(0, 2)) {
        return l;
      }
    }
  }
  return languages[0];
}

// use loads a language and makes it the current one.
export async function use(wanted, remember) {
  if (!catalogues[wanted]) {
    const response = await fetch('texts/' + wanted + '.json');
    if (!response.ok) {
      throw new Error('texts ' + response.status);
    }
    catalogues[wanted] = await response.json();
  }
  current = wanted;
  if (remember) {
    try {
      localStorage.setItem(remembered, wanted);
    } catch (e) {
      // As above.
    }
  }
  document.documentElement.lang = wanted;
}

// has says whether there is a text for the key.
export function has(key) {
  return Object.prototype.hasOwnProperty.call(catalogues[current] || {}, key);
}

// t returns the text for the key with its {placeholders} filled in.
export function t(key, values) {
  if (!has(key)) {
    return key;
  }
  return catalogues[current][key].replace(/\{(\w+)\}/g, function (_, name) {
    return values && values[name] !== undefined ? String(values[name]) : '';
  });
}

// first returns the text for the first of the keys there is.
export function first(keys, values) {
  for (const key of keys) {
    if (has(key)) {
      return t(key, values);
    }
  }
  return '';
}

// translate fills in every element of the document that names its text.
export function translate() {
  for (const e of document.querySelectorAll('[data-text]')) {
    e.textContent = t(e.getAttribute('data-text'));
  }
  for (const e of document.querySelectorAll('[data-label]')) {
    e.setAttribute('aria-label', t(e.getAttribute('data-label')));
  }
  document.title = t('page.title');
}

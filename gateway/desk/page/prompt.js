// A question that a card cannot be read without, asked of the clerk. What is typed
// goes to the service and is kept nowhere.

import { fill, icon, node } from './nodes.js';
import { first, t } from './texts.js';

// paintPrompt shows a question, or hides the area when there is none; answer(id,
// body) sends what the clerk decided.
export function paintPrompt(area, prompt, answer) {
  if (!prompt) {
    area.hidden = true;
    fill(area);
    area.removeAttribute('data-prompt');
    return;
  }
  if (area.getAttribute('data-prompt') === prompt.id) {
    return; // what is half typed stays
  }
  const input = node('input', {
    id: 'prompt-answer', type: prompt.masked ? 'password' : 'text', autocomplete: 'off', spellcheck: 'false',
    autocapitalize: 'characters', maxlength: prompt.max_length, 'aria-describedby': 'prompt-hint',
    inputmode: prompt.kind === 'can' ? 'numeric' : undefined,
  });
  const without = node('button', { type: 'button', class: 'without' }, t('page.prompt.decline'));
  without.addEventListener('click', () => answer(prompt.id, { decline: true }));
  const form = node('form', null,
    node('label', { for: 'prompt-answer' }, icon('reading'), first(['prompt.' + prompt.kind, 'prompt.other'])),
    node('p', { id: 'prompt-hint' }, first(['prompt.' + prompt.kind + '.hint', 'prompt.other.hint'])),
    node('div', { class: 'answer' }, input, node('button', { type: 'submit' }, t('page.prompt.answer')), without));
  form.addEventListener('submit', (e) => {
    e.preventDefault();
    if (input.value.trim() !== '') {
      answer(prompt.id, { answer: input.value });
      input.value = '';
    }
  });
  fill(area, form);
  area.setAttribute('data-prompt', prompt.id);
  area.hidden = false;
  input.focus();
}

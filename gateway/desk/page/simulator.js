// Simulated readers: a row for each, a button for each card that fits it.

import { fill, icon, node } from './nodes.js';
import { t, first } from './texts.js';

// paintSimulator shows the readers and cards of GET /v1/simulator; use(what,
// body) does one thing with them. The button in use keeps the focus.
export function paintSimulator(area, simulator, use) {
  const focused = document.activeElement && document.activeElement.getAttribute('data-use');
  fill(area, ...simulator.readers.map((reader) => row(reader, simulator.cards, use)));
  for (const button of area.querySelectorAll('button')) {
    if (focused && button.getAttribute('data-use') === focused) {
      button.focus();
    }
  }
}

function row(reader, cards, use) {
  const buttons = cards.filter((c) => c.kind === reader.kind).map((card) => {
    const scan = reader.kind === 'scanner';
    const button = node('button', { type: 'button', 'data-use': reader.name + '/' + card.id }, card.title);
    button.addEventListener('click', () => scan ?
      use('scan', { reader: reader.name, text: card.text }) :
      use('insert', { reader: reader.name, card: card.id }));
    return button;
  });
  if (reader.kind !== 'scanner') {
    const remove = node('button', { type: 'button', class: 'remove', 'data-use': reader.name + '/' },
      icon('removed'), t('page.simulator.remove'));
    remove.addEventListener('click', () => use('remove', { reader: reader.name }));
    buttons.push(remove);
  }
  return node('div', { class: 'simulated-reader', role: 'group', 'aria-label': reader.name },
    node('p', null, node('strong', null, first(['kind.' + reader.kind, 'kind.other'])), ' ',
      node('span', { class: 'id' }, reader.name)),
    node('div', { class: 'buttons' }, ...buttons));
}

// Building the document. Text goes in as text only, never as markup: what a
// card says must not become part of the page's code.

// node makes an element with attributes and children; a child is a node, a
// string, or nothing.
export function node(name, attributes, ...children) {
  const e = document.createElement(name);
  for (const key of Object.keys(attributes || {})) {
    if (attributes[key] !== undefined && attributes[key] !== null) {
      e.setAttribute(key, attributes[key]);
    }
  }
  for (const child of children) {
    if (child) {
      e.appendChild(typeof child === 'string' ? document.createTextNode(child) : child);
    }
  }
  return e;
}

// icon makes a decorative picture; its meaning stands in the text next to it.
export function icon(name, className) {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  svg.setAttribute('class', 'icon ' + (className || ''));
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('focusable', 'false');
  const use = document.createElementNS(space, 'use');
  use.setAttribute('href', '#icon-' + name);
  svg.appendChild(use);
  return svg;
}

// fill replaces the children of an element.
export function fill(e, ...children) {
  while (e.firstChild) {
    e.removeChild(e.firstChild);
  }
  for (const child of children) {
    if (child) {
      e.appendChild(child);
    }
  }
}

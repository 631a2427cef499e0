// Builds elements. Text only ever enters the page as text nodes and attributes, so that no name can be markup.

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(made, name, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function setAttribute(target, name, value) {
  if (value === null || value === undefined || value === false) target.removeAttribute(name);
  else if (target.getAttribute(name) !== String(value)) target.setAttribute(name, value === true ? "" : value);
}

export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

// Style through the object model: the Content-Security-Policy allows no style attributes.
export function setShare(target, name, share) {
  const value = `${(Math.max(0, Math.min(1, share)) * 100).toFixed(2)}%`;
  if (target.style.getPropertyValue(name) !== value) target.style.setProperty(name, value);
}

export const byId = (id) => document.getElementById(id);

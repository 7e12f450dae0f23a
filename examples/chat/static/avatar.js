/** A name goes in, a round face comes out: initials on a colour that is always the same for that name. */

// Degrees on the colour wheel at which white letters stand well; the yellows between are left out.
const HUES = [12, 38, 148, 172, 205, 235, 262, 288, 318, 348];

export function paintAvatar(element, name) {
  element.textContent = initials(name);
  element.style.setProperty("--hue", hue(name));
}

function initials(name) {
  const words = name.trim().split(/\s+/).slice(0, 2);
  return words.map((word) => [...word][0] ?? "").join("").toUpperCase();
}

function hue(name) {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + character.codePointAt(0)) % 9973;
  return HUES[hash % HUES.length];
}

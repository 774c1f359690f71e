// How values are shown. Everything becomes text; nothing here makes HTML.

const whole = new Intl.NumberFormat('en', {maximumFractionDigits: 0});
const short = new Intl.NumberFormat('en', {notation: 'compact', maximumFractionDigits: 1});
const fine = [0, 1, 2, 3, 4].map(n => new Intl.NumberFormat('en', {maximumFractionDigits: n}));

export const isNumeric = type => /^(int|uint|double|decimal)\??$/.test(type);

const huge = 1e15; // beyond it digits say nothing

/// Four significant digits, but never fewer than the whole part has.
export function formatNumber(x) {
  if (!Number.isFinite(x)) return String(x);
  const size = Math.abs(x);
  if (size >= huge) return x.toExponential(3);
  if (Number.isInteger(x)) return whole.format(x);
  if (size > 0 && size < 0.001) return x.toExponential(1);
  return fine[size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : size >= 1 ? 3 : 4].format(x);
}

/// How many digits after the point show the finest of these numbers as `formatNumber` would.
export function digitsFor(numbers) {
  let size = 0;
  for (const x of numbers) if (typeof x === 'number' && !Number.isInteger(x)) size = Math.max(size, Math.abs(x));
  return size === 0 ? 0 : size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : 3;
}
const fixed = [0, 1, 2, 3].map(n => new Intl.NumberFormat('en', {minimumFractionDigits: n, maximumFractionDigits: n}));
/// With a fixed number of digits, so that a column lines up; what is too large or too small for that as it is.
export function formatFixed(x, digits) {
  const size = Math.abs(x);
  const fits = typeof x === 'number' && size < huge && (x === 0 || size >= 0.5 * 10 ** -digits);
  return fits ? fixed[digits].format(x) : formatValue(x);
}

export const formatShort = x => Math.abs(x) >= huge ? x.toExponential(1) : Math.abs(x) < 10000 ? formatNumber(x) : short.format(x);

export function formatValue(v, type = '') {
  if (v === null || v === undefined) return '–';
  if (typeof v === 'number') return formatNumber(v);
  if (typeof v === 'boolean') return v ? 'yes' : 'no';
  if (typeof v === 'string') return type.startsWith('timestamp') ? formatTime(v) : v;
  if (Array.isArray(v)) return v.map(x => formatEntry(x)).join(', ');
  return JSON.stringify(v);
}

// `top(x, n)` gives a list of {value, count}.
function formatEntry(x) {
  if (x && typeof x === 'object' && !Array.isArray(x) && 'value' in x && 'count' in x)
    return `${formatValue(x.value)} (${formatValue(x.count)})`;
  return formatValue(x);
}

const pad = n => String(n).padStart(2, '0');
const clock = d => `${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}`;
const day = d => `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())}`;

/// A time of today as a clock, another one with its day.
export function formatTime(text) {
  const ms = typeof text === 'number' ? text : Date.parse(text);
  if (!Number.isFinite(ms)) return String(text ?? '–');
  const d = new Date(ms);
  return day(d) === day(new Date()) ? clock(d) : `${day(d)} ${clock(d)}`;
}

export const formatClock = (ms, seconds) => {
  const d = new Date(ms);
  return seconds ? clock(d) : `${pad(d.getHours())}:${pad(d.getMinutes())}`;
};
export const formatDay = ms => day(new Date(ms)).slice(5);

/// 4 s, 3 min, 2 h, 5 d, 11 y.
export function formatSpan(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 120) return `${s} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  if (s < 172800) return `${Math.round(s / 3600)} h`;
  if (s < 63072000) return `${Math.round(s / 86400)} d`;
  return `${Math.round(s / 31536000)} y`;
}

/// An element with text and attributes; the only way that this page makes elements.
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'text') made.textContent = value;
    else if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children);
  return made;
}

/// Writes a text only if it differs, so that an idle page repaints nothing.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

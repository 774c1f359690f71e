// A line chart over window_end: SVG, no library. The newest open windows are dotted, high scores are points.
import {element, formatClock, formatDay, formatNumber, formatShort, formatTime} from './format.js';

const svg = (tag, attributes = {}, ...children) => {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
};

/// Scores are in [0, 1]; from here on a point is worth a look.
export const highScore = 0.9;

/// Round steps that divide [low, high] into about `count` parts.
function ticks(low, high, count) {
  const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map(n => n * power).find(n => n >= raw) ?? raw;
  const out = [];
  for (let i = Math.ceil(low / step); i * step <= high + step * 1e-9; i++) out.push(i * step);
  return out;
}

const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800].map(s => s * 1000);
function timeTicks(from, to, count) {
  const step = steps.find(s => (to - from) / s <= count) ?? Math.ceil((to - from) / count);
  const shift = new Date(from).getTimezoneOffset() * 60000;
  const out = [];
  for (let t = Math.ceil((from - shift) / step) * step + shift; t <= to; t += step) out.push(t);
  return {step, out};
}

export class Chart {
  constructor(host, label) {
    this.host = host;
    this.label = label;
    this.picture = svg('svg', {role: 'img'});
    this.tip = element('div', {class: 'tip', hidden: true});
    host.append(this.picture, this.tip);
    host.addEventListener('pointermove', event => this.point(event.clientX - host.getBoundingClientRect().left));
    host.addEventListener('pointerleave', () => this.point(null));
    new ResizeObserver(() => this.last && this.draw(this.last)).observe(host);
  }

  /// series: [{name, color, points: [{x, y, open, score}]}]
  draw(data) {
    this.last = data;
    const width = this.host.clientWidth, height = this.picture.clientHeight || 250;
    if (!width) return;
    const box = {left: 52, right: 14, top: 12, bottom: 26};
    this.picture.setAttribute('viewBox', `0 0 ${width} ${height}`);
    const all = data.flatMap(s => s.points);
    if (!all.length) {
      this.picture.setAttribute('aria-label', `${this.label}: no windows yet`);
      this.picture.replaceChildren(svg('text', {x: width / 2, y: height / 2, class: 'empty'}, 'No windows yet'));
      this.scale = null;
      return;
    }
    let x0 = Infinity, x1 = -Infinity, y0 = Infinity, y1 = -Infinity;
    for (const p of all) {
      x0 = Math.min(x0, p.x); x1 = Math.max(x1, p.x);
      y0 = Math.min(y0, p.y); y1 = Math.max(y1, p.y);
    }
    if (x0 === x1) { x0 -= 30000; x1 += 30000; }
    if (y0 > 0 && y0 < y1 * 0.6 || y0 === y1) y0 = Math.min(0, y0);
    if (y0 === y1) y1 = y0 + 1;
    const pad = (y1 - y0) * 0.06;
    y1 += pad;
    if (y0 !== 0) y0 -= pad;
    const x = t => box.left + (t - x0) / (x1 - x0) * (width - box.left - box.right);
    const y = v => height - box.bottom - (v - y0) / (y1 - y0) * (height - box.top - box.bottom);
    this.scale = {x, y, x0, x1, width, height, box};
    const parts = [];
    for (const v of ticks(y0, y1, 4)) {
      parts.push(svg('line', {class: 'grid', x1: box.left, x2: width - box.right, y1: y(v), y2: y(v)}));
      parts.push(svg('text', {class: 'axis', x: box.left - 8, y: y(v) + 4, 'text-anchor': 'end'}, formatShort(Number(v.toPrecision(12)))));
    }
    const times = timeTicks(x0, x1, Math.max(2, Math.floor(width / 110)));
    for (const t of times.out) {
      const text = times.step >= 86400000 ? formatDay(t) : formatClock(t, times.step < 60000);
      const edge = x(t) > width - 36 ? 'end' : x(t) < box.left + 20 ? 'start' : 'middle';
      parts.push(svg('text', {class: 'axis', x: x(t), y: height - 6, 'text-anchor': edge}, text));
    }
    for (const s of data) parts.push(...this.line(s, x, y));
    this.cursor = svg('line', {class: 'cursor', y1: box.top, y2: height - box.bottom, x1: 0, x2: 0, visibility: 'hidden'});
    parts.push(this.cursor);
    this.picture.replaceChildren(...parts);
    this.picture.setAttribute('aria-label', `${this.label}: ${data.map(s => `${s.name} ${formatNumber(s.points.at(-1)?.y ?? NaN)}`).join(', ')}`);
    if (this.at !== undefined && this.at !== null) this.point(this.at);
  }

  line(s, x, y) {
    const path = points => points.map((p, i) => `${i ? 'L' : 'M'}${x(p.x).toFixed(1)} ${y(p.y).toFixed(1)}`).join('');
    const firstOpen = s.points.findIndex(p => p.open);
    const done = firstOpen < 0 ? s.points : s.points.slice(0, firstOpen);
    const out = [];
    const style = node => { node.style.stroke = s.color; return node; };
    const few = s.points.length <= 12; // too few for a line to be read without its points
    for (const p of few ? s.points : []) {
      const dot = svg('circle', {r: 2.8, cx: x(p.x), cy: y(p.y)});
      dot.style.fill = s.color;
      out.push(dot);
    }
    if (done.length > 1) out.push(style(svg('path', {class: 'series', d: path(done)})));
    if (firstOpen >= 0) out.push(style(svg('path', {class: 'series open', d: path(s.points.slice(Math.max(0, firstOpen - 1)))})));
    for (const p of s.points)
      if (p.score >= highScore) {
        const dot = svg('circle', {class: 'score', r: 4.5, cx: x(p.x), cy: y(p.y)});
        dot.style.fill = s.color;
        out.push(dot);
      }
    return out;
  }

  /// Shows the values under the pointer.
  point(at) {
    this.at = at;
    if (at === null || !this.scale) {
      this.tip.hidden = true;
      this.cursor?.setAttribute('visibility', 'hidden');
      return;
    }
    const {x, x0, x1, width, box} = this.scale;
    const time = x0 + (at - box.left) / (width - box.left - box.right) * (x1 - x0);
    let nearest = null;
    for (const s of this.last)
      for (const p of s.points)
        if (nearest === null || Math.abs(p.x - time) < Math.abs(nearest - time)) nearest = p.x;
    const lines = this.last.flatMap(s => {
      const p = s.points.find(q => q.x === nearest);
      if (!p) return [];
      const dot = element('span', {class: 'dot'});
      dot.style.background = s.color;
      const value = formatNumber(p.y) + (p.score >= highScore ? ` · score ${formatNumber(p.score)}` : '');
      return [{y: p.y, node: element('p', {}, dot, element('span', {text: s.name}), element('span', {text: value}))}];
    }).sort((a, b) => b.y - a.y);
    this.tip.replaceChildren(element('p', {class: 'muted', text: formatTime(nearest)}), ...lines.map(l => l.node));
    this.tip.hidden = false;
    const place = x(nearest);
    this.tip.style.left = place > width / 2 ? 'auto' : `${place + 12}px`;
    this.tip.style.right = place > width / 2 ? `${width - place + 12}px` : 'auto';
    this.cursor.setAttribute('x1', place);
    this.cursor.setAttribute('x2', place);
    this.cursor.setAttribute('visibility', 'visible');
  }
}

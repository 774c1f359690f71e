// One view: its state, its chart and its table. Renders at most four times a second, whatever arrives.
import {Chart} from './chart.js';
import {element, formatSpan, formatTime, formatNumber, isNumeric, setText} from './format.js';
import {ViewModel} from './model.js';
import {Table} from './table.js';

function windowText(w) {
  if (!w) return 'one row per key';
  if (w.session) return `sessions, ${w.session} apart`;
  if (w.calendar) return `each ${w.calendar}, ${w.timezone}`;
  return w.slide === w.size ? w.size : `${w.size} every ${w.slide}`;
}

const pause = 250, colors = 8, choosing = 5000;

export class Card {
  constructor(about) {
    this.name = about.name;
    this.model = new ViewModel(about);
    this.numeric = this.model.columns.filter(c => isNumeric(c.type) && !about.scores?.includes(c.name) && !about.by.includes(c.name));
    this.plotted = this.model.windowed && this.numeric.length > 0;
    this.column = this.numeric[0]?.name;
    this.top = 5;
    this.closedOnly = true;
    this.lines = new Map(); // key → colour number; a Map keeps the order of choosing
    this.hidden = new Set();
    this.chosen = -Infinity;
    this.build(about);
  }

  // What a Connection wants of a view.
  get position() { return this.model.position; }
  filter() { return this.model.filter(); }
  apply(push) {
    this.model.apply(push);
    this.schedule();
  }
  failed(text) { this.reason = text; this.status('stopped'); }

  build(about) {
    const title = `view-${about.name}`;
    this.badge = element('p', {class: 'badge', 'data-state': 'connecting', text: 'loading'});
    this.mark = element('p', {class: 'mark'});
    this.reasons = element('ul', {class: 'reasons', hidden: true});
    this.count = element('span', {class: 'count'});
    this.node = element('section', {class: 'card', id: title, 'aria-labelledby': `${title}-title`},
      element('div', {class: 'card-head'},
        element('h2', {id: `${title}-title`, text: about.name}),
        element('p', {class: 'mark', text: windowText(about.window)}), this.mark, this.badge),
      this.reasons);
    if (this.plotted) this.buildChart();
    this.buildTable();
  }

  buildChart() {
    const choice = (label, options, value, changed) => {
      const select = element('select', {onchange: event => changed(event.target.value)},
        ...options.map(([v, text]) => element('option', {value: v, text, selected: String(v) === String(value)})));
      return element('label', {}, element('span', {text: label}), select);
    };
    const redraw = () => { this.chosen = -Infinity; this.render(); };
    this.node.append(element('div', {class: 'controls'},
      choice('Chart', this.numeric.map(c => [c.name, c.name]), this.column, v => { this.column = v; this.lines.clear(); this.hidden.clear(); redraw(); }),
      choice('Keys', [[3, 'top 3'], [5, 'top 5'], [8, 'top 8']], this.top, v => { this.top = Number(v); this.lines.clear(); redraw(); })));
    const host = element('div', {class: 'chart'});
    this.legend = element('ul', {class: 'legend', 'aria-label': 'Lines of the chart'});
    this.node.append(host, this.legend);
    this.chart = new Chart(host, this.name);
  }

  buildTable() {
    const search = element('input', {type: 'search', placeholder: 'Search', 'aria-label': `Search ${this.name}`,
      oninput: event => { this.table.search = event.target.value; this.table.scroll.scrollTop = 0; this.table.update(); this.counted(); }});
    const controls = element('div', {class: 'controls'}, element('label', {class: 'search'}, search));
    if (this.model.windowed)
      controls.append(element('label', {}, element('span', {text: 'Rows'}),
        element('select', {onchange: event => { this.closedOnly = event.target.value === 'closed'; this.render(); }},
          element('option', {value: 'closed', text: 'newest closed'}), element('option', {value: 'open', text: 'newest, open too'}))));
    controls.append(this.count);
    this.node.append(controls);
    const pinning = this.plotted ? {pinned: id => this.colorOf(id), pin: id => this.pin(id)} : {};
    this.table = new Table(this.node, this.model, pinning);
  }

  colorOf(id) { return this.lines.has(id) && !this.hidden.has(id) ? `var(--c${this.lines.get(id)})` : undefined; }

  pin(id) {
    if (this.lines.has(id) && !this.hidden.has(id)) {
      this.hidden.add(id);
    } else {
      this.hidden.delete(id);
      if (!this.lines.has(id)) this.addLine(id);
    }
    this.render();
  }

  addLine(id) {
    if (this.lines.size >= colors) this.lines.delete(this.lines.keys().next().value);
    const used = new Set(this.lines.values());
    this.lines.set(id, [...Array(colors).keys()].find(i => !used.has(i)));
  }

  // The keys with the largest newest values; looked at now and then only, so that lines don't jump.
  choose(newest) {
    const now = performance.now();
    for (const id of this.lines.keys()) if (!this.model.keys.has(id)) this.lines.delete(id);
    if (this.lines.size >= this.top || now - this.chosen < choosing) return;
    if (!newest.length) return;
    this.chosen = now;
    const value = r => typeof r.row[this.column] === 'number' ? r.row[this.column] : -Infinity;
    const best = [...newest].sort((a, b) => value(b) - value(a)).slice(0, this.top);
    for (const {entry} of best)
      if (!this.lines.has(entry.id) && this.lines.size < this.top) this.addLine(entry.id);
  }

  schedule() {
    if (this.timer !== undefined) return;
    const wait = Math.max(0, pause - (performance.now() - (this.rendered ?? -pause)));
    this.timer = setTimeout(() => requestAnimationFrame(() => this.render()), wait);
  }

  render() {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.rendered = performance.now();
    let newest = this.model.newest(this.closedOnly);
    if (!newest.length) newest = this.model.newest(false); // better open ones than none
    if (this.plotted) {
      this.choose(newest);
      this.drawChart();
    }
    this.table.set(newest);
    this.counted();
    this.status(this.connection ?? 'live');
  }

  drawChart() {
    const score = this.model.about.scores?.[0];
    const data = [...this.lines].filter(([id]) => !this.hidden.has(id)).map(([id, color]) => {
      const entry = this.model.keys.get(id);
      const rows = entry ? this.model.series(entry).filter(r => typeof r[this.column] === 'number') : [];
      return {name: entry?.name ?? '', color: `var(--c${color})`,
        points: rows.map(r => ({x: r.end, y: r[this.column], open: r.state === 'open', score: score ? r[score] : 0}))};
    });
    this.chart.label = `${this.column} of ${this.name}`;
    this.chart.draw(data);
    this.drawLegend();
  }

  drawLegend() {
    const ids = [...this.lines.keys()], drawn = JSON.stringify([...this.lines, ...this.hidden]);
    if (drawn === this.drawnLegend) return;
    this.drawnLegend = drawn;
    this.legend.replaceChildren(...ids.map(id => {
      const dot = element('span', {class: 'dot'});
      if (!this.hidden.has(id)) dot.style.background = `var(--c${this.lines.get(id)})`;
      return element('li', {}, element('button', {type: 'button', 'aria-pressed': this.hidden.has(id) ? 'false' : 'true', onclick: () => this.pin(id)},
        dot, element('span', {text: this.model.keys.get(id)?.name || '(empty)'})));
    }));
  }

  counted() {
    const all = this.table.rows?.length ?? 0, shown = this.table.shown.length;
    setText(this.count, shown === all ? `${formatNumber(all)} ${all === 1 ? 'key' : 'keys'}` : `${formatNumber(shown)} of ${formatNumber(all)} keys`);
  }

  /// Says how good what is shown is: the connection's state, or the view's own reasons if that is well.
  status(connection) {
    this.connection = connection;
    const {partial, watermark, position} = this.model;
    const state = this.reason ? 'stopped' : connection !== 'live' ? connection : !position ? 'connecting' : partial.length ? 'recovering' : 'live';
    const words = {connecting: 'loading', recovering: partial.every(p => p.why === 'recovering') ? 'recovering' : 'incomplete'};
    if (this.badge.dataset.state !== state) this.badge.dataset.state = state;
    setText(this.badge, words[state] ?? state);
    const why = this.reason ? [this.reason] : partial.map(p => `${p.partition || 'the whole view'}: ${p.why}${p.since ? ` since ${formatTime(p.since)}` : ''}`);
    this.reasons.hidden = !why.length;
    const lines = why.length > 6 ? [...why.slice(0, 5), `and ${why.length - 5} more`] : why;
    if (this.reasons.textContent !== lines.join('')) this.reasons.replaceChildren(...lines.map(text => element('li', {text})));
    setText(this.mark, watermark === null ? 'no events yet' : watermark === 'infinity' ? 'complete: all input is read'
      : `up to ${formatTime(watermark)}, ${formatSpan(Date.now() - Date.parse(watermark))} behind`);
  }
}

// The newest row of each key: sortable, searchable, and of thousands only those in sight are in the page.
import {digitsFor, element, formatFixed, formatTime, formatValue, isNumeric, setText} from './format.js';
import {highScore} from './chart.js';

const rowHeight = 34, most = 200;

const compare = (a, b) => {
  if (a === b) return 0;
  if (a === null || a === undefined) return -1;
  if (b === null || b === undefined) return 1;
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return String(a).localeCompare(String(b), 'en', {numeric: true});
};

export class Table {
  /// `pinned(id)`: the colour of a key's line, or nothing; `pin(id)` switches it. Both may be missing.
  constructor(host, model, {pinned, pin} = {}) {
    this.model = model;
    this.pinned = pinned;
    this.pin = pin;
    this.shown = [];
    this.search = '';
    this.columns = [...model.columns.map(c => ({...c, get: r => r[c.name]}))];
    if (model.windowed)
      this.columns.push({name: 'window end', type: 'timestamp', get: r => r.window_end, own: true}, {name: 'state', type: 'string', get: r => r.state, own: true});
    this.scores = new Set(model.about.scores ?? []);
    const numeric = this.columns.findIndex(c => isNumeric(c.type));
    this.sort = numeric >= 0 ? {column: numeric, down: true} : {column: 0, down: false};
    this.body = element('tbody');
    this.heads = this.columns.map((c, i) =>
      element('th', {scope: 'col', class: isNumeric(c.type) ? 'number' : ''},
        element('button', {type: 'button', text: c.name, onclick: () => this.order(i)})));
    this.table = element('table', {'aria-label': `Newest rows of ${model.about.name}`},
      element('thead', {}, element('tr', {}, ...this.heads)), this.body);
    this.scroll = element('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': `Rows of ${model.about.name}`}, this.table);
    this.scroll.addEventListener('scroll', () => this.paint(), {passive: true});
    host.append(this.scroll);
  }

  order(i) {
    this.sort = {column: i, down: this.sort.column === i ? !this.sort.down : isNumeric(this.columns[i].type)};
    this.update();
  }

  /// Takes new rows: [{entry, row}].
  set(rows) {
    this.rows = rows;
    for (const c of this.columns)
      if (isNumeric(c.type)) c.digits = digitsFor(rows.map(r => c.get(r.row)));
    this.update();
  }

  update() {
    const {get} = this.columns[this.sort.column], sign = this.sort.down ? -1 : 1;
    const needle = this.search.trim().toLowerCase();
    this.shown = (this.rows ?? []).filter(r => !needle || this.matches(r, needle));
    this.shown.sort((a, b) => sign * compare(get(a.row), get(b.row)) || compare(a.entry.name, b.entry.name));
    this.heads.forEach((head, i) => {
      if (i === this.sort.column) head.setAttribute('aria-sort', this.sort.down ? 'descending' : 'ascending');
      else head.removeAttribute('aria-sort');
    });
    this.table.setAttribute('aria-rowcount', this.shown.length + 1);
    this.paint();
  }

  matches({entry, row}, needle) {
    return entry.name.toLowerCase().includes(needle) ||
      this.columns.some(c => c.type.startsWith('string') && String(c.get(row) ?? '').toLowerCase().includes(needle));
  }

  paint() {
    const inSight = Math.ceil((this.scroll.clientHeight || 400) / rowHeight);
    const spare = Math.min(10, Math.floor((most - inSight) / 2));
    const first = Math.max(0, Math.min(this.shown.length - inSight, Math.floor(this.scroll.scrollTop / rowHeight)) - spare);
    const last = Math.min(this.shown.length, first + inSight + 2 * spare);
    const lines = [];
    for (let i = first; i < last; i++) lines.push(this.line(this.shown[i], i));
    // The rows in the page are kept and refilled: focus and selection survive an update.
    const old = [...this.body.querySelectorAll('tr.row')];
    this.spaces ??= [0, 1].map(() => element('tr', {class: 'space', 'aria-hidden': 'true'}, element('td', {colspan: this.columns.length})));
    this.spaces[0].style.setProperty('--height', `${first * rowHeight}px`);
    this.spaces[1].style.setProperty('--height', `${(this.shown.length - last) * rowHeight}px`);
    if (!this.body.firstChild) this.body.append(...this.spaces);
    lines.forEach((line, i) => {
      const tr = old[i] ?? this.body.insertBefore(this.newRow(), this.spaces[1]);
      this.fill(tr, line);
    });
    for (const tr of old.slice(lines.length)) tr.remove();
  }

  line({entry, row}, index) {
    return {entry, index, cells: this.columns.map(c => {
      const v = c.get(row);
      if (c.own && c.type === 'timestamp') return {text: formatTime(v)};
      if (c.own) return {text: row.revision ? `${v} · rev ${row.revision}` : v, kind: 'state'};
      const text = typeof v === 'number' ? formatFixed(v, c.digits ?? 0) : formatValue(v, c.type);
      if (v === '') return {text: '(empty)', kind: 'state'};
      return this.scores.has(c.name) && v >= highScore ? {text, kind: 'hot'} : {text};
    })};
  }

  newRow() {
    return element('tr', {class: 'row'}, ...this.columns.map((c, i) => {
      const cell = element('td', {class: isNumeric(c.type) ? 'number' : ''});
      if (i === 0 && this.pin) cell.append(element('button', {type: 'button', class: 'plot', onclick: event => this.pin(event.currentTarget.dataset.key)}, element('span', {class: 'dot'})));
      cell.append(element('span'));
      return cell;
    }));
  }

  fill(tr, {entry, index, cells}) {
    tr.setAttribute('aria-rowindex', index + 2);
    cells.forEach((cell, i) => {
      const td = tr.children[i], span = td.lastChild;
      setText(span, cell.text);
      if (span.className !== (cell.kind ?? '')) span.className = cell.kind ?? '';
      if (td.title !== cell.text) td.title = cell.text;
      if (i > 0 || !this.pin) return;
      const button = td.firstChild, color = this.pinned(entry.id);
      button.dataset.key = entry.id;
      button.setAttribute('aria-label', `Plot ${entry.name}`);
      button.setAttribute('aria-pressed', color ? 'true' : 'false');
      button.firstChild.style.background = color ?? '';
    });
  }
}

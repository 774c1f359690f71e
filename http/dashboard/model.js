// The rows of one view as this page knows them: what docs/websocket.md tells a client to do with pushes.

/// Rows at most kept for charts; a view with more is shown over a shorter time.
export const rowBudget = 20000;

const endOf = row => Date.parse(row.window_end);

export class ViewModel {
  constructor(description) {
    this.about = description;
    this.by = description.by;
    this.columns = description.columns.filter(c => !['window_start', 'window_end', 'state', 'revision'].includes(c.name));
    this.windowed = description.window !== null;
    this.position = null; // {epoch, offset} to resume from
    this.watermark = description.watermark;
    this.partial = description.partial ?? [];
    this.keep = keepFor(description);
    this.version = 0;
    this.clear();
  }

  clear() {
    this.keys = new Map(); // key → {name, rows: Map(window id → row)}
    this.newestEnd = 0;
  }

  keyOf(row) { return JSON.stringify(this.by.map(name => row[name])); }

  /// Applies one push as a whole.
  apply(push) {
    if (push.snapshot) this.clear();
    if (push.trim) this.trim(Date.parse(push.trim));
    for (const row of push.remove ?? []) this.remove(row);
    for (const row of push.put ?? []) this.put(row);
    this.position = {epoch: push.epoch, offset: push.offset};
    if (push.watermark !== undefined) this.watermark = push.watermark;
    if (push.partial) this.partial = push.partial;
    if (!push.more && Number.isFinite(this.keep)) this.trim(this.newestEnd - this.keep);
    this.version++;
  }

  put(row) {
    const id = this.keyOf(row);
    let entry = this.keys.get(id);
    if (!entry) {
      const name = this.by.length ? this.by.map(n => row[n] === null ? '–' : String(row[n])).join(' · ') : 'all';
      this.keys.set(id, entry = {id, name, rows: new Map(), sorted: null});
    }
    const end = endOf(row);
    row.end = Number.isFinite(end) ? end : 0;
    entry.rows.set(row.window_end + row.window_start, row);
    entry.sorted = null;
    if (row.end > this.newestEnd) this.newestEnd = row.end;
  }

  remove(row) {
    const id = this.keyOf(row), entry = this.keys.get(id);
    if (!entry || !entry.rows.delete(row.window_end + row.window_start)) return;
    entry.sorted = null;
    if (!entry.rows.size) this.keys.delete(id);
  }

  trim(until) {
    if (!this.windowed || !(until > 0)) return;
    for (const [id, entry] of this.keys) {
      for (const [place, row] of entry.rows)
        if (row.end <= until) { entry.rows.delete(place); entry.sorted = null; }
      if (!entry.rows.size) this.keys.delete(id);
    }
  }

  /// The rows of a key by window_end.
  series(entry) {
    return entry.sorted ??= [...entry.rows.values()].sort((a, b) => a.end - b.end);
  }

  /// The newest row of each key; closed ones only, if asked for and if the view has windows.
  newest(closedOnly) {
    const out = [];
    for (const entry of this.keys.values()) {
      const rows = this.series(entry);
      for (let i = rows.length - 1; i >= 0; i--)
        if (!closedOnly || !this.windowed || rows[i].state !== 'open') { out.push({entry, row: rows[i]}); break; }
    }
    return out;
  }

  /// The filter that keeps a huge view within the budget, or nothing.
  filter() {
    if (!Number.isFinite(this.keep) || !this.about.watermark || this.about.watermark === 'infinity') return undefined;
    const from = new Date(Date.parse(this.about.watermark) - this.keep);
    return `window_end > timestamp("${from.toISOString()}")`;
  }
}

/// How many milliseconds of a view fit the budget; all of it is Infinity.
function keepFor(about) {
  if (!about.window || about.rows <= rowBudget || !about.retain) return Infinity;
  const retain = parseSpan(about.retain), size = lengthOf(about.window);
  return Math.max(2 * size, retain * rowBudget / about.rows);
}

const days = {day: 1, week: 7, month: 31, quarter: 92, year: 366};
/// Milliseconds of a window; of a session, its gap.
const lengthOf = w => w.calendar ? days[w.calendar] * 86400000 : parseSpan(w.session ?? w.size);

/// Milliseconds of `1h30m`, `5s`, `250ms`.
export function parseSpan(text) {
  const unit = {w: 604800000, d: 86400000, h: 3600000, m: 60000, s: 1000, ms: 1, us: 0.001};
  let total = 0;
  for (const [, n, u] of text.matchAll(/([\d.]+)(ms|us|w|d|h|m|s)/g)) total += Number(n) * unit[u];
  return total;
}

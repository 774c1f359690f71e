// The strip on top, what alerts, and the dead letters: asked for every two seconds while somebody looks.
import {element, formatNumber, formatShort, formatSpan, formatTime, formatValue, setText} from './format.js';

const period = 2000;
const by = id => document.getElementById(id);

async function ask(path) {
  const answer = await fetch(path, {signal: AbortSignal.timeout(5000), cache: 'no-store'});
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

/// Events a second: as told, else from how the sum grew since the last look.
class Rate {
  of(status, total) {
    if (typeof status.events_per_s === 'number') return status.events_per_s;
    const now = performance.now(), last = this.last;
    this.last = {now, total};
    return last && total >= last.total && now > last.now ? (total - last.total) * 1000 / (now - last.now) : undefined;
  }
}
const rate = new Rate();

function figures(status) {
  const partitions = status.partitions ?? [];
  const sum = name => status[name] ?? partitions.reduce((n, p) => n + (p[name] ?? 0), 0);
  const perSecond = rate.of(status, sum('events'));
  const running = partitions.filter(p => ['running', 'idle', 'ended'].includes(p.state)).length;
  return [
    ['Events per second', perSecond === undefined ? '–' : formatShort(Math.round(perSecond))],
    ['Events', formatShort(sum('events'))],
    ['Partitions', partitions.length && running < partitions.length ? `${running} of ${partitions.length}` : formatNumber(partitions.length), running < partitions.length],
    ['Late', formatShort(sum('late')), sum('late') > 0],
    ['Dead', formatShort(sum('dead')), sum('dead') > 0],
    ['From the future', formatShort(sum('future')), sum('future') > 0],
  ];
}

function showFigures(status) {
  const list = by('figures'), wanted = figures(status);
  if (list.children.length !== wanted.length)
    list.replaceChildren(...wanted.map(([name]) => element('div', {}, element('dt', {text: name}), element('dd'))));
  wanted.forEach(([, text, warn], i) => {
    const value = list.children[i].lastChild;
    setText(value, text);
    value.className = warn ? 'warn' : '';
  });
}

function showPartitions(partitions) {
  const host = by('partitions');
  host.hidden = !partitions.length;
  if (!host.open) return;
  const cell = (text, kind) => element('td', {text, class: kind ?? ''});
  host.querySelector('tbody').replaceChildren(...partitions.slice(0, 200).map(p => element('tr', {},
    cell(`${p.source}/${p.partition}`), cell(p.state ?? ''), cell(formatNumber(p.offset ?? 0), 'number'), cell(formatNumber(p.lag ?? 0), 'number'),
    cell(p.watermark && p.watermark !== 'infinity' ? `${formatTime(p.watermark)}, ${formatSpan(Date.now() - Date.parse(p.watermark))} behind` : p.watermark ?? '–'))));
}

/// The record as it came, as far as it can be shown.
function bytesOf(letter) {
  if (letter.raw_base64 !== undefined) return `base64: ${letter.raw_base64}`;
  return letter.raw ?? 'no value';
}

let lettersDrawn;
function showLetters(letters) {
  const host = by('dead');
  host.hidden = !letters.length;
  const drawn = JSON.stringify(letters.slice(0, 20));
  if (lettersDrawn === drawn) return;
  lettersDrawn = drawn;
  setText(by('dead-count'), 'newest first');
  host.querySelector('ul').replaceChildren(...letters.slice(0, 20).map(l => element('li', {},
    element('p', {}, element('strong', {text: l.reason ?? ''})),
    element('p', {class: 'muted', text: `${l.stream ?? ''} · ${l.source ?? ''}/${l.partition ?? ''} at ${l.offset ?? ''} · ${l.step ?? ''}${l.received ?? l.event_time ? ` · ${formatTime(l.received ?? l.event_time)}` : ''}`}),
    element('code', {text: bytesOf(l).slice(0, 400)}))));
}

const mostAlerts = 50;

/// Firing ones first, the newest on top.
function showAlerts(rules) {
  const host = by('alerts');
  host.hidden = !rules.length;
  const firing = rules.reduce((n, r) => n + r.firing, 0), pending = rules.reduce((n, r) => n + r.pending, 0);
  const all = rules.flatMap(r => r.active.map(entry => ({entry, key: r.by.map(c => formatValue(entry.row[c])).join(' · ')})));
  all.sort((a, b) => (a.entry.state === b.entry.state ? 0 : a.entry.state === 'firing' ? -1 : 1) || (a.entry.since < b.entry.since ? 1 : -1));
  setText(by('alerts-count'), firing || pending ? `${firing} firing${pending ? `, ${pending} pending` : ''}` : `none of ${rules.length === 1 ? 'one rule' : `${rules.length} rules`} fires`);
  const drawn = JSON.stringify(all.slice(0, mostAlerts));
  if (host.dataset.drawn === drawn) return;
  host.dataset.drawn = drawn;
  host.querySelector('ul').replaceChildren(...all.slice(0, mostAlerts).map(({entry, key}) => element('li', {'data-state': entry.state},
    element('p', {}, element('span', {class: 'badge', text: entry.state}), element('strong', {text: entry.message ?? [entry.alert, key].filter(Boolean).join(': ')})),
    element('p', {class: 'muted', text: `${entry.alert}${key ? ` · ${key}` : ''} · ${entry.severity} · since ${formatTime(entry.since)}`}))),
    ...(all.length > mostAlerts ? [element('li', {class: 'muted', text: `and ${all.length - mostAlerts} more`})] : []));
}

async function look() {
  try {
    const [status, dead, {alerts}] = await Promise.all([ask('/v1/pipeline'), ask('/v1/dead-letters?limit=20'), ask('/v1/alerts')]);
    showFigures(status);
    showAlerts(alerts);
    const problems = (status.problems ?? []).map(p => `${p.place}: ${p.text}`);
    const said = [...problems, status.holding].filter(Boolean).join(' · ');
    by('holding').classList.toggle('calm', !problems.length && !/ holds the watermark/.test(status.holding ?? ''));
    by('holding').hidden = !said;
    setText(by('holding'), said);
    showPartitions(status.partitions ?? []);
    showLetters(dead.dead_letters ?? []);
  } catch {
    // The connection's badge says already that the server is away.
  }
}

export function watchPipeline() {
  look();
  setInterval(() => document.visibilityState === 'visible' && look(), period);
  by('partitions').addEventListener('toggle', look);
}

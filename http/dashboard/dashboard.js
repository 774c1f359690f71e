// Puts the page together: reads which views there are, makes a card for each, and keeps them live.
import {Card} from './card.js';
import {Connection} from './connection.js';
import {element, formatSpan, setText} from './format.js';
import {watchPipeline} from './pipeline.js';

const by = id => document.getElementById(id);

function say(text) {
  by('notice').hidden = !text;
  setText(by('notice'), text);
}

async function readViews() {
  for (let wait = 500;; wait = Math.min(wait * 2, 8000)) {
    try {
      const answer = await fetch('/v1/views', {cache: 'no-store'});
      if (answer.ok) return await answer.json();
      say((await answer.json()).detail);
    } catch {
      say('The server does not answer; trying again.');
    }
    await new Promise(resume => setTimeout(resume, wait * (0.5 + Math.random() / 2)));
  }
}

const shape = views => JSON.stringify(views.map(v => [v.name, v.columns, v.by, v.window]));

const words = {
  live: () => 'live',
  connecting: () => 'connecting',
  reconnecting: delay => delay < 1500 ? 'reconnecting' : `reconnecting in ${formatSpan(delay)}`,
  stale: quiet => `nothing heard for ${formatSpan(quiet)}`,
  stopped: reason => reason || 'stopped',
};

async function start() {
  const {pipeline, views} = await readViews();
  say(views.length ? '' : 'This pipeline has no views. Add one under views: and it appears here.');
  document.title = `${pipeline} · tidemill`;
  setText(by('pipeline'), pipeline);
  const cards = views.map(about => new Card(about));
  by('views').replaceChildren(...cards.map(c => c.node));
  if (views.length > 1) by('nav').replaceChildren(...views.map(v => element('a', {href: `#view-${v.name}`, text: v.name})));
  let known = false;
  new Connection(cards, (state, detail) => {
    const badge = by('connection');
    if (badge.dataset.state !== state) badge.dataset.state = state;
    setText(badge, words[state](detail));
    for (const card of cards) card.status(state);
  }, async () => {
    // A server that came back may serve another pipeline: then everything is read anew.
    if (known && shape((await readViews()).views) !== shape(views)) location.reload();
    known = true;
    say('');
  });
  watchPipeline();
}

start();

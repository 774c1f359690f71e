// One WebSocket for all views: subscribes, resumes after a cut, and knows when silence is not peace.

const firstDelay = 500, longestDelay = 15000, silence = 40000;

export class Connection {
  /// `views`: objects with `name`, `filter()`, `position`, `apply(push)`. `changed(state, detail)` hears of the
  /// state: connecting, live, stale, reconnecting, stopped. `hello(message)` of each new connection.
  constructor(views, changed, hello) {
    this.views = views;
    this.changed = changed;
    this.hello = hello;
    this.attempt = 0;
    this.commands = 0;
    addEventListener('online', () => this.retry());
    document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && this.retry());
    setInterval(() => this.watch(), 1000);
    this.open();
  }

  open() {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.subs = new Map();
    this.waiting = new Map();
    this.heard = performance.now();
    const url = new URL('/v1/ws', location.href);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = this.socket = new WebSocket(url, 'tidemill.v1');
    socket.onmessage = event => socket === this.socket && this.receive(event.data);
    socket.onclose = event => socket === this.socket && this.lost(event);
  }

  receive(data) {
    this.heard = performance.now();
    const message = JSON.parse(data);
    if (message.sub !== undefined) return this.subs.get(message.sub)?.apply(message);
    if (message.hello) return this.greet(message.hello);
    const view = this.waiting.get(message.id);
    if (!view) return;
    this.waiting.delete(message.id);
    if (message.subscribed) this.subs.set(message.subscribed.sub, view);
    else if (message.error) this.refused(view, message.error);
  }

  greet(hello) {
    this.attempt = 0;
    this.changed('live');
    this.hello(hello);
    for (const view of this.views) this.subscribe(view);
  }

  subscribe(view) {
    const id = ++this.commands;
    this.waiting.set(id, view);
    const where = view.filter();
    const command = {id, subscribe: {view: view.name}};
    if (where) command.subscribe.where = where;
    if (view.position) command.subscribe.from = view.position;
    this.socket.send(JSON.stringify(command));
  }

  refused(view, error) {
    if (error.temporary) setTimeout(() => this.socket.readyState === WebSocket.OPEN && this.subscribe(view), 1000);
    else view.failed(error.message);
  }

  lost(event) {
    if (event.code >= 3500 && event.code < 4000) return this.changed('stopped', event.reason);
    // Half of the delay is luck, so that many pages don't come back at once.
    const delay = Math.min(longestDelay, firstDelay * 2 ** this.attempt++) * (0.5 + Math.random() / 2);
    this.changed('reconnecting', delay);
    this.timer = setTimeout(() => this.open(), delay);
  }

  retry() {
    if (this.timer !== undefined) this.open();
  }

  // The server says something at least every 25 s. A dead path closes no socket by itself.
  watch() {
    if (this.timer !== undefined || this.socket.readyState !== WebSocket.OPEN) return;
    const quiet = performance.now() - this.heard;
    if (quiet > silence + 10000) {
      const old = this.socket;
      this.socket = undefined;
      old.close();
      this.lost({code: 1006});
    } else if (quiet > silence) {
      this.changed('stale', quiet);
    } else {
      this.changed('live');
    }
  }
}

// What runs log while a page shows them: told by the server, fetched from where the page stands.

import { live } from "./api.js";

/**
 * Listens for runs and, where `watch` names one, for a log, over one connection. `handlers`: `points(key, cursor)` there
 * are points up to this cursor, `facts(key, state)` something about the run changed, `log(size)` the log grew,
 * `gone(key)` the run was deleted. Each connection begins with how things are, so that a page that slept catches up.
 */
export class Live {
  constructor(keys, handlers) {
    this.keys = [...keys];
    this.handlers = handlers;
    this.log = null;
    this.end = () => {};
    this.connect();
  }

  /** The log to listen for, {key, file}, or null for none. */
  watch(log) {
    this.log = log;
    this.connect();
  }

  /** Listens no more for a run. */
  leave(key) {
    this.keys = this.keys.filter((each) => each !== key);
    this.connect();
  }

  close() {
    this.end();
  }

  connect() {
    this.end();
    this.end = () => {};
    if (this.keys.length === 0) return;
    const { points, facts, log, gone } = this.handlers;
    const logs = this.log && `${this.log.key}:${this.log.file}`;
    this.end = live(
      { runs: this.keys.join(","), logs },
      {
        run: ({ key, cursor, state }) => {
          points?.(key, cursor);
          facts?.(key, state);
        },
        log: ({ file, size }) => file === this.log?.file && log?.(size),
        gone: ({ key }) => gone?.(key),
      },
    );
  }
}

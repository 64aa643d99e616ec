'use strict';
// Outcome, message, frames and covered lines of each test, sent on as soon as they are known.
// Knows no framework. Guards that what a dying process had found out is not lost.

const fs = require('fs');
const path = require('path');
const { fileURLToPath } = require('url');
const { own } = require('./fresh.cjs');
const { BUSY, guard } = require('./guard.cjs');

const MOST_MESSAGE = 3000;
const MOST_FRAMES = 12;
const FRAME = /^\s+at (?:async )?(?:(.*?) \()?((?:file:\/\/)?\/[^()\n]*?):(\d+):\d+\)?$/gm;
const COLOUR = /\u001b\[[0-9;]*m/g;

function shortened(text) {
  if (text.length <= MOST_MESSAGE) return text;
  return `${text.slice(0, MOST_MESSAGE / 2)} ... ${text.slice(-MOST_MESSAGE / 2)}`;
}

/** The stack frames of an error inside the project as [path, line, function], innermost last. */
function framesOf(root, error) {
  const found = [];
  const stack = error && typeof error.stack === 'string' ? error.stack : '';
  for (const [, name, where, line] of stack.matchAll(FRAME)) {
    const file = where.startsWith('file:') ? fileURLToPath(where.split('?')[0]) : where.split('?')[0];
    if (own(root, file)) found.push([path.relative(root, file), Number(line), name || '']);
  }
  return found.slice(0, MOST_FRAMES).reverse();
}

function plain(error) {
  if (error === null || typeof error !== 'object') return String(error);
  const name = error.name && error.name !== 'Error' ? `${error.name}: ` : '';
  let text = `${error.message ?? ''}`;
  if (error.cause && error.cause.message && error.code === 'ERR_TEST_FAILURE') text = error.cause.message;
  if (error.errors && error.errors.length) text += `\n${error.errors.map(plain).join('\n')}`;
  return `${name}${text}`.replace(COLOUR, '').trim();
}

/** One trial's record. `spectrum` measures lines, null where nobody asks for them. */
class Recorder {
  constructor(root, options, spectrum, send) {
    this.root = root;
    this.limitMs = options.test_ms;
    this.isLast = Boolean(options.is_last);
    this.stopAt = options.stop_at || 0;
    this.wanted = options.tests && options.tests.length ? new Set(options.tests) : null;
    this.spectrum = spectrum;
    this.send = send;
    this.outcomes = new Map();
    this.failed = 0;
    this.stalled = false;
    this.began = 0;
    this.current = '';
  }

  /** Whether the trial has shown enough, so that no further test need run. */
  get enough() {
    return this.stalled || (this.stopAt > 0 && this.failed >= this.stopAt);
  }

  /** Whether a test is asked for. */
  wants(name) {
    return this.wanted === null || this.wanted.has(name);
  }

  /** Return the result of a synchronous call, which ends when it takes too long. */
  guarded(call, limitMs = this.limitMs) {
    return guard(call, limitMs, this.isLast);
  }

  begin(name) {
    this.current = name;
    this.began = performance.now();
    this.send({ begin: name });
    if (this.spectrum) this.spectrum.begin();
  }

  /** Keep the outcome of the test that has begun. `error` is undefined where it passed. */
  end(name, outcome, error) {
    const lines = this.spectrum ? this.spectrum.end() : undefined;
    if (outcome === 'failed' && error && error.message === BUSY) this.stalled = true;
    this.keep(name, outcome, error, { seconds: (performance.now() - this.began) / 1000, lines });
    this.current = '';
  }

  keep(name, outcome, error, more = {}) {
    const before = this.outcomes.get(name);
    if (before === 'failed') return;
    if (outcome === 'failed') this.failed += 1;
    this.outcomes.set(name, outcome);
    const test = { outcome, ...more };
    if (outcome === 'failed') {
      test.frames = framesOf(this.root, error);
      test.message = shortened(this.shown(name, test.frames) + plain(error));
    }
    this.send({ name, test }, outcome !== 'failed');
  }

  /** The test's own line that failed, which says more than its name. */
  shown(name, frames) {
    const file = name.split('::')[0];
    const frame = [...frames].reverse().find(([where]) => where === file);
    if (frame === undefined) return '';
    try {
      const line = fs.readFileSync(path.join(this.root, file), 'utf8').split('\n')[frame[1] - 1];
      return `> ${line.trim()}\n`;
    } catch {
      return '';
    }
  }
}

module.exports = { Recorder, framesOf, plain };

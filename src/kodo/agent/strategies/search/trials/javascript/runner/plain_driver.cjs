'use strict';
// Runs scripts as Node's command line does, with their modules new: a script that ends well passes.
// Knows no framework at all. Guards that a script which ends the process ends only itself.

const Module = require('module');
const path = require('path');
const { pathToFileURL } = require('url');
const fresh = require('./fresh.cjs');

const MOST_OUTPUT = 1500;
const EXIT = new Error('kodo: process.exit was called');

/** Keep the end of what scripts print: often all that they say of a failure. */
function keepOutput() {
  let text = '';
  for (const stream of [process.stdout, process.stderr]) {
    stream.write = (data, encoding, done) => {
      text = (text + (typeof data === 'string' ? data : Buffer.from(data).toString())).slice(-MOST_OUTPUT);
      const call = typeof encoding === 'function' ? encoding : done;
      if (typeof call === 'function') process.nextTick(call);
      return true;
    };
  }
  return () => {
    const said = text;
    text = '';
    return said.trim();
  };
}

class Plain {
  constructor(job, session) {
    this.session = session;
    this.root = session.root;
    this.files = job.arguments;
    this.output = keepOutput();
    this.ended = null;
    process.exit = (code) => {
      if (code !== undefined) process.exitCode = code;
      this.ended(null);
      throw EXIT;
    };
  }

  async run(chosen, recorder) {
    for (const script of chosen ?? this.files) {
      if (!recorder.enough) await this.runScript(script, recorder);
    }
  }

  async runScript(script, recorder) {
    const name = `${script}::${path.basename(script)}`;
    const file = path.resolve(this.root, script);
    const before = new Set(process.listeners('exit'));
    const end = new Promise((resolve) => {
      this.ended = resolve;
    });
    this.session.uncaught = (error) => this.ended(error === EXIT ? null : error);
    this.session.idle.on(() => this.ended(null));
    this.output();
    process.exitCode = undefined;
    process.argv = [process.argv[0], file];
    fresh.forget(this.root);
    recorder.begin(name);
    let error;
    try {
      const loaded = this.load(file, recorder);
      error = (await Promise.race([end, loaded])) ?? (await end);
    } catch (thrown) {
      error = thrown;
    }
    if (error === EXIT) error = null;
    error ??= this.leave(before);
    const code = process.exitCode ?? 0;
    process.exitCode = undefined;
    if (!error && code) error = new Error(`exit code ${code}\n${this.output()}`);
    recorder.end(name, error ? 'failed' : 'passed', error ?? undefined);
  }

  /** Load a script as the main one; resolves with null where it threw nothing. */
  async load(file, recorder) {
    if (fresh.isModule(file)) {
      fresh.announce(this.root);
      await import(pathToFileURL(file).href);
    } else {
      recorder.guarded(() => Module._load(file, null, true));
    }
    return null;
  }

  /** Do what the script wanted done at its end; returns what was thrown there, or null. */
  leave(before) {
    let thrown = null;
    for (const listener of process.listeners('exit')) {
      if (before.has(listener)) continue;
      process.removeListener('exit', listener);
      try {
        listener.call(process, process.exitCode ?? 0);
      } catch (error) {
        if (error !== EXIT) thrown ??= error;
      }
    }
    return thrown;
  }
}

async function open(job, session) {
  const plain = new Plain(job, session);
  return { files: plain.files, run: (chosen, recorder) => plain.run(chosen, recorder) };
}

module.exports = { open };

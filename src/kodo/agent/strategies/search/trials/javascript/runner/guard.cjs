'use strict';
// Ends code that never returns, without losing the process and all it has loaded.
// Knows V8's time limit for scripts. Guards that a slow machine is not taken for an endless loop.

const vm = require('vm');

const CALL = Symbol.for('kodo.call');
const BUSY = 'the machine was busy';
// The limit is several times what a test takes, so this much processor time is too much already.
const ENOUGH = 0.2;
const script = new vm.Script(`globalThis[Symbol.for('kodo.call')]()`, { filename: 'kodo:guard' });

class Stalled extends Error {}

class TestTimeout extends Error {
  constructor(limitMs) {
    super(`the test ran longer than ${limitMs / 1000} s`);
    this.name = 'TestTimeout';
  }
}

function usedMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

let depth = 0;

/**
 * Return what `call` returns. Throws TestTimeout; or Stalled where the machine did not let it run,
 * unless `isLast`, when there is no other try.
 */
function guard(call, limitMs, isLast) {
  if (depth > 0) return call();
  const before = globalThis[CALL];
  const began = usedMs();
  globalThis[CALL] = call;
  depth += 1;
  try {
    return script.runInThisContext({ timeout: Math.max(1, Math.round(limitMs)) });
  } catch (error) {
    if (!error || error.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    if (!isLast && usedMs() - began < limitMs * ENOUGH) throw new Stalled(BUSY);
    throw new TestTimeout(limitMs);
  } finally {
    depth -= 1;
    globalThis[CALL] = before;
  }
}

module.exports = { BUSY, guard };

'use strict';
// Notices that tests start other processes or threads: those read files from the disk.
// Knows the functions that start them. Guards that such tests are not tried with files in memory.

const childProcess = require('child_process');
const threads = require('worker_threads');
const { syncBuiltinESMExports } = require('module');

let counted = 0;

function watch() {
  for (const name of ['spawn', 'spawnSync', 'fork', 'exec', 'execSync', 'execFile', 'execFileSync']) {
    const real = childProcess[name];
    childProcess[name] = function (...words) {
      counted += 1;
      return real.apply(this, words);
    };
    // `exec` and `execFile` promise in a way of their own.
    Object.defineProperties(childProcess[name], Object.getOwnPropertyDescriptors(real));
  }
  threads.Worker = class extends threads.Worker {
    constructor(...words) {
      super(...words);
      counted += 1;
    }
  };
  syncBuiltinESMExports();
}

/** How many were started since this was asked last. */
function count() {
  const found = counted;
  counted = 0;
  return found;
}

module.exports = { count, watch };

'use strict';
// Where the program begins: as the server of a list of trials, or as a process that runs tests.

const PART = process.env.KODO_SEARCH;
// Whatever the tests start must not take itself for a part of this.
delete process.env.KODO_SEARCH;

if (PART === 'server') require('./server.cjs').main();
else if (PART === 'worker' && require('worker_threads').isMainThread) require('./worker.cjs').preload();

#!/usr/bin/env node
// Between two collections V8 lets a heap of this size grow to more than twice what lives in it. Two thirds more are
// enough: a process stays below 300 MB under full load, for a few percent of CPU (docs/adr/0009).
require('node:v8').setFlagsFromString('--heap-growing-percent=66');
// Node 22.8 and newer start from the code that an earlier start compiled.
require('node:module').enableCompileCache?.();
require('../dist/src/cli.js');

/** The verbs over a world in memory: what each rule promises a person (R6 to R17, R31). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { text, World } from './world.suite.ts';

test('[R6] only one side changed: push sends it, pull brings it, and then there is nothing to do', async () => {
  const world = new World();
  const a = world.replica('a');
  const b = world.replica('b');
  a.tree.write('p/x.txt', 'one');
  a.tree.write('p/run.sh', '#!/bin/sh', { exec: true });
  const pushed = await a.run('push');
  assert.equal(pushed.filesMoved, 2);
  const pulled = await b.run('pull');
  assert.equal(pulled.filesMoved, 2);
  assert.equal(text(b.tree, 'p/x.txt'), 'one');
  assert.equal((await b.tree.stat('p/run.sh'))?.exec, true);
  for (const verb of ['push', 'pull', 'sync'] as const) {
    assert.equal((await a.run(verb)).steps.length, 0);
    assert.equal((await b.run(verb)).steps.length, 0);
  }
});

test('[R7] deleted here, edited there: the edit survives, either way round', async () => {
  const world = new World();
  const a = world.replica('a');
  const b = world.replica('b');
  a.tree.write('one', '1');
  a.tree.write('two', '2');
  await a.run('push');
  await b.run('pull');
  a.tree.delete('one');
  b.tree.write('one', 'edited');
  b.tree.delete('two');
  a.tree.write('two', 'edited too');
  await b.run('sync');
  await a.run('sync');
  await b.run('sync');
  for (const { tree } of [a, b]) {
    assert.equal(text(tree, 'one'), 'edited');
    assert.equal(text(tree, 'two'), 'edited too');
  }
});

test('[R8] edited on both sides: sync keeps both, the remote keeps the name', async () => {
  const world = new World();
  const a = world.replica('My Laptop');
  const b = world.replica('b');
  a.tree.write('p/a.js', 'base');
  await a.run('push');
  await b.run('pull');
  a.tree.write('p/a.js', 'from a');
  b.tree.write('p/a.js', 'from b');
  await b.run('push');
  const report = await a.run('sync');
  assert.equal(text(a.tree, 'p/a.js'), 'from b');
  const copy = report.conflicts[0]?.copy ?? '';
  assert.match(copy, /^p\/a \(conflict My-Laptop 2026-11-24 [0-9a-f]{6}\)\.js$/);
  assert.equal(text(a.tree, copy), 'from a');
  assert.equal(world.text(copy), 'from a');
  assert.equal((await a.run('sync')).steps.length, 0);
});

test('[R9] no base: a union, nothing deleted; what differs is held back by push and pull', async () => {
  const world = new World();
  world.store.putPlain('there.txt', 'there');
  world.store.putPlain('same.txt', 'same');
  world.store.putPlain('other.txt', 'theirs');
  const a = world.replica('a');
  a.tree.write('here.txt', 'here');
  a.tree.write('same.txt', 'same');
  a.tree.write('other.txt', 'ours!!');
  const push = await a.run('push');
  assert.deepEqual(push.held.map((h) => h.path), ['other.txt']);
  assert.equal(world.text('here.txt'), 'here');
  assert.equal(world.text('other.txt'), 'theirs');
  const pull = await a.run('pull');
  assert.deepEqual(pull.held.map((h) => h.path), ['other.txt']);
  assert.equal(text(a.tree, 'there.txt'), 'there');
  assert.equal(text(a.tree, 'other.txt'), 'ours!!');
});

test('[R9] a tree and a state of different days delete nothing', async () => {
  const world = new World();
  const a = world.replica('a');
  a.tree.write('x', '1');
  a.tree.write('y', '2');
  await a.run('push');
  a.tree.delete('y');
  await a.tree.setMark('another-day');
  await a.run('sync');
  assert.equal(text(a.tree, 'y'), '2');
  assert.equal(world.text('y'), '2');
});

test('[R9] another bucket is refused, and nothing is changed', async () => {
  const world = new World();
  const a = world.replica('a');
  a.tree.write('x', '1');
  await a.run('push');
  world.store.identity = { bucketId: 'bucket-2', generation: 1 };
  const result = await a.tryRun('sync');
  assert.equal(result.ok, false);
  assert.equal(text(a.tree, 'x'), '1');
});

test('[R10] an emptied side holds its deletions; apply lets them go, restore brings the files back', async () => {
  for (const answer of ['apply', 'restore'] as const) {
    const world = new World();
    const box = world.replica('box', { box: true });
    for (let i = 0; i < 30; i++) box.tree.write(`p/${i}`, `${i}`);
    await box.run('sync');
    box.tree.delete('p');
    const report = await box.run('sync');
    assert.equal(report.deletionsHeld.length, 30);
    assert.equal(world.keys().length, 30);
    await box.replica.answerDeletions(answer);
    await box.run('sync');
    assert.equal(world.keys().length, answer === 'apply' ? 0 : 30);
    assert.equal(box.tree.paths().length, answer === 'apply' ? 0 : 30);
  }
});

test('[R10] deletions under dist/, moves and what a person ordered are not held', async () => {
  const world = new World();
  const box = world.replica('box', { box: true });
  const me = world.replica('me');
  for (let i = 0; i < 30; i++) {
    box.tree.write(`p/dist/${i}`, `d${i}`);
    box.tree.write(`p/src/${i}`, `s${i}`);
  }
  await box.run('sync');
  await me.run('pull');
  box.tree.delete('p/dist');
  assert.equal((await box.run('sync')).deletionsHeld.length, 0);
  for (let i = 0; i < 30; i++) box.tree.write(`p/lib/${i}`, `s${i}`);
  box.tree.delete('p/src');
  assert.equal((await box.run('sync')).deletionsHeld.length, 0);
  assert.equal(world.keys().length, 30);
  await me.run('sync');
  me.tree.delete('p');
  await me.run('push', { deletions: true });
  assert.equal(world.keys().length, 0);
  const last = await box.run('sync');
  assert.equal(last.deletionsHeld.length, 0);
  assert.deepEqual(box.tree.paths(), []);
});

test('[R10] deletions while the mark of the root is gone are held', async () => {
  const world = new World();
  const box = world.replica('box', { box: true });
  for (let i = 0; i < 5; i++) box.tree.write(`p/${i}`, `${i}`);
  await box.run('sync');
  box.tree.delete('p');
  await box.tree.setMark(null);
  const report = await box.run('sync');
  assert.equal(report.deletionsHeld.length, 5);
  assert.equal((await box.run('sync')).deletionsHeld.length, 5);
  assert.equal(world.keys().length, 5);
});

test('[R11] what --exclude names is changed on neither side', async () => {
  const world = new World();
  const a = world.replica('a');
  a.tree.write('p/x.log', 'log');
  a.tree.write('p/x.js', 'js');
  const report = await a.run('push', { exclude: ['*.log'] });
  assert.deepEqual(world.keys(), ['p/x.js']);
  assert.equal(report.leftOut.excluded, 1);
  assert.equal(report.held.length, 0);
});

test('[R13] push leaves and counts what only the bucket changed, holds back what both changed; --force overwrites and keeps the old', async () => {
  const world = new World();
  const a = world.replica('a');
  for (const name of ['both', 'theirs', 'gone-here', 'gone-there']) a.tree.write(name, 'base');
  await a.run('push');
  a.tree.write('both', 'mine');
  world.store.putPlain('both', 'other');
  world.store.putPlain('theirs', 'other');
  a.tree.delete('gone-here');
  world.store.delete('gone-there', false);
  const report = await a.run('push');
  assert.deepEqual(report.held.map((h) => h.path), ['both']);
  assert.deepEqual(
    { ...report.leftOut, defaults: null },
    { excluded: 0, defaults: null, changedThere: 1, deletedThere: 1, changedHere: 0, deletedHere: 1 },
  );
  assert.equal(world.text('gone-here'), 'base');
  assert.equal(world.text('gone-there'), null);
  await a.run('push', { force: true });
  assert.equal(world.text('both'), 'mine');
  assert.ok(world.store.trash.some((t) => new TextDecoder().decode(t.bytes) === 'other'));
  await a.run('push', { deletions: true });
  assert.equal(world.text('gone-here'), null);
});

test('[R14] pull leaves what only this side changed, does not bring back what was deleted here, and does when the file is named', async () => {
  const world = new World();
  const a = world.replica('a');
  for (const name of ['mine', 'p/gone-here', 'gone-there']) a.tree.write(name, 'base');
  await a.run('push');
  a.tree.write('mine', 'edited');
  a.tree.delete('p/gone-here');
  world.store.delete('gone-there', false);
  const report = await a.run('pull');
  assert.equal(report.steps.length, 0);
  assert.equal(report.leftOut.changedHere, 1);
  assert.equal(report.leftOut.deletedHere, 1);
  assert.equal(report.leftOut.deletedThere, 1);
  await a.run('pull', { root: 'p' });
  assert.equal(text(a.tree, 'p/gone-here'), null);
  await a.run('pull', { root: 'p/gone-here' });
  assert.equal(text(a.tree, 'p/gone-here'), 'base');
  await a.run('pull', { deletions: true });
  assert.equal(text(a.tree, 'gone-there'), null);
});

test('[R17] default folders are not sent, yet arrive; given as argument they are sent', async () => {
  const world = new World();
  const a = world.replica('a');
  a.tree.write('p/a.js', 'x');
  a.tree.write('p/dist/out.js', 'mine');
  a.tree.write('p/node_modules/m/i.js', 'm');
  const report = await a.run('push');
  assert.deepEqual(world.keys(), ['p/a.js']);
  assert.deepEqual(report.leftOut.defaults, { dist: 1, node_modules: 1 });
  world.store.putPlain('p/dist/out.js', 'theirs');
  await a.run('pull');
  assert.equal(text(a.tree, 'p/dist/out.js'), 'theirs');
  a.tree.write('p/dist/new.js', 'new');
  await a.run('push', { root: 'p/dist' });
  assert.equal(world.text('p/dist/new.js'), 'new');
  await a.run('push', { defaultExcludes: false });
  assert.equal(world.text('p/node_modules/m/i.js'), 'm');
});

test('[R17] .mhnosignore leaves out what it names', async () => {
  const world = new World();
  const a = world.replica('a');
  a.tree.write('p/.mhnosignore', '*.tmp\n/secret\n');
  a.tree.write('p/x.tmp', 'x');
  a.tree.write('p/secret', 'x');
  a.tree.write('p/deep/secret', 'x');
  await a.run('push');
  assert.deepEqual(world.keys(), ['p/.mhnosignore', 'p/deep/secret']);
});

test('[R31] what was removed from the bucket on purpose is not sent again', async () => {
  const world = new World();
  const a = world.replica('a');
  a.tree.write('p/x', '1');
  await a.run('push');
  world.store.delete('p/x', true);
  const report = await a.run('push');
  assert.equal(report.leftOut.deletedThere, 1);
  assert.equal(world.text('p/x'), null);
  assert.equal(text(a.tree, 'p/x'), '1');
});

test('[R4] empty folders travel, and go when they are filled or removed', async () => {
  const world = new World();
  const a = world.replica('a');
  const b = world.replica('b');
  a.tree.mkdir('p/empty');
  a.tree.write('p/full/x', '1');
  await a.run('push');
  assert.deepEqual(world.keys(), ['p/empty/', 'p/full/x']);
  await b.run('pull');
  assert.deepEqual(b.tree.paths(), ['p/empty/', 'p/full/x']);
  b.tree.write('p/empty/now', '1');
  b.tree.delete('p/full');
  await b.run('sync');
  await a.run('sync');
  assert.deepEqual(a.tree.paths(), ['p/empty/now']);
});

test('[R4] a file and a folder of one name: what is here stays, the other is held back', async () => {
  const world = new World();
  const a = world.replica('a');
  world.store.putPlain('a', 'file');
  world.store.putPlain('a/b', 'below');
  const report = await a.run('pull');
  assert.equal(report.held.length, 1);
  assert.equal((await a.run('sync')).held.length, 1);
  assert.equal(world.keys().length, 2);
});

test('[R25] one upload too large is reported, the rest goes on', async () => {
  const world = new World();
  world.store.maxPutBytes = 10;
  const a = world.replica('a');
  a.tree.write('big', 'x'.repeat(11));
  a.tree.write('small', 'x'.repeat(10));
  const report = await a.run('push');
  assert.deepEqual(report.held.map((h) => h.fault.code), ['UPLOAD_TOO_LARGE']);
  assert.deepEqual(world.keys(), ['small']);
});

test('[R21] a pull that does not fit says what lacks and changes nothing', async () => {
  const world = new World();
  const a = world.replica('a', { room: () => 10 });
  world.store.putPlain('big', 'x'.repeat(11));
  const result = await a.tryRun('pull');
  assert.equal(result.ok ? '' : result.fault.code, 'NO_SPACE');
  assert.deepEqual(a.tree.paths(), []);
});

import { parseStat, treeOf, type ProcessStat } from './process-stats';

const stat = (pid: number, parent: number): ProcessStat => ({
  pid,
  parent,
  name: 'node',
  cpuMs: 0,
  endedChildrenMs: 0,
});

describe('parseStat', () => {
  it('reads times, parent and a name with parentheses and spaces', () => {
    const line =
      '4242 (node (a) b) S 17 4242 4242 0 -1 4194560 100 200 0 0 150 50 7 3 20 0 11 0 8888 1234567 2222 18446744';

    expect(parseStat(line)).toEqual({ pid: 4242, parent: 17, name: 'node (a) b', cpuMs: 2000, endedChildrenMs: 100 });
  });
});

describe('treeOf', () => {
  it('finds children and their children and nobody else', () => {
    const processes = [stat(1, 0), stat(10, 1), stat(11, 10), stat(12, 11), stat(20, 1)];

    expect(treeOf(processes, 10).map((process) => process.pid)).toEqual([10, 11, 12]);
    expect(treeOf(processes, 99)).toEqual([]);
  });
});

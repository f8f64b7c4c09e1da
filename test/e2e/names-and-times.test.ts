/**
 * Every name, time and link that a filesystem allows reaches the target unchanged; paths that cannot travel are
 * reported.
 *
 * Each kind is made twice: before the first sync, in `first`, and while the receivers are live, in `later`.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { diskPlace } from '../support/disk-place.ts'
import { Rig } from '../support/rig.ts'
import { until } from '../support/until.ts'

const NAMES = [
  'n'.repeat(255),
  '\u00fc'.repeat(127),
  '-rf',
  '--help',
  ' both ends ',
  ' ',
  'new\nline',
  'tab\there',
  'quo"te\'s`',
  '*?[]{}',
  '%41%00',
  '100%',
  'back\\slash',
  '\\',
  'esc\u001b[31mred',
  'bell\u0007',
  '\u007f',
  'line\u2028separator',
  'right\u202eto left',
  '\u00e9',
  'e\u0301',
  'case',
  'CASE',
  '..x',
  '...',
  '.hidden',
  'trailing.',
  '~',
  '#hash',
  '!bang',
  '$(id)',
  ';',
  'a:b',
  '\u{1f600}',
  'constructor',
  '__proto__',
  'toString',
  'staging',
  'trash',
  '1',
  '0',
  'slice',
  'pax_global_header',
]

/** Seconds; the target must have the time that the filesystem made of them. */
const TIMES = [
  0,
  -1,
  -86_400.5,
  1,
  0.000001,
  1_700_000_000.123456,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 + 0.5,
  253_402_300_799,
]

const LINKS: Record<string, string> = {
  dangling: 'nowhere',
  'loop-a': 'loop-b',
  'loop-b': 'loop-a',
  self: 'self',
  absolute: '/etc/passwd',
  escaping: '../../../../../../etc',
  here: '.',
  'long target': 'x/'.repeat(2_000),
  'strange target': ' \n\t*?\\',
  '\u00e9 target': 'e\u0301',
}

let rig: Rig

before(async () => {
  rig = await Rig.start({ receivers: 1, place: diskPlace(), prepare: (source) => makeAll(join(source, 'first')) })
  await rig.converged()
})
after(() => rig[Symbol.asyncDispose]())

function makeAll(at: string): void {
  mkdirSync(at)
  makeNames(join(at, 'names'))
  makeTimes(join(at, 'times'))
  makeLinks(join(at, 'links'))
  makeDepth(join(at, 'deep'))
}

function makeNames(at: string): void {
  for (const kind of ['files', 'directories', 'links']) mkdirSync(join(at, kind), { recursive: true })
  for (const name of [...NAMES, '.rootferry']) {
    writeFileSync(`${at}/files/${name}`, name)
    mkdirSync(`${at}/directories/${name}`)
    writeFileSync(`${at}/directories/${name}/${name}`, name)
    symlinkSync(name, `${at}/links/${name}`)
  }
}

function makeTimes(at: string): void {
  mkdirSync(at)
  for (const [number, seconds] of TIMES.entries()) {
    writeFileSync(join(at, `file-${number}`), String(seconds))
    mkdirSync(join(at, `directory-${number}`))
    symlinkSync(`file-${number}`, join(at, `link-${number}`))
    for (const kind of ['file', 'directory']) utimesSync(join(at, `${kind}-${number}`), seconds, seconds)
    execFileSync('touch', ['-h', '-d', `@${seconds}`, join(at, `link-${number}`)])
  }
}

function makeLinks(at: string): void {
  mkdirSync(at)
  for (const [name, target] of Object.entries(LINKS)) symlinkSync(target, join(at, name))
}

/** 100 levels; made from the bottom up by moving, because no single path from the top down would be short enough. */
function makeDepth(at: string): void {
  const levels = 95
  const length = Math.floor((3_900 - at.length) / levels) - 1
  mkdirSync(at)
  writeFileSync(join(at, 'bottom'), 'reached')
  for (let level = 0; level < levels; level += 1) {
    const above = `${at}.above`
    mkdirSync(above)
    renameSync(at, join(above, String(level).padStart(length, 'd')))
    renameSync(above, at)
  }
}

test('names, times, links and depth that were there before the first sync', () => {
  const place = join(rig.targets[0] ?? '', 'first')
  assert.equal(lstatSync(`${place}/names/files/-rf`).isFile(), true)
  assert.equal(lstatSync(`${place}/links/self`).isSymbolicLink(), true)
})

test('names that come later', async () => {
  mkdirSync(join(rig.source, 'later'))
  makeNames(join(rig.source, 'later/names'))
  await rig.converged()
})

test('times and links that come later', async () => {
  makeTimes(join(rig.source, 'later/times'))
  makeLinks(join(rig.source, 'later/links'))
  await rig.converged()
})

test('a change of each strange name, and the end of it', async () => {
  for (const name of NAMES) {
    writeFileSync(`${rig.source}/later/names/files/${name}`, `${name} again`)
    rmSync(`${rig.source}/first/names/directories/${name}`, { recursive: true })
    unlinkSync(`${rig.source}/first/names/links/${name}`)
  }
  await rig.converged()
})

test('a very deep tree that comes later, changes at its bottom, and goes', async () => {
  const deep = join(rig.source, 'later/deep')
  makeDepth(deep)
  await rig.converged()
  execFileSync('find', [deep, '-name', 'bottom', '-execdir', 'sh', '-c', 'echo again > bottom', ';'])
  await rig.converged()
  rmSync(deep, { recursive: true })
  await rig.converged()
})

test('twins that differ in case or in Unicode form are two files, and swap', async () => {
  for (const [one, other] of [
    ['case', 'CASE'],
    ['\u00e9', 'e\u0301'],
  ] as const) {
    const at = (name: string) => join(rig.source, 'first/names/files', name)
    renameSync(at(one), at('between'))
    renameSync(at(other), at(one))
    renameSync(at('between'), at(other))
  }
  await rig.converged()
})

for (const when of ['first seen alone', 'among others that are fine'] as const) {
  test(`a path that cannot travel is a problem in the status, ${when}: everything else is synchronized`, async () => {
    const place = join(rig.source, when === 'first seen alone' ? 'odd' : 'odd-too')
    mkdirSync(place)
    const badName = Buffer.concat([Buffer.from(`${place}/bad-`), Buffer.from([0xff, 0xfe])])
    const badTarget = join(place, 'bad-target')
    writeFileSync(badName, 'a name that is not UTF-8')
    symlinkSync(Buffer.from([0x2f, 0xc3, 0x28]), badTarget)
    execFileSync('mkfifo', [join(place, 'fifo')])
    const devices = makeDevices(place)
    const server = createServer().listen(join(place, 'socket'))
    try {
      await until(
        () => existsSync(join(place, 'socket')),
        () => 'no socket was made',
      )
      if (when !== 'first seen alone')
        for (let number = 0; number < 100; number += 1) writeFileSync(join(place, `fine-${number}`), 'fine')
      await until(
        async () => (await problemsIn(place)).length >= 4 + devices.length,
        async () => JSON.stringify(await rig.status()),
      )
      const codes = new Map(await problemsIn(place))
      assert.equal(codes.get('fifo'), 'special-file')
      assert.equal(codes.get('socket'), 'special-file')
      for (const device of devices) assert.equal(codes.get(device), 'special-file')
      assert.equal(codes.get('bad-target'), 'invalid-name')
      assert.equal([...codes.values()].filter((code) => code === 'invalid-name').length, 2)
      await rig.converged(30_000, (path) => /\/(bad-.*|fifo|socket|null|tape)$/s.test(path))
      for (const name of ['fifo', 'socket', 'bad-target', ...devices])
        assert.equal(
          existsSync(join(rig.targets[0] ?? '', when === 'first seen alone' ? 'odd' : 'odd-too', name)),
          false,
        )
    } finally {
      server.close()
    }
    rmSync(place, { recursive: true })
    await rig.converged()
  })
}

/** A character and a block device, by name; none where the kernel does not allow us to make any. */
function makeDevices(place: string): string[] {
  try {
    execFileSync('mknod', [join(place, 'null'), 'c', '1', '3'], { stdio: 'ignore' })
    execFileSync('mknod', [join(place, 'tape'), 'b', '7', '250'], { stdio: 'ignore' })
    return ['null', 'tape']
  } catch {
    // The test does not run as root, or runs in a container that may not make devices.
    return []
  }
}

/** Name and code of each problem right below a directory. */
async function problemsIn(place: string): Promise<[string, string][]> {
  const below = `${place.slice(rig.source.length + 1)}/`
  const { roots } = await rig.status()
  return (roots[0]?.problems ?? [])
    .filter(({ path }) => path.startsWith(below))
    .map(({ path, code }) => [path.slice(below.length), code])
}

test('no problem is left when its cause is gone', async () => {
  await until(
    async () => (await rig.status()).roots[0]?.problems.length === 0,
    async () => JSON.stringify((await rig.status()).roots[0]?.problems),
  )
})

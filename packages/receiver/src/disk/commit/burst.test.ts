/** The burst on a real disk: kinds, names, times, renames, objects that stay and objects that are thrown away. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  existsSync,
  fstatSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { test } from 'node:test'
import {
  absent,
  directory,
  type Fed,
  Feed,
  file,
  MTIME,
  pathsOf,
  Scratch,
  symlink,
  treeOf,
  until,
} from '../../../test-support/test-feed.ts'

/** Each kind of object at the path `x`, with the paths that must be removed when it is replaced. */
const kinds: Record<string, { make: Fed[]; remove: Fed[]; kind: string }> = {
  nothing: { make: [], remove: [], kind: 'none' },
  file: { make: [file('x', 'text')], remove: [absent('x')], kind: 'f' },
  symlink: { make: [symlink('x', 'outside')], remove: [absent('x')], kind: 'l' },
  'empty directory': { make: [directory('x')], remove: [absent('x')], kind: 'd' },
  'full directory': {
    make: [directory('x'), file('x/one', '1'), directory('x/deep'), symlink('x/deep/two', '..')],
    remove: [absent('x'), absent('x/one'), absent('x/deep'), absent('x/deep/two')],
    kind: 'd',
  },
}

function kindAt(feed: Feed): string {
  return (treeOf(feed.target)['x'] ?? 'none').split(' ')[0] ?? ''
}

test('every kind is replaced by every other, in one changeset and across two', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  mkdirSync(scratch.at('elsewhere'))
  writeFileSync(scratch.at('elsewhere/precious'), 'here')
  for (const [from, old] of Object.entries(kinds)) {
    for (const [to, next] of Object.entries(kinds)) {
      for (const steps of [1, 2]) {
        await feed.commit([directory('.'), ...old.make])
        assert.equal(kindAt(feed), old.kind, `${from} before ${to}`)
        const made = new Set(next.make.map(({ change }) => change.path))
        const gone = old.remove.filter(({ change }) => !made.has(change.path))
        if (steps === 1) await feed.commit([directory('.'), ...next.make, ...gone])
        else {
          await feed.commit([directory('.'), ...old.remove])
          assert.equal(kindAt(feed), 'none')
          await feed.commit([directory('.'), ...next.make])
        }
        assert.equal(kindAt(feed), next.kind, `${from} to ${to} in ${steps}`)
        assert.equal(Object.keys(treeOf(feed.target)).length, 1 + next.make.length, `${from} to ${to} in ${steps}`)
        await feed.commit([directory('.'), ...next.remove])
      }
    }
  }
  assert.deepEqual(feed.all('problem'), [])
  assert.deepEqual(readdirSync(scratch.at('state/trash')), [])
})

test('a directory that became a symlink to another place is never deleted or written through it', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  await feed.commit([directory('.'), directory('d'), file('d/f', '1'), directory('e'), file('e/f', '1')])
  mkdirSync(scratch.at('elsewhere'))
  writeFileSync(scratch.at('elsewhere/f'), 'precious')
  for (const name of ['d', 'e']) {
    rmSync(scratch.at('target', name), { recursive: true })
    symlinkSync(scratch.at('elsewhere'), scratch.at('target', name))
  }
  await feed.commit([absent('d'), absent('d/f'), file('e/f', '2'), file('e/g', '3')])
  assert.equal(readFileSync(scratch.at('elsewhere/f'), 'utf8'), 'precious')
  assert.deepEqual(readdirSync(scratch.at('elsewhere')), ['f'])
  assert.ok(!existsSync(scratch.at('target/d')))
  assert.ok(lstatSync(scratch.at('target/e')).isDirectory())
  assert.equal(readFileSync(scratch.at('target/e/f'), 'utf8'), '2')
  const [batch] = readdirSync(scratch.at('state/trash'))
  assert.equal(readlinkSync(scratch.at('state/trash', batch ?? '', 'e')), scratch.at('elsewhere'))
})

test('local content that the agent never knew goes to the trash when its directory goes', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  for (const replacement of [absent('d'), file('d', 'now a file'), symlink('d', 'x')]) {
    await feed.commit([directory('d'), file('d/known', '1')])
    mkdirSync(scratch.at('target/d/local'))
    writeFileSync(scratch.at('target/d/local/file'), 'mine')
    execFileSync('mkfifo', [scratch.at('target/d/pipe')])
    writeFileSync(Buffer.concat([Buffer.from(scratch.at('target/d/')), Buffer.from([0xff, 0xfe])]), 'odd')
    await feed.commit([replacement, absent('d/known')])
    assert.equal(lstatSync(scratch.at('target/d'), { throwIfNoEntry: false })?.isDirectory() ?? false, false)
    const batches = readdirSync(scratch.at('state/trash'))
    const kept = batches.flatMap((batch) => readdirSync(scratch.at('state/trash', batch, 'd')))
    assert.equal(kept.length, 3)
    assert.ok(kept.includes('local') && kept.includes('pipe'))
    rmSync(scratch.at('state/trash'), { recursive: true })
    mkdirSync(scratch.at('state/trash'))
    await feed.commit([absent('d')])
  }
  assert.deepEqual(feed.all('problem'), [])
})

test('protected and excluded content stays when its directory goes, and so does the directory', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open({ protect: ['env.php', '/var/'] })
  feed.connect({ filter: ['*.log'] })
  await feed.commit([directory('app'), directory('app/etc'), file('app/etc/known', '1'), directory('gone')])
  for (const name of ['app/etc/env.php', 'app/etc/a.log', 'app/etc/local', 'gone/local']) {
    writeFileSync(scratch.at('target', name), name)
  }
  mkdirSync(scratch.at('target/app/nested/more'), { recursive: true })
  writeFileSync(scratch.at('target/app/nested/more/env.php'), 'deep')
  writeFileSync(scratch.at('target/app/nested/more/other'), 'unknown')
  mkdirSync(scratch.at('target/var'))
  writeFileSync(scratch.at('target/var/session'), 's')
  await feed.commit([
    absent('app'),
    absent('app/etc'),
    absent('app/etc/known'),
    absent('app/etc/env.php'),
    absent('app/etc/a.log'),
    absent('var'),
    absent('gone'),
    file('var/session', 'from the agent'),
  ])
  const left = Object.keys(treeOf(feed.target)).sort()
  assert.deepEqual(left, [
    '.',
    'app',
    'app/etc',
    'app/etc/a.log',
    'app/etc/env.php',
    'app/nested',
    'app/nested/more',
    'app/nested/more/env.php',
    'var',
    'var/session',
  ])
  assert.equal(readFileSync(scratch.at('target/var/session'), 'utf8'), 's')
  assert.deepEqual(feed.all('problem'), [])
})

test('a directory that would have to make way with protected content inside is left as it is, and reported', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open({ protect: ['keep/'] }, { delay: () => new Promise(() => undefined) })
  feed.connect()
  await feed.commit([directory('a'), directory('b')])
  mkdirSync(scratch.at('target/a/keep'))
  writeFileSync(scratch.at('target/a/keep/f'), 'x')
  writeFileSync(scratch.at('target/a/local'), 'x')
  mkdirSync(scratch.at('target/keep'))
  await feed.commit([file('a', '1'), symlink('b', 'a'), file('keep', 'a file'), file('fine', '2')])
  assert.deepEqual(
    feed
      .all('problem')
      .map(({ path, code }) => `${path} ${code}`)
      .sort(),
    ['a protected', 'keep protected'],
  )
  assert.deepEqual(readdirSync(scratch.at('target/a')).sort(), ['keep', 'local'])
  assert.ok(lstatSync(scratch.at('target/b')).isSymbolicLink())
  assert.equal(readFileSync(scratch.at('target/fine'), 'utf8'), '2')
})

test('a directory that a changeset touches without naming it gets its time and mode back', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  await feed.commit([directory('.', { mtime: MTIME + 5 }), directory('d', { mode: 0o555, mtime: MTIME + 7 })])
  await feed.commit([file('d/new', '1'), file('top', '2')])
  await feed.commit([absent('d/new')])
  const tree = treeOf(feed.target)
  assert.match(tree['.'] ?? '', new RegExp(`${MTIME + 5}$`))
  assert.match(tree['d'] ?? '', new RegExp(`^d ${0o555} .*${MTIME + 7}$`))
})

test('a change of attributes alone needs no content, and a file that is not there any more is asked for', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  await feed.commit([file('a', 'one'), file('b', 'two'), file('c', 'three')])
  const inode = statSync(scratch.at('target/a')).ino
  rmSync(scratch.at('target/b'))
  writeFileSync(scratch.at('target/c'), 'of another size')
  const look = { source: 'keep', mode: 0o4711, mtime: MTIME + 1 } as const
  await feed.commit([file('a', 'one', look), file('b', 'two', look), file('c', 'three', look)])
  assert.equal(statSync(scratch.at('target/a')).ino, inode)
  assert.match(treeOf(feed.target)['a'] ?? '', new RegExp(`^f ${0o4711} .* ${MTIME + 1} 3 `))
  const want = await feed.told('want')
  assert.deepEqual(pathsOf(want).sort(), ['b', 'c'])
  await feed.changeset([file('b', 'two', { mode: 0o600 }), file('c', 'three')], { request: want.request })
  await feed.told('repaired')
  assert.equal(readFileSync(scratch.at('target/c'), 'utf8'), 'three')
  assert.deepEqual(
    feed.all('committed').map(({ sequence, as }) => [sequence, as]),
    [
      [1, 'changeset'],
      [2, 'changeset'],
      [2, 'repair'],
    ],
  )
})

test('a renamed directory moves its files without copying them, and a copy keeps its source', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  const names = Array.from({ length: 200 }, (_, index) => `f${index}`)
  const content = (name: string) => `content of ${name}`
  await feed.commit([directory('old'), ...names.map((name) => file(`old/${name}`, content(name)))])
  const inodes = names.map((name) => statSync(scratch.at('target/old', name)).ino)
  const moved = (name: string) => file(`new/${name}`, content(name), { source: { copy: `old/${name}` } })
  await feed.commit([
    directory('new'),
    ...names.map(moved),
    ...names.map((name) => absent(`old/${name}`)),
    absent('old'),
  ])
  assert.deepEqual(
    names.map((name) => statSync(scratch.at('target/new', name)).ino),
    inodes,
  )
  assert.ok(!existsSync(scratch.at('target/old')))
  await feed.commit([
    file('copy', content('f1'), { source: { copy: 'new/f1' }, mode: 0o600, mtime: MTIME + 9 }),
    file('new/f2', content('f3'), { source: { copy: 'new/f3' } }),
    file('new/f3', content('f2'), { source: { copy: 'new/f2' } }),
  ])
  assert.notEqual(statSync(scratch.at('target/copy')).ino, statSync(scratch.at('target/new/f1')).ino)
  assert.match(treeOf(feed.target)['copy'] ?? '', new RegExp(`^f ${0o600} .* ${MTIME + 9} `))
  assert.equal(readFileSync(scratch.at('target/new/f2'), 'utf8'), content('f3'))
  assert.equal(readFileSync(scratch.at('target/new/f3'), 'utf8'), content('f2'))
  assert.match(treeOf(feed.target)['new/f1'] ?? '', new RegExp(`^f ${0o644} .* ${MTIME} `))
  assert.deepEqual(feed.allSent('want'), [])
  await feed.commit([file('twin', content('f1'), { source: { copy: 'new/f1' } })])
  assert.notEqual(statSync(scratch.at('target/twin')).ino, statSync(scratch.at('target/new/f1')).ino)
})

test('a copy whose source differs, is gone, or is not a file is asked for', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  await feed.commit([file('a', 'aaa'), file('b', 'bbb'), directory('d')])
  // Only its content shows the difference, because its time is unchanged.
  writeFileSync(scratch.at('target/a'), 'AAA')
  utimesSync(scratch.at('target/a'), MTIME / 1e6, MTIME / 1e6)
  execFileSync('mkfifo', [scratch.at('target/pipe')])
  const copy = (path: string, from: string) => file(path, 'aaa', { source: { copy: from } })
  await feed.commit([
    copy('1', 'a'),
    copy('2', 'missing'),
    copy('3', 'd'),
    copy('4', 'pipe'),
    copy('5', 'b'),
    absent('a'),
  ])
  const want = await feed.told('want')
  assert.deepEqual(pathsOf(want).sort(), ['1', '2', '3', '4', '5'])
  assert.deepEqual(readdirSync(feed.target).sort(), ['b', 'd', 'pipe'])
})

test('a hard link pair on the target is broken by an edit of one, and an unexpected object simply makes way', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  await feed.commit([file('a', 'one')])
  linkSync(scratch.at('target/a'), scratch.at('target/b'))
  execFileSync('mkfifo', [scratch.at('target/pipe')])
  symlinkSync('a', scratch.at('target/dir'))
  await feed.commit([file('a', 'two'), file('pipe', 'file'), directory('dir'), file('dir/x', '1')])
  assert.equal(readFileSync(scratch.at('target/b'), 'utf8'), 'one')
  assert.equal(readFileSync(scratch.at('target/pipe'), 'utf8'), 'file')
  assert.equal(readFileSync(scratch.at('target/dir/x'), 'utf8'), '1')
})

test('the strangest names and the longest paths are made and removed', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  const odd = [
    '-rf',
    ' both ',
    'new\nline',
    'tab\t"q"',
    '*?[]',
    '%s\\',
    '\u001b[31m',
    'é',
    'e\u0301',
    '..x',
    '...',
    '17',
  ]
  const parts = Array.from({ length: 16 }, (_, index) => String.fromCharCode(97 + index).repeat(250))
  const deep = parts.map((_, index) => parts.slice(0, index + 1).join('/'))
  const leaf = `${deep.at(-1)}/${'z'.repeat(70)}`
  const fed = [...odd.map((name) => file(name, name)), ...deep.map((path) => directory(path)), file(leaf, 'deep')]
  fed.push(file('n'.repeat(255), 'long'))
  await feed.commit([directory('.'), ...fed])
  assert.deepEqual(readdirSync(feed.target).sort(), [...odd, parts[0], 'n'.repeat(255)].sort())
  await feed.commit([directory('.'), ...fed.map(({ change }) => absent(change.path))])
  assert.deepEqual(readdirSync(feed.target), [])
  assert.deepEqual(feed.all('problem'), [])
})

test('a tree that changes under the burst is planned for again, and nothing is written outside the root', async () => {
  using scratch = new Scratch()
  mkdirSync(scratch.at('elsewhere'))
  writeFileSync(scratch.at('elsewhere/x'), 'precious')
  let swaps = 0
  await using feed = await new Feed(scratch).open(
    {},
    {
      delay: () => new Promise(() => undefined),
      // A user who may write to the docroot swaps the directory for a symlink right before each kind of call.
      beforeStep: (step, path) => {
        if (path !== 'd/x' && path !== 'd/y') return
        if (!['place', 'unlink'].includes(step) || swaps >= 2) return
        swaps += 1
        rmSync(scratch.at('target/d'), { recursive: true })
        symlinkSync(scratch.at('elsewhere'), scratch.at('target/d'))
      },
    },
  )
  feed.connect()
  await feed.commit([directory('d'), file('d/keep', '0'), file('d/y', '1')])
  await feed.commit([file('d/x', 'new'), absent('d/y')])
  assert.ok(swaps > 0)
  assert.equal(readFileSync(scratch.at('elsewhere/x'), 'utf8'), 'precious')
  assert.deepEqual(readdirSync(scratch.at('elsewhere')), ['x'])
  assert.equal(readFileSync(scratch.at('target/d/x'), 'utf8'), 'new')
})

test('a path that cannot be written is reported, owed and asked for again, and the rest is committed', async () => {
  using scratch = new Scratch()
  let refuses = true
  await using feed = await new Feed(scratch).open(
    {},
    {
      delay: () => new Promise(() => undefined),
      // As with an immutable file.
      beforeStep: (step, path) => {
        const refused = { code: 'EPERM', syscall: 'rename' }
        if (refuses && step === 'place' && path.startsWith('locked')) throw Object.assign(new Error('EPERM'), refused)
      },
    },
  )
  feed.connect()
  await feed.commit([directory('locked'), file('locked/f', '1'), file('locked.php', '2'), file('open/g', '3')])
  assert.deepEqual(readdirSync(feed.target), ['open'])
  await until(() => feed.all('problem').length === 2, 'both problems')
  const problems = feed.all('problem').map(({ path, code }) => `${path} ${code}`)
  assert.deepEqual(problems.sort(), ['locked EPERM', 'locked.php EPERM'])
  assert.deepEqual(feed.allSent('want'), [])
  feed.disk.disconnected()
  assert.equal(feed.connect().sequence, 1)
  const want = await feed.told('want')
  assert.deepEqual(pathsOf(want), ['locked', 'locked.php', 'locked/f'])
  const lives = () => feed.all('phase').filter(({ phase }) => phase === 'live').length
  assert.equal(lives(), 1)
  refuses = false
  const { request } = want
  await feed.changeset([directory('locked'), file('locked/f', '1'), file('locked.php', '2')], { request })
  await until(() => lives() === 2, 'live again')
  assert.deepEqual(readdirSync(feed.target).sort(), ['locked', 'locked.php', 'open'])
  assert.deepEqual(readdirSync(scratch.at('target/locked')), ['f'])
})

test('staged content that is lost, and attributes that cannot be set, leave their paths owed', async () => {
  using scratch = new Scratch()
  let isHurt = true
  await using feed = await new Feed(scratch).open(
    {},
    {
      delay: () => new Promise(() => undefined),
      beforeStep: (step, path) => {
        if (!isHurt) return
        if (step === 'place' && path === 'lost') rmSync(scratch.at('state/staging/1'))
        const refused = { code: 'EPERM', syscall: 'utime' }
        if (step === 'finish' && path === 'd') throw Object.assign(new Error('EPERM'), refused)
      },
    },
  )
  feed.connect()
  await feed.commit([file('lost', '1'), directory('d'), file('d/f', '2'), file('fine', '3')])
  const problems = feed.all('problem').map(({ path, code }) => `${path} ${code}`)
  assert.deepEqual(problems, ['d EPERM'])
  assert.deepEqual(pathsOf(await feed.told('want')), ['lost'])
  assert.deepEqual(readdirSync(feed.target, { recursive: true }).sort(), ['d', 'd/f', 'fine'])
  isHurt = false
  feed.disk.disconnected()
  feed.connect()
  await until(() => feed.allSent('want').length === 2, 'the second want')
  assert.deepEqual(pathsOf(feed.allSent('want').at(-1)), ['d', 'lost'])
})

test('without root, read-only directories and files are written to and get their modes back', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  await feed.commit([
    directory('d', { mode: 0o555 }),
    file('d/f', '1', { mode: 0o444 }),
    directory('d/e', { mode: 0o500 }),
  ])
  chmodSync(scratch.at('target/d'), 0o555)
  await feed.commit([file('d/f', '2', { mode: 0o444 }), file('d/e/g', '3'), absent('d/missing')])
  const tree = treeOf(feed.target)
  assert.match(tree['d'] ?? '', new RegExp(`^d ${0o555} `))
  assert.match(tree['d/e'] ?? '', new RegExp(`^d ${0o500} `))
  assert.equal(readFileSync(scratch.at('target/d/f'), 'utf8'), '2')
  await feed.commit([absent('d'), absent('d/f'), absent('d/e'), absent('d/e/g')])
  assert.ok(!existsSync(scratch.at('target/d')))
})

test('times before 1970, beyond 2038 and to the microsecond come out as they went in', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  const times = [0, -1, -1_234_567_890_123_456, 4_102_444_800_000_001, 7_258_118_400_000_000, MTIME, 1]
  const fed = times.flatMap((mtime, index) => [
    file(`f${index}`, 'x', { mtime }),
    directory(`d${index}`, { mtime }),
    symlink(`l${index}`, 'x', { mtime }),
  ])
  await feed.commit(fed)
  times.forEach((mtime, index) => {
    for (const letter of ['f', 'd', 'l']) {
      const found = Number((treeOf(feed.target)[`${letter}${index}`] ?? '').split(' ')[4])
      assert.ok(Math.abs(found - mtime) <= (mtime > 4e15 ? 1 : 0), `${letter} ${mtime} came out as ${found}`)
    }
  })
  lutimesSync(scratch.at('target/l0'), 5, 5)
})

test('files that a large burst replaces or removes keep a name until it is over, and are freed then', async () => {
  using scratch = new Scratch()
  const names = Array.from({ length: 60 }, (_, number) => `f${number}`)
  const held: number[] = []
  const links: number[] = []
  const beforeStep = (step: string) => {
    if (step === 'finish') links.push(...held.map((descriptor) => fstatSync(descriptor).nlink))
  }
  await using feed = await new Feed(scratch).open({}, { delay: async () => undefined, beforeStep })
  feed.connect()
  await feed.commit([directory('.'), ...names.map((name) => file(name, `old ${name}`))])
  held.push(...names.map((name) => openSync(scratch.at('target', name), 'r')))
  await feed.commit(names.map((name, number) => (number < 50 ? file(name, `new ${name}`) : absent(name))))
  await until(() => readdirSync(scratch.at('state/staging')).length === 0, 'staging to be tidied')
  assert.equal(links.length, names.length)
  assert.ok(links.every((count) => count === 1))
  for (const descriptor of held) {
    assert.equal(fstatSync(descriptor).nlink, 0)
    closeSync(descriptor)
  }
  assert.equal(readFileSync(scratch.at('target/f49'), 'utf8'), 'new f49')
  assert.equal(existsSync(scratch.at('target/f50')), false)
})

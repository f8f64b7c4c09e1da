/**
 * Other filesystems inside a target: nothing across a border is moved, removed or taken for extraneous; content below a
 * border arrives; a border that refuses writes is a problem of its own paths only.
 */
import assert from 'node:assert/strict'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Daemons } from '../support/daemons.ts'
import { Mounts } from '../support/mounts.ts'
import { resync } from '../support/resync-orders.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const NO_MOUNTS = 'nothing can be mounted here'

const daemons = new Daemons()
after(() => daemons[Symbol.asyncDispose]())

function put(directory: string, files: Record<string, string>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(directory, path, '..'), { recursive: true })
    writeFileSync(join(directory, path), content)
  }
}

const read = (...parts: string[]) => readFileSync(join(...parts), 'utf8')

function targetOf(site: Site, number = 0): string {
  return site.targets[number] ?? ''
}

test('a directory that goes away leaves the mount in it, and what that holds', async (t) => {
  if (!Mounts.isAllowed()) return t.skip(NO_MOUNTS)
  using mounts = new Mounts()
  const site = await Site.on(daemons, {
    prepare: (source) => put(source, { 'app/a.php': 'a', 'app/etc/b.php': 'b', 'c.php': 'c' }),
  })
  await site.converged()
  const target = targetOf(site)
  put(mounts.tmpfs(join(target, 'app/etc/data')), { 'own.txt': 'of web1' })
  rmSync(join(site.source, 'app'), { recursive: true })
  put(site.source, { 'd.php': 'd' })
  await site.inSync()
  await until(
    () => !existsSync(join(target, 'app/a.php')) && existsSync(join(target, 'd.php')),
    () => readdirSync(target).join(),
  )
  assert.equal(read(target, 'app/etc/data/own.txt'), 'of web1')
  assert.equal(existsSync(join(target, 'app/etc/b.php')), false)
})

test('what is extraneous at a first join stays when a mount is in it', async (t) => {
  if (!Mounts.isAllowed()) return t.skip(NO_MOUNTS)
  using mounts = new Mounts()
  const site = await Site.on(daemons, {
    prepare: (source, [target = '']) => {
      put(source, { 'a.php': 'a' })
      put(target, { 'shared/left.txt': 'extraneous', 'gone/b.txt': 'extraneous' })
      put(mounts.tmpfs(join(target, 'shared/deep/volume')), { 'own.txt': 'of web1' })
    },
  })
  await site.inSync()
  const target = targetOf(site)
  assert.equal(read(target, 'shared/deep/volume/own.txt'), 'of web1')
  assert.deepEqual([existsSync(join(target, 'shared/left.txt')), existsSync(join(target, 'gone'))], [false, false])
})

test('content arrives on a volume inside the target: new, changed, renamed, deleted, whole directories', async (t) => {
  if (!Mounts.isAllowed()) return t.skip(NO_MOUNTS)
  using mounts = new Mounts()
  const site = await Site.on(daemons, {
    prepare: (source, [target = '']) => {
      put(source, { 'pub/media/a.jpg': 'a', 'pub/media/d/b.jpg': 'b', 'e.php': 'e' })
      put(mounts.tmpfs(join(target, 'pub/media')), { 'own.jpg': 'uploaded here', 'a.jpg': 'another' })
      // What was written a moment ago has a test of its own.
      utimesSync(join(target, 'pub/media/a.jpg'), 1_000_000_000, 1_000_000_000)
    },
  })
  await site.inSync()
  const target = targetOf(site)
  assert.deepEqual(
    [read(target, 'pub/media/a.jpg'), read(target, 'pub/media/d/b.jpg'), read(target, 'e.php')],
    ['a', 'b', 'e'],
  )
  assert.equal(read(target, 'pub/media/own.jpg'), 'uploaded here', 'across a border nothing is extraneous')
  put(site.source, { 'pub/media/a.jpg': 'newer', 'pub/media/new/x/y.jpg': 'y' })
  renameSync(join(site.source, 'pub/media/d'), join(site.source, 'pub/media/f'))
  rmSync(join(site.source, 'e.php'))
  await site.inSync()
  await site.converged(30_000, (path) => path === 'pub/media/own.jpg')
  // Moved over the border, both ways.
  renameSync(join(site.source, 'pub/media/new'), join(site.source, 'new'))
  renameSync(join(site.source, 'pub/media/f/b.jpg'), join(site.source, 'b.jpg'))
  await site.converged(30_000, (path) => path === 'pub/media/own.jpg')
})

test('what was written on a volume just before a first join is named until it is replaced, and kept', async (t) => {
  if (!Mounts.isAllowed()) return t.skip(NO_MOUNTS)
  using mounts = new Mounts()
  const site = await Site.on(daemons, {
    prepare: (source, [target = '']) => {
      put(source, { 'pub/media/a.jpg': 'a', 'e.php': 'e' })
      put(mounts.tmpfs(join(target, 'pub/media')), { 'a.jpg': 'another' })
    },
  })
  const target = targetOf(site)
  const owed = async () => (await daemons.status()).receivers[0]?.owed.paths ?? []
  const describe = async () => JSON.stringify(await daemons.status())
  await until(async () => {
    // As a program that goes on writing does.
    utimesSync(join(target, 'pub/media/a.jpg'), new Date(), new Date())
    return (await owed()).some(({ path, code }) => path === 'pub/media/a.jpg' && code === 'just-written')
  }, describe)
  assert.equal(read(target, 'e.php'), 'e', 'it holds up nothing else')
  await site.converged(60_000)
  await until(async () => (await owed()).length === 0, describe)
  assert.deepEqual(
    site.trashOf(0).filter((path) => path.endsWith('a.jpg')),
    ['pub/media/a.jpg'],
  )
})

test('a border that is read-only is a problem of its paths and holds up nothing else', async (t) => {
  if (!Mounts.isAllowed()) return t.skip(NO_MOUNTS)
  using mounts = new Mounts()
  const site = await Site.on(daemons, {
    prepare: (source) => put(source, { 'app/etc/a.php': 'a', 'app/etc/b.php': 'b', 'c.php': 'c' }),
  })
  await site.converged()
  const target = targetOf(site)
  mounts.bind(join(target, 'app/etc'), join(target, 'app/etc'), true)
  rmSync(join(site.source, 'app/etc/a.php'))
  put(site.source, { 'app/etc/b.php': 'newer', 'c.php': 'newer' })
  await until(
    () => read(target, 'c.php') === 'newer',
    () => 'the other path did not arrive',
  )
  const problems = async () => (await daemons.receiverRoots(0))[0]?.problems ?? []
  await until(
    async () => (await problems()).some(({ path, code }) => path === 'app/etc/b.php' && code === 'EROFS'),
    async () => JSON.stringify(await problems()),
  )
  put(site.source, { 'd.php': 'd' })
  await until(
    () => existsSync(join(target, 'd.php')),
    () => 'a later change did not arrive',
  )
  // A receiver that was started anew asks at once for the paths that it owes.
  await daemons.killReceiver(0)
  mounts.unmount(join(target, 'app/etc'))
  await daemons.startReceiver(0)
  await site.converged()
})

test('one volume below the source and below targets: no upload is lost, resyncs or not', async (t) => {
  if (!Mounts.isAllowed()) return t.skip(NO_MOUNTS)
  using mounts = new Mounts()
  const site = await Site.on(daemons, {
    prepare: (source, targets) => {
      put(source, { 'a.php': 'a' })
      mounts.tmpfs(join(source, '../volume'))
      for (const root of [source, ...targets]) mounts.bind(join(source, '../volume'), join(root, 'media'))
      put(join(source, 'media'), { 'first.jpg': 'first' })
    },
  })
  await site.inSync()
  for (let upload = 0; upload < 300; upload += 1) {
    put(join(targetOf(site, upload % 2), 'media'), { [`${upload % 7}/u${upload}.jpg`]: `upload ${upload}` })
    if (upload % 60 === 0) await resync(daemons)
  }
  await resync(daemons)
  await site.inSync()
  const missing = Array.from({ length: 300 }, (_, upload) =>
    join(site.source, 'media', `${upload % 7}/u${upload}.jpg`),
  ).filter((path) => !existsSync(path))
  assert.deepEqual(missing, [])
})

test('a target that is replaced while it is served is noticed before anything more is said to be committed', async () => {
  const site = await Site.on(daemons, {
    prepare: (source) => put(source, { 'a.php': 'a', 'b/c.php': 'c' }),
  })
  await site.converged()
  const target = targetOf(site)
  renameSync(target, `${target}.old`)
  cpSync(`${target}.old`, target, { recursive: true, preserveTimestamps: true })
  put(site.source, { 'a.php': 'newer' })
  await until(
    () => read(target, 'a.php') === 'newer',
    () => 'what is visible stayed old',
  )
  await site.converged()
  assert.equal(read(`${target}.old`, 'b/c.php'), 'c')
})

test('a target whose filesystem is not mounted takes nothing, and continues when it is', async (t) => {
  if (!Mounts.isAllowed()) return t.skip(NO_MOUNTS)
  using mounts = new Mounts()
  const site = await Site.on(daemons, {
    prepare: (source, [target = '']) => {
      put(source, { 'a.php': 'a' })
      mounts.tmpfs(`${target}.volume`)
      mounts.bind(`${target}.volume`, target)
    },
  })
  await site.converged()
  const target = targetOf(site)
  await daemons.killReceiver(0)
  mounts.unmount(target)
  assert.match(await daemons.launchReceiver(0).ended, /the filesystem that was mounted at .* is not mounted: mount it/)
  assert.deepEqual(readdirSync(target), [])
  mounts.bind(`${target}.volume`, target)
  await daemons.startReceiver(0)
  await site.converged()
})

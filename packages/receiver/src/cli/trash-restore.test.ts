/** What comes back from the trash: the latest version, to whatever filesystem it belongs, and never a mount along with it. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Failure } from '@rootferry/host/machine'
import { restoreFile } from './trash-restore.ts'

const EARLIER = '2026-01-31T08-15-00-000Z'
const LATER = '2026-01-31T09-15-00-000Z'

class Scene implements Disposable {
  readonly place = mkdtempSync(join(tmpdir(), 'rootferry-restore-'))
  readonly root = { name: 'shop', path: join(this.place, 'target') }
  readonly state = join(this.place, 'state')
  readonly #mounted: string[] = []

  constructor() {
    mkdirSync(this.root.path)
  }

  target(path: string): string {
    return join(this.root.path, path)
  }

  put(files: Record<string, string>, base = this.root.path): void {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(join(base, path, '..'), { recursive: true })
      writeFileSync(join(base, path), content)
    }
  }

  trashed(batch: string, files: Record<string, string>): void {
    this.put(files, join(this.state, 'trash/shop', batch))
  }

  /** @returns whether it is mounted */
  mount(path: string): boolean {
    mkdirSync(this.target(path), { recursive: true })
    const isMounted = spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', this.target(path)]).status === 0
    if (isMounted) this.#mounted.push(this.target(path))
    return isMounted
  }

  restore(path: string, replaces = false) {
    return restoreFile(this.state, this.root, path, replaces)
  }

  read(path: string): string {
    return readFileSync(this.target(path), 'utf8')
  }

  [Symbol.dispose](): void {
    for (const place of this.#mounted) spawnSync('umount', ['-l', place])
    rmSync(this.place, { recursive: true })
  }
}

const failure = (pattern: RegExp) => (error: unknown) => error instanceof Failure && pattern.test(error.message)

test('of versions in several batches, and of several in one, the latest comes first', () => {
  using scene = new Scene()
  scene.trashed(EARLIER, { 'a.txt': '1' })
  scene.trashed(LATER, { 'a.txt': '2', 'a.txt~1': '3', 'a.txt~2': '4', 'a.txt~9': 'a file of that name' })
  assert.equal(scene.restore('a.txt').versions, 3)
  assert.equal(scene.read('a.txt'), '4')
  for (const content of ['3', '2', '1']) {
    rmSync(scene.target('a.txt'))
    scene.restore('a.txt')
    assert.equal(scene.read('a.txt'), content)
  }
  scene.restore('a.txt~9')
  assert.throws(() => scene.restore('a.txt', true), failure(/is not in the trash of shop/))
})

test('the latest of both places of a trash comes back', () => {
  using scene = new Scene()
  scene.trashed(EARLIER, { 'a.txt': 'earlier' })
  scene.put({ [`.rootferry/trash/${LATER}/a.txt`]: 'later' })
  scene.restore('a.txt')
  assert.equal(scene.read('a.txt'), 'later')
})

test('a directory in which something is mounted stays where it is, and so does what is in the trash', (t) => {
  using scene = new Scene()
  if (!scene.mount('app/data')) return t.skip('nothing can be mounted here')
  scene.put({ 'app/data/own.txt': 'on a volume' })
  scene.trashed(LATER, { 'app/x.php': 'x' })
  assert.throws(() => scene.restore('app', true), failure(/^app stays: another filesystem is mounted at app\/data$/))
  assert.equal(scene.read('app/data/own.txt'), 'on a volume')
  scene.restore('app/x.php')
  assert.equal(scene.read('app/x.php'), 'x')
})

test('what belongs on another filesystem is copied there with its time and mode, and what is there comes to the trash', (t) => {
  using scene = new Scene()
  if (!scene.mount('media')) return t.skip('nothing can be mounted here')
  scene.trashed(LATER, { 'media/a.jpg': 'a', 'media/deep/b.jpg': 'b', 'media/c.jpg': 'c' })
  utimesSync(join(scene.state, 'trash/shop', LATER, 'media/a.jpg'), 1_000, 1_000)
  scene.put({ 'media/a.jpg': 'newer' })
  const time = lstatSync(scene.target('media')).mtimeMs
  const { displaced } = scene.restore('media/a.jpg', true)
  assert.equal(scene.read('media/a.jpg'), 'a')
  assert.equal(lstatSync(scene.target('media/a.jpg')).mtimeMs, 1_000_000)
  assert.equal(lstatSync(scene.target('media')).mtimeMs, time)
  assert.equal(readFileSync(join(scene.state, 'trash/shop', displaced ?? '', 'media/a.jpg'), 'utf8'), 'newer')
  scene.restore('media/deep')
  assert.equal(scene.read('media/deep/b.jpg'), 'b')
  assert.deepEqual(readdirSync(scene.target('media')).sort(), ['a.jpg', 'deep'])
  assert.deepEqual(readdirSync(join(scene.state, 'trash/shop', LATER, 'media')), ['c.jpg'])
})

test('when there is no room for it, what was there is back in its place, and nothing is lost', (t) => {
  using scene = new Scene()
  if (!scene.mount('media')) return t.skip('nothing can be mounted here')
  spawnSync('mount', ['-o', 'remount,size=1m', scene.target('media')])
  scene.trashed(LATER, { 'media/a.jpg': 'a'.repeat(2 * 1024 * 1024) })
  scene.put({ 'media/a.jpg': 'small' })
  assert.throws(() => scene.restore('media/a.jpg', true), failure(/No space left on device/))
  assert.equal(scene.read('media/a.jpg'), 'small')
  assert.deepEqual(readdirSync(scene.target('media')), ['a.jpg'])
  assert.equal(lstatSync(join(scene.state, 'trash/shop', LATER, 'media/a.jpg')).size, 2 * 1024 * 1024)
})

test('a target that is missing, and a path that is none, are told of in one line', () => {
  using scene = new Scene()
  scene.trashed(LATER, { 'a.txt': 'a' })
  rmSync(scene.root.path, { recursive: true })
  assert.throws(() => scene.restore('a.txt'), failure(/^the target .* cannot be opened: ENOENT/))
  for (const path of ['../x', '.', '/a', 'a/../b', ''])
    assert.throws(() => scene.restore(path), failure(/is not a path below/))
})

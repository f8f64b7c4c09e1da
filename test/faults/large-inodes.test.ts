/**
 * A target whose files have inode numbers beyond those that a double holds, where neighbours are equal as doubles: an
 * overlay with a lower layer of another filesystem. Two files are not taken for one, and a directory not for the one that
 * it replaced.
 */
import assert from 'node:assert/strict'
import { linkSync, lstatSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { lookAt } from '@rootferry/host/machine'
import { Mounts } from '../support/mounts.ts'
import { ownMounts } from '../support/own-mounts.ts'
import { resync } from '../support/resync-orders.ts'
import { Rig } from '../support/rig.ts'

const FILES = Array.from({ length: 12 }, (_, number) => `f${number}.txt`)
const SECONDS = 1_700_000_000

function put(path: string, content: string): void {
  writeFileSync(path, content)
  utimesSync(path, SECONDS, SECONDS)
}

/** What is in the target before is in the lower layer, and each of its names is a file of its own. */
function prepared(mounts: Mounts, isPossible: { now: boolean }) {
  return (source: string, [target = '']: string[]) => {
    const [first = ''] = FILES
    put(join(source, first), 'same')
    for (const name of FILES.slice(1)) linkSync(join(source, first), join(source, name))
    const lower = `${target}.lower`
    if (mounts.image(lower, ['mkfs.ext4', '-q', '-F']) === null) return
    mkdirSync(join(lower, 'tree'))
    put(join(lower, 'tree', first), 'same')
    for (const [number, name] of FILES.entries()) if (number > 0) put(join(lower, 'tree', name), `no${number % 10}!`)
    mounts.tmpfs(`${target}.upper`)
    for (const layer of ['upper', 'work']) mkdirSync(join(`${target}.upper`, layer))
    isPossible.now = mounts.layered(target, join(lower, 'tree'), `${target}.upper`)
  }
}

const inside = ownMounts(import.meta.url)
if (inside.isInside) {
  test('hard links between files whose numbers are neighbours', async (t) => {
    const mounts = new Mounts()
    const isPossible = { now: false }
    await using rig = await Rig.start({
      receivers: 1,
      receiversLater: true,
      root: { preserve: { hardLinks: true } },
      prepare: prepared(mounts, isPossible),
    })
    using _mounted = mounts
    if (!isPossible.now) return t.skip('no overlay with such numbers can be mounted here')
    const [target = ''] = rig.targets
    const numbers = FILES.map((name) => lstatSync(join(target, name)).ino)
    assert.ok(new Set(numbers).size < FILES.length, 'as doubles they are equal')
    assert.equal(new Set(FILES.map((name) => lookAt(join(target, name))?.ino)).size, FILES.length)
    await rig.startReceiver(0)
    await rig.inSync()
    await resync(rig, { check: 'metadata' })
    for (const name of FILES) assert.equal(readFileSync(join(target, name), 'utf8'), 'same', name)
    const exact = FILES.map((name) => lstatSync(join(target, name), { bigint: true }).ino)
    assert.equal(new Set(exact).size, 1, 'all are names of one file')
  })
} else {
  test('inode numbers beyond doubles, in a mount namespace of their own', (t) => {
    const outcome = inside.run()
    if (outcome === null) return t.skip('nothing can be mounted here')
    assert.equal(outcome.failure, '')
  })
}

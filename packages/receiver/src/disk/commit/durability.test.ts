/** Syncing in the background, on a real disk. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ConfinedDirectories } from '@rootferry/host/machine'
import { Untouchable } from '../files/untouchable.ts'
import { Durability } from './durability.ts'

/** The paths that this process holds open below a directory. */
function heldBelow(directory: string): string[] {
  const links = readdirSync('/proc/self/fd').map((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`)
    } catch {
      // The descriptor of the listing itself, closed by now.
      return ''
    }
  })
  return links.filter((link) => link.startsWith(`${directory}/`))
}

test('what is synced file by file leaves no directory open, which somebody could move away', async () => {
  const root = mkdtempSync(join(process.env['ROOTFERRY_DISK'] ?? tmpdir(), 'rootferry-durability-'))
  try {
    mkdirSync(join(root, 'a/b'), { recursive: true })
    writeFileSync(join(root, 'a/b/f'), 'content')
    using confined = new ConfinedDirectories(root)
    const synced: number[] = []
    const durability = new Durability({
      confined,
      untouchable: new Untouchable([]),
      schedule: () => undefined,
      commits: () => 1,
      synced: ({ sequence }) => synced.push(sequence),
      failed: (message) => assert.fail(message),
      leftOut: ({ path }) => assert.fail(path),
    })
    durability.committed(['a/b/f', 'a/b/gone', 'a'], { epoch: 'e', term: 't', sequence: 7 })
    assert.equal(await durability.flush(true), true)
    assert.deepEqual(synced, [7])
    assert.deepEqual(heldBelow(root), [])
  } finally {
    rmSync(root, { recursive: true })
  }
})

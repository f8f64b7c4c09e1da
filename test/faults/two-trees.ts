/** A docroot before and after a change that uses every way through a commit; crash and disk tests send it. */
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** More than a segment holds, so that it travels in slices. */
const LARGE_BYTES = 9_000_000

export function makeBefore(root: string): void {
  for (const directory of ['kept', 'gone/deep', 'swapped', 'local'])
    mkdirSync(join(root, directory), { recursive: true })
  for (const name of ['a', 'b', 'c']) writeFileSync(join(root, 'kept', name), `old ${name}\n`.repeat(500))
  for (const name of ['gone/x', 'gone/deep/y', 'swapped/z', 'plain']) writeFileSync(join(root, name), `${name}\n`)
  symlinkSync('plain', join(root, 'link'))
  writeFileSync(join(root, 'moved-from'), 'the same bytes\n'.repeat(1_000))
  for (const path of ['kept', 'gone', '.']) utimesSync(join(root, path), 1_600_000_000, 1_600_000_000)
}

/** Content, modes, times, kinds, moves, deletions, and a file in slices. */
export function makeAfter(root: string): void {
  for (const name of ['a', 'b']) writeFileSync(join(root, 'kept', name), `new ${name}\n`.repeat(700))
  chmodSync(join(root, 'kept/c'), 0o640)
  rmSync(join(root, 'gone'), { recursive: true })
  rmSync(join(root, 'swapped'), { recursive: true })
  writeFileSync(join(root, 'swapped'), 'a file now\n')
  rmSync(join(root, 'plain'))
  mkdirSync(join(root, 'plain/new'), { recursive: true })
  writeFileSync(join(root, 'plain/new/inside'), 'inside\n')
  rmSync(join(root, 'link'))
  symlinkSync('kept/a', join(root, 'link'))
  mkdirSync(join(root, 'moved'))
  renameSync(join(root, 'moved-from'), join(root, 'moved/to'))
  writeFileSync(join(root, 'large'), randomBytes(LARGE_BYTES))
  for (const path of ['kept', 'plain', '.']) utimesSync(join(root, path), 1_700_000_000, 1_700_000_000)
}

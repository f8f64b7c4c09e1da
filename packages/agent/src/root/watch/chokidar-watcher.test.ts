/** chokidar stays within the docroot, whatever takes a directory's place while it is busy. */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Owner } from '../../../test-support/watching-owner.ts'

/** Inode numbers of all that this process watches. */
function watchedInodes(): Set<number> {
  const infos = fs.readdirSync('/proc/self/fdinfo').map((name) => read(`/proc/self/fdinfo/${name}`))
  const matches = infos.flatMap((info) => [...info.matchAll(/^inotify .*ino:([0-9a-f]+)/gm)])
  return new Set(matches.map(([, inode = '']) => Number.parseInt(inode, 16)))
}

function read(file: string): string {
  try {
    return fs.readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}

test('a symlink that takes the place of a directory is not followed out of the docroot', async () => {
  await using owner = await Owner.of('chokidar')
  const elsewhere = join(owner.outside, 'a/b')
  fs.mkdirSync(elsewhere, { recursive: true })
  fs.writeFileSync(join(owner.outside, 'a/f'), '')
  for (let turns = 0; turns < 40; turns += 1) {
    const place = owner.at(`d${turns}`)
    fs.mkdirSync(join(place, 'a'), { recursive: true })
    for (let turn = 0; turn < turns; turn += 1) await nextTurn()
    fs.rmSync(place, { recursive: true })
    fs.symlinkSync(owner.outside, place)
    for (let turn = 0; turn < 40; turn += 1) await nextTurn()
  }
  await owner.knows()
  owner.write('last')
  await owner.knows()
  const watched = watchedInodes()
  const outside = [owner.outside, elsewhere, join(owner.outside, 'a'), join(owner.outside, 'a/f')]
  assert.deepEqual(
    outside.filter((path) => watched.has(fs.statSync(path).ino)),
    [],
  )
})

/** Moving to another filesystem: in turns, with all that belongs to an object, and without losing any when it is dropped. */
import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { test } from 'node:test'
import { atOnce, Scratch } from '../../../test-support/test-feed.ts'
import { move, type Settling } from './move.ts'

const LARGE = 9 * 1024 * 1024
const NAME = Buffer.from([0x66, 0xff, 0x6f])

/** Names that were said to be on the disk count as such. */
const SETTLING: Settling = { name: () => undefined, all: null }

function elsewhere(scratch: Scratch): Disposable | null {
  mkdirSync(scratch.at('elsewhere'))
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', scratch.at('elsewhere')]).status !== 0) return null
  return { [Symbol.dispose]: () => void execFileSync('umount', ['-l', scratch.at('elsewhere')]) }
}

function makeTree(top: string): void {
  mkdirSync(`${top}/many/deep`, { recursive: true })
  for (let file = 0; file < 600; file += 1) writeFileSync(`${top}/many/f${file}`, String(file))
  writeFileSync(`${top}/large`, 'begins')
  truncateSync(`${top}/large`, LARGE)
  writeFileSync(`${top}/many/deep/run.sh`, '#!/bin/sh')
  chmodSync(`${top}/many/deep/run.sh`, 0o750)
  symlinkSync('../large', `${top}/many/link`)
  writeFileSync(Buffer.concat([Buffer.from(`${top}/many/deep/`), NAME]), 'no text')
  utimesSync(`${top}/many/deep/run.sh`, 1, 1_600_000_000.25)
  utimesSync(`${top}/many`, 1, 1_500_000_000)
}

test('a tree arrives with modes, times, links, names that are no text, and with its holes', (t) => {
  using scratch = new Scratch()
  using other = elsewhere(scratch)
  if (other === null) return t.skip('nothing can be mounted here')
  makeTree(scratch.at('tree'))
  const to = scratch.at('elsewhere/tree')
  let turns = 0
  for (const _ of move(
    () => scratch.at('tree'),
    () => to,
    SETTLING,
  ))
    turns += 1
  assert.ok(turns > 600, 'it gives way after each name')
  assert.equal(existsSync(scratch.at('tree')), false)
  assert.equal(readdirSync(`${to}/many`).length, 602)
  assert.equal(readFileSync(`${to}/many/f599`, 'utf8'), '599')
  assert.equal(readlinkSync(`${to}/many/link`), '../large')
  assert.equal(readFileSync(Buffer.concat([Buffer.from(`${to}/many/deep/`), NAME]), 'utf8'), 'no text')
  const { mode, mtimeMs } = statSync(`${to}/many/deep/run.sh`)
  assert.deepEqual([mode & 0o7777, mtimeMs], [0o750, 1_600_000_000_250])
  assert.equal(lstatSync(`${to}/many`).mtimeMs, 1_500_000_000_000)
  const { size, blocks } = statSync(`${to}/large`)
  assert.equal(size, LARGE)
  assert.ok(blocks * 512 < LARGE / 2, 'what was a hole is one')
})

test('a move that is dropped at any moment has each file in one of the two places, whole, and another move ends it', (t) => {
  using scratch = new Scratch()
  using other = elsewhere(scratch)
  if (other === null) return t.skip('nothing can be mounted here')
  for (const turns of [1, 2, 5, 9, 300, 610, 620]) {
    const [from, to] = [scratch.at(`tree${turns}`), scratch.at(`elsewhere/tree${turns}`)]
    makeTree(from)
    const walk = move(
      () => from,
      () => to,
      SETTLING,
    )
    for (let turn = 0; turn < turns; turn += 1) walk.next()
    walk.return(undefined)
    const inside = `${turns} turns: `
    for (let file = 0; file < 600; file += 1) {
      const places = [from, to].map((top) => `${top}/many/f${file}`).filter((place) => existsSync(place))
      assert.ok(
        places.some((place) => readFileSync(place, 'utf8') === String(file)),
        `${inside}f${file}`,
      )
    }
    const large = [from, to].map((top) => statSync(`${top}/large`, { throwIfNoEntry: false })?.size ?? 0)
    assert.ok(large.includes(LARGE), `${inside}the large file`)
    if (existsSync(from)) {
      atOnce(
        move(
          () => from,
          () => scratch.at(`elsewhere/rest${turns}`),
          SETTLING,
        ),
      )
    }
    assert.equal(existsSync(from), false)
  }
})

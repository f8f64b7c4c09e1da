/** The layout of changesets in segments, as laws over random sizes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { carriedBytes, type Delta, LIMITS, type Step } from '@rootferry/protocol'
import fc from 'fast-check'
import { BOUNDS } from '../../bounds.ts'
import type { IndexedEntry, Tombstone } from '../index/indexed-entry.ts'
import { layOut, type Planned, type PlannedRow, SLICE_BYTES, tarBytesOf } from './changeset-plan.ts'

const common = {
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: 0,
  ctime: 1,
  inode: 1,
  target: null,
  extended: null,
  link: 0,
  sequence: 1,
  content: 1,
  digest: null,
}
const file = (path: string, size: number): IndexedEntry => ({ ...common, path, kind: 'file', size })
type Sent = PlannedRow<{ delta: Delta | null }>
const inFull = (row: IndexedEntry): Sent => ({
  row,
  travel: row.size > SLICE_BYTES ? { by: 'slices', file: { delta: null } } : { by: 'tar' },
})
const inManifest = (row: Planned): Sent => ({
  row,
  travel: row.kind === 'absent' ? { by: 'manifest' } : { by: 'keep', digest: 'd' },
})
const absent = (path: string): Tombstone => ({ path, kind: 'absent', sequence: 1, content: 1, size: 0 })

const rows = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 0, max: 200_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 40 * 1024 * 1024 }) },
    { weight: 2, arbitrary: fc.constant(null) },
  ),
  { maxLength: 300 },
)

test('every row is described exactly once and in order, every slice covers its file, every segment keeps its bounds', () => {
  fc.assert(
    fc.property(rows, fc.boolean(), (sizes, carried) => {
      const all = sizes.map((size, position) => (size === null ? absent(`p${position}`) : file(`p${position}`, size)))
      const segments = layOut(
        all.map((row) => (carried && row.kind === 'file' ? inFull(row) : inManifest(row))),
        BOUNDS.segmentBytes,
        null,
      )
      let next = 0
      const sliced = new Map<number, number>()
      for (const segment of segments) {
        assert.equal(segment.first, segment.slice !== null && !segment.slice.last ? segment.slice.row : next)
        next = segment.end > segment.first ? segment.end : next
        assert.ok(segment.tarBytes <= LIMITS.segmentBytes)
        assert.ok(segment.end - segment.first <= LIMITS.segmentChanges)
        if (segment.slice === null) continue
        const { row, offset, length } = segment.slice
        assert.equal(offset, sliced.get(row) ?? 0)
        sliced.set(row, offset + length)
      }
      assert.equal(next, all.length)
      for (const [row, end] of sliced) assert.equal(end, sizes[row])
      sizes.forEach((size, row) => assert.equal(sliced.has(row), carried && size !== null && size > SLICE_BYTES))
    }),
  )
})

test('a segment announces enough room for every file in it', () => {
  const all = Array.from({ length: 1_000 }, (_, position) => file(`f${position}`, position * 37))
  for (const { first, end, tarBytes } of layOut(all.map(inFull), BOUNDS.segmentBytes, null)) {
    const needed = all.slice(first, end).reduce((sum, { size }) => sum + tarBytesOf(size), 1_024)
    assert.ok(tarBytes >= needed)
  }
})

test('long paths make shorter segments, so that a manifest fits into a message', () => {
  const all = Array.from({ length: 2_000 }, (_, position) => absent(`${'x'.repeat(4_000)}${position}`))
  for (const { first, end } of layOut(all.map(inManifest), BOUNDS.segmentBytes, null)) {
    assert.ok(JSON.stringify(all.slice(first, end)).length < LIMITS.messageBytes / 2)
  }
})

test('a segment tells up to which sequence all has come: not within a file, nor where rows that have moved on follow', () => {
  const whole = { delta: null }
  const rows = [file('a', 10), file('b', 20_000_000), file('c', 10), file('moved on', 10), file('moved on too', 10)]
  const sequences = [3, 5, 8, 40, 30]
  const all = rows.map((row, at): Sent => {
    const placed = { ...row, sequence: sequences[at] ?? 0 }
    return row.path === 'b' ? { row: placed, travel: { by: 'slices', file: whole } } : inFull(placed)
  })
  const ends = (segmentBytes: number, to: number | null) => layOut(all, segmentBytes, to).map((segment) => segment.to)
  assert.deepEqual(ends(1, 9), [3, null, null, 5, 8, null, 9])
  assert.deepEqual(ends(BOUNDS.segmentBytes, 9), [3, null, null, 5, 9])
  assert.deepEqual(ends(1, null), Array(7).fill(null))
})

test('a file that is told in terms of a base is a segment of its own, or several, with room for what is sent of it', () => {
  const size = 300_000_000
  const steps: Step[] = [
    [1_000, 200_000_000],
    [null, 20_000_000],
    [200_001_000, 80_000_000],
  ]
  const all = [file('a', 10), file('b', size), file('c', 10)]
  const told = { delta: { base: size, steps } }
  const segments = layOut(
    all.map((row): Sent => (row.path === 'b' ? { row, travel: { by: 'slices', file: told } } : inFull(row))),
    BOUNDS.segmentBytes,
    null,
  )
  assert.deepEqual([segments[0]?.slice, segments.at(-1)?.slice], [null, null])
  const slices = segments.slice(1, -1)
  assert.ok(slices.length >= 5)
  let end = 0
  let sent = 0
  for (const { first, tarBytes, slice } of slices) {
    assert.ok(slice !== null && slice.delta !== null && first === 1)
    assert.equal(slice.offset, end)
    assert.equal(
      slice.delta.steps.reduce((sum, [, length]) => sum + length, 0),
      slice.length,
    )
    assert.ok(slice.length <= LIMITS.sliceBytes && tarBytes <= LIMITS.segmentBytes)
    const carried = carriedBytes(slice)
    assert.equal(tarBytes, 1_024 + (carried === 0 ? 0 : tarBytesOf(carried)))
    end += slice.length
    sent += carried
    assert.equal(slice.last, end === size)
  }
  assert.deepEqual([end, sent], [size, 20_000_000])
})

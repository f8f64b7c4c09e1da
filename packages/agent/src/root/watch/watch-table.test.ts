/** The table of watched directories, compared with a plain map through random changes; and how much memory it takes. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { collectGarbage } from '@rootferry/host/machine'
import { isWithin, parentPath, ROOT_PATH } from '@rootferry/protocol'
import fc from 'fast-check'
import { NONE } from './flat-index.ts'
import { REFUSED, UNWATCHED, WatchTable } from './watch-table.ts'

const MOST_BYTES = 200

type Step = { kind: 'watch'; path: string; watch: number } | { kind: 'remove'; path: string }

const path = fc
  .array(fc.constantFrom('a', 'b', 'c', 'a name that is longer than most'), { maxLength: 4 })
  .map((names) => (names.length === 0 ? ROOT_PATH : names.join('/')))
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('watch' as const), path, watch: fc.integer({ min: -1, max: 12 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), path }) },
)

/** The expected content of the table: the watch of each path, with every directory above. */
class Expected {
  readonly watches = new Map<string, number>()

  set(at: string, watch: number): void {
    for (let above = at; above !== ROOT_PATH; above = parentPath(above))
      if (!this.watches.has(parentPath(above))) this.watches.set(parentPath(above), UNWATCHED)
    this.watches.set(at, watch)
  }

  remove(at: string): void {
    for (const known of [...this.watches.keys()]) if (isWithin(known, at)) this.watches.delete(known)
  }

  count(holds: (watch: number) => boolean): number {
    return [...this.watches.values()].filter(holds).length
  }
}

describe('the table of watches', () => {
  it('says of every path and every watch what a map says, through any changes', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const [table, expected] = [new WatchTable(), new Expected()]
        for (const each of steps) {
          const before = new Set([...expected.watches.values()].filter((watch) => watch > UNWATCHED))
          const unused: number[] = []
          if (each.kind === 'remove') {
            expected.remove(each.path)
            table.remove(each.path, (watch) => unused.push(watch))
          } else {
            expected.set(each.path, each.watch)
            const left = table.setWatch(table.add(each.path), each.watch)
            if (left !== UNWATCHED) unused.push(left)
          }
          const after = new Set(expected.watches.values())
          assert.deepEqual(unused.sort(), [...before].filter((watch) => !after.has(watch)).sort())
          agree(table, expected)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('takes no more than two hundred bytes for a directory', () => {
    const count = 100_000
    const paths = (number: number) =>
      `app/code/vendor-${number % 50}/module-${number % 1_000}/directory-number-${number}`
    const table = new WatchTable()
    collectGarbage()
    const before = process.memoryUsage()
    for (let number = 0; number < count; number += 1) table.setWatch(table.add(paths(number)), number + 1)
    collectGarbage()
    const after = process.memoryUsage()
    const bytes = (after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers) / count
    assert.ok(bytes < MOST_BYTES, `${bytes} bytes for a directory`)
    assert.equal(table.pathOf(table.slotsOf(77_778)[0] ?? NONE), paths(77_777))
    assert.equal(table.watched, count)
  })
})

function agree(table: WatchTable, expected: Expected): void {
  for (const [at, watch] of expected.watches) {
    const slot = table.find(at)
    assert.notEqual(slot, NONE, at)
    assert.equal(table.pathOf(slot), at)
    assert.equal(table.watchOf(slot), watch, at)
    if (watch <= UNWATCHED) continue
    const paths = table.slotsOf(watch).map((each) => table.pathOf(each))
    const all = [...expected.watches].filter(([, other]) => other === watch).map(([other]) => other)
    assert.deepEqual(paths.sort(), all.sort())
  }
  assert.equal(
    table.watched,
    expected.count((watch) => watch > UNWATCHED),
  )
  assert.equal(
    table.refused,
    expected.count((watch) => watch === REFUSED),
  )
  for (const gone of ['a', 'b/c', 'c/a/b']) if (!expected.watches.has(gone)) assert.equal(table.find(gone), NONE)
}

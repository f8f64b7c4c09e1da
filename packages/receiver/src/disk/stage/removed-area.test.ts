/** The place of staged content is removed while a changeset comes in: the changeset is committed all the same. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { directory, type Fed, Feed, file, pathsOf, Scratch, segmentOf, until } from '../../../test-support/test-feed.ts'

const big = randomBytes(300_000)
const HALF = 150_000

/** A filesystem of its own, so that the target is staged inside. */
function mounted(at: string): Disposable | null {
  mkdirSync(at)
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16m,mode=755', 'tmpfs', at]).status !== 0) return null
  return { [Symbol.dispose]: () => void execFileSync('umount', ['-l', at]) }
}

function slice(offset: number) {
  const piece = big.subarray(offset, offset + HALF)
  return {
    slice: { path: 'big', content: 7, offset, length: HALF, size: big.length, delta: null },
    content: piece,
  }
}

const FIRST: Fed[] = [directory('d'), directory('d/e'), file('d/a', 'a'), file('d/e/b', 'b'), file('top', 'top')]
const SECOND: Fed[] = [file('d/c', 'c'), file('d/e/f', 'f'), directory('d/g'), file('d/g/h', 'h'), file('late', 'late')]
const ALL = [...FIRST, ...SECOND, file('big', big)]

for (const where of ['in the state directory', 'in the target'] as const) {
  test(`all that was staged ${where} is removed amid a changeset, and so is the trash: nothing is lost`, async (t) => {
    using scratch = new Scratch()
    using mount = where === 'in the target' ? mounted(scratch.at('target')) : { [Symbol.dispose]: () => undefined }
    if (mount === null) return t.skip('nothing can be mounted here')
    const area = where === 'in the target' ? scratch.at('target/.rootferry') : scratch.at('state/staging')
    await using feed = await new Feed(scratch).open({}, { delay: (_ms, signal) => wait(5, undefined, { signal }) })
    feed.connect()
    feed.begin(ALL.length, 0, 1)
    feed.segment(await segmentOf(FIRST, { index: 0 }))
    feed.segment(await segmentOf([], { index: 1, slice: slice(0) }))
    await until(() => feed.all('consumed').length === 2, 'the first half')
    assert.ok(existsSync(area))
    rmSync(area, { recursive: true })
    feed.segment(await segmentOf([file('big', big, { source: 'slices' })], { index: 2, slice: slice(HALF) }))
    feed.segment(await segmentOf(SECOND, { index: 3 }))
    feed.text({ type: 'commit', to: 1 })
    await feed.seen('committed').catch(() => assert.fail(JSON.stringify(feed.events)))
    for (let answered = 0; ; answered += 1) {
      await until(() => feed.allSent('want').length > answered || !isOwing(), 'the next want')
      const want = feed.allSent('want')[answered]
      if (want === undefined) break
      const paths = pathsOf(want)
      await feed.changeset(
        ALL.filter(({ change }) => paths.includes(change.path)),
        { request: want.request },
      )
      await until(() => feed.allSent('repaired').length > answered, 'the answer to be taken')
    }
    for (const { change, content } of ALL)
      if (change.kind === 'file') assert.deepEqual(readFileSync(`${feed.target}/${change.path}`), content, change.path)
    assert.equal(feed.all('problem').length, 0)

    function isOwing(): boolean {
      return ALL.some(({ change }) => !existsSync(`${feed.target}/${change.path}`))
    }
  })
}

test('the trash is removed while the receiver runs: what goes next finds its place', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  await feed.commit([directory('d'), directory('e')])
  for (const name of ['d', 'e']) {
    writeFileSync(scratch.at('target', name, 'own'), name)
    rmSync(scratch.at('state/trash'), { recursive: true })
    await feed.commit([{ change: { path: name, kind: 'absent' } }])
    const kept = execFileSync('find', [scratch.at('state/trash'), '-name', 'own'], { encoding: 'utf8' }).trim()
    assert.equal(readFileSync(kept, 'utf8'), name)
  }
})

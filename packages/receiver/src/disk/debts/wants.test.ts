/** The queue of paths to ask for: no path twice, bounded requests. */
import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { decodeToAgent, encodeMessage, LIMITS } from '@rootferry/protocol'
import fc from 'fast-check'
import { WantSize } from './want-size.ts'
import { WantQueue } from './wants.ts'

test('every path is asked for once, in questions of bounded size and number', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 6000 }), { maxLength: 9000 }),
      fc.nat({ max: 3 }),
      (drawn, answers) => {
        const queue = new WantQueue(new WantSize())
        for (const number of drawn) queue.want(`p${number}`)
        const asked: string[] = []
        for (let request = 1; queue.waiting + queue.open > 0; request += 1) {
          const paths = queue.ask(request, 7)
          if (paths !== null) {
            assert.ok(paths.length > 0 && paths.length <= LIMITS.wantPaths)
            asked.push(...paths.map(([path]) => path))
          }
          assert.ok(queue.open <= 4)
          if (paths === null || request % (answers + 1) === 0) {
            for (let open = 1; open <= request; open += 1) if (queue.isOpen(open)) queue.answered(open)
          }
        }
        assert.deepEqual(asked.sort(), [...new Set(drawn.map((number) => `p${number}`))].sort())
      },
    ),
    { numRuns: 50 },
  )
})

test('a path is not asked for while its content is to come, and can be again when that has come', () => {
  const queue = new WantQueue(new WantSize())
  queue.want('a')
  queue.want('held', 'digest')
  assert.deepEqual(queue.ask(1, 7), [
    ['a', null],
    ['held', 'digest'],
  ])
  queue.want('a')
  queue.want('a', 'digest')
  // What is here was taken for right, and may not be: the answer may bring nothing.
  queue.want('held')
  assert.deepEqual(queue.ask(2, 8), [['held', null]])
  assert.deepEqual(queue.answered(1), { paths: ['a', 'held'], atMs: 7 })
  queue.want('held')
  queue.want('a')
  assert.deepEqual(queue.ask(3, 9), [['a', null]])
})

test('an answer to nothing holds nothing', () => {
  const queue = new WantQueue(new WantSize())
  queue.want('a')
  queue.ask(2, 8)
  assert.equal(queue.answered(1), null)
  assert.equal(queue.answered(9), null)
  assert.equal(queue.isOpen(2), true)
})

test('a question asks for little more content than the next one may wait for, but always for something', () => {
  const queue = new WantQueue(new WantSize())
  for (const [path, megabytes] of Object.entries({ a: 10, b: 5, c: 2, d: 50, e: 0 })) {
    queue.want(path, null, megabytes * 1024 * 1024)
  }
  queue.drop('b')
  const asked = [1, 2, 3, 4].map((request) => queue.ask(request, 7)?.map(([path]) => path))
  assert.deepEqual(asked, [['a', 'c'], ['d'], ['e'], undefined])
})

test('a question fits into a message, however long its paths are and whatever they hold', () => {
  const queue = new WantQueue(new WantSize())
  // Each of these characters takes six bytes in a message.
  const deep = Array.from({ length: 15 }, () => '\u0001'.repeat(250)).join('/')
  const paths = Array.from({ length: LIMITS.wantPaths }, (_, number) => `${deep}/${number}`)
  for (const path of paths) queue.want(path, 'A'.repeat(43))
  const asked: string[] = []
  for (let request = 1; queue.waiting > 0; request += 1) {
    const some = queue.ask(request, 7)
    assert.ok(some !== null)
    const text = encodeMessage({ type: 'want', request, paths: some })
    assert.ok(Buffer.byteLength(text) <= LIMITS.messageBytes / 2, `${text.length} bytes`)
    assert.equal(decodeToAgent(text).type, 'want')
    asked.push(...(queue.answered(request)?.paths ?? []))
  }
  assert.deepEqual(asked, paths)
})

test('where a line breaks amid answers less is asked for, down to one path, and more again with each answer', () => {
  const size = new WantSize()
  const asked = (answers: number) => {
    const queue = new WantQueue(size)
    for (let number = 0; number < 3000; number += 1) queue.want(`p${number}`, null, 100_000)
    const counts: number[] = []
    for (let request = 1; request <= 1 + answers; request += 1) {
      counts.push(queue.ask(request, 7)?.length ?? 0)
      if (request <= answers) queue.answered(request)
    }
    queue.end()
    return counts
  }
  const many = asked(0)[0] ?? 0
  assert.ok(many > 100)
  assert.ok((asked(0)[0] ?? 0) <= many / 2 + 1)
  for (let cut = 0; cut < 20; cut += 1) asked(0)
  assert.deepEqual(asked(0), [1])
  assert.deepEqual(asked(1), [1, 1])
  const [first, second, third, last = 0] = asked(3)
  assert.deepEqual([first, second, third], [1, 1, 1])
  assert.ok(last >= 1)
  const growing = asked(12)
  assert.equal(growing.at(-1), many)
})

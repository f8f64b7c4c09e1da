/** The ring of status events: what a listener gets when it comes back, and that the ring never grows without end. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { test } from 'node:test'
import { EVENT_TYPES, EventLog, MOST_CHARACTERS, MOST_EVENTS } from './event-log.ts'
import { eventStream } from './event-stream.ts'

const ALL = new Set(EVENT_TYPES)

test('a listener that comes back gets the events after the last one that it saw, in order', () => {
  const log = new EventLog('a')
  for (let number = 1; number <= 3; number += 1) log.append('root', { number })
  assert.deepEqual(
    log.after('a-1')?.map(({ id, type, data }) => [id, type, data]),
    [
      ['a-2', 'root', '{"number":2}'],
      ['a-3', 'root', '{"number":3}'],
    ],
  )
  assert.deepEqual(log.after('a-3'), [])
  assert.equal(log.after('a-0')?.length, 3)
})

test('an id of another life, of the future, of long ago, or none at all is not answered by half the truth', () => {
  const log = new EventLog('a')
  for (let number = 0; number < MOST_EVENTS + 5; number += 1) log.append('receiver', {})
  assert.equal(log.after('a-4'), null)
  assert.equal(log.after('a-5')?.length, MOST_EVENTS)
  for (const id of ['b-7', 'a-9999999', '', 'a', 'a-', 'a--1', 'a-1e3', `a-${'9'.repeat(40)}`]) {
    assert.equal(log.after(id), null, id)
  }
})

test('large events push the old ones out by their size', () => {
  const log = new EventLog('a')
  const text = 'x'.repeat(MOST_CHARACTERS / 4)
  for (let number = 0; number < 10; number += 1) log.append('resync', { text })
  assert.equal(log.after('a-5'), null)
  assert.equal(log.after('a-7')?.length, 3)
})

/** All text that waits to be read. */
function textOf(stream: Readable): string {
  let text = ''
  for (let chunk: unknown = stream.read(); chunk !== null; chunk = stream.read()) text += String(chunk)
  return text
}

test('a stream brings what was missed and then what happens, and forgets its listener when it is closed', async () => {
  const log = new EventLog('a')
  log.append('root', { n: 1 })
  log.append('root', { n: 2 })
  const stream = eventStream(log, { types: ALL, lastEventId: 'a-1', isWelcome: () => true })
  log.append('changeset', { n: 3 })
  const text = textOf(stream)
  assert.match(text, /^retry: \d+\n: connected\n\n/)
  assert.ok(text.endsWith('id: a-2\nevent: root\ndata: {"n":2}\n\nid: a-3\nevent: changeset\ndata: {"n":3}\n\n'), text)
  assert.equal(log.listeners, 1)
  stream.destroy()
  await once(stream, 'close')
  assert.equal(log.listeners, 0)
})

test('a listener whose last event is forgotten is told that it missed something', async () => {
  await using stream = eventStream(new EventLog('b'), { types: ALL, lastEventId: 'a-1', isWelcome: () => true })
  assert.match(textOf(stream), /event: missed\n/)
})

test('a listener whose token was revoked is cut off within a second', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  let isWelcome = true
  const log = new EventLog('a')
  const stream = eventStream(log, { types: new Set(['root']), lastEventId: null, isWelcome: () => isWelcome })
  t.mock.timers.tick(15_000)
  assert.match(textOf(stream), /: still here\n\n$/)
  isWelcome = false
  const closed = once(stream, 'close')
  t.mock.timers.tick(1_000)
  await closed
  assert.equal(log.listeners, 0)
})

test('a listener that names `here` hears every 15 seconds that the line lives', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const log = new EventLog('a')
  const stream = eventStream(log, { types: new Set(['here']), lastEventId: null, isWelcome: () => true })
  t.mock.timers.tick(15_000)
  assert.match(textOf(stream), /\n\nevent: here\ndata: \{\}\n\n$/)
  stream.destroy()
})

test('a listener that does not read is cut off', async () => {
  const log = new EventLog('a')
  const stream = eventStream(log, { types: ALL, lastEventId: null, isWelcome: () => true })
  const closed = once(stream, 'close')
  const text = 'x'.repeat(1024 * 1024)
  for (let number = 0; number < 9; number += 1) log.append('resync', { text })
  await closed
  assert.equal(log.listeners, 0)
})

test('a listener gets the types that it wants; what is only told is not kept for those who come later', () => {
  const log = new EventLog('a')
  assert.equal(log.isWanted('progress'), false)
  const seen: string[] = []
  const end = log.listen(({ id, type }) => seen.push(`${type} ${id}`), new Set(['progress', 'root'] as const))
  log.append('root', {})
  log.append('receiver', {})
  log.tell('progress', {})
  assert.deepEqual(seen, ['root a-1', 'progress null'])
  assert.equal(log.after('a-0')?.length, 2)
  end()
  assert.equal(log.isWanted('progress'), false)
})

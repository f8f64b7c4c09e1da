/**
 * What an agent writes into a log a receiver reads, to the byte; and what anybody else writes, or puts in another order,
 * it does not take.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeMessage } from '@rootferry/protocol'
import fc from 'fast-check'
import { testIdentity, WrittenLog, welcomeOf } from '../test-support/written-log.ts'
import { type EndAt, findPosition } from './find-position.ts'
import { LogDecoder, OffTheLog, type Step } from './log-decoder.ts'
import { LogEncoder } from './log-encoder.ts'
import { type LogMessage, split } from './log-entry.ts'
import { Forged, Verifier } from './signature.ts'
import { verifiedNewest } from './snapshots.ts'

const agent = testIdentity(0)
const stranger = testIdentity(1)
const AT = { epoch: 'e', term: 't', sequence: 10 }

function written(signer = agent.signer, root = 'shop'): WrittenLog {
  return new WrittenLog(root, signer, welcomeOf('e', 't', 10), AT)
}

function reader(at = AT as typeof AT | null): LogDecoder {
  return new LogDecoder('shop', new Verifier(agent.fingerprint), at)
}

function read(messages: readonly LogMessage[], decoder = reader()): Step[] {
  return messages.flatMap((message) => decoder.take(message) ?? [])
}

test('what is read is what was written, whatever the size of its parts', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 1 << 21 }), { minLength: 1, maxLength: 4 }), (sizes) => {
      const log = written()
      const contents = sizes.map((size, number) => Buffer.alloc(size, `${number}`))
      const messages = contents.flatMap((content, number) => log.changeset(11 + number, content))
      const decoder = reader()
      const steps = read(messages, decoder)
      const bytes = steps.flatMap((step) => (step.type === 'frame' && step.isBinary ? [Buffer.from(step.data)] : []))
      assert.deepEqual(bytes, contents)
      assert.deepEqual(decoder.cursor, { ...AT, sequence: 10 + sizes.length })
    }),
    { numRuns: 20 },
  )
})

test('a series is staged up to its end, and committed once', () => {
  const log = written()
  const messages = [
    ...log.changeset(11, Buffer.from('one'), { ending: 'prepare' }),
    ...log.changeset(12, Buffer.from('two'), { from: 11, base: 10 }),
  ]
  const decoder = reader()
  const ends = read(messages, decoder).flatMap((step) => (step.type === 'end' ? [step.to] : []))
  assert.deepEqual(ends, [null, 12])
})

test('a message that was added, changed, left out, repeated or moved is refused, wherever it is, before anything is committed', () => {
  const log = written()
  const messages = [...log.changeset(11, Buffer.from('one')), ...log.changeset(12, Buffer.from('two'))]
  const committed = (tampered: LogMessage[]) => {
    const decoder = reader()
    const ends: (number | null)[] = []
    try {
      for (const message of tampered) {
        const step = decoder.take(message)
        if (step?.type === 'end') ends.push(step.to)
      }
    } catch (error) {
      assert.ok(error instanceof Forged || error instanceof OffTheLog, String(error))
    }
    return ends
  }
  assert.deepEqual(committed(messages), [11, 12])
  const changed = (message: LogMessage): LogMessage => {
    const data = Buffer.from(message.data)
    data[data.length - 3] = (data[data.length - 3] ?? 0) ^ 1
    return { ...message, data }
  }
  const half = messages.length / 2
  for (let at = 0; at < messages.length; at += 1) {
    const without = messages.toSpliced(at, 1)
    // A commit that never comes is a late one.
    if (at !== messages.length - 1) assert.ok(committed(without).length < 2, `without ${at}`)
    const most = at < half ? [] : [11]
    assert.deepEqual(committed(messages.with(at, changed(messages[at] as LogMessage))), most, `changed ${at}`)
    const repeated = committed(messages.toSpliced(at, 0, messages[at] as LogMessage))
    assert.deepEqual(repeated, [11, 12].slice(0, repeated.length), `repeated ${at}`)
    if (at % half !== half - 1) {
      const moved = messages.toSpliced(at, 2, messages[at + 1] as LogMessage, messages[at] as LogMessage)
      assert.ok(committed(moved).length < 2, `moved ${at}`)
    }
  }
})

test('amid a changeset are segments and their bytes: any other message is refused before anything acts on it', () => {
  const [head, ...rest] = written().changeset(11, Buffer.from('one'))
  const others = [
    { type: 'commit', to: 11 },
    { type: 'prepare', to: 11, doubtMs: 1 },
    { type: 'leave', to: 11 },
    { type: 'welcome', start: 'resync' },
    { type: 'resync', id: 'r' },
    ['segment'],
    null,
  ].map((message) => JSON.stringify(message))
  for (const text of [...others, '{"type":"segment","type":"commit","to":11}', 'no JSON', '']) {
    const forged = split({ kind: 'part', isBinary: false, data: Buffer.from(text), signature: null })
    for (const at of [0, rest.length - 1]) {
      const messages = [head, ...rest.slice(0, at), ...forged] as LogMessage[]
      assert.throws(() => read(messages), Forged, text)
    }
  }
})

test('what is staged before it is vouched for is never the whole of a beginning', () => {
  const segment = JSON.stringify({ type: 'segment', index: 0, to: 11, bytes: 3 })
  const [head] = written().changeset(11, Buffer.from('one'))
  const steps = read([
    head as LogMessage,
    ...split({ kind: 'part', isBinary: false, data: Buffer.from(segment), signature: null }),
  ])
  const told = steps.flatMap((step) => (step.type === 'frame' ? [JSON.parse(Buffer.from(step.data).toString())] : []))
  assert.deepEqual(told, [{ type: 'segment', index: 0, to: null, bytes: 3 }])
})

test('a log that somebody else signs, or of another root, is refused at its first message', () => {
  const [first] = written(stranger.signer).changeset(11, Buffer.from('one'))
  assert.throws(() => reader().take(first as LogMessage), /signed by sha256:.* and not by the pinned sha256:/)
  const [other] = written(agent.signer, 'other').changeset(11, Buffer.from('one'))
  assert.throws(() => reader().take(other as LogMessage), /a message of root other/)
})

test('a certificate that has expired signs nothing, as it opens no connection', () => {
  const [first] = written().changeset(11, Buffer.from('one'))
  const late = new LogDecoder('shop', new Verifier(agent.fingerprint, () => new Date('2300-01-01T00:00:00Z')), AT)
  assert.throws(() => late.take(first as LogMessage), /has expired/)
})

test('a snapshot is taken when all of its closing message is the word of the agent, and for its own root', async () => {
  const { certificate } = agent.signer
  const closing = { ...AT, root: 'shop', first: 1, last: 9, logAt: 3, bytes: 7, madeAt: '', certificate }
  const text = JSON.stringify(closing)
  const signature = agent.signer.sign('closing', text)
  const newest = (said: object) =>
    verifiedNewest({ newest: async () => ({ text, signature, ...said }) }, 'shop', verifier)
  const verifier = new Verifier(agent.fingerprint)
  assert.deepEqual(await newest({}), closing)
  await assert.rejects(newest({ text: text.replace('"last":9', '"last":8') }), Forged)
  await assert.rejects(newest({ signature: stranger.signer.sign('closing', text) }), Forged)
  await assert.rejects(newest({ signature: agent.signer.sign('end', text) }), Forged)
  const other = { ...closing, certificate: stranger.signer.certificate }
  const theirs = {
    text: JSON.stringify(other),
    signature: stranger.signer.sign('closing', JSON.stringify(other)),
  }
  await assert.rejects(newest(theirs), /and not by the pinned/)
  await assert.rejects(newest({ text: '' }), Forged)
  assert.equal(await verifiedNewest({ newest: async () => ({ text, signature }) }, 'blog', verifier), null)
  assert.equal(await verifiedNewest({ newest: async () => null }, 'shop', verifier), null)
})

test('old messages again, and messages after a gap, do not build on the position of a reader', () => {
  const log = written()
  const [one, two, three] = [11, 12, 13].map((to) => log.changeset(to, Buffer.from(`${to}`)))
  const decoder = reader()
  read(one ?? [], decoder)
  assert.throws(() => read(one ?? [], decoder), /goes on from 10, and not from 11/)
  assert.throws(() => read(three ?? [], decoder), /goes on from 12, and not from 11/)
  read(two ?? [], decoder)
  assert.equal(decoder.cursor?.sequence, 12)
  assert.throws(() => read(one ?? [], reader(null)), /not from an empty target/)
})

test('a log that begins anew says so: who is at that position reads on, and every other has to be brought there', () => {
  const begin = (from = agent.signer, root = 'shop') => {
    const encoder = new LogEncoder(root, from, { ...AT, sequence: 7 })
    return encoder.encode(encodeMessage(welcomeOf('e', 't', 10))).messages
  }
  const [message] = begin()
  assert.equal(message?.kind, 'begin')
  const later = written().changeset(11, Buffer.from('one'))
  assert.equal(read([...begin(), ...later]).length, later.length)
  for (const at of [{ ...AT, sequence: 9 }, { ...AT, term: 'other' }, { ...AT, epoch: 'other' }, null])
    assert.throws(() => read(begin(), reader(at)), /begins anew at 10/)
  for (const forged of [begin(stranger.signer), begin(agent.signer, 'blog'), [{ ...message, signature: null }]])
    assert.throws(() => read(forged as LogMessage[]), Forged)
  const goesOn = new LogEncoder('shop', agent.signer, AT).encode(encodeMessage(welcomeOf('e', 't', 10)))
  assert.deepEqual(goesOn.messages, [])
})

test('a position of another term is taken when the log led to it, and one of the present term always', () => {
  const fork = { ...AT, term: 'of a backup' }
  assert.throws(() => read(written().changeset(11, Buffer.from('one')), reader(fork)), OffTheLog)
  const restarted = new WrittenLog('shop', agent.signer, welcomeOf('e', 'later', 10), AT)
  const messages = restarted.changeset(11, Buffer.from('one'))
  for (const at of [AT, { ...AT, term: 'later' }]) {
    const decoder = reader(at)
    read(messages, decoder)
    assert.deepEqual(decoder.cursor, { ...AT, term: 'later', sequence: 11 })
  }
})

test('the changeset of a killed agent has no end: the next one begins anew, and that is said', () => {
  const torn = written().changeset(11, Buffer.from('torn'), { ending: null })
  const [, ...rest] = read([...torn, ...written().changeset(12, Buffer.from('whole'))])
  const heads = rest.flatMap((step) => (step.type === 'head' ? [step.restarts] : []))
  assert.deepEqual(heads, [true])
})

test('a position is found among any ends, and one that is not there is not', async () => {
  const log = fc.array(fc.record({ gap: fc.integer({ min: 1, max: 5 }), step: fc.integer({ min: 1, max: 9 }) }))
  await fc.assert(
    fc.asyncProperty(log, fc.nat(20), fc.nat(20), async (gaps, evicted, old) => {
      let [at, sequence] = [0, 0]
      const all = gaps.map(({ gap, step }, number): EndAt => {
        at += gap
        sequence += step
        return { epoch: number < old ? 'old' : 'e', term: 't', sequence, at }
      })
      const ends = all.slice(evicted)
      const lookups = {
        next: async (from: number) => ends.find((end) => end.at >= from) ?? null,
        last: async () => ends.at(-1) ?? null,
      }
      for (let wanted = 0; wanted <= sequence + 1; wanted += 1) {
        const right = ends.find((end) => end.epoch === 'e' && end.sequence === wanted)?.at ?? null
        assert.equal(await findPosition({ epoch: 'e', term: 't', sequence: wanted }, lookups), right)
      }
    }),
    { numRuns: 100 },
  )
})

/** The law of the limits of lines, over senders that rest as they are told. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { LineLimits, type LineRates } from './line-limits.ts'

interface Sender {
  receiver: string
  isUrgent: boolean
  /** Of each send. */
  bytes: number
  /** Of its own accord, between two sends. */
  idleMs: number
}

interface Sent {
  receiver: string
  isUrgent: boolean
  bytes: number
  atMs: number
}

/** Plays senders for some time; each rests after a send as long as it is told. */
function play(rates: LineRates, senders: readonly Sender[], forMs: number): Sent[] {
  const limits = new LineLimits(rates)
  const sent: Sent[] = []
  const due = senders.map((sender) => ({ sender, atMs: 0 }))
  for (;;) {
    const next = due.reduce((first, other) => (other.atMs < first.atMs ? other : first))
    const { sender, atMs } = next
    if (atMs > forMs) return sent
    sent.push({ receiver: sender.receiver, isUrgent: sender.isUrgent, bytes: sender.bytes, atMs })
    next.atMs += Math.max(limits.rest(sender.receiver, sender.bytes, sender.isUrgent, atMs), sender.idleMs, 1)
  }
}

/** The most bytes above the rate in any window. */
function excess(sent: readonly Sent[], bytesPerSecond: number): number {
  let most = 0
  for (let first = 0; first < sent.length; first += 1) {
    let bytes = 0
    for (const { atMs, bytes: more } of sent.slice(first)) {
      bytes += more
      most = Math.max(most, bytes - ((atMs - (sent[first]?.atMs ?? 0)) * bytesPerSecond) / 1_000)
    }
  }
  return most
}

const sender = fc.record({
  receiver: fc.constantFrom('web1', 'web2', 'web3'),
  isUrgent: fc.boolean(),
  bytes: fc.integer({ min: 100, max: 60_000 }),
  idleMs: fc.nat(400),
})
const sum = (of: readonly { bytes: number }[]) => of.reduce((bytes, one) => bytes + one.bytes, 0)

describe('limits of lines', () => {
  it('hold for all receivers together when nothing is urgent: a burst and one send of each above the rate', () => {
    fc.assert(
      fc.property(
        fc.array(sender, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 10_000, max: 300_000 }),
        (all, rate) => {
          const senders = all.map((one) => ({ ...one, isUrgent: false }))
          const sent = play({ bytesPerSecond: rate, bytesPerSecondPerReceiver: 0 }, senders, 6_000)
          assert.ok(excess(sent, rate) <= rate / 4 + sum(senders) + 1)
        },
      ),
    )
  })

  it('hold for each receiver, of all its lines together', () => {
    fc.assert(
      fc.property(
        fc.array(sender, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 10_000, max: 300_000 }),
        (all, rate) => {
          const senders = all.map((one) => ({ ...one, isUrgent: false }))
          const sent = play({ bytesPerSecond: 0, bytesPerSecondPerReceiver: rate }, senders, 6_000)
          for (const name of ['web1', 'web2', 'web3']) {
            const own = senders.filter(({ receiver }) => receiver === name)
            assert.ok(
              excess(
                sent.filter(({ receiver }) => receiver === name),
                rate,
              ) <=
                rate / 4 + sum(own) + 1,
            )
          }
        },
      ),
    )
  })

  it('let what is urgent pass bulk work, which pays for it', () => {
    const rate = 100_000
    const bulk = ['web1', 'web2', 'web3'].map((receiver) => ({ receiver, isUrgent: false, bytes: 25_000, idleMs: 0 }))
    const urgent = { receiver: 'web1', isUrgent: true, bytes: 5_000, idleMs: 100 }
    const sent = play({ bytesPerSecond: rate, bytesPerSecondPerReceiver: 0 }, [...bulk, urgent], 20_000)
    const saves = sent.filter(({ isUrgent }) => isUrgent)
    assert.equal(saves.length, 201, 'no save waits')
    const total = sum(sent)
    // What is urgent while a bulk sender rests is paid for at its next rest: ten saves a second, two seconds at most.
    assert.ok(total <= rate * 20 + rate / 4 + sum(bulk) + 20 * urgent.bytes, `${total} bytes in 20 s`)
  })

  it('limit what is urgent, too', () => {
    const urgent = { receiver: 'web1', isUrgent: true, bytes: 10_000, idleMs: 0 }
    const total = sum(play({ bytesPerSecond: 20_000, bytesPerSecondPerReceiver: 0 }, [urgent], 10_000))
    assert.ok(total <= 200_000 + 5_000 + 2 * 10_000, `${total} bytes in 10 s`)
  })

  it('cost nothing where there are none, and nothing after a pause', () => {
    const none = new LineLimits({ bytesPerSecond: 0, bytesPerSecondPerReceiver: 0 })
    assert.equal(none.rest('web1', 1e9, false, 0), 0)
    assert.equal(none.frameBytes, 1024 * 1024)
    const slow = new LineLimits({ bytesPerSecond: 1_000_000, bytesPerSecondPerReceiver: 100_000 })
    assert.equal(slow.frameBytes, 25_000)
    assert.equal(slow.rest('web1', 100_000, false, 0), 750)
    assert.equal(slow.rest('web2', 25_000, false, 0), 0, 'another receiver does not wait for that one')
    assert.equal(slow.rest('web1', 25_000, false, 5_000), 0)
    slow.rates = { bytesPerSecond: 0, bytesPerSecondPerReceiver: 0 }
    assert.equal(slow.rest('web1', 1e9, false, 5_000), 0, 'rates change while lines are in use')
  })
})

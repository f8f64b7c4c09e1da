/** What every outlet keeps, whatever carries it: see `Outlet`. Each kind brings a way to a reader that it can hold up. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProtocolError } from '@rootferry/protocol'
import type { Outlet, OutletEvents } from '../src/serve/feed/outlet.ts'

export interface OutletTrial extends AsyncDisposable {
  outlet: Outlet
  /** Resolves with the next that arrived; bytes as text in brackets, as `[abc]`. */
  next(): Promise<string>
  /** The reader reads nothing until `resume`. */
  pause(): void
  resume(): void
  /** The way breaks. */
  break(): void
}

const PIECE = Buffer.alloc(1 << 20, 'x')
/** More than any outlet, with the buffers of the kernel on both sides, holds. */
const MOST_PIECES = 200

export function outletConformance(kind: string, open: (events: OutletEvents) => Promise<OutletTrial>): void {
  const nothing: OutletEvents = { message: () => undefined, sent: () => 0, closed: () => undefined }

  test(`${kind}: texts and bytes arrive in the order in which they were sent, also when nobody waits`, async () => {
    await using trial = await open(nothing)
    const { outlet } = trial
    void outlet.send('one')
    void outlet.send(Buffer.from('two'))
    void outlet.send('three')
    await outlet.send(Buffer.from('four'))
    const arrived = [await trial.next(), await trial.next(), await trial.next(), await trial.next()]
    assert.deepEqual(arrived, ['one', '[two]', 'three', '[four]'])
  })

  test(`${kind}: a reader that reads nothing holds up the sender, and no longer than that`, async () => {
    await using trial = await open(nothing)
    trial.pause()
    let sent = 0
    let left = 0
    const sending = (async () => {
      for (; sent < MOST_PIECES; sent += 1)
        await trial.outlet.send(PIECE, () => {
          left += 1
        })
    })()
    // The sender comes to a rest: rounds of the event loop pass in which it sends nothing more.
    for (let before = -1, calm = 0; calm < 50; ) {
      calm = before === sent ? calm + 1 : 0
      before = sent
      await new Promise((resolve) => setTimeout(resolve, 4))
    }
    assert.ok(sent < MOST_PIECES, 'it waits')
    trial.resume()
    await sending
    for (let piece = 0; piece < MOST_PIECES; piece += 1) await trial.next()
    assert.equal(left, MOST_PIECES)
  })

  test(`${kind}: when it is closed, nobody waits any more, and nothing more is sent`, async () => {
    const closed = Promise.withResolvers<void>()
    await using trial = await open({ ...nothing, closed: () => closed.resolve() })
    const { outlet } = trial
    const asleep = outlet.sleep()
    outlet.close(new ProtocolError('superseded', 'enough'))
    await asleep
    assert.equal(outlet.isClosed, true)
    await outlet.send('late')
    await closed.promise
  })

  test(`${kind}: when the way breaks, that is said once, and nobody waits any more`, async () => {
    const codes: number[] = []
    const closed = Promise.withResolvers<void>()
    await using trial = await open({
      ...nothing,
      closed: (code) => {
        codes.push(code)
        closed.resolve()
      },
    })
    const asleep = trial.outlet.sleep()
    trial.break()
    await closed.promise
    await asleep
    await trial.outlet.send('late')
    assert.deepEqual([codes, trial.outlet.isClosed], [[1006], true])
  })
}

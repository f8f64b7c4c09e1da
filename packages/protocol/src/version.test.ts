/**
 * The version: its history is in order, its schemas are those of the last line, and two ends find the newest in common.
 */
import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import { digestOf } from './digest.ts'
import { TO_AGENT, TO_RECEIVER } from './messages.ts'
import { chooseSubprotocol, HISTORY, PROTOCOL_VERSION, SUBPROTOCOLS } from './version.ts'

describe('the history of versions', () => {
  it('ends with the fingerprint of the schemas as they are', () => {
    const schemas = digestOf(Buffer.from(JSON.stringify([TO_AGENT, TO_RECEIVER])))
    const last = HISTORY.at(-1)
    const advice = [
      `a message's schema changed: the schemas are ${schemas}, the last line of HISTORY says ${last?.schemas}.`,
      'A version that was released stays as it is: add a line to HISTORY with the next version and this fingerprint.',
      'Only while the last version was never released, its fingerprint may be replaced. docs/protocol.md must follow.',
    ].join('\n')
    assert.ok(last?.schemas === schemas, advice)
  })

  it('counts from 1 without a gap, and each line names its subprotocol', () => {
    HISTORY.forEach(({ version, subprotocol, note }, position) => {
      assert.equal(version, position + 1)
      assert.equal(subprotocol, `rootferry.v${version}`)
      assert.notEqual(note.trim(), '')
    })
    assert.equal(PROTOCOL_VERSION, HISTORY.at(-1)?.version)
  })

  it('is offered newest first', () => {
    const offered = SUBPROTOCOLS.map((name) => HISTORY.find(({ subprotocol }) => subprotocol === name)?.version ?? 0)
    assert.equal(offered.length, HISTORY.length)
    assert.deepEqual(
      offered,
      offered.toSorted((a, b) => b - a),
    )
  })

  it('uses names that are tokens of HTTP', () => {
    for (const name of SUBPROTOCOLS) assert.match(name, /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/)
  })
})

describe('the choice of a subprotocol', () => {
  const newest = SUBPROTOCOLS[0] ?? ''

  it('is the newest of ours that the other side offered, whatever its order', () => {
    assert.equal(chooseSubprotocol(SUBPROTOCOLS), newest)
    assert.equal(chooseSubprotocol([...SUBPROTOCOLS].reverse()), newest)
    assert.equal(chooseSubprotocol(['rootferry.v999', 'chat', newest]), newest)
    assert.equal(chooseSubprotocol(new Set([newest, newest])), newest)
  })

  it('is none when nothing that was offered is ours, to the letter', () => {
    for (const offered of [[], [''], ['rootferry.v0'], ['rootferry.v999'], [newest.toUpperCase()], [` ${newest}`]]) {
      assert.equal(chooseSubprotocol(offered), null, offered.join())
    }
  })
})

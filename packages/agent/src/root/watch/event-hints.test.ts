/** The hints that one event of a watched directory becomes. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PathFilter } from '@rootferry/protocol'
import { EventHints, ITSELF } from './event-hints.ts'
import type { Hint } from './watcher.ts'

type Note = Parameters<EventHints['note']>

/** The hints of one event; `replaced` is a directory that replaced another one. */
function hintsOf(...note: Note): string[] {
  const hints: string[] = []
  const hint = ({ path, extent }: Hint) => hints.push(`${extent} ${path}`)
  const never = () => assert.fail('only hints come of events')
  const events = { hint, overflow: never, degraded: never, error: never }
  new EventHints(new PathFilter(['*.log', 'cache/']), events, (path) => path.endsWith('replaced')).note(...note)
  return hints
}

describe('what an event is worth', () => {
  it('is the entry, named from the root', () => {
    assert.deepEqual(hintsOf('.', 'a', 'rename'), ['entry a'])
    assert.deepEqual(hintsOf('d/e', 'a', 'change'), ['entry d/e/a'])
  })

  it('is the directory when it is about the directory', () => {
    assert.deepEqual(hintsOf('d', ITSELF, 'rename'), ['entry d'])
    assert.deepEqual(hintsOf('.', ITSELF, 'change'), ['entry .'])
  })

  it('is all below when a directory took the place of another', () => {
    assert.deepEqual(hintsOf('d', 'replaced', 'rename'), ['subtree d/replaced'])
    assert.deepEqual(hintsOf('replaced', ITSELF, 'rename'), ['subtree replaced'])
    assert.deepEqual(hintsOf('d', 'replaced', 'change'), ['entry d/replaced'])
  })

  it('is all below the directory when the kernel gave no name', () => {
    assert.deepEqual(hintsOf('d', null, 'change'), ['subtree d'])
  })

  it('is the directory too when the name cannot be told', () => {
    assert.deepEqual(hintsOf('d', 'a\ufffd', 'rename'), ['entry d/a\ufffd', 'entry d'])
  })

  it('is the date of the directory when an excluded name comes or goes, and nothing when it is written to', () => {
    assert.deepEqual(hintsOf('d', 'access.log', 'rename'), ['entry d'])
    assert.deepEqual(hintsOf('d', 'access.log', 'change'), [])
    assert.deepEqual(hintsOf('.', '.rootferry', 'change'), [])
    assert.deepEqual(hintsOf('d', '.rootferry', 'change'), ['entry d/.rootferry'])
  })

  it('is the entry when only a directory of that name would be excluded', () => {
    assert.deepEqual(hintsOf('.', 'cache', 'change'), ['entry cache'])
  })
})

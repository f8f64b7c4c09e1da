/** What events do to what the page knows. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fleetWith, RECEIVER, ROOT } from '../../test-support/examples.ts'
import { differencesOf } from './differences.ts'
import { type FleetEvent, isOther, type ProgressEvent, withEvents } from './fleet.ts'
import { routeOf, signInCode } from './route.ts'
import { byGravity } from './words.ts'

const PROGRESS: ProgressEvent = {
  root: 'shop',
  sequence: 12,
  entries: ROOT.entries,
  pending: null,
  interval: 5,
  fleet: { roots: 1, receivers: 1 },
  receivers: [{ ...RECEIVER, sequence: 12 }],
}

test('events change the fleet that they are about, and leave the one before as it was', () => {
  const before = fleetWith([RECEIVER])
  const after = withEvents(before, [
    { type: 'progress', data: PROGRESS },
    { type: 'receiver', data: { ...RECEIVER, name: 'web2', state: 'offline' } },
  ])
  assert.equal(before.receivers.size, 1)
  assert.equal(after.receivers.get('shop/web1')?.sequence, 12)
  assert.equal(after.receivers.get('shop/web2')?.state, 'offline')
  assert.equal(after.roots.get('shop')?.sequence, 12)
  assert.equal(after.roots.get('shop')?.interval, 5)
})

test('progress about what is not known makes nothing up', () => {
  const data = { ...PROGRESS, root: 'blog', receivers: [{ ...RECEIVER, name: 'web9' }] }
  const after = withEvents(fleetWith([RECEIVER]), [{ type: 'progress', data }])
  assert.deepEqual([...after.roots.keys()], ['shop'])
  assert.deepEqual([...after.receivers.keys()], ['shop/web1'])
})

test('the problems of a root are unknown once their number has changed, until the status says them', () => {
  const problems = [{ path: 'a', code: 'unreadable', message: 'no' }]
  const { problems: _, interval: __, ...root } = { ...ROOT, problemCount: 1 }
  const before = fleetWith([], { problems, problemCount: 1 })
  const told = (problemCount: number) =>
    withEvents(before, [{ type: 'root', data: { ...root, problemCount } }]).roots.get('shop')?.problems
  assert.deepEqual(told(1), problems)
  assert.equal(told(2), null)
  assert.deepEqual(told(0), [])
})

test('a receiver that was taken away is noticed by the number of those that are left', () => {
  const events: FleetEvent[] = [{ type: 'progress', data: PROGRESS }]
  assert.equal(isOther(fleetWith([RECEIVER]), events), false)
  assert.equal(isOther(fleetWith([RECEIVER, { ...RECEIVER, name: 'web2' }]), events), true)
  assert.equal(isOther(fleetWith([]), []), false)
})

test('receivers are in the order of how grave they are, and then of their names as people count', () => {
  const named = (name: string, state = RECEIVER.state) => ({ ...RECEIVER, name, state })
  const sorted = [named('web10'), named('web2'), named('web3', 'offline'), named('web4', 'replaying')].sort(byGravity)
  assert.deepEqual(
    sorted.map(({ name }) => name),
    ['web3', 'web4', 'web2', 'web10'],
  )
})

test('differences are turned around: by path, with who has them', () => {
  const numbers = { state: 'done', checked: 1, missing: 0, changed: 0, extraneous: 0, repaired: 0, bytes: 0 } as const
  const of = (...differences: { path: string; kind: 'missing' | 'changed' }[]) => ({
    ...numbers,
    error: null,
    differences,
  })
  const found = differencesOf({
    root: 'shop',
    receivers: {
      web1: of({ path: 'b', kind: 'changed' }, { path: 'a', kind: 'missing' }),
      web2: of({ path: 'b', kind: 'changed' }),
      web3: of({ path: 'b', kind: 'missing' }),
    },
  })
  assert.deepEqual(found, [
    { path: 'a', root: 'shop', kinds: [{ kind: 'missing', receivers: ['web1'] }] },
    {
      path: 'b',
      root: 'shop',
      kinds: [
        { kind: 'changed', receivers: ['web1', 'web2'] },
        { kind: 'missing', receivers: ['web3'] },
      ],
    },
  ])
})

test('an address leads to its view, and one that leads nowhere to the overview', () => {
  assert.deepEqual(routeOf('#/roots/my%20shop'), { view: 'root', root: 'my shop' })
  assert.deepEqual(routeOf('#/resyncs?root=a&receiver=b'), { view: 'resyncs', root: 'a', receiver: 'b' })
  assert.deepEqual(routeOf('#/resyncs/12'), { view: 'resync', id: '12' })
  for (const hash of ['', '#', '#/', '#/nowhere', '#/roots', '#/%zz'])
    assert.deepEqual(routeOf(hash), { view: 'overview' })
  assert.equal(signInCode('#sign-in=a-B_1'), 'a-B_1')
  assert.equal(signInCode('#/'), null)
})

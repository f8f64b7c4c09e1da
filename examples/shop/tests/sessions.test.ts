/** A visitor's cart is in Redis: it is there on every app server, and after the loss of one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../../../test/support/until.ts'
import { figure } from './figures.ts'
import { ask } from './request.ts'
import { hasVisitors, inSync, SHOP, switchOff } from './shop.ts'

const BEFORE = 10
const AFTER = 10

test('a cart survives the loss of an app server', async () => {
  let cookie = ''
  const servers: string[] = []
  const add = async (item: string): Promise<string[]> => {
    const answer = await ask(`${SHOP}/?cart=add&item=${item}`, { headers: { cookie } })
    cookie = answer.headers['set-cookie']?.[0]?.split(';')[0] ?? cookie
    const cart = JSON.parse(answer.body.toString()) as { server: string; items: string[] }
    servers.push(cart.server)
    return cart.items
  }
  const items: string[] = []
  let cart: string[] = []
  const addSome = async (number: number) => {
    for (let end = items.length + number; items.length < end; ) {
      items.push(`item-${items.length}`)
      cart = await add(items.at(-1) ?? '')
    }
  }
  await addSome(BEFORE)
  assert.deepEqual([...new Set(servers)].sort(), ['app1', 'app2'])
  await using app1 = await switchOff('app1')
  await addSome(AFTER)
  assert.equal(servers.at(-1), 'app2')
  assert.deepEqual(cart, items)
  figure('app server lost amid a session', `${cart.length} of ${items.length} items in the cart`)
  await app1.on()
  await until(
    () => hasVisitors('app1'),
    () => 'app1 has no visitors',
    60_000,
  )
  await inSync()
})

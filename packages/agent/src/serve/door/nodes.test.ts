/** Names of nodes: no two receivers have one name, and a node keeps its own. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createLogger } from '@rootferry/host/daemon'
import { Nodes } from './nodes.ts'
import { mintToken, type StoredToken } from './tokens.ts'

const place = mkdtempSync(join(tmpdir(), 'rootferry-nodes-'))
after(() => rmSync(place, { recursive: true }))

const SILENT = createLogger('test', 'json', 'silent', { colour: false, isJournal: false, isInteractive: false })

function token(name: string, isMany = true): StoredToken {
  const { sha256 } = mintToken()
  const many = isMany ? { many: { forgetAfterSeconds: 60 } } : {}
  return { name, sha256, admin: false, roots: null, createdAt: '', ...many }
}

function nodesIn(stateDir: string, tokens: StoredToken[], connected: Set<string>): Nodes {
  const parts = {
    stateDir,
    log: SILENT,
    tokens: () => tokens,
    isConnected: (name: string) => connected.has(name),
    forget: () => undefined,
  }
  return new Nodes(parts)
}

test('a name is of the token and the host, and a second node of that host gets another', () => {
  const stateDir = mkdtempSync(join(place, 'state-'))
  const [shop, single] = [token('shop'), token('shop-web9', false)]
  const connected = new Set<string>()
  const nodes = nodesIn(stateDir, [shop, single], connected)
  nodes.open()
  const name = (host: string, id: string) => {
    const given = nodes.nameOf(shop, { header: `${host} ${id}`, address: '10.0.0.1' })
    connected.add(given)
    return given
  }
  assert.equal(name('web1', 'aaaaaaaa'), 'shop-web1')
  assert.equal(name('web1', 'aaaaaaaa'), 'shop-web1')
  assert.equal(name('web1', 'bbbbbbbb'), 'shop-web1-bbbbbbbb')
  assert.equal(name('web9', 'cccccccc'), 'shop-web9-cccccccc', 'a token has the name')
  connected.delete('shop-web1')
  assert.equal(name('web1', 'dddddddd'), 'shop-web1', 'the node of that name is away')
  const long = name('h'.repeat(200), 'eeeeeeee')
  assert.equal(long.length, 63)
  assert.notEqual(name('h'.repeat(199), 'ffffffff'), long)
  for (const header of [null, '', 'a b', '../../x aaaaaaaa', `${'h'.repeat(300)} aaaaaaaa`])
    assert.equal(nodes.nameOf(shop, { header, address: '::ffff:10.0.0.7' }), 'shop---ffff-10.0.0.7')
  assert.equal(nodes.nameOf(single, { header: 'web1 aaaaaaaa', address: '' }), 'shop-web9')
  nodes.close()

  const next = nodesIn(stateDir, [shop, single], new Set())
  next.open()
  assert.equal(next.nameOf(shop, { header: 'web1 bbbbbbbb', address: '' }), 'shop-web1-bbbbbbbb')
  assert.deepEqual(
    next.revoked(shop).sort(),
    nodes.receivers
      .map((receiver) => receiver.name)
      .filter((one) => one !== 'shop-web9')
      .sort(),
  )
  next.close()
})

test('a token has at most a thousand nodes', () => {
  const stateDir = mkdtempSync(join(place, 'state-'))
  const shop = token('shop')
  const nodes = nodesIn(stateDir, [shop], new Set())
  for (let number = 0; number < 1_000; number += 1) nodes.nameOf(shop, { header: `web${number} aaaaaaaa`, address: '' })
  assert.throws(() => nodes.nameOf(shop, { header: 'other aaaaaaaa', address: '' }), /has 1000 nodes/)
})

/** Which places of roots and state directories exclude each other, with symlinks followed. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it } from 'node:test'
import { placementFaults, privatePlaceFault } from './placement.ts'

const place = mkdtempSync(join(tmpdir(), 'rootferry-placement-'))
after(() => rmSync(place, { recursive: true, force: true }))
mkdirSync(join(place, 'www/shop'), { recursive: true })
symlinkSync('www', join(place, 'link'))
symlinkSync('/', join(place, 'everything'))

const CASES: [string, string, string[], RegExp[]][] = [
  ['apart', 'state', ['www/shop', 'www/shop-evil', 'missing/deep'], []],
  ['a root in another', 'state', ['www', 'www/shop'], [/^b must not lie in root a$/]],
  ['a root around another', 'state', ['www/shop', 'www'], [/^b must not hold root a$/]],
  ['two roots in one place', 'state', ['www/shop', 'link/shop'], [/^b is the directory of root a already$/]],
  ['a missing root in another, by a symlink', 'state', ['www', 'link/new'], [/^b must not lie in root a$/]],
  ['the state in a root', 'www/shop/state', ['link'], [/^a must not hold the stateDir .*state$/]],
  ['a root in the state', 'www', ['www/shop'], [/^a must not lie in the stateDir/]],
  ['a root that is the state', 'www', ['link'], [/^a must not hold the stateDir/]],
  ['the whole file system', 'state', ['everything'], [/^a must not be the whole filesystem$/]],
]
for (const [what, state, paths, says] of CASES) {
  it(`${what}: ${says.length === 0 ? 'accepted' : 'refused'}`, () => {
    const roots = paths.map((path, position) => ({ name: 'abc'[position] ?? '', path: join(place, path) }))
    const faults = placementFaults(join(place, state), roots).map(({ root, message }) => `${root} ${message}`)
    assert.equal(faults.length, says.length, faults.join('; '))
    for (const [position, text] of says.entries()) assert.match(faults[position] ?? '', text)
  })
}

it('a place in the temporary directory of one service is a fault, and the same path elsewhere is not', () => {
  const mount = (at: string, part: string) => ({ device: '8:1', part, place: at, type: 'ext4' })
  const own = '/tmp/systemd-private-4f1b-rootferry-receiver.service-a1/tmp'
  const mounts = [mount('/', '/'), mount('/tmp', own), mount('/tmp/shop/media', '/media')]
  assert.match(
    privatePlaceFault('/tmp/shop', mounts) ?? '',
    /^lies in a \/tmp that systemd made for this service alone/,
  )
  assert.equal(privatePlaceFault('/tmp/shop/media', mounts), null)
  assert.equal(privatePlaceFault('/tmpfiles/shop', mounts), null)
  assert.equal(privatePlaceFault('/tmp/shop', [...mounts, mount('/tmp', '/')]), null, 'the last mount is visible')
  assert.equal(privatePlaceFault('/tmp/shop', []), null)
  assert.equal(privatePlaceFault(place), null)
})

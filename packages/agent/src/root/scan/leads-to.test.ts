/** Symlinks lead where the kernel follows them, by rows alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EntryIndex } from '../index/entry-index.ts'
import { leadsTo } from './leads-to.ts'

const LINKS: Record<string, string> = {
  live: 'releases/current',
  'releases/current': '2/',
  'shared/up': '../releases',
  'a/round': '../b/round',
  'b/round': '../a/round',
}
const index = {
  get: (path: string) => (LINKS[path] === undefined ? null : { kind: 'symlink', target: LINKS[path] }),
} as Pick<EntryIndex, 'get'>

for (const [path, target, place] of [
  ['current', 'releases/2', 'releases/2'],
  ['current', './releases//2/', 'releases/2'],
  ['site/current', '../live/lib', 'releases/2/lib'],
  ['site/current', '../shared/up/3', 'releases/3'],
  ['current', '.', '.'],
  ['current', '/srv/shop/releases/2', null],
  ['current', '../elsewhere', null],
  ['a/round', '../b/round', null],
] as const)
  test(`${path} -> ${target} leads to ${place ?? 'what the index does not know'}`, () => {
    assert.equal(leadsTo(path, target, index), place)
  })

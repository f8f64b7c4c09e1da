/**
 * Segments and overtakes of rows whose names, targets and attributes are as long as possible, of characters that a
 * message escapes: every message fits, and every change comes once.
 */
import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { decodeToReceiver, LIMITS } from '@rootferry/protocol'
import { packAll, setUp, treeWith } from '../../../test-support/packing.ts'
import { TestTree, temporaryRoot } from '../../../test-support/test-tree.ts'
import { BOUNDS } from '../../bounds.ts'
import type { Observation } from '../index/indexed-entry.ts'
import { SLICE_BYTES } from './changeset-plan.ts'

const ESCAPED = '\u0001'
const WIDE = '\u{1f600}'
const DEEP = Array.from({ length: 15 }, () => ESCAPED.repeat(250)).join('/')

const directory: Observation = {
  kind: 'directory',
  mode: 0o7777,
  uid: 2 ** 32 - 1,
  gid: 2 ** 32 - 1,
  size: 0,
  mtime: -3e17,
  ctime: 2,
  inode: 3,
  target: null,
  extended: null,
  link: 0,
}
const symlink: Observation = { ...directory, kind: 'symlink', target: ESCAPED.repeat(LIMITS.targetBytes) }
/** As much as an entry may have: about half a megabyte. */
const EXTENDED = JSON.stringify({
  xattrs: Array.from({ length: BOUNDS.extendedBytes / 60_000 - 1 }, (_, n) => [`user.${n}`, 'A'.repeat(60_000)]),
})

const KINDS: Record<string, (number: number) => { path: string; observation: Observation }> = {
  'symlinks with long targets': (number) => ({ path: `${DEEP}/l${number}`, observation: symlink }),
  'directories with many attributes': (number) => ({
    path: `${DEEP}/d${number}`,
    observation: { ...directory, extended: EXTENDED },
  }),
  'directories of wide names': (number) => ({ path: `${number}${WIDE.repeat(60)}`, observation: directory }),
}

for (const [what, entryOf] of Object.entries(KINDS)) {
  test(`${what} fit into their segments, when they come and when they go`, async () => {
    using tree = new TestTree(temporaryRoot())
    const { packer } = setUp(tree)
    const paths = Array.from({ length: 300 }, (_, number) => entryOf(number))
    const record = (rows: { path: string; observation: Observation | null }[]) =>
      tree.index.record(rows.map((row) => ({ digest: null, sameBytes: false, ...row }) as never))
    record(paths)
    const came = await sent(packer, 0)
    assert.deepEqual(came, paths.map(({ path }) => path).sort())
    const from = tree.index.head
    record(paths.map(({ path }) => ({ path, observation: null })))
    assert.deepEqual(await sent(packer, from), came)
  })
}

async function sent(packer: ReturnType<typeof setUp>['packer'], from: number): Promise<string[]> {
  const plan = await packer.planChangeset({ from })
  for (const position of plan.segments.keys()) fits((await packer.pack(plan.id, position, false)).header)
  return (await packAll(packer, plan)).changes.map(({ path }) => path).sort()
}

/** @returns the changes */
function fits(header: string): readonly { path: string }[] {
  const bytes = Buffer.byteLength(header)
  assert.ok(bytes <= LIMITS.messageBytes / 2, `${bytes} bytes`)
  const message = decodeToReceiver(header)
  assert.ok(message.type === 'segment' || message.type === 'overtake')
  return message.changes
}

test('what goes ahead of a large file fits into its message', async () => {
  using tree = treeWith({ first: '' })
  const { packer } = setUp(tree)
  tree.scanAll()
  const from = tree.index.head
  writeFileSync(join(tree.root, 'large'), '')
  truncateSync(join(tree.root, 'large'), SLICE_BYTES + 1)
  tree.scanAll()
  const plan = await packer.planChangeset({ from })
  assert.ok(plan.mayBeOvertaken)
  const above = DEEP.split('/').map((_, depth, names) => names.slice(0, depth + 1).join('/'))
  const rows = [...above, ...Array.from({ length: 400 }, (_, number) => `${DEEP}/${number}`)]
  tree.index.record(rows.map((path) => ({ path, observation: directory, digest: null, sameBytes: false })))
  const seen: string[] = []
  for (let after = plan.to; ; ) {
    const ahead = await packer.overtake(plan.id, after, tree.index.head, false)
    assert.ok(ahead !== null)
    if (ahead.header === null) break
    seen.push(...fits(ahead.header).map(({ path }) => path))
    after = ahead.to
  }
  assert.deepEqual(seen, rows)
})

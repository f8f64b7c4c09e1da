/**
 * Random operations with ACLs, extended attributes, hard links and holes, for docroots that preserve all of it.
 *
 * What is written under a name that came and went before anybody looked raises no event anywhere else, and only a look at
 * the whole tree finds it: after operations in which there was such a name, the tree gets one.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  closeSync,
  copyFileSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import type { Daemons } from './daemons.ts'
import type { Site } from './site.ts'

const HOLE_BYTES = 3 * 1024 * 1024
const who = fc.constantFrom('u:33:rwx', 'u:1001:r', 'g:1234:rx', 'u:4321:-', 'm::r')

/** @param path of a file, below the root; `directory` likewise, '.' is the root */
export function preservedOperation(path: fc.Arbitrary<string>, directory: fc.Arbitrary<string>) {
  const either = fc.oneof(path, directory)
  return fc.oneof(
    fc.record({
      do: fc.constant('write' as const),
      path,
      text: fc.constantFrom('', 'x', 'longer text', 'x'.repeat(5_000)),
    }),
    fc.record({ do: fc.constant('hole' as const), path, at: fc.constantFrom(0, 1_000_000, HOLE_BYTES - 1) }),
    fc.record({ do: fc.constant('link' as const), path, from: path }),
    fc.record({ do: fc.constant('copy' as const), path, from: path }),
    fc.record({ do: fc.constant('rename' as const), path, from: path }),
    fc.record({ do: fc.constant('remove' as const), path }),
    fc.record({ do: fc.constant('acl' as const), path: either, who }),
    fc.record({ do: fc.constant('default-acl' as const), path: directory, who }),
    fc.record({ do: fc.constant('no-acl' as const), path: either }),
    fc.record({ do: fc.constant('attribute' as const), path: either, value: fc.constantFrom('', 'v', 'w') }),
    fc.record({ do: fc.constant('no-attribute' as const), path: either }),
  )
}
export type PreservedOperation = ReturnType<typeof preservedOperation> extends fc.Arbitrary<infer Value> ? Value : never

/** The paths of names that were made of files that have others, with their inodes. */
export type Names = Map<string, number>

/** What makes no sense at the moment is passed over. */
export function performPreserved(root: string, step: PreservedOperation, names: Names): void {
  const at = join(root, step.path)
  const quiet = (program: string, ...rest: string[]) => void spawnSync(program, rest)
  try {
    switch (step.do) {
      case 'write':
        return writeFileSync(at, step.text)
      case 'hole': {
        const file = openSync(at, 'w')
        writeSync(file, 'x', step.at)
        return closeSync(file)
      }
      case 'link':
        rmSync(at, { force: true })
        linkSync(join(root, step.from), at)
        return void names.set(at, statSync(at).ino)
      case 'copy':
        copyFileSync(join(root, step.from), `${at}.new`)
        return renameSync(`${at}.new`, at)
      case 'rename':
        return renameSync(join(root, step.from), at)
      case 'remove':
        return rmSync(at)
      case 'acl':
        return quiet('setfacl', '-m', step.who, at)
      case 'default-acl':
        return quiet('setfacl', '-d', '-m', step.who, at)
      case 'no-acl':
        return quiet('setfacl', '-b', at)
      case 'attribute':
        return quiet('setfattr', '-n', 'user.tag', '-v', step.value, at)
      case 'no-attribute':
        return quiet('setfattr', '-x', 'user.tag', at)
    }
  } catch {
    // Nothing is there.
  }
}

/** After operations: looks at the whole tree when a name that they made leads elsewhere by now. */
export async function lookForLost(daemons: Daemons, site: Site, names: Names): Promise<void> {
  const isLost = ([at, inode]: [string, number]) => statSync(at, { throwIfNoEntry: false })?.ino !== inode
  if ([...names].some(isLost)) await lookAtAll(daemons, site)
}

/** A hold looks at the whole tree. */
async function lookAtAll(daemons: Daemons, { name }: Site): Promise<void> {
  for (const verb of ['hold', 'release']) {
    const answer = await daemons.admin(`/v1/roots/${name}/${verb}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    })
    assert.ok(answer.ok, await answer.text())
  }
}

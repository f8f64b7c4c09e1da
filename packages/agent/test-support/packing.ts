/** Test support: plans and segments of a packer on a real tree, unpacked again. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import { Accounts, PLAIN_READS } from '@rootferry/host/machine'
import { type Change, decodeToReceiver, PathFilter, type Segment } from '@rootferry/protocol'
import { extract } from 'tar-stream'
import { Packer } from '../src/root/pack/packer.ts'
import { Turn } from '../src/root/turn.ts'
import type { Hint } from '../src/root/watch/watcher.ts'
import type { PackedSegment, PlanSummary } from '../src/root-messages.ts'
import { TestTree, temporaryRoot } from './test-tree.ts'

export interface Setup {
  tree: TestTree
  packer: Packer
  doubted: string[]
  deferred: [string, string | null][]
  hinted: Hint[]
}

export function setUp(tree: TestTree, turn = new Turn(tree.directories)): Setup {
  const doubted: string[] = []
  const deferred: [string, string | null][] = []
  const hinted: Hint[] = []
  const packer = new Packer({
    directories: tree.directories,
    reads: PLAIN_READS,
    index: tree.index,
    filter: new PathFilter([]),
    accounts: new Accounts(),
    nowMs: tree.nowMs,
    turn,
    scans: {
      doubt: (path) => doubted.push(path),
      hint: (hint) => hinted.push(hint),
      retry: (path, fault) => deferred.push([path, fault]),
    },
  })
  return { tree, packer, doubted, deferred, hinted }
}

export function treeWith(files: Record<string, string | Buffer>): TestTree {
  const root = temporaryRoot()
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, path, '..'), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  return new TestTree(root)
}

/** Everything a plan leads to: the changes, and the content by path. */
export async function packAll(packer: Packer, plan: PlanSummary, compress = false) {
  const changes: Change[] = []
  const contents = new Map<string, Buffer>()
  const segments: Segment[] = []
  for (const position of plan.segments.keys()) {
    const segment = await packer.pack(plan.id, position, compress)
    const header = decodeHeader(segment)
    segments.push(header)
    changes.push(...header.changes)
    for (const [name, content] of await entriesOf(segment, header)) {
      const path = header.slice?.path ?? header.changes[Number(name)]?.path ?? ''
      contents.set(path, Buffer.concat([contents.get(path) ?? Buffer.alloc(0), content]))
    }
  }
  return { changes, contents, segments }
}

export function decodeHeader({ header }: PackedSegment): Segment {
  const message = decodeToReceiver(header)
  assert.equal(message.type, 'segment')
  return message
}

async function entriesOf({ payload }: PackedSegment, header: Segment): Promise<[string, Buffer][]> {
  assert.equal(payload.byteLength, header.bytes)
  const archive = header.encoding === 'zstd' ? zstdDecompressSync(payload) : payload
  assert.equal(archive.byteLength, header.tarBytes)
  const found: [string, Buffer][] = []
  const reader = extract()
  reader.end(Buffer.from(archive))
  for await (const entry of reader) {
    const pieces: Buffer[] = []
    for await (const piece of entry) pieces.push(piece as Buffer)
    found.push([entry.header.name, Buffer.concat(pieces)])
  }
  return found
}

export const byPath = (changes: Change[], path: string) => changes.find((change) => change.path === path)

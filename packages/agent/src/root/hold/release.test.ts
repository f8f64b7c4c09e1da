/** A release that the guard refuses, with a real index and a real file that held the root. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { ROOT_PATH } from '@rootferry/protocol'
import type { Finding } from '../index/indexed-entry.ts'
import { closeRootIndex, openRootIndex } from '../index/root-index.ts'
import { livingEntries } from '../scan/living-entries.ts'
import { Holding } from './holding.ts'
import { Releases } from './release.ts'
import { A_FILE } from './root-hold.ts'

const FILES = 20

const written = (path: string): Finding => ({ path, observation: A_FILE, digest: null, sameBytes: false })
const names = Array.from({ length: FILES }, (_, number) => `f${number}`)

test('what the guard has refused is judged again when the tree or its limits are others, and not before', async (t) => {
  const path = mkdtempSync(join(tmpdir(), 'rootferry-release-'))
  const { index } = openRootIndex(join(path, 'state'), () => 'id', 0)
  t.after(() => {
    closeRootIndex(index)
    rmSync(path, { recursive: true })
  })
  const hold = { while: ['flag'], show: false, overdueMinutes: 15 }
  const options = { path, hold, guard: { maxDeletePercent: 10, minDeletes: 1 }, together: 'never' as const }
  const living = () => livingEntries(index)
  let looks = 0
  const holding = new Holding({
    ...{ index, options, living },
    isOpen: () => true,
    isInPlace: () => true,
    recordShown: () => undefined,
    recordGone: () => undefined,
    gated: () => undefined,
    began: () => undefined,
    filesGone: () => releases.releaseByItself(),
  })
  const releases = new Releases({
    ...{ index, holding, options, living },
    wasHalted: () => false,
    life: () => ({ at: 'ready' }),
    lookAtAll: async () => {
      looks += 1
    },
    released: () => undefined,
    round: () => undefined,
    log: () => undefined,
  })
  /** Files are looked for now and then. */
  const time = async () => {
    for (let times = 0; times < 3; times += 1) {
      holding.look()
      await turn()
    }
  }

  index.record([{ path: ROOT_PATH, observation: { ...A_FILE, kind: 'directory' }, digest: null, sameBytes: false }])
  index.record(names.map(written))
  writeFileSync(join(path, 'flag'), '')
  await time()
  index.record(names.slice(FILES / 2).map((name): Finding => ({ path: name, observation: null })))
  rmSync(join(path, 'flag'))
  await time()
  assert.match(holding.refused ?? '', /^mass deletion: 10 of 20/)
  assert.equal(looks, 1)

  index.record([written('f10')])
  await time()
  assert.match(holding.refused ?? '', /^mass deletion: 9 of 20/)
  assert.equal(looks, 2)

  options.guard = { maxDeletePercent: 50, minDeletes: 1 }
  await time()
  assert.equal(looks, 3)
  assert.equal(holding.hold, null)
})

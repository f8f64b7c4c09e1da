/**
 * The time of a save while the agent does other work: each kind of work that once held saves up. The peer is the same
 * save at rest, in the same run.
 */
import { execFile } from 'node:child_process'
import { appendFileSync, linkSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { resync } from '../../test/support/resync-orders.ts'
import type { Rig } from '../../test/support/rig.ts'
import { type Bench, MINUTES, runningRig } from '../bench.ts'
import { percentile, type Row } from '../result-rows.ts'
import { saveToVisible } from '../save-to-visible.ts'

const run = promisify(execFile)
const LARGE_FILES = 400
const LARGE_BYTES = 3 * 1024 * 1024
const LINKED_FILES = 200
const NAMES_OF_EACH = 50
const NEW_FILE_BYTES = 500 * 1024 * 1024
const SAVES_AFTER = 10
const PAUSE_MS = 20

interface Work {
  what: string
  prepare?(source: string): void
  begin(rig: Rig): Promise<unknown>
}

/** In a process of its own: this one measures. */
const chmodAll = (directory: string, mode: string) => run('chmod', ['-R', mode, directory])

function works(files: number): Work[] {
  return [
    { what: 'nothing else', begin: () => delay(2_000) },
    {
      what: `chmod -R of ${LARGE_FILES} files of 3 MB`,
      prepare(source) {
        mkdirSync(join(source, 'large'))
        for (let number = 0; number < LARGE_FILES; number += 1)
          writeFileSync(join(source, 'large', `${number}`), Buffer.alloc(LARGE_BYTES, `${number} `))
      },
      begin: ({ source }) => chmodAll(join(source, 'large'), 'o-r'),
    },
    {
      what: `chmod of ${LINKED_FILES * NAMES_OF_EACH} names of ${LINKED_FILES} files`,
      prepare(source) {
        mkdirSync(join(source, 'linked'))
        for (let number = 0; number < LINKED_FILES; number += 1) {
          const first = join(source, 'linked', `${number}`)
          writeFileSync(first, `content of ${number}`)
          for (let name = 1; name < NAMES_OF_EACH; name += 1) linkSync(first, `${first}-${name}`)
        }
      },
      begin: ({ source }) => chmodAll(join(source, 'linked'), 'o-r'),
    },
    { what: 'a metadata resync', begin: (rig) => resync(rig, { check: 'metadata' }) },
    { what: 'a content resync', begin: (rig) => resync(rig, { check: 'content' }) },
    {
      what: `the removal of ${files / 2} files`,
      prepare(source) {
        for (let number = 0; number < files / 2; number += 1) {
          const directory = join(source, 'purged', `${number % 100}`)
          if (number < 100) mkdirSync(directory, { recursive: true })
          writeFileSync(join(directory, `${number}`), `content of ${number}`)
        }
      },
      begin: ({ source }) => run('rm', ['-r', join(source, 'purged')]),
    },
    {
      what: `a new directory of ${3 * files} files`,
      async begin({ source }) {
        const script = `const fs = require('fs'); const d = process.argv[1]; fs.mkdirSync(d)
          for (let n = 0; n < ${3 * files}; n++) fs.writeFileSync(d + '/' + n, '')`
        await run(process.execPath, ['-e', script, join(source, '..', 'many-new')])
        await run('mv', [join(source, '..', 'many-new'), join(source, 'many')])
      },
    },
    {
      what: `a change, a rename, a deletion and a scan in a directory of ${5 * 3 * files} files`,
      prepare(source) {
        mkdirSync(join(source, 'flat'))
        for (let number = 0; number < 5 * 3 * files; number += 1) writeFileSync(join(source, 'flat', `${number}`), '')
      },
      begin: async (rig) => {
        const flat = join(rig.source, 'flat')
        writeFileSync(join(flat, '0'), 'changed')
        renameSync(join(flat, '1'), join(flat, 'renamed'))
        rmSync(join(flat, '2'))
        await resync(rig, { check: 'metadata', paths: ['flat'] })
      },
    },
    {
      what: 'a new file of 500 MB',
      begin: ({ source }) =>
        run('dd', ['if=/dev/urandom', `of=${join(source, 'huge')}`, 'bs=1M', `count=${NEW_FILE_BYTES >> 20}`]),
    },
    {
      what: '1 MB more of a file of 500 MB',
      begin: async ({ source }) => appendFileSync(join(source, 'huge'), Buffer.alloc(1 << 20, 'more')),
    },
    {
      what: 'a copy of a file of 500 MB',
      begin: ({ source }) => run('cp', [join(source, 'huge'), join(source, 'huge-too')]),
    },
  ]
}

export async function beside(bench: Bench): Promise<Row[]> {
  await using rig = await runningRig(bench, 1)
  const rows: Row[] = []
  let rest = Number.NaN
  for (const { what, prepare, begin } of works(bench.files)) {
    prepare?.(rig.source)
    await rig.converged(5 * MINUTES)
    const took = await savesBeside(rig, () => begin(rig))
    const p99 = percentile(took, 0.99)
    if (Number.isNaN(rest)) rest = p99
    rows.push({
      what: `save → visible beside ${what}, p99 of ${took.length}`,
      ours: `${p99.toFixed(0)} ms`,
      peer: `${rest.toFixed(0)} ms`,
      ratio: `${(p99 / rest).toFixed(1)}×`,
      target: '≤ 250 ms',
    })
  }
  return rows
}

/** Saves until the work is done and everything has arrived, and some times more. */
async function savesBeside(rig: Rig, begin: () => Promise<unknown>): Promise<number[]> {
  const took: number[] = []
  let isOver = false
  const work = begin()
    .then(() => delay(500))
    .then(() => rig.inSync(5 * MINUTES))
    .finally(() => {
      isOver = true
    })
  for (let after = 0; after < SAVES_AFTER; after += isOver ? 1 : 0) {
    const number = took.length
    const content = `${performance.now()} ${number}`
    took.push(await saveToVisible(rig.source, rig.targets, join('vendor0', `beside-${number % 20}`), content))
    await delay(PAUSE_MS)
  }
  await work
  return took
}

/**
 * Reads every file of a directory over and over, as a separate program, and reports for each whether it is whole: a
 * file's first line is the digest of the rest, so that only a version that was written as such passes.
 *
 * `node hashing-reader.ts DIRECTORY`: runs until its input ends; then prints what it saw, as JSON.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { digestOf } from '../../packages/protocol/src/digest.ts'

/** Pause between two rounds: other processes need the processor too. */
const PAUSE_MS = 3

export interface Seen {
  looks: number
  /** Number of different contents. */
  versions: number
  /** Names of files that were neither one version nor another. */
  broken: string[]
}

/** Content in the form that the reader checks. */
export function sealed(body: string): string {
  return `${digestOf(Buffer.from(body))}\n${body}`
}

async function readOn(directory: string, isOver: () => boolean): Promise<Seen> {
  const versions = new Set<string>()
  const broken = new Set<string>()
  let looks = 0
  for (; !isOver(); await pause(PAUSE_MS)) {
    for (const name of readdirSync(directory)) {
      let content: string
      try {
        content = readFileSync(join(directory, name), 'utf8')
      } catch (error) {
        // Removed between the listing and the look.
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') continue
        throw error
      }
      looks += 1
      const end = content.indexOf('\n')
      if (sealed(content.slice(end + 1)) === content) versions.add(content.slice(0, end))
      else broken.add(`${name}: ${content.length} characters`)
    }
  }
  return { looks, versions: versions.size, broken: [...broken] }
}

if (import.meta.main) {
  let isOver = false
  process.stdin.resume().on('end', () => {
    isOver = true
  })
  process.stdout.write(JSON.stringify(await readOn(process.argv[2] ?? '.', () => isOver)))
}

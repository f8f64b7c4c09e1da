/**
 * A program that reads a target all the time, as a web server does, sees whole versions only, also while all daemons
 * are killed.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { type Seen, sealed } from '../support/hashing-reader.ts'
import { Rig } from '../support/rig.ts'
import { until } from '../support/until.ts'

const READER = new URL('../support/hashing-reader.ts', import.meta.url).pathname
const ROUNDS = 4
const FILES = 20

/** Reads a target until it is asked what it saw. */
class Reader {
  readonly #process
  readonly #said: Promise<string>

  constructor(directory: string) {
    this.#process = spawn(process.execPath, [READER, directory], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#said = text(this.#process.stdout)
  }

  async seen(): Promise<Seen> {
    this.#process.stdin.end()
    return JSON.parse(await this.#said) as Seen
  }
}

/**
 * Files of many sizes, each replaced as editors do it: a file that is read while it is written would be no version at
 * all.
 */
function writeRound(rig: Rig, round: number): void {
  for (let number = 0; number < FILES; number += 1) {
    const path = join(rig.source, 'pages', `page-${number}`)
    if ((number + round) % 7 === 0) rmSync(path, { force: true })
    else {
      writeFileSync(
        join(rig.place, 'new'),
        sealed(`round ${round} of ${number}\n`.repeat(1 + ((number * 977) % 20_000))),
      )
      renameSync(join(rig.place, 'new'), path)
    }
  }
}

test('a reader of the targets sees whole versions only, while agent and receivers are killed', async () => {
  await using rig = await Rig.start({
    prepare: (source) => mkdirSync(join(source, 'pages')),
    // Every round removes some files.
    root: { guard: { maxDeletePercent: 100 } },
  })
  await rig.converged()
  const reader = new Reader(join(rig.targets[0] ?? '', 'pages'))
  for (let round = 0; round < ROUNDS; round += 1) {
    const { sequence = 0 } = (await rig.status()).roots[0] ?? {}
    writeRound(rig, round)
    // Killed when the first bytes are on their way and the rest is not.
    await until(
      async () => ((await rig.status()).roots[0]?.sequence ?? 0) > sequence,
      () => `nothing of round ${round} was found`,
    )
    if (round % 2 === 0) {
      await rig.killAgent()
      writeRound(rig, round + 100)
      await rig.startAgent()
    } else {
      await Promise.all(rig.targets.map((_, number) => rig.killReceiver(number)))
      await Promise.all(rig.targets.map((_, number) => rig.startReceiver(number)))
    }
    await rig.converged()
  }
  const { looks, versions, broken } = await reader.seen()
  assert.deepEqual(broken, [])
  assert.ok(versions > FILES * 2, `${versions} versions in ${looks} looks`)
})

/** The session at the terminal: starts the fleet, shows the first sync, then a line for every changeset, until stopped. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { LogLine } from '@rootferry/host/daemon'
import { printable } from '@rootferry/host/machine'
import type { Request } from './arguments.ts'
import { Fleet, type FleetStatus } from './fleet.ts'
import { changesetLine, inSyncLine, progressLine } from './progress.ts'
import { makeSample, sampleAdvice } from './sample.ts'

export interface Surroundings {
  out(text: string): void
  say(text: string): void
  isTerminal: boolean
  columns(): number
  node: string
  environment: NodeJS.ProcessEnv
  stop: AbortSignal
  /** Comes after `stop`, right before the process ends. */
  hurry: AbortSignal
}

const REFRESH_MS = 100
const LINE_EVERY_MS = 2_000

/** @returns the exit code */
export async function run(request: Request, around: Surroundings): Promise<number> {
  const sample = request.source === null ? makeSample() : null
  const source = request.source ?? sample?.source ?? ''
  const targets = sample?.targets ?? request.targets
  if (sample !== null) around.out(sampleAdvice(sample))
  const stateDir = request.stateDir ?? mkdtempSync(join(tmpdir(), 'rootferry-'))
  const began = performance.now()
  let isSynced = false
  try {
    const fleet = await Fleet.start({
      source,
      targets,
      stateDir,
      node: around.node,
      environment: around.environment,
      onLine: (name, line) => showLine(name, line, isSynced, around),
      stop: around.stop,
      hurry: around.hurry,
    })
    try {
      targets.forEach((target, position) => around.say(`web${position + 1} is ${target}\n`))
      const lost = Promise.race(fleet.daemons.map((daemon) => daemon.ended)).then((how) => {
        throw new Error(how)
      })
      const first = await Promise.race([firstSync(fleet, around, began), lost])
      isSynced = true
      if (first === null) return 0
      const seconds = (performance.now() - began) / 1000
      around.out(`${inSyncLine({ ...first, targets: targets.length, seconds })}\n`)
      if (request.once) return 0
      around.say('watching; Ctrl-C ends\n')
      await Promise.race([stopped(around.stop), lost])
      return 0
    } finally {
      await fleet.stop()
    }
  } catch (error) {
    // A person who stops it expects exit code 0, whatever was in progress.
    if (around.stop.aborted) return 0
    throw error
  } finally {
    if (request.stateDir === null) rmSync(stateDir, { recursive: true, force: true })
  }
}

/** @returns the status when everything is in sync, or null when `stop` came first */
async function firstSync(fleet: Fleet, around: Surroundings, began: number): Promise<FleetStatus | null> {
  let drawn = 0
  let saidAt = 0
  let troubled = ''
  while (!around.stop.aborted) {
    const status = await fleet.status()
    const seconds = (performance.now() - began) / 1000
    const lines = status.receivers.map(({ name, entries, bytes, inSync }) => {
      return progressLine(
        { name, entries, bytes, inSync, totalEntries: status.entries, totalBytes: status.bytes, seconds },
        around.isTerminal ? around.columns() : Number.POSITIVE_INFINITY,
      )
    })
    if (around.isTerminal) {
      around.say(`${drawn > 0 ? `\u001b[${drawn}A` : ''}${lines.map((line) => `\r\u001b[K${line}\n`).join('')}`)
      drawn = lines.length
    } else if (performance.now() - saidAt > LINE_EVERY_MS && !status.inSync) {
      saidAt = performance.now()
      around.say(`${lines.map((line) => line.replace(/ [█░]+/, '')).join('\n')}\n`)
    }
    const trouble = status.troubles.join('; ')
    if (trouble !== '' && trouble !== troubled) around.say(`${trouble}\n`)
    troubled = trouble
    if (status.inSync) return status
    await delay(REFRESH_MS, undefined, { signal: around.stop }).catch(() => undefined)
  }
  return null
}

function showLine(name: string, line: LogLine, isSynced: boolean, around: Surroundings): void {
  const figures = line as LogLine & Parameters<typeof changesetLine>[1]
  if (line.msg === 'changeset committed' && isSynced) around.out(`${changesetLine(name, figures)}\n`)
  if (line.level === 'error' || (line.level === 'warn' && isSynced)) {
    const details = ['path', 'reason', 'message', 'error'].flatMap((key) =>
      key in line ? [printable(String(line[key]))] : [],
    )
    around.say(`${name}: ${[line.msg, ...details].join(': ')}\n`)
  }
}

function stopped(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (signal.aborted) resolve()
  signal.addEventListener('abort', () => resolve())
  return promise
}

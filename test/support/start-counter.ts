/**
 * Counts the daemons that a run of tests starts, however they are started: every process of Node loads this file first
 * and reports if it is a daemon.
 */
import { appendFileSync, chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { isMainThread } from 'node:worker_threads'

const NAME = 'ROOTFERRY_STARTS'
const DAEMON = /\/(?:agent|receiver)\/(?:bundle|src)\/main\.[jt]s$/

export class StartCounter {
  readonly #file: string

  private constructor(file: string) {
    this.#file = file
  }

  /** From now on this process and all processes below it count. */
  static begin(): StartCounter {
    const place = mkdtempSync(join(tmpdir(), 'rootferry-starts-'))
    const file = join(place, 'starts')
    writeFileSync(file, '')
    // Some daemons run as another user.
    chmodSync(place, 0o755)
    chmodSync(file, 0o666)
    process.env[NAME] = file
    process.env['NODE_OPTIONS'] = `${process.env['NODE_OPTIONS'] ?? ''} --import=${import.meta.url}`
    return new StartCounter(file)
  }

  end(): number {
    const { size } = statSync(this.#file)
    rmSync(dirname(this.#file), { recursive: true })
    return size
  }
}

const [, program = '', verb] = process.argv
const file = process.env[NAME]
if (isMainThread && file !== undefined && verb === 'run' && DAEMON.test(program)) appendFileSync(file, '.')

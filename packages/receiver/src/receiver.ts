/** The receiver: a disk thread and a link for every root, and the health listener. Starts and stops them in order. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { EXIT, errorCode, errorMessage, Failure, type Logger } from '@rootferry/host'
import type { ReceiverConfig } from './config.ts'
import { HealthServer } from './http/health-server.ts'
import { RootThread } from './root-thread.ts'
import { VERSION } from './version.ts'

export class Receiver {
  readonly #config: ReceiverConfig
  readonly #log: Logger
  readonly #roots: RootThread[] = []
  readonly #health: HealthServer

  constructor(config: ReceiverConfig, log: Logger) {
    this.#config = config
    this.#log = log
    this.#health = new HealthServer({
      version: VERSION,
      name: config.name,
      staleAfterSeconds: config.staleAfterSeconds,
      roots: () => this.#roots.map(({ state }) => state),
    })
  }

  /** @throws Failure when something the configuration asks for can not be had */
  async start(): Promise<void> {
    const { agent, token, ca, roots, stateDir } = this.#config
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    for (const { name, ...root } of roots) {
      const options = {
        root: name,
        ...root,
        stateDir: join(stateDir, 'roots', name),
        trashDir: join(stateDir, 'trash', name),
        bootId,
      }
      this.#roots.push(new RootThread(options, { root: name, agent, token, ca, software: VERSION }, this.#log))
    }
    const health = await this.#listen()
    for (const root of this.#roots) await root.start()
    this.#log.info({ health, roots: roots.map(({ name }) => name), version: VERSION }, 'receiver is up')
  }

  async close(): Promise<void> {
    await Promise.all(this.#roots.map((root) => root.close()))
    await this.#health.close()
    this.#log.info('receiver stopped')
  }

  async #listen(): Promise<string> {
    const { host, port } = this.#config.health
    try {
      return await this.#health.listen({ host, port })
    } catch (error) {
      const why = errorCode(error) === 'EADDRINUSE' ? 'is taken by another process' : errorMessage(error)
      throw new Failure(EXIT.failed, `health.listen ${host}:${port} ${why}`, { cause: error })
    }
  }
}

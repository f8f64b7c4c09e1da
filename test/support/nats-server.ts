/** A real nats-server with JetStream, on ports and in a directory that stay when it is killed and started again. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.ts'
import { until } from './until.ts'

/** Why tests with NATS are skipped; false: they are not. */
export function withoutNats(): string | false {
  return spawnSync('nats-server', ['--version']).status === 0 ? false : 'no nats-server is installed'
}

export class NatsServer implements AsyncDisposable {
  readonly port: number
  readonly place: string
  #child: ChildProcess | null = null
  readonly #jetStream: string

  private constructor(port: number, place: string, jetStream: string) {
    this.#jetStream = jetStream
    this.port = port
    this.place = place
  }

  /**
   * @param settings lines of its configuration, besides those for its port and JetStream. @param domain of JetStream
   * @param jetStream settings of that
   */
  static async start(settings = '', domain: string | null = null, jetStream = ''): Promise<NatsServer> {
    const own = domain === null ? jetStream : `domain: ${domain}, ${jetStream}`
    const server = new NatsServer(await freePort(), mkdtempSync(join(tmpdir(), 'rootferry-nats-')), own)
    server.configure(settings)
    await server.start()
    return server
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Where its streams are. */
  get store(): string {
    return join(this.place, 'store')
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`
  }

  /** For the next start, and for one that runs. */
  configure(settings: string): void {
    mkdirSync(this.store, { recursive: true })
    const own = `host: 127.0.0.1\nport: ${this.port}\njetstream { store_dir: "${this.store}", ${this.#jetStream} }\n`
    writeFileSync(join(this.place, 'server.conf'), `${own}${settings}\n`)
    this.#child?.kill('SIGHUP')
  }

  async start(): Promise<void> {
    const child = spawn('nats-server', ['-c', join(this.place, 'server.conf')], { stdio: 'ignore' })
    this.#child = child
    await until(
      () => this.#answers(),
      () => `nats-server on port ${this.port}, exit code ${child.exitCode}`,
    )
  }

  async kill(): Promise<void> {
    const child = this.#child
    this.#child = null
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }

  /** As an operator removes it. */
  async removeStream(name: string): Promise<void> {
    const socket = connect(this.port, '127.0.0.1')
    socket.write(`CONNECT {"verbose":false}\r\nSUB answer 1\r\nPUB $JS.API.STREAM.DELETE.${name} answer 0\r\n\r\n`)
    let heard = ''
    for await (const part of socket) {
      heard += part
      if (/"success":true/.test(heard)) return
      if (/"error":/.test(heard)) throw new Error(heard)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    rmSync(this.place, { recursive: true, force: true })
  }

  async #answers(): Promise<boolean> {
    const socket = connect(this.port, '127.0.0.1')
    try {
      await once(socket, 'data')
      return true
    } catch {
      // Not yet.
      return false
    } finally {
      socket.destroy()
    }
  }
}

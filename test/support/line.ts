/** A TCP line between receiver and agent that a test can cut, block and open again. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

export class Line implements AsyncDisposable {
  readonly #server: Server
  readonly #open = new Set<Socket>()
  #blocked = false
  readonly #recorded: Buffer[] = []
  readonly #records: boolean
  /** Bytes that came from the agent. */
  received = 0

  private constructor(agentPort: number, records: boolean) {
    this.#records = records
    this.#server = createServer((near) => this.#join(near, agentPort))
  }

  /** @param options `records`: keeps all that passes */
  static async to(agentPort: number, options: { records?: boolean } = {}): Promise<Line> {
    const line = new Line(agentPort, options.records === true)
    line.#server.listen(0, '127.0.0.1')
    await once(line.#server, 'listening')
    return line
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** What passed in both directions, a character a byte. */
  get recording(): string {
    return Buffer.concat(this.#recorded).toString('latin1')
  }

  /** Ends every connection at once; new ones are taken unless it is blocked. */
  cut(): void {
    for (const socket of this.#open) socket.resetAndDestroy()
  }

  block(): void {
    this.#blocked = true
    this.cut()
  }

  unblock(): void {
    this.#blocked = false
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.block()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #join(near: Socket, agentPort: number): void {
    if (this.#blocked) {
      near.destroy()
      return
    }
    const far = connect(agentPort, '127.0.0.1')
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#open.add(from)
      from.on('data', (data: Buffer) => {
        if (from === far) this.received += data.byteLength
        if (this.#records) this.#recorded.push(data)
        if (!to.write(data)) from.pause()
      })
      to.on('drain', () => from.resume())
      from.on('error', () => to.destroy())
      from.on('close', () => {
        this.#open.delete(from)
        to.destroy()
      })
    }
  }
}

/**
 * The most connections that a listener holds at once. A connection beyond the bound is reset before anything is read
 * from it; it is counted, and the log says so, once a minute however many there are.
 */
import type { DropArgument, Server } from 'node:net'
import { descriptorLimit } from '../machine/descriptor-limit.ts'
import type { Logger } from './logger.ts'

const REPORT_MS = 60_000
/** This part of the descriptors stays free of connections: scans and commits need some as well. */
const FREE_PART = 1 / 4

export class ConnectionBound {
  readonly most: number
  readonly #listener: string
  readonly #log: Logger
  #dropped = 0
  #reported = 0
  #reportedAtMs = Number.NEGATIVE_INFINITY

  /**
   * @param listener its name in a log line: `listen`, `admin.listen`
   * @param wanted fewer are held when the process may have few descriptors
   */
  constructor(server: Server, listener: string, wanted: number, log: Logger) {
    this.most = Math.max(1, Math.min(wanted, Math.floor(descriptorLimit() * (1 - FREE_PART))))
    this.#listener = listener
    this.#log = log
    server.maxConnections = this.most
    server.on('drop', (connection) => this.#drop(connection))
  }

  /** Connections that were reset because there were too many. */
  get dropped(): number {
    return this.#dropped
  }

  #drop(connection: DropArgument | undefined): void {
    this.#dropped += 1
    const nowMs = performance.now()
    if (nowMs - this.#reportedAtMs < REPORT_MS) return
    const connections = this.#dropped - this.#reported
    this.#reported = this.#dropped
    this.#reportedAtMs = nowMs
    this.#log.warn(
      { listener: this.#listener, maxConnections: this.most, connections, from: connection?.remoteAddress },
      'connections were refused, because there are too many',
    )
  }
}
